# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Launches of mqa.paged_logits with lists of key blocks, and what their tensors must be; as key_block_launches.py."""
from . import checks, library, plain
from .key_block_checks import check_block_size, check_lists
from .key_block_launches import OPTIONS, count_rows
from .launches import _make_op, _Plan
from .out_launches import Launch
from .runtime import PagedLogitsArgs


def check_paged_key_blocks(q, k, k_scale, weights, context_lens, block_table, sequence, key_blocks, num_key_blocks, out,
                           block_size, clean, relu, nan_as_zero, max_multiprocessors, head_reduction):  # fmt: skip
    """Raises a ValueError that names the argument. `out` is None where it is made to fit."""
    check_block_size(block_size)
    library.get_activation(relu, nan_as_zero)
    library.check_head_reduction(head_reduction)
    checks.check_share(max_multiprocessors)
    if sequence is None:
        checks.check_paged(q, k, k_scale, weights, context_lens, block_table, None)
    else:
        checks.check_paged_rows(q, k, k_scale, weights, context_lens, block_table, sequence, None)
    check_lists(q, count_rows(q), key_blocks, num_key_blocks, out, block_size)


def describe_paged_key_blocks(q, k, k_scale, weights, context_lens, block_table, sequence, key_blocks, num_key_blocks,
                              out, *flags):  # fmt: skip
    """As launches.describe_paged."""
    check_paged_key_blocks(q, k, k_scale, weights, context_lens, block_table, sequence, key_blocks, num_key_blocks, out,
                           *flags)  # fmt: skip
    options = dict(zip(OPTIONS, flags))
    of_rows = sequence is not None
    per_query = context_lens.dim() == 2
    op = _make_op(
        q,
        k,
        k_scale,
        weights,
        out,
        clean=options["clean"],
        activation=library.get_activation(options["relu"], options["nan_as_zero"]),
        head_reduction=options["head_reduction"],
        next_n=1 if of_rows else q.size(1),
        block_kv=k.size(1),
        lens_per_query=per_query,
        has_sequence=of_rows,
        key_block_size=options["block_size"],
    )
    args = PagedLogitsArgs(
        q_stride=checks.get_stride(q),
        k_stride=checks.get_stride(k),
        k_scale_stride=checks.get_scale_stride(k_scale),
        weights_stride=checks.get_stride(weights) if weights is not None else 0,
        context_lens_stride=checks.get_stride(context_lens) if per_query else 1,
        block_table_stride=checks.get_stride(block_table),
        out_stride=checks.get_stride(out),
        batch=block_table.size(0),
        num_blocks=k.size(0),
        max_blocks=block_table.size(1),
        max_multiprocessors=options["max_multiprocessors"],
        num_rows=q.size(0),
        key_blocks_stride=checks.get_stride(key_blocks),
        max_key_blocks=key_blocks.size(1),
    )
    return op, args


def _plan_paged_key_blocks(q, *others):
    op, args = describe_paged_key_blocks(q, *others)
    return _Plan(op, q.device, args)


PAGED_KEY_BLOCKS = Launch("paged_key_block_logits", plain.PAGED_KEY_BLOCKS, OPTIONS, check_paged_key_blocks,
                          _plan_paged_key_blocks, has_optional_sequence=True)  # fmt: skip
