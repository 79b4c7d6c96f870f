# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SGLang's selection of keys by logits in memory (sgl_kernel, and top-k v2 of its DSA backend), on mqa.topk.

    from mqa.compat import sglang as mqa_sglang

All take any topk from 1 to 4096 (sgl_kernel: 2048) and float32, bfloat16 or float16 scores (sgl_kernel: float32).
SGLang leaves order and ties open; here keys ascend and ties go to the smallest key, so tensor-parallel ranks agree.
NaN is selected only of a row that has at most topk keys; a length below 0 is 0. What does not fit is a ValueError that
names the argument (None and other non-tensors: TypeError). Where nothing else reads the scores, mqa.select spares
them.

Contracts: sgl-kernel/python/sgl_kernel/top_k.py, sgl-kernel/csrc/elementwise/topk.cu,
python/sglang/kernels/ops/attention/dsv4/topk.py and python/sglang/srt/layers/attention/dsa/dsa_topk_backend.py of
sgl-project/sglang.
"""
import torch

from .. import checks
from ..arguments import check_k, check_numbers, check_output, check_page_size, check_scores, check_table, check_tensors
from ..arguments import checked, get_end
from ..select import to_slots
from ..topk_ops import topk as select_keys
from ..topk_ops import topk_out

__all__ = ["fast_topk_v2", "fast_topk_transform_fused", "fast_topk_transform_ragged_fused", "topk_transform_paged_v2",
           "topk_transform_ragged_v2"]  # fmt: skip


def _check_v2(score, lengths, topk, row_starts=None):
    check_scores("score", score)
    check_tensors(lengths=lengths)
    check_numbers(score.shape[0], lengths=lengths, row_starts=row_starts)
    check_k("topk", topk)


@checked(_check_v2)
def fast_topk_v2(score, lengths, topk, row_starts=None):
    """The topk keys with the greatest scores of row_starts[m] <= n < row_starts[m] + lengths[m].

    score is M x N, lengths and row_starts (None: 0) are M int32. Returns M x topk int32: an index counts from
    row_starts[m], -1 is behind the selected; a row of at most topk keys has 0, 1, ..., lengths[m] - 1.
    """
    return select_keys(score, get_end(lengths, row_starts), topk, ks=row_starts)


def _check_fused(score, lengths, page_table_size_1, cu_seqlens_q, topk, row_starts=None):
    _check_v2(score, lengths, topk, row_starts)
    check_table("page_table_size_1", page_table_size_1)
    rows, batch = score.shape[0], page_table_size_1.shape[0]
    if batch > rows:
        checks.fail(f"page_table_size_1 must have at most as many rows as score, {rows}, found {batch}")
    check_tensors(cu_seqlens_q=cu_seqlens_q)
    check_numbers(batch + 1, cu_seqlens_q=cu_seqlens_q)


@checked(_check_fused)
def fast_topk_transform_fused(score, lengths, page_table_size_1, cu_seqlens_q, topk, row_starts=None):
    """As fast_topk_v2, with page_table_size_1[b, index] in the place of each index.

    page_table_size_1 is B x W int32. Sequence b has the rows from cu_seqlens_q[b] up to cu_seqlens_q[b + 1] (B + 1
    int32); without row_starts and with B = M, row m is that of sequence m, and cu_seqlens_q is not read. With
    row_starts, a few launches of PyTorch's read the table; without, the kernel does.
    """
    rows, batch = score.shape[0], page_table_size_1.shape[0]
    if batch > rows or cu_seqlens_q.shape != (batch + 1,) or cu_seqlens_q.dtype != torch.int32:
        raise ValueError
    slots = {"block_table": page_table_size_1, "block_kv": 1, "base": "slot"}
    if row_starts is None and batch == rows:
        return select_keys(score, lengths, topk, **slots)
    places = torch.arange(rows, dtype=torch.int32, device=score.device)
    sequence = torch.searchsorted(cu_seqlens_q[1:], places, right=True, out_int32=True)
    if row_starts is None:
        return select_keys(score, lengths, topk, sequence=sequence, **slots)
    indices = select_keys(score, get_end(lengths, row_starts), topk, ks=row_starts)
    return to_slots(indices, page_table_size_1, sequence=sequence, out=indices)


def _check_ragged(score, lengths, topk_indices_offset, topk, row_starts=None):
    _check_v2(score, lengths, topk, row_starts)
    check_tensors(topk_indices_offset=topk_indices_offset)
    check_numbers(score.shape[0], topk_indices_offset=topk_indices_offset)


@checked(_check_ragged)
def fast_topk_transform_ragged_fused(score, lengths, topk_indices_offset, topk, row_starts=None):
    """As fast_topk_v2, with topk_indices_offset[m] (M int32) added to each index but -1."""
    if topk_indices_offset is None:
        raise TypeError
    return select_keys(score, get_end(lengths, row_starts), topk, ks=row_starts, offset=topk_indices_offset)


def _check_paged_v2(scores, seq_lens, page_tables, out_page_indices, page_size, metadata, out_raw_indices=None):
    check_scores("scores", scores)
    rows = scores.shape[0]
    check_tensors(seq_lens=seq_lens)
    check_numbers(rows, seq_lens=seq_lens)
    check_output("out_page_indices", out_page_indices, rows, None)
    if page_tables is not None:
        check_table("page_tables", page_tables, rows)
    check_page_size("page_size", page_size)
    if out_raw_indices is not None:
        check_output("out_raw_indices", out_raw_indices, rows, out_page_indices.shape[1])


@checked(_check_paged_v2)
def topk_transform_paged_v2(scores, seq_lens, page_tables, out_page_indices, page_size, metadata, out_raw_indices=None):
    """Writes the slots of the k best keys of each row to out_page_indices, M x k int32.

    Row m has seq_lens[m] keys from key 0 on; the slot of key n is page_tables[m, n // page_size] * page_size + n %
    page_size. page_tables is M x W int32; None: the keys themselves are written. out_raw_indices, M x k int32 or None,
    gets the keys, each at the place of its slot. `metadata` (of plan_topk_v2) is not looked at, and may be None.
    Scores are not written (SGLang's kernel may write to them).
    """
    if page_tables is not None and page_tables.shape[0] != scores.shape[0]:
        raise ValueError
    if out_raw_indices is not None:
        _check_paged_v2(scores, seq_lens, page_tables, out_page_indices, page_size, metadata, out_raw_indices)
        topk_out(scores, seq_lens, out_raw_indices)
        if page_tables is None:
            out_page_indices.copy_(out_raw_indices)
        else:
            to_slots(out_raw_indices, page_tables, block_kv=page_size, out=out_page_indices)
    elif page_tables is None:
        topk_out(scores, seq_lens, out_page_indices)
    else:
        topk_out(scores, seq_lens, out_page_indices, block_table=page_tables, block_kv=page_size, base="slot")


def _check_ragged_v2(scores, seq_lens, out_offsets, out_indices, row_starts):
    check_scores("scores", scores)
    check_tensors(seq_lens=seq_lens, out_offsets=out_offsets)
    check_numbers(scores.shape[0], seq_lens=seq_lens, row_starts=row_starts, out_offsets=out_offsets)
    check_output("out_indices", out_indices, scores.shape[0], None)


@checked(_check_ragged_v2)
def topk_transform_ragged_v2(scores, seq_lens, out_offsets, out_indices, row_starts):
    """Writes the k best keys of row_starts[m] <= n < row_starts[m] + seq_lens[m] to out_indices, M x k int32.

    An index counts from row_starts[m] (None: 0), and out_offsets[m] (M int32) is added. Scores are not written
    (SGLang's kernel may write to them).
    """
    if out_offsets is None:
        raise TypeError
    topk_out(scores, get_end(seq_lens, row_starts), out_indices, ks=row_starts, offset=out_offsets)
