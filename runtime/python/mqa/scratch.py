# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Memory that launches of a kernel on a stream work in, one after the other.

A kernel that needs zeroed scratch has a piece for each stream. All other kernels of a stream share one piece. Launches that
are recorded in a graph may run beside others, so a graph has its own. A plan says how much it needs (`scratch_size`), and
whether that must be zero at first (`needs_zeroed_scratch`).
"""

import threading

import torch

from . import launches
from .driver_memory import DriverMemory
from .runtime import Error

_kept: dict = {}
# Held from where memory is looked up until the launcher knows the launch that works in it: another thread may replace it.
LOCK = threading.Lock()
_MAX_PIECES, _MAX_BYTES = 64, 4 << 30


def make(plan, device) -> torch.Tensor:
    """A new tensor of bytes, which nobody keeps."""
    make_tensor = torch.zeros if plan.needs_zeroed_scratch else torch.empty
    return make_tensor(plan.scratch_size, dtype=torch.uint8, device=device)


def get(plan, device, stream):
    """The memory, and whether it is kept."""
    if torch.cuda.is_current_stream_capturing():
        return make(plan, device), False
    key = _get_key(plan, stream)
    memory = _kept.get(key)
    if memory is None or memory.numel() < plan.scratch_size:
        kept_bytes = sum(piece.numel() for piece in _kept.values())
        if len(_kept) >= _MAX_PIECES or kept_bytes + plan.scratch_size > _MAX_BYTES:
            _forget(*list(_kept))
        elif memory is not None:
            _forget(key)
        memory = _kept[key] = _make_kept(plan, device, stream)
    return memory, True


def forget(plan, stream):
    """After a launch that failed: the memory may hold anything, which some kernels do not mind."""
    if not plan.needs_zeroed_scratch:
        return
    _forget(_get_key(plan, stream))


def _get_key(plan, stream):
    return plan.kernel.address if plan.needs_zeroed_scratch else None, plan.device_index, stream


def _make_kept(plan, device, stream):
    """Memory of the driver's: PyTorch's may be in a pool that a CUDA graph of torch.compile's takes back, and the first
    zeroing by PyTorch loads a kernel, which takes longer than all else."""
    if device.type != "cuda":
        return make(plan, device)
    # In eighths of a power of two: to give back what is too small waits for the GPU, which not every size more is worth.
    step = 1 << max(plan.scratch_size.bit_length() - 4, 0)
    size = -(-plan.scratch_size // step) * step
    try:
        return DriverMemory(size, device, stream)
    except Error:
        # PyTorch's allocator may hold what is free.
        torch.cuda.empty_cache()
        return DriverMemory(size, device, stream)


def _forget(*keys):
    # The launcher knows launches by the address of memory that goes away.
    if launches._launcher:
        launches._launcher.clear()
    for key in keys:
        _kept.pop(key, None)
