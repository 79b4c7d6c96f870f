# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The C runtime (mqa/Runtime.h) in Python: bundles, kernels, launches on raw pointers.

Needs no PyTorch. The library is the file named by MQA_RUNTIME_LIBRARY, else the one in
this package's lib folder, else libmqa_runtime.so as the system finds it.
"""
import ctypes
import importlib.util
import os
import pathlib
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_void_p

# mqa_element_type, by the names of MLIR; likewise mqa_op, mqa_tie_break, mqa_order and mqa_base.
ELEMENT_TYPES = ("f8E4M3FN", "f8E5M2", "bf16", "f16", "f32", "i32")
OPS = (
    "mqa.logits",
    "mqa.paged_logits",
    "mqa.topk",
    "mqa.merge_topk",
    "mqa.logits_topk",
    "mqa.paged_logits_topk",
)
ACTIVATIONS = ("relu", "none")
TIE_BREAKS = ("smallest", "greatest")
ORDERS = ("key", "score", "any")
BASES = ("relative", "absolute", "slot")


class Error(RuntimeError):
    """A call of the runtime that failed: its message names the argument and the value."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class InvalidArgument(Error, ValueError):
    """An argument is null, misaligned, too large, or does not fit the kernel."""


class Unsupported(Error):
    """This machine cannot run the kernel: no driver, another GPU, or another CPU."""


class KernelInfo(ctypes.Structure):
    """mqa_kernel_info: what a kernel computes; sizes given at launch are -1."""

    _fields_ = [
        ("name", c_char_p),
        ("target", c_char_p),
        ("op", c_int),
        ("num_queries", c_int64),
        ("num_heads", c_int64),
        ("head_dim", c_int64),
        ("num_keys", c_int64),
        ("num_groups", c_int64),
        ("max_seqlen_k", c_int64),
        ("input_type", c_int),
        ("out_type", c_int),
        ("weights_type", c_int),
        ("has_weights", c_int),
        ("has_k_scale", c_int),
        ("strided_k_scale", c_int),
        ("has_ks", c_int),
        ("activation", c_int),
        ("clean", c_int),
        ("compressed", c_int),
        ("fast", c_int),
        ("schedule", c_char_p),
        ("batch", c_int64),
        ("next_n", c_int64),
        ("num_blocks", c_int64),
        ("block_kv", c_int64),
        ("max_blocks", c_int64),
        ("lens_per_query", c_int),
        ("max_context_len", c_int64),
        ("k", c_int64),
        ("tie_break", c_int),
        ("order", c_int),
        ("base", c_int),
        ("force_first", c_int64),
        ("force_last", c_int64),
        ("num_sequences", c_int64),
        ("has_context_lens", c_int),
        ("has_sequence", c_int),
        ("has_offset", c_int),
        ("has_values", c_int),
        ("has_num_keys", c_int),
        ("num_lists", c_int64),
        ("logits_type", c_int),
        ("scratch_bytes", c_int64),
        ("num_threads", c_int),
    ]


# What mqa_logits_args and mqa_paged_logits_args begin with.
_SHARED_FIELDS = [
    ("q", c_void_p),
    ("q_stride", c_int64),
    ("k", c_void_p),
    ("k_stride", c_int64),
    ("k_scale", c_void_p),
    ("k_scale_stride", c_int64),
    ("weights", c_void_p),
    ("weights_stride", c_int64),
]


class LogitsArgs(ctypes.Structure):
    """mqa_logits_args: pointers, strides in elements, and sizes of one launch."""

    _fields_ = _SHARED_FIELDS + [
        ("ks", c_void_p),
        ("ke", c_void_p),
        ("out", c_void_p),
        ("out_stride", c_int64),
        ("num_queries", c_int64),
        ("num_keys", c_int64),
        ("max_seqlen_k", c_int64),
    ]


class PagedLogitsArgs(ctypes.Structure):
    """mqa_paged_logits_args, likewise."""

    _fields_ = _SHARED_FIELDS + [
        ("context_lens", c_void_p),
        ("context_lens_stride", c_int64),
        ("block_table", c_void_p),
        ("block_table_stride", c_int64),
        ("out", c_void_p),
        ("out_stride", c_int64),
        ("batch", c_int64),
        ("num_blocks", c_int64),
        ("max_blocks", c_int64),
        ("max_context_len", c_int64),
    ]


class TopkArgs(ctypes.Structure):
    """mqa_topk_args, likewise."""

    _fields_ = [
        ("logits", c_void_p),
        ("logits_stride", c_int64),
        ("ks", c_void_p),
        ("ke", c_void_p),
        ("context_lens", c_void_p),
        ("context_lens_stride", c_int64),
        ("block_table", c_void_p),
        ("block_table_stride", c_int64),
        ("sequence", c_void_p),
        ("offset", c_void_p),
        ("indices", c_void_p),
        ("indices_stride", c_int64),
        ("values", c_void_p),
        ("values_stride", c_int64),
        ("num_queries", c_int64),
        ("num_columns", c_int64),
        ("num_keys", c_int64),
        ("k", c_int64),
        ("num_sequences", c_int64),
        ("max_blocks", c_int64),
        ("scratch", c_void_p),
        ("scratch_size", c_size_t),
    ]


