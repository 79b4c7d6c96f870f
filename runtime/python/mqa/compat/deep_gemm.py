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

# Rows begin at multiples of 1024 bytes and of 256 columns.
_ROW_ALIGNMENT = {torch.float32: 256, torch.bfloat16: 512}
_SPLIT_KV = 256
# Of torch_ops.run: bits of its own, since launches that it knows by them are not checked again.
_LOGITS, _CLEAN, _COMPRESSED, _PAGED = 64, 1, 2, 128


def _fail(message):
    raise AssertionError(message)


def _get_fp8(q):
    """The fp8 half of an argument that may be (fp8, None) or (fp4, scales)."""
    if isinstance(q, torch.Tensor):
        return q
    values, scales = q
    if scales is not None:
        _fail("q: fp4 (scales of q that are not None) needs Blackwell; this is the Hopper kernel")
    return values


def _check_common(q, weights):
    if q.dtype != torch.float8_e4m3fn:
        _fail(f"q must be torch.float8_e4m3fn, found {q.dtype}")
    if not q.is_contiguous():
        _fail("q must be contiguous")
    if weights.dtype not in (torch.float32, torch.bfloat16):
        _fail(f"weights must be float32 or bfloat16, found {weights.dtype}")


def _check_cache(kv_cache, head_dim):
    if kv_cache.dtype != torch.uint8:
        _fail(f"kv_cache must be torch.uint8, found {kv_cache.dtype}")
    if kv_cache.dim() != 4 or kv_cache.size(2) != 1 or kv_cache.size(3) != head_dim + 4:
        _fail(f"kv_cache must be num_blocks x block_kv x 1 x {head_dim + 4}, found {tuple(kv_cache.shape)}")
    if kv_cache.stride(1) != kv_cache.size(3) or kv_cache.stride(3) != 1:
        _fail("kv_cache must be contiguous inside a block")


def _allocate(q, rows, columns, width, dtype):
    """Logits with rows of at least `width` elements, as far apart as the callers of DeepGEMM have them."""
    alignment = _ROW_ALIGNMENT.get(dtype)
    if alignment is None:
        _fail(f"logits_dtype must be float32 or bfloat16, found {dtype}")
    stride = (width + alignment - 1) // alignment * alignment
    return torch.empty_strided((rows, columns), (stride, 1), dtype=dtype, device=q.device)


def _call(function, *args):
    try:
        function(*args)
    except ValueError as error:
        raise AssertionError(str(error)) from None


def _mqa_logits(q, kv, weights, ks, ke, clean, max_seqlen_k, dtype):
    if q.dim() != 3:
        _fail(f"q must be M x H x D, found {tuple(q.shape)}")
    if max_seqlen_k and clean:
        _fail("clean_logits must be False with max_seqlen_k")
    k, k_scale = kv
    columns = max_seqlen_k or k.shape[0]
    out = _allocate(q, q.shape[0], columns, max_seqlen_k or columns + _SPLIT_KV, dtype)
    options = _LOGITS | (_CLEAN if clean else 0) | (_COMPRESSED if max_seqlen_k else 0)
    tensors = (q, k, k_scale, weights, ks, ke, out)
    if not torch_ops.run(options, *tensors):
        _check_common(q, weights)
        _call(torch_ops.launch_logits, options, tensors, clean, max_seqlen_k != 0, True, False)
    return out


def fp8_fp4_mqa_logits(q, kv, weights, cu_seq_len_k_start, cu_seq_len_k_end, clean_logits=True, max_seqlen_k=0,
                       logits_dtype=torch.float32):  # fmt: skip
    """q: (M x H x D fp8, None); kv: (N x D fp8, N float32). Returns M x N, or M x max_seqlen_k with compressed rows."""
    return _mqa_logits(_get_fp8(q), kv, weights, cu_seq_len_k_start, cu_seq_len_k_end, clean_logits, max_seqlen_k,
                       logits_dtype)  # fmt: skip


def fp8_mqa_logits(q, kv, weights, cu_seq_len_k_start, cu_seq_len_k_end, clean_logits=True, max_seqlen_k=0):
    """As fp8_fp4_mqa_logits with float32 logits."""
    return _mqa_logits(_get_fp8(q), kv, weights, cu_seq_len_k_start, cu_seq_len_k_end, clean_logits, max_seqlen_k,
                       torch.float32)  # fmt: skip


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


def _paged_mqa_logits(q, kv_cache, weights, context_lens, block_table, max_context_len, clean, dtype, indices):
    if indices is not None:
        _fail("indices need Blackwell; this is the Hopper kernel")
    if q.dim() != 4:
        _fail(f"q must be B x T x H x D, found {tuple(q.shape)}")
    shape = q.shape
    out = _allocate(q, shape[0] * shape[1], max_context_len, max_context_len or 1, dtype)
    options = _PAGED | (_CLEAN if clean else 0)
    tensors = (q, kv_cache, None, weights, context_lens, block_table, out)
    if not torch_ops.run(options, *tensors):
        _check_common(q, weights)
        _check_cache(kv_cache, shape[3])
        _call(torch_ops.launch_fused_paged_logits, options, tensors, clean, True)
    return out


def fp8_fp4_paged_mqa_logits(q, kv_cache, weights, context_lens, block_table, schedule_meta, max_context_len,
                             clean_logits=False, logits_dtype=torch.float32, indices=None):  # fmt: skip
    """q: (B x T x H x D fp8, None); kv_cache: num_blocks x block_kv x 1 x (D + 4) bytes. Returns (B * T) x max_context_len.

    `schedule_meta` is not looked at, and may be None.
    """
    return _paged_mqa_logits(_get_fp8(q), kv_cache, weights, context_lens, block_table, max_context_len, clean_logits,
                             logits_dtype, indices)  # fmt: skip


def fp8_paged_mqa_logits(q, kv_cache, weights, context_lens, block_table, schedule_meta, max_context_len,
                         clean_logits=False, indices=None):  # fmt: skip
    """As fp8_fp4_paged_mqa_logits with float32 logits."""
    return _paged_mqa_logits(_get_fp8(q), kv_cache, weights, context_lens, block_table, max_context_len, clean_logits,
                             torch.float32, indices)  # fmt: skip
