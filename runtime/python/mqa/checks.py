# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What tensors must be for a launch: each check raises a ValueError that names the argument and what was found."""
import torch

_TYPES = {
    torch.float8_e4m3fn: "f8E4M3FN",
    torch.float8_e5m2: "f8E5M2",
    torch.bfloat16: "bf16",
    torch.float16: "f16",
    torch.float32: "f32",
}


def fail(message):
    raise ValueError(message)


def get_type(name, dtype, allowed):
    if _TYPES.get(dtype) not in allowed:
        fail(f"{name} must have a dtype of {', '.join(allowed)}, found {dtype}")
    return _TYPES[dtype]


def check_shape(name, tensor, shape):
    """Sizes of `shape` that are None may be any."""
    if tensor.dim() != len(shape) or any(s is not None and s != t for s, t in zip(shape, tensor.shape)):
        expected = " x ".join("*" if size is None else str(size) for size in shape)
        fail(f"{name} must be {expected}, found {' x '.join(map(str, tensor.shape))}")


def check_inner(name, tensor, first=1):
    """Everything from dimension `first` on is contiguous."""
    expected = 1
    for dim in range(tensor.dim() - 1, first - 1, -1):
        if tensor.size(dim) > 1 and tensor.stride(dim) != expected:
            fail(f"{name} must be contiguous from dimension {first} on, found strides {tuple(tensor.stride())}")
        expected *= tensor.size(dim)


def check_ints(name, tensor):
    if tensor.dtype != torch.int32:
        fail(f"{name} must have dtype torch.int32, found {tensor.dtype}")


def check_device(q, **others):
    for name, tensor in others.items():
        if tensor is not None and tensor.device != q.device:
            fail(f"{name} is on {tensor.device}, but q on {q.device}")


def get_target(device):
    if device.type == "cpu":
        return "cpu"
    if device.type != "cuda":
        fail(f"tensors must be on a CUDA device or on the CPU, found {device}")
    return "sm_90a"


def get_stride(tensor):
    """From row to row; what a single row has is no matter."""
    if tensor.size(0) > 1:
        return tensor.stride(0)
    return max(tensor.stride(0), tensor.numel())


def check_logits(q, k, k_scale, weights, ks, ke, out):
    if q.dim() != 3:
        fail(f"q must be M x H x D, found {q.dim()} dimensions")
    m, h, d = q.shape
    grouped = k.dim() == 3
    n, groups = k.size(0), k.size(1) if grouped else 0
    check_shape("k", k, (None, None, d) if grouped else (None, d))
    if k.dtype != q.dtype:
        fail(f"k must have the dtype of q, {q.dtype}, found {k.dtype}")
    if k_scale is not None:
        check_shape("k_scale", k_scale, (n, groups) if grouped else (n,))
        get_type("k_scale", k_scale.dtype, ("f32",))
    if weights is not None:
        check_shape("weights", weights, (m, h))
    for name, bounds in (("ks", ks), ("ke", ke)):
        check_shape(name, bounds, (m,))
        check_ints(name, bounds)
    for name, tensor in (("q", q), ("k", k), ("weights", weights), ("ks", ks), ("ke", ke), ("out", out)):
        if tensor is not None:
            check_inner(name, tensor, 0 if tensor.dim() == 1 else 1)
    if k_scale is not None:
        check_inner("k_scale", k_scale, 1 if grouped else 0)
    check_device(q, k=k, k_scale=k_scale, weights=weights, ks=ks, ke=ke, out=out)


def check_paged(q, k, k_scale, weights, context_lens, block_table, out):
    if q.dim() != 4:
        fail(f"q must be B x T x H x D, found {q.dim()} dimensions")
    b, t, h, d = q.shape
    check_shape("k", k, (None, None, d))
    if k.dtype != q.dtype:
        fail(f"k must have the dtype of q, {q.dtype}, found {k.dtype}")
    if k_scale is not None:
        check_shape("k_scale", k_scale, tuple(k.shape[:2]))
        get_type("k_scale", k_scale.dtype, ("f32",))
        check_inner("k_scale", k_scale)
    if weights is not None:
        check_shape("weights", weights, (b * t, h))
        check_inner("weights", weights)
    check_shape("context_lens", context_lens, (b, t) if context_lens.dim() == 2 else (b,))
    check_ints("context_lens", context_lens)
    check_inner("context_lens", context_lens, context_lens.dim() - 1)
    check_shape("block_table", block_table, (b, None))
    check_ints("block_table", block_table)
    check_shape("out", out, (b * t, None))
    for name, tensor in (("q", q), ("k", k), ("block_table", block_table), ("out", out)):
        check_inner(name, tensor)
    check_device(q, k=k, k_scale=k_scale, weights=weights, context_lens=context_lens, block_table=block_table, out=out)
