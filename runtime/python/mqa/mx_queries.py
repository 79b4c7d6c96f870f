# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Queries of MXFP4 and MXFP8, as queries of a type that kernels multiply.

A Hopper GPU has no fp4 products, and none with block scales. A head's greatest block scale goes into its weight, since relu
commutes with a factor that is not negative. The other scales of the head, divided by that one, go into the elements.
"""
import torch

from . import checks

_BLOCK = 32
# By the type that queries get: the power of two by which elements are larger, so that most small ones are numbers of the
# type, too.
_SHIFTS = {torch.float8_e4m3fn: 6, torch.bfloat16: 0}
_WEIGHTS = (torch.float32, torch.bfloat16, torch.float16)


def has_mxfp8_queries(q):
    """Whether `q` is a pair of fp8 and block scales."""
    return isinstance(q, (tuple, list)) and len(q) == 2 and _is_fp8(q[0]) and q[1] is not None


def _is_fp8(q):
    return isinstance(q, torch.Tensor) and q.dtype == torch.float8_e4m3fn


def unpack_mx_queries(q, q_scale, weights=None, dtype=None):
    """MXFP4 or MXFP8 queries as (q of `dtype`, weights), on which all ops give the logits of what the bytes say.

    q: M x H x D / 2, or B x T x H x D / 2, bytes (uint8, int8 or float4_e2m1fn_x2) of two e2m1 each, the one with the lower
    number in the lower four bits (MXFP4); or M x H x D, or B x T x H x D, float8_e4m3fn (MXFP8). D is 32, 64, 96 or 128.
    q_scale: M x H, or B x T x H, int32, a word of block scales (e8m0) of 32 elements each; or its four bytes in one dimension
    more, uint8 or float8_e8m0fnu. weights: M x H (or B * T x H) float32, bfloat16, or float16, which becomes float32; None:
    all weights are 1. `dtype` is torch.float8_e4m3fn or torch.bfloat16 (for keys of bfloat16, or with block scales); None is
    float8_e4m3fn for MXFP4. Queries of MXFP8 are always bfloat16. Results are contiguous.

    Queries of MXFP4 are exact if the block scales of a head are at most 2^14 apart (bfloat16: 2^132), those of MXFP8 if they
    are at most 2^117 apart. Elements of smaller blocks are rounded. In float8_e4m3fn, they become 0 if the scale of their
    block is more than 2^18 times below the greatest. A block scale of 255 makes its head NaN. Weights are multiplied by a
    power of two, and may overflow where it is larger than 2^100. PyTorch computes this, in some small launches on a GPU.
    Raises ValueError with the argument that does not fit.

        >>> import mqa
        >>> q = torch.full((1, 1, 16), 0x21, dtype=torch.uint8)  # 0.5, 1, 0.5, 1 ...
        >>> q, weights = mqa.unpack_mx_queries(q, torch.full((1, 1), 128, dtype=torch.int32), torch.ones(1, 1))
        >>> (q.float() * weights.unsqueeze(-1))[0, 0, :4]
        tensor([1., 2., 1., 2.])
    """
    dtype = dtype or (torch.bfloat16 if _is_fp8(q) else torch.float8_e4m3fn)
    _check(q, q_scale, weights, dtype)
    # _decode leaves out 2^6.
    shift, left_out = _SHIFTS[dtype], 0 if _is_fp8(q) else 6
    blocks = q.size(-1) * (1 if _is_fp8(q) else 2) // _BLOCK
    scales = q_scale.contiguous() if checks.has_scale_bytes(q_scale) else q_scale.contiguous().unsqueeze(-1)
    scales = scales.view(torch.uint8)[..., :blocks].int()
    greatest = scales.amax(-1, keepdim=True)
    # Below 2^-126, a factor is 0: no number of the types is so small.
    factors = ((127 + left_out + shift - greatest + scales).clamp(min=0) << 23).view(torch.float32)
    numbers = q.float() if _is_fp8(q) else _decode(q.contiguous().view(torch.uint8))
    numbers = numbers.unflatten(-1, (blocks, _BLOCK))
    unpacked = (numbers * factors.unsqueeze(-1)).to(dtype).flatten(-2)
    factor = _get_power(greatest.flatten(0, -3).squeeze(-1))
    if weights is None:
        return unpacked, factor * 2.0**-shift
    weights = weights.contiguous()
    wide = weights.float() if weights.dtype == torch.float16 else weights
    return unpacked, (wide * 2.0**-shift * factor).to(wide.dtype)


def _check(q, q_scale, weights, dtype):
    for name, tensor in (("q", q), ("q_scale", q_scale), ("weights", weights)):
        if not isinstance(tensor, torch.Tensor) and (tensor is not None or name != "weights"):
            checks.fail(f"{name} must be a torch.Tensor, found {type(tensor).__name__}")
    if dtype not in _SHIFTS:
        checks.fail(f"dtype must be one of {', '.join(map(str, _SHIFTS))}, found {dtype}")
    if _is_fp8(q):
        if dtype != torch.bfloat16:
            checks.fail(f"dtype must be torch.bfloat16 for queries of MXFP8, found {dtype}")
    elif not checks.is_fp4(q):
        checks.fail(f"q must be bytes of fp4 (uint8, int8 or float4_e2m1fn_x2) or float8_e4m3fn, found {q.dtype}")
    elements, row = (1, "D") if _is_fp8(q) else (2, "D / 2")
    if q.dim() not in (3, 4) or q.size(-1) * elements not in (32, 64, 96, 128):
        found = tuple(q.shape)
        checks.fail(f"q must be M x H x {row} or B x T x H x {row} with D = 32, 64, 96 or 128, found {found}")
    checks.check_query_scale_type(q_scale)
    row = (4,) if checks.has_scale_bytes(q_scale) else ()
    checks.check_shape("q_scale", q_scale, (*q.shape[:-1], *row))
    if weights is not None:
        if weights.dtype not in _WEIGHTS:
            checks.fail(f"weights must be one of {', '.join(map(str, _WEIGHTS))}, found {weights.dtype}")
        checks.check_shape("weights", weights, (q.shape[:-2].numel(), q.size(-2)))
    for name, tensor in (("q_scale", q_scale), ("weights", weights)):
        if tensor is not None and tensor.device != q.device:
            checks.fail(f"{name} must be on {q.device} as q, found {tensor.device}")


def _decode(byte):
    """The two numbers of each byte, 2^6 times smaller: the bits of e2m1 are those of such an e4m3 number."""
    byte = byte.short()
    codes = (byte | byte << 4) & 0x0F0F
    bits = (codes & 0x0707) << 2 | (codes & 0x0808) << 4
    return bits.view(torch.float8_e4m3fn).float()


def _get_power(exponent):
    """2^(exponent - 127) by its bits; 255: NaN."""
    is_special = (exponent == 0) | (exponent == 255)
    return (exponent << 23 | is_special.int() << 22).view(torch.float32)
