# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Logits of key blocks, and the best keys by them, as functions of JAX arrays; mqa.jax has them."""
import jax
import jax.numpy as jnp

from . import jax_checks as checks
from . import library
from .jax_calls import LAUNCH, SELECT, call, to_bytes, to_operands, to_words
from .jax_ops import make_logits_op, make_outputs, make_paged_op, make_selection


def key_block_logits(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, *, block_size=8, clean=True, relu=True,
                     dtype=jnp.float32, nan_as_zero=False, max_multiprocessors=0, q_scale=None,
                     head_reduction="sum"):  # fmt: skip
    """Logits of the keys of some blocks, other ones for each query: `mqa.logits` with `key_blocks` (docs/MQADialect.md).

    Block b has the `block_size` (8 or 16) keys from b * block_size on. key_blocks is M x B int32, num_key_blocks M int32:
    query m has the blocks key_blocks[m, j] for j < num_key_blocks[m]. Returns M x (B * block_size) of `dtype`: column
    j * block_size + o of row m is the logit of key key_blocks[m, j] * block_size + o, -inf where that key is outside of the
    query's range and behind the query's blocks (with clean=False anything). The rest is as in `logits`, also q_scale, but
    keys have no groups.

    >>> import jax.numpy as jnp, mqa.jax
    >>> q, weights = jnp.ones((1, 64, 128), jnp.float8_e4m3fn), jnp.ones((1, 64))
    >>> k, k_scale = jnp.ones((300, 128), jnp.float8_e4m3fn), jnp.arange(300.0)
    >>> key_blocks, num_key_blocks = jnp.array([[0, 37]]), jnp.array([2])
    >>> ks, ke = jnp.array([7]), jnp.array([300])
    >>> mqa.jax.key_block_logits(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks)[0, 6:13].tolist()
    [-inf, 57344.0, 2424832.0, 2433024.0, 2441216.0, 2449408.0, -inf]
    """
    q, k = to_bytes("q", q), to_bytes("k", k)
    sizes, columns = _check(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, block_size, q_scale)
    op = make_logits_op(k_scale, weights, dtype, sizes, relu=relu, fast=False, nan_as_zero=nan_as_zero,
                        head_reduction=head_reduction, clean=bool(clean), key_block_size=int(block_size))  # fmt: skip
    out = jax.ShapeDtypeStruct((sizes["M"], columns), dtype)
    operands = (*to_operands(q, k, k_scale), weights, ks, ke, key_blocks, num_key_blocks, to_words(q_scale))
    return call(LAUNCH, op, out, operands, max_multiprocessors)


def paged_key_block_logits(q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks, *, sequence=None,
                           block_size=8, clean=True, relu=True, dtype=jnp.float32, nan_as_zero=False,
                           max_multiprocessors=0, q_scale=None, head_reduction="sum"):  # fmt: skip
    """Likewise against a paged cache: the blocks of a row are of the keys of its sequence.

    key_blocks is B*T x L int32, num_key_blocks B*T int32. Returns B*T x (L * block_size). With sequence, M int32, rows name
    their sequences, as in `paged_logits`, and there are M rows in the place of B*T. The rest is as in `paged_logits`, also q_scale.

    >>> import jax.numpy as jnp, mqa.jax
    >>> q, weights = jnp.ones((2, 1, 64, 128), jnp.float8_e4m3fn), jnp.ones((2, 64))
    >>> k, k_scale = jnp.ones((8, 64, 128), jnp.float8_e4m3fn), jnp.ones((8, 64))
    >>> context_lens, block_table = jnp.array([[70], [0]]), jnp.arange(8).reshape(2, 4)
    >>> key_blocks, num_key_blocks = jnp.array([[8], [0]]), jnp.array([1, 1])
    >>> mqa.jax.paged_key_block_logits(q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks)[:, 4:].tolist()
    [[8192.0, 8192.0, -inf, -inf], [-inf, -inf, -inf, -inf]]
    """
    q, k = to_bytes("q", q), to_bytes("k", k)
    sizes, rows, columns = _check_paged(q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks,
                                        sequence, block_size, q_scale)  # fmt: skip
    op = make_paged_op(k, k_scale, weights, context_lens, dtype, sizes, sequence, relu=relu, fast=False,
                       nan_as_zero=nan_as_zero, head_reduction=head_reduction, clean=bool(clean),
                       key_block_size=int(block_size))  # fmt: skip
    out = jax.ShapeDtypeStruct((rows, columns), dtype)
    operands = (*to_operands(q, k, k_scale), weights, context_lens, block_table, sequence, key_blocks, num_key_blocks,
                to_words(q_scale))  # fmt: skip
    return call(LAUNCH, op, out, operands, max_multiprocessors)


