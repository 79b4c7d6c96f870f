# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The structures and enums of mqa/Runtime.h, for runtime.py."""
import ctypes
from ctypes import c_char, c_char_p, c_int, c_int64, c_size_t, c_void_p

# mqa_element_type, by the names of MLIR; likewise mqa_op, mqa_tie_break, mqa_order and mqa_base.
ELEMENT_TYPES = ("f8E4M3FN", "f8E5M2", "bf16", "f16", "f32", "i32", "i8")
OPS = (
    "mqa.logits",
    "mqa.paged_logits",
    "mqa.topk",
    "mqa.merge_topk",
    "mqa.logits_topk",
    "mqa.paged_logits_topk",
)
ACTIVATIONS = ("relu", "none", "relu_nan_as_zero")
HEAD_REDUCTIONS = ("sum", "max")
TIE_BREAKS = ("smallest", "greatest")
ORDERS = ("key", "score", "any")
BASES = ("relative", "absolute", "slot")


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
        ("key_type", c_int),
        ("k_scale_type", c_int),
        ("out_type", c_int),
        ("weights_type", c_int),
        ("has_weights", c_int),
        ("has_k_scale", c_int),
        ("strided_k_scale", c_int),
        ("has_ks", c_int),
        ("activation", c_int),
        ("clean", c_int),
        ("compressed", c_int),
        ("block_max", c_int64),
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
        ("rows_per_sequence", c_int64),
        ("key_block_size", c_int64),
        ("max_key_blocks", c_int64),
        ("needs_zeroed_scratch", c_int),
        ("scratch_bytes", c_int64),
        ("num_threads", c_int),
        ("has_q_scale", c_int),
        ("head_reduction", c_int),
    ]

    def own_strings(self):
        """Copies the strings, which lie in a bundle or in a kernel that may be destroyed before this is read."""
        for name in ("name", "target", "schedule"):
            setattr(self, name, getattr(self, name))


# What mqa_logits_args and mqa_paged_logits_args begin with.
_SHARED_FIELDS: list[tuple[str, type[ctypes._SimpleCData]]] = [
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

    _fields_ = [
        *_SHARED_FIELDS,
        ("ks", c_void_p),
        ("ke", c_void_p),
        ("out", c_void_p),
        ("out_stride", c_int64),
        ("num_queries", c_int64),
        ("num_keys", c_int64),
        ("max_seqlen_k", c_int64),
        ("max_multiprocessors", c_int),
        ("key_blocks", c_void_p),
        ("key_blocks_stride", c_int64),
        ("num_key_blocks", c_void_p),
        ("max_key_blocks", c_int64),
        ("q_scale", c_void_p),
        ("q_scale_stride", c_int64),
    ]


class PagedLogitsArgs(ctypes.Structure):
    """mqa_paged_logits_args, likewise."""

    _fields_ = [
        *_SHARED_FIELDS,
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
        ("max_multiprocessors", c_int),
        ("sequence", c_void_p),
        ("num_rows", c_int64),
        ("key_blocks", c_void_p),
        ("key_blocks_stride", c_int64),
        ("num_key_blocks", c_void_p),
        ("max_key_blocks", c_int64),
        ("q_scale", c_void_p),
        ("q_scale_stride", c_int64),
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
        ("key_blocks", c_void_p),
        ("key_blocks_stride", c_int64),
        ("num_key_blocks", c_void_p),
        ("max_key_blocks", c_int64),
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


class XlaRequest(ctypes.Structure):
    """mqa_xla_request of mqa/Xla.h: a kernel that a custom call of XLA needs."""

    _fields_ = [
        ("op", c_void_p),
        ("op_size", c_size_t),
        ("kind", c_int),
        ("device", c_int),
        ("capability", c_int),
        ("kernel", c_void_p),
        ("message", c_char * 1024),
    ]
