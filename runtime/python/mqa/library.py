# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Finds the kernel for an op: among prebuilt bundles, or by compiling it.

Bundles are the *.mqa files of the folders in MQA_BUNDLES (separated by ':') and of this
package's bundles folder; tools/prebuild.sh writes such a folder. Where libmqa_compiler.so is
(MQA_COMPILER_LIBRARY, or as the system finds it), what is missing is compiled for the device, and kept in
the folder MQA_CACHE, by default $XDG_CACHE_HOME/mqa or ~/.cache/mqa; without a home, nowhere. A kernel that was
found stays; these variables are read for each that was not.
"""
import ctypes
import dataclasses
import functools
import os
import pathlib
import pwd
import stat
import threading
import warnings
from ctypes import POINTER, byref, c_char_p, c_size_t, c_void_p

from . import runtime


@dataclasses.dataclass(frozen=True)
class Op:
    """What a kernel must compute, and where. `next_n` is 0 for mqa.logits; sizes are given at launch.

    `target` is "cpu", or the capability of a GPU, such as "sm_86"; of a kernel that is there, what it was compiled for.
    """

    target: str
    num_heads: int
    head_dim: int
    input_type: str = "f8E4M3FN"
    out_type: str = "f32"
    weights_type: str = "f32"  # or "none"
    has_k_scale: bool = True
    num_groups: int = 0  # 0: keys have no dimension of groups
    clean: bool = False
    compressed: bool = False
    relu: bool = True
    fast: bool = False
    next_n: int = 0
    block_kv: int = 0
    lens_per_query: bool = False

    def to_mlir(self):
        """The function that consists of the op, on tensors whose sizes are dynamic."""
        h, d, e = self.num_heads, self.head_dim, self.input_type
        if self.next_n:
            t, p = self.next_n, self.block_kv
            lens = f"?x{t}xi32" if self.lens_per_query else "?xi32"
            operands = [("q", f"?x{t}x{h}x{d}x{e}"), ("k", f"?x{p}x{d}x{e}"), ("k_scale", f"?x{p}xf32")]
            operands += [("weights", f"?x{h}x{self.weights_type}"), ("context_lens", lens), ("block_table", "?x?xi32")]
        else:
            g = f"{self.num_groups}x" if self.num_groups else ""
            operands = [("q", f"?x{h}x{d}x{e}"), ("k", f"?x{g}{d}x{e}"), ("k_scale", f"?x{g}f32")]
            operands += [("weights", f"?x{h}x{self.weights_type}"), ("ks", "?xi32"), ("ke", "?xi32")]
        absent = {"k_scale"} if not self.has_k_scale else set()
        if self.weights_type == "none":
            absent.add("weights")
        out = f"tensor<?x?x{self.out_type}>"
        present = [(name, f"tensor<{type}>") for name, type in operands if name not in absent]
        attributes = [name for name in ("clean", "compressed") if getattr(self, name)]
        if not self.relu:
            attributes.append("activation = #mqa.activation<none>")
        name = "mqa.paged_logits" if self.next_n else "mqa.logits"
        inputs = ", ".join("none" if n in absent else f"%{n}" for n, _ in operands)
        return (
            f"func.func @logits({', '.join(f'%{n}: {t}' for n, t in present)}, %out: {out}) -> {out} {{\n"
            f"  %0 = {name} ins({inputs} : {', '.join(t for _, t in present)}) outs(%out : {out})"
            f" {{{', '.join(attributes)}}} -> {out}\n  return %0 : {out}\n}}\n"
        )


def _describe(info):
    """The op of a kernel; null if it knows sizes that are given at launch here."""
    sizes = [info.batch, info.num_blocks, info.max_blocks, info.max_context_len] if info.paged else [info.num_keys]
    if info.compressed and not info.paged:
        sizes.append(info.max_seqlen_k)
    if any(size >= 0 for size in sizes + [info.num_queries]) or not (info.paged or info.has_ks):
        return None
    return Op(
        target=info.target.decode(),
        num_heads=info.num_heads,
        head_dim=info.head_dim,
        input_type=runtime.ELEMENT_TYPES[info.input_type],
        out_type=runtime.ELEMENT_TYPES[info.out_type],
        weights_type=runtime.ELEMENT_TYPES[info.weights_type] if info.has_weights else "none",
        has_k_scale=bool(info.has_k_scale),
        num_groups=info.num_groups if info.num_groups > 1 else 0,
        clean=bool(info.clean),
        compressed=bool(info.compressed),
        relu=bool(info.relu),
        fast=bool(info.fast),
        next_n=info.next_n if info.paged else 0,
        block_kv=info.block_kv if info.paged else 0,
        lens_per_query=bool(info.lens_per_query),
    )


def _warn(message):
    # Nothing of this package is where the caller can do something about it.
    warnings.warn(message, RuntimeWarning, stacklevel=2)


def _read_bundles(folder):
    """The bundles of a folder; what is wrong with the others is a warning that names the file."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".mqa"))
    except OSError as error:
        _warn(f"MQA_BUNDLES: cannot read the folder {os.fspath(folder)!r}: {error.strerror}")
        return
    for path in (os.path.join(folder, name) for name in names):
        try:
            # Others may have no end, or nobody who writes to them.
            if not stat.S_ISREG(os.stat(path).st_mode):
                _warn(f"left out of the bundles: '{path}' is no regular file")
                continue
            yield runtime.Bundle(path)
        except (OSError, runtime.Error) as error:
            _warn(f"left out of the bundles: {error}")


