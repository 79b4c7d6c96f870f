# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""torch.ops.mqa.topk, topk_values (indices and values) and topk_out, with what PyTorch asks of an op.

As torch_library.py of the logits: kernels get tensors that the dispatcher is done with.
"""
import torch

from . import checks, plain
from .topk_checks import check_topk
from .topk_launches import OPTIONS, get_options, has_lists, launch_topk, name_present, run_plain
from .torch_library import _definitions

_INPUTS = ("ks", "context_lens", "block_table", "sequence", "offset")
_LISTS = ("key_blocks", "num_key_blocks")
_OPTIONS = (
    f"*, {', '.join(f'Tensor? {name}=None' for name in (*_INPUTS, *_LISTS))}, SymInt? num_keys=None, int block_kv=0,"
    ' bool compressed=False, str tie_break="smallest", str order="key", str base="relative", int force_first=0,'
    " int force_last=0, int block_size=8"
)
_definitions.define(f"topk(Tensor logits, Tensor? ke, int k, {_OPTIONS}) -> Tensor")
_definitions.define(f"topk_values(Tensor logits, Tensor? ke, int k, {_OPTIONS}) -> (Tensor, Tensor)")
_definitions.define(
    f"topk_out(Tensor logits, Tensor? ke, Tensor(a!) indices, Tensor(b!)? values=None, {_OPTIONS}) -> ()"
)


def new_outputs(logits, k, has_values):
    """`indices`, and `values` or None; all else that may be wrong is found at the launch."""
    if logits.dim() != 2:
        checks.fail(f"logits must be * x *, found {' x '.join(map(str, logits.shape))}")
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        checks.fail(f"k must be an integer, from 1 to 4096, found {k!r}")
    size, stride, device = (logits.shape[0], k), (k, 1), logits.device
    indices = torch.empty_strided(size, stride, dtype=torch.int32, device=device)
    return indices, torch.empty_strided(size, stride, dtype=torch.float32, device=device) if has_values else None


def _gather(logits, ke, outputs, options):
    """The tensors in the order of plain.TOPK_OF_BLOCKS, the number of keys, and the flags of a launch."""
    ks, *others = (options.pop(name, None) for name in _INPUTS)
    lists = (options.pop(name, None) for name in _LISTS)
    num_keys = options.pop("num_keys", None)
    defaults = (0, False, "smallest", "key", "relative", 0, 0, 8)
    tensors = (logits, ks, ke, *others, *outputs, *lists)
    return tensors, num_keys, tuple(options.get(n, d) for n, d in zip(OPTIONS, defaults))


def _launch(tensors, num_keys, flags):
    number = get_options(flags, num_keys)
    if has_lists(tensors) or not run_plain(number, *tensors[: len(plain.TOPK)]):
        launch_topk(number, tensors, num_keys, flags)


def _topk_out(logits, ke, indices, values=None, **options):
    _launch(*_gather(logits, ke, (indices, values), options))


def _topk_new(logits, ke, k, has_values, options):
    outputs = new_outputs(logits, k, has_values)
    _launch(*_gather(logits, ke, outputs, options))
    return outputs


def _topk(logits, ke, k, **options):
    return _topk_new(logits, ke, k, False, options)[0]


def _topk_values(logits, ke, k, **options):
    return _topk_new(logits, ke, k, True, options)


# Fake kernels check what kernels check.
def _check(logits, ke, k, outputs, options):
    tensors, num_keys, flags = _gather(logits, ke, outputs, options)
    check_topk(*tensors, k=k, num_keys=num_keys, **dict(zip(OPTIONS, flags)))


def _fake_topk(logits, ke, k, **options):
    _check(logits, ke, k, (None, None), options)
    return logits.new_empty((logits.size(0), k), dtype=torch.int32)


def _fake_topk_values(logits, ke, k, **options):
    indices = _fake_topk(logits, ke, k, **options)
    return indices, logits.new_empty((logits.size(0), k), dtype=torch.float32)


def _fake_topk_out(logits, ke, indices, values=None, **options):
    checks.check_shape("indices", indices, (None, None))
    _check(logits, ke, indices.size(1), (indices, values), options)


def _make_autograd(name):
    """There is no derivative, so tensors that ask for one are refused, where PyTorch would go on without it."""
    op = getattr(torch.ops.mqa, name).default

    def refuse_derivative(logits, ke, *args, **options):
        outputs = (*args, None)[:2] if name == "topk_out" else (None, None)
        outputs = (outputs[0], options.get("values", outputs[1]))
        names, tensors = name_present(_gather(logits, ke, outputs, dict(options))[0])
        plain.check_out(names, tensors)
        plain.check_derivative(f"mqa.{name}", names, tensors)
        with torch._C._AutoDispatchBelowAutograd():
            return op(logits, ke, *args, **options)

    return refuse_derivative


for _name, _kernel, _fake in (
    ("topk", _topk, _fake_topk),
    ("topk_values", _topk_values, _fake_topk_values),
    ("topk_out", _topk_out, _fake_topk_out),
):
    for _key in ("CUDA", "CPU"):
        _definitions.impl(_name, _kernel, _key)
    torch.library.register_fake(f"mqa::{_name}", _fake, lib=_definitions)
    _definitions.impl(_name, _make_autograd(_name), "Autograd")
