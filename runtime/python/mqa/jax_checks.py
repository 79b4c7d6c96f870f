# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What arrays and options of mqa.jax must be, looked at while JAX traces: each error names the argument and what was found."""
import jax

from . import selection_checks
from .selection_checks import check_choice  # noqa: F401

_TYPES = {
    "float8_e4m3fn": "f8E4M3FN",
    "float8_e5m2": "f8E5M2",
    "bfloat16": "bf16",
    "float16": "f16",
    "float32": "f32",
    "int32": "i32",
}
INPUTS = ("float8_e4m3fn", "float8_e5m2", "bfloat16", "float16")
LOGITS = ("float32", "bfloat16", "float16")
WEIGHTS = ("float32", "bfloat16")
FLOAT, INT = ("float32",), ("int32",)
# With block scales: two elements of MXFP4 in a byte; words of four scales, or the bytes of a word.
_FP4, _FP8 = ("uint8", "int8"), ("float8_e4m3fn",)
_SCALE_BYTES = ("uint8", "float8_e8m0fnu")
_BLOCK_SCALES = (*INT, *_SCALE_BYTES)
_MX_HEAD_DIMS = (32, 64, 96, 128)
_MAX_HEADS, _MAX_HEAD_DIM, _MAX_NEXT_N = 128, 256, 8


def get_type(dtype):
    """The name of MLIR for a type that was checked."""
    return _TYPES[str(dtype)]


def check_dtype(name, dtype, allowed):
    if str(dtype) not in allowed:
        raise ValueError(f"{name} must have a dtype of {', '.join(allowed)}, found {dtype}")


def check_array(name, array):
    if not hasattr(array, "shape") or not hasattr(array, "dtype"):
        found = "None" if array is None else type(array).__name__
        raise TypeError(f"{name} must be an array, found {found}")


def check_integer(name, value, least, most=None):
    """A size that a kernel is compiled for, or that a shape follows from: no tracer, and no bool."""
    try:
        number = None if isinstance(value, bool) else value.__index__()
    except Exception:
        number = None
    if number is None or number < least or (most is not None and number > most):
        limits = f"from {least} to {most}" if most is not None else f"at least {least}"
        raise ValueError(f"{name} must be an integer that is known while JAX traces, {limits}, found {value!r}")
    return number


class Sizes(dict):
    """Sizes by the letters of the documentation: the first array that has a letter says what it is. With what queries and
    keys are: the formats of those with block scales, else "", and MLIR's name of the type of others.
    """

    mx_queries = mx_keys = input_type = ""
    is_paged = False

    def check(self, name, array, shape, allowed):
        """`shape` has a letter or a number for each dimension."""
        check_array(name, array)
        known = [self.get(size, size) for size in shape]
        fits = len(array.shape) == len(shape)
        fits = fits and all(isinstance(size, str) or size == found for size, found in zip(known, array.shape))
        if not fits:
            expected, found = (" x ".join(map(str, sizes)) for sizes in (known, array.shape))
            raise ValueError(f"{name} must be {expected}, found {found or 'a scalar'}")
        check_dtype(name, array.dtype, allowed)
        for size, found in zip(shape, array.shape):
            if isinstance(size, str):
                self[size] = found

    def check_given(self, shape, allowed, **arrays):
        """Of those that are not None."""
        for name, array in arrays.items():
            if array is not None:
                self.check(name, array, shape, allowed)

    def check_heads(self):
        if not 1 <= self["H"] <= _MAX_HEADS:
            raise ValueError(f"q must have 1 to {_MAX_HEADS} heads, found {self['H']}")
        if self["D"] % 16 or not 16 <= self["D"] <= _MAX_HEAD_DIM:
            raise ValueError(f"the head dim of q must be a multiple of 16 up to {_MAX_HEAD_DIM}, found {self['D']}")
        if "G" in self and (self["G"] < 1 or self["H"] % self["G"]):
            raise ValueError(f"the heads of q must be a multiple of the groups of k, found {self['H']} and {self['G']}")


def check_block_max(block_max, compressed=False):
    check_integer("block_max", block_max, 0)
    if block_max not in (0, 8, 64, 128):
        raise ValueError(f"block_max must be 0 (none), 8, 64 or 128, found {block_max}")
    if block_max and compressed:
        raise ValueError(f"block_max is for logits that are not compressed, found {block_max} with max_seqlen_k")
    return int(block_max)


def check_rows_per_sequence(rows, sequence):
    """As `checks.check_rows_per_sequence`."""
    check_integer("rows_per_sequence", rows, 0)
    if rows > 8:
        raise ValueError(f"rows_per_sequence must be 0 (many) or from 1 to 8, found {rows}")
    if rows and sequence is None:
        raise ValueError(f"rows_per_sequence is for rows that name their sequences (sequence), found {rows}")
    return int(rows)


