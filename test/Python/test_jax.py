# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.jax against float64, by itself and under jit, on the CPU and on a GPU where JAX has one.

Skipped where there is no JAX. MQA_TEST_DEVICES=cuda leaves the CPU out.
"""
import threading
import unittest

from jax_cases import (DEVICES, FP8, JaxCase, jax, jnp, make_logits, make_paged, mj, np, paged_reference, reference,
                       select, split_cache)  # fmt: skip


class LogitsTest(JaxCase):
    def test_types(self):
        types = ((FP8, jnp.float32), (jnp.float8_e5m2, jnp.bfloat16), (jnp.bfloat16, jnp.float16), (jnp.float16, jnp.float32))
        for dtype, out in types:
            arrays = make_logits(dtype=dtype)
            tolerance = 5e-4 if out == jnp.float32 else 4e-3
            for logits in self.run_all(lambda *a, out=out: mj.logits(*a, dtype=out), *arrays):
                self.assertEqual(logits.dtype, out)
                self.check(logits, reference(*arrays), tolerance)

    def test_options(self):
        q, k, scale, weights, ks, ke = make_logits()
        expected = reference(q, k, scale, weights, ks, ke)
        for logits in self.run_all(lambda *a: mj.logits(*a, clean=False), q, k, scale, weights, ks, ke):
            self.check(np.where(expected == -np.inf, expected, logits), expected)
        for logits in self.run_all(lambda *a: mj.logits(*a, fast=True), q, k, scale, weights, ks, ke):
            self.check(logits, expected, 1e-3)
        for logits in self.run_all(lambda *a: mj.logits(*a, relu=False), q, k, scale, weights, ks, ke):
            self.check(logits, reference(q, k, scale, weights, ks, ke, relu=False), 1e-3)
        function = lambda q, k, ks, ke: mj.logits(q, k, None, None, ks, ke)
        for logits in self.run_all(function, q, k, ks, ke):
            self.check(logits, reference(q, k, None, None, ks, ke))
        for logits in self.run_all(lambda *a: mj.logits(*a, max_multiprocessors=7), q, k, scale, weights, ks, ke):
            self.check(logits, expected)

    def test_compressed(self):
        q, k, scale, weights, ks, ke = arrays = make_logits()
        whole = reference(*arrays)
        expected = np.full((len(q), 150), -np.inf)
        for m in range(len(q)):
            row = whole[m, max(ks[m], 0) : max(ke[m], 0)][:150]
            expected[m, : len(row)] = row
        for logits in self.run_all(lambda *a: mj.logits(*a, max_seqlen_k=150), *arrays):
            self.check(logits, expected)

    def test_block_max(self):
        arrays = make_logits()
        whole = reference(*arrays)
        padded = np.pad(whole, ((0, 0), (0, -whole.shape[1] % 64)), constant_values=-np.inf)
        expected = padded.reshape(len(whole), -1, 64).max(-1)
        for maxima in self.run_all(lambda *a: mj.logits(*a, block_max=64), *arrays):
            self.check(maxima, expected)
        with self.assertRaisesRegex(ValueError, "block_max must be 0"):
            mj.logits(*arrays, block_max=65)

    def test_groups(self):
        arrays = make_logits(h=16, d=32, groups=4)
        for logits in self.run_all(mj.logits, *arrays):
            self.check(logits, reference(*arrays))

    def test_nan(self):
        """NaN in q or k reaches the logits, or counts as a score of 0; NaN in scales and weights stays."""
        q, k, scale, weights, ks, ke = make_logits(h=8, d=32, dtype=np.float32)
        ks, ke = np.zeros_like(ks), np.full_like(ke, len(k))
        for dtype in (FP8, jnp.bfloat16):
            a, b, s, w = q.astype(dtype), k.astype(dtype), scale.copy(), weights.copy()
            a[3, 2, 5], b[7, 1], s[11], w[5, 0] = np.nan, np.nan, np.nan, np.nan
            for zero in (False, True):
                expected = reference(a, b, s, w, ks, ke, nan_as_zero=zero)
                # Row 5 by its weight, column 11 by its scale; without the option also row 3 and column 7.
                self.assertEqual(np.isnan(expected).sum(), 300 + 19 if zero else 2 * 300 + 2 * 18)
                for logits in self.run_all(lambda *t, zero=zero: mj.logits(*t, nan_as_zero=zero), a, b, s, w, ks, ke):
                    self.check(logits, expected, 1e-3)

    def test_sizes(self):
        q, k, scale, weights, ks, ke = make_logits()
        for logits in self.run_all(mj.logits, q[:0], k, scale, weights[:0], ks[:0], ke[:0]):
            self.assertEqual(logits.shape, (0, 300))
        for logits in self.run_all(mj.logits, q, k[:0], scale[:0], weights, ks, ke):
            self.assertEqual(logits.shape, (20, 0))
        for n in (1, 255):
            arrays = make_logits(m=1, n=n, seed=n)
            for logits in self.run_all(mj.logits, *arrays):
                self.check(logits, reference(*arrays))

    def test_in_a_program(self):
        """What XLA computes goes in and comes out: the call is in the order of the program."""
        q, k, scale, weights, ks, ke = make_logits()

        def program(q, k, scale, weights, ks, ke):
            logits = mj.logits(q, k, scale * 2, weights - 1, ks + 1, ke - 1)
            again = mj.logits(q, k, scale * 2, weights - 1, ks + 1, ke - 1)
            return jnp.where(jnp.isinf(logits), 0, logits + again).sum(1)

        expected = reference(q, k, scale * 2, weights - 1, ks + 1, ke - 1)
        expected = np.where(np.isinf(expected), 0, 2 * expected).sum(1)
        for sums in self.run_all(program, q, k, scale, weights, ks, ke):
            self.assertLess(np.abs(sums - expected).max(), 1e-3 * np.abs(expected).max())

    def test_vmap(self):
        problems = [make_logits(m=3, n=40, seed=seed) for seed in range(3)]
        stacked = [np.stack(arrays) for arrays in zip(*problems)]
        for logits in self.run_all(jax.vmap(mj.logits), *stacked):
            for out, arrays in zip(logits, problems):
                self.check(out, reference(*arrays))

    def test_threads(self):
        """Several look for a kernel at once, while each may hold the interpreter."""
        arrays = make_logits(h=3, d=48, m=5, n=70)
        results = []
        function = jax.jit(mj.logits)
        for device in DEVICES:
            own = [jax.device_put(array, device) for array in arrays]
            threads = [threading.Thread(target=lambda own=own: results.append(np.asarray(function(*own)))) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(len(results), 8 * len(DEVICES))
        for logits in results:
            self.check(logits, reference(*arrays))


class PagedLogitsTest(JaxCase):
    def test_caches(self):
        q, cache, weights, lens, table = make_paged()
        expected = paged_reference(q, cache, weights, lens, table, 320)
        k, scale = split_cache(cache, 128)
        for logits in self.run_all(lambda *a: mj.paged_logits(*a, 320), q, k, scale, weights, lens, table):
            self.check(logits, expected)
        for shape in (cache, cache.squeeze(2)):
            function = lambda q, cache, *a: mj.paged_logits(q, cache, None, *a, 320)
            for logits in self.run_all(function, q, shape, weights, lens, table):
                self.check(logits, expected)

    def test_rows(self):
        """Rows that name their sequences, in any order; some see no key, some name none."""
        q, cache, weights, lens, table = make_paged()
        expected = paged_reference(q, cache, weights, lens, table, 320)
        order = np.random.default_rng(0).permutation(10)
        sequence = np.repeat(np.arange(5, dtype=np.int32), 2)[order]
        lens, expected = lens.ravel()[order], expected[order]
        lens[3], sequence[3], sequence[4] = -1, 2**31 - 1, 5
        expected[3:5] = -np.inf
        for k, scale in (split_cache(cache, 128), (cache, None)):
            function = lambda q, k, *a, scale=scale: mj.paged_logits(q, k, scale, *a[:-1], 320, sequence=a[-1])
            for logits in self.run_all(function, q.reshape(10, 64, 128)[order], k, weights[order], lens, table, sequence):
                self.check(logits, expected)
        with self.assertRaisesRegex(ValueError, "sequence must"):
            mj.paged_logits(q.reshape(10, 64, 128), k, None, weights, lens, table, 320, sequence=sequence[1:])

    def test_lengths(self):
        for next_n in (1, 2):
            q, cache, weights, lens, table = make_paged(next_n=next_n)
            k, scale = split_cache(cache, 128)
            lens = lens.max(1)
            expected = paged_reference(q, cache, weights, lens, table, 300)
            function = lambda *a: mj.paged_logits(*a, 300, clean=False)
            for logits in self.run_all(function, q, k, scale, weights, lens, table):
                self.check(np.where(expected == -np.inf, expected, logits), expected)

    def test_sizes(self):
        q, cache, weights, lens, table = make_paged()
        k, scale = split_cache(cache, 128)
        function = lambda *a: mj.paged_logits(*a, 320)
        for logits in self.run_all(function, q[:0], k, scale, weights[:0], lens[:0], table[:0]):
            self.assertEqual(logits.shape, (0, 320))


class SelectionTest(JaxCase):
    def check_both(self, result, expected):
        indices, values = result
        np.testing.assert_array_equal(indices, expected[0])
        np.testing.assert_array_equal(values, expected[1])

    def make_scores(self, m=20, n=3000):
        """With ties, NaN, infinities and zeros of both signs."""
        rng = np.random.default_rng(1)
        logits = (rng.integers(-40, 40, (m, n)) / 4).astype(np.float32)
        special = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0], np.float32)
        logits = np.where(rng.random((m, n)) < 0.1, special[rng.integers(0, 5, (m, n))], logits)
        ks = rng.integers(-9, n, m, dtype=np.int32)
        return logits, ks, (ks + rng.integers(-9, n, m)).astype(np.int32)

    def test_topk(self):
        logits, ks, ke = self.make_scores()
        zeros = np.zeros_like(ks)
        for result in self.run_all(lambda *a: mj.topk(*a, 512, return_values=True), logits, ke):
            self.check_both(result, select(logits, zeros, ke, 512))
        expected, _ = select(logits, ks, ke, 512)
        for indices in self.run_all(lambda s, start, end: mj.topk(s, end, 512, ks=start), logits, ks, ke):
            np.testing.assert_array_equal(indices, expected)
        expected, _ = select(logits, ks, ke, 40, greatest=True)
        function = lambda s, start, end: mj.topk(s, end, 40, ks=start, tie_break="greatest")
        for indices in self.run_all(function, logits, ks, ke):
            np.testing.assert_array_equal(indices, expected)
        short, expected = logits.astype(jnp.bfloat16), select(logits.astype(jnp.bfloat16).astype(np.float32), zeros, ke, 40)
        for result in self.run_all(lambda *a: mj.topk(*a, 40, return_values=True), short, ke):
            self.check_both(result, expected)

    def test_slots(self):
        logits, _, ke = self.make_scores()
        lens = np.abs(ke).reshape(10, 2)
        table = np.random.default_rng(2).permutation(10 * 47).astype(np.int32).reshape(10, 47)
        keys, _ = select(logits, np.zeros(20, np.int32), lens.reshape(-1), 512)
        rows = table[np.arange(20) // 2]
        slots = np.take_along_axis(rows, np.maximum(keys, 0) // 64, 1) * 64 + keys % 64
        slots = np.where(keys < 0, -1, slots)
        function = lambda s, lens, table: mj.topk(s, None, 512, context_lens=lens, block_table=table, block_kv=64, base="slot")
        for indices in self.run_all(function, logits, lens, table):
            np.testing.assert_array_equal(indices, slots)
        sequence = (np.arange(20) // 2).astype(np.int32)
        function = lambda s, ke, table, sequence: mj.topk(
            s, ke, 512, block_table=table, sequence=sequence, block_kv=64, base="slot"
        )
        for indices in self.run_all(function, logits, lens.reshape(-1), table, sequence):
            np.testing.assert_array_equal(indices, slots)

    def test_offset_and_compressed(self):
        logits, _, ke = self.make_scores()
        offset = np.arange(20, dtype=np.int32) * 1000
        keys, _ = select(logits, np.zeros(20, np.int32), ke, 512)
        function = lambda s, end, offset: mj.topk(s, end, 512, offset=offset)
        for indices in self.run_all(function, logits, ke, offset):
            np.testing.assert_array_equal(indices, np.where(keys < 0, -1, keys + offset[:, None]))
        # Column j is key 100 + j, and keys end at 2000.
        ks = np.full(20, 100, np.int32)
        keys, _ = select(logits, np.zeros(20, np.int32), np.minimum(ke, 2000) - 100, 40)
        function = lambda s, start, end: mj.topk(s, end, 40, ks=start, compressed=True, num_keys=2000)
        for indices in self.run_all(function, logits, ks, ke):
            np.testing.assert_array_equal(indices, keys)

    def test_merge(self):
        logits, _, _ = self.make_scores()
        logits, ke = np.nan_to_num(logits, nan=-3.0), np.full(20, 3000, np.int32)
        parts = [(select(logits[:, r * 1000 : (r + 1) * 1000], np.zeros(20, int), np.full(20, 1000), 512), r) for r in range(3)]
        indices = np.stack([np.where(i < 0, -1, i + 1000 * r) for (i, _), r in parts]).astype(np.int32)
        values = np.stack([v for (_, v), _ in parts])
        expected = select(logits, np.zeros(20, np.int32), ke, 512)
        function = lambda i, v, ke: mj.merge_topk(i, v, ke, base="absolute", return_values=True)
        for result in self.run_all(function, indices, values, ke):
            self.check_both(result, expected)

    def test_logits_topk(self):
        """Bit for bit what the two functions give in a row, in scratch of several sizes."""
        for m, n, seed in ((20, 1500, 0), (3, 700, 1), (40, 2500, 2), (20, 1500, 3)):
            arrays = make_logits(m=m, n=n, seed=seed)

            def both(*a):
                together = mj.logits_topk(*a, 512, max_multiprocessors=50 * (seed % 2))
                logits = mj.logits(*a, clean=False)
                return together, mj.topk(logits, a[5], 512, ks=a[4])

            for together, apart in self.run_all(both, *arrays):
                np.testing.assert_array_equal(together, apart)

    def test_paged_logits_topk(self):
        for batch, longest, seed in ((5, 1500, 0), (2, 700, 1), (9, 2100, 2)):
            q, cache, weights, lens, table = make_paged(batch=batch, longest=longest, seed=seed)
            columns = table.shape[1] * 64

            def both(q, cache, weights, lens, table):
                operands = q, cache, None, weights, lens, table
                slots = mj.paged_logits_topk(*operands, 512, columns, base="slot")
                logits = mj.paged_logits(*operands, columns, clean=False)
                apart = mj.topk(logits, None, 512, context_lens=lens, block_table=table, block_kv=64, base="slot")
                keys = mj.paged_logits_topk(*operands, 512, columns)
                return slots, apart, keys, mj.topk(logits, None, 512, context_lens=lens)

            for slots, apart, keys, keys_apart in self.run_all(both, q, cache, weights, lens, table):
                np.testing.assert_array_equal(slots, apart)
                np.testing.assert_array_equal(keys, keys_apart)


if __name__ == "__main__":
    unittest.main()
