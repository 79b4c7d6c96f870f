# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""vLLM's selection of keys by logits in memory (the ops of torch.ops._C with these names), on mqa.topk.

    from mqa.compat import vllm as mqa_vllm

All take any k from 1 to 4096, float32, bfloat16 or float16 logits, and outputs whose rows are strided; vLLM's take
float32. vLLM leaves order and ties open; here indices ascend and ties go to the smallest key, so tensor-parallel ranks
agree. NaN is selected only of a row that has at most k keys. What does not fit is a ValueError that names the argument
(None and other non-tensors: TypeError). Where nothing else reads the logits, mqa.select spares them.

Contracts: csrc/libtorch_stable/sampler.cu, csrc/topk.cu and tests/kernels/test_top_k_per_row.py of vllm-project/vllm.
"""
from .. import checks, topk_checks
from ..arguments import check_k, check_numbers, check_output, check_scores, check_tensors, checked
from ..topk_ops import topk_out

__all__ = ["top_k_per_row_prefill", "top_k_per_row_decode", "persistent_topk", "cooperative_topk"]


def _check_rows(logits, indices, num_rows, stride0, stride1, top_k):
    check_tensors(logits=logits)
    for name, given, dim in (("stride0", stride0, 0), ("stride1", stride1, 1)):
        if logits.dim() == 2 and given != logits.stride(dim):
            checks.fail(f"{name} must be that of logits, {logits.stride(dim)}, found {given}")
    check_scores("logits", logits)
    check_k("top_k", top_k)
    check_output("indices", indices, None, top_k)
    topk_checks.check_integer("num_rows", num_rows, 0)
    for name, tensor in (("logits", logits), ("indices", indices)):
        if num_rows > tensor.shape[0]:
            checks.fail(f"num_rows must be at most the {tensor.shape[0]} rows of {name}, found {num_rows}")


def _is_whole(logits, indices, num_rows, stride0, stride1, top_k):
    """Whether nothing has to be cut off."""
    if logits.stride() != (stride0, stride1):
        return False
    return logits.shape[0] == num_rows and indices.shape == (num_rows, top_k)


def _shorten(tensor, rows):
    return tensor[:rows] if tensor.shape[0] > rows else tensor


def _check_prefill(logits, row_starts, row_ends, indices, num_rows, stride0, stride1, top_k):
    _check_rows(logits, indices, num_rows, stride0, stride1, top_k)
    for name, tensor in (("row_starts", row_starts), ("row_ends", row_ends)):
        check_tensors(**{name: tensor})
        check_numbers(num_rows, **{name: _shorten(tensor, num_rows) if tensor.dim() else tensor})


@checked(_check_prefill)
def top_k_per_row_prefill(logits, row_starts, row_ends, indices, num_rows, stride0, stride1, top_k):
    """Writes to indices, num_rows x top_k int32, the keys with the greatest logits of row_starts[m] <= n <
    row_ends[m].

    logits is M x N; row_starts and row_ends are int32, at least num_rows of them. An index counts from row_starts[m];
    -1 is behind the selected. Every element is written (vLLM fills the buffer with -1 ahead, which is not needed
    here).
    """
    if not _is_whole(logits, indices, num_rows, stride0, stride1, top_k):
        _check_prefill(logits, row_starts, row_ends, indices, num_rows, stride0, stride1, top_k)
        logits, indices = logits[:num_rows], indices[:num_rows]
    topk_out(logits, _shorten(row_ends, num_rows), indices, ks=_shorten(row_starts, num_rows))


def _check_decode(logits, next_n, seq_lens, indices, num_rows, stride0, stride1, top_k):
    _check_rows(logits, indices, num_rows, stride0, stride1, top_k)
    topk_checks.check_integer("next_n", next_n, 1)
    check_tensors(seq_lens=seq_lens)
    if seq_lens.dim() == 2:
        _check_lengths("seq_lens", seq_lens, num_rows)
        return
    if num_rows % next_n:
        checks.fail(f"num_rows must be a multiple of next_n = {next_n}, found {num_rows}")
    check_numbers(num_rows // next_n, seq_lens=seq_lens)


def _check_lengths(name, lengths, rows):
    check_tensors(**{name: lengths})
    if lengths.dim() not in (1, 2):
        checks.fail(f"{name} must have one or two dimensions, found {lengths.dim()}")
    if lengths.numel() != rows:
        found = " x ".join(map(str, lengths.shape))
        checks.fail(f"{name} must have a length for each of {rows} rows, found {found}")
    checks.check_ints(name, lengths)


@checked(_check_decode)
def top_k_per_row_decode(logits, next_n, seq_lens, indices, num_rows, stride0, stride1, top_k):
    """As top_k_per_row_prefill for decoding, where rows (b, t) with t < next_n begin at key 0.

    seq_lens is int32: B x next_n (or num_rows in any two dimensions), the lengths of the rows, or B: row (b, t) has
    seq_lens[b] - next_n + t + 1 keys. A length below 0 is 0.
    """
    if not _is_whole(logits, indices, num_rows, stride0, stride1, top_k):
        _check_decode(logits, next_n, seq_lens, indices, num_rows, stride0, stride1, top_k)
        logits, indices = logits[:num_rows], indices[:num_rows]
    if next_n < 1:
        raise ValueError
    if seq_lens.dim() == 2:
        topk_out(logits, seq_lens.reshape(-1), indices)
    elif next_n == 1:
        topk_out(logits, seq_lens, indices)
    elif seq_lens.shape[0] * next_n == num_rows:
        topk_out(logits, None, indices, context_lens=seq_lens)
    else:
        raise ValueError


def _check_persistent(logits, lengths, output, workspace, k, max_seq_len):
    check_scores("logits", logits)
    _check_lengths("lengths", lengths, logits.shape[0])
    check_output("output", output, logits.shape[0], k)


@checked(_check_persistent)
def persistent_topk(logits, lengths, output, workspace, k, max_seq_len):
    """As top_k_per_row_decode into output, M x k int32: row m begins at key 0 and has lengths[m] keys.

    lengths is M int32 in one or two dimensions. `workspace` and `max_seq_len` are not looked at. vLLM's takes k of 512,
    1024 and 2048.
    """
    if lengths.dim() > 2 or output.shape[1] != k:
        raise ValueError
    topk_out(logits, lengths.reshape(-1), output)


# vLLM's takes at most 64 rows, whose stride is a multiple of 4.
cooperative_topk = persistent_topk
