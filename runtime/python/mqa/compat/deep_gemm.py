# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The attention-logits functions of DeepGEMM (its names, arguments, output views and limits of Hopper), on MQA.

    from mqa.compat import deep_gemm

Both orders of arguments that engines use are taken: that of the releases until June 2026 (SGLang) and that of 2.8
(vLLM 0.33), which left out `clean_logits` and `logits_dtype`. They differ in one place, where the type tells which is
meant:

- the sixth argument of fp8_mqa_logits and fp8_fp4_mqa_logits: a bool (also one of NumPy) is `clean_logits`; an int
  (also one of NumPy, and torch.SymInt) is `max_seqlen_k` of 2.8, where rows are always compressed and nothing is
  cleaned;
- the eighth argument of the paged functions: a bool is `clean_logits`; a tensor is `indices` of 2.8, and None is
  neither.

By name each means what it says. What DeepGEMM asserts raises AssertionError here too, with the argument and what was
found. Keys may be fp4 (MXFP4), or fp8 with int32 block scales (MXFP8), beside queries of fp8 or bfloat16. Queries may have
block scales, too, which kernels take as they are. A paged cache of fp8 has block scales beside fp8 queries with such scales,
and only there. `indices`, which DeepGEMM has on Blackwell alone, say which
neighbouring tokens are of one request.
More is allowed where MQA can do more; docs/engines.md has the table.

