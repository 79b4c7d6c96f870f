# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tensors and options of logits and top-k in one call must be. As checks.py and topk_checks.py."""
from . import library, topk_checks
from .checks import check_device, check_logits, check_paged, check_share, get_type, require


def _check_launch(relu, nan_as_zero, max_multiprocessors):
    library.get_activation(relu, nan_as_zero)
    check_share(max_multiprocessors)


def _check_selection(q, rows, block_table, sequence, offset, indices, values, k, block_kv, dtype, options):
    get_type("dtype", dtype)
    topk_checks.check_options(k, block_kv=block_kv, compressed=False, num_keys=None, name="topk", **options)
    topk_checks.check_rows(rows, sequence=sequence, offset=offset)
    topk_checks.check_outputs(indices, values, rows, k)
    check_device(q, block_table=block_table, sequence=sequence, offset=offset, indices=indices, values=values)


def check_logits_topk(q, k, k_scale, weights, ks, ke, block_table, sequence, offset, indices, values, *, topk, relu,
                      fast, dtype, nan_as_zero, max_multiprocessors, block_kv, **options):  # fmt: skip
    """`indices` and `values` are None where they are made to fit."""
    _check_launch(relu, nan_as_zero, max_multiprocessors)
    check_logits(q, k, k_scale, weights, ks, ke, None, False)
    rows = q.size(0)
    _check_selection(q, rows, block_table, sequence, offset, indices, values, topk, block_kv, dtype, options)
    topk_checks.check_which(ks, ke, None, block_table, sequence, options["base"])
    topk_checks.check_table(block_table)
    topk_checks.check_sequences(rows, None, block_table, sequence, of="q")


def check_paged_logits_topk(q, k, k_scale, weights, context_lens, block_table, offset, indices, values, *, topk, relu,
                            fast, dtype, nan_as_zero, max_multiprocessors, max_context_len, **options):  # fmt: skip
    _check_launch(relu, nan_as_zero, max_multiprocessors)
    check_paged(q, k, k_scale, weights, context_lens, block_table, None)
    require(max_context_len >= 0, lambda: f"max_context_len must be at least 0, found {max_context_len}")
    # Slots are those of the cache.
    block_kv = k.size(1) if options["base"] == "slot" else 0
    _check_selection(q, q.size(0) * q.size(1), None, None, offset, indices, values, topk, block_kv, dtype, options)
