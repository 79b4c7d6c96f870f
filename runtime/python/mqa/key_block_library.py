# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""torch.ops.mqa.key_block_logits and key_block_logits_out, with what PyTorch asks of an op.

As merge_library.py: kernels get tensors that the dispatcher is done with.
"""
import torch

from . import checks, plain
from .key_block_checks import count_columns
from .key_block_launches import OPTIONS, check_key_blocks, launch_key_blocks
from .torch_library import _definitions

_INPUTS = "Tensor q, Tensor k, Tensor? k_scale, Tensor? weights, Tensor ks, Tensor ke, Tensor key_blocks"
_INPUTS += ", Tensor num_key_blocks"
DECLARED_OPTIONS = "int block_size=8, bool clean=False, bool relu=True, bool nan_as_zero=False, int max_multiprocessors=0"
_definitions.define(f"key_block_logits({_INPUTS}, *, {DECLARED_OPTIONS}, ScalarType dtype=float) -> Tensor")
_definitions.define(f"key_block_logits_out({_INPUTS}, Tensor(a!) out, *, {DECLARED_OPTIONS}) -> ()")
_DEFAULTS = (8, False, True, False, 0)


def get_flags(options):
    """The options of a call, in the order of flags."""
    return tuple(options.get(name, default) for name, default in zip(OPTIONS, _DEFAULTS))


def new_out(q, key_blocks, block_size, dtype):
    """All else that may be wrong is found at the launch."""
    checks.check_shape("key_blocks", key_blocks, (None, None))
    return torch.empty((q.size(0), count_columns(key_blocks, block_size)), dtype=dtype, device=q.device)


def _out(*tensors, **options):
    launch_key_blocks(tensors, get_flags(options))


def _logits(q, *tensors, dtype=torch.float32, **options):
    flags = get_flags(options)
    out = new_out(q, tensors[-2], flags[0], dtype)
    launch_key_blocks((q, *tensors, out), flags)
    return out


# Fake kernels check what kernels check.
def _fake_out(*tensors, **options):
    check_key_blocks(*tensors, *get_flags(options))


def _fake(q, *tensors, dtype=torch.float32, **options):
    flags = get_flags(options)
    checks.get_type("out", dtype)
    check_key_blocks(q, *tensors, None, *flags)
    return q.new_empty((q.size(0), count_columns(tensors[-2], flags[0])), dtype=dtype)


def _make_autograd(name, names):
    """There is no derivative, so tensors that ask for one are refused, where PyTorch would go on without it."""
    op = getattr(torch.ops.mqa, name).default

    def refuse_derivative(*tensors, **options):
        plain.check_out(names, tensors)
        plain.check_derivative(f"mqa.{name}", names, tensors)
        with torch._C._AutoDispatchBelowAutograd():
            return op(*tensors, **options)

    return refuse_derivative


for _name, _names, _kernel, _check in (
    ("key_block_logits", plain.KEY_BLOCKS[:-1], _logits, _fake),
    ("key_block_logits_out", plain.KEY_BLOCKS, _out, _fake_out),
):
    for _key in ("CUDA", "CPU"):
        _definitions.impl(_name, _kernel, _key)
    torch.library.register_fake(f"mqa::{_name}", _check, lib=_definitions)
    _definitions.impl(_name, _make_autograd(_name, _names), "Autograd")