def count_columns(keys, block_max):
    return -(-keys // block_max) if block_max else keys


def find_mx_format(k, k_scale):
    """As `checks.find_mx_format`; bytes without scales are a cache."""
    if str(k.dtype) == "int8" or (str(k.dtype) == "uint8" and k_scale is not None):
        return "MXFP4"
    has_blocks = k_scale is not None and str(k_scale.dtype) in _BLOCK_SCALES
    return "MXFP8" if has_blocks and str(k.dtype) in _FP8 else ""


def _check_queries(sizes, q, q_scale, k, k_scale, shape):
    """`shape` has the letters of q. Returns what queries are to other checks: those with block scales are of the type that
    keys may stand beside, and have D elements for each head.
    """
    check_array("k", k)
    if q_scale is not None:
        check_array("q", q)
        check_dtype("q beside q_scale", q.dtype, (*_FP4, *_FP8))
        is_fp4 = str(q.dtype) in _FP4
        sizes.mx_queries = "MXFP4" if is_fp4 else "MXFP8"
        has_blocks = find_mx_format(k, k_scale) or (sizes.is_paged and is_cache(k, k_scale))
        if not has_blocks:
            check_dtype("k", k.dtype, INPUTS)
        row = [2 * size if is_fp4 else size for size in q.shape[-1:]]
        q = jax.ShapeDtypeStruct((*q.shape[:-1], *row), _FP8[0] if has_blocks else k.dtype)
    sizes.check("q", q, shape, INPUTS)
    sizes.input_type = get_type(q.dtype)
    if sizes.mx_queries:
        _check_head_dim(sizes, f"queries of {sizes.mx_queries}")
        check_array("q_scale", q_scale)
        row = (4,) if str(q_scale.dtype) in _SCALE_BYTES else ()
        sizes.check("q_scale", q_scale, (*shape[:-1], *row), _BLOCK_SCALES)
    return q


def _check_head_dim(sizes, what):
    if sizes["D"] not in _MX_HEAD_DIMS:
        raise ValueError(f"q must have a head dim of 32, 64, 96 or 128 for {what}, found {sizes['D']}")


def _check_mx_keys(sizes, q, mx):
    """What queries must be beside keys with block scales."""
    sizes.mx_keys = mx
    check_dtype(f"q for keys of {mx}", q.dtype, (*_FP8, "bfloat16", "float16"))
    _check_head_dim(sizes, f"keys of {mx}")


def _check_keys(sizes, q, k, k_scale, rows):
    """k and k_scale of keys in `rows`, letters of Sizes."""
    mx = find_mx_format(k, k_scale)
    if not mx:
        sizes.check("k", k, (*rows, "D"), (str(q.dtype),))
        sizes.check_given(rows, FLOAT, k_scale=k_scale)
        return
    if k_scale is None:
        raise ValueError(f"k_scale must not be None for keys of {mx}: it has their block scales")
    _check_mx_keys(sizes, q, mx)
    is_fp4 = mx == "MXFP4"
    sizes.check("k", k, (*rows, sizes["D"] // 2 if is_fp4 else "D"), _FP4 if is_fp4 else _FP8)
    has_bytes = str(k_scale.dtype) in _SCALE_BYTES
    sizes.check("k_scale", k_scale, (*rows, 4) if has_bytes else rows, _BLOCK_SCALES)


def _check_cache(sizes, q, k, k_scale):
    """A cache of bytes: a block has its keys and then its scales. The last size says whether keys are of MXFP4."""
    if k_scale is not None:
        raise ValueError("k_scale must be None with a k of bytes, which holds the scales")
    row = sizes["D"] // 2 + 4
    if k.shape[-1:] == (row,):
        _check_mx_keys(sizes, q, "MXFP4")
    else:
        row = sizes["D"] + 4
        check_dtype("q with a k of bytes", q.dtype, INPUTS[:2])
    sizes.check("k", k, ("C", "P", 1, row) if len(k.shape) == 4 else ("C", "P", row), ("uint8",))


def check_block_size(block_size):
    if check_integer("block_size", block_size, 0) not in (8, 16):
        raise ValueError(f"block_size must be 8 or 16, found {block_size}")
    return int(block_size)


def check_lists(sizes, rows, key_blocks, num_key_blocks, block_size):
    """The lists of key blocks of `rows` rows; returns how many columns these have."""
    check_block_size(block_size)
    sizes.check("key_blocks", key_blocks, (rows, "L"), INT)
    sizes.check("num_key_blocks", num_key_blocks, (rows,), INT)
    return sizes["L"] * int(block_size)


def check_topk_blocks(sizes, key_blocks, num_key_blocks, block_size, compressed):
    """Those of mqa.topk, which may be None."""
    if (key_blocks is None) != (num_key_blocks is None):
        raise ValueError("key_blocks and num_key_blocks must be given together")
    if key_blocks is None:
        return
    if compressed:
        raise ValueError("compressed logits begin with a row's range, and have no key_blocks")
    columns = check_lists(sizes, sizes["M"], key_blocks, num_key_blocks, block_size)
    if sizes["N"] != columns:
        raise ValueError(
            f"logits must have {columns} columns, block_size = {block_size} for each of the {sizes['L']} blocks of a row of"
            f" key_blocks, found {sizes['N']}"
        )


def check_logits(q, k, k_scale, weights, ks, ke, q_scale=None):
    """The sizes M, H, D, N, and G where keys have groups."""
    sizes = Sizes()
    q = _check_queries(sizes, q, q_scale, k, k_scale, ("M", "H", "D"))
    grouped = len(k.shape) == 3 and not find_mx_format(k, k_scale)
    if grouped and sizes.mx_queries:
        raise ValueError("k must be N x D: queries with block scales have no key groups, found 3 dimensions")
    _check_keys(sizes, q, k, k_scale, ("N", "G") if grouped else ("N",))
    sizes.check_given(("M", "H"), WEIGHTS, weights=weights)
    for name, bounds in (("ks", ks), ("ke", ke)):
        sizes.check(name, bounds, ("M",), INT)
    sizes.check_heads()
    return sizes


def check_paged(q, k, k_scale, weights, context_lens, block_table, sequence=None, q_scale=None):
    """The sizes B, T, H, D, C blocks of P keys, W; with `sequence` M in the place of T. `k` may be a cache of bytes,
    without `k_scale`.
    """
    sizes = Sizes()
    sizes.is_paged = True
    q = _check_queries(sizes, q, q_scale, k, k_scale, ("B", "T", "H", "D") if sequence is None else ("M", "H", "D"))
    if is_cache(k, k_scale):
        _check_cache(sizes, q, k, k_scale)
    else:
        _check_keys(sizes, q, k, k_scale, ("C", "P"))
    if sequence is not None:
        sizes.check_given(("M", "H"), WEIGHTS, weights=weights)
        sizes.check("context_lens", context_lens, ("M",), INT)
        sizes.check("block_table", block_table, ("B", "W"), INT)
        sizes.check("sequence", sequence, ("M",), INT)
        sizes.check_heads()
        return sizes
    sizes.check_given((sizes["B"] * sizes["T"], "H"), WEIGHTS, weights=weights)
    check_array("context_lens", context_lens)
    sizes.check("context_lens", context_lens, ("B", "T") if len(context_lens.shape) == 2 else ("B",), INT)
    sizes.check("block_table", block_table, ("B", "W"), INT)
    sizes.check_heads()
    if not 1 <= sizes["T"] <= _MAX_NEXT_N:
        raise ValueError(f"q must have 1 to {_MAX_NEXT_N} queries of each sequence, found {sizes['T']}")
    return sizes


def is_cache(k, k_scale):
    """Whether keys and scales are one array of bytes; bytes beside words of block scales are MXFP4."""
    has_blocks = k_scale is not None and str(k_scale.dtype) in _BLOCK_SCALES
    return str(k.dtype) == "uint8" and not has_blocks


def check_selection(name, k, tie_break, order, base, force_first, force_last, block_kv, has_table=False):
    """`name` is what the caller calls k."""
    selection_checks.check_selection(name, k, tie_break, order, base, force_first, force_last, block_kv, check_integer,
                                     has_table)  # fmt: skip


def check_rows(sizes, rows, ke, context_lens, block_table, ks, sequence, base, of_blocks=False):
    """Which arrays go together, and rows of them. Returns how many rows a sequence has where they are in order, else 0.
    `of_blocks`: columns are those of key blocks.
    """
    if (ke is None) == (context_lens is None):
        raise ValueError(f"either ke or context_lens must be given, found {'neither' if ke is None else 'both'}")
    if context_lens is not None and ks is not None:
        raise ValueError("ks cannot be given with context_lens, whose ranges begin at 0")
    if (block_table is None) == (base == "slot") and not (of_blocks and block_table is not None):
        only = "" if of_blocks else " and only then"
        raise ValueError(f"block_table must be given with base='slot'{only}, found base={base!r}")
    if sequence is not None and block_table is None:
        raise ValueError("sequence names rows of block_table, found none")
    if context_lens is not None:
        check_array("context_lens", context_lens)
        shape = ("M",) if sequence is not None else ("B", "T") if len(context_lens.shape) == 2 else ("B",)
        sizes.check("context_lens", context_lens, shape, INT)
    if block_table is not None:
        sizes.check("block_table", block_table, ("sequences" if sequence is not None else "B", "W"), INT)
    if sequence is not None or "B" not in sizes:
        return 0
    batch = sizes["B"]
    next_n = sizes["T"] if "T" in sizes else rows // batch if batch else 1
    if next_n < 1 or batch * next_n != rows:
        raise ValueError(f"there must be as many rows for each of the {batch} sequences, found {rows} rows")
    return next_n
