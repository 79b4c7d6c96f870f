# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention logits, and the best keys by them, as functions of JAX arrays, also under `jax.jit`; on CPUs and CUDA GPUs.

    import mqa.jax

The functions are those of `mqa` on PyTorch tensors, with the same arguments, and return new arrays.
Shapes and types are checked while JAX traces: an error is a ValueError that names the argument, and a TypeError for
what is no array. The kernel is looked for when the call first runs on a device; if there is none, JAX raises its own
error, which says why. There is no derivative. `jax.vmap` calls the kernel once for each element. Under a sharding
each device gets whole arrays, unless `jax.shard_map` divides them.
"""
import jax
import jax.numpy as jnp

from . import jax_checks as checks
from . import library
from .jax_calls import LAUNCH, SELECT, call, to_bytes, to_operands, to_words
from .jax_key_blocks import (key_block_logits, key_block_logits_topk, paged_key_block_logits,
                             paged_key_block_logits_topk)  # fmt: skip
from .jax_ops import ANY, make_logits_op, make_outputs, make_paged_op, make_selection

__all__ = ["logits", "paged_logits", "topk", "merge_topk", "logits_topk", "paged_logits_topk"]
__all__ += ["key_block_logits", "paged_key_block_logits", "key_block_logits_topk", "paged_key_block_logits_topk"]

def logits(q, k, k_scale, weights, ks, ke, *, clean=True, max_seqlen_k=0, relu=True, fast=False, dtype=jnp.float32,
           nan_as_zero=False, max_multiprocessors=0, block_max=0, q_scale=None, head_reduction="sum"):  # fmt: skip
    """Logits of M queries against N keys: `mqa.logits` (docs/MQADialect.md).

    q is M x H x D, of float8_e4m3fn, float8_e5m2, bfloat16 or float16; k is N x D, or N x G x D for groups of heads, of the
    same type; k_scale is N (or N x G) float32 or None, weights M x H float32 or bfloat16 or None, ks and ke M int32: query m
    sees the keys ks[m] <= n < ke[m]. Returns M x N of `dtype` (float32, bfloat16 or float16), -inf outside the ranges. With
    clean=False, what is outside may be anything, and costs nothing. With max_seqlen_k = S > 0 returns M x S: row m begins
    with its range. relu=False leaves max(..., 0) out; fast=True allows a sum over the heads in half precision. With
    nan_as_zero, a score q . k of NaN counts as 0. With block_max (8, 64 or 128) returns M x ceil(N / block_max): a column is the
    greatest logit of a block of so many keys, as far as they lie in the range. With head_reduction="max", a logit is k_scale
    times the greatest of the heads' weighted scores in the place of their sum, and `fast` is ignored. `max_multiprocessors` of a GPU work on it, 0: as
    mqa.runtime.set_max_multiprocessors says.

    Keys may have block scales, one for each 32 elements. Then k_scale is N int32, a word of four scales of each key, or its
    bytes, N x 4 uint8 or float8_e8m0fnu. Such keys are MXFP4 (k is N x D / 2 uint8 or int8, or N x D float4_e2m1fn) or MXFP8 (k
    is float8_e4m3fn); q is float8_e4m3fn, bfloat16 or float16. `mqa.logits` on PyTorch tensors says more. JAX may keep a
    float4_e2m1fn in a byte of its own; then each call packs the array.

    With q_scale, M x H int32 or M x H x 4 bytes, queries have block scales: q is MXFP4 (M x H x D / 2 uint8 or int8, or M x H x
    D float4_e2m1fn) or MXFP8 (float8_e4m3fn), beside keys of any type or with block scales, but without groups. `fast` is
    ignored then.

    >>> import jax.numpy as jnp, mqa.jax
    >>> q, weights = jnp.ones((2, 64, 128), jnp.float8_e4m3fn), jnp.ones((2, 64))
    >>> k, k_scale = jnp.ones((3, 128), jnp.float8_e4m3fn), jnp.array([1.0, 2.0, 3.0])
    >>> ks, ke = jnp.array([0, 1]), jnp.array([2, 3])
    >>> mqa.jax.logits(q, k, k_scale, weights, ks, ke).tolist()
    [[8192.0, 16384.0, -inf], [-inf, 16384.0, 24576.0]]
    >>> mqa.jax.logits(q, k, k_scale, weights, ks, ke, head_reduction="max").tolist()
    [[128.0, 256.0, -inf], [-inf, 256.0, 384.0]]
    >>> fp4 = jnp.full((2, 64, 64), 0x22, jnp.uint8)  # two elements of 1 in a byte
    >>> q_scale = jnp.full((2, 64), 0x7F7F807F, jnp.int32)  # 1, 2, 1, 1: of 32 elements each
    >>> mqa.jax.logits(fp4, k, k_scale, weights, ks, ke, q_scale=q_scale).tolist()
    [[10240.0, 20480.0, -inf], [-inf, 20480.0, 30720.0]]
    """
    q, k = to_bytes("q", q), to_bytes("k", k)
    sizes = checks.check_logits(q, k, k_scale, weights, ks, ke, q_scale)
    columns = checks.check_integer("max_seqlen_k", max_seqlen_k, 0)
    op = make_logits_op(k_scale, weights, dtype, sizes, relu=relu, fast=fast, nan_as_zero=nan_as_zero,
                         head_reduction=head_reduction, num_groups=sizes.get("G", 0), clean=bool(clean), compressed=columns > 0,
                         block_max=checks.check_block_max(block_max, columns > 0))  # fmt: skip
    out = jax.ShapeDtypeStruct((sizes["M"], columns or checks.count_columns(sizes["N"], block_max)), dtype)
    operands = (*to_operands(q, k, k_scale), weights, ks, ke, to_words(q_scale))
    return call(LAUNCH, op, out, operands, max_multiprocessors)


def paged_logits(q, k, k_scale, weights, context_lens, block_table, max_context_len, *, sequence=None,
                 rows_per_sequence=0, clean=True, relu=True, dtype=jnp.float32, nan_as_zero=False, max_multiprocessors=0,
                 block_max=0, q_scale=None, head_reduction="sum"):  # fmt: skip
    """Logits of T new queries of each of B sequences against a paged cache: `mqa.paged_logits` (docs/MQADialect.md).

    q is B x T x H x D. k is C x P x D and k_scale C x P float32 or None; or k is C x P x (D + 4) uint8, also with a 1 ahead
    of the last size, and k_scale None: blocks of P * D key bytes and then P float32 scales, as in DeepGEMM. With D / 2 + 4
    in the place of D + 4, keys are MXFP4: blocks of P * D / 2 bytes and then P words of block scales. weights is B*T x H or
    None, context_lens B x T or B int32, block_table B x W int32, q_scale B x T x H (with sequence M x H) int32, or with 4
    bytes for each, or None.
    Returns B*T x max_context_len of `dtype`, -inf behind a row's length; with clean=False anything. The rest is as in
    `logits`.

    With sequence, M int32, rows name their sequences: q is M x H x D, weights M x H, context_lens M, and row m has line
    sequence[m] of block_table. rows_per_sequence, 1 to 8, makes a kernel that is fast where sequences have so many rows.
    Returns M x max_context_len. `mqa.paged_logits` on PyTorch tensors says more.

    >>> import jax.numpy as jnp, mqa.jax
    >>> q, weights = jnp.ones((2, 1, 64, 128), jnp.float8_e4m3fn), jnp.ones((2, 64))
    >>> k, k_scale = jnp.ones((8, 64, 128), jnp.float8_e4m3fn), jnp.ones((8, 64))
    >>> context_lens, block_table = jnp.array([[2], [0]]), jnp.arange(8).reshape(2, 4)
    >>> mqa.jax.paged_logits(q, k, k_scale, weights, context_lens, block_table, 256)[:, :3].tolist()
    [[8192.0, 8192.0, -inf], [-inf, -inf, -inf]]
    """
    q, k = to_bytes("q", q), to_bytes("k", k)
    sizes = checks.check_paged(q, k, k_scale, weights, context_lens, block_table, sequence, q_scale)
    columns = checks.check_integer("max_context_len", max_context_len, 0)
    op = make_paged_op(k, k_scale, weights, context_lens, dtype, sizes, sequence, relu=relu, fast=False,
                        nan_as_zero=nan_as_zero, head_reduction=head_reduction, clean=bool(clean),
                        block_max=checks.check_block_max(block_max),
                        rows_per_sequence=checks.check_rows_per_sequence(rows_per_sequence, sequence))  # fmt: skip
    rows = sizes["B"] * sizes["T"] if sequence is None else sizes["M"]
    out = jax.ShapeDtypeStruct((rows, checks.count_columns(columns, block_max)), dtype)
    operands = (*to_operands(q, k, k_scale), weights, context_lens, block_table, sequence, to_words(q_scale))
    return call(LAUNCH, op, out, operands, max_multiprocessors)


def topk(logits, ke, k, *, ks=None, context_lens=None, block_table=None, sequence=None, offset=None, key_blocks=None,
         num_key_blocks=None, block_size=8, block_kv=0, num_keys=None, compressed=False, tie_break="smallest", order="key",
         base="relative", force_first=0, force_last=0, return_values=False):  # fmt: skip
    """The k keys with the greatest logits of each row: `mqa.topk` on PyTorch tensors says what each argument is.

    logits is M x N float32, bfloat16 or float16, ke and ks M int32 (or context_lens in their place: B x T, B, or with
    `sequence` M). Returns indices, M x k int32, -1 behind the selected; with `return_values` also their logits, M x k
    float32, -inf there. k, num_keys and the other numbers must be known while JAX traces. With key_blocks, M x B, and
    num_key_blocks, M, columns are those of `key_block_logits` or `paged_key_block_logits`.

    >>> import jax.numpy as jnp, mqa.jax
    >>> logits, ke = jnp.arange(4000.0).reshape(2, 2000), jnp.array([2000, 3])
    >>> indices, values = mqa.jax.topk(logits, ke, 512, return_values=True)
    >>> indices[:, :4].tolist(), values[:, :4].tolist()
    ([[1488, 1489, 1490, 1491], [0, 1, 2, -1]], [[1488.0, 1489.0, 1490.0, 1491.0], [2000.0, 2001.0, 2002.0, -inf]])
    """
    of_blocks = key_blocks is not None
    has_table = of_blocks and block_table is not None
    checks.check_selection("k", k, tie_break, order, base, force_first, force_last, block_kv, has_table)
    sizes = checks.Sizes()
    sizes.check("logits", logits, ("M", "N"), checks.LOGITS)
    sizes.check_given(("M",), checks.INT, ks=ks, ke=ke, sequence=sequence, offset=offset)
    next_n = checks.check_rows(sizes, sizes["M"], ke, context_lens, block_table, ks, sequence, base, of_blocks)
    if num_keys is not None:
        checks.check_integer("num_keys", num_keys, 0, 2**31 - 1)
        if not compressed and not of_blocks:
            raise ValueError("num_keys is for compressed logits and with key_blocks: others have as many keys as columns")
    checks.check_topk_blocks(sizes, key_blocks, num_key_blocks, block_size, compressed)
    op = library.TopkOp(
        target=ANY,
        k=int(k),
        input_type=checks.get_type(logits.dtype),
        compressed=bool(compressed),
        tie_break=tie_break,
        order=order,
        base=base,
        force_first=int(force_first),
        force_last=int(force_last),
        has_ks=ks is not None,
        lens_rank=0 if context_lens is None else len(context_lens.shape),
        next_n=next_n,
        block_kv=int(block_kv),
        has_sequence=sequence is not None,
        has_offset=offset is not None,
        has_values=bool(return_values),
        has_num_keys=num_keys is not None,
        key_block_size=int(block_size) if of_blocks else 0,
    )
    operands = (logits, ks, ke, context_lens, block_table, sequence, offset, key_blocks, num_key_blocks)
    return call(SELECT, op, make_outputs(sizes["M"], k, return_values), operands, size=num_keys or 0)


def merge_topk(list_indices, list_values, ke, *, ks=None, tie_break="smallest", order="key", base="relative",
               return_values=False):  # fmt: skip
    """The k best keys of each row out of R lists, each the k best of its own part of the keys: `mqa.merge_topk`.

    list_indices is R x M x k int32 (absolute keys, -1 is padding), list_values R x M x k float32, ke and ks M int32: the
    ranges of the whole rows. Returns what `topk` returns for all keys.

    >>> import jax.numpy as jnp, mqa.jax
    >>> indices = jnp.stack([jnp.arange(512), jnp.arange(512) + 1000]).reshape(2, 1, 512)
    >>> values, ke = jnp.arange(1024.0).reshape(2, 1, 512), jnp.array([2000])
    >>> mqa.jax.merge_topk(indices, values, ke, base="absolute")[0, :3].tolist()
    [1000, 1001, 1002]
    """
    sizes = checks.Sizes()
    sizes.check("list_indices", list_indices, ("R", "M", "k"), checks.INT)
    sizes.check("list_values", list_values, ("R", "M", "k"), checks.FLOAT)
    checks.check_array("ke", ke)
    sizes.check_given(("M",), checks.INT, ks=ks, ke=ke)
    checks.check_choice("base", base, ("relative", "absolute"))
    checks.check_selection("k", sizes["k"], tie_break, order, base, 0, 0, 0)
    op = library.MergeTopkOp(target=ANY, k=sizes["k"], tie_break=tie_break, order=order, base=base, has_ks=ks is not None,
                             has_values=bool(return_values))  # fmt: skip
    outputs = make_outputs(sizes["M"], sizes["k"], return_values)
    return call(LAUNCH, op, outputs, (list_indices, list_values, ks, ke))


def logits_topk(q, k, k_scale, weights, ks, ke, topk, *, block_table=None, sequence=None, offset=None, block_kv=0,
                relu=True, fast=False, dtype=jnp.float32, nan_as_zero=False, tie_break="smallest", order="key",
                base="relative", force_first=0, force_last=0, return_values=False, max_multiprocessors=0,
                q_scale=None, head_reduction="sum"):  # fmt: skip
    """The `topk` keys with the greatest logits of each query, without a matrix of logits.

    What `topk` gives on `logits` of the same arguments, also with q_scale. On a GPU, calls work in memory that is kept for
    each kernel and stream.

    >>> import jax.numpy as jnp, mqa.jax
    >>> q, weights = jnp.ones((1, 64, 128), jnp.float8_e4m3fn), jnp.ones((1, 64))
    >>> k, k_scale = jnp.ones((2000, 128), jnp.float8_e4m3fn), jnp.arange(2000.0)
    >>> mqa.jax.logits_topk(q, k, k_scale, weights, jnp.array([0]), jnp.array([2000]), 512)[0, :3].tolist()
    [1488, 1489, 1490]
    """
    q, k = to_bytes("q", q), to_bytes("k", k)
    sizes = checks.check_logits(q, k, k_scale, weights, ks, ke, q_scale)
    checks.check_selection("topk", topk, tie_break, order, base, force_first, force_last, block_kv)
    sizes.check_given(("M",), checks.INT, sequence=sequence, offset=offset)
    next_n = checks.check_rows(sizes, sizes["M"], ke, None, block_table, ks, sequence, base)
    of = make_logits_op(k_scale, weights, dtype, sizes, relu=relu, fast=fast, nan_as_zero=nan_as_zero,
                         head_reduction=head_reduction, num_groups=sizes.get("G", 0))  # fmt: skip
    selection = make_selection(of, topk, offset, return_values, tie_break=tie_break, order=order, base=base,
                                force_first=int(force_first), force_last=int(force_last), block_kv=int(block_kv),
                                next_n=next_n, has_sequence=sequence is not None)  # fmt: skip
    operands = (*to_operands(q, k, k_scale), weights, ks, ke, to_words(q_scale), block_table, sequence, offset)
    outputs = make_outputs(sizes["M"], topk, return_values)
    return call(SELECT, library.FusedOp(of, selection), outputs, operands, max_multiprocessors)


def paged_logits_topk(q, k, k_scale, weights, context_lens, block_table, topk, max_context_len, *, sequence=None,
                      rows_per_sequence=0, offset=None, relu=True, fast=False, dtype=jnp.float32, nan_as_zero=False,
                      tie_break="smallest", order="key", base="relative", force_first=0, force_last=0,
                      return_values=False, max_multiprocessors=0, q_scale=None, head_reduction="sum"):  # fmt: skip
    """Likewise against a paged cache: what `topk` gives on `paged_logits` of the same arguments.

    No range is longer than `max_context_len`. With base="slot", an index is the key's place in the cache. With sequence, rows
    name their sequences, and with q_scale queries have block scales, as in `paged_logits`.

    >>> import jax.numpy as jnp, mqa.jax
    >>> q, weights = jnp.ones((1, 1, 64, 128), jnp.float8_e4m3fn), jnp.ones((1, 64))
    >>> k, k_scale = jnp.ones((32, 64, 128), jnp.float8_e4m3fn), jnp.arange(2048.0).reshape(32, 64)
    >>> context_lens, block_table = jnp.array([[2000]]), jnp.arange(32).reshape(1, 32)
    >>> mqa.jax.paged_logits_topk(q, k, k_scale, weights, context_lens, block_table, 512, 2048)[0, :3].tolist()
    [1488, 1489, 1490]
    """
    q, k = to_bytes("q", q), to_bytes("k", k)
    sizes = checks.check_paged(q, k, k_scale, weights, context_lens, block_table, sequence, q_scale)
    columns = checks.check_integer("max_context_len", max_context_len, 0, 2**31 - 1)
    # Slots are those of the cache.
    block_kv = sizes["P"] if base == "slot" else 0
    checks.check_selection("topk", topk, tie_break, order, base, force_first, force_last, block_kv)
    rows = sizes["B"] * sizes["T"] if sequence is None else sizes["M"]
    sizes.check_given((rows,), checks.INT, offset=offset)
    of = make_paged_op(k, k_scale, weights, context_lens, dtype, sizes, sequence, relu=relu, fast=fast,
                       nan_as_zero=nan_as_zero, head_reduction=head_reduction,
                       rows_per_sequence=checks.check_rows_per_sequence(rows_per_sequence, sequence))  # fmt: skip
    selection = make_selection(of, topk, offset, return_values, tie_break=tie_break, order=order, base=base,
                               force_first=int(force_first), force_last=int(force_last), has_ks=False,
                               lens_rank=len(context_lens.shape), next_n=of.next_n, block_kv=of.block_kv,
                               has_sequence=sequence is not None)  # fmt: skip
    operands = (*to_operands(q, k, k_scale), weights, context_lens, block_table, sequence, to_words(q_scale), offset)
    outputs = make_outputs(rows, topk, return_values)
    return call(SELECT, library.FusedOp(of, selection), outputs, operands, max_multiprocessors, size=columns)
