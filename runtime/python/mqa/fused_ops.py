# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Logits and the best keys by them in one call, on PyTorch tensors; fused_library.py registers them as ops."""
import torch

from . import fused_launches
from . import fused_library as _  # Registers the ops.
from .checks import check_rows_per_sequence
from .fused_launches import LOGITS, PAGED, PreparedFused, launch
from .fused_library import new_outputs
from .fused_row_launches import ROWS
from .mx_query_launches import LOGITS_TOPK, PAGED_TOPK, ROWS_TOPK
from .plain import check_plain, is_dynamo_compiling


def _describe(form, tensors, flags):
    """The inputs and `options` of an op of torch.ops.mqa, by name but for those that there always are."""
    others = dict(zip(form.optional, tensors[form.num_inputs :]))
    options = dict(zip(form.options, flags))
    return tensors[: form.num_inputs], {name: tensor for name, tensor in others.items() if tensor is not None}, options


def _call(form, inputs, topk, flags, return_values):
    if not is_dynamo_compiling() and form.looks_plain(*inputs):
        outputs = new_outputs(form, inputs[0], topk, return_values)
        tensors = (*inputs, *outputs)
        if form.run_plain(flags, tensors):
            return outputs if return_values else outputs[0]
        if form.is_plain(tensors):
            launch(form, tensors, flags)
            return outputs if return_values else outputs[0]
    form.check_tensors((*inputs, None, None))
    op = getattr(torch.ops.mqa, form.name + ("_values" if return_values else ""))
    tensors, others, options = _describe(form, inputs, flags)
    more = [options.pop("max_context_len")] if "max_context_len" in options else []
    return op(*tensors, topk, *more, **others, **options)


def _run_op(form, tensors, flags):
    """torch.ops.mqa.logits_topk_out or paged_logits_topk_out, by tensors in the order of the form's names."""
    *inputs, indices, values = tensors
    inputs, others, options = _describe(form, tuple(inputs), flags)
    more = [options.pop("max_context_len")] if "max_context_len" in options else []
    getattr(torch.ops.mqa, f"{form.name}_out")(*inputs, *more, indices, values, **others, **options)


def _require_indices(indices):
    if indices is None:
        raise TypeError("indices must be a torch.Tensor, found None")


def _call_out(form, tensors, flags):
    """Of tensors unlike those of launches before."""
    if not is_dynamo_compiling():
        _require_indices(tensors[-2])
        if form.is_plain(tensors):
            launch(form, tensors, flags)
            return
    _require_indices(tensors[-2])
    form.check_tensors(tensors)
    _run_op(form, tensors, flags)


def _prepare(form, tensors, flags):
    _require_indices(tensors[-2])
    check_plain(f"mqa.prepare_{form.name.removeprefix('mx_')}", *form.name_present(tensors))
    return PreparedFused(form, _run_op, tensors, flags)


def _choose_paged(cache, sequence, rows_per_sequence, q_scale, others, options, selection):
    """The form of a call on a paged cache, its tensors and its flags: rows that name their sequences are a form of their own,
    and so are queries with block scales.
    """
    scales = () if q_scale is None else (q_scale,)
    if sequence is not None:
        tensors = (*cache, sequence, *scales, *others)
        return ROWS_TOPK if scales else ROWS, tensors, (*options, rows_per_sequence, *selection)
    if rows_per_sequence:
        check_rows_per_sequence(rows_per_sequence, sequence)
    return PAGED_TOPK if scales else PAGED, (*cache, *scales, *others), (*options, *selection)


def logits_topk(q, k, k_scale, weights, ks, ke, topk, *, block_table=None, sequence=None, offset=None, block_kv=0,
                relu=True, fast=False, dtype=torch.float32, nan_as_zero=False, max_multiprocessors=0,
                tie_break="smallest", order="key", base="relative", force_first=0, force_last=0,
                return_values=False, q_scale=None, head_reduction="sum"):  # fmt: skip
    """The `topk` keys with the greatest logits of each query, without a matrix of logits.

    What `topk` gives on `logits` of the same arguments: q, k, k_scale, weights, ks, ke, relu, fast, nan_as_zero,
    max_multiprocessors, head_reduction and dtype (what logits are rounded to before they are compared) are those of
    `logits`, the others those of `topk`. With `q_scale`, queries have block scales, as in `logits`. Returns indices, M x topk
    int32, with `return_values` also their logits, M x topk float32. On a GPU, launches on one stream work in the same memory, which
    is kept; those that a CUDA graph records have their own, for which `prepare_logits_topk` is cheaper. Raises as
    `logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.ones(1, 64, 128).to(torch.float8_e4m3fn), torch.ones(1, 64)
    >>> k, k_scale = torch.ones(2000, 128).to(torch.float8_e4m3fn), torch.arange(2000.0)
    >>> ks, ke = torch.tensor([0]).int(), torch.tensor([2000]).int()
    >>> mqa.logits_topk(q, k, k_scale, weights, ks, ke, 512)[0, :3]
    tensor([1488, 1489, 1490], dtype=torch.int32)
    """
    if q_scale is not None:
        tensors = (q, k, k_scale, weights, ks, ke, q_scale, block_table, sequence, offset)
        flags = (relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction, block_kv, tie_break, order, base,
                 force_first, force_last)  # fmt: skip
        return _call(LOGITS_TOPK, tensors, topk, flags, return_values)
    inputs = (q, k, k_scale, weights, ks, ke, block_table, sequence, offset)
    flags = (relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction, block_kv, tie_break, order, base,
             force_first, force_last)  # fmt: skip
    return _call(LOGITS, inputs, topk, flags, return_values)


