# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""torch.ops.mqa.logits_topk, paged_logits_topk and those of rows of sequences and key blocks: indices, indices and
values (_values), or into tensors (_out).

As topk_library.py: kernels get tensors that the dispatcher is done with.
"""
import torch

from . import checks, plain
from .fused_launches import LOGITS, PAGED, launch
from .fused_row_launches import KEY_BLOCKS, PAGED_KEY_BLOCKS, ROWS
from .mx_query_launches import KEY_BLOCKS_TOPK, LOGITS_TOPK, PAGED_KEY_BLOCKS_TOPK, PAGED_TOPK, ROWS_TOPK
from .torch_library import _LOGITS, _PAGED, _ROWS, _definitions

_OPTIONS = (
    'bool relu=True, bool fast=False, ScalarType dtype=float, bool nan_as_zero=False, int max_multiprocessors=0,'
    ' str head_reduction="sum", str tie_break="smallest", str order="key",'
    ' str base="relative", int force_first=0, int force_last=0'
)
_OTHERS = {
    "logits_topk": f"Tensor? block_table=None, Tensor? sequence=None, Tensor? offset=None, int block_kv=0, {_OPTIONS}",
    "paged_logits_topk": f"Tensor? offset=None, {_OPTIONS}",
    "paged_row_logits_topk": f"Tensor? offset=None, {_OPTIONS}, int rows_per_sequence=0",
}
_OTHERS["key_block_logits_topk"] = f"int block_size=8, {_OTHERS['logits_topk']}"
_OTHERS["paged_key_block_logits_topk"] = f"int block_size=8, Tensor? sequence=None, {_OTHERS['paged_logits_topk']}"
# Their tensors, and what else has no default.
_LISTS = "Tensor key_blocks, Tensor num_key_blocks"
_REQUIRED = {
    "logits_topk": (_LOGITS, ""),
    "paged_logits_topk": (_PAGED, ", SymInt max_context_len"),
    "paged_row_logits_topk": (_ROWS, ", SymInt max_context_len"),
    "key_block_logits_topk": (f"{_LOGITS}, {_LISTS}", ""),
    "paged_key_block_logits_topk": (f"{_PAGED}, {_LISTS}", ""),
}
# Those of queries with block scales.
for _name in tuple(_REQUIRED):
    _OTHERS[f"mx_{_name}"] = _OTHERS[_name]
    _REQUIRED[f"mx_{_name}"] = (f"{_REQUIRED[_name][0]}, Tensor q_scale", _REQUIRED[_name][1])


def _define(form):
    tensors, more = _REQUIRED[form.name]
    for suffix, result in (("", "Tensor"), ("_values", "(Tensor, Tensor)")):
        _definitions.define(f"{form.name}{suffix}({tensors}, int topk{more}, *, {_OTHERS[form.name]}) -> {result}")
    outputs = "Tensor(a!) indices, Tensor(b!)? values=None"
    # What has no default comes before what has.
    more = f"{more[2:]}, " if more else ""
    _definitions.define(f"{form.name}_out({tensors}, {more}{outputs}, *, {_OTHERS[form.name]}) -> ()")


def count_rows(form, q):
    """Rows of the logits; all else that may be wrong is found at the launch."""
    ranks = (4,) if form in (PAGED, PAGED_TOPK) else (3, 4) if form in (PAGED_KEY_BLOCKS, PAGED_KEY_BLOCKS_TOPK) else (3,)
    if q.dim() not in ranks:
        shapes = {3: "M x H x D", 4: "B x T x H x D"}
        checks.fail(f"q must be {' or '.join(shapes[rank] for rank in ranks)}, found {q.dim()} dimensions")
    return q.shape[0] * q.shape[1] if q.dim() == 4 else q.shape[0]


def new_outputs(form, q, topk, has_values):
    """`indices`, and `values` or None."""
    if isinstance(topk, bool) or not isinstance(topk, int) or topk < 1:
        checks.fail(f"topk must be an integer, from 1 to 4096, found {topk!r}")
    size, stride = (count_rows(form, q), topk), (topk, 1)
    indices = torch.empty_strided(size, stride, dtype=torch.int32, device=q.device)
    return indices, torch.empty_strided(size, stride, dtype=torch.float32, device=q.device) if has_values else None


def _split(form, args, options, is_out=False):
    """The inputs, what is behind them but max_context_len, and the options with it."""
    inputs, more, options = args[: form.num_inputs], list(args[form.num_inputs :]), dict(options)
    if "max_context_len" in form.options and "max_context_len" not in options:
        options["max_context_len"] = more.pop(0 if is_out else 1)
    others = tuple(options.pop(name, None) for name in form.optional)
    return (*inputs, *others), more, options


def _launch(form, tensors, flags):
    if not form.run_plain(flags, tensors):
        launch(form, tensors, flags)


def _make_kernels(form):
    def out(*args, values=None, **options):
        inputs, (indices, *more), options = _split(form, args, options, is_out=True)
        _launch(form, (*inputs, indices, *(more or [values])), form.get_flags(options))

    def run(args, options, has_values):
        inputs, (topk,), options = _split(form, args, options)
        outputs = new_outputs(form, inputs[0], topk, has_values)
        _launch(form, (*inputs, *outputs), form.get_flags(options))
        return outputs

    def indices_alone(*args, **options):
        return run(args, options, False)[0]

    def both(*args, **options):
        return run(args, options, True)

    return {"": indices_alone, "_values": both, "_out": out}


def _make_fakes(form):
    """They check what kernels check."""

    def check(inputs, outputs, topk, options):
        flags = dict(zip(form.options, form.get_flags(options)))
        form.check(*inputs, *outputs, topk=topk, **flags)

    def out(*args, values=None, **options):
        inputs, (indices, *more), options = _split(form, args, options, is_out=True)
        checks.check_shape("indices", indices, (None, None))
        check(inputs, (indices, *(more or [values])), indices.size(1), options)

    def run(args, options, dtypes):
        inputs, (topk,), options = _split(form, args, options)
        check(inputs, (None, None), topk, options)
        q = inputs[0]
        return tuple(q.new_empty((count_rows(form, q), topk), dtype=dtype) for dtype in dtypes)

    def indices_alone(*args, **options):
        return run(args, options, [torch.int32])[0]

    def both(*args, **options):
        return run(args, options, [torch.int32, torch.float32])

    return {"": indices_alone, "_values": both, "_out": out}


def _make_autograd(form, suffix):
    """There is no derivative, so tensors that ask for one are refused, where PyTorch would go on without it."""
    op = getattr(torch.ops.mqa, form.name + suffix).default

    def refuse_derivative(*args, **options):
        inputs, more, others = _split(form, args, options, is_out=suffix == "_out")
        outputs = (*more, others.get("values"))[:2] if suffix == "_out" else (None, None)
        names, tensors = form.name_present((*inputs, *outputs))
        plain.check_out(names, tensors)
        plain.check_derivative(f"mqa.{form.name}{suffix}", names, tensors)
        with torch._C._AutoDispatchBelowAutograd():
            return op(*args, **options)

    return refuse_derivative


def _register(form):
    _define(form)
    fakes = _make_fakes(form)
    for suffix, kernel in _make_kernels(form).items():
        name = form.name + suffix
        for key in ("CUDA", "CPU"):
            _definitions.impl(name, kernel, key)
        torch.library.register_fake(f"mqa::{name}", fakes[suffix], lib=_definitions)
        _definitions.impl(name, _make_autograd(form, suffix), "Autograd")


for _form in (LOGITS, PAGED, ROWS, KEY_BLOCKS, PAGED_KEY_BLOCKS, LOGITS_TOPK, PAGED_TOPK, ROWS_TOPK, KEY_BLOCKS_TOPK,
              PAGED_KEY_BLOCKS_TOPK):  # fmt: skip
    _register(_form)
