# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.jax with the maximum over the heads in the place of their sum, against float64; on the CPU and on a GPU where JAX has
one.

Skipped where there is no JAX. MQA_TEST_DEVICES=cuda leaves the CPU out.
"""
import unittest

from jax_cases import JaxCase, jax, make_logits, make_paged, mj, np, reference, select, split_cache
from test_jax_key_blocks import gather, make_lists, make_mx

LONGEST = 320


def compute(q, k, scale, weights, ks, ke, **options):
    """The greatest of the logits that single heads have, where k_scale multiplies behind; of groups, where it does not."""
    heads, of_group = q.shape[1], q.shape[1] // (k.shape[1] if k.ndim == 3 else 1)

    def score_head(h):
        keys = k[:, h // of_group] if k.ndim == 3 else k
        own = None if weights is None else weights[:, h : h + 1]
        return reference(q[:, h : h + 1], keys, None, own, ks, ke, **options)

    logits = np.max([score_head(h) for h in range(heads)], axis=0)
    return logits if scale is None else np.where(np.isneginf(logits), logits, logits * scale)


def make_dense(queries, keys, scales, weights, lens, table):
    """The logits of all keys of a paged cache."""
    batch, next_n = queries.shape[:2]
    rows = []
    for b in range(batch):
        own, zero = slice(b * next_n, (b + 1) * next_n), np.zeros(next_n, np.int32)
        of_b = keys[table[b]].reshape(-1, keys.shape[-1]), scales[table[b]].ravel()
        rows.append(compute(queries[b], *of_b, weights[own], zero, lens[b]))
    return np.concatenate(rows)


def change_signs(scale):
    return np.where(np.arange(scale.shape[-1]) % 3 == 0, -scale, scale)


class HeadReductionTest(JaxCase):
    def test_logits(self):
        q, k, scale, weights, ks, ke = make_logits(h=8, d=32)
        scale = change_signs(scale)
        for w, s, relu in ((weights, scale, True), (None, scale, False), (-np.abs(weights), None, True)):
            expected = compute(q, k, s, w, ks, ke, relu=relu)
            function = lambda *a, relu=relu: mj.logits(*a, relu=relu, head_reduction="max", fast=True)
            for logits in self.run_all(function, q, k, s, w, ks, ke):
                self.check(logits, expected)

    def test_groups(self):
        q, k, _, weights, ks, ke = make_logits(h=8, d=32, groups=2)
        for logits in self.run_all(lambda *a: mj.logits(*a, head_reduction="max"), q, k, None, weights, ks, ke):
            self.check(logits, compute(q, k, None, weights, ks, ke))

    def test_block_scales(self):
        *_, weights, ks, ke = make_logits(h=8, d=64)
        q, q_scale, queries = make_mx((20, 8), 64, True, seed=7)
        k, words, keys = make_mx((300,), 64, False)
        function = lambda *a: mj.logits(*a[:-1], q_scale=a[-1], head_reduction="max")
        for logits in self.run_all(function, q, k, words, weights, ks, ke, q_scale):
            self.check(logits, compute(queries, keys, None, weights, ks, ke))

    def test_selections_and_key_blocks(self):
        """In one call and in two: bit for bit the same."""
        q, k, scale, weights, ks, ke = make_logits(h=8, d=32)
        arrays, lists = (q, k, change_signs(scale), weights, ks, ke), make_lists(20, 37)
        dense = compute(*arrays)
        expected, _ = gather(dense, *lists, 8)

        def all_four(*a):
            own, lists, kind = a[:6], a[6:], {"head_reduction": "max"}
            logits, columns = mj.logits(*own, **kind), mj.key_block_logits(*own, *lists, **kind)
            together = mj.logits_topk(*own, 30, return_values=True, **kind)
            of_blocks = mj.key_block_logits_topk(*own, *lists, 30, return_values=True, **kind)
            apart = mj.topk(columns, a[5], 30, ks=a[4], key_blocks=a[6], num_key_blocks=a[7], num_keys=300,
                            return_values=True)  # fmt: skip
            return logits, columns, together, of_blocks, apart

        for logits, columns, together, of_blocks, apart in self.run_all(all_four, *arrays, *lists):
            self.check(logits, dense)
            self.check(columns, expected)
            for found, own in zip((*together, *of_blocks), (*select(logits, ks, ke, 30), *apart)):
                np.testing.assert_array_equal(found, own)

    def test_paged(self):
        q, cache, weights, lens, table = make_paged(h=8, d=32)
        k, scale = split_cache(cache, 32)
        scale, lists = change_signs(scale), make_lists(10, 40)
        dense = make_dense(q, k, scale, weights, lens, table)
        expected, _ = gather(dense, *lists, 8)
        rows, sequence = (q.reshape(10, 8, 32), k, scale, weights, lens.ravel(), table), np.repeat(np.arange(5), 2).astype(np.int32)

        def all_five(*a):
            own, lists, kind = a[:6], a[6:8], {"head_reduction": "max"}
            named = (a[8], *own[1:4], a[9], own[5])
            logits, of_rows = mj.paged_logits(*own, LONGEST, **kind), mj.paged_logits(*named, LONGEST, sequence=a[10], **kind)
            columns = mj.paged_key_block_logits(*own, *lists, **kind)
            together = mj.paged_logits_topk(*own, 30, LONGEST, **kind)
            of_blocks = mj.paged_key_block_logits_topk(*own, *lists, 30, **kind)
            slots = {"context_lens": a[4], "block_table": a[5], "block_kv": 64}
            apart = mj.topk(logits, None, 30, context_lens=a[4])
            return logits, of_rows, columns, together, of_blocks, apart, mj.topk(
                columns, None, 30, key_blocks=a[6], num_key_blocks=a[7], **slots
            )

        arrays = (q, k, scale, weights, lens, table, *lists, rows[0], rows[4], sequence)
        for logits, of_rows, columns, together, of_blocks, apart, of_columns in self.run_all(all_five, *arrays):
            self.check(logits, dense)
            self.check(of_rows, dense)
            self.check(columns, expected)
            np.testing.assert_array_equal(together, apart)
            np.testing.assert_array_equal(of_blocks, of_columns)

    def test_wrong_names(self):
        arrays, lists = make_logits(h=8, d=32), make_lists(20, 37)
        calls = (mj.logits, lambda *a, **o: mj.logits_topk(*a, 5, **o), lambda *a, **o: mj.key_block_logits(*a, *lists, **o))
        for call in calls:
            with self.assertRaisesRegex(ValueError, "^head_reduction must be one of sum, max, found 'mean'"):
                jax.eval_shape(lambda weights, call=call: call(*arrays[:3], weights, *arrays[4:], head_reduction="mean"), arrays[3])


if __name__ == "__main__":
    unittest.main()