def logits_topk_out(q, k, k_scale, weights, ks, ke, indices, values=None, *, block_table=None, sequence=None,
                    offset=None, block_kv=0, relu=True, fast=False, dtype=torch.float32, nan_as_zero=False,
                    max_multiprocessors=0, tie_break="smallest", order="key", base="relative", force_first=0,
                    force_last=0, q_scale=None, head_reduction="sum"):  # fmt: skip
    """As `logits_topk`, into `indices` (M x topk int32) and `values` (M x topk float32, or None); rows may be strided.

    Raises as `logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.ones(1, 64, 128).to(torch.float8_e4m3fn), torch.ones(1, 64)
    >>> k, k_scale = torch.ones(2000, 128).to(torch.float8_e4m3fn), torch.arange(2000.0)
    >>> ks, ke = torch.tensor([0]).int(), torch.tensor([2000]).int()
    >>> indices = torch.empty(1, 512, dtype=torch.int32)
    >>> mqa.logits_topk_out(q, k, k_scale, weights, ks, ke, indices)
    >>> indices[0, :3]
    tensor([1488, 1489, 1490], dtype=torch.int32)
    """
    if q_scale is not None:
        tensors = (q, k, k_scale, weights, ks, ke, q_scale, block_table, sequence, offset, indices, values)
        flags = (relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction, block_kv, tie_break, order, base,
                 force_first, force_last)  # fmt: skip
        _call_out(LOGITS_TOPK, tensors, flags)
        return
    flags = (relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction, block_kv, tie_break, order, base,
             force_first, force_last)  # fmt: skip
    # A known launch is here, since each call of Python's would add to it.
    if not is_dynamo_compiling() and fused_launches._RUN["logits_topk"](
        LOGITS.get_number(flags), q, k, k_scale, weights, ks, ke, block_table, sequence, offset, indices, values
    ):
        return
    _call_out(LOGITS, (q, k, k_scale, weights, ks, ke, block_table, sequence, offset, indices, values), flags)


def prepare_logits_topk(q, k, k_scale, weights, ks, ke, indices, values=None, *, block_table=None, sequence=None,
                        offset=None, block_kv=0, relu=True, fast=False, dtype=torch.float32, nan_as_zero=False,
                        max_multiprocessors=0, tie_break="smallest", order="key", base="relative", force_first=0,
                        force_last=0, q_scale=None, head_reduction="sum"):  # fmt: skip
    """`logits_topk_out` on these tensors, to be called as often as they are filled. It has memory of its own to work in.

    Raises as `prepare_logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.ones(1, 64, 128).to(torch.float8_e4m3fn), torch.ones(1, 64)
    >>> k, k_scale = torch.ones(2000, 128).to(torch.float8_e4m3fn), torch.arange(2000.0)
    >>> ks, ke = torch.tensor([0]).int(), torch.tensor([2000]).int()
    >>> indices = torch.empty(1, 512, dtype=torch.int32)
    >>> launch = mqa.prepare_logits_topk(q, k, k_scale, weights, ks, ke, indices)
    >>> launch()
    >>> indices[0, :3]
    tensor([1488, 1489, 1490], dtype=torch.int32)
    """
    if q_scale is not None:
        tensors = (q, k, k_scale, weights, ks, ke, q_scale, block_table, sequence, offset, indices, values)
        flags = (relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction, block_kv, tie_break, order, base,
                 force_first, force_last)  # fmt: skip
        return _prepare(LOGITS_TOPK, tensors, flags)
    tensors = (q, k, k_scale, weights, ks, ke, block_table, sequence, offset, indices, values)
    flags = (relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction, block_kv, tie_break, order, base,
             force_first, force_last)  # fmt: skip
    return _prepare(LOGITS, tensors, flags)


