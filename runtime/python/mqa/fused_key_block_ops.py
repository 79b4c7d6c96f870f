# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Logits of key blocks and the best keys by them in one call, on PyTorch tensors; as fused_ops.py."""
import torch

from .fused_ops import _call, _call_out, _prepare
from .fused_row_launches import KEY_BLOCKS, PAGED_KEY_BLOCKS
from .mx_query_launches import KEY_BLOCKS_TOPK, PAGED_KEY_BLOCKS_TOPK, choose


def key_block_logits_topk(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, topk, *, block_size=8,
                          block_table=None, sequence=None, block_kv=0, offset=None, relu=True, fast=False,
                          dtype=torch.float32, nan_as_zero=False, max_multiprocessors=0, tie_break="smallest",
                          order="key", base="relative", force_first=0, force_last=0, return_values=False,
                          q_scale=None, head_reduction="sum"):  # fmt: skip
    """The `topk` best keys of each query among the keys of some blocks: `key_block_logits`, and `topk` of its columns.

    The blocks of a query ascend, and none is there twice. A query selects from the columns whose keys are in its range:
    column j * block_size + o belongs to key key_blocks[m, j] * block_size + o. With base="relative", an index is the column,
    with "absolute" the key, and with "slot" the key's place in a cache. Of equal logits, the smallest column is the better
    one (with tie_break="greatest", the greatest one). Returns indices, M x topk int32, with `return_values` also their
    logits, M x topk float32. A query with other blocks gets unspecified indices. All other arguments are those of
    `key_block_logits` and `logits_topk`, also `q_scale` and `head_reduction`. Raises as `logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.ones(1, 64, 128).to(torch.float8_e4m3fn), torch.ones(1, 64)
    >>> k, k_scale = torch.ones(2000, 128).to(torch.float8_e4m3fn), torch.arange(2000.0)
    >>> ks, ke = torch.tensor([0]).int(), torch.tensor([1998]).int()
    >>> key_blocks, num_key_blocks = torch.tensor([[3, 7, 249]]).int(), torch.tensor([3]).int()
    >>> inputs = (q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks)
    >>> mqa.key_block_logits_topk(*inputs, 4, base="absolute")
    tensor([[1994, 1995, 1996, 1997]], dtype=torch.int32)
    >>> mqa.key_block_logits_topk(*inputs, 4)
    tensor([[18, 19, 20, 21]], dtype=torch.int32)
    """
    form, inputs = choose(KEY_BLOCKS, KEY_BLOCKS_TOPK, q_scale, q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks,
                          block_table, sequence, offset)  # fmt: skip
    flags = (block_size, relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction, block_kv, tie_break,
             order, base, force_first, force_last)  # fmt: skip
    return _call(form, inputs, topk, flags, return_values)


def key_block_logits_topk_out(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, indices, values=None, *,
                              block_size=8, block_table=None, sequence=None, block_kv=0, offset=None, relu=True,
                              fast=False, dtype=torch.float32, nan_as_zero=False, max_multiprocessors=0,
                              tie_break="smallest", order="key", base="relative", force_first=0, force_last=0,
                              q_scale=None, head_reduction="sum"):  # fmt: skip
    """As `key_block_logits_topk`, into `indices` and `values`, whose rows may be strided. Raises as `logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.ones(1, 64, 128).to(torch.float8_e4m3fn), torch.ones(1, 64)
    >>> k, k_scale = torch.ones(2000, 128).to(torch.float8_e4m3fn), torch.arange(2000.0)
    >>> ks, ke = torch.tensor([0]).int(), torch.tensor([1998]).int()
    >>> key_blocks, num_key_blocks = torch.tensor([[3, 7, 249]]).int(), torch.tensor([3]).int()
    >>> inputs = (q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks)
    >>> indices = torch.empty(1, 4).int()
    >>> mqa.key_block_logits_topk_out(*inputs, indices)
    >>> indices
    tensor([[18, 19, 20, 21]], dtype=torch.int32)
    """
    form, tensors = choose(KEY_BLOCKS, KEY_BLOCKS_TOPK, q_scale, q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks,
                           block_table, sequence, offset, indices, values)  # fmt: skip
    flags = (block_size, relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction, block_kv, tie_break,
             order, base, force_first, force_last)  # fmt: skip
    _call_out(form, tensors, flags)


def prepare_key_block_logits_topk(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, indices, values=None, *,
                                  block_size=8, block_table=None, sequence=None, block_kv=0, offset=None, relu=True,
                                  fast=False, dtype=torch.float32, nan_as_zero=False, max_multiprocessors=0,
                                  tie_break="smallest", order="key", base="relative", force_first=0, force_last=0,
                                  q_scale=None, head_reduction="sum"):  # fmt: skip
    """`key_block_logits_topk_out` on these tensors, to be called as often as they are filled. It has memory of its own to
    work in. Raises as `prepare_logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.ones(1, 64, 128).to(torch.float8_e4m3fn), torch.ones(1, 64)
    >>> k, k_scale = torch.ones(2000, 128).to(torch.float8_e4m3fn), torch.arange(2000.0)
    >>> ks, ke = torch.tensor([0]).int(), torch.tensor([1998]).int()
    >>> key_blocks, num_key_blocks = torch.tensor([[3, 7, 249]]).int(), torch.tensor([3]).int()
    >>> inputs = (q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks)
    >>> indices = torch.empty(1, 4).int()
    >>> launch = mqa.prepare_key_block_logits_topk(*inputs, indices)
    >>> launch()
    >>> indices
    tensor([[18, 19, 20, 21]], dtype=torch.int32)
    """
    form, tensors = choose(KEY_BLOCKS, KEY_BLOCKS_TOPK, q_scale, q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks,
                           block_table, sequence, offset, indices, values)  # fmt: skip
    flags = (block_size, relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction, block_kv, tie_break,
             order, base, force_first, force_last)  # fmt: skip
    return _prepare(form, tensors, flags)


