# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A step of an indexer in one call: `indexer_prefill` and `indexer_decode` score and select in one launch, and give
slots.

    from mqa import select

They are mqa.logits_topk and mqa.paged_logits_topk with the operands that engines have at hand. `to_slots` is for
indices that are there already. The functions of engines by their own names are in mqa.compat.vllm, .sglang and
.flashinfer.
"""
import torch

from . import checks, plain
from .arguments import check_numbers, check_output, check_page_size, check_table, check_tensors, checked
from .fused_ops import logits_topk, logits_topk_out, paged_logits_topk, paged_logits_topk_out
from .mx_queries import has_mxfp8_queries
from .torch_ops import split_cache

__all__ = ["indexer_prefill", "indexer_decode", "to_slots"]

# Zeros by device: which row of a table of one row a query has. They are only read.
_zeros: "dict[torch.device, torch.Tensor]" = {}


def _make_zeros(like, rows):
    """A tensor, without a launch where there was one before."""
    watched = plain.is_dynamo_compiling() or any(watches() for watches in plain.WATCHERS)
    # What is allocated while a graph is captured belongs to the graph.
    if watched or type(like) is not torch.Tensor or (like.is_cuda and torch.cuda.is_current_stream_capturing()):
        return torch.zeros(rows, dtype=torch.int32, device=like.device)
    zeros = _zeros.get(like.device)
    if zeros is None or zeros.size(0) < rows:
        zeros = _zeros[like.device] = torch.zeros(max(rows, 4096), dtype=torch.int32, device=like.device)
    return zeros[:rows]


def _split_keys(name, keys):
    """k and k_scale of (k, k_scale), or of k alone."""
    if isinstance(keys, torch.Tensor) or hasattr(keys, "__torch_function__"):
        return keys, None
    if not isinstance(keys, (tuple, list)) or len(keys) != 2:
        raise TypeError(f"{name} must be a torch.Tensor or a pair of keys and scales, found {plain.describe(keys)}")
    return tuple(keys)


def _split_queries(q, weights):
    """(q, block scales or None, weights) of queries that may be a pair with block scales."""
    if not isinstance(q, (tuple, list)):
        return q, None, weights
    if len(q) != 2:
        raise TypeError(f"q must be a torch.Tensor or a pair of fp4 or fp8 and block scales, found {plain.describe(q)}")
    # Kernels take float32 and bfloat16.
    is_half = isinstance(weights, torch.Tensor) and weights.dtype == torch.float16
    return *q, weights.float() if is_half else weights


def _count_elements(q, scales):
    """D: a byte of fp4 has two."""
    return q.shape[-1] * (2 if scales is not None and checks.is_fp4(q) else 1)


def _check_prefill(q, kv, weights, ks, ke, topk, *, slots=None, out=None, **options):
    k, _ = _split_keys("kv", kv)
    q, _, weights = _split_queries(q, weights)
    check_tensors(q=q, kv=k)
    checks.check_shape("q", q, (None, None, None))
    if slots is not None:
        check_tensors(slots=slots)
        check_numbers(k.shape[0], slots=slots)
    if out is not None:
        check_output("out", out, q.shape[0], topk)


@checked(_check_prefill)
def indexer_prefill(q, kv, weights, ks, ke, topk, *, slots=None, offset=None, out=None, relu=True, fast=False,
                    dtype=torch.float32, nan_as_zero=False, max_multiprocessors=0, tie_break="smallest", order="key",
                    force_first=0, force_last=0, head_reduction="sum"):  # fmt: skip
    """The `topk` best keys of each query against gathered keys: scores and selection in one call.

    q is M x H x D, or a pair of fp4 bytes or fp8 and block scales (`q_scale` of mqa.logits); kv is (k, k_scale) with k N x D
    and k_scale N float32, or with block scales as mqa.logits takes them, or k alone; weights M x H, or None; ks and ke M
    int32: query m sees the keys ks[m] <= n < ke[m]. Returns M x topk int32, in `out` if that is given (rows may be strided),
    -1 behind the selected:

    - with `slots`, N int32: the slots of the selected keys, where slots[n] is the place of key n in the cache that k
      was gathered from (SGLang's page_table_1_flattened);
    - without: how far a key is behind ks[m], as vLLM wants it; `offset`, M int32, is added (SGLang's
      topk_indices_offset).

    The other options are those of mqa.logits_topk. Ties go to the smallest key and indices ascend, so that replicas
    agree. Raises ValueError and TypeError with the name of the argument, as mqa.logits_topk does.
    """
    k, k_scale = _split_keys("kv", kv)
    q, scales, weights = _split_queries(q, weights)
    options = {"offset": offset, "relu": relu, "fast": fast, "dtype": dtype, "nan_as_zero": nan_as_zero,
               "max_multiprocessors": max_multiprocessors, "tie_break": tie_break, "order": order,
               "force_first": force_first, "force_last": force_last, "q_scale": scales,
               "head_reduction": head_reduction}  # fmt: skip
    if slots is not None:
        if slots.shape != k.shape[:1]:
            raise ValueError
        sequence = _make_zeros(q, q.shape[0])
        options.update(base="slot", block_kv=1, block_table=slots.unsqueeze(0), sequence=sequence)
    if out is None:
        return logits_topk(q, k, k_scale, weights, ks, ke, topk, **options)
    if out.shape[1] != topk:
        raise ValueError
    logits_topk_out(q, k, k_scale, weights, ks, ke, out, **options)
    return out


def _check_decode(q, cache, weights, context_lens, block_table, topk, *, max_context_len=None, out=None, **options):
    k, _ = _split_keys("cache", cache)
    q, scales, weights = _split_queries(q, weights)
    check_tensors(q=q, cache=k)
    checks.check_shape("q", q, (None, None, None, None))
    check_table("block_table", block_table, q.shape[0])
    if k.dtype != torch.uint8:
        row = _count_elements(q, scales) // (2 if checks.is_fp4(k) else 1)
        checks.check_shape("cache", k, (None, None, row))
    if out is not None:
        check_output("out", out, q.shape[0] * q.shape[1], topk)


@checked(_check_decode)
def indexer_decode(q, cache, weights, context_lens, block_table, topk, *, max_context_len=None, base="slot",
                   offset=None, out=None, relu=True, fast=False, dtype=torch.float32, nan_as_zero=False,
                   max_multiprocessors=0, tie_break="smallest", order="key", force_first=0,
                   force_last=0, head_reduction="sum"):  # fmt: skip
    """The `topk` best keys of each query against a paged cache: scores and selection in one call.

    q is B x T x H x D, or a pair of fp4 bytes or fp8 and block scales (`q_scale` of mqa.logits). cache is DeepGEMM's,
    num_blocks x P x 1 x (D + 4) uint8 (or without the 1; D / 2 + 4 with keys of MXFP4; beside fp8 with block scales,
    keys have them too), or (k, k_scale) with k num_blocks x P x D and k_scale num_blocks x P float32, or k alone.
    weights is B*T x H, or None; context_lens B x T or B int32, block_table B x W int32. No row has more than
    `max_context_len` keys (None: W * P, all that a line of the table can name). Returns B*T x topk int32, in `out` if
    that is given (rows may be strided), -1 behind the selected: with base="slot" block_table[b, n // P] * P + n % P of
    each selected key n, with base="relative" n itself; `offset`, B*T int32, is added.

    The other options are those of mqa.paged_logits_topk. Ties go to the smallest key and indices ascend, so that
    replicas agree. Raises ValueError and TypeError with the name of the argument, as mqa.paged_logits_topk does.
    """
    k, k_scale = _split_keys("cache", cache)
    is_mxfp8 = has_mxfp8_queries(q)
    q, scales, weights = _split_queries(q, weights)
    if k_scale is None and k.dtype == torch.uint8:
        head_dim = _count_elements(q, scales)
        dtype_of_keys = checks.get_cache_dtype(k, head_dim, q.dtype if scales is None else torch.float8_e4m3fn)
        k, k_scale = split_cache(k, head_dim, dtype_of_keys, block_scales=is_mxfp8)
    if max_context_len is None:
        max_context_len = block_table.shape[1] * k.shape[1]
    options = {"offset": offset, "relu": relu, "fast": fast, "dtype": dtype, "nan_as_zero": nan_as_zero,
               "max_multiprocessors": max_multiprocessors, "tie_break": tie_break, "order": order,
               "force_first": force_first, "force_last": force_last, "base": base, "q_scale": scales,
               "head_reduction": head_reduction}  # fmt: skip
    if out is None:
        return paged_logits_topk(q, k, k_scale, weights, context_lens, block_table, topk, max_context_len, **options)
    if out.shape[1] != topk:
        raise ValueError
    paged_logits_topk_out(q, k, k_scale, weights, context_lens, block_table, max_context_len, out, **options)
    return out


def to_slots(indices, block_table, *, block_kv=1, sequence=None, starts=None, out=None):
    """The slots of keys: block_table[b, starts[m] + n // block_kv] * block_kv + n % block_kv for n = indices[m, j].

    indices is M x k int32, of which those below 0 stay -1. block_table is B x W int32, and b is sequence[m] (M int32),
    or m. `starts` is M int32, or None for 0. Returns M x k int32, in `out` if that is given. A few of PyTorch's
    launches: where logits are at hand, mqa.topk with base="slot" gives slots at once.
    """
    check_tensors(indices=indices)
    checks.check_shape("indices", indices, (None, None))
    checks.check_ints("indices", indices)
    rows = indices.shape[0]
    check_numbers(rows, sequence=sequence, starts=starts)
    check_table("block_table", block_table, rows if sequence is None else None)
    check_page_size("block_kv", block_kv)
    if out is None:
        out = torch.empty_like(indices)
    checks.check_shape("out", out, (rows, indices.shape[1]))
    if block_table.numel() == 0:
        return out.fill_(-1)
    if sequence is None:
        sequence = torch.arange(rows, device=indices.device)
    blocks = indices.clamp(min=0).div(block_kv, rounding_mode="floor")
    if starts is not None:
        blocks = blocks + starts.unsqueeze(1)
    # What is no place in the table gives any slot, but no fault.
    blocks = blocks.clamp(0, block_table.shape[1] - 1)
    rows_of_table = sequence.clamp(0, block_table.shape[0] - 1).unsqueeze(1).expand_as(blocks)
    slots = block_table[rows_of_table.long(), blocks.long()] * block_kv + indices.remainder(block_kv)
    return out.copy_(torch.where(indices < 0, -1, slots))
