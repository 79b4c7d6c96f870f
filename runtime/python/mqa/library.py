# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Finds the kernel for an op: among prebuilt bundles, or by compiling it.

Bundles are the *.mqa files of the folders in MQA_BUNDLES (separated by ':') and of this
package's bundles folder; tools/prebuild.sh writes such a folder. Where libmqa_compiler.so is
(MQA_COMPILER_LIBRARY, or as the system finds it), what is missing is compiled, and kept in
the folder MQA_CACHE, by default ~/.cache/mqa.
"""
import ctypes
import dataclasses
import functools
import os
import pathlib
import threading
from ctypes import POINTER, byref, c_char_p, c_size_t, c_void_p

from . import runtime


@dataclasses.dataclass(frozen=True)
class Op:
    """What a kernel must compute. `next_n` is 0 for mqa.logits; sizes are given at launch."""

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


@functools.lru_cache(maxsize=None)
def _prebuilt():
    found = {}
    folders = [f for f in os.environ.get("MQA_BUNDLES", "").split(":") if f]
    for folder in [*folders, pathlib.Path(__file__).parent / "bundles"]:
        for path in sorted(pathlib.Path(folder).glob("*.mqa")):
            bundle = runtime.Bundle(path)
            for info in bundle.kernels:
                found.setdefault(_describe(info), (bundle, info))
    return found


class _CompileOptions(ctypes.Structure):
    _fields_ = [("target", c_char_p), ("schedule", c_char_p), ("cache", c_char_p)]


@functools.lru_cache(maxsize=None)
def _compiler():
    try:
        library = ctypes.CDLL(os.environ.get("MQA_COMPILER_LIBRARY") or "libmqa_compiler.so.0")
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


def _compile(op):
    library = _compiler()
    if library is None:
        raise LookupError(
            f"no prebuilt bundle holds a kernel for {op}, and there is no compiler here: "
            "set MQA_BUNDLES or MQA_COMPILER_LIBRARY"
        )
    cache = os.environ.get("MQA_CACHE") or os.path.join(os.path.expanduser("~"), ".cache", "mqa")
    schedule = b"fast" if op.fast else None if op.out_type != "f32" or op.next_n else b"exact"
    options = _CompileOptions(op.target.encode(), schedule, os.fsencode(cache))
    text = op.to_mlir().encode()
    result = library.mqa_compile_text(text, len(text), byref(options))
    if not result:
        raise MemoryError("no memory to compile in")
    try:
        size = c_size_t()
        data = library.mqa_compilation_bundle(result, byref(size))
        if not data:
            raise ValueError(library.mqa_compilation_diagnostics(result).decode().strip())
        bundle = runtime.Bundle(ctypes.string_at(data, size.value))
    finally:
        library.mqa_compilation_destroy(result)
    return bundle, bundle.kernels[0]


_lock = threading.Lock()
_loaded = {}


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
                bundle, info = _prebuilt().get(op) or _find_other(op) or _compile(op)
                kernel = _loaded[key] = bundle.load(info, device)
    return kernel


def _find_other(op):
    """A kernel that reduces in half precision, where 16-bit logits leave it free to."""
    if op.out_type == "f32" or op.fast:
        return None
    return _prebuilt().get(dataclasses.replace(op, fast=True))
