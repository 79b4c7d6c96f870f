# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""MXFP4 queries, as queries of a type that kernels multiply.

A Hopper GPU has no fp4 products. A head's greatest block scale goes into its weight, since relu commutes with a factor that
is not negative. What is left of an element is one of 15 numbers times a power of two, which a table has for each byte and
each distance of its block scale from the greatest one.
"""
import torch

from . import checks
from .plain import is_dynamo_compiling

_BLOCK = 32
# By the type that queries get: the power of two by which elements are larger, so that most small ones are numbers of the
# type too; and the distance from which on all elements are zero.
_TYPES = {torch.float8_e4m3fn: (6, 19), torch.bfloat16: (0, 136)}
_PAIRS = {torch.float8_e4m3fn: torch.int16, torch.bfloat16: torch.int32}
_tables: dict = {}


def unpack_mx_queries(q, q_scale, weights, dtype=torch.float8_e4m3fn):
    """MXFP4 queries as (q of `dtype`, weights), on which mqa.logits and all other ops give the logits of what the bytes say.

    q: M x H x D / 2, or B x T x H x D / 2, bytes (uint8, int8 or float4_e2m1fn_x2) of two e2m1 each, the one with the lower
    number in the lower four bits; D is 32, 64, 96 or 128. q_scale: M x H, or B x T x H, int32, a word of block scales
    (e8m0) of 32 elements each. weights: M x H (or B * T x H); float16 becomes float32. `dtype` is torch.float8_e4m3fn or
    torch.bfloat16 (for keys of bfloat16, or of MXFP4).

    The queries are exact if block scales of a head are at most 2^14 apart (bfloat16: 2^132). Smaller elements are rounded,
    to nothing where they are 2^18 times below. A block scale of 255 makes its head NaN. Weights are multiplied by a power of
    two, and may overflow where it is larger than 2^100. PyTorch computes this, in some small launches on a GPU. Raises
    ValueError with the argument that does not fit.

        >>> import mqa
        >>> q = torch.full((1, 1, 16), 0x21, dtype=torch.uint8)  # 0.5, 1, 0.5, 1 ...
        >>> q, weights = mqa.unpack_mx_queries(q, torch.full((1, 1), 128, dtype=torch.int32), torch.ones(1, 1))
        >>> (q.float() * weights.unsqueeze(-1))[0, 0, :4]
        tensor([1., 2., 1., 2.])
    """
    _check(q, q_scale, weights, dtype)
    shift, _ = _TYPES[dtype]
    blocks = q.size(-1) * 2 // _BLOCK
    scales = q_scale.contiguous().unsqueeze(-1).view(torch.uint8)[..., :blocks]
    greatest = scales.amax(-1, keepdim=True)
    table = _get_table(dtype, q.device)
    rows = (greatest - scales).clamp(max=table.size(0) - 1).int() << 8
    places = q.view(torch.uint8).unflatten(-1, (blocks, _BLOCK // 2)) + rows.unsqueeze(-1)
    unpacked = table.flatten()[places].flatten(-2).view(dtype)
    factor = _get_power(greatest.flatten(0, -3).squeeze(-1).int())
    wide = weights.float() if weights.dtype == torch.float16 else weights
    return unpacked, (wide * 2.0**-shift * factor).to(wide.dtype)


def _check(q, q_scale, weights, dtype):
    for name, tensor in (("q", q), ("q_scale", q_scale), ("weights", weights)):
        if not isinstance(tensor, torch.Tensor):
            checks.fail(f"{name} must be a torch.Tensor, found {type(tensor).__name__}")
    if dtype not in _TYPES:
        checks.fail(f"dtype must be one of {', '.join(map(str, _TYPES))}, found {dtype}")
    if not checks.has_mx_keys(q):
        checks.fail(f"q must be bytes of fp4 (uint8, int8 or float4_e2m1fn_x2), found {q.dtype}")
    if q.dim() not in (3, 4) or q.size(-1) not in (16, 32, 48, 64):
        checks.fail(f"q must be M x H x D / 2 or B x T x H x D / 2 with D = 32, 64, 96 or 128, found {tuple(q.shape)}")
    if q_scale.dtype != torch.int32:
        checks.fail(f"q_scale must be torch.int32, found {q_scale.dtype}")
    checks.check_shape("q_scale", q_scale, tuple(q.shape[:-1]))
    if not weights.is_floating_point():
        checks.fail(f"weights must be of a floating-point type, found {weights.dtype}")
    checks.check_shape("weights", weights, (q.shape[:-2].numel(), q.size(-2)))
    for name, tensor in (("q_scale", q_scale), ("weights", weights)):
        if tensor.device != q.device:
            checks.fail(f"{name} must be on {q.device} as q, found {tensor.device}")


def _get_power(exponent):
    """2^(exponent - 127) by its bits; 255: NaN."""
    is_special = (exponent == 0) | (exponent == 255)
    return (exponent << 23 | is_special.int() << 22).view(torch.float32)


def _get_table(dtype, device):
    """The two numbers of a byte, for each distance. It is made on the device: a graph may be recorded meanwhile, and what is
    made then is the graph's, and not kept."""
    table = _tables.get((dtype, device))
    if table is not None and not is_dynamo_compiling():
        return table
    table = _make_table(dtype, device)
    recorded = device.type == "cuda" and torch.cuda.is_current_stream_capturing()
    if not recorded and not is_dynamo_compiling() and type(table) is torch.Tensor:
        _tables[dtype, device] = table
    return table


def _make_table(dtype, device):
    shift, zero_from = _TYPES[dtype]
    byte = torch.arange(256, dtype=torch.int32, device=device)
    codes = torch.stack([byte & 15, byte >> 4], -1)
    # The bits of e2m1 are those of an e4m3 number that is 2^6 times smaller.
    numbers = ((codes & 7) << 2 | (codes & 8) << 4).to(torch.uint8).view(torch.float8_e4m3fn).float()
    distance = torch.arange(zero_from + 1, dtype=torch.int32, device=device).view(-1, 1, 1)
    # A power of two by its bits. So all is exact, but where the type rounds.
    power = ((1023 + 6 + shift - distance).long() << 52).view(torch.float64)
    return (numbers.double() * power).to(dtype).view(_PAIRS[dtype]).squeeze(-1)
