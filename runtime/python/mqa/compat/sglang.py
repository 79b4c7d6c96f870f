# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SGLang's selection of keys by logits in memory (sgl_kernel, and top-k v2 of its DSA backend), on mqa.topk.

    from mqa.compat import sglang as mqa_sglang

All take any topk from 1 to 4096 (sgl_kernel: 2048) and float32, bfloat16 or float16 scores (sgl_kernel: float32). SGLang leaves
order and ties open; here keys ascend and ties go to the smallest key, so tensor-parallel ranks agree. NaN is selected only of a
row that has at most topk keys; a length below 0 is 0. What does not fit is a ValueError that names the argument (None and other
non-tensors: TypeError). Where nothing else reads the scores, mqa.select.indexer_prefill and indexer_decode spare them.

Contracts: sgl-kernel/python/sgl_kernel/top_k.py, sgl-kernel/csrc/elementwise/topk.cu,
python/sglang/kernels/ops/attention/dsv4/topk.py and python/sglang/srt/layers/attention/dsa/dsa_topk_backend.py of
sgl-project/sglang.
"""
import torch

from .. import checks, plain, topk_checks
from ..select import to_slots
from ..topk_ops import topk as select_keys
from ..topk_ops import topk_out

__all__ = ["fast_topk_v2", "fast_topk_transform_fused", "fast_topk_transform_ragged_fused", "topk_transform_paged_v2",
           "topk_transform_ragged_v2"]  # fmt: skip


def _get_range(score, lengths, row_starts, *, of="score", name="lengths"):
    """ks, or None, and ke of rows that begin at row_starts[m], or 0, and have lengths[m] keys."""
    given = ("row_starts",) if row_starts is not None else ()
    plain.check_tensors((of, name, *given), (score, lengths, *((row_starts,) if given else ())))
    checks.check_shape(of, score, (None, None))
    topk_checks.check_rows(score.shape[0], **{name: lengths}, row_starts=row_starts)
    return row_starts, lengths if row_starts is None else row_starts + lengths


def fast_topk_v2(score, lengths, topk, row_starts=None):
    """The topk keys with the greatest scores of row_starts[m] <= n < row_starts[m] + lengths[m].

    score is M x N, lengths and row_starts (None: 0) are M int32. Returns M x topk int32: an index counts from row_starts[m],
    -1 is behind the selected; a row of at most topk keys has 0, 1, ..., lengths[m] - 1.
    """
    ks, ke = _get_range(score, lengths, row_starts)
    return select_keys(score, ke, topk, ks=ks)


def fast_topk_transform_fused(score, lengths, page_table_size_1, cu_seqlens_q, topk, row_starts=None):
    """As fast_topk_v2, with page_table_size_1[b, index] in the place of each index.

    page_table_size_1 is B x W int32. Sequence b has the rows from cu_seqlens_q[b] up to cu_seqlens_q[b + 1] (B + 1 int32);
    without row_starts and with B = M, row m is that of sequence m, and cu_seqlens_q is not read. With row_starts, a few
    launches of PyTorch's read the table; without, the kernel does.
    """
    ks, ke = _get_range(score, lengths, row_starts)
    plain.check_tensors(("page_table_size_1", "cu_seqlens_q"), (page_table_size_1, cu_seqlens_q))
    topk_checks.check_table(page_table_size_1)
    rows, batch = score.shape[0], page_table_size_1.shape[0]
    topk_checks.check_rows(batch + 1, cu_seqlens_q=cu_seqlens_q)
    checks.require(batch <= rows, lambda: f"page_table_size_1 must have at most as many rows as score, {rows}, found {batch}")
    if row_starts is None and batch == rows:
        return select_keys(score, ke, topk, block_table=page_table_size_1, block_kv=1, base="slot")
    places = torch.arange(rows, dtype=torch.int32, device=score.device)
    sequence = torch.searchsorted(cu_seqlens_q[1:], places, right=True, out_int32=True)
    if row_starts is None:
        return select_keys(score, ke, topk, block_table=page_table_size_1, sequence=sequence, block_kv=1, base="slot")
    indices = select_keys(score, ke, topk, ks=ks)
    return to_slots(indices, page_table_size_1, sequence=sequence, out=indices)


def fast_topk_transform_ragged_fused(score, lengths, topk_indices_offset, topk, row_starts=None):
    """As fast_topk_v2, with topk_indices_offset[m] (M int32) added to each index but -1."""
    ks, ke = _get_range(score, lengths, row_starts)
    plain.check_tensors(("topk_indices_offset",), (topk_indices_offset,))
    topk_checks.check_rows(score.shape[0], topk_indices_offset=topk_indices_offset)
    return select_keys(score, ke, topk, ks=ks, offset=topk_indices_offset)


def topk_transform_paged_v2(scores, seq_lens, page_tables, out_page_indices, page_size, metadata, out_raw_indices=None):
    """Writes the slots of the k best keys of each row to out_page_indices, M x k int32.

    Row m has seq_lens[m] keys from key 0 on; the slot of key n is page_tables[m, n // page_size] * page_size + n % page_size.
    page_tables is M x W int32; None: the keys themselves are written. out_raw_indices, M x k int32 or None, gets the keys, each
    at the place of its slot. `metadata` (of plan_topk_v2) is not looked at, and may be None. Scores are not written (SGLang's
    kernel may write to them).
    """
    _, ke = _get_range(scores, seq_lens, None, of="scores", name="seq_lens")
    plain.check_tensors(("out_page_indices",), (out_page_indices,))
    checks.check_shape("out_page_indices", out_page_indices, (scores.shape[0], None))
    if page_tables is None:
        topk_out(scores, ke, out_page_indices)
        if out_raw_indices is not None:
            _check_raw(out_raw_indices, out_page_indices)
            out_raw_indices.copy_(out_page_indices)
        return
    plain.check_tensors(("page_tables",), (page_tables,))
    topk_checks.check_table(page_tables)
    checks.check_shape("page_tables", page_tables, (scores.shape[0], None))
    if out_raw_indices is None:
        topk_out(scores, ke, out_page_indices, block_table=page_tables, block_kv=page_size, base="slot")
        return
    _check_raw(out_raw_indices, out_page_indices)
    topk_out(scores, ke, out_raw_indices)
    to_slots(out_raw_indices, page_tables, block_kv=page_size, out=out_page_indices)


def _check_raw(raw, indices):
    plain.check_tensors(("out_raw_indices",), (raw,))
    checks.check_shape("out_raw_indices", raw, tuple(indices.shape))
    checks.check_ints("out_raw_indices", raw)


def topk_transform_ragged_v2(scores, seq_lens, out_offsets, out_indices, row_starts):
    """Writes the k best keys of row_starts[m] <= n < row_starts[m] + seq_lens[m] to out_indices, M x k int32.

    An index counts from row_starts[m] (None: 0), and out_offsets[m] (M int32) is added. Scores are not written (SGLang's kernel
    may write to them).
    """
    ks, ke = _get_range(scores, seq_lens, row_starts, of="scores", name="seq_lens")
    plain.check_tensors(("out_offsets", "out_indices"), (out_offsets, out_indices))
    topk_checks.check_rows(scores.shape[0], out_offsets=out_offsets)
    topk_out(scores, ke, out_indices, ks=ks, offset=out_offsets)
