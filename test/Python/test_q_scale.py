# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Queries with block scales that kernels take as they are (q_scale), against float64 on what the bytes say.

Skipped where there is no PyTorch.
"""
import unittest

import test_mxfp8
from devices import DEVICES
from test_mx import compute, decode, make, make_cache
from test_mx_queries import make_queries

import mqa
import torch


def list_scales(q_scale):
    """The same block scales as the words' bytes."""
    bytes_ = q_scale.contiguous().unsqueeze(-1).view(torch.uint8)
    yield bytes_
    if hasattr(torch, "float8_e8m0fnu"):
        yield bytes_.view(torch.float8_e8m0fnu)


def list_queries_types(q):
    """The same queries of MXFP4 in each of their types."""
    yield from (q, q.view(torch.int8))
    if hasattr(torch, "float4_e2m1fn_x2"):
        yield q.view(torch.float4_e2m1fn_x2)


def make_mxfp8(*shape, d=128):
    q, q_scale, queries = test_mxfp8.make_queries(*shape, d=d, spread=14)
    return q, q_scale, torch.rand(q.shape[:-2].numel(), shape[-1]) - 0.25, queries


class QueriesCase(unittest.TestCase):
    """What the tests of such queries share."""

    def check(self, out, expected, most=5e-4):
        out = out.cpu().double()
        self.assertTrue(torch.equal(out.isnan(), expected.isnan()))
        error = (out - expected).nan_to_num().norm()
        self.assertLessEqual(error.item(), most * expected.nan_to_num().norm().item())

    def list_queries(self, *shape, d=128):
        q, q_scale, weights = make_queries(*shape, d=d)
        return [(q, q_scale, weights, decode(q, q_scale)), make_mxfp8(*shape, d=d)]

    def list_keys(self, n, d=128):
        """With block scales of both formats, of fp8 with a scale each, and of bfloat16 without."""
        k, k_scale = make(n, d=d)
        fp8, scale = torch.randn(n, d).to(torch.float8_e4m3fn), torch.rand(n)
        mxfp8, words = test_mxfp8.make(n, d=d)
        bf16 = torch.randn(n, d).bfloat16()
        return [(k, k_scale, decode(k, k_scale)), (fp8, scale, fp8.double() * scale.double().unsqueeze(-1)),
                (mxfp8, words, test_mxfp8.decode(mxfp8, words)), (bf16, None, bf16.double())]  # fmt: skip


