# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Launches of logits and top-k, of rows that name their sequences and of key blocks; as fused_launches.py."""
from . import checks, fused_checks, library, plain
from .fused_launches import (
    _COMMON,
    _SELECTION,
    Form,
    _FusedPlan,
    _get_k,
    _get_paged_args,
    _make_args,
    _make_logits_op,
    _make_selection,
)
from .key_block_checks import count_columns
from .runtime import LogitsArgs
from .topk_checks import get_next_n


def _make_paged_op(q, k, k_scale, weights, context_lens, sequence, offset, indices, values, options, **others):
    of_rows = sequence is not None
    next_n = 1 if of_rows else q.size(1)
    logits = _make_logits_op(
        q,
        k,
        k_scale,
        weights,
        options["dtype"],
        activation=library.get_activation(options["relu"], options["nan_as_zero"]),
        head_reduction=options["head_reduction"],
        fast=options["fast"],
        next_n=next_n,
        block_kv=k.size(1),
        lens_per_query=context_lens.dim() == 2,
        has_sequence=of_rows,
        rows_per_sequence=options.get("rows_per_sequence", 0),
        key_block_size=options.get("block_size", 0),
    )
    return _make_selection(
        logits,
        indices,
        values,
        offset,
        options,
        has_ks=False,
        lens_rank=context_lens.dim(),
        next_n=next_n,
        block_kv=k.size(1),
        has_sequence=of_rows,
        key_block_size=options.get("block_size", 0),
    )


def describe_rows(q, k, k_scale, weights, context_lens, block_table, sequence, offset, indices, values, _, *flags):
    options = dict(zip(ROWS.options, flags))
    tensors = (q, k, k_scale, weights, context_lens, block_table, sequence, offset, indices, values)
    ROWS.check(*tensors, topk=_get_k(indices), **options)
    op = _make_paged_op(q, k, k_scale, weights, context_lens, sequence, offset, indices, values, options)
    columns = options["max_context_len"]
    args = _get_paged_args(
        q,
        k,
        k_scale,
        weights,
        context_lens,
        block_table,
        batch=block_table.size(0),
        num_rows=q.size(0),
        max_context_len=columns,
        max_multiprocessors=options["max_multiprocessors"],
    )
    most_keys = block_table.size(1) * k.size(1)
    return op, args, _make_args(indices, values), q.size(0), columns, most_keys


def _plan_rows(q, *others):
    op, *sizes = describe_rows(q, *others)
    return _FusedPlan(op, q.device, *sizes)


def describe_paged_blocks(q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks, sequence, offset,
                          indices, values, _, *flags):  # fmt: skip
    options = dict(zip(PAGED_KEY_BLOCKS.options, flags))
    tensors = (q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks, sequence, offset, indices,
               values)  # fmt: skip
    PAGED_KEY_BLOCKS.check(*tensors, topk=_get_k(indices), **options)
    op = _make_paged_op(q, k, k_scale, weights, context_lens, sequence, offset, indices, values, options)
    args = _get_paged_args(
        q,
        k,
        k_scale,
        weights,
        context_lens,
        block_table,
        batch=block_table.size(0),
        num_rows=q.size(0),
        max_multiprocessors=options["max_multiprocessors"],
        key_blocks_stride=checks.get_stride(key_blocks),
        max_key_blocks=key_blocks.size(1),
    )
    columns = count_columns(key_blocks, options["block_size"])
    return op, args, _make_args(indices, values), key_blocks.size(0), columns, columns


def _plan_paged_blocks(q, *others):
    op, *sizes = describe_paged_blocks(q, *others)
    return _FusedPlan(op, q.device, *sizes)


def describe_blocks(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, block_table, sequence, offset, indices,
                    values, _, *flags):  # fmt: skip
    options = dict(zip(KEY_BLOCKS.options, flags))
    tensors = (q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, block_table, sequence, offset, indices, values)
    KEY_BLOCKS.check(*tensors, topk=_get_k(indices), **options)
    logits = _make_logits_op(
        q,
        k,
        k_scale,
        weights,
        options["dtype"],
        activation=library.get_activation(options["relu"], options["nan_as_zero"]),
        head_reduction=options["head_reduction"],
        fast=options["fast"],
        key_block_size=options["block_size"],
    )
    op = _make_selection(
        logits,
        indices,
        values,
        offset,
        options,
        block_kv=options["block_kv"],
        next_n=get_next_n(q, None, block_table, sequence),
        has_sequence=sequence is not None,
        key_block_size=options["block_size"],
    )
    args = LogitsArgs(
        q_stride=checks.get_stride(q),
        k_stride=checks.get_stride(k),
        k_scale_stride=1,
        weights_stride=checks.get_stride(weights) if weights is not None else 0,
        num_queries=q.size(0),
        num_keys=k.size(0),
        max_multiprocessors=options["max_multiprocessors"],
        key_blocks_stride=checks.get_stride(key_blocks),
        max_key_blocks=key_blocks.size(1),
    )
    selection = _make_args(
        indices,
        values,
        block_table_stride=0 if block_table is None else checks.get_stride(block_table),
        num_sequences=0 if block_table is None else block_table.size(0),
        max_blocks=0 if block_table is None else block_table.size(1),
    )
    columns = count_columns(key_blocks, options["block_size"])
    return op, args, selection, q.size(0), columns, columns


def _plan_blocks(q, *others):
    op, *sizes = describe_blocks(q, *others)
    return _FusedPlan(op, q.device, *sizes)


ROWS = Form(
    "paged_row_logits_topk",
    plain.PAGED_ROW_LOGITS_TOPK,
    7,
    {"max_context_len": None, **_COMMON, "rows_per_sequence": 0, **_SELECTION},
    fused_checks.check_paged_row_logits_topk,
    _plan_rows,
)
KEY_BLOCKS = Form(
    "key_block_logits_topk",
    plain.KEY_BLOCK_LOGITS_TOPK,
    8,
    {"block_size": 8, **_COMMON, "block_kv": 0, **_SELECTION},
    fused_checks.check_key_block_logits_topk,
    _plan_blocks,
)
PAGED_KEY_BLOCKS = Form(
    "paged_key_block_logits_topk",
    plain.PAGED_KEY_BLOCK_LOGITS_TOPK,
    8,
    {"block_size": 8, **_COMMON, **_SELECTION},
    fused_checks.check_paged_key_block_logits_topk,
    _plan_paged_blocks,
)