def paged_logits_topk(q, k, k_scale, weights, context_lens, block_table, topk, max_context_len, *, sequence=None,
                      rows_per_sequence=0, offset=None, relu=True, fast=False, dtype=torch.float32, nan_as_zero=False,
                      max_multiprocessors=0, tie_break="smallest", order="key", base="relative", force_first=0,
                      force_last=0, return_values=False, q_scale=None, head_reduction="sum"):  # fmt: skip
    """Likewise against a paged cache: what `topk` gives on `paged_logits` of the same arguments.

    No range is longer than `max_context_len`. With base="slot", an index is the key's place in the cache, by the same
    block_table. Returns indices, (B * T) x topk int32, with `return_values` also their logits, (B * T) x topk float32.
    With `sequence`, rows name their sequences, as in `paged_logits`: q is M x H x D, and the indices are M x topk. A row
    whose `sequence` is no line of the table gets unspecified indices. A captured graph stays right when lengths, table and
    cache change. Raises as `logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.ones(1, 1, 64, 128).to(torch.float8_e4m3fn), torch.ones(1, 64)
    >>> k, k_scale = torch.ones(32, 64, 128).to(torch.float8_e4m3fn), torch.arange(2048.0).view(32, 64)
    >>> context_lens, block_table = torch.tensor([[2000]]).int(), torch.arange(32).int().view(1, 32)
    >>> mqa.paged_logits_topk(q, k, k_scale, weights, context_lens, block_table, 512, 2048)[0, :3]
    tensor([1488, 1489, 1490], dtype=torch.int32)
    """
    cache = (q, k, k_scale, weights, context_lens, block_table)
    options = (max_context_len, relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction)
    selection = (tie_break, order, base, force_first, force_last)
    form, inputs, flags = _choose_paged(cache, sequence, rows_per_sequence, q_scale, (offset,), options, selection)
    return _call(form, inputs, topk, flags, return_values)


def paged_logits_topk_out(q, k, k_scale, weights, context_lens, block_table, max_context_len, indices, values=None, *,
                          sequence=None, rows_per_sequence=0, offset=None, relu=True, fast=False, dtype=torch.float32,
                          nan_as_zero=False, max_multiprocessors=0, tie_break="smallest", order="key", base="relative",
                          force_first=0, force_last=0, q_scale=None, head_reduction="sum"):  # fmt: skip
    """As `paged_logits_topk`, into `indices` and `values`, whose rows may be strided. Raises as `logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.ones(1, 1, 64, 128).to(torch.float8_e4m3fn), torch.ones(1, 64)
    >>> k, k_scale = torch.ones(32, 64, 128).to(torch.float8_e4m3fn), torch.arange(2048.0).view(32, 64)
    >>> context_lens, block_table = torch.tensor([[2000]]).int(), torch.arange(32).int().view(1, 32)
    >>> indices = torch.empty(1, 512, dtype=torch.int32)
    >>> mqa.paged_logits_topk_out(q, k, k_scale, weights, context_lens, block_table, 2048, indices)
    >>> indices[0, :3]
    tensor([1488, 1489, 1490], dtype=torch.int32)
    """
    # A known launch is here, as in `logits_topk_out`.
    if sequence is None and q_scale is None and not rows_per_sequence and not is_dynamo_compiling():
        flags = (max_context_len, relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction, tie_break, order,
                 base, force_first, force_last)  # fmt: skip
        if fused_launches._RUN["paged_logits_topk"](
            PAGED.get_number(flags), q, k, k_scale, weights, context_lens, block_table, offset, indices, values
        ):
            return
    cache = (q, k, k_scale, weights, context_lens, block_table)
    options = (max_context_len, relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction)
    selection = (tie_break, order, base, force_first, force_last)
    _call_out(*_choose_paged(cache, sequence, rows_per_sequence, q_scale, (offset, indices, values), options, selection))


def prepare_paged_logits_topk(q, k, k_scale, weights, context_lens, block_table, max_context_len, indices, values=None,
                              *, sequence=None, rows_per_sequence=0, offset=None, relu=True, fast=False,
                              dtype=torch.float32, nan_as_zero=False, max_multiprocessors=0, tie_break="smallest",
                              order="key", base="relative", force_first=0, force_last=0, q_scale=None,
                              head_reduction="sum"):  # fmt: skip
    """`paged_logits_topk_out` on these tensors, to be called as often as they are filled. Raises as `prepare_logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.ones(1, 1, 64, 128).to(torch.float8_e4m3fn), torch.ones(1, 64)
    >>> k, k_scale = torch.ones(32, 64, 128).to(torch.float8_e4m3fn), torch.arange(2048.0).view(32, 64)
    >>> context_lens, block_table = torch.tensor([[2000]]).int(), torch.arange(32).int().view(1, 32)
    >>> indices = torch.empty(1, 512, dtype=torch.int32)
    >>> launch = mqa.prepare_paged_logits_topk(q, k, k_scale, weights, context_lens, block_table, 2048, indices)
    >>> launch()
    >>> indices[0, :3]
    tensor([1488, 1489, 1490], dtype=torch.int32)
    """
    cache = (q, k, k_scale, weights, context_lens, block_table)
    options = (max_context_len, relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction)
    selection = (tie_break, order, base, force_first, force_last)
    return _prepare(*_choose_paged(cache, sequence, rows_per_sequence, q_scale, (offset, indices, values), options, selection))