class MergeTopkArgs(ctypes.Structure):
    """mqa_merge_topk_args, likewise."""

    _fields_ = [
        ("list_indices", c_void_p),
        ("list_indices_stride", c_int64),
        ("list_indices_row_stride", c_int64),
        ("list_values", c_void_p),
        ("list_values_stride", c_int64),
        ("list_values_row_stride", c_int64),
        ("ks", c_void_p),
        ("ke", c_void_p),
        ("indices", c_void_p),
        ("indices_stride", c_int64),
        ("values", c_void_p),
        ("values_stride", c_int64),
        ("num_lists", c_int64),
        ("num_queries", c_int64),
        ("k", c_int64),
    ]


# Of mqa/Runtime.h: the structures above are those of this version.
ABI_VERSION = 6


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


def _open():
    beside = pathlib.Path(__file__).parent / "lib" / "libmqa_runtime.so"
    path = os.environ.get("MQA_RUNTIME_LIBRARY") or (str(beside) if beside.exists() else "libmqa_runtime.so.0")
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


def set_launch_overlap(enabled):
    """Whether launches on a GPU may overlap the end of the kernel ahead of them in the stream (mqa_set_launch_overlap)."""
    _library.mqa_set_launch_overlap(bool(enabled))


def get_launch_overlap():
    return bool(_library.mqa_get_launch_overlap())


def set_max_multiprocessors(count):
    """The most multiprocessors of a GPU that a launch of logits may use; 0: all (mqa_set_max_multiprocessors)."""
    _library.mqa_set_max_multiprocessors(count)


def get_max_multiprocessors():
    return _library.mqa_get_max_multiprocessors()


def _get_function(info, what):
    """The function of the C API that does `what` with kernels of the op."""
    return getattr(_library, f"{OPS[info.op].replace('.', '_')}_{what}")


class Kernel:
    """A kernel that is loaded for one device; called with filled arguments and a stream."""

    def __init__(self, bundle, index, device):
        self._handle = c_void_p()
        _require(_library.mqa_kernel_load_at(bundle._handle, index, device, byref(self._handle)))
        self.address = self._handle.value
        self.info = KernelInfo()
        _require(_library.mqa_kernel_get_info(self._handle, byref(self.info)))
        self._launch = _get_function(self.info, "launch")

    def __del__(self):
        if getattr(self, "_handle", None):
            _library.mqa_kernel_destroy(self._handle)

    def launch(self, args, stream=None):
        """Enqueues one launch on `stream` (an address); on a CPU, returns when it is done."""
        status = self._launch(self.address, ctypes.addressof(args), stream)
        if status:
            _require(status)

    def launch_both(self, args, selection, stream=None):
        """Likewise of a kernel of logits and top-k, with the arguments of both ops."""
        status = self._launch(self.address, ctypes.addressof(args), ctypes.addressof(selection), stream)
        if status:
            _require(status)

    def get_scratch_size(self, num_queries, num_columns):
        """Bytes that a launch which selects keys works in (mqa_topk_scratch_size)."""
        size = c_size_t()
        _require(_library.mqa_topk_scratch_size(self.address, num_queries, num_columns, byref(size)))
        return size.value

    def prepare(self, *args):
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

    def run(self, stream=None):
        """Enqueues it on `stream`, as often as wanted."""
        status = _library.mqa_launch_run(self._address, stream)
        if status:
            _require(status)


class _SymbolInfo(ctypes.Structure):
    """Dl_info of dladdr."""

    _fields_ = [("file", c_char_p), ("base", c_void_p), ("name", c_char_p), ("address", c_void_p)]


def load_launcher():
    """The module _mqa_launcher, which is built and lies beside the runtime's library; None where it is not."""
    info = _SymbolInfo()
    if not ctypes.CDLL(None).dladdr(ctypes.cast(_library.mqa_last_error, c_void_p), byref(info)):
        return None
    path = pathlib.Path(os.fsdecode(info.file)).parent / "_mqa_launcher.abi3.so"
    if not path.exists():
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

    def __init__(self, source):
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
            self.kernels.append(info)

    def __del__(self):
        if getattr(self, "_handle", None):
            _library.mqa_bundle_destroy(self._handle)

    def load(self, info, device=0):
        """Loads the kernel that `info`, one of `kernels`, describes: for its target, whatever others there are."""
        return Kernel(self, self.kernels.index(info), device)
