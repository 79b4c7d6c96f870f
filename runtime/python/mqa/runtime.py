# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The C runtime (mqa/Runtime.h) in Python: bundles, kernels, launches on raw pointers.

Needs no PyTorch. The library is the file named by MQA_RUNTIME_LIBRARY, else the one in
this package's lib folder (a wheel has it), else libmqa_runtime.so.0 as the system finds it.
"""
import ctypes
import importlib.util
import os
import pathlib
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_void_p

from .structures import (ACTIVATIONS, BASES, ELEMENT_TYPES, HEAD_REDUCTIONS, OPS, ORDERS, TIE_BREAKS, KernelInfo,
                         LogitsArgs, MergeTopkArgs, PagedLogitsArgs, TopkArgs)  # fmt: skip # noqa: F401


class Error(RuntimeError):
    """A call of the runtime that failed: its message names the argument and the value. `status` is its mqa_status.

    >>> from mqa import runtime
    >>> try:
    ...     runtime.Bundle(b"no bundle")
    ... except runtime.Error as error:
    ...     print(error)
    bundle: not an MQA bundle: it has 9 bytes, fewer than a header
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class InvalidArgument(Error, ValueError):
    """An argument is null, misaligned, too large, or does not fit the kernel: a ValueError too.

    >>> import mqa
    >>> issubclass(mqa.InvalidArgument, ValueError)
    True
    """


class Unsupported(Error):
    """This machine cannot run the kernel: no driver, another GPU, or another CPU."""


# Of mqa/Runtime.h: the structures are those of this version.
ABI_VERSION = 13


def _check_abi(library, path):
    try:
        version = library.mqa_runtime_abi_version()
    except AttributeError:
        raise ImportError(
            f"the MQA runtime '{path}' is too old for this package: it has no mqa_runtime_abi_version; "
            f"version {ABI_VERSION} is needed"
        ) from None
    if version != ABI_VERSION:
        raise ImportError(f"the MQA runtime '{path}' has ABI version {version}, but this package needs {ABI_VERSION}")


def find_library(folder, name):
    """The file of a library in `folder`; what the system's search is to look for, where it is not there."""
    for file in (f"{name}.0", name):
        if (folder / file).exists():
            return str(folder / file)
    return f"{name}.0"


def _open():
    path = os.environ.get("MQA_RUNTIME_LIBRARY") or find_library(pathlib.Path(__file__).parent / "lib", "libmqa_runtime.so")
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f"cannot load the MQA runtime: {error}; set MQA_RUNTIME_LIBRARY to its file") from None
    _check_abi(library, path)
    library.mqa_last_error.restype = c_char_p
    signatures = {
        "mqa_bundle_load_file": [c_char_p, POINTER(c_void_p)],
        "mqa_bundle_load_memory": [c_char_p, c_size_t, POINTER(c_void_p)],
        "mqa_bundle_kernel_info": [c_void_p, c_size_t, POINTER(KernelInfo)],
        "mqa_kernel_load_at": [c_void_p, c_size_t, c_int, POINTER(c_void_p)],
        "mqa_kernel_load_for": [c_void_p, c_char_p, c_int, c_int, POINTER(c_void_p)],
        "mqa_kernel_get_info": [c_void_p, POINTER(KernelInfo)],
        "mqa_logits_launch": [c_void_p, c_void_p, c_void_p],
        "mqa_paged_logits_launch": [c_void_p, c_void_p, c_void_p],
        "mqa_topk_launch": [c_void_p, c_void_p, c_void_p],
        "mqa_merge_topk_launch": [c_void_p, c_void_p, c_void_p],
        "mqa_logits_topk_launch": [c_void_p, c_void_p, c_void_p, c_void_p],
        "mqa_paged_logits_topk_launch": [c_void_p, c_void_p, c_void_p, c_void_p],
        "mqa_topk_scratch_size": [c_void_p, c_int64, c_int64, POINTER(c_size_t)],
        "mqa_logits_prepare": [c_void_p, c_void_p, POINTER(c_void_p)],
        "mqa_paged_logits_prepare": [c_void_p, c_void_p, POINTER(c_void_p)],
        "mqa_topk_prepare": [c_void_p, c_void_p, POINTER(c_void_p)],
        "mqa_merge_topk_prepare": [c_void_p, c_void_p, POINTER(c_void_p)],
        "mqa_logits_topk_prepare": [c_void_p, c_void_p, c_void_p, POINTER(c_void_p)],
        "mqa_paged_logits_topk_prepare": [c_void_p, c_void_p, c_void_p, POINTER(c_void_p)],
        "mqa_launch_run": [c_void_p, c_void_p],
        "mqa_set_launch_overlap": [c_int],
        "mqa_set_max_multiprocessors": [c_int],
        **{f"mqa_{name}_destroy": [c_void_p] for name in ("bundle", "kernel", "launch")},
    }
    for name, argtypes in signatures.items():
        function = getattr(library, name, None)
        if function is None:
            # New functions do not raise the version.
            raise ImportError(f"the MQA runtime '{path}' is too old for this package: it has no {name}")
        returns_nothing = "_set_" in name or name.endswith("_destroy")
        function.argtypes, function.restype = argtypes, None if returns_nothing else c_int
    library.mqa_bundle_num_kernels.argtypes = [c_void_p]
    library.mqa_bundle_num_kernels.restype = c_size_t
    return library


