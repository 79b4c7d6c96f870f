# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.jax with queries of MXFP4 and MXFP8 (q_scale), and with one array of bytes as a cache of MXFP4 keys, against float64;
on the CPU and on a GPU where JAX has one.

Skipped where there is no JAX. MQA_TEST_DEVICES=cuda leaves the CPU out.
"""
import unittest

from jax_cases import FP8, JaxCase, jax, jnp, make_logits, make_paged, mj, np, reference, score, select, split_cache
from test_jax_key_blocks import gather, make_lists, make_mx

LONGEST = 320


def list_queries(shape, d=64):
    """q, q_scale, and what they are in float64."""
    for is_fp4 in (True, False):
        yield make_mx(shape, d, is_fp4, seed=7)
    q, q_scale, values = make_mx(shape, d, True, seed=8)
    yield q.view(np.int8), q_scale, values


def to_float4(array):
    """Bytes of MXFP4 as elements of their own type."""
    codes = np.stack([array & 15, array >> 4], -1).astype(np.uint8)
    return codes.reshape(*array.shape[:-1], -1).view(jnp.float4_e2m1fn)


def list_keys(shape, d=64):
    """k, k_scale, and what they are in float64: with block scales, with a scale each, and without."""
    for is_fp4 in (True, False):
        yield make_mx(shape, d, is_fp4)
    rng = np.random.default_rng(3)
    fp8, scale = rng.standard_normal((*shape, d)).astype(FP8), rng.random(shape, dtype=np.float32)
    yield fp8, scale, fp8.astype(np.float64) * scale[..., None]
    bf16 = rng.standard_normal((*shape, d)).astype(jnp.bfloat16)
    yield bf16, None, bf16.astype(np.float64)


def make_dense(queries, keys, weights, lens, table):
    """The logits of all keys of a paged cache in float64."""
    batch, next_n = queries.shape[:2]
    out = np.full((batch * next_n, LONGEST), -np.inf)
    for b in range(batch):
        rows = slice(b * next_n, (b + 1) * next_n)
        logits = score(queries[b], keys[table[b]].reshape(-1, keys.shape[-1]), None, weights[rows])
        out[rows] = np.where(np.arange(LONGEST) < lens[b][:, None], logits, -np.inf)
    return out


def join_cache(keys, words):
    """One array of bytes: the keys of a block, then its scales."""
    blocks, block_kv = keys.shape[:2]
    parts = [array.view(np.uint8).reshape(blocks, -1) for array in (keys, words)]
    return np.concatenate(parts, 1).reshape(blocks, block_kv, 1, -1)


class QueriesTest(JaxCase):
    def test_logits(self):
        *_, weights, ks, ke = make_logits(h=8, d=64)
        for q, q_scale, queries in list_queries((20, 8)):
            for k, scale, keys in list_keys((300,)):
                function = lambda *a: mj.logits(*a[:-1], q_scale=a[-1])
                with self.subTest(q=q.dtype, k=k.dtype):
                    for logits in self.run_all(function, q, k, scale, weights, ks, ke, q_scale):
                        self.check(logits, reference(queries, keys, None, weights, ks, ke))

    def test_bytes_of_scales(self):
        """The four bytes of each word, in each of their types, give the bits that words give."""
        *_, weights, ks, ke = make_logits(h=8, d=64)
        q, q_scale, _ = make_mx((20, 8), 64, True, seed=7)
        k, scale, _ = make_mx((300,), 64, True)
        bytes_ = q_scale.view(np.uint8).reshape(20, 8, 4)
        lists = make_lists(20, 37)
        for function in (
            lambda *a: mj.logits(*a[:-1], q_scale=a[-1]),
            lambda *a: mj.logits_topk(*a[:-1], 5, q_scale=a[-1]),
            lambda *a: mj.key_block_logits(*a[:-1], *lists, q_scale=a[-1]),
            lambda *a: mj.key_block_logits_topk(*a[:-1], *lists, 5, q_scale=a[-1]),
        ):
            expected = list(self.run_all(function, q, k, scale, weights, ks, ke, q_scale))
            for scales in (bytes_, bytes_.view(jnp.float8_e8m0fnu)):
                for out, words in zip(self.run_all(function, q, k, scale, weights, ks, ke, scales), expected):
                    np.testing.assert_array_equal(out, words)

    def test_float4(self):
        """Elements of JAX's own type give the bits that bytes give."""
        *_, weights, ks, ke = make_logits(h=8, d=64)
        q, q_scale, _ = make_mx((20, 8), 64, True, seed=7)
        k, scale, _ = make_mx((300,), 64, True)
        lists = make_lists(20, 37)
        for function in (
            lambda *a: mj.logits(*a[:-1], q_scale=a[-1]),
            lambda *a: mj.logits_topk(*a[:-1], 5, q_scale=a[-1]),
            lambda *a: mj.key_block_logits(*a[:-1], *lists, q_scale=a[-1]),
            lambda *a: mj.key_block_logits_topk(*a[:-1], *lists, 5, q_scale=a[-1]),
        ):
            bytes_ = self.run_all(function, q, k, scale, weights, ks, ke, q_scale)
            own = self.run_all(function, to_float4(q), to_float4(k), scale, weights, ks, ke, q_scale)
            for out, expected in zip(own, bytes_):
                np.testing.assert_array_equal(out, expected)

    def test_paged_float4(self):
        *_, weights, lens, table = make_paged(h=8, d=64)
        q, q_scale, _ = make_mx((5, 2, 8), 64, True, seed=7)
        k, scale, _ = make_mx((25, 64), 64, True)
        lists = make_lists(10, 40)
        for function in (
            lambda *a: mj.paged_logits(*a[:-1], LONGEST, q_scale=a[-1]),
            lambda *a: mj.paged_logits_topk(*a[:-1], 5, LONGEST, q_scale=a[-1]),
            lambda *a: mj.paged_key_block_logits(*a[:-1], *lists, q_scale=a[-1]),
            lambda *a: mj.paged_key_block_logits_topk(*a[:-1], *lists, 5, q_scale=a[-1]),
        ):
            bytes_ = self.run_all(function, q, k, scale, weights, lens, table, q_scale)
            own = self.run_all(function, to_float4(q), to_float4(k), scale, weights, lens, table, q_scale)
            for out, expected in zip(own, bytes_):
                np.testing.assert_array_equal(out, expected)

    def test_bytes_of_paged_scales(self):
        *_, weights, lens, table = make_paged(h=8, d=64)
        q, q_scale, _ = make_mx((5, 2, 8), 64, True, seed=7)
        k, scale, _ = make_mx((25, 64), 64, True)
        lists, bytes_ = make_lists(10, 40), q_scale.view(np.uint8).reshape(5, 2, 8, 4)
        for function in (
            lambda *a: mj.paged_logits(*a[:-1], LONGEST, q_scale=a[-1]),
            lambda *a: mj.paged_logits_topk(*a[:-1], 5, LONGEST, q_scale=a[-1]),
            lambda *a: mj.paged_key_block_logits(*a[:-1], *lists, q_scale=a[-1]),
            lambda *a: mj.paged_key_block_logits_topk(*a[:-1], *lists, 5, q_scale=a[-1]),
        ):
            expected = list(self.run_all(function, q, k, scale, weights, lens, table, q_scale))
            for scales in (bytes_, bytes_.view(jnp.float8_e8m0fnu)):
                for out, words in zip(self.run_all(function, q, k, scale, weights, lens, table, scales), expected):
                    np.testing.assert_array_equal(out, words)

    def test_options(self):
        """Compressed rows, maxima of blocks, no weights, and a sum in half precision, which there is not."""
        q, q_scale, queries = make_mx((20, 8), 64, True, seed=7)
        k, scale, keys = make_mx((300,), 64, True)
        *_, ks, ke = make_logits(h=8, d=64)
        dense = reference(queries, keys, None, None, ks, ke)
        padded = np.concatenate([dense, np.full((20, 20), -np.inf)], 1)

        def call(*a, q_scale, **options):
            return mj.logits(*a[:3], None, *a[3:], q_scale=q_scale, **options)

        def run(**options):
            return self.run_all(lambda *a: call(*a[:-1], q_scale=a[-1], **options), q, k, scale, ks, ke, q_scale)

        for logits in run(block_max=64):
            self.check(logits, padded.reshape(20, 5, 64).max(-1))
        for logits in run(fast=True):
            self.check(logits, dense)
        compressed = np.full((20, 300), -np.inf)
        for m in range(20):
            start, end = max(ks[m], 0), min(ke[m], 300)
            compressed[m, : max(end - start, 0)] = dense[m, start:end]
        for logits in run(max_seqlen_k=300):
            self.check(logits, compressed)

    def test_paged(self):
        """Sequences in order, rows that name theirs, and key blocks of both."""
        *_, weights, lens, table = make_paged(h=8, d=64)
        order = np.random.default_rng(0).permutation(10)
        sequence = np.repeat(np.arange(5, dtype=np.int32), 2)[order]
        for q, q_scale, queries in list_queries((5, 2, 8)):
            for k, scale, keys in list_keys((25, 64)):
                dense, lists = make_dense(queries, keys, weights, lens, table), make_lists(10, 40)
                expected, _ = gather(dense, *lists, 8)
                own = q, k, scale, weights, lens, table
                rows = (q.reshape(10, 8, -1)[order], k, scale, weights[order], lens.ravel()[order], table)
                row_scales, row_lists = q_scale.reshape(10, 8)[order], [array[order] for array in lists]
                with self.subTest(q=q.dtype, k=k.dtype):
                    function = lambda *a: mj.paged_logits(*a[:6], LONGEST, q_scale=a[6])
                    for logits in self.run_all(function, *own, q_scale):
                        self.check(logits, dense)
                    function = lambda *a: mj.paged_key_block_logits(*a[:8], q_scale=a[8])
                    for logits in self.run_all(function, *own, *lists, q_scale):
                        self.check(logits, expected)
                    if scale is None:
                        continue
                    function = lambda *a: mj.paged_logits(*a[:6], LONGEST, q_scale=a[6], sequence=a[7])
                    for logits in self.run_all(function, *rows, row_scales, sequence):
                        self.check(logits, dense[order])
                    function = lambda *a: mj.paged_key_block_logits(*a[:8], q_scale=a[8], sequence=a[9])
                    for logits in self.run_all(function, *rows, *row_lists, row_scales, sequence):
                        self.check(logits, expected[order])

    def test_key_blocks(self):
        *_, weights, ks, ke = make_logits(h=8, d=64)
        for q, q_scale, queries in list_queries((20, 8)):
            k, scale, keys = make_mx((300,), 64, True)
            lists = make_lists(20, 18)
            expected, _ = gather(reference(queries, keys, None, weights, ks, ke), *lists, 16)
            function = lambda *a: mj.key_block_logits(*a[:-1], block_size=16, q_scale=a[-1])
            for columns in self.run_all(function, q, k, scale, weights, ks, ke, *lists, q_scale):
                self.check(columns, expected)

    def test_topk(self):
        """In one call, and from stored logits: bit for bit the same; of all keys also what sorted rows give."""
        *_, weights, ks, ke = make_logits(h=8, d=64)
        q, q_scale, _ = make_mx((20, 8), 64, True, seed=7)
        k, scale, _ = make_mx((300,), 64, True)
        lists = make_lists(20, 37)

        def all_four(*a):
            own, lists, more = a[:6], a[6:8], {"q_scale": a[8]}
            logits, columns = mj.logits(*own, **more), mj.key_block_logits(*own, *lists, **more)
            together = mj.logits_topk(*own, 30, return_values=True, **more)
            of_blocks = mj.key_block_logits_topk(*own, *lists, 30, return_values=True, **more)
            apart = mj.topk(columns, a[5], 30, ks=a[4], key_blocks=a[6], num_key_blocks=a[7], num_keys=300,
                            return_values=True)  # fmt: skip
            return logits, together, of_blocks, apart

        for logits, together, of_blocks, apart in self.run_all(all_four, q, k, scale, weights, ks, ke, *lists, q_scale):
            for found, expected in zip((*together, *of_blocks), (*select(logits, ks, ke, 30), *apart)):
                np.testing.assert_array_equal(found, expected)

    def test_paged_topk(self):
        *_, weights, lens, table = make_paged(h=8, d=64)
        q, q_scale, _ = make_mx((5, 2, 8), 64, False, seed=7)
        k, scale, _ = make_mx((25, 64), 64, True)
        lists, offset = make_lists(10, 40), np.arange(10, dtype=np.int32)

        def all_four(*a):
            own, lists, more, offset = a[:6], a[6:8], {"q_scale": a[8]}, a[9]
            logits = mj.paged_logits(*own, LONGEST, **more)
            columns = mj.paged_key_block_logits(*own, *lists, **more)
            together = mj.paged_logits_topk(*own, 30, LONGEST, base="slot", offset=offset, **more)
            of_blocks = mj.paged_key_block_logits_topk(*own, *lists, 30, base="slot", offset=offset, **more)
            slots = {"context_lens": a[4], "block_table": a[5], "block_kv": 64, "base": "slot", "offset": offset}
            apart = mj.topk(logits, None, 30, **slots)
            of_columns = mj.topk(columns, None, 30, key_blocks=a[6], num_key_blocks=a[7], **slots)
            return together, of_blocks, apart, of_columns

        for found in self.run_all(all_four, q, k, scale, weights, lens, table, *lists, q_scale, offset):
            np.testing.assert_array_equal(found[0], found[2])
            np.testing.assert_array_equal(found[1], found[3])
            self.assertTrue((found[0] >= 0).any() and (found[1] >= 0).any())

    def test_wrong_arguments(self):
        *_, weights, ks, ke = make_logits(h=8, d=64)
        q, q_scale, _ = make_mx((20, 8), 64, True)
        k, scale, _ = make_mx((300,), 64, True)
        lists = make_lists(20, 37)

        def refuse(message, q=q, k=k, scale=scale, q_scale=q_scale, error=ValueError):
            calls = (lambda *a, q_scale: mj.logits(*a, q_scale=q_scale), lambda *a, q_scale: mj.logits_topk(*a, 5, q_scale=q_scale),
                     lambda *a, q_scale: mj.key_block_logits(*a, *lists, q_scale=q_scale))  # fmt: skip
            for call in calls:
                with self.assertRaisesRegex(error, "^" + message):
                    jax.eval_shape(lambda weights, call=call: call(q, k, scale, weights, ks, ke, q_scale=q_scale), weights)

        refuse("q beside q_scale must have a dtype of uint8, int8, float8_e4m3fn, found bfloat16", q=q.astype(jnp.bfloat16))
        refuse("q must be M x H x D, found 20 x 512", q=q.reshape(20, 256))
        refuse("q must be M x H x D, found a scalar", q=np.uint8(1))
        refuse("q must have a head dim of 32, 64, 96 or 128 for queries of MXFP4, found 48", q=q[..., :24])
        refuse("q_scale must have a dtype of int32, uint8, float8_e8m0fnu, found float32", q_scale=q_scale.astype(np.float32))
        refuse("q_scale must be 20 x 8, found 20 x 7", q_scale=q_scale[:, :7])
        refuse("q_scale must be 20 x 8 x 4, found 20 x 32", q_scale=q_scale.view(np.uint8))
        refuse("q of float4_e2m1fn must have an even last size, found 63", q=to_float4(q)[..., :63])
        refuse("k of float4_e2m1fn must have an even last size, found 63", k=to_float4(k)[..., :63])
        refuse("q_scale must be an array, found int", q_scale=1, error=TypeError)
        refuse("k must be N x 32, found 300 x 16", k=k[:, :16])
        refuse("k must have a dtype of float8_e4m3fn, .*, found float32", k=k.astype(np.float32), scale=None)
        refuse("k must have a dtype of float8_e4m3fn, .*, found uint8", scale=None)
        refuse("k must be N x D: queries with block scales have no key groups", k=np.zeros((300, 2, 64), FP8), scale=None)
        with self.assertRaisesRegex(ValueError, "q must have a dtype of float8_e4m3fn, .*, found uint8"):
            mj.logits(q, k, scale, weights, ks, ke)


