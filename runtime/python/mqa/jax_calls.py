# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Custom calls of XLA: how mqa.jax reaches the runtime (mqa/Xla.h).

A call says as text what its kernel must compute. The runtime asks `_find` for the kernel when XLA first runs the call on a
device: so a program may be lowered for another platform than this machine's, and a compiled one be kept in JAX's cache.
"""
import ctypes
import dataclasses
import json

import jax
import numpy as np

from . import jax_checks, library, runtime
from .structures import XlaRequest

_OPS = {op.__name__: op for op in (library.Op, library.TopkOp, library.MergeTopkOp, library.FusedOp)}
_CPU = 0  # Of mqa_device_kind.
_FIND_TYPE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(XlaRequest))


def encode(op):
    """An op as text, without its target."""

    def to_dict(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.name != "target"}
        nested = {name: to_dict(v) if dataclasses.is_dataclass(v) else v for name, v in fields.items()}
        return {"type": type(value).__name__, **nested}

    return json.dumps(to_dict(op), sort_keys=True)


def decode(text, target):
    """The op of a text that `encode` made, for a target."""

    def to_op(fields):
        kind = _OPS[fields.pop("type")]
        if kind is not library.FusedOp:
            return kind(target=target, **fields)
        return kind(**{name: to_op(value) for name, value in fields.items()})

    return to_op(json.loads(text))


@_FIND_TYPE
def _find(pointer):
    request = pointer.contents
    try:
        text = ctypes.string_at(request.op, request.op_size).decode()
        target = "cpu" if request.kind == _CPU else f"sm_{request.capability}"
        # Found kernels stay: library.py keeps them.
        request.kernel = library.find(decode(text, target), request.device).address
        return 0
    except BaseException as error:
        # Of an exception in here, nobody would hear.
        message = f"{type(error).__name__}: {error}".encode(errors="replace")
        request.message = message[: XlaRequest.message.size - 1]
        return 1


LAUNCH, SELECT = "mqa_launch", "mqa_select"


def _register():
    functions = runtime.get_xla_functions()
    functions.set_find(_find)
    for name, platform, function in (
        (LAUNCH, "cpu", functions.launch_on_cpu),
        (SELECT, "cpu", functions.launch_on_cpu),
        (LAUNCH, "CUDA", functions.launch_on_cuda),
        (SELECT, "CUDA", functions.select_on_cuda),
    ):
        stages = {stage: jax.ffi.pycapsule(function) for stage in ("initialize", "execute")}
        jax.ffi.register_ffi_target(name, stages, platform=platform)


_register()


def to_bytes(name, array):
    """Elements of float4_e2m1fn, which JAX may keep in a byte each, as bytes of two. Others stay as they are."""
    if str(getattr(array, "dtype", "")) != "float4_e2m1fn":
        return array
    *rows, size = array.shape or (1,)
    if size % 2:
        raise ValueError(f"{name} of float4_e2m1fn must have an even last size, found {size}")
    return jax.lax.bitcast_convert_type(array.reshape(*rows, size // 2, 2), np.int8)


def to_operands(q, k, k_scale):
    """As kernels read what has block scales: bytes of MXFP4 as int8, and words of scales. Others stay as they are."""
    if str(q.dtype) == "uint8":
        q = jax.lax.bitcast_convert_type(q, np.int8)
    if not jax_checks.find_mx_format(k, k_scale):
        return q, k, k_scale
    if str(k.dtype) == "uint8":
        k = jax.lax.bitcast_convert_type(k, np.int8)
    if str(k_scale.dtype) != "int32":
        k_scale = jax.lax.bitcast_convert_type(k_scale, np.int32)
    return q, k, k_scale


def to_words(q_scale):
    """Block scales as kernels read them: a word for each head, and a row for each query, also of sequences."""
    if q_scale is None:
        return None
    if str(q_scale.dtype) != "int32":
        q_scale = jax.lax.bitcast_convert_type(q_scale, np.int32)
    return q_scale if len(q_scale.shape) == 2 else q_scale.reshape(-1, q_scale.shape[-1])


def call(target, op, results, operands, max_multiprocessors=0, **attributes):
    """Calls the kernel of `op` on those of the operands that are not None. `results` are shapes and types."""
    attributes = {name: np.int64(value) for name, value in attributes.items()}
    if jax_checks.check_integer("max_multiprocessors", max_multiprocessors, 0, 65535):
        attributes["max_multiprocessors"] = np.int64(max_multiprocessors)
    function = jax.ffi.ffi_call(target, results, vmap_method="sequential")
    return function(*(operand for operand in operands if operand is not None), op=encode(op), **attributes)
