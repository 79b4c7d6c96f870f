# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tensors and options of mqa.topk must be: each check raises a ValueError that names the argument."""
import torch

from .checks import both, check_device, check_inner, check_ints, check_shape, fail, get_type, require
from .key_block_checks import check_block_size, check_lists, count_columns
from .selection_checks import MAX_K, check_choice, check_selection  # noqa: F401


def check_integer(name, value, least, most=None):
    """Sizes that a kernel is compiled for: no bool. While PyTorch traces, those of a tensor may be symbolic."""

    def describe():
        limits = f"from {least} to {most}" if most is not None else f"at least {least}"
        return f"{name} must be an integer, {limits}, found {value!r}"

    if isinstance(value, bool) or not isinstance(value, (int, torch.SymInt)):
        fail(describe())
    require(value >= least, describe)
    if most is not None:
        require(value <= most, describe)


def check_options(k, block_kv, compressed, tie_break, order, base, force_first, force_last, num_keys, name="k",
                  of_blocks=False, has_table=False):  # fmt: skip
    """`name` is what the caller calls k. `of_blocks`: columns are those of key blocks."""
    check_selection(name, k, tie_break, order, base, force_first, force_last, block_kv, check_integer, has_table)
    if compressed and of_blocks:
        fail("compressed logits begin with a row's range, and have no key_blocks")
    if num_keys is not None:
        if not compressed and not of_blocks:
            fail("num_keys is for compressed logits and with key_blocks: others have as many keys as columns")
        require(num_keys >= 0, lambda: f"num_keys must be at least 0, found {num_keys}")


def check_which(ks, ke, context_lens, block_table, sequence, base, of_blocks=False):
    """Which tensors go together. `of_blocks`: columns are those of key blocks."""
    if (ke is None) == (context_lens is None):
        fail(f"either ke or context_lens must be given, found {'neither' if ke is None else 'both'}")
    if context_lens is not None and ks is not None:
        fail("ks cannot be given with context_lens, whose ranges begin at 0")
    if (block_table is None) == (base == "slot") and not (of_blocks and block_table is not None):
        fail(f"block_table must be given with base='slot'{'' if of_blocks else ' and only then'}, found base={base!r}")
    if sequence is not None and block_table is None:
        fail("sequence names rows of block_table, found none")


def get_next_n(logits, context_lens, block_table, sequence):
    """Rows of a sequence, where rows are in the order of sequences; else 0."""
    if sequence is not None:
        return 0
    if context_lens is not None and context_lens.dim() == 2:
        return context_lens.size(1)
    sequences = context_lens if context_lens is not None else block_table
    if sequences is None:
        return 0
    return logits.size(0) // sequences.size(0) if sequences.size(0) else 1


def check_sequences(rows, context_lens, block_table, sequence, of="logits"):
    ordered = [("context_lens", context_lens), ("block_table", block_table)]
    if sequence is not None:
        # Each row has a length.
        if context_lens is not None:
            check_shape("context_lens", context_lens, (rows,))
        return
    for name, tensor in ordered:
        if tensor is None:
            continue
        batch = tensor.size(0)
        if name == "context_lens" and tensor.dim() == 2:
            next_n = tensor.size(1)
            fits = both(next_n >= 1, batch * next_n == rows)
        elif isinstance(batch, int) and batch == 0:
            fits = rows == 0
        else:
            fits = both(rows >= batch, rows % batch == 0)
        require(fits, lambda: f"{of} must have as many rows for each of the {batch} rows of {name}, found {rows} rows")
    if context_lens is not None and block_table is not None:
        batch = context_lens.size(0)
        check_shape("block_table", block_table, (batch, None))


def check_rows(rows, **tensors):
    """What has a number for each row."""
    for name, tensor in tensors.items():
        if tensor is not None:
            check_shape(name, tensor, (rows,))
            check_ints(name, tensor)
            check_inner(name, tensor, 0)


def check_table(block_table):
    if block_table is not None:
        check_shape("block_table", block_table, (None, None))
        check_ints("block_table", block_table)
        check_inner("block_table", block_table)


def check_outputs(indices, values, rows, k):
    for name, tensor, dtype in (("indices", indices, torch.int32), ("values", values, torch.float32)):
        if tensor is not None:
            check_shape(name, tensor, (rows, k))
            if tensor.dtype != dtype:
                fail(f"{name} must have dtype {dtype}, found {tensor.dtype}")
            check_inner(name, tensor)


def check_key_blocks(logits, key_blocks, num_key_blocks, block_size):
    """The lists of key blocks whose columns `logits` has."""
    check_block_size(block_size)
    check_lists(logits, logits.size(0), key_blocks, num_key_blocks, None, block_size)
    columns = count_columns(key_blocks, block_size)
    require(
        logits.size(1) == columns,
        lambda: f"logits must have {columns} columns, block_size = {block_size} for each of the {key_blocks.size(1)} blocks"
        f" of a row of key_blocks, found {logits.size(1)}",
    )


def check_topk(logits, ks, ke, context_lens, block_table, sequence, offset, indices, values, key_blocks, num_key_blocks, *,
               k, num_keys, block_size, **options):  # fmt: skip
    """`indices` and `values` are None where they are made to fit."""
    of_blocks = key_blocks is not None
    if of_blocks != (num_key_blocks is not None):
        fail("key_blocks and num_key_blocks must be given together")
    check_options(k, num_keys=num_keys, of_blocks=of_blocks, has_table=of_blocks and block_table is not None, **options)
    check_which(ks, ke, context_lens, block_table, sequence, options["base"], of_blocks)
    check_shape("logits", logits, (None, None))
    get_type("logits", logits.dtype)
    check_inner("logits", logits)
    rows = logits.size(0)
    check_rows(rows, ks=ks, ke=ke, sequence=sequence, offset=offset)
    if context_lens is not None:
        if context_lens.dim() not in (1, 2):
            fail(f"context_lens must be B or B x T, found {context_lens.dim()} dimensions")
        check_ints("context_lens", context_lens)
        check_inner("context_lens", context_lens, context_lens.dim() - 1)
    check_table(block_table)
    check_sequences(rows, context_lens, block_table, sequence)
    check_outputs(indices, values, rows, k)
    if of_blocks:
        check_key_blocks(logits, key_blocks, num_key_blocks, block_size)
    check_device(logits, of="logits", ks=ks, ke=ke, context_lens=context_lens, block_table=block_table,
                 sequence=sequence, offset=offset, indices=indices, values=values)  # fmt: skip
