# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Finds the kernel for an op: among prebuilt bundles, or by compiling it.

Bundles are the *.mqa files of the folders in MQA_BUNDLES (separated by ':'), which tools/prebuild.sh writes, and those
that a wheel brings. Where libmqa_compiler.so is (MQA_COMPILER_LIBRARY, the package mqa_compiler, or as the system finds
it), what is missing is compiled for the device, and kept in the folder MQA_CACHE, by default $XDG_CACHE_HOME/mqa or
~/.cache/mqa; without a home, nowhere. A kernel that was found stays; these variables are read for each that was not.
"""
import ctypes
import functools
import importlib.util
import os
import pathlib
import pwd
import threading
from ctypes import POINTER, byref, c_char_p, c_size_t, c_void_p

from . import prebuilt, runtime
from .fused_op import FusedOp  # noqa: F401 (library.Op is what callers use)
from .prebuilt import warn
from .ops import MergeTopkOp, Op, TopkOp, check_head_reduction, get_activation  # noqa: F401


# What kernels are compiled for, newest first. The driver compiles their PTX for every later GPU, but that of sm_90a.
_PORTABLE = (120, 89, 86, 80)


def list_targets(target: str) -> list[str]:
    """The targets whose kernels a GPU, or the CPU, can run: the best first, as mqa_kernel_load chooses."""
    if target == "cpu":
        return ["cpu"]
    capability = int(target.removeprefix("sm_").rstrip("a"))
    return ["sm_90a"] * (capability == 90) + [f"sm_{chip}" for chip in _PORTABLE if chip <= capability]


def find_compiler():
    """The file of the compiler's library, or the name by which the system may have it."""
    path = os.environ.get("MQA_COMPILER_LIBRARY")
    if path:
        return path
    package = importlib.util.find_spec("mqa_compiler")
    # A folder that happens to have that name has no file.
    if package is None or package.origin is None:
        return "libmqa_compiler.so.0"
    return runtime.find_library(pathlib.Path(package.origin).parent / "lib", "libmqa_compiler.so")


class _CompileOptions(ctypes.Structure):
    _fields_ = [("target", c_char_p), ("schedule", c_char_p), ("cache", c_char_p)]


@functools.lru_cache(maxsize=8)
def open_compiler(path):
    """The compiler's library; None where it cannot be loaded."""
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        if os.path.exists(path):
            warn(f"the compiler cannot be loaded: {error}")
        return None
    library.mqa_compile_text.argtypes = [c_char_p, c_size_t, POINTER(_CompileOptions)]
    library.mqa_compile_text.restype = c_void_p
    library.mqa_compilation_bundle.argtypes = [c_void_p, POINTER(c_size_t)]
    library.mqa_compilation_bundle.restype = c_void_p
    library.mqa_compilation_diagnostics.argtypes = [c_void_p]
    library.mqa_compilation_diagnostics.restype = c_char_p
    library.mqa_compilation_destroy.argtypes = [c_void_p]
    library.mqa_compilation_destroy.restype = None
    return library


def _find_home():
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""


def find_cache():
    """The folder for what was compiled, or None. Who may use it, the compiler checks."""
    folder = os.environ.get("MQA_CACHE")
    if folder:
        return folder
    # A relative one is to be ignored, as the specification of the variable says.
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        home = os.environ.get("HOME") or _find_home()
        if not os.path.isabs(home):
            warn("there is no home folder, so what is compiled is not kept: set MQA_CACHE to a folder of your own")
            return None
        base = os.path.join(home, ".cache")
    return os.path.join(base, "mqa")


def _compile(op):
    """A bundle of the kernel; None where there is no compiler."""
    library = open_compiler(find_compiler())
    if library is None:
        return None
    cache = find_cache()
    options = _CompileOptions(op.target.encode(), op.schedule, None if cache is None else os.fsencode(cache))
    text = op.to_mlir().encode()
    result = library.mqa_compile_text(text, len(text), byref(options))
    if not result:
        raise MemoryError("no memory to compile in")
    try:
        size = c_size_t()
        data = library.mqa_compilation_bundle(result, byref(size))
        diagnostics = library.mqa_compilation_diagnostics(result).decode(errors="replace").strip()
        if not data:
            raise ValueError(diagnostics)
        if diagnostics:
            warn(diagnostics)
        return runtime.Bundle(ctypes.string_at(data, size.value))
    finally:
        library.mqa_compilation_destroy(result)


_lock = threading.Lock()
_loaded: dict = {}


def _renew_lock():
    """A thread that held it at a fork is not in the child, which would wait for it without end."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def _load_prebuilt(op, targets, device, refused):
    """The first that the device can load, or None; `refused` gets the errors of others."""
    for target in targets:
        for bundle, info in prebuilt.find(op.for_target(target)):
            try:
                return bundle.load(info, device)
            except runtime.Unsupported as error:
                refused.append(error)
    return None


def _load(op, device):
    best, *others = list_targets(op.target) or [None]
    if best is None:
        raise LookupError(f"there are no kernels for {op.target}: the oldest GPU that they are for is sm_{_PORTABLE[-1]}")
    refused = []
    kernel = _load_prebuilt(op, [best], device, refused)
    # What is compiled for this device is faster than what is there for an older one.
    if kernel is None and (bundle := _compile(op.for_target(best))):
        kernel = bundle.load(bundle.kernels[0], device)
    kernel = kernel or _load_prebuilt(op, others, device, refused)
    if kernel is None and refused:
        raise refused[0]
    if kernel is None:
        raise LookupError(
            f"no prebuilt bundle holds a kernel for {op}, and there is no compiler here: "
            "install mqa_compiler, or set MQA_BUNDLES or MQA_COMPILER_LIBRARY"
        )
    return kernel


def find(op: Op | TopkOp | MergeTopkOp | FusedOp, device: int = 0) -> runtime.Kernel:
    """The loaded kernel for `op`; compiles and loads it the first time.

    `op` is an Op, TopkOp, MergeTopkOp or FusedOp of this module. `device` is that of the CUDA context to load into, or a
    number of CPU threads (0: all). Raises LookupError where there is no such kernel and no compiler, ValueError where the
    compiler refuses the op, and runtime.Error where the kernel cannot be loaded.

    >>> from mqa import library
    >>> kernel = library.find(library.Op("cpu", num_heads=64, head_dim=128, clean=True))
    >>> kernel.info.num_heads, kernel.info.target
    (64, b'cpu')
    """
    key = op, device
    kernel = _loaded.get(key)
    if kernel is None:
        with _lock:
            kernel = _loaded.get(key)
            if kernel is None:
                kernel = _loaded[key] = _load(op, device)
    return kernel
