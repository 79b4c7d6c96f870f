# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tensors and options of logits and top-k in one call must be. As checks.py and topk_checks.py."""
from . import library, topk_checks
from .checks import (check_device, check_logits, check_paged, check_paged_rows, check_rows_per_sequence, check_share, fail,
                     get_type, require)  # fmt: skip
from .key_block_checks import check_block_size, check_lists


def check_launch(relu, nan_as_zero, max_multiprocessors, head_reduction):
    library.get_activation(relu, nan_as_zero)
    library.check_head_reduction(head_reduction)
    check_share(max_multiprocessors)


def _check_selection(q, rows, block_table, sequence, offset, indices, values, k, block_kv, dtype, options):
    get_type("dtype", dtype)
    topk_checks.check_options(k, block_kv=block_kv, compressed=False, num_keys=None, name="topk", **options)
    topk_checks.check_rows(rows, sequence=sequence, offset=offset)
    topk_checks.check_outputs(indices, values, rows, k)
    check_device(q, block_table=block_table, sequence=sequence, offset=offset, indices=indices, values=values)


def check_logits_topk(q, k, k_scale, weights, ks, ke, block_table, sequence, offset, indices, values, *, topk, relu,
                      fast, dtype, nan_as_zero, max_multiprocessors, head_reduction, block_kv, **options):  # fmt: skip
    """`indices` and `values` are None where they are made to fit."""
    check_launch(relu, nan_as_zero, max_multiprocessors, head_reduction)
    check_logits(q, k, k_scale, weights, ks, ke, None, False)
    rows = q.size(0)
    _check_selection(q, rows, block_table, sequence, offset, indices, values, topk, block_kv, dtype, options)
    topk_checks.check_which(ks, ke, None, block_table, sequence, options["base"])
    topk_checks.check_table(block_table)
    topk_checks.check_sequences(rows, None, block_table, sequence, of="q")


def check_paged_logits_topk(q, k, k_scale, weights, context_lens, block_table, offset, indices, values, *, topk, relu,
                            fast, dtype, nan_as_zero, max_multiprocessors, head_reduction, max_context_len,
                            **options):  # fmt: skip
    check_launch(relu, nan_as_zero, max_multiprocessors, head_reduction)
    check_paged(q, k, k_scale, weights, context_lens, block_table, None)
    require(max_context_len >= 0, lambda: f"max_context_len must be at least 0, found {max_context_len}")
    # Slots are those of the cache.
    block_kv = k.size(1) if options["base"] == "slot" else 0
    _check_selection(q, q.size(0) * q.size(1), None, None, offset, indices, values, topk, block_kv, dtype, options)


def check_paged_row_logits_topk(q, k, k_scale, weights, context_lens, block_table, sequence, offset, indices, values, *,
                                topk, relu, fast, dtype, nan_as_zero, max_multiprocessors, head_reduction,
                                max_context_len, rows_per_sequence, **options):  # fmt: skip
    """Of rows that name their sequences."""
    check_launch(relu, nan_as_zero, max_multiprocessors, head_reduction)
    check_rows_per_sequence(rows_per_sequence)
    check_paged_rows(q, k, k_scale, weights, context_lens, block_table, sequence, None)
    require(max_context_len >= 0, lambda: f"max_context_len must be at least 0, found {max_context_len}")
    block_kv = k.size(1) if options["base"] == "slot" else 0
    _check_selection(q, q.size(0), None, None, offset, indices, values, topk, block_kv, dtype, options)


def check_key_block_logits_topk(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, block_table, sequence, offset,
                                indices, values, *, topk, block_size, relu, fast, dtype, nan_as_zero,
                                max_multiprocessors, head_reduction, block_kv, **options):  # fmt: skip
    """Of key blocks."""
    check_block_size(block_size)
    if k.dim() == 3:
        fail("k must be N x D: key blocks have no groups, found 3 dimensions")
    check_logits_topk(q, k, k_scale, weights, ks, ke, block_table, sequence, offset, indices, values, topk=topk, relu=relu,
                      fast=fast, dtype=dtype, nan_as_zero=nan_as_zero, max_multiprocessors=max_multiprocessors,
                      head_reduction=head_reduction, block_kv=block_kv, **options)  # fmt: skip
    check_lists(q, q.size(0), key_blocks, num_key_blocks, None, block_size)


def check_paged_key_block_logits_topk(q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks,
                                      sequence, offset, indices, values, *, topk, block_size, relu, fast, dtype,
                                      nan_as_zero, max_multiprocessors, head_reduction, **options):  # fmt: skip
    """Of key blocks of a paged cache."""
    check_launch(relu, nan_as_zero, max_multiprocessors, head_reduction)
    check_block_size(block_size)
    if sequence is None:
        check_paged(q, k, k_scale, weights, context_lens, block_table, None)
    else:
        check_paged_rows(q, k, k_scale, weights, context_lens, block_table, sequence, None)
    rows = q.size(0) * q.size(1) if sequence is None else q.size(0)
    check_lists(q, rows, key_blocks, num_key_blocks, None, block_size)
    block_kv = k.size(1) if options["base"] == "slot" else 0
    _check_selection(q, rows, None, None, offset, indices, values, topk, block_kv, dtype, options)