class BytesTest(JaxCase):
    def test_caches(self):
        """D / 2 + 4 bytes of a key: MXFP4 beside queries with and without block scales; D + 4: fp8 with a scale of float32."""
        *_, weights, lens, table = make_paged(h=8, d=64)
        lists = make_lists(10, 40)
        queries = [(q.astype(dtype), None, q.astype(dtype).astype(np.float64)) for dtype in (FP8, jnp.bfloat16)
                   for q in [np.random.default_rng(5).standard_normal((5, 2, 8, 64))]]  # fmt: skip
        k, words, keys = make_mx((25, 64), 64, True)
        fp8, cache = make_paged(h=8, d=64)[0].dtype, make_paged(h=8, d=64)[1]
        self.assertEqual(fp8, FP8)
        of_fp8, scales = split_cache(cache, 64)
        caches = [(join_cache(k, words), keys), (cache, of_fp8.astype(np.float64) * scales[..., None])]
        self.assertEqual([cache.shape[-1] for cache, _ in caches], [36, 68])
        for own, values in caches:
            for q, q_scale, of_queries in [*queries, *list_queries((5, 2, 8))]:
                if q.dtype == jnp.bfloat16 and own.shape[-1] == 68:
                    continue
                dense = make_dense(of_queries, values, weights, lens, table)
                expected, _ = gather(dense, *lists, 8)

                def both(q, cache, q_scale, *a):
                    logits = mj.paged_logits(q, cache, None, *a[:3], LONGEST, q_scale=q_scale)
                    return logits, mj.paged_key_block_logits(q, cache.squeeze(2), None, *a, q_scale=q_scale)

                with self.subTest(q=q.dtype, row=own.shape[-1]):
                    for logits, columns in self.run_all(both, q, own, q_scale, weights, lens, table, *lists):
                        self.check(logits, dense)
                        self.check(columns, expected)

    def test_wrong_arguments(self):
        q, _, weights, lens, table = make_paged(h=8, d=64)
        k, words, _ = make_mx((25, 64), 64, True)
        cache = join_cache(k, words)

        def refuse(message, q=q, cache=cache, scale=None):
            with self.assertRaisesRegex(ValueError, "^" + message):
                mj.paged_logits(q, cache, scale, weights, lens, table, LONGEST)

        refuse("k must be C x P x 1 x 68, found 25 x 64 x 1 x 35", cache=cache[..., :35])
        refuse("q for keys of MXFP4 must have a dtype of .*, found float8_e5m2", q=q.astype(jnp.float8_e5m2))
        refuse("k_scale must be None with a k of bytes", scale=np.ones((25, 64), np.float32))


if __name__ == "__main__":
    unittest.main()
