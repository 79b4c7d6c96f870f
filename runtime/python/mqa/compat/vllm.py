# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""vLLM's selection of keys by logits in memory (the ops of torch.ops._C with these names), on mqa.topk.

    from mqa.compat import vllm as mqa_vllm

All take any k from 1 to 4096, float32, bfloat16 or float16 logits, and outputs whose rows are strided; vLLM's take float32.
vLLM leaves the order and ties open; here indices ascend and ties go to the smallest key, so tensor-parallel ranks agree. NaN is
selected only of a row that has at most k keys. What does not fit is a ValueError that names the argument (None and other
non-tensors: TypeError). Where nothing else reads the logits, mqa.select.indexer_prefill and indexer_decode spare them.

Contracts: csrc/libtorch_stable/sampler.cu, csrc/topk.cu and tests/kernels/test_top_k_per_row.py of vllm-project/vllm.
"""
from .. import checks, plain, topk_checks
from ..topk_ops import topk_out

__all__ = ["top_k_per_row_prefill", "top_k_per_row_decode", "persistent_topk", "cooperative_topk"]


def _take_rows(logits, indices, num_rows, stride0, stride1, top_k, **others):
    """The first rows of both; strides must be those that logits have."""
    plain.check_tensors(("logits", "indices", *others), (logits, indices, *others.values()))
    checks.check_shape("logits", logits, (None, None))
    checks.check_shape("indices", indices, (None, top_k))
    topk_checks.check_integer("num_rows", num_rows, 0)
    for name, tensor in (("logits", logits), ("indices", indices)):
        checks.require(
            num_rows <= tensor.shape[0],
            lambda name=name, tensor=tensor: f"num_rows must be at most the {tensor.shape[0]} rows of {name}, found {num_rows}",
        )
    for name, given, stride in (("stride0", stride0, logits.stride(0)), ("stride1", stride1, logits.stride(1))):
        checks.require(
            given == stride,
            lambda name=name, given=given, stride=stride: f"{name} must be that of logits, {stride}, found {given}",
        )
    return _shorten(logits, num_rows), _shorten(indices, num_rows)


def _shorten(tensor, rows):
    return tensor if tensor.shape[0] == rows else tensor[:rows]


def top_k_per_row_prefill(logits, row_starts, row_ends, indices, num_rows, stride0, stride1, top_k):
    """Writes to indices, num_rows x top_k int32, the top_k keys with the greatest logits of row_starts[m] <= n < row_ends[m].

    logits is M x N; row_starts and row_ends are int32, at least num_rows of them. An index counts from row_starts[m]; -1 is
    behind the selected. Every element is written (vLLM fills the buffer with -1 ahead, which is not needed here).
    """
    logits, indices = _take_rows(logits, indices, num_rows, stride0, stride1, top_k, row_starts=row_starts, row_ends=row_ends)
    if row_starts.dim() == 1 and row_ends.dim() == 1:
        row_starts, row_ends = _shorten(row_starts, num_rows), _shorten(row_ends, num_rows)
    topk_checks.check_rows(num_rows, row_starts=row_starts, row_ends=row_ends)
    topk_out(logits, row_ends, indices, ks=row_starts)


def top_k_per_row_decode(logits, next_n, seq_lens, indices, num_rows, stride0, stride1, top_k):
    """Likewise for decoding, where rows (b, t) with t < next_n begin at key 0.

    seq_lens is int32: B x next_n (or num_rows in any two dimensions), the lengths of the rows, or B: row (b, t) has
    seq_lens[b] - next_n + t + 1 keys. A length below 0 is 0.
    """
    logits, indices = _take_rows(logits, indices, num_rows, stride0, stride1, top_k, seq_lens=seq_lens)
    topk_checks.check_integer("next_n", next_n, 1)
    if seq_lens.dim() == 2:
        topk_out(logits, _flatten("seq_lens", seq_lens, num_rows), indices)
        return
    checks.require(num_rows % next_n == 0, lambda: f"num_rows must be a multiple of next_n = {next_n}, found {num_rows}")
    topk_checks.check_rows(num_rows // next_n, seq_lens=seq_lens)
    if next_n == 1:
        topk_out(logits, seq_lens, indices)
    else:
        topk_out(logits, None, indices, context_lens=seq_lens)


def _flatten(name, lens, rows):
    """A length for each row."""
    if lens.dim() not in (1, 2):
        checks.fail(f"{name} must have one or two dimensions, found {lens.dim()}")
    checks.require(
        lens.numel() == rows,
        lambda: f"{name} must have a length for each of {rows} rows, found {' x '.join(map(str, lens.shape))}",
    )
    lens = lens.reshape(-1)
    topk_checks.check_rows(rows, **{name: lens})
    return lens


def persistent_topk(logits, lengths, output, workspace, k, max_seq_len):
    """Likewise into output, M x k int32, for rows that begin at key 0 and have `lengths` keys, M int32 in one or two dimensions.

    `workspace` and `max_seq_len` are not looked at. vLLM's takes k of 512, 1024 and 2048.
    """
    plain.check_tensors(("logits", "lengths", "output"), (logits, lengths, output))
    checks.check_shape("logits", logits, (None, None))
    checks.check_shape("output", output, (logits.shape[0], k))
    topk_out(logits, _flatten("lengths", lengths, logits.shape[0]), output)


# vLLM's takes at most 64 rows, whose stride is a multiple of 4.
cooperative_topk = persistent_topk
