# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Keys of MXFP8 on PyTorch tensors, against float64 on what the bytes say.

Skipped where there is no PyTorch.
"""
import unittest

from devices import DEVICES

import mqa
import torch
from mqa import select
from mqa.compat import deep_gemm


def decode(k, k_scale):
    """The keys that elements and words of block scales stand for."""
    exponents = torch.stack([k_scale >> 8 * i & 255 for i in range(4)], -1)[..., : k.size(-1) // 32]
    scales = torch.exp2(exponents.double() - 127)
    scales[exponents == 255] = torch.nan
    return k.double() * scales.repeat_interleave(32, -1)


def make(*shape, d=128, seed=0, spread=14):
    """Keys, without NaN, and words of block scales."""
    generator = torch.Generator().manual_seed(seed)
    k = torch.randint(0, 255, (*shape, d), generator=generator, dtype=torch.uint8)
    k[k == 127] = 0
    scales = torch.randint(120, 121 + spread, (*shape, 4), generator=generator, dtype=torch.uint8)
    return k.view(torch.float8_e4m3fn), scales.view(torch.int32).squeeze(-1)


def list_scales(k_scale):
    """Words, and their bytes in the types that PyTorch has for them."""
    yield k_scale
    bytes_ = k_scale.unsqueeze(-1).view(torch.uint8)
    yield bytes_
    if hasattr(torch, "float8_e8m0fnu"):
        yield bytes_.view(torch.float8_e8m0fnu)


def compute(q, keys, weights):
    scores = torch.einsum("mhd,nd->mhn", q.double(), keys).clamp(min=0)
    return torch.einsum("mhn,mh->mn", scores, weights.double())


def make_queries(*shape, d=128, spread=117):
    """Queries with block scales, and what they stand for."""
    q, q_scale = make(*shape, d=d, seed=3, spread=spread)
    return q, q_scale, decode(q, q_scale)


class Mxfp8Test(unittest.TestCase):
    def check(self, out, expected, most=5e-4):
        out = out.cpu().double()
        self.assertTrue(torch.equal(out.isnan(), expected.isnan()))
        error = (out - expected).nan_to_num().norm() / expected.nan_to_num().norm()
        self.assertLess(error.item(), most)

    def test_logits(self):
        for d, dtype, spread in (
            (128, torch.bfloat16, 117),
            (64, torch.float16, 22),
            (96, torch.float8_e4m3fn, 22),
            (32, torch.bfloat16, 0),
        ):
            k, k_scale = make(300, d=d, spread=spread)
            q, weights = torch.randn(5, 16, d).to(dtype), torch.rand(5, 16)
            ks, ke = torch.zeros(5).int(), torch.full((5,), 300).int()
            expected = compute(q, decode(k, k_scale), weights)
            for device in DEVICES:
                for scales in list_scales(k_scale):
                    tensors = [t.to(device) for t in (q, k, scales, weights, ks, ke)]
                    with self.subTest(d=d, device=device, dtype=scales.dtype):
                        # The second call finds what the first one has made.
                        for _ in range(2):
                            self.check(mqa.logits(*tensors), expected)

    def test_not_a_number(self):
        """A block scale of NaN, and an element; an element alone may count as 0."""
        for dtype in (torch.bfloat16, torch.float8_e4m3fn):
            k, k_scale = make(40)
            k_scale[7] = k_scale[7] & ~255 | 255
            k.view(torch.uint8)[9, 77], k.view(torch.uint8)[11, 127] = 0x7F, 0xFF
            q, weights = torch.randn(2, 8, 128).to(dtype), torch.rand(2, 8)
            ks, ke = torch.zeros(2).int(), torch.full((2,), 40).int()
            expected = compute(q, decode(k, k_scale), weights)
            self.assertEqual(expected.isnan().sum(), 6)
            for device in DEVICES:
                tensors = [t.to(device) for t in (q, k, k_scale, weights, ks, ke)]
                self.check(mqa.logits(*tensors), expected)
                out = mqa.logits(*tensors, nan_as_zero=True).cpu()
                self.assertEqual(out[:, [9, 11]].abs().sum(), 0)
                self.assertTrue(out[:, 7].isnan().all())

    def test_selections(self):
        """The best keys in one call, by chosen blocks, by DeepGEMM's name, and where an engine selects."""
        k, k_scale = make(320)
        q, weights = torch.randn(5, 16, 128).bfloat16(), torch.rand(5, 16)
        ks, ke = torch.zeros(5).int(), torch.full((5,), 320).int()
        blocks, counts = torch.tensor([[3, 7, 30]] * 5).int(), torch.full((5,), 3).int()
        columns = (blocks[0].long().unsqueeze(1) * 8 + torch.arange(8)).flatten()
        expected = compute(q, decode(k, k_scale), weights)
        for device in DEVICES:
            q_, k_, scale, *others, blocks_, counts_ = (
                t.to(device) for t in (q, k, k_scale, weights, ks, ke, blocks, counts)
            )
            logits = mqa.logits(q_, k_, scale, *others)
            best = logits.cpu().topk(20).indices.sort().values.tolist()
            self.assertEqual(mqa.logits_topk(q_, k_, scale, *others, 20).tolist(), best)
            self.assertEqual(select.indexer_prefill(q_, (k_, scale), *others, 20).tolist(), best)
            self.check(mqa.key_block_logits(q_, k_, scale, *others, blocks_, counts_), expected[:, columns])
            for values in ((q_, None), (q_.to(torch.float8_e4m3fn), None)):
                own = compute(values[0].cpu(), decode(k, k_scale), weights)
                self.check(deep_gemm.fp8_fp4_mqa_logits(values, (k_, scale), *others), own)

    def test_paged(self):
        """From a cache of bytes; by rows that name their sequences; and the best keys in one call."""
        k, k_scale = make(6, 64)
        words = k_scale.view(torch.uint8).view(6, -1)
        cache = torch.cat([k.view(torch.uint8).flatten(1), words], 1).view(6, 64, 1, 132)
        q, weights = torch.randn(2, 1, 16, 128).bfloat16(), torch.rand(2, 16)
        lens, table = torch.tensor([[100], [192]]).int(), torch.tensor([[5, 2, 0], [1, 4, 3]]).int()
        keys = decode(k, k_scale)
        for device in DEVICES:
            own = [t.to(device) for t in (q, cache, weights, lens, table)]
            views = mqa.split_cache(own[1], 128, block_scales=True)
            self.assertEqual(views[1].dtype, torch.int32)
            as_bytes = views[1].unsqueeze(-1).view(torch.uint8)
            out = mqa.paged_logits(own[0], *views, *own[2:], 192, clean=True)
            for _ in range(2):
                same = mqa.paged_logits(own[0], views[0], as_bytes, *own[2:], 192, clean=True)
                self.assertTrue(torch.equal(out, same))
            rows = mqa.paged_logits(own[0].squeeze(1), *views, own[2], own[3].flatten(), own[4], 192, clean=True,
                                    sequence=torch.arange(2, device=device).int())  # fmt: skip
            best, out, rows = mqa.paged_logits_topk(own[0], *views, *own[2:], 16, 192).cpu(), out.cpu(), rows.cpu()
            for b in range(2):
                n = lens[b].item()
                expected = compute(q[b], keys[table[b].long()].flatten(0, 1)[:n], weights[b : b + 1])
                for logits in (out, rows):
                    self.check(logits[b : b + 1, :n], expected)
                    self.assertTrue(logits[b, n:].isneginf().all())
                self.assertEqual(best[b].tolist(), sorted(out[b, :n].topk(16).indices.tolist()))

    def test_queries(self):
        """Queries with block scales, too: exact as bfloat16, and by the names that take such pairs."""
        for d in (32, 96, 128):
            q, q_scale, expected = make_queries(20, 3, 16, d=d)
            for device in DEVICES:
                found, weights = mqa.unpack_mx_queries(q.to(device), q_scale.to(device))
                self.assertEqual(found.dtype, torch.bfloat16)
                product = found.cpu().double() * weights.cpu().double().view(20, 3, 16, 1)
                self.assertTrue(torch.equal(product, expected))
        (q, q_scale, queries), (k, k_scale) = make_queries(5, 16, spread=14), make(320)
        weights, ks, ke = torch.rand(5, 16), torch.zeros(5).int(), torch.full((5,), 320).int()
        expected = compute(queries, decode(k, k_scale), weights)
        for device in DEVICES:
            q_, scale_, k_, k_scale_, *others = (t.to(device) for t in (q, q_scale, k, k_scale, weights, ks, ke))
            logits = deep_gemm.fp8_fp4_mqa_logits((q_, scale_), (k_, k_scale_), *others)
            self.check(logits, expected)
            best = select.indexer_prefill((q_, scale_), (k_, k_scale_), *others, 20)
            self.assertEqual(best.tolist(), logits.cpu().topk(20).indices.sort().values.tolist())

    def test_paged_queries(self):
        """As DeepGEMM has them on Blackwell: beside such queries, the scales of a cache of fp8 are block scales."""
        (q, q_scale, queries), (k, k_scale) = make_queries(2, 1, 16, spread=14), make(6, 64)
        words = k_scale.view(torch.uint8).view(6, -1)
        cache = torch.cat([k.view(torch.uint8).flatten(1), words], 1).view(6, 64, 1, 132)
        weights, table = torch.rand(2, 16), torch.tensor([[5, 2, 0], [1, 4, 3]]).int()
        lens, indices = torch.tensor([[100], [192]]).int(), torch.tensor([0, 1]).int()
        keys = decode(k, k_scale)
        for device in DEVICES:
            own = [t.to(device) for t in (cache, weights, lens, table)]
            pair = (q.to(device), q_scale.to(device))
            out = deep_gemm.fp8_fp4_paged_mqa_logits(pair, *own, None, 192, clean_logits=True).cpu()
            tokens = deep_gemm.fp8_fp4_paged_mqa_logits(pair, *own, None, 192, indices.to(device)).cpu()
            best = select.indexer_decode(pair, *own, 16, base="relative", max_context_len=192).cpu()
            for b in range(2):
                n = lens[b].item()
                expected = compute(queries[b], keys[table[b].long()].flatten(0, 1)[:n], weights[b : b + 1])
                self.check(out[b : b + 1, :n], expected)
                self.check(tokens[b : b + 1, :n], expected)
                self.assertTrue(out[b, n:].isneginf().all())
                self.assertEqual(best[b].tolist(), sorted(out[b, :n].topk(16).indices.tolist()))

    def test_errors(self):
        k, k_scale = make(40)
        as_bytes = k_scale.unsqueeze(-1).view(torch.uint8)
        q, weights = torch.randn(2, 8, 128).bfloat16(), torch.rand(2, 8)
        ks, ke = torch.zeros(2).int(), torch.full((2,), 40).int()
        shifted = torch.zeros(41 * 4 + 1, dtype=torch.uint8)[1:161].view(40, 4)
        for changed, message in (
            ((q, k, k_scale[:30], weights, ks, ke), "k_scale must be 40, found 30"),
            ((q, k, as_bytes[:, :3], weights, ks, ke), "k_scale must be 40 x 4, found 40 x 3"),
            ((q, k, shifted, weights, ks, ke), "the bytes of k_scale must be at a multiple of 4, found them at 1"),
            ((q, k[:, :60], k_scale, weights, ks, ke), r"k must be \* x 128, found 40 x 60"),
            ((q.to(torch.float8_e5m2), k, k_scale, weights, ks, ke), "float16 for keys of MXFP8, found torch.float8_e5m2"),
            ((q[..., :80], k[:, :80], k_scale, weights, ks, ke), "q must have a head dim of .* for keys of MXFP8"),
            ((q, k, None, weights, ks, ke), "k must have the dtype of q, torch.bfloat16"),
            ((q, k, k_scale.float(), weights, ks, ke), "k must have the dtype of q, torch.bfloat16"),
        ):
            with self.assertRaisesRegex(ValueError, message):
                mqa.logits(*changed)
        fp8 = q.to(torch.float8_e4m3fn)
        for queries, dtype, message in (
            (fp8, torch.float8_e4m3fn, "dtype must be torch.bfloat16 for queries of MXFP8"),
            (fp8[..., :80], None, r"q must be M x H x D or .* found \(2, 8, 80\)"),
            (q, None, "q must be bytes of fp4 .* or float8_e4m3fn, found torch.bfloat16"),
        ):
            with self.assertRaisesRegex(ValueError, message):
                mqa.unpack_mx_queries(queries, torch.zeros(2, 8, dtype=torch.int32), None, dtype)


if __name__ == "__main__":
    unittest.main()
