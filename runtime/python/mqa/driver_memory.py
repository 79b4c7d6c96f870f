# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Memory of a GPU that the CUDA driver gives, beside PyTorch's allocator."""
import ctypes
import functools
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p

import torch

from .runtime import Error

# CU_STREAM_CAPTURE_MODE_RELAXED: a thread may allocate while a graph is recorded on a stream.
_RELAXED = 2
_DRIVER_ERROR = 5  # Of mqa_status.


@functools.lru_cache(maxsize=1)
def _open():
    """libcuda, which PyTorch has loaded."""
    library = ctypes.CDLL("libcuda.so.1")
    for name, argtypes in (
        ("cuMemAlloc_v2", [POINTER(c_uint64), c_size_t]),
        ("cuMemFree_v2", [c_uint64]),
        ("cuMemsetD8Async", [c_uint64, c_uint, c_size_t, c_void_p]),
        ("cuThreadExchangeStreamCaptureMode", [POINTER(c_int)]),
        ("cuGetErrorName", [c_int, POINTER(c_char_p)]),
    ):
        function = getattr(library, name)
        function.argtypes, function.restype = argtypes, c_int
    return library


def _check(name, *arguments):
    library = _open()
    result = getattr(library, name)(*arguments)
    if result:
        text = c_char_p()
        library.cuGetErrorName(result, byref(text))
        raise Error(_DRIVER_ERROR, f"{name} failed: {(text.value or b'unknown').decode()}")


class _Relaxed:
    """For this thread, as long as it lasts; the mode before comes back."""

    def __enter__(self):
        self._mode = c_int(_RELAXED)
        _check("cuThreadExchangeStreamCaptureMode", byref(self._mode))

    def __exit__(self, *_):
        _check("cuThreadExchangeStreamCaptureMode", byref(self._mode))


class DriverMemory:
    """`size` bytes on a CUDA device, zeroed for what runs on `stream` from now on, which records no graph.

    `data_ptr()` and `numel()` are as of a tensor of bytes. When it goes, the driver waits for launches that use it. Raises
    mqa.Error where the driver has no memory.
    """

    def __init__(self, size: int, device: torch.device, stream: int):
        self._data, self._size, self._device = 0, size, device
        data = c_uint64()
        with torch.cuda.device(device), _Relaxed():
            _check("cuMemAlloc_v2", byref(data), size)
            self._data = data.value
            _check("cuMemsetD8Async", self._data, 0, size, stream)

    def __del__(self):
        if not self._data:
            return
        try:
            with torch.cuda.device(self._device), _Relaxed():
                _check("cuMemFree_v2", self._data)
        except Exception:
            # At the end of a process, or in a forked child, there is no context, and the memory is gone.
            pass

    def data_ptr(self) -> int:
        return self._data

    def numel(self) -> int:
        return self._size
