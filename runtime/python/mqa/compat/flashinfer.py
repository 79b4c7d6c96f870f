# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""FlashInfer's selection of keys by scores in memory, with its transforms of the indices, on mqa.topk.

    from mqa.compat import flashinfer as mqa_flashinfer

k is any from 1 to 4096, scores float32, bfloat16 or float16. The result is always deterministic, in its order too:
keys ascend. So `deterministic` and `dsa_graph_safe` change nothing, and `tie_break` 0 gives what 1 gives. NaN is
selected only of a row that has at most k keys; a length below 0 is 0. What does not fit is a ValueError that names the
argument (None and other non-tensors: TypeError).

Contracts: flashinfer/topk.py and csrc/topk.cu of flashinfer-ai/flashinfer.
"""
import enum

from .. import checks
from ..arguments import check_k, check_numbers, check_output, check_page_size, check_scores, check_table, check_tensors
from ..arguments import checked, get_end
from ..select import to_slots
from ..topk_ops import topk, topk_out

__all__ = ["TopKTieBreak", "top_k_page_table_transform", "top_k_ragged_transform"]

# The largest that the kernel takes.
_MAX_PAGE_SIZE = 65536


class TopKTieBreak(enum.IntEnum):
    """Which of equal scores are selected: any, the smaller indices or the larger ones."""

    NONE = 0
    SMALL = 1
    LARGE = 2


_TIES = {0: "smallest", 1: "smallest", 2: "greatest"}


def _get_ties(tie_break):
    ties = _TIES.get(tie_break)
    if ties is None:
        checks.fail(f"tie_break must be 0 (none), 1 (small) or 2 (large), found {tie_break!r}")
    return ties


def _check_common(input, lengths, k, tie_break, row_starts):
    check_scores("input", input)
    check_tensors(lengths=lengths)
    check_numbers(input.shape[0], lengths=lengths, row_starts=row_starts)
    check_k("k", k)
    _get_ties(tie_break)


def _check_page_table(input, src_page_table, lengths, k, row_to_batch=None, deterministic=False, tie_break=0,
                      dsa_graph_safe=False, row_starts=None, page_table_row_starts=None, *, page_size=1, out=None,
                      out_raw_indices=None):  # fmt: skip
    _check_common(input, lengths, k, tie_break, row_starts)
    check_page_size("page_size", page_size)
    if page_size > 1 and row_starts is not None and page_table_row_starts is None:
        checks.fail("page_table_row_starts is needed with page_size > 1 and row_starts")
    rows = input.shape[0]
    check_table("src_page_table", src_page_table, rows if row_to_batch is None else None)
    check_numbers(rows, row_to_batch=row_to_batch, page_table_row_starts=page_table_row_starts)
    for name, output in (("out", out), ("out_raw_indices", out_raw_indices)):
        if output is not None:
            check_output(name, output, rows, k)
            if not output.is_contiguous():
                checks.fail(f"{name} must be contiguous, found strides {tuple(output.stride())}")


@checked(_check_page_table)
def top_k_page_table_transform(input, src_page_table, lengths, k, row_to_batch=None, deterministic=False,
                               tie_break=TopKTieBreak.NONE, dsa_graph_safe=False, row_starts=None,
                               page_table_row_starts=None, *, page_size=1, out=None, out_raw_indices=None):  # fmt: skip
    """The slots of the k keys with the greatest scores of each row.

    input is M x N; row i has the keys row_starts[i] + n, n < lengths[i] (both M int32; row_starts None: 0). The slot
    of n is src_page_table[b, page_table_row_starts[i] + n // page_size] * page_size + n % page_size; src_page_table is
    B x W int32, b is row_to_batch[i] (M int32), or i. page_table_row_starts (M int32) is row_starts where it is None,
    which only page_size 1 allows. Returns M x k int32, in `out` if that is given, -1 behind the selected; a row of at
    most k keys has all of them. out_raw_indices, M x k int32 or None, gets n of each slot at its place. Both must be
    contiguous.

    One launch without out_raw_indices and page_table_row_starts and with page_size up to 65536; else a few more of
    PyTorch's read the table.
    """
    ties, end = _get_ties(tie_break), get_end(lengths, row_starts)
    if out_raw_indices is None and page_table_row_starts is None and page_size <= _MAX_PAGE_SIZE:
        if row_to_batch is None and src_page_table.shape[0] != input.shape[0]:
            raise ValueError
        if row_starts is not None and page_size > 1:
            raise ValueError
        # Row starts are those of the table, so a key is its own place there.
        options = {"ks": row_starts, "block_table": src_page_table, "sequence": row_to_batch, "block_kv": page_size,
                   "base": "slot", "tie_break": ties}  # fmt: skip
        if out is None:
            return topk(input, end, k, **options)
        if out.shape != (input.shape[0], k) or not out.is_contiguous():
            raise ValueError
        topk_out(input, end, out, **options)
        return out
    _check_page_table(input, src_page_table, lengths, k, row_to_batch, deterministic, tie_break, dsa_graph_safe,
                      row_starts, page_table_row_starts, page_size=page_size, out=out,
                      out_raw_indices=out_raw_indices)  # fmt: skip
    indices = out_raw_indices
    if indices is None:
        indices = topk(input, end, k, ks=row_starts, tie_break=ties)
    else:
        topk_out(input, end, indices, ks=row_starts, tie_break=ties)
    starts = page_table_row_starts if page_table_row_starts is not None else row_starts
    return to_slots(indices, src_page_table, block_kv=page_size, sequence=row_to_batch, starts=starts, out=out)


def _check_ragged(input, offsets, lengths, k, deterministic=False, tie_break=0, dsa_graph_safe=False, row_starts=None):
    _check_common(input, lengths, k, tie_break, row_starts)
    check_tensors(offsets=offsets)
    check_numbers(input.shape[0], offsets=offsets)


@checked(_check_ragged)
def top_k_ragged_transform(input, offsets, lengths, k, deterministic=False, tie_break=TopKTieBreak.NONE,
                           dsa_graph_safe=False, row_starts=None):  # fmt: skip
    """The k keys with the greatest scores of each row, counted from its start, plus offsets[i] (M int32).

    input, lengths and row_starts are as in top_k_page_table_transform. Returns M x k int32, -1 behind the selected; a
    row of at most k keys has offsets[i], offsets[i] + 1, ...
    """
    if offsets is None:
        raise TypeError
    ties = _get_ties(tie_break)
    return topk(input, get_end(lengths, row_starts), k, ks=row_starts, offset=offsets, tie_break=ties)
