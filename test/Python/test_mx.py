# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Keys of MXFP4 on PyTorch tensors, against float64 on what the bytes say.

Skipped where there is no PyTorch.
"""
import unittest

from devices import DEVICES

import mqa
import torch
from mqa import select
from mqa.compat import deep_gemm

MAGNITUDES = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6], dtype=torch.float64)
CODES = torch.cat([MAGNITUDES, -MAGNITUDES])


def decode(k, k_scale):
    """The keys that bytes and words of block scales stand for."""
    low, high = CODES[(k & 15).long()], CODES[(k >> 4).long()]
    elements = torch.stack([low, high], -1).flatten(-2)
    exponents = torch.stack([k_scale >> 8 * i & 255 for i in range(4)], -1)[..., : elements.size(-1) // 32]
    scales = torch.exp2(exponents.double() - 127)
    scales[exponents == 255] = torch.nan
    return elements * scales.repeat_interleave(32, -1)


def make(*shape, d=128, seed=0):
    generator = torch.Generator().manual_seed(seed)
    k = torch.randint(0, 256, (*shape, d // 2), generator=generator, dtype=torch.uint8)
    scales = torch.randint(120, 134, (*shape, 4), generator=generator, dtype=torch.uint8)
    return k, scales.view(torch.int32).squeeze(-1)


def compute(q, keys, weights):
    scores = torch.einsum("mhd,nd->mhn", q.double(), keys).clamp(min=0)
    return torch.einsum("mhn,mh->mn", scores, weights.double())


def make_cache(dtype, d, block_kv):
    """Two sequences of one new query each, and the decoded keys by pages."""
    k, k_scale = make(384 // block_kv, block_kv, d=d)
    words = k_scale.view(torch.uint8).view(k.size(0), -1)
    cache = torch.cat([k.flatten(1), words], 1).view(k.size(0), block_kv, 1, d // 2 + 4)
    q, weights = torch.randn(2, 1, 16, d).to(dtype), torch.rand(2, 16)
    table = torch.randperm(k.size(0)).int().view(2, -1)
    return q, cache, weights, torch.tensor([[100], [192]]).int(), table, decode(k, k_scale)


class MxTest(unittest.TestCase):
    def check(self, out, expected, most=5e-4):
        out, expected = out.cpu().double(), expected
        self.assertTrue(torch.equal(out.isnan(), expected.isnan()))
        error = (out - expected).nan_to_num().norm() / expected.nan_to_num().norm()
        self.assertLess(error.item(), most)

    def test_logits(self):
        for d, dtype in ((128, torch.float8_e4m3fn), (64, torch.bfloat16), (96, torch.float16)):
            k, k_scale = make(300, d=d)
            q, weights = torch.randn(5, 16, d).to(dtype), torch.rand(5, 16)
            ks, ke = torch.zeros(5).int(), torch.full((5,), 300).int()
            expected = compute(q, decode(k, k_scale), weights)
            views = [k, k.view(torch.int8)]
            if hasattr(torch, "float4_e2m1fn_x2"):
                views.append(k.view(torch.float4_e2m1fn_x2))
            for device in DEVICES:
                for own in views:
                    tensors = [t.to(device) for t in (q, own, k_scale, weights, ks, ke)]
                    with self.subTest(d=d, device=device, dtype=own.dtype):
                        self.check(mqa.logits(*tensors), expected)

    def test_not_a_number(self):
        k, k_scale = make(40)
        k_scale[7] = k_scale[7] & ~255 | 255
        q, weights = torch.randn(2, 8, 128).to(torch.float8_e4m3fn), torch.rand(2, 8)
        ks, ke = torch.zeros(2).int(), torch.full((2,), 40).int()
        expected = compute(q, decode(k, k_scale), weights)
        self.assertEqual(expected.isnan().sum(), 2)
        for device in DEVICES:
            self.check(mqa.logits(*(t.to(device) for t in (q, k, k_scale, weights, ks, ke))), expected)

    def test_deep_gemm_and_select(self):
        """MXFP4 keys by DeepGEMM's name, and where an engine selects."""
        k, k_scale = make(300)
        q, weights = torch.randn(5, 16, 128).to(torch.float8_e4m3fn), torch.rand(5, 16)
        ks, ke = torch.zeros(5).int(), torch.full((5,), 300).int()
        expected = compute(q, decode(k, k_scale), weights)
        for device in DEVICES:
            q_, k_, scale, *others = (t.to(device) for t in (q, k, k_scale, weights, ks, ke))
            logits = deep_gemm.fp8_fp4_mqa_logits((q_, None), (k_, scale), *others)
            self.check(logits, expected)
            best = select.indexer_prefill(q_, (k_, scale), *others, 20).cpu()
            self.assertEqual(best.tolist(), logits.cpu().topk(20).indices.sort().values.tolist())
            # 2.8 compresses rows; queries of bf16 are ours.
            for values in ((q_, None), q_.bfloat16()):
                compressed = deep_gemm.fp8_fp4_mqa_logits(values, (k_.view(torch.int8), scale), *others, 300)
                self.check(compressed, expected)

    def test_deep_gemm_paged(self):
        """A cache of fp4 by DeepGEMM's names: cleaned, in bf16, by two calls alike, and for a step of decode."""
        cases = {(torch.float8_e4m3fn, 128, 64), (torch.bfloat16, 128, 64), (torch.float8_e4m3fn, 64, 32)}
        for dtype, d, block_kv in cases:
            q, cache, weights, lens, table, keys = make_cache(dtype, d, block_kv)
            for device in DEVICES:
                own = [t.to(device) for t in (q, cache, weights, lens, table)]
                meta = deep_gemm.get_paged_mqa_logits_metadata(own[3], block_kv, deep_gemm.get_num_sms())
                for logits_dtype in (torch.float32, torch.float32, torch.bfloat16):
                    out = deep_gemm.fp8_fp4_paged_mqa_logits((own[0], None), *own[1:], meta, 192, clean_logits=True,
                                                             logits_dtype=logits_dtype)  # fmt: skip
                    self.assertEqual((out.dtype, out.stride(0) * out.element_size() % 1024), (logits_dtype, 0))
                    out = out.cpu()
                    for b in range(2):
                        n = lens[b].item()
                        expected = compute(q[b], keys[table[b].long()].flatten(0, 1)[:n], weights[b : b + 1])
                        self.check(out[b : b + 1, :n], expected, 5e-4 if logits_dtype == torch.float32 else 4e-3)
                        self.assertTrue(out[b, n:].isneginf().all())
                best = select.indexer_decode(*own, 16, base="relative", max_context_len=192)
                views = mqa.split_cache(own[1], d, torch.uint8)
                self.assertTrue(torch.equal(best, mqa.paged_logits_topk(own[0], *views, *own[2:], 16, 192)))

    def test_deep_gemm_op(self):
        """What PyTorch asks of the op that paged calls go through; it cannot compare tensors of float8."""
        q, cache, weights, lens, table, _ = make_cache(torch.bfloat16, 128, 64)
        for device in DEVICES:
            own = [t.to(device) for t in (q, cache, weights, lens, table)]
            out = torch.zeros(2, 192, device=device)
            torch.library.opcheck(torch.ops.mqa.fused_paged_logits_out.default, (*own, out))

    def test_deep_gemm_refusals(self):
        """Queries that are fp4 without scales, or no fp4 with scales, and keys that are not as DeepGEMM makes them."""
        k, k_scale = make(40)
        q, weights = torch.randn(2, 8, 128).to(torch.float8_e4m3fn), torch.rand(2, 8)
        ks, ke = torch.zeros(2).int(), torch.full((2,), 40).int()
        fp4_q, q_scale = torch.zeros(2, 8, 64, dtype=torch.int8), torch.zeros(2, 8, dtype=torch.int32)
        for message, queries, keys in (
            ("q must be fp4 .* beside scales, found torch.bfloat16", (q.bfloat16(), q_scale), (k, k_scale)),
            ("kv must be keys with block scales", (q, q_scale), (q[:, 0], ke.float())),
            ("q_scale must be 2 x 8, found 2 x 7", (fp4_q, q_scale[:, :7]), (k, k_scale)),
            ("q must be torch.float8_e4m3fn or torch.bfloat16, found torch.int8: that is fp4", fp4_q, (k, k_scale)),
            ("q must be torch.float8_e4m3fn or torch.bfloat16, found torch.float16", q.half(), (k, k_scale)),
            ("q must be torch.float8_e4m3fn, found torch.bfloat16", q.bfloat16(), (q[:, 0], ke.float())),
            ("k_scale must be torch.int32 for keys of MXFP4", q, (k, k_scale.float())),
            ("k must be \\* x 64, found 40 x 60", q, (k[:, :60], k_scale)),
        ):
            with self.assertRaisesRegex(AssertionError, message):
                deep_gemm.fp8_fp4_mqa_logits(queries, keys, weights, ks, ke)
        q, cache, weights, lens, table, _ = make_cache(torch.float8_e4m3fn, 128, 64)
        for message, queries, pages in (
            ("found torch.uint8: that is fp4, which needs its scales", q.view(torch.uint8), cache),
            ("kv_cache must be num_blocks x block_kv x 1 x 260, found", (q.view(torch.int8), lens), cache),
            ("q must be torch.float8_e4m3fn or torch.bfloat16, found torch.float8_e5m2", q.to(torch.float8_e5m2), cache),
            ("kv_cache must be torch.uint8, found torch.int8", q, cache.view(torch.int8)),
            ("kv_cache must be num_blocks x block_kv x 1 x 132", q, cache[..., :67]),
        ):
            with self.assertRaisesRegex(AssertionError, message):
                deep_gemm.fp8_fp4_paged_mqa_logits(queries, pages, weights, lens, table, None, 192)

    def test_paged(self):
        """From a cache of bytes, as engines have it; and the best keys in the same kernel."""
        k, k_scale = make(6, 64)
        words = k_scale.view(torch.uint8).view(6, -1)
        cache = torch.cat([k.flatten(1), words], 1).view(6, 64, 1, 68)
        q, weights = torch.randn(2, 1, 16, 128).to(torch.float8_e4m3fn), torch.rand(2, 16)
        lens, table = torch.tensor([[100], [192]]).int(), torch.tensor([[5, 2, 0], [1, 4, 3]]).int()
        keys = decode(k, k_scale)
        for device in DEVICES:
            own = [t.to(device) for t in (q, cache, weights, lens, table)]
            views = mqa.split_cache(own[1], 128, torch.uint8)
            out = mqa.paged_logits(own[0], *views, *own[2:], 192, clean=True).cpu()
            best = mqa.paged_logits_topk(own[0], *views, *own[2:], 16, 192).cpu()
            for b in range(2):
                n = lens[b].item()
                expected = compute(q[b], keys[table[b].long()].flatten(0, 1)[:n], weights[b : b + 1])
                self.check(out[b : b + 1, :n], expected)
                self.assertTrue(out[b, n:].isneginf().all())
                self.assertEqual(best[b].tolist(), sorted(out[b, :n].topk(16).indices.tolist()))

    def test_errors(self):
        k, k_scale = make(40)
        q, weights = torch.randn(2, 8, 128).to(torch.float8_e4m3fn), torch.rand(2, 8)
        ks, ke = torch.zeros(2).int(), torch.full((2,), 40).int()
        for changed, message in (
            ((q, k, None, weights, ks, ke), "k_scale must not be None for keys of MXFP4"),
            ((q, k, k_scale.float(), weights, ks, ke), "k_scale must be torch.int32 for keys of MXFP4"),
            ((q, k[:, :60], k_scale, weights, ks, ke), r"k must be \* x 64, found 40 x 60"),
            ((q.to(torch.float8_e5m2), k, k_scale, weights, ks, ke), "q must be float8_e4m3fn, bfloat16 or float16"),
            ((q[..., :80], k[:, :40], k_scale, weights, ks, ke), "q must have a head dim of 32, 64, 96 or 128"),
        ):
            with self.assertRaisesRegex(ValueError, message):
                mqa.logits(*changed)


if __name__ == "__main__":
    unittest.main()
