# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.jax with key blocks, and with keys of MXFP4 and MXFP8, against float64; on the CPU and on a GPU where JAX has one.

Skipped where there is no JAX. MQA_TEST_DEVICES=cuda leaves the CPU out.
"""
import unittest

from jax_cases import (FP8, JaxCase, jnp, make_logits, make_paged, mj, np, paged_reference, reference, select,
                       split_cache)  # fmt: skip

FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float64)


def make_lists(rows, num_blocks, blocks=20, seed=0):
    """Ascending lists of different lengths, some of whose numbers name no block; behind these is anything."""
    rng = np.random.default_rng(seed)
    lists = np.stack([np.sort(rng.permutation(num_blocks + 3)[:blocks]) - 1 for _ in range(rows)]).astype(np.int32)
    counts = rng.integers(-1, blocks + 3, rows, dtype=np.int32)
    for row, count in zip(lists, counts):
        row[max(count, 0) :] = 7
    return lists, counts


def gather(dense, lists, counts, size):
    """Columns of key blocks out of the logits of all keys, and the keys of columns."""
    keys = (lists[:, :, None] * size + np.arange(size)).reshape(len(lists), -1)
    exists = (np.arange(keys.shape[1]) < counts[:, None] * size) & (keys >= 0) & (keys < dense.shape[1])
    columns = np.take_along_axis(dense, np.where(exists, keys, 0), 1)
    return np.where(exists, columns, -np.inf), keys


def make_mx(shape, d, is_fp4, seed=0):
    """Keys with block scales: bytes, words, and what they are in float64."""
    rng = np.random.default_rng(seed)
    scales = rng.integers(120, 134, (*shape, 4), dtype=np.uint8)
    factors = np.exp2(scales.astype(np.float64) - 127)[..., : d // 32].repeat(32, -1)
    if is_fp4:
        codes = rng.integers(0, 16, (*shape, d), dtype=np.uint8)
        values = FP4[codes & 7] * np.where(codes & 8, -1, 1)
        keys = codes[..., ::2] | codes[..., 1::2] << 4
    else:
        keys = rng.standard_normal((*shape, d)).astype(FP8)
        values = keys.astype(np.float64)
    return keys, scales.view(np.int32)[..., 0], values * factors


class KeyBlocksTest(JaxCase):
    def test_logits(self):
        q, k, scale, weights, ks, ke = arrays = make_logits(h=8, d=32)
        dense = reference(*arrays)
        for size in (8, 16):
            lists = make_lists(20, 300 // size, seed=size)
            expected, _ = gather(dense, *lists, size)
            for columns in self.run_all(lambda *a, size=size: mj.key_block_logits(*a, block_size=size), *arrays, *lists):
                self.check(columns, expected)
            function = lambda *a, size=size: mj.key_block_logits(*a, block_size=size, clean=False, dtype=jnp.bfloat16)
            for columns in self.run_all(function, *arrays, *lists):
                self.check(np.where(expected == -np.inf, expected, columns), expected, 4e-3)

    def test_paged(self):
        q, cache, weights, lens, table = make_paged(h=8, d=32)
        dense = paged_reference(q, cache, weights, lens, table, 320)
        k, scale = split_cache(cache, 32)
        lists = make_lists(10, 40)
        expected, _ = gather(dense, *lists, 8)
        for columns in self.run_all(mj.paged_key_block_logits, q, k, scale, weights, lens, table, *lists):
            self.check(columns, expected)
        function = lambda q, cache, *a: mj.paged_key_block_logits(q, cache, None, *a)
        for columns in self.run_all(function, q, cache, weights, lens, table, *lists):
            self.check(columns, expected)
        order = np.random.default_rng(0).permutation(10)
        sequence = np.repeat(np.arange(5, dtype=np.int32), 2)[order]
        function = lambda *a: mj.paged_key_block_logits(*a[:-1], sequence=a[-1])
        rows = q.reshape(10, 8, 32)[order], k, scale, weights[order], lens.reshape(-1)[order], table
        for columns in self.run_all(function, *rows, lists[0][order], lists[1][order], sequence):
            self.check(columns, expected[order])

    def check_topk(self, logits, lists, counts, size, ranges, found, **options):
        """mqa.jax.topk on `logits`, the columns of key blocks, and what one call found, against sorted rows."""
        starts, ends = ranges
        keys = (lists[:, :, None] * size + np.arange(size)).reshape(len(lists), -1)
        sees = (np.arange(keys.shape[1]) < counts[:, None] * size) & (keys >= starts[:, None]) & (keys < ends[:, None])
        for m, (row, own, key, exists) in enumerate(zip(found, logits, keys, sees)):
            best = np.flatnonzero(exists)
            best = np.sort(best[np.lexsort((best, -own[best]))[: found.shape[1]]])
            expected = key[best] if options.get("base") == "absolute" else best
            np.testing.assert_array_equal(row[row >= 0], expected, m)

    def test_topk(self):
        """In one call, and from stored columns: bit for bit the same."""
        q, k, scale, weights, ks, ke = arrays = make_logits(h=8, d=32)
        for size, base in ((8, "relative"), (16, "absolute")):
            lists, counts = make_lists(20, 300 // size, seed=size)

            def both(*a, size=size, base=base):
                together = mj.key_block_logits_topk(*a, 20, block_size=size, base=base, return_values=True)
                columns = mj.key_block_logits(*a, block_size=size)
                apart = mj.topk(columns, a[5], 20, ks=a[4], key_blocks=a[6], num_key_blocks=a[7], block_size=size,
                                num_keys=300, base=base, return_values=True)  # fmt: skip
                return columns, together, apart

            for columns, together, apart in self.run_all(both, *arrays, lists, counts):
                for one, other in zip(together, apart):
                    np.testing.assert_array_equal(one, other)
                ranges = np.maximum(ks, 0), np.minimum(ke, 300)
                self.check_topk(columns, lists, counts, size, ranges, together[0], base=base)

    def test_paged_topk(self):
        q, cache, weights, lens, table = make_paged(h=8, d=32)
        k, scale = split_cache(cache, 32)
        lists, counts = make_lists(10, 40)
        order = np.random.default_rng(0).permutation(10)
        sequence = np.repeat(np.arange(5, dtype=np.int32), 2)[order]
        in_order = (q, k, scale, weights, lens, table, lists, counts)
        named = (q.reshape(10, 8, 32)[order], k, scale, weights[order], lens.reshape(-1)[order], table, lists, counts, sequence)
        for problem in (in_order, named):
            for base in ("absolute", "slot"):

                def both(*a, base=base):
                    more = {"sequence": a[8]} if len(a) > 8 else {}
                    together = mj.paged_key_block_logits_topk(*a[:8], 20, base=base, return_values=True, **more)
                    columns = mj.paged_key_block_logits(*a[:8], **more)
                    apart = mj.topk(columns, None, 20, context_lens=a[4], block_table=a[5], block_kv=64, base=base,
                                    key_blocks=a[6], num_key_blocks=a[7], return_values=True, **more)  # fmt: skip
                    return columns, together, apart

                for columns, together, apart in self.run_all(both, *problem):
                    for one, other in zip(together, apart):
                        np.testing.assert_array_equal(one, other)
                    if base == "absolute":
                        ends = np.minimum(problem[4].reshape(-1), 320)
                        self.check_topk(columns, lists, counts, 8, (0 * ends, ends), together[0], base=base)

    def test_topk_of_rows(self):
        """Without key blocks: rows that name their sequences."""
        q, cache, weights, lens, table = make_paged(h=8, d=32)
        k, scale = split_cache(cache, 32)
        order = np.random.default_rng(0).permutation(10)
        sequence = np.repeat(np.arange(5, dtype=np.int32), 2)[order]
        rows = q.reshape(10, 8, 32)[order], k, scale, weights[order], lens.reshape(-1)[order], table

        def both(*a):
            more = {"sequence": a[6], "rows_per_sequence": 2}
            return mj.paged_logits_topk(*a[:6], 20, 320, return_values=True, **more), mj.paged_logits(*a[:6], 320, **more)

        for (indices, values), logits in self.run_all(both, *rows, sequence):
            expected = select(logits, np.zeros(10, np.int32), np.minimum(rows[4], 320), 20)
            np.testing.assert_array_equal(indices, expected[0])
            np.testing.assert_array_equal(values, expected[1])

    def test_wrong_arguments(self):
        arrays = make_logits(h=8, d=32)
        lists, counts = make_lists(20, 37)

        def refuse(message, *args, error=ValueError, function=mj.key_block_logits, **options):
            with self.assertRaisesRegex(error, message):
                function(*args, **options)

        refuse("block_size must be 8 or 16, found 4", *arrays, lists, counts, block_size=4)
        refuse("key_blocks must be 20 x L, found 5 x 20", *arrays, lists[:5], counts)
        refuse("num_key_blocks must be 20, found 5", *arrays, lists, counts[:5])
        refuse("key_blocks must be an array, found None", *arrays, None, counts, error=TypeError)
        refuse("key blocks have no groups", *make_logits(h=8, d=32, groups=2), lists, counts)
        columns, ke = np.zeros((20, 160), np.float32), arrays[5]
        more = {"function": mj.topk, "key_blocks": lists, "num_key_blocks": counts}
        refuse("logits must have 320 columns, block_size = 16 for each of the 20 blocks", columns, ke, 5, block_size=16, **more)
        refuse("key_blocks and num_key_blocks must be given together", columns, ke, 5, **{**more, "key_blocks": None})
        refuse("and have no key_blocks", columns, ke, 5, compressed=True, **more)


class MxKeysTest(JaxCase):
    def list_forms(self, keys, words):
        """All types that such keys and scales may have."""
        yield keys, words
        scales = words[..., None].view(np.uint8)
        yield keys.view(np.int8) if keys.dtype == np.uint8 else keys, scales
        yield keys, scales.view(jnp.float8_e8m0fnu)

    def test_logits(self):
        for is_fp4 in (True, False):
            for dtype in (FP8, jnp.bfloat16):
                q, _, _, weights, ks, ke = make_logits(h=8, d=64, dtype=dtype)
                keys, words, values = make_mx((300,), 64, is_fp4)
                expected = reference(q, values, None, weights, ks, ke)
                for k, scale in self.list_forms(keys, words) if dtype == FP8 else [(keys, words)]:
                    for logits in self.run_all(mj.logits, q, k, scale, weights, ks, ke):
                        self.check(logits, expected)

    def test_paged_and_blocks(self):
        q, cache, weights, lens, table = make_paged(h=8, d=64)
        for is_fp4 in (True, False):
            keys, words, values = make_mx(cache.shape[:2], 64, is_fp4)
            dense = np.full((10, 320), -np.inf)
            for b in range(5):
                rows = slice(2 * b, 2 * b + 2)
                zeros = np.zeros(2, np.int32)
                dense[rows] = reference(q[b], values[table[b]].reshape(-1, 64), None, weights[rows], zeros, lens[b])
            for logits in self.run_all(lambda *a: mj.paged_logits(*a, 320), q, keys, words, weights, lens, table):
                self.check(logits, dense)
            lists = make_lists(10, 40)
            expected, _ = gather(dense, *lists, 8)
            for columns in self.run_all(mj.paged_key_block_logits, q, keys, words, weights, lens, table, *lists):
                self.check(columns, expected)

    def test_topk(self):
        q, _, _, weights, ks, ke = make_logits(h=8, d=64, m=5)
        keys, words, _ = make_mx((300,), 64, True)

        def both(*a):
            return mj.logits_topk(*a, 30, return_values=True), mj.logits(*a)

        for (indices, values), logits in self.run_all(both, q, keys, words, weights, ks, ke):
            expected = select(logits, ks, ke, 30)
            np.testing.assert_array_equal(indices, expected[0])
            np.testing.assert_array_equal(values, expected[1])

    def test_wrong_arguments(self):
        q, _, _, weights, ks, ke = make_logits(h=8, d=64)
        keys, words, _ = make_mx((300,), 64, True)

        def refuse(message, q=q, k=keys, scale=words):
            with self.assertRaisesRegex(ValueError, message):
                mj.logits(q, k, scale, weights, ks, ke)

        refuse("k_scale must not be None for keys of MXFP4", k=keys.view(np.int8), scale=None)
        refuse("k_scale must have a dtype of int32, uint8, float8_e8m0fnu, found float32", scale=words.astype(np.float32))
        refuse("k must be N x 32, found 300 x 16", k=keys[:, :16])
        refuse("k_scale must be 300, found 299", scale=words[:-1])
        refuse("q for keys of MXFP4 must have a dtype of float8_e4m3fn, bfloat16, float16, found float8_e5m2",
               q=q.astype(jnp.float8_e5m2))  # fmt: skip
        refuse("q must have a head dim of 32, 64, 96 or 128 for keys of MXFP4, found 48", q=q[..., :48], k=keys[:, :24])


if __name__ == "__main__":
    unittest.main()