Contracts: csrc/apis/attention.hpp and csrc/apis/runtime.hpp of deepseek-ai/DeepGEMM (June 2026, and the branch of
2.8).
"""
import numbers
import sys

import torch

from .. import checks, runtime
from .. import torch_library as _  # Registers the ops.
from ..launches import (FUSED_OPTION, NAN_AS_ZERO, launch_fused_paged_logits, launch_logits, looks_plain, run_plain,
                        split_cache)  # fmt: skip
from ..mx_queries import has_mxfp8_queries
from ..plain import FUSED, LOGITS, check_tensors, describe, is_dynamo_compiling, is_plain
from ..torch_ops import logits_out, paged_logits_out

# Rows begin at multiples of 1024 bytes and of 256 columns.
_ROW_ALIGNMENT = {torch.float32: 256, torch.bfloat16: 512}
_SPLIT_KV = 256
# Options of a launch: bits of its own, since launches that it knows by them are not checked again.
_LOGITS, _CLEAN, _COMPRESSED = 64, 1, 2
_FP8 = torch.float8_e4m3fn
# Of the paged kernels.
_PAGES = (16, 32, 64, 128, 256)


def _fail(message):
    raise AssertionError(message)


def _get_queries(q, weights, kv=None):
    """(q, block scales or None, weights) of an argument that may be q alone, (q, None), (fp4, scales) or (fp8, scales).

    The last one is for keys with block scales; `kv` is the pair of keys and scales, None for a cache.
    """
    if isinstance(q, torch.Tensor):
        return q, None, weights
    values, scales = q if type(q) is tuple and len(q) == 2 else _get_pair("q", q)
    if scales is None:
        return values, None, weights
    if isinstance(values, torch.Tensor) and values.dtype != _FP8 and not checks.is_fp4(values):
        _fail(f"q must be fp4 (int8, uint8 or float4_e2m1fn_x2) or {_FP8} beside scales, found {values.dtype}")
    if weights is None:
        raise TypeError("weights must be a torch.Tensor, found None")
    if kv is not None and has_mxfp8_queries(q) and not checks.find_mx_format(*_get_pair("kv", kv)):
        _fail("kv must be keys with block scales (int32) beside q of fp8 with such scales, found keys without")
    check_tensors(("q[0]", "q[1]", "weights"), (values, scales, weights))
    # Those of Blackwell may be float16.
    weights = weights.float() if weights.dtype == torch.float16 else weights
    return values.contiguous(), scales.contiguous(), weights.contiguous()


def _count_elements(q, scales):
    """D: a byte of fp4 has two."""
    return q.shape[-1] * (2 if scales is not None and checks.is_fp4(q) else 1)


def _get_pair(name, pair):
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise TypeError(f"{name} must be a pair of values and scales, found {describe(pair)}")
    return pair


def _check_weights(weights):
    if weights.dtype not in (torch.float32, torch.bfloat16):
        _fail(f"weights must be float32 or bfloat16, found {weights.dtype}")


def _check_common(q, weights, has_mx_keys):
    if q.dtype != _FP8 and not (has_mx_keys and q.dtype == torch.bfloat16):
        fp4 = ": that is fp4, which needs its scales, (q, scales)" if checks.is_fp4(q) else ""
        _fail(f"q must be {_FP8}{' or torch.bfloat16' if has_mx_keys else ''}, found {q.dtype}{fp4}")
    if not q.is_contiguous():
        _fail("q must be contiguous")
    _check_weights(weights)


def _allocate(q, rows, columns, width, dtype):
    """Logits with rows of at least `width` elements, as far apart as the callers of DeepGEMM have them."""
    alignment = _ROW_ALIGNMENT.get(dtype)
    if alignment is None:
        _fail(f"logits_dtype must be float32 or bfloat16, found {dtype}")
    stride = (width + alignment - 1) // alignment * alignment
    return torch.empty_strided((rows, columns), (stride, 1), dtype=dtype, device=q.device)


def _call(function, *args, **options):
    """What does not fit is an assertion of DeepGEMM."""
    try:
        return function(*args, **options)
    except ValueError as error:
        message = str(error)
    raise AssertionError(message)


def _require_int(name, value, least):
    if not _is_int(value):
        raise TypeError(f"{name} must be an int, found {describe(value)}")
    if value < least:
        _fail(f"{name} must be at least {least}, found {value}")


def _check_ranges(**tensors):
    """What is int32 and on one device."""
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, found {describe(tensor)}")
        if tensor.dtype != torch.int32:
            _fail(f"{name} must be torch.int32, found {tensor.dtype}")


def _is_bool(value):
    if isinstance(value, (bool, torch.SymBool)):
        return True
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.bool_)


def _is_int(value):
    # The first is the usual one, and takes the least time.
    return type(value) is int or (isinstance(value, (numbers.Integral, torch.SymInt)) and not _is_bool(value))


def _get_rows(sixth, clean, max_seqlen_k):
    """Whether to clean, and the width of compressed rows, or 0."""
    if sixth is not None:
        if clean is not None:
            raise TypeError("clean_logits is given twice, by its name and as the sixth argument")
        if _is_int(sixth):
            # What comes next is schedule_meta there, which is not looked at.
            if _is_int(max_seqlen_k) and max_seqlen_k:
                raise TypeError(f"max_seqlen_k is given twice, as {sixth} and as {max_seqlen_k}")
            if sixth <= 0:
                _fail(f"max_seqlen_k must be positive, found {sixth} (clean_logits is a bool)")
            return False, sixth
        if not _is_bool(sixth):
            raise TypeError(
                f"the sixth argument must be a bool (clean_logits) or an int (max_seqlen_k), found {describe(sixth)}"
            )
        clean = sixth
    if type(max_seqlen_k) is not int and not _is_int(max_seqlen_k):
        raise TypeError(f"max_seqlen_k must be an int, found {describe(max_seqlen_k)}")
    if max_seqlen_k < 0:
        _fail(f"max_seqlen_k must not be negative, found {max_seqlen_k}")
    if max_seqlen_k == 0:
        return clean is None or bool(clean), 0
    # Alone by its name it is an argument of 2.8, which does not clean.
    if clean:
        _fail("clean_logits must be False with max_seqlen_k")
    return False, max_seqlen_k


def _mqa_logits(q, scales, kv, weights, ks, ke, clean, max_seqlen_k, dtype):
    k, k_scale = kv if type(kv) is tuple and len(kv) == 2 else _get_pair("kv", kv)
    plain = scales is None and not is_dynamo_compiling() and looks_plain(q, k, k_scale, weights, ks, ke)
    if not plain:
        check_tensors(LOGITS, (q, k, k_scale, weights, ks, ke))
    if q.dim() != 3:
        _fail(f"q must be M x H x D, found {tuple(q.shape)}")
    columns = max_seqlen_k or k.shape[0]
    out = _allocate(q, q.shape[0], columns, max_seqlen_k or columns + _SPLIT_KV, dtype)
    nan_as_zero = _nan_as_zero
    if scales is not None:
        if k_scale is None:
            raise TypeError("kv[1] must be a torch.Tensor, found None")
        _check_weights(weights)
        _call(logits_out, q, k, k_scale, weights, ks, ke, out, clean=clean, compressed=max_seqlen_k != 0,
              nan_as_zero=nan_as_zero, q_scale=scales)  # fmt: skip
        return out
    options = _LOGITS | (_CLEAN if clean else 0) | (_COMPRESSED if max_seqlen_k else 0) | (NAN_AS_ZERO if nan_as_zero else 0)
    if plain and run_plain(options, q, k, k_scale, weights, ks, ke, out):
        return out
    for name, tensor in (("kv[1]", k_scale), ("weights", weights)):
        if tensor is None:
            raise TypeError(f"{name} must be a torch.Tensor, found None")
    _check_common(q, weights, checks.find_mx_format(k, k_scale) != "")
    tensors = (q, k, k_scale, weights, ks, ke, out)
    if plain and is_plain(LOGITS, tensors):
        _call(launch_logits, options, tensors, clean, max_seqlen_k != 0, True, False, nan_as_zero, 0)
    else:
        _call(torch.ops.mqa.logits_out, *tensors, clean=clean, compressed=max_seqlen_k != 0, nan_as_zero=nan_as_zero)
    return out


def fp8_fp4_mqa_logits(q, kv, weights, cu_seq_len_k_start, cu_seq_len_k_end, clean_or_max_seqlen_k=None, max_seqlen_k=0,
                       logits_dtype=torch.float32, *, clean_logits=None, schedule_meta=None):  # fmt: skip
    """q: (M x H x D fp8, None); kv: (N x D fp8, N float32), or with words of four block scales (N x D/2 bytes of MXFP4,
    N int32) or (N x D fp8 of MXFP8, N int32), beside which q may be bfloat16 too. q may also be MXFP4, (M x H x D/2 bytes,
    M x H int32), or beside keys with block scales MXFP8, (M x H x D fp8, M x H int32). Returns M x N, or M x max_seqlen_k
    with compressed rows.

    `schedule_meta` is not looked at. Rows that are not compressed are cleaned unless `clean_logits` is False.
    """
    clean, columns = _get_rows(clean_or_max_seqlen_k, clean_logits, max_seqlen_k)
    q, scales, weights = _get_queries(q, weights, kv)
    return _mqa_logits(q, scales, kv, weights, cu_seq_len_k_start, cu_seq_len_k_end, clean, columns, logits_dtype)


def fp8_mqa_logits(q, kv, weights, cu_seq_len_k_start, cu_seq_len_k_end, clean_or_max_seqlen_k=None, max_seqlen_k=0, *,
                   clean_logits=None):  # fmt: skip
    """As fp8_fp4_mqa_logits with float32 logits."""
    clean, columns = _get_rows(clean_or_max_seqlen_k, clean_logits, max_seqlen_k)
    q, scales, weights = _get_queries(q, weights, kv)
    return _mqa_logits(q, scales, kv, weights, cu_seq_len_k_start, cu_seq_len_k_end, clean, columns, torch.float32)


# Programmatic dependent launch, which is on here from the start.
set_pdl, get_pdl = runtime.set_launch_overlap, runtime.get_launch_overlap


_nan_as_zero = False


def set_nan_as_zero(enabled):
    """Whether a score of NaN counts as 0 from the next call of this module on, in the whole process; not at first.

    DeepGEMM's kernels count it so: its relu drops a NaN of q or k, while NaN in scales or weights stays. Kernels with this
    option are other kernels. A wheel has them for 32 and 64 heads of 128; others are compiled, or come from MQA_BUNDLES, and
    where neither can be, a call raises LookupError.
    """
    global _nan_as_zero
    _nan_as_zero = bool(enabled)


def get_nan_as_zero():
    """What `set_nan_as_zero` said last."""
    return _nan_as_zero


def _count_multiprocessors():
    """Of the current device; 2 without one, since callers halve the number."""
    if not torch.cuda.is_available():
        return 2
    return torch.cuda.get_device_properties(torch.cuda.current_device()).multi_processor_count


def set_num_sms(new_num_sms):
    """The most multiprocessors that launches of logits use, from the next launch on, in the whole process; 0: all.

    A launch that was prepared before keeps what it had. `mqa.topk` and `mqa.merge_topk` have a block for each row, and
    are not limited.
    """
    _require_int("new_num_sms", new_num_sms, 0)
    if torch.cuda.is_available() and new_num_sms > _count_multiprocessors():
        _fail(f"new_num_sms must be at most {_count_multiprocessors()}, found {new_num_sms}")
    runtime.set_max_multiprocessors(int(new_num_sms))


def get_num_sms():
    """What set_num_sms said, or all multiprocessors of the current device."""
    return runtime.get_max_multiprocessors() or _count_multiprocessors()


def get_mqa_logits_metadata(cu_seq_len_k_start, cu_seq_len_k_end, num_kv_tokens, num_heads):
    """A tensor of DeepGEMM's shape for `schedule_meta`: it holds nothing, since work is shared in the kernel.

    DeepGEMM has it on Blackwell alone.
    """
    _check_ranges(cu_seq_len_k_start=cu_seq_len_k_start, cu_seq_len_k_end=cu_seq_len_k_end)
    if cu_seq_len_k_start.dim() != 1 or cu_seq_len_k_end.shape != cu_seq_len_k_start.shape:
        found = f"{tuple(cu_seq_len_k_start.shape)} and {tuple(cu_seq_len_k_end.shape)}"
        _fail(f"cu_seq_len_k_start and cu_seq_len_k_end must have one size, the number of queries, found {found}")
    _require_int("num_kv_tokens", num_kv_tokens, 1)
    _require_int("num_heads", num_heads, 1)
    block_q = max(128 // num_heads, 1)
    words = (3 * get_num_sms() + 1) // 2 * 2 + 2 * ((cu_seq_len_k_start.shape[0] + block_q - 1) // block_q)
    return torch.empty((words,), dtype=torch.int32, device=cu_seq_len_k_start.device)


def get_paged_mqa_logits_metadata(context_lens, block_kv, num_sms, indices=None):
    """A tensor of DeepGEMM's shape, which fp8_paged_mqa_logits takes: it holds nothing, since work is shared in the
    kernel.

    So the lengths, B x next_n or B, are not read, and may have any strides; next_n is any. `num_sms` is a number of
    entries: with next_n = 4, DeepGEMM's callers give half of the multiprocessors.
    """
    _check_ranges(context_lens=context_lens)
    if context_lens.dim() not in (1, 2):
        _fail(f"context_lens must be B x next_n or B, found {context_lens.dim()} dimensions")
    _require_int("block_kv", block_kv, 1)
    if block_kv not in _PAGES:
        _fail(f"block_kv must be one of {', '.join(map(str, _PAGES))}, found {block_kv}")
    _require_int("num_sms", num_sms, 1)
    if indices is not None:
        _check_indices(indices, context_lens.numel())
    return torch.empty((num_sms + 1, 2), dtype=torch.int32, device=context_lens.device)


def _check_indices(indices, num_tokens):
    _check_ranges(indices=indices)
    if tuple(indices.shape) != (num_tokens,):
        _fail(f"indices must be the requests of {num_tokens} tokens, found {tuple(indices.shape)}")


# Of a request, as a kernel is made for them. On an H200, kernels for 2 were the fastest for 1 to 4 tokens a request.
_TOKENS = 2


def _get_lines(indices):
    """The line of the block table of each token: that of the first token of its run of equal indices, since the table has
    a line for each token. Tokens of one line share the loads of its keys.
    """
    tokens = torch.arange(indices.shape[0], dtype=torch.int32, device=indices.device)
    first = torch.ones_like(indices, dtype=torch.bool)
    first[1:] = indices[1:] != indices[:-1]
    return torch.where(first, tokens, 0).cummax(0).values


def _check_paged_common(q, scales, weights, has_mx_keys):
    if scales is None:
        _check_common(q, weights, has_mx_keys)
    else:
        _check_weights(weights)


def _token_logits(q, scales, kv_cache, weights, context_lens, block_table, max_context_len, clean, dtype, indices,
                  block_scales):  # fmt: skip
    """Of tokens that `indices` put together."""
    check_tensors(FUSED, (q, kv_cache, None, weights, context_lens, block_table))
    if q.dim() != 4 or q.shape[1] != 1:
        _fail(f"q must be B x 1 x H x D with indices, found {tuple(q.shape)}")
    num_tokens, head_dim = q.shape[0], _count_elements(q, scales)
    _check_indices(indices, num_tokens)
    _require_int("max_context_len", max_context_len, 0)
    if context_lens.dim() not in (1, 2) or context_lens.numel() != num_tokens:
        _fail(f"context_lens must be {num_tokens} x 1 or {num_tokens}, found {tuple(context_lens.shape)}")
    if weights is None:
        raise TypeError("weights must be a torch.Tensor, found None")
    key_dtype = checks.get_cache_dtype(kv_cache, head_dim, _FP8)
    _check_paged_common(q, scales, weights, block_scales or key_dtype != _FP8)
    if block_table.dim() != 2 or block_table.shape[0] != num_tokens:
        _fail(f"block_table must have a line for each of {num_tokens} tokens, found {tuple(block_table.shape)}")
    _call(checks.check_cache, "kv_cache", kv_cache, head_dim, key_dtype)
    k, k_scale = split_cache(kv_cache, head_dim, key_dtype, block_scales=block_scales)
    out = _allocate(q, num_tokens, max_context_len, max_context_len or 1, dtype)
    _call(paged_logits_out, q.squeeze(1), k, k_scale, weights, context_lens.reshape(-1), block_table, out,
          sequence=_get_lines(indices), rows_per_sequence=_TOKENS, clean=clean, nan_as_zero=_nan_as_zero,
          q_scale=scales.squeeze(1) if scales is not None else None)  # fmt: skip
    return out


def _get_eighth(eighth, clean, indices):
    """Whether to clean, and indices."""
    if eighth is None:
        return bool(clean), indices
    if isinstance(eighth, torch.Tensor):
        if indices is not None:
            raise TypeError("indices are given twice, by their name and as the eighth argument")
        return bool(clean), eighth
    if not _is_bool(eighth):
        found = describe(eighth)
        raise TypeError(f"the eighth argument must be a bool (clean_logits) or a torch.Tensor (indices), found {found}")
    if clean is not None:
        raise TypeError("clean_logits is given twice, by its name and as the eighth argument")
    return bool(eighth), indices


def _paged_mqa_logits(q, kv_cache, weights, context_lens, block_table, max_context_len, clean, dtype, indices):
    block_scales = has_mxfp8_queries(q)
    q, scales, weights = _get_queries(q, weights)
    if indices is not None:
        return _token_logits(q, scales, kv_cache, weights, context_lens, block_table, max_context_len, clean, dtype, indices,
                             block_scales)  # fmt: skip
    plain = scales is None and not is_dynamo_compiling() and looks_plain(q, kv_cache, None, weights, context_lens, block_table)
    if not plain:
        check_tensors(FUSED, (q, kv_cache, None, weights, context_lens, block_table))
    if q.dim() != 4:
        _fail(f"q must be B x T x H x D, found {tuple(q.shape)}")
    shape = q.shape
    if type(max_context_len) is not int and not _is_int(max_context_len):
        raise TypeError(f"max_context_len must be an int, found {describe(max_context_len)}")
    if max_context_len < 0:
        _fail(f"max_context_len must not be negative, found {max_context_len}")
    out = _allocate(q, shape[0] * shape[1], max_context_len, max_context_len or 1, dtype)
    nan_as_zero = _nan_as_zero
    options = FUSED_OPTION | (_CLEAN if clean else 0) | (NAN_AS_ZERO if nan_as_zero else 0)
    if plain and run_plain(options, q, kv_cache, None, weights, context_lens, block_table, out):
        return out
    if weights is None:
        raise TypeError("weights must be a torch.Tensor, found None")
    head_dim = _count_elements(q, scales)
    key_dtype = checks.get_cache_dtype(kv_cache, head_dim, _FP8)
    _check_paged_common(q, scales, weights, key_dtype != _FP8)
    _call(checks.check_cache, "kv_cache", kv_cache, head_dim, key_dtype)
    if scales is not None:
        k, k_scale = split_cache(kv_cache, head_dim, key_dtype, block_scales=block_scales)
        _call(paged_logits_out, q, k, k_scale, weights, context_lens, block_table, out, clean=clean,
              nan_as_zero=nan_as_zero, q_scale=scales)  # fmt: skip
        return out
    tensors = (q, kv_cache, None, weights, context_lens, block_table, out)
    if plain and is_plain(FUSED, tensors):
        _call(launch_fused_paged_logits, options, tensors, clean, True, nan_as_zero, 0)
    else:
        _call(torch.ops.mqa.fused_paged_logits_out, q, kv_cache, weights, context_lens, block_table, out, clean=clean,
              nan_as_zero=nan_as_zero)  # fmt: skip
    return out


def fp8_fp4_paged_mqa_logits(q, kv_cache, weights, context_lens, block_table, schedule_meta, max_context_len,
                             clean_or_indices=None, logits_dtype=torch.float32, indices=None, *,
                             clean_logits=None):  # fmt: skip
    """q: (B x T x H x D fp8, None); kv_cache: num_blocks x block_kv x 1 x (D + 4) bytes, or (D / 2 + 4) of MXFP4, beside
    which q may be bfloat16 too. q may also be MXFP4, (B x T x H x D/2 bytes, B x T x H int32), or MXFP8,
    (B x T x H x D fp8, B x T x H int32): the scales of an fp8 cache are then block scales. Returns
    (B * T) x max_context_len.

    `schedule_meta` is not looked at, and may be None. Rows are cleaned if `clean_logits` is true. With `indices`, T is 1,
    each of the B tokens has a line of `block_table`, and neighbouring tokens of equal indices are of one request: the line
    of the first of them counts for all. Without a table for each token, call mqa.paged_logits with `sequence`.
    """
    clean, indices = _get_eighth(clean_or_indices, clean_logits, indices)
    return _paged_mqa_logits(q, kv_cache, weights, context_lens, block_table, max_context_len, clean, logits_dtype, indices)


def fp8_paged_mqa_logits(q, kv_cache, weights, context_lens, block_table, schedule_meta, max_context_len,
                         clean_or_indices=None, indices=None, *, clean_logits=None):  # fmt: skip
    """As fp8_fp4_paged_mqa_logits with float32 logits."""
    clean, indices = _get_eighth(clean_or_indices, clean_logits, indices)
    return _paged_mqa_logits(q, kv_cache, weights, context_lens, block_table, max_context_len, clean, torch.float32, indices)