_library = _open()


# Of mqa_status.
_ERRORS = {1: InvalidArgument, 4: Unsupported}


def _require(status, source=None):
    """`source` is a file that the message must name."""
    if status:
        message = _library.mqa_last_error().decode(errors="replace")
        if source is not None and source not in message:
            message = f"'{source}': {message}"
        raise _ERRORS.get(status, Error)(status, message)


def set_launch_overlap(enabled: bool) -> None:
    """Whether launches on a GPU may overlap the end of the kernel ahead of them in the stream (mqa_set_launch_overlap).

    It holds for all launches of this process from now on; they may at first. Raises nothing.

    >>> import mqa
    >>> mqa.set_launch_overlap(False)
    >>> mqa.get_launch_overlap()
    False
    >>> mqa.set_launch_overlap(True)
    """
    _library.mqa_set_launch_overlap(bool(enabled))


def get_launch_overlap() -> bool:
    """What `set_launch_overlap` set last. Raises nothing.

    >>> import mqa
    >>> mqa.get_launch_overlap()
    True
    """
    return bool(_library.mqa_get_launch_overlap())


def set_max_multiprocessors(count):
    """The most multiprocessors of a GPU that a launch of logits may use; 0: all (mqa_set_max_multiprocessors)."""
    _library.mqa_set_max_multiprocessors(count)


def get_max_multiprocessors():
    return _library.mqa_get_max_multiprocessors()


class _XlaFunctions:
    """Those of mqa/Xla.h."""

    def __init__(self, library):
        for name in ("set_find", "launch_on_cpu", "launch_on_cuda", "select_on_cuda"):
            setattr(self, name, getattr(library, f"mqa_xla_{name}"))
        self.set_find.argtypes, self.set_find.restype = [c_void_p], None


def get_xla_functions():
    return _XlaFunctions(_library)


def _get_function(info, what):
    """The function of the C API that does `what` with kernels of the op."""
    return getattr(_library, f"{OPS[info.op].replace('.', '_')}_{what}")


# Of mqa_device_kind.
_CPU = 0