def key_block_logits_topk(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, topk, *, block_size=8,
                          block_table=None, sequence=None, offset=None, block_kv=0, relu=True, fast=False,
                          dtype=jnp.float32, nan_as_zero=False, tie_break="smallest", order="key", base="relative",
                          force_first=0, force_last=0, return_values=False, max_multiprocessors=0,
                          q_scale=None, head_reduction="sum"):  # fmt: skip
    """The `topk` keys with the greatest logits of each query among those of its blocks, which must ascend.

    What `topk` gives on `key_block_logits` of the same arguments: a `relative` index is a column, an `absolute` one a key.
    Returns M x topk int32, -1 behind the selected; with `return_values` also M x topk float32. Raises as `topk` does.

    >>> import jax.numpy as jnp, mqa.jax
    >>> q, weights = jnp.ones((1, 64, 128), jnp.float8_e4m3fn), jnp.ones((1, 64))
    >>> k, k_scale = jnp.ones((300, 128), jnp.float8_e4m3fn), jnp.arange(300.0)
    >>> lists = jnp.array([[0, 20, 30]]), jnp.array([3])
    >>> mqa.jax.key_block_logits_topk(q, k, k_scale, weights, jnp.array([0]), jnp.array([300]), *lists, 10, base="absolute").tolist()
    [[166, 167, 240, 241, 242, 243, 244, 245, 246, 247]]
    """
    q, k = to_bytes("q", q), to_bytes("k", k)
    sizes, columns = _check(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, block_size, q_scale)
    checks.check_selection("topk", topk, tie_break, order, base, force_first, force_last, block_kv)
    sizes.check_given(("M",), checks.INT, sequence=sequence, offset=offset)
    next_n = checks.check_rows(sizes, sizes["M"], ke, None, block_table, ks, sequence, base)
    of = make_logits_op(k_scale, weights, dtype, sizes, relu=relu, fast=fast, nan_as_zero=nan_as_zero,
                        head_reduction=head_reduction, key_block_size=int(block_size))  # fmt: skip
    selection = make_selection(of, topk, offset, return_values, tie_break=tie_break, order=order, base=base,
                               force_first=int(force_first), force_last=int(force_last), block_kv=int(block_kv),
                               next_n=next_n, has_sequence=sequence is not None, key_block_size=int(block_size))  # fmt: skip
    operands = (*to_operands(q, k, k_scale), weights, ks, ke, key_blocks, num_key_blocks, to_words(q_scale), block_table,
                sequence, offset)  # fmt: skip
    outputs = make_outputs(sizes["M"], topk, return_values)
    return call(SELECT, library.FusedOp(of, selection), outputs, operands, max_multiprocessors)


def paged_key_block_logits_topk(q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks, topk, *,
                                sequence=None, block_size=8, offset=None, relu=True, fast=False, dtype=jnp.float32,
                                nan_as_zero=False, tie_break="smallest", order="key", base="relative", force_first=0,
                                force_last=0, return_values=False, max_multiprocessors=0, q_scale=None,
                                head_reduction="sum"):  # fmt: skip
    """Likewise against a paged cache: what `topk` gives on `paged_key_block_logits` of the same arguments.

    With base="slot", an index is the key's place in the cache. Results and errors are those of `key_block_logits_topk`.

    >>> import jax.numpy as jnp, mqa.jax
    >>> q, weights = jnp.ones((1, 1, 64, 128), jnp.float8_e4m3fn), jnp.ones((1, 64))
    >>> k, k_scale = jnp.ones((8, 64, 128), jnp.float8_e4m3fn), jnp.arange(512.0).reshape(8, 64)
    >>> cache = k, k_scale, weights, jnp.array([[500]]), jnp.arange(8)[::-1].reshape(1, 8)
    >>> lists = jnp.array([[0, 20, 30]]), jnp.array([3])
    >>> mqa.jax.paged_key_block_logits_topk(q, *cache, *lists, 10, base="slot").tolist()
    [[448, 449, 450, 451, 452, 453, 454, 455, 358, 359]]
    """
    q, k = to_bytes("q", q), to_bytes("k", k)
    sizes, rows, columns = _check_paged(q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks,
                                        sequence, block_size, q_scale)  # fmt: skip
    checks.check_selection("topk", topk, tie_break, order, base, force_first, force_last, sizes["P"], has_table=True)
    sizes.check_given((rows,), checks.INT, offset=offset)
    of = make_paged_op(k, k_scale, weights, context_lens, dtype, sizes, sequence, relu=relu, fast=fast,
                       nan_as_zero=nan_as_zero, head_reduction=head_reduction, key_block_size=int(block_size))  # fmt: skip
    selection = make_selection(of, topk, offset, return_values, tie_break=tie_break, order=order, base=base,
                               force_first=int(force_first), force_last=int(force_last), has_ks=False,
                               lens_rank=len(context_lens.shape), next_n=of.next_n, block_kv=of.block_kv,
                               has_sequence=sequence is not None, key_block_size=int(block_size))  # fmt: skip
    operands = (*to_operands(q, k, k_scale), weights, context_lens, block_table, sequence, key_blocks, num_key_blocks,
                to_words(q_scale), offset)  # fmt: skip
    outputs = make_outputs(rows, topk, return_values)
    return call(SELECT, library.FusedOp(of, selection), outputs, operands, max_multiprocessors)


def _check(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, block_size, q_scale):
    """The sizes, and how many columns rows have."""
    sizes = checks.check_logits(q, k, k_scale, weights, ks, ke, q_scale)
    if "G" in sizes:
        raise ValueError("k must be N x D: key blocks have no groups, found 3 dimensions")
    return sizes, checks.check_lists(sizes, sizes["M"], key_blocks, num_key_blocks, block_size)


def _check_paged(q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks, sequence, block_size,
                 q_scale):  # fmt: skip
    """The sizes, and how many rows and columns there are."""
    sizes = checks.check_paged(q, k, k_scale, weights, context_lens, block_table, sequence, q_scale)
    rows = sizes["B"] * sizes["T"] if sequence is None else sizes["M"]
    return sizes, rows, checks.check_lists(sizes, rows, key_blocks, num_key_blocks, block_size)
