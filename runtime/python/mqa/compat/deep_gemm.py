# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The attention-logits functions of DeepGEMM (its names, arguments, output views and limits of Hopper), on MQA.

    from mqa.compat import deep_gemm

What DeepGEMM asserts raises AssertionError here too, with the argument and what was found. fp4 is for
Blackwell, and refused. More is allowed where MQA can do more: any number of heads from 1 to 128, head dims of a multiple of 16
up to 256, block_kv of 16, 32, 64, 128 and 256, next_n from 1 to 8, bfloat16 weights,
`clean_logits` with everything but `max_seqlen_k` (as there).
"""
import torch

from .. import runtime, torch_ops

_ALIGNMENT_BYTES = 1024
_SPLIT_KV = 256


def _fail(message):
    raise AssertionError(message)


def _align(size, alignment):
    return (size + alignment - 1) // alignment * alignment


def _get_fp8(q):
    """The fp8 half of an argument that may be (fp8, None) or (fp4, scales)."""
    if isinstance(q, torch.Tensor):
        return q
    values, scales = q
    if scales is not None:
        _fail("q: fp4 (scales of q that are not None) needs Blackwell; this is the Hopper kernel")
    return values


def _check_common(q, weights, logits_dtype):
    if q.dtype != torch.float8_e4m3fn:
        _fail(f"q must be torch.float8_e4m3fn, found {q.dtype}")
    if not q.is_contiguous():
        _fail("q must be contiguous")
    if logits_dtype not in (torch.float32, torch.bfloat16):
        _fail(f"logits_dtype must be float32 or bfloat16, found {logits_dtype}")
    if weights.dtype not in (torch.float32, torch.bfloat16):
        _fail(f"weights must be float32 or bfloat16, found {weights.dtype}")


def _allocate(rows, columns, stride, dtype, device):
    """Rows that begin at multiples of 1024 bytes, as the callers of DeepGEMM get them."""
    return torch_ops.empty_rows(rows, columns, dtype, device, _align(stride, _ALIGNMENT_BYTES // dtype.itemsize))


def _call(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except ValueError as error:
        raise AssertionError(str(error)) from None


def fp8_fp4_mqa_logits(q, kv, weights, cu_seq_len_k_start, cu_seq_len_k_end, clean_logits=True, max_seqlen_k=0,
                       logits_dtype=torch.float32):  # fmt: skip
    """q: (M x H x D fp8, None); kv: (N x D fp8, N float32). Returns M x N, or M x max_seqlen_k with compressed rows."""
    q, (k, k_scale) = _get_fp8(q), kv
    _check_common(q, weights, logits_dtype)
    if max_seqlen_k and clean_logits:
        _fail("clean_logits must be False with max_seqlen_k")
    columns = max_seqlen_k or k.size(0)
    stride = _align(max_seqlen_k, _SPLIT_KV) if max_seqlen_k else k.size(0) + _SPLIT_KV
    out = _allocate(q.size(0), columns, stride, logits_dtype, q.device)
    _call(torch_ops.logits_out, q, k, k_scale, weights, cu_seq_len_k_start, cu_seq_len_k_end, out,
          clean=clean_logits, compressed=max_seqlen_k != 0)  # fmt: skip
    return out


def fp8_mqa_logits(q, kv, weights, cu_seq_len_k_start, cu_seq_len_k_end, clean_logits=True, max_seqlen_k=0):
    """As fp8_fp4_mqa_logits with float32 logits."""
    return fp8_fp4_mqa_logits((_get_fp8(q), None), kv, weights, cu_seq_len_k_start, cu_seq_len_k_end, clean_logits,
                              max_seqlen_k)  # fmt: skip


# Programmatic dependent launch, which is on here from the start.
set_pdl, get_pdl = runtime.set_launch_overlap, runtime.get_launch_overlap


def get_num_sms():
    """Multiprocessors of the current device."""
    return torch.cuda.get_device_properties(torch.cuda.current_device()).multi_processor_count


def get_paged_mqa_logits_metadata(context_lens, block_kv, num_sms, indices=None):
    """A tensor of DeepGEMM's shape, which fp8_paged_mqa_logits takes: it holds nothing, since work is shared in the kernel."""
    if context_lens.dtype != torch.int32 or not context_lens.is_contiguous():
        _fail("context_lens must be contiguous int32")
    if indices is not None:
        _fail("indices need Blackwell; this is the Hopper kernel")
    return torch.empty((num_sms + 1, 2), dtype=torch.int32, device=context_lens.device)


def fp8_fp4_paged_mqa_logits(q, kv_cache, weights, context_lens, block_table, schedule_meta, max_context_len,
                             clean_logits=False, logits_dtype=torch.float32, indices=None):  # fmt: skip
    """q: (B x T x H x D fp8, None); kv_cache: num_blocks x block_kv x 1 x (D + 4) bytes. Returns (B * T) x max_context_len.

    `schedule_meta` is not looked at, and may be None.
    """
    q = _get_fp8(q)
    _check_common(q, weights, logits_dtype)
    if indices is not None:
        _fail("indices need Blackwell; this is the Hopper kernel")
    if kv_cache.dtype != torch.uint8:
        _fail(f"kv_cache must be torch.uint8, found {kv_cache.dtype}")
    if kv_cache.dim() != 4 or kv_cache.size(2) != 1 or kv_cache.size(3) != q.size(-1) + 4:
        _fail(f"kv_cache must be num_blocks x block_kv x 1 x {q.size(-1) + 4}, found {tuple(kv_cache.shape)}")
    if kv_cache.stride(1) != kv_cache.size(3) or kv_cache.stride(3) != 1:
        _fail("kv_cache must be contiguous inside a block")
    rows = q.size(0) * q.size(1)
    out = _allocate(rows, max_context_len, _align(max_context_len, _SPLIT_KV), logits_dtype, q.device)
    _call(torch_ops.fused_paged_logits_out, q, kv_cache, weights, context_lens, block_table, out, clean=clean_logits)
    return out


def fp8_paged_mqa_logits(q, kv_cache, weights, context_lens, block_table, schedule_meta, max_context_len,
                         clean_logits=False, indices=None):  # fmt: skip
    """As fp8_fp4_paged_mqa_logits with float32 logits."""
    return fp8_fp4_paged_mqa_logits((_get_fp8(q), None), kv_cache, weights, context_lens, block_table, schedule_meta,
                                    max_context_len, clean_logits, indices=indices)  # fmt: skip