class Kernel:
    """A kernel that is loaded for one device; called with filled arguments and a stream."""

    def __init__(self, bundle, info, device):
        self._handle = c_void_p()
        if info.target == b"cpu":
            # Of those for several processors, the best that this one can run.
            status = _library.mqa_kernel_load_for(bundle._handle, info.name, _CPU, device, byref(self._handle))
        else:
            index = bundle.kernels.index(info)
            status = _library.mqa_kernel_load_at(bundle._handle, index, device, byref(self._handle))
        _require(status)
        self.address = self._handle.value
        self.info = KernelInfo()
        _require(_library.mqa_kernel_get_info(self._handle, byref(self.info)))
        self.info.own_strings()
        self._launch = _get_function(self.info, "launch")

    def __del__(self):
        if getattr(self, "_handle", None):
            _library.mqa_kernel_destroy(self._handle)

    def launch(self, args: ctypes.Structure, stream: int | None = None) -> None:
        """Enqueues one launch on `stream` (an address); on a CPU, returns when it is done."""
        status = self._launch(self.address, ctypes.addressof(args), stream)
        if status:
            _require(status)

    def launch_both(self, args: ctypes.Structure, selection: TopkArgs, stream: int | None = None) -> None:
        """Likewise of a kernel of logits and top-k, with the arguments of both ops."""
        status = self._launch(self.address, ctypes.addressof(args), ctypes.addressof(selection), stream)
        if status:
            _require(status)

    def get_scratch_size(self, num_queries: int, num_columns: int) -> int:
        """Bytes that a launch which selects keys works in (mqa_topk_scratch_size)."""
        size = c_size_t()
        _require(_library.mqa_topk_scratch_size(self.address, num_queries, num_columns, byref(size)))
        return size.value

    def prepare(self, *args: ctypes.Structure) -> "Launch":
        """A launch on arguments that stay as they are, checked and encoded once; those of both ops where there are two."""
        return Launch(self, args)


class Launch:
    """A prepared launch."""

    def __init__(self, kernel, args):
        self._handle = c_void_p()
        prepare = _get_function(kernel.info, "prepare")
        _require(prepare(kernel.address, *map(ctypes.addressof, args), byref(self._handle)))
        self._address = self._handle.value

    def __del__(self):
        if getattr(self, "_handle", None):
            _library.mqa_launch_destroy(self._handle)

    def run(self, stream: int | None = None) -> None:
        """Enqueues it on `stream`, as often as wanted."""
        status = _library.mqa_launch_run(self._address, stream)
        if status:
            _require(status)


class _SymbolInfo(ctypes.Structure):
    """Dl_info of dladdr."""

    _fields_ = [("file", c_char_p), ("base", c_void_p), ("name", c_char_p), ("address", c_void_p)]


def get_file(function):
    """The file of the library that has `function`."""
    info = _SymbolInfo()
    if not ctypes.CDLL(None).dladdr(ctypes.cast(function, c_void_p), byref(info)):
        return None
    return pathlib.Path(os.fsdecode(info.file))


def get_library_file():
    return get_file(_library.mqa_last_error)


def load_launcher():
    """The module _mqa_launcher, which is built and lies beside the runtime's library; None where it is not."""
    library = get_library_file()
    path = library and library.parent / "_mqa_launcher.abi3.so"
    if not path or not path.exists():
        return None
    try:
        spec = importlib.util.spec_from_file_location("_mqa_launcher", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except ImportError:
        # A Python without the stable ABI.
        return None
    return module


class Bundle:
    """What the compiler made of one MLIR file, from a path or from bytes."""

    def __init__(self, source: str | os.PathLike | bytes):
        self._handle = c_void_p()
        if isinstance(source, bytes):
            _require(_library.mqa_bundle_load_memory(source, len(source), byref(self._handle)))
        else:
            path = os.fsencode(source)
            _require(_library.mqa_bundle_load_file(path, byref(self._handle)), path.decode(errors="replace"))
        self.kernels = []
        for index in range(_library.mqa_bundle_num_kernels(self._handle)):
            info = KernelInfo()
            _require(_library.mqa_bundle_kernel_info(self._handle, index, byref(info)))
            info.own_strings()
            self.kernels.append(info)

    def __del__(self):
        if getattr(self, "_handle", None):
            _library.mqa_bundle_destroy(self._handle)

    def load(self, info: KernelInfo, device: int = 0) -> Kernel:
        """Loads the kernel that `info`, one of `kernels`, describes: for its target, whatever others there are.

        Of the kernels of that name for several processors, it is the best one that this machine can run.
        """
        return Kernel(self, info, device)