class ScaledQueriesTest(QueriesCase):
    def test_logits(self):
        ks, ke = torch.zeros(5).int(), torch.full((5,), 300).int()
        for d in (64, 128):
            for q, q_scale, weights, queries in self.list_queries(5, 16, d=d):
                for k, k_scale, keys in self.list_keys(300, d):
                    expected = compute(queries, keys, weights)
                    for device in DEVICES:
                        own = [t if t is None else t.to(device) for t in (q, k, k_scale, weights, ks, ke)]
                        with self.subTest(d=d, q=q.dtype, k=k.dtype, device=device):
                            out = mqa.logits(*own, q_scale=q_scale.to(device))
                            self.check(out, expected)
                            again = torch.empty_like(out)
                            mqa.logits_out(*own, again, q_scale=q_scale.to(device))
                            self.assertTrue(torch.equal(out, again))
                            again.zero_()
                            mqa.prepare_logits(*own, again, q_scale=q_scale.to(device))()
                            self.assertTrue(torch.equal(out, again))

    def test_options(self):
        """Compressed rows, maxima of blocks, rows that are strided, and no weights."""
        q, q_scale, _ = make_queries(10, 16)
        k, k_scale = make(300)
        ks, ke = torch.arange(5).int() * 10, torch.full((5,), 290).int()
        logits = compute(decode(q, q_scale)[::2], decode(k, k_scale), torch.ones(5, 16))
        for device in DEVICES:
            own = [t.to(device) for t in (q, k, k_scale, ks, ke)]
            own = [own[0][::2], own[1], own[2], None, *own[3:]]
            scales = q_scale.to(device)[::2]
            out = mqa.logits(*own, max_seqlen_k=300, clean=True, q_scale=scales).cpu()
            maxima = mqa.logits(*own, clean=True, block_max=64, q_scale=scales).cpu()
            for m in range(5):
                begin, end = ks[m].item(), 290
                self.check(out[m, : end - begin], logits[m, begin:end])
                self.assertTrue(out[m, end - begin :].isneginf().all())
                for block in range(5):
                    own_keys = logits[m, max(begin, 64 * block) : min(end, 64 * block + 64)]
                    self.check(maxima[m, block : block + 1], own_keys.max().view(1))

    def test_topk(self):
        q, q_scale, weights = make_queries(7, 16)
        k, k_scale = make(300)
        ks, ke = torch.zeros(7).int(), torch.full((7,), 300).int()
        for device in DEVICES:
            own = [t.to(device) for t in (q, k, k_scale, weights, ks, ke)]
            scales = q_scale.to(device)
            logits = mqa.logits(*own, q_scale=scales).cpu()
            expected = logits.topk(20).indices.sort().values
            self.assertEqual(mqa.logits_topk(*own, 20, q_scale=scales).tolist(), expected.tolist())
            indices = torch.zeros(7, 20, dtype=torch.int32, device=device)
            mqa.logits_topk_out(*own, indices, q_scale=scales)
            self.assertEqual(indices.tolist(), expected.tolist())
            indices.zero_()
            mqa.prepare_logits_topk(*own, indices, q_scale=scales)()
            self.assertEqual(indices.tolist(), expected.tolist())

    def test_paged(self):
        _, cache, _, lens, table, keys = make_cache(torch.float8_e4m3fn, 128, 64)
        for q, q_scale, weights, queries in self.list_queries(2, 1, 16):
            for device in DEVICES:
                views = mqa.split_cache(cache.to(device), 128, torch.uint8)
                own = [t.to(device) for t in (q, weights, lens, table, q_scale)]
                inputs = (own[0], *views, *own[1:4])
                out = mqa.paged_logits(*inputs, 192, clean=True, q_scale=own[4])
                rows = mqa.paged_logits(own[0].squeeze(1), *views, own[1], own[2].flatten(), own[3], 192, clean=True,
                                        sequence=torch.arange(2, device=device).int(),
                                        q_scale=own[4].squeeze(1))  # fmt: skip
                best = mqa.paged_logits_topk(*inputs, 16, 192, q_scale=own[4]).cpu()
                of_rows = mqa.paged_logits_topk(own[0].squeeze(1), *views, own[1], own[2].flatten(), own[3], 16, 192,
                                                sequence=torch.arange(2, device=device).int(),
                                                q_scale=own[4].squeeze(1)).cpu()  # fmt: skip
                again = torch.full_like(out, -torch.inf)
                mqa.prepare_paged_logits(*inputs, again, q_scale=own[4])()
                self.assertTrue(torch.equal(again, out))
                out, rows = out.cpu(), rows.cpu()
                for b in range(2):
                    n = lens[b].item()
                    expected = compute(queries[b], keys[table[b].long()].flatten(0, 1)[:n], weights[b : b + 1])
                    for logits in (out, rows):
                        self.check(logits[b : b + 1, :n], expected)
                        self.assertTrue(logits[b, n:].isneginf().all())
                    selected = sorted(out[b, :n].topk(16).indices.tolist())
                    self.assertEqual((best[b].tolist(), of_rows[b].tolist()), (selected, selected))

    def test_bytes_of_scales(self):
        """Bytes of block scales give the bits that words give, also of strided rows."""
        q, q_scale, weights = make_queries(10, 16)
        k, k_scale = make(300)
        ks, ke = torch.zeros(5).int(), torch.full((5,), 300).int()
        for device in DEVICES:
            own = [t.to(device) for t in (k, k_scale, weights[::2], ks, ke)]
            words = q_scale.to(device)
            expected = mqa.logits(q.to(device)[::2], *own, q_scale=words[::2])
            best = mqa.logits_topk(q.to(device)[::2], *own, 16, q_scale=words[::2])
            for scales in list_scales(words):
                for queries in list_queries_types(q.to(device)):
                    inputs = (queries.view(torch.uint8)[::2].view(queries.dtype), *own)
                    with self.subTest(scales=scales.dtype, q=queries.dtype, device=device):
                        self.assertTrue(torch.equal(mqa.logits(*inputs, q_scale=scales[::2]), expected))
                        self.assertTrue(torch.equal(mqa.logits_topk(*inputs, 16, q_scale=scales[::2]), best))
                        out = torch.zeros_like(expected)
                        mqa.prepare_logits(*inputs, out, q_scale=scales[::2])()
                        self.assertTrue(torch.equal(out, expected))

    def test_bytes_of_paged_scales(self):
        """Of sequences, and of rows that name theirs."""
        _, cache, _, lens, table, _ = make_cache(torch.float8_e4m3fn, 128, 64)
        q, q_scale, weights = make_queries(2, 1, 16)
        sequence = torch.arange(2).int()
        for device in DEVICES:
            views = mqa.split_cache(cache.to(device), 128, torch.uint8)
            q_own, weights_own, lens_own, table_own, words, rows = [
                t.to(device) for t in (q, weights, lens, table, q_scale, sequence)
            ]

            def compute(scales):
                sequences = mqa.paged_logits(
                    q_own, *views, weights_own, lens_own, table_own, 192, clean=True, q_scale=scales
                )
                of_rows = mqa.paged_logits(q_own.squeeze(1), *views, weights_own, lens_own.flatten(), table_own, 192,
                                           clean=True, sequence=rows, q_scale=scales.squeeze(1))  # fmt: skip
                return sequences, of_rows

            expected = compute(words)
            for scales in list_scales(words):
                with self.subTest(scales=scales.dtype, device=device):
                    for own, of_words in zip(compute(scales), expected):
                        self.assertTrue(torch.equal(own, of_words))

    def test_extreme_scales(self):
        """A logit that is finite stays so, whatever goes out of queries, keys and weights; 255 is NaN."""
        q, k = torch.full((1, 2, 16), 0x22, dtype=torch.uint8), torch.full((3, 16), 0x22, dtype=torch.uint8)
        ks, ke = torch.zeros(1).int(), torch.full((1,), 3).int()
        for scale, key_scale, weight, expected in (
            (254, 1, 1.0, 2.0**7), (1, 254, 1.0, 2.0**7), (254, 127, 2.0**-120, 2.0**13), (0, 127, 2.0**120, 2.0**-1),
            (254, 127, 2.0**-126, 2.0**7), (254, 50, 2.0**60, 2.0**116), (0, 254, 1.2345678 * 2.0**-125, 1.2345678 * 2.0**-119),
            (255, 127, 1.0, float("nan")),
        ):  # fmt: skip
            for device in DEVICES:
                scales = torch.tensor([[scale, scale]], dtype=torch.int32, device=device)
                weights = torch.full((1, 2), weight, device=device)
                words = torch.full((3,), key_scale, dtype=torch.int32, device=device)
                out = mqa.logits(q.to(device), k.to(device), words, weights, ks.to(device), ke.to(device), q_scale=scales)
                with self.subTest(scale=scale, weight=weight, device=device):
                    self.check(out, torch.full((1, 3), expected, dtype=torch.float64))
                if scale == 255:
                    out = mqa.logits(q.to(device), k.to(device), words, weights, ks.to(device), ke.to(device),
                                     q_scale=scales, nan_as_zero=True)  # fmt: skip
                    self.assertEqual(out.tolist(), [[0.0, 0.0, 0.0]])

    def test_nan_scales_beside_infinite_keys(self):
        """A head whose scale is NaN counts as 0 with nan_as_zero, whatever its key; else the logit is NaN."""
        q = torch.full((1, 2, 16), 0x22, dtype=torch.uint8)
        k = torch.ones(3, 32, dtype=torch.float16)
        k[1, 5] = torch.inf
        ks, ke = torch.zeros(1).int(), torch.full((1,), 3).int()
        scales = torch.tensor([[255, 127]], dtype=torch.int32)
        for device in DEVICES:
            for reduction in ("sum", "max"):
                tensors = [t.to(device) for t in (q, k, torch.ones(3), torch.ones(1, 2), ks, ke)]
                options = {"q_scale": scales.to(device), "head_reduction": reduction}
                with self.subTest(device=device, head_reduction=reduction):
                    out = mqa.logits(*tensors, nan_as_zero=True, **options)
                    self.assertEqual(out.tolist(), [[32.0, torch.inf, 32.0]])
                    self.assertTrue(mqa.logits(*tensors, **options).isnan().all())

    def test_compile(self):
        q, q_scale, weights = make_queries(5, 8)
        k, k_scale = make(40)
        ks, ke = torch.zeros(5).int(), torch.full((5,), 40).int()
        call = lambda *tensors: mqa.logits(*tensors[:6], clean=True, q_scale=tensors[6])
        tensors = (q, k, k_scale, weights, ks, ke, q_scale)
        function = torch.compile(call, fullgraph=True, backend="aot_eager")
        self.assertTrue(torch.equal(function(*tensors), call(*tensors)))

    def test_errors(self):
        q, q_scale, weights = make_queries(5, 8)
        k, k_scale = make(40)
        ks, ke = torch.zeros(5).int(), torch.full((5,), 40).int()
        odd = torch.zeros(5 * 32 + 1, dtype=torch.uint8)[1:].view(5, 8, 4)
        narrow = torch.zeros(5 * 34, dtype=torch.uint8).as_strided((5, 8, 4), (34, 4, 1))
        for changed, message in (
            ((q.short(), k, k_scale, weights, ks, ke, q_scale), "q must be bytes of fp4 .* beside q_scale"),
            ((q[0], k, k_scale, weights, ks, ke, q_scale), "q must be M x H x D"),
            ((q[..., :40], k, k_scale, weights, ks, ke, q_scale), "q must have a head dim of .* found 80"),
            ((q, k, k_scale, weights, ks, ke, q_scale.float()), "q_scale must be torch.int32, a word .* found torch.float32"),
            ((q, k, k_scale, weights, ks, ke, q_scale[:, :7]), "q_scale must be 5 x 8, found 5 x 7"),
            ((q, k, k_scale, weights, ks, ke, q_scale.view(torch.uint8)), "q_scale must be 5 x 8 x 4, found 5 x 32"),
            ((q, k, k_scale, weights, ks, ke, odd), "the bytes of q_scale must be at a multiple of 4, found them at 1"),
            ((q, k, k_scale, weights, ks, ke, narrow), "q_scale must have a stride of a multiple of 4 bytes, found 34"),
            ((q, k[:, :60], k_scale, weights, ks, ke, q_scale), r"k must be \* x 64, found 40 x 60"),
            ((q, k, k_scale, weights[:4], ks, ke, q_scale), "weights must be 5 x 8, found 4 x 8"),
            ((q, k.float(), None, weights, ks, ke, q_scale), "k must have a dtype of"),
            ((q, torch.zeros(40, 2, 128).bfloat16(), None, weights, ks, ke, q_scale), "k must be N x D"),
        ):
            with self.assertRaisesRegex(ValueError, message):
                mqa.logits(*changed[:6], q_scale=changed[6])
        with self.assertRaisesRegex(TypeError, "q_scale must be a torch.Tensor, found int"):
            mqa.logits(q, k, k_scale, weights, ks, ke, q_scale=1)
        with self.assertRaisesRegex(ValueError, "weights requires grad"):
            mqa.logits(q, k, k_scale, weights.requires_grad_(), ks, ke, q_scale=q_scale)


if __name__ == "__main__":
    unittest.main()
