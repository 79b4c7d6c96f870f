# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""FlashInfer's selection of keys by scores in memory, with its transforms of the indices, on mqa.topk.

    from mqa.compat import flashinfer as mqa_flashinfer

k is any from 1 to 4096, scores float32, bfloat16 or float16. The result is always deterministic, in its order too: keys ascend.
So `deterministic` and `dsa_graph_safe` change nothing, and `tie_break` 0 gives what 1 gives. NaN is selected only of a row that
has at most k keys; a length below 0 is 0. What does not fit is a ValueError that names the argument (None and other non-tensors:
TypeError).

Contracts: flashinfer/topk.py and csrc/topk.cu of flashinfer-ai/flashinfer.
"""
import enum

from .. import checks, plain, topk_checks
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


def _get_tie_break(tie_break):
    if tie_break not in tuple(TopKTieBreak):
        checks.fail(f"tie_break must be 0 (none), 1 (small) or 2 (large), found {tie_break!r}")
    return "greatest" if tie_break == TopKTieBreak.LARGE else "smallest"


def _get_range(input, lengths, row_starts):
    """ks, or None, and ke of rows that begin at row_starts[i], or 0, and have lengths[i] keys."""
    given = ("row_starts",) if row_starts is not None else ()
    plain.check_tensors(("input", "lengths", *given), (input, lengths, *((row_starts,) if given else ())))
    checks.check_shape("input", input, (None, None))
    topk_checks.check_rows(input.shape[0], lengths=lengths, row_starts=row_starts)
    return row_starts, lengths if row_starts is None else row_starts + lengths


def _check_output(name, output, rows, k, input):
    if output is not None:
        plain.check_tensors((name,), (output,))
        checks.check_shape(name, output, (rows, k))
        checks.check_ints(name, output)
        checks.check_inner(name, output, 0)
        checks.check_device(input, of="input", **{name: output})


def top_k_page_table_transform(input, src_page_table, lengths, k, row_to_batch=None, deterministic=False,
                               tie_break=TopKTieBreak.NONE, dsa_graph_safe=False, row_starts=None,
                               page_table_row_starts=None, *, page_size=1, out=None, out_raw_indices=None):  # fmt: skip
    """The slots of the k keys with the greatest scores of each row.

    input is M x N; row i has the keys row_starts[i] + n, n < lengths[i] (both M int32; row_starts None: 0). The slot of n is
    src_page_table[b, page_table_row_starts[i] + n // page_size] * page_size + n % page_size; src_page_table is B x W int32, b is
    row_to_batch[i] (M int32), or i. page_table_row_starts (M int32) is row_starts where it is None, which only page_size 1
    allows. Returns M x k int32, in `out` if that is given, -1 behind the selected; a row of at most k keys has all of them.
    out_raw_indices, M x k int32 or None, gets n of each slot at its place. Both must be contiguous.

    One launch without out_raw_indices and page_table_row_starts and with page_size up to 65536; else a few more of PyTorch's
    read the table.
    """
    topk_checks.check_integer("page_size", page_size, 1, 1 << 30)
    if page_size & (page_size - 1):
        checks.fail(f"page_size must be a power of two, found {page_size}")
    if page_size > 1 and row_starts is not None and page_table_row_starts is None:
        checks.fail("page_table_row_starts is needed with page_size > 1 and row_starts")
    ks, ke = _get_range(input, lengths, row_starts)
    rows = input.shape[0]
    given = [("src_page_table", src_page_table), ("row_to_batch", row_to_batch)]
    given += [("page_table_row_starts", page_table_row_starts)]
    given = [pair for pair in given if pair[1] is not None or pair[0] == "src_page_table"]
    plain.check_tensors(*zip(*given))
    topk_checks.check_table(src_page_table)
    topk_checks.check_rows(rows, row_to_batch=row_to_batch, page_table_row_starts=page_table_row_starts)
    if row_to_batch is None:
        checks.check_shape("src_page_table", src_page_table, (rows, None))
    _check_output("out", out, rows, k, input)
    _check_output("out_raw_indices", out_raw_indices, rows, k, input)
    ties = _get_tie_break(tie_break)
    if out_raw_indices is None and page_table_row_starts is None and page_size <= _MAX_PAGE_SIZE:
        # Row starts are those of the table, so a key is its own place there.
        options = dict(ks=ks, block_table=src_page_table, sequence=row_to_batch, block_kv=page_size, base="slot", tie_break=ties)
        if out is None:
            return topk(input, ke, k, **options)
        topk_out(input, ke, out, **options)
        return out
    if out_raw_indices is None:
        indices = topk(input, ke, k, ks=ks, tie_break=ties)
    else:
        indices = out_raw_indices
        topk_out(input, ke, indices, ks=ks, tie_break=ties)
    starts = page_table_row_starts if page_table_row_starts is not None else row_starts
    return to_slots(indices, src_page_table, block_kv=page_size, sequence=row_to_batch, starts=starts, out=out)


def top_k_ragged_transform(input, offsets, lengths, k, deterministic=False, tie_break=TopKTieBreak.NONE, dsa_graph_safe=False,
                           row_starts=None):  # fmt: skip
    """The k keys with the greatest scores of each row, counted from its start, plus offsets[i] (M int32).

    input, lengths and row_starts are as in top_k_page_table_transform. Returns M x k int32, -1 behind the selected; a row of at
    most k keys has offsets[i], offsets[i] + 1, ...
    """
    ks, ke = _get_range(input, lengths, row_starts)
    plain.check_tensors(("offsets",), (offsets,))
    topk_checks.check_rows(input.shape[0], offsets=offsets)
    return topk(input, ke, k, ks=ks, offset=offsets, tie_break=_get_tie_break(tie_break))
