# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Logits that are the maximum over the heads (head_reduction="max") on PyTorch tensors, against float64.

Skipped where there is no PyTorch.
"""
import unittest

from torch_cases import DEVICES, KnownLaunchCase, make_logits, make_paged, mqa, torch
from key_block_cases import make_blocks, move
from test_q_scale import QueriesCase
from test_q_scale_blocks import gather

from mqa import select

MAX = {"head_reduction": "max"}


def compute(queries, keys, scales, weights, relu=True, nan_as_zero=False):
    """k_scale[n] * max over h of weights[m, h] * relu(q . k) in float64. Of keys N x G x D, the greatest of what groups have."""
    keys = keys.double() if keys.dim() == 3 else keys.double().unsqueeze(1)
    n, groups, d = keys.shape
    scores = torch.einsum("mghd,ngd->mghn", queries.double().view(queries.size(0), groups, -1, d), keys)
    scores = scores.nan_to_num(nan=0.0) if nan_as_zero else scores
    scores = scores.clamp(min=0) if relu else scores
    if weights is not None:
        scores = scores * weights.double().view(*scores.shape[:3], 1)
    maxima = scores.amax(2)
    if scales is not None:
        maxima = maxima * scales.double().view(n, groups).t()
    return maxima.amax(1)


def mask(logits, starts, ends):
    keys = torch.arange(logits.size(1))
    sees = (keys >= starts[:, None].clamp(min=0)) & (keys < ends[:, None])
    return logits.masked_fill(~sees, -torch.inf)


def make_prefill(signed=True, **options):
    """As make_logits, with scales of keys of both signs."""
    tensors = make_logits("cpu", **options)
    if signed:
        tensors[2] = torch.randn(tensors[2].shape, generator=torch.Generator().manual_seed(1))
    return tensors


def make_decode(batch=5, next_n=2):
    """q, k, k_scale, weights, lens, table, and the logits of all 320 keys of each row."""
    q, cache, weights, lens, table = make_paged("cpu", batch=batch, next_n=next_n)
    k, scale = (tensor.clone() for tensor in mqa.split_cache(cache, q.size(-1)))
    scale -= 0.5
    logits = []
    for b in range(batch):
        keys, scales = (tensor[table[b].long()].flatten(0, 1) for tensor in (k.float(), scale))
        logits.append(compute(q[b].float(), keys, scales, weights[b * next_n : (b + 1) * next_n]))
    return [q, k, scale, weights, lens, table], mask(torch.cat(logits), torch.zeros(batch * next_n), lens.flatten())


class MaximumTest(unittest.TestCase):
    def check(self, out, expected):
        """Infinities and NaN where they must be, and the values of the rest."""
        self.assertEqual(out.shape, expected.shape)
        rtol, atol = (1e-4, 1e-3) if out.dtype == torch.float32 else (torch.finfo(out.dtype).eps, 1e-3)
        if out.is_cuda:
            # The matrix unit cuts sums of fp8 products off behind some 14 bits, and no other head averages that away.
            rtol, atol = max(rtol, 2e-3), 0.05
        torch.testing.assert_close(out.cpu().double(), expected, rtol=rtol, atol=atol, equal_nan=True)

    def test_formula(self):
        """Scales and weights of both signs and without them, and weights below 0 alone, whose maximum may be negative."""
        q, k, scale, weights, ks, ke = make_prefill(m=9)
        for device in DEVICES:
            for w in (weights, None, -weights.abs()):
                for s in (scale, None):
                    for relu in (True, False):
                        tensors = move([q, k, s, w, ks, ke], device)
                        with self.subTest(device=device, weights=w is not None, scale=s is not None, relu=relu):
                            expected = mask(compute(q.float(), k.float(), s, w, relu), ks, ke)
                            self.check(mqa.logits(*tensors, clean=True, relu=relu, **MAX), expected)

    def test_groups(self):
        """Each group has scales of its own."""
        q, _, _, weights, ks, ke = make_prefill(m=9)
        random = torch.Generator().manual_seed(2)
        k, scale = torch.randn(300, 4, 64, generator=random).to(q.dtype), torch.randn(300, 4, generator=random)
        for device in DEVICES:
            for s in (scale, None):
                expected = mask(compute(q.float(), k.float(), s, weights), ks, ke)
                self.check(mqa.logits(*move([q, k, s, weights, ks, ke], device), clean=True, **MAX), expected)

    def test_options(self):
        """16-bit logits, block maxima, compressed rows, and `fast`, which is for sums alone."""
        tensors = q, k, scale, weights, ks, ke = make_prefill()
        dense = mask(compute(q.float(), k.float(), scale, weights), ks, ke)
        padded = torch.nn.functional.pad(dense, (0, 20), value=-torch.inf)
        compressed = torch.full((50, 200), -torch.inf, dtype=torch.float64)
        for row, own, start, end in zip(compressed, dense, ks.clamp(min=0).tolist(), ke.clamp(max=300).tolist()):
            count = min(max(end - start, 0), 200)
            row[:count] = own[start : start + count]
        for device in DEVICES:
            own = move(tensors, device)
            for dtype in (torch.bfloat16, torch.float16):
                self.check(mqa.logits(*own, clean=True, dtype=dtype, **MAX), dense)
            self.check(mqa.logits(*own, clean=True, block_max=64, **MAX), padded.view(50, 5, 64).amax(-1))
            self.check(mqa.logits(*own, clean=True, max_seqlen_k=200, **MAX), compressed)
            plain = mqa.logits(*own, clean=True, **MAX)
            self.assertTrue(torch.equal(mqa.logits(*own, clean=True, fast=True, **MAX), plain))

    def test_nan(self):
        """NaN of one head wins, or counts as 0; and NaN of a scale or a weight is NaN of the logit in any case."""
        q, k, scale, weights, ks, ke = make_prefill(m=9)
        q[3, 2, 5] = k[7, 1] = scale[11] = weights[5, 0] = torch.nan
        ks, ke = torch.zeros(9).int(), torch.full((9,), 300).int()
        for device in DEVICES:
            for nan_as_zero in (False, True):
                expected = compute(q.float(), k.float(), scale, weights, nan_as_zero=nan_as_zero)
                self.assertEqual(int(expected.isnan().sum()), 300 + 8 + (0 if nan_as_zero else 299 + 7))
                own = move([q, k, scale, weights, ks, ke], device)
                self.check(mqa.logits(*own, nan_as_zero=nan_as_zero, **MAX), expected)

    def check_forms(self, name, inputs, out, sizes=(), ranges=None, **options):
        """Other forms of the function that gave `out`: those that write, torch.compile's, and the selection of 20 keys. `sizes`
        are what a new result needs to be told, and `ranges` what mqa.topk needs to know.
        """
        options.update(MAX)
        again = torch.full_like(out, -torch.inf)
        getattr(mqa, f"{name}_out")(*inputs, again, **options)
        self.assertTrue(torch.equal(again, out))
        again.fill_(-torch.inf)
        getattr(mqa, f"prepare_{name}")(*inputs, again, **options)()
        self.assertTrue(torch.equal(again, out))
        function = getattr(mqa, name)
        # The sum of some logits is another number.
        self.assertFalse(torch.equal(function(*inputs, *sizes, clean=True, **{**options, "head_reduction": "sum"}), out))
        compiled = torch.compile(lambda *t: function(*t, *sizes, clean=True, **options) + 1, fullgraph=True, backend="aot_eager")
        self.assertTrue(torch.equal(compiled(*inputs), out + 1))
        apart = mqa.topk(out, k=20, return_values=True, **ranges)
        together = getattr(mqa, f"{name}_topk")(*inputs, 20, *sizes, return_values=True, **options)
        for found, expected in zip(together, apart):
            self.assertTrue(torch.equal(found, expected))
        indices = torch.zeros_like(apart[0])
        getattr(mqa, f"{name}_topk_out")(*inputs, *sizes, indices, **options)
        self.assertTrue(torch.equal(indices, apart[0]))
        getattr(mqa, f"prepare_{name}_topk")(*inputs, *sizes, indices.zero_(), **options)()
        self.assertTrue(torch.equal(indices, apart[0]))

    def test_logits(self):
        tensors = q, k, scale, weights, ks, ke = make_prefill()
        expected = mask(compute(q.float(), k.float(), scale, weights), ks, ke)
        lists = make_blocks(50, 37)
        of_blocks, _ = gather(compute(q.float(), k.float(), scale, weights), *lists, 8, ks, ke)
        for device in DEVICES:
            own, blocks = move(tensors, device), move(lists, device)
            ranges = {"ke": own[5], "ks": own[4]}
            out = mqa.logits(*own, clean=True, **MAX)
            self.check(out, expected)
            self.check_forms("logits", own, out, ranges=ranges)
            best = select.indexer_prefill(own[0], (own[1], own[2]), *own[3:], 20, **MAX)
            self.assertTrue(torch.equal(best, mqa.topk(out, own[5], 20, ks=own[4])))
            out = mqa.key_block_logits(*own, *blocks, clean=True, **MAX)
            self.check(out, of_blocks)
            ranges.update(key_blocks=blocks[0], num_key_blocks=blocks[1], num_keys=300)
            self.check_forms("key_block_logits", [*own, *blocks], out, ranges=ranges)

    def test_paged_logits(self):
        """In the order of sequences, rows that name theirs, and the key blocks of both."""
        tensors, expected = make_decode()
        lists = make_blocks(10, 40)
        of_blocks, _ = gather(expected, *lists, 8, torch.zeros(10), tensors[4].flatten())
        order = torch.randperm(10, generator=torch.Generator().manual_seed(3))
        for device in DEVICES:
            (q, k, scale, weights, lens, table), blocks = move(tensors, device), move(lists, device)
            own, at = [q, k, scale, weights, lens, table], order.to(device)
            ranges = {"ke": None, "context_lens": lens}
            out = mqa.paged_logits(*own, 320, clean=True, **MAX)
            self.check(out, expected)
            self.check_forms("paged_logits", own, out, (320,), ranges=ranges)
            best = select.indexer_decode(q, (k, scale), weights, lens, table, 20, base="relative", **MAX)
            self.assertTrue(torch.equal(best, mqa.topk(out, k=20, **ranges)))
            of_lists = {"block_table": table, "block_kv": 64, "key_blocks": blocks[0], "num_key_blocks": blocks[1]}
            out = mqa.paged_key_block_logits(*own, *blocks, clean=True, **MAX)
            self.check(out, of_blocks)
            self.check_forms("paged_key_block_logits", [*own, *blocks], out, ranges={**ranges, **of_lists})

            rows = [q.flatten(0, 1)[at], k, scale, weights[at], lens.flatten()[at], table]
            sequence = {"sequence": (at // 2).int()}
            out = mqa.paged_logits(*rows, 320, clean=True, **sequence, **MAX)
            self.check(out, expected[order])
            self.check_forms("paged_logits", rows, out, (320,), ranges={"ke": rows[4]}, **sequence)
            self.check_forms("paged_logits", rows, out, (320,), ranges={"ke": rows[4]}, rows_per_sequence=2, **sequence)
            blocks = [tensor[at] for tensor in blocks]
            out = mqa.paged_key_block_logits(*rows, *blocks, clean=True, **sequence, **MAX)
            self.check(out, of_blocks[order])
            of_lists.update(key_blocks=blocks[0], num_key_blocks=blocks[1], **sequence)
            self.check_forms("paged_key_block_logits", [*rows, *blocks], out,
                             ranges={"ke": None, "context_lens": rows[4], **of_lists}, **sequence)  # fmt: skip

    def refuse(self, function, *tensors):
        for kind in ("mean", "Max", "", None, 1):
            with self.assertRaisesRegex(ValueError, f"head_reduction must be one of sum, max, found {kind!r}"):
                function(*tensors, head_reduction=kind)

    def test_wrong_names(self):
        """Fake kernels refuse what kernels refuse."""
        tensors, (paged, _), lists = make_prefill(), make_decode(), make_blocks(50, 37)
        of_rows = {"sequence": torch.zeros(5).int()}
        rows = [paged[0][:, 0], *paged[1:3], paged[3][::2].contiguous(), paged[4][:, 0].contiguous(), paged[5]]
        self.refuse(mqa.logits, *tensors)
        self.refuse(mqa.logits_out, *tensors, torch.zeros(50, 300))
        self.refuse(mqa.prepare_logits, *tensors, torch.zeros(50, 300))
        self.refuse(mqa.key_block_logits, *tensors, *lists)
        self.refuse(lambda *t, **o: mqa.logits_topk(*t, 20, **o), *tensors)
        self.refuse(lambda *t, **o: mqa.key_block_logits_topk(*t, 20, **o), *tensors, *lists)
        self.refuse(lambda *t, **o: mqa.paged_logits(*t, 320, **o), *paged)
        self.refuse(lambda *t, **o: mqa.paged_logits(*t, 320, **of_rows, **o), *rows)
        self.refuse(lambda *t, **o: mqa.paged_logits_topk(*t, 20, 320, **o), *paged)
        self.refuse(lambda *t, **o: mqa.paged_key_block_logits(*t, lists[0][:10], lists[1][:10], **o), *paged)
        for name, own in (("logits", tensors), ("key_block_logits", [*tensors, *lists]), ("paged_logits", [*paged, 320]),
                          ("paged_row_logits", [*rows, *of_rows.values(), 320]), ("logits_topk", [*tensors, 20])):  # fmt: skip
            meta = [t.to("meta") if isinstance(t, torch.Tensor) else t for t in own]
            for arguments in (own, meta):
                with self.assertRaisesRegex(ValueError, "head_reduction must be one of sum, max, found 'mean'"):
                    getattr(torch.ops.mqa, name)(*arguments, head_reduction="mean")

    def test_no_derivative(self):
        tensors = make_prefill()
        asking = [tensor.float().bfloat16() for tensor in tensors[:2]] + tensors[2:]
        asking[0].requires_grad_()
        mqa.logits(*asking).masked_fill(torch.ones(50, 300, dtype=torch.bool), 0.0).sum().backward()
        self.assertIsNotNone(asking[0].grad)
        with self.assertRaisesRegex(ValueError, "q requires grad, and mqa.logits with head_reduction='max' has no derivative"):
            mqa.logits(*asking, **MAX)
        with torch.no_grad():
            mqa.logits(*asking, **MAX)
        with self.assertRaisesRegex(ValueError, "q requires grad, and mqa.key_block_logits has no derivative"):
            mqa.key_block_logits(*asking, *make_blocks(50, 37), **MAX)


class ScaledQueriesTest(QueriesCase):
    def test_all(self):
        """Queries of MXFP4 and MXFP8 beside keys of all kinds, whose scales, where they are f32, have both signs."""
        ks, ke = torch.arange(5).int() * 10, torch.full((5,), 290).int()
        lists = make_blocks(5, 37, blocks=15)
        for q, q_scale, weights, queries in self.list_queries(5, 16, d=64):
            for k, scale, keys in self.list_keys(300, d=64):
                own = torch.ones(300)
                if scale is not None and scale.dtype == torch.float32:
                    # `keys` have the scales, and get their signs below.
                    own = torch.where(torch.arange(300) % 3 == 0, -1.0, 1.0)
                    scale = scale * own
                dense = mask(compute(queries, keys, own, weights), ks, ke)
                of_blocks, _ = gather(dense, *lists, 8, ks, ke)
                for device in DEVICES:
                    tensors, blocks = move([q, k, scale, weights, ks, ke], device), move(lists, device)
                    options = {"q_scale": q_scale.to(device), **MAX}
                    with self.subTest(q=q.dtype, k=k.dtype, device=device):
                        out = mqa.logits(*tensors, clean=True, **options).cpu()
                        self.assertTrue(torch.equal(out.isinf(), dense.isinf()))
                        self.check(out[out.isfinite()], dense[out.isfinite()])
                        again = torch.full((5, 300), -torch.inf, device=device)
                        torch.ops.mqa.mx_logits_out(*tensors, options["q_scale"], again, **MAX)
                        self.assertTrue(torch.equal(again.cpu(), out))
                        columns = mqa.key_block_logits(*tensors, *blocks, clean=True, **options).cpu()
                        self.assertTrue(torch.equal(columns.isinf(), of_blocks.isinf()))
                        self.check(columns[columns.isfinite()], of_blocks[columns.isfinite()])
                        best = mqa.logits_topk(*tensors, 20, **options)
                        apart = mqa.topk(out.to(device), tensors[5], 20, ks=tensors[4])
                        self.assertTrue(torch.equal(best, apart))


class KnownTest(KnownLaunchCase):
    def test_launches_are_kept_apart(self):
        """A launch that is known by its tensors is of one of both."""
        tensors = q, k, scale, weights, ks, ke = make_prefill()
        expected = [mask(compute(q.float(), k.float(), scale, weights), ks, ke)]
        scores = torch.einsum("mhd,nd->mhn", q.double(), k.double()).relu()
        expected.append(mask(torch.einsum("mhn,mh->mn", scores, weights.double()) * scale.double(), ks, ke))
        paged, _ = make_decode()
        before = []
        for _ in range(3):
            for kind, dense in zip(("max", "sum"), expected):
                out = mqa.logits(*tensors, clean=True, head_reduction=kind)
                torch.testing.assert_close(out.double(), dense, rtol=1e-4, atol=1e-3)
                best = mqa.logits_topk(*tensors, 20, head_reduction=kind)
                self.assertTrue(torch.equal(best, mqa.topk(out, ke, 20, ks=ks)))
                before.append((mqa.paged_logits(*paged, 320, clean=True, head_reduction=kind),
                               mqa.paged_logits_topk(*paged, 20, 320, head_reduction=kind)))  # fmt: skip
        self.assertIn(True, self.launched)
        for one, other in zip(before, before[2:]):
            self.assertTrue(all(map(torch.equal, one, other)))
        for one, other in zip(before[0], before[1]):
            self.assertFalse(torch.equal(one, other))


if __name__ == "__main__":
    unittest.main()
