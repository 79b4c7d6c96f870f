# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What `import mqa` offers, for type checkers. The functions stand in *_ops.py, which say what they do; a test compares.
from typing import Literal, overload

import torch
from torch import Tensor

from .launches import PreparedLaunch, split_cache as split_cache
from .runtime import Error as Error, InvalidArgument as InvalidArgument
from .runtime import get_launch_overlap as get_launch_overlap, set_launch_overlap as set_launch_overlap

__version__: str
__all__: list[str]

_TieBreak = Literal["smallest", "greatest"]
_Order = Literal["key", "score", "any"]
_Base = Literal["relative", "absolute", "slot"]
_HeadReduction = Literal["sum", "max"]

def logits(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, ks: Tensor, ke: Tensor, *,
    clean: bool = False, max_seqlen_k: int = 0, relu: bool = True, fast: bool = False, dtype: torch.dtype = ...,
    nan_as_zero: bool = False, max_multiprocessors: int = 0, block_max: int = 0, q_scale: Tensor | None = None,
    head_reduction: _HeadReduction = "sum",
) -> Tensor: ...  # fmt: skip
def logits_out(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, ks: Tensor, ke: Tensor, out: Tensor, *,
    clean: bool = False, compressed: bool = False, relu: bool = True, fast: bool = False,
    nan_as_zero: bool = False, max_multiprocessors: int = 0, block_max: int = 0, q_scale: Tensor | None = None,
    head_reduction: _HeadReduction = "sum",
) -> None: ...  # fmt: skip
def prepare_logits(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, ks: Tensor, ke: Tensor, out: Tensor, *,
    clean: bool = False, compressed: bool = False, relu: bool = True, fast: bool = False,
    nan_as_zero: bool = False, max_multiprocessors: int = 0, block_max: int = 0, q_scale: Tensor | None = None,
    head_reduction: _HeadReduction = "sum",
) -> PreparedLaunch: ...  # fmt: skip
def key_block_logits(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, ks: Tensor, ke: Tensor, key_blocks: Tensor,
    num_key_blocks: Tensor, *, block_size: int = 8, clean: bool = False, relu: bool = True, dtype: torch.dtype = ...,
    nan_as_zero: bool = False, max_multiprocessors: int = 0, q_scale: Tensor | None = None,
    head_reduction: _HeadReduction = "sum",
) -> Tensor: ...  # fmt: skip
def key_block_logits_out(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, ks: Tensor, ke: Tensor, key_blocks: Tensor,
    num_key_blocks: Tensor, out: Tensor, *, block_size: int = 8, clean: bool = False, relu: bool = True,
    nan_as_zero: bool = False, max_multiprocessors: int = 0, q_scale: Tensor | None = None,
    head_reduction: _HeadReduction = "sum",
) -> None: ...  # fmt: skip
def prepare_key_block_logits(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, ks: Tensor, ke: Tensor, key_blocks: Tensor,
    num_key_blocks: Tensor, out: Tensor, *, block_size: int = 8, clean: bool = False, relu: bool = True,
    nan_as_zero: bool = False, max_multiprocessors: int = 0, q_scale: Tensor | None = None,
    head_reduction: _HeadReduction = "sum",
) -> PreparedLaunch: ...  # fmt: skip
def unpack_mx_queries(
    q: Tensor, q_scale: Tensor, weights: Tensor | None = None, dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
def paged_key_block_logits(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, context_lens: Tensor, block_table: Tensor,
    key_blocks: Tensor, num_key_blocks: Tensor, *, sequence: Tensor | None = None, block_size: int = 8,
    clean: bool = False, relu: bool = True, dtype: torch.dtype = ..., nan_as_zero: bool = False,
    max_multiprocessors: int = 0, q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> Tensor: ...  # fmt: skip
def paged_key_block_logits_out(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, context_lens: Tensor, block_table: Tensor,
    key_blocks: Tensor, num_key_blocks: Tensor, out: Tensor, *, sequence: Tensor | None = None, block_size: int = 8,
    clean: bool = False, relu: bool = True, nan_as_zero: bool = False, max_multiprocessors: int = 0,
    q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> None: ...  # fmt: skip
def prepare_paged_key_block_logits(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, context_lens: Tensor, block_table: Tensor,
    key_blocks: Tensor, num_key_blocks: Tensor, out: Tensor, *, sequence: Tensor | None = None, block_size: int = 8,
    clean: bool = False, relu: bool = True, nan_as_zero: bool = False, max_multiprocessors: int = 0,
    q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> PreparedLaunch: ...  # fmt: skip
def paged_logits(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, context_lens: Tensor, block_table: Tensor,
    max_context_len: int, *, sequence: Tensor | None = None, rows_per_sequence: int = 0, clean: bool = False,
    relu: bool = True, dtype: torch.dtype = ..., nan_as_zero: bool = False, max_multiprocessors: int = 0,
    block_max: int = 0, q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> Tensor: ...  # fmt: skip
def paged_logits_out(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, context_lens: Tensor, block_table: Tensor,
    out: Tensor, *, sequence: Tensor | None = None, rows_per_sequence: int = 0, clean: bool = False,
    relu: bool = True, nan_as_zero: bool = False, max_multiprocessors: int = 0, block_max: int = 0,
    q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> None: ...  # fmt: skip
def prepare_paged_logits(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, context_lens: Tensor, block_table: Tensor,
    out: Tensor, *, sequence: Tensor | None = None, rows_per_sequence: int = 0, clean: bool = False,
    relu: bool = True, nan_as_zero: bool = False, max_multiprocessors: int = 0, block_max: int = 0,
    q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> PreparedLaunch: ...  # fmt: skip
@overload
def topk(
    logits: Tensor, ke: Tensor | None, k: int, *, ks: Tensor | None = None, context_lens: Tensor | None = None,
    block_table: Tensor | None = None, sequence: Tensor | None = None, offset: Tensor | None = None,
    key_blocks: Tensor | None = None, num_key_blocks: Tensor | None = None, block_size: int = 8, block_kv: int = 0,
    num_keys: int | None = None, compressed: bool = False, tie_break: _TieBreak = "smallest", order: _Order = "key",
    base: _Base = "relative", force_first: int = 0, force_last: int = 0, return_values: Literal[False] = False,
) -> Tensor: ...  # fmt: skip
@overload
def topk(
    logits: Tensor, ke: Tensor | None, k: int, *, ks: Tensor | None = None, context_lens: Tensor | None = None,
    block_table: Tensor | None = None, sequence: Tensor | None = None, offset: Tensor | None = None,
    key_blocks: Tensor | None = None, num_key_blocks: Tensor | None = None, block_size: int = 8, block_kv: int = 0,
    num_keys: int | None = None, compressed: bool = False, tie_break: _TieBreak = "smallest", order: _Order = "key",
    base: _Base = "relative", force_first: int = 0, force_last: int = 0, return_values: Literal[True],
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
def topk_out(
    logits: Tensor, ke: Tensor | None, indices: Tensor, values: Tensor | None = None, *, ks: Tensor | None = None,
    context_lens: Tensor | None = None, block_table: Tensor | None = None, sequence: Tensor | None = None,
    offset: Tensor | None = None, key_blocks: Tensor | None = None, num_key_blocks: Tensor | None = None,
    block_size: int = 8, block_kv: int = 0, num_keys: int | None = None, compressed: bool = False,
    tie_break: _TieBreak = "smallest", order: _Order = "key", base: _Base = "relative", force_first: int = 0,
    force_last: int = 0,
) -> None: ...  # fmt: skip
def prepare_topk(
    logits: Tensor, ke: Tensor | None, indices: Tensor, values: Tensor | None = None, *, ks: Tensor | None = None,
    context_lens: Tensor | None = None, block_table: Tensor | None = None, sequence: Tensor | None = None,
    offset: Tensor | None = None, key_blocks: Tensor | None = None, num_key_blocks: Tensor | None = None,
    block_size: int = 8, block_kv: int = 0, num_keys: int | None = None, compressed: bool = False,
    tie_break: _TieBreak = "smallest", order: _Order = "key", base: _Base = "relative", force_first: int = 0,
    force_last: int = 0,
) -> PreparedLaunch: ...  # fmt: skip
@overload
def merge_topk(
    list_indices: Tensor, list_values: Tensor, ke: Tensor, *, ks: Tensor | None = None, tie_break: _TieBreak = "smallest",
    order: _Order = "key", base: Literal["relative", "absolute"] = "relative", return_values: Literal[False] = False,
) -> Tensor: ...  # fmt: skip
@overload
def merge_topk(
    list_indices: Tensor, list_values: Tensor, ke: Tensor, *, ks: Tensor | None = None, tie_break: _TieBreak = "smallest",
    order: _Order = "key", base: Literal["relative", "absolute"] = "relative", return_values: Literal[True],
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
def merge_topk_out(
    list_indices: Tensor, list_values: Tensor, ke: Tensor, indices: Tensor, values: Tensor | None = None, *,
    ks: Tensor | None = None, tie_break: _TieBreak = "smallest", order: _Order = "key",
    base: Literal["relative", "absolute"] = "relative",
) -> None: ...  # fmt: skip
def prepare_merge_topk(
    list_indices: Tensor, list_values: Tensor, ke: Tensor, indices: Tensor, values: Tensor | None = None, *,
    ks: Tensor | None = None, tie_break: _TieBreak = "smallest", order: _Order = "key",
    base: Literal["relative", "absolute"] = "relative",
) -> PreparedLaunch: ...  # fmt: skip
@overload
def logits_topk(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, ks: Tensor, ke: Tensor, topk: int, *,
    block_table: Tensor | None = None, sequence: Tensor | None = None, offset: Tensor | None = None, block_kv: int = 0,
    relu: bool = True, fast: bool = False, dtype: torch.dtype = ...,
    nan_as_zero: bool = False, max_multiprocessors: int = 0, tie_break: _TieBreak = "smallest",
    order: _Order = "key", base: _Base = "relative", force_first: int = 0, force_last: int = 0,
    return_values: Literal[False] = False,
    q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> Tensor: ...  # fmt: skip
@overload
def logits_topk(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, ks: Tensor, ke: Tensor, topk: int, *,
    block_table: Tensor | None = None, sequence: Tensor | None = None, offset: Tensor | None = None, block_kv: int = 0,
    relu: bool = True, fast: bool = False, dtype: torch.dtype = ...,
    nan_as_zero: bool = False, max_multiprocessors: int = 0, tie_break: _TieBreak = "smallest",
    order: _Order = "key", base: _Base = "relative", force_first: int = 0, force_last: int = 0,
    return_values: Literal[True],
    q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
def logits_topk_out(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, ks: Tensor, ke: Tensor, indices: Tensor,
    values: Tensor | None = None, *, block_table: Tensor | None = None, sequence: Tensor | None = None,
    offset: Tensor | None = None, block_kv: int = 0, relu: bool = True, fast: bool = False, dtype: torch.dtype = ...,
    nan_as_zero: bool = False, max_multiprocessors: int = 0,
    tie_break: _TieBreak = "smallest", order: _Order = "key", base: _Base = "relative", force_first: int = 0,
    force_last: int = 0, q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> None: ...  # fmt: skip
def prepare_logits_topk(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, ks: Tensor, ke: Tensor, indices: Tensor,
    values: Tensor | None = None, *, block_table: Tensor | None = None, sequence: Tensor | None = None,
    offset: Tensor | None = None, block_kv: int = 0, relu: bool = True, fast: bool = False, dtype: torch.dtype = ...,
    nan_as_zero: bool = False, max_multiprocessors: int = 0,
    tie_break: _TieBreak = "smallest", order: _Order = "key", base: _Base = "relative", force_first: int = 0,
    force_last: int = 0, q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> PreparedLaunch: ...  # fmt: skip
@overload
def paged_logits_topk(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, context_lens: Tensor, block_table: Tensor,
    topk: int, max_context_len: int, *, sequence: Tensor | None = None, rows_per_sequence: int = 0,
    offset: Tensor | None = None, relu: bool = True, fast: bool = False, dtype: torch.dtype = ...,
    nan_as_zero: bool = False, max_multiprocessors: int = 0, tie_break: _TieBreak = "smallest",
    order: _Order = "key", base: _Base = "relative",
    force_first: int = 0, force_last: int = 0, return_values: Literal[False] = False,
    q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> Tensor: ...  # fmt: skip
@overload
def paged_logits_topk(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, context_lens: Tensor, block_table: Tensor,
    topk: int, max_context_len: int, *, sequence: Tensor | None = None, rows_per_sequence: int = 0,
    offset: Tensor | None = None, relu: bool = True, fast: bool = False, dtype: torch.dtype = ...,
    nan_as_zero: bool = False, max_multiprocessors: int = 0, tie_break: _TieBreak = "smallest",
    order: _Order = "key", base: _Base = "relative",
    force_first: int = 0, force_last: int = 0, return_values: Literal[True],
    q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
def paged_logits_topk_out(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, context_lens: Tensor, block_table: Tensor,
    max_context_len: int, indices: Tensor, values: Tensor | None = None, *, sequence: Tensor | None = None,
    rows_per_sequence: int = 0, offset: Tensor | None = None, relu: bool = True, fast: bool = False, dtype: torch.dtype = ...,
    nan_as_zero: bool = False, max_multiprocessors: int = 0, tie_break: _TieBreak = "smallest",
    order: _Order = "key", base: _Base = "relative", force_first: int = 0, force_last: int = 0,
    q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> None: ...  # fmt: skip
def prepare_paged_logits_topk(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, context_lens: Tensor, block_table: Tensor,
    max_context_len: int, indices: Tensor, values: Tensor | None = None, *, sequence: Tensor | None = None,
    rows_per_sequence: int = 0, offset: Tensor | None = None, relu: bool = True, fast: bool = False, dtype: torch.dtype = ...,
    nan_as_zero: bool = False, max_multiprocessors: int = 0, tie_break: _TieBreak = "smallest",
    order: _Order = "key", base: _Base = "relative", force_first: int = 0, force_last: int = 0,
    q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> PreparedLaunch: ...  # fmt: skip
@overload
def key_block_logits_topk(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, ks: Tensor, ke: Tensor, key_blocks: Tensor,
    num_key_blocks: Tensor, topk: int, *, block_size: int = 8, block_table: Tensor | None = None, sequence: Tensor |
    None = None, block_kv: int = 0, offset: Tensor | None = None, relu: bool = True, fast: bool = False, dtype:
    torch.dtype = ..., nan_as_zero: bool = False, max_multiprocessors: int = 0, tie_break: _TieBreak = "smallest",
    order: _Order = "key", base: _Base = "relative", force_first: int = 0, force_last: int = 0, return_values:
    Literal[False] = False, q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> Tensor: ...  # fmt: skip
@overload
def key_block_logits_topk(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, ks: Tensor, ke: Tensor, key_blocks: Tensor,
    num_key_blocks: Tensor, topk: int, *, block_size: int = 8, block_table: Tensor | None = None, sequence: Tensor |
    None = None, block_kv: int = 0, offset: Tensor | None = None, relu: bool = True, fast: bool = False, dtype:
    torch.dtype = ..., nan_as_zero: bool = False, max_multiprocessors: int = 0, tie_break: _TieBreak = "smallest",
    order: _Order = "key", base: _Base = "relative", force_first: int = 0, force_last: int = 0, return_values:
    Literal[True], q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
def key_block_logits_topk_out(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, ks: Tensor, ke: Tensor, key_blocks: Tensor,
    num_key_blocks: Tensor, indices: Tensor, values: Tensor | None = None, *, block_size: int = 8, block_table: Tensor
    | None = None, sequence: Tensor | None = None, block_kv: int = 0, offset: Tensor | None = None, relu: bool = True,
    fast: bool = False, dtype: torch.dtype = ..., nan_as_zero: bool = False, max_multiprocessors: int = 0, tie_break:
    _TieBreak = "smallest", order: _Order = "key", base: _Base = "relative", force_first: int = 0, force_last: int = 0,
    q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> None: ...  # fmt: skip
def prepare_key_block_logits_topk(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, ks: Tensor, ke: Tensor, key_blocks: Tensor,
    num_key_blocks: Tensor, indices: Tensor, values: Tensor | None = None, *, block_size: int = 8, block_table: Tensor
    | None = None, sequence: Tensor | None = None, block_kv: int = 0, offset: Tensor | None = None, relu: bool = True,
    fast: bool = False, dtype: torch.dtype = ..., nan_as_zero: bool = False, max_multiprocessors: int = 0, tie_break:
    _TieBreak = "smallest", order: _Order = "key", base: _Base = "relative", force_first: int = 0, force_last: int = 0,
    q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> PreparedLaunch: ...  # fmt: skip
@overload
def paged_key_block_logits_topk(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, context_lens: Tensor, block_table: Tensor,
    key_blocks: Tensor, num_key_blocks: Tensor, topk: int, *, block_size: int = 8, sequence: Tensor | None = None,
    offset: Tensor | None = None, relu: bool = True, fast: bool = False, dtype: torch.dtype = ..., nan_as_zero: bool =
    False, max_multiprocessors: int = 0, tie_break: _TieBreak = "smallest", order: _Order = "key", base: _Base =
    "relative", force_first: int = 0, force_last: int = 0, return_values: Literal[False] = False,
    q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> Tensor: ...  # fmt: skip
@overload
def paged_key_block_logits_topk(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, context_lens: Tensor, block_table: Tensor,
    key_blocks: Tensor, num_key_blocks: Tensor, topk: int, *, block_size: int = 8, sequence: Tensor | None = None,
    offset: Tensor | None = None, relu: bool = True, fast: bool = False, dtype: torch.dtype = ..., nan_as_zero: bool =
    False, max_multiprocessors: int = 0, tie_break: _TieBreak = "smallest", order: _Order = "key", base: _Base =
    "relative", force_first: int = 0, force_last: int = 0, return_values: Literal[True],
    q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
def paged_key_block_logits_topk_out(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, context_lens: Tensor, block_table: Tensor,
    key_blocks: Tensor, num_key_blocks: Tensor, indices: Tensor, values: Tensor | None = None, *, block_size: int = 8,
    sequence: Tensor | None = None, offset: Tensor | None = None, relu: bool = True, fast: bool = False, dtype:
    torch.dtype = ..., nan_as_zero: bool = False, max_multiprocessors: int = 0, tie_break: _TieBreak = "smallest",
    order: _Order = "key", base: _Base = "relative", force_first: int = 0, force_last: int = 0,
    q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> None: ...  # fmt: skip
def prepare_paged_key_block_logits_topk(
    q: Tensor, k: Tensor, k_scale: Tensor | None, weights: Tensor | None, context_lens: Tensor, block_table: Tensor,
    key_blocks: Tensor, num_key_blocks: Tensor, indices: Tensor, values: Tensor | None = None, *, block_size: int = 8,
    sequence: Tensor | None = None, offset: Tensor | None = None, relu: bool = True, fast: bool = False, dtype:
    torch.dtype = ..., nan_as_zero: bool = False, max_multiprocessors: int = 0, tie_break: _TieBreak = "smallest",
    order: _Order = "key", base: _Base = "relative", force_first: int = 0, force_last: int = 0,
    q_scale: Tensor | None = None, head_reduction: _HeadReduction = "sum",
) -> PreparedLaunch: ...  # fmt: skip