@functools.lru_cache(maxsize=8)
def _prebuilt(variable):
    """By the value of MQA_BUNDLES."""
    found = {}
    folders = [f for f in variable.split(":") if f]
    own = pathlib.Path(__file__).parent / "bundles"
    if own.is_dir():
        folders.append(own)
    for folder in folders:
        for bundle in _read_bundles(folder):
            for info in bundle.kernels:
                found.setdefault(_describe(info), (bundle, info))
    return found


def _find_prebuilt(op):
    """Where kernels for `op.target` are: those that reduce in half precision last, where 16-bit logits leave it free to."""
    prebuilt = _prebuilt(os.environ.get("MQA_BUNDLES", ""))
    others = [dataclasses.replace(op, fast=True)] if op.out_type != "f32" and not op.fast else []
    return [prebuilt[other] for other in [op, *others] if other in prebuilt]


# What kernels are compiled for, newest first. The driver compiles their PTX for every later GPU, but that of sm_90a.
_PORTABLE = (120, 89, 86, 80)


def list_targets(target):
    """The targets whose kernels a GPU, or the CPU, can run: the best first, as mqa_kernel_load chooses."""
    if target == "cpu":
        return ["cpu"]
    capability = int(target.removeprefix("sm_").rstrip("a"))
    return ["sm_90a"] * (capability == 90) + [f"sm_{chip}" for chip in _PORTABLE if chip <= capability]


class _CompileOptions(ctypes.Structure):
    _fields_ = [("target", c_char_p), ("schedule", c_char_p), ("cache", c_char_p)]


@functools.lru_cache(maxsize=8)
def _open_compiler(path):
    try:
        library = ctypes.CDLL(path)
    except OSError:
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


def _find_cache():
    """The folder for what was compiled, or None. Who may use it, the compiler checks."""
    folder = os.environ.get("MQA_CACHE")
    if folder:
        return folder
    # A relative one is to be ignored, as the specification of the variable says.
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        home = os.environ.get("HOME") or _find_home()
        if not os.path.isabs(home):
            _warn("there is no home folder, so what is compiled is not kept: set MQA_CACHE to a folder of your own")
            return None
        base = os.path.join(home, ".cache")
    return os.path.join(base, "mqa")


def _compile(op):
    """A bundle of the kernel; None where there is no compiler."""
    library = _open_compiler(os.environ.get("MQA_COMPILER_LIBRARY") or "libmqa_compiler.so.0")
    if library is None:
        return None
    cache = _find_cache()
    schedule = b"fast" if op.fast else None if op.out_type != "f32" or op.next_n else b"exact"
    options = _CompileOptions(op.target.encode(), schedule, None if cache is None else os.fsencode(cache))
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
            _warn(diagnostics)
        return runtime.Bundle(ctypes.string_at(data, size.value))
    finally:
        library.mqa_compilation_destroy(result)


_lock = threading.Lock()
_loaded = {}


def _renew_lock():
    """A thread that held it at a fork is not in the child, which would wait for it without end."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def _for_target(op, target):
    """`fast` allows a sum in half precision, which sm_90a alone has."""
    return dataclasses.replace(op, target=target, fast=op.fast and target == "sm_90a")


def _load_prebuilt(op, targets, device, refused):
    """The first that the device can load, or None; `refused` gets the errors of others."""
    for target in targets:
        for bundle, info in _find_prebuilt(_for_target(op, target)):
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
    if kernel is None and (bundle := _compile(_for_target(op, best))):
        kernel = bundle.load(bundle.kernels[0], device)
    kernel = kernel or _load_prebuilt(op, others, device, refused)
    if kernel is None and refused:
        raise refused[0]
    if kernel is None:
        raise LookupError(
            f"no prebuilt bundle holds a kernel for {op}, and there is no compiler here: "
            "set MQA_BUNDLES or MQA_COMPILER_LIBRARY"
        )
    return kernel


def find(op, device=0):
    """The loaded kernel for `op`; compiles and loads it the first time.

    `device` is that of the CUDA context to load into, or a number of CPU threads (0: all).
    Raises LookupError where there is no such kernel and no compiler.
    """
    key = op, device
    kernel = _loaded.get(key)
    if kernel is None:
        with _lock:
            kernel = _loaded.get(key)
            if kernel is None:
                kernel = _loaded[key] = _load(op, device)
    return kernel
