# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the options of a selection must be, for PyTorch and JAX, which tell integers each in its own way."""
from . import runtime

MAX_K, _MAX_BLOCK_KV = 4096, 65536


def check_choice(name, value, choices):
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, found {value!r}")


def check_selection(name, k, tie_break, order, base, force_first, force_last, block_kv, check_integer, has_table=False):
    """`name` is what the caller calls k. `check_integer(name, value, least, most)` is the framework's. `has_table`: there
    is a block table, whatever the base is."""
    check_integer(name, k, 1, MAX_K)
    check_choice("tie_break", tie_break, runtime.TIE_BREAKS)
    check_choice("order", order, runtime.ORDERS)
    check_choice("base", base, runtime.BASES)
    check_integer("force_first", force_first, 0, k)
    check_integer("force_last", force_last, 0, k)
    if force_first + force_last > k:
        found = f"{force_first} and {force_last}"
        raise ValueError(f"force_first and force_last must be at most {name} = {k} together, found {found}")
    if base == "slot" or has_table:
        check_integer("block_kv", block_kv, 1, _MAX_BLOCK_KV)
        if block_kv & (block_kv - 1):
            raise ValueError(f"block_kv must be a power of two from 1 to {_MAX_BLOCK_KV}, found {block_kv}")
    elif block_kv:
        raise ValueError(f"block_kv is for base='slot', found {block_kv} with base={base!r}")