def paged_key_block_logits_topk(q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks, topk, *,
                                block_size=8, sequence=None, offset=None, relu=True, fast=False, dtype=torch.float32,
                                nan_as_zero=False, max_multiprocessors=0, tie_break="smallest", order="key",
                                base="relative", force_first=0, force_last=0, return_values=False,
                                q_scale=None, head_reduction="sum"):  # fmt: skip
    """Likewise against a paged cache: what `topk` gives on the columns of `paged_key_block_logits`.

    With base="slot", an index is the key's place in the cache, by the same block_table. With `sequence`, rows name their
    sequences, as in `paged_logits`. Returns indices, (B * T) x topk int32 (with `sequence`, M x topk), with `return_values`
    also their logits, float32. With `q_scale`, queries have block scales, as in `paged_logits`. Raises as `logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.ones(1, 1, 64, 128).to(torch.float8_e4m3fn), torch.ones(1, 64)
    >>> k, k_scale = torch.ones(32, 64, 128).to(torch.float8_e4m3fn), torch.arange(2048.0).view(32, 64)
    >>> context_lens, block_table = torch.tensor([[1998]]).int(), torch.arange(32).int().view(1, 32)
    >>> key_blocks, num_key_blocks = torch.tensor([[3, 7, 249]]).int(), torch.tensor([3]).int()
    >>> inputs = (q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks)
    >>> mqa.paged_key_block_logits_topk(*inputs, 4, base="absolute")
    tensor([[1994, 1995, 1996, 1997]], dtype=torch.int32)
    >>> mqa.paged_key_block_logits_topk(*inputs, 4)
    tensor([[18, 19, 20, 21]], dtype=torch.int32)
    """
    form, inputs = choose(PAGED_KEY_BLOCKS, PAGED_KEY_BLOCKS_TOPK, q_scale, q, k, k_scale, weights, context_lens,
                          block_table, key_blocks, num_key_blocks, sequence, offset)  # fmt: skip
    flags = (block_size, relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction, tie_break, order, base,
             force_first, force_last)  # fmt: skip
    return _call(form, inputs, topk, flags, return_values)


def paged_key_block_logits_topk_out(q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks,
                                    indices, values=None, *, block_size=8, sequence=None, offset=None, relu=True,
                                    fast=False, dtype=torch.float32, nan_as_zero=False, max_multiprocessors=0,
                                    tie_break="smallest", order="key", base="relative", force_first=0, force_last=0,
                                    q_scale=None, head_reduction="sum"):  # fmt: skip
    """As `paged_key_block_logits_topk`, into `indices` and `values`, whose rows may be strided. Raises as `logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.ones(1, 1, 64, 128).to(torch.float8_e4m3fn), torch.ones(1, 64)
    >>> k, k_scale = torch.ones(32, 64, 128).to(torch.float8_e4m3fn), torch.arange(2048.0).view(32, 64)
    >>> context_lens, block_table = torch.tensor([[1998]]).int(), torch.arange(32).int().view(1, 32)
    >>> key_blocks, num_key_blocks = torch.tensor([[3, 7, 249]]).int(), torch.tensor([3]).int()
    >>> inputs = (q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks)
    >>> indices = torch.empty(1, 4).int()
    >>> mqa.paged_key_block_logits_topk_out(*inputs, indices)
    >>> indices
    tensor([[18, 19, 20, 21]], dtype=torch.int32)
    """
    form, tensors = choose(PAGED_KEY_BLOCKS, PAGED_KEY_BLOCKS_TOPK, q_scale, q, k, k_scale, weights, context_lens,
                           block_table, key_blocks, num_key_blocks, sequence, offset, indices, values)  # fmt: skip
    flags = (block_size, relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction, tie_break, order, base,
             force_first, force_last)  # fmt: skip
    _call_out(form, tensors, flags)


def prepare_paged_key_block_logits_topk(q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks,
                                        indices, values=None, *, block_size=8, sequence=None, offset=None, relu=True,
                                        fast=False, dtype=torch.float32, nan_as_zero=False, max_multiprocessors=0,
                                        tie_break="smallest", order="key", base="relative", force_first=0,
                                        force_last=0, q_scale=None, head_reduction="sum"):  # fmt: skip
    """`paged_key_block_logits_topk_out` on these tensors, to be called as often as they are filled. It has memory of its own to
    work in. Raises as `prepare_logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.ones(1, 1, 64, 128).to(torch.float8_e4m3fn), torch.ones(1, 64)
    >>> k, k_scale = torch.ones(32, 64, 128).to(torch.float8_e4m3fn), torch.arange(2048.0).view(32, 64)
    >>> context_lens, block_table = torch.tensor([[1998]]).int(), torch.arange(32).int().view(1, 32)
    >>> key_blocks, num_key_blocks = torch.tensor([[3, 7, 249]]).int(), torch.tensor([3]).int()
    >>> inputs = (q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks)
    >>> indices = torch.empty(1, 4).int()
    >>> launch = mqa.prepare_paged_key_block_logits_topk(*inputs, indices)
    >>> launch()
    >>> indices
    tensor([[18, 19, 20, 21]], dtype=torch.int32)
    """
    form, tensors = choose(PAGED_KEY_BLOCKS, PAGED_KEY_BLOCKS_TOPK, q_scale, q, k, k_scale, weights, context_lens,
                           block_table, key_blocks, num_key_blocks, sequence, offset, indices, values)  # fmt: skip
    flags = (block_size, relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction, tie_break, order, base,
             force_first, force_last)  # fmt: skip
    return _prepare(form, tensors, flags)
