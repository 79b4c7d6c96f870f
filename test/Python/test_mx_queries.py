# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Queries of MXFP4, against float64 on what the bytes say.

Skipped where there is no PyTorch.
"""
import unittest

from devices import DEVICES
from test_mx import compute, decode, make, make_cache

import mqa
import torch
from mqa import select
from mqa.compat import deep_gemm


def make_queries(*shape, d=128, spread=14, seed=1):
    """Bytes, words of block scales, and weights."""
    generator = torch.Generator().manual_seed(seed)
    q = torch.randint(0, 256, (*shape, d // 2), generator=generator, dtype=torch.uint8)
    first = min(118, 254 - spread)
    scales = torch.randint(first, first + 1 + spread, (*shape, 4), generator=generator, dtype=torch.uint8)
    rows = q.shape[:-2].numel()
    return q, scales.view(torch.int32).squeeze(-1), torch.rand(rows, shape[-1], generator=generator) - 0.25


def multiply(q, weights):
    return q.double() * weights.double().view(*q.shape[:-1], 1)


class UnpackTest(unittest.TestCase):
    def test_exact(self):
        """Every byte at every distance that the type holds."""
        for dtype, spread in ((torch.float8_e4m3fn, 14), (torch.bfloat16, 132)):
            for d in (32, 64, 96, 128):
                for shape in ((300, 16), (20, 3, 16)):
                    q, scale, weights = make_queries(*shape, d=d, spread=spread)
                    expected = multiply(decode(q, scale), weights)
                    for device in DEVICES:
                        for view in (q, q.view(torch.int8)):
                            found = mqa.unpack_mx_queries(*(t.to(device) for t in (view, scale, weights)), dtype)
                            self.assertEqual((found[0].dtype, found[0].shape), (dtype, (*shape, d)))
                            with self.subTest(dtype=dtype, d=d, shape=shape, device=device, view=view.dtype):
                                self.assertTrue(torch.equal(multiply(*(t.cpu() for t in found)), expected))

    def test_rounding(self):
        """Elements far below the greatest block are within half of the least number of e4m3, which is 2^-15 of its scale."""
        for spread in (20, 28, 60):
            q, scale, _ = make_queries(200, 16, spread=spread)
            weights = torch.ones(200, 16)
            expected = decode(q, scale)
            found = multiply(*mqa.unpack_mx_queries(q, scale, weights))
            greatest = torch.exp2(scale.unsqueeze(-1).view(torch.uint8).amax(-1, keepdim=True).double() - 127)
            self.assertTrue(((found - expected).abs() <= greatest * 2.0**-16).all())
            self.assertFalse(torch.equal(found, expected))

    def test_block_scales_0_and_255(self):
        q = torch.full((1, 2, 16), 0x22, dtype=torch.uint8)
        weights = torch.tensor([[2.0**20, 1.0]])
        found = multiply(*mqa.unpack_mx_queries(q, torch.tensor([[0, 255]], dtype=torch.int32), weights))
        self.assertTrue((found[0, 0] == 2.0 ** (20 - 127)).all())
        self.assertTrue(found[0, 1].isnan().all())

    def test_large_scales_and_small_weights(self):
        """A product that is finite, whose power of two alone is not."""
        q = torch.full((1, 1, 16), 0x22, dtype=torch.uint8)
        scale, weights = torch.tensor([[254]], dtype=torch.int32), torch.tensor([[2.0**-30]])
        for dtype in (torch.float8_e4m3fn, torch.bfloat16):
            found = multiply(*mqa.unpack_mx_queries(q, scale, weights, dtype))
            self.assertTrue((found == 2.0**97).all())

    def test_types_of_weights(self):
        q, scale, weights = make_queries(3, 8)
        for given, expected in ((torch.float16, torch.float32), (torch.bfloat16, torch.bfloat16)):
            _, found = mqa.unpack_mx_queries(q, scale, weights.to(given))
            self.assertEqual(found.dtype, expected)

    def test_strides(self):
        """Results are contiguous, as the ops want q."""
        q, scale, weights = make_queries(6, 16)
        for change in (lambda t: t[::2], lambda t: t.transpose(0, 1), lambda t: t.flip(0)):
            expected = mqa.unpack_mx_queries(*(change(t).clone(memory_format=torch.contiguous_format) for t in (q, scale, weights)))
            found = mqa.unpack_mx_queries(change(q), change(scale), change(weights))
            for i in range(2):
                self.assertTrue(found[i].is_contiguous())
                self.assertTrue(torch.equal(found[i].float(), expected[i].float()))
        wide = torch.cat([q, q], -1)[..., ::2]
        expected = mqa.unpack_mx_queries(wide.clone(memory_format=torch.contiguous_format), scale, weights)
        self.assertTrue(torch.equal(mqa.unpack_mx_queries(wide, scale, weights)[0].float(), expected[0].float()))

    def test_bytes_of_scales(self):
        q, scale, weights = make_queries(6, 16)
        expected = mqa.unpack_mx_queries(q, scale, weights)
        bytes_ = scale.unsqueeze(-1).view(torch.uint8)
        for scales in (bytes_, *([bytes_.view(torch.float8_e8m0fnu)] if hasattr(torch, "float8_e8m0fnu") else [])):
            for found, words in zip(mqa.unpack_mx_queries(q, scales, weights), expected):
                self.assertTrue(torch.equal(found.float(), words.float()))

    def test_without_weights(self):
        q, scale, weights = make_queries(6, 16)
        expected = mqa.unpack_mx_queries(q, scale, torch.ones_like(weights))
        found = mqa.unpack_mx_queries(q, scale)
        for i in range(2):
            self.assertTrue(torch.equal(found[i].float(), expected[i].float()))

    def test_modes(self):
        """What transforms and modes of PyTorch see leaves nothing behind for plain calls."""
        tensors = make_queries(5, 8)
        expected = multiply(*mqa.unpack_mx_queries(*tensors))
        torch.func.functionalize(mqa.unpack_mx_queries)(*tensors)
        with torch._subclasses.FakeTensorMode(allow_non_fake_inputs=True):
            fake = mqa.unpack_mx_queries(*tensors)
        self.assertEqual(fake[0].shape, (5, 8, 128))
        self.assertTrue(torch.equal(multiply(*mqa.unpack_mx_queries(*tensors)), expected))

    def test_compile(self):
        tensors = make_queries(5, 8)
        expected = multiply(*mqa.unpack_mx_queries(*tensors))
        function = torch.compile(mqa.unpack_mx_queries, fullgraph=True, backend="aot_eager")
        self.assertTrue(torch.equal(multiply(*function(*tensors)), expected))

    def test_errors(self):
        q, scale, weights = make_queries(5, 8)
        for message, arguments in (
            ("q must be bytes of fp4", (q.short(), scale, weights)),
            ("q must be M x H x D / 2", (q[0], scale[0], weights)),
            ("D = 32, 64, 96 or 128, found \\(5, 8, 63\\)", (q[..., :63], scale, weights)),
            ("q_scale must be torch.int32, a word .* found torch.float32", (q, scale.float(), weights)),
            ("q_scale must be 5 x 8, found 5 x 7", (q, scale[:, :7], weights)),
            ("q_scale must be a torch.Tensor, found NoneType", (q, None, weights)),
            ("weights must be a torch.Tensor, found float", (q, scale, 1.0)),
            ("weights must be one of .*, found torch.int32", (q, scale, scale)),
            ("weights must be one of .*, found torch.float64", (q, scale, weights.double())),
            ("weights must be 5 x 8, found 4 x 8", (q, scale, weights[:4])),
            ("dtype must be one of .*, found torch.float16", (q, scale, weights, torch.float16)),
            ("weights must be on cpu as q, found meta", (q, scale, weights.to("meta"))),
        ):
            with self.assertRaisesRegex(ValueError, message):
                mqa.unpack_mx_queries(*arguments)


class LogitsTest(unittest.TestCase):
    def check(self, out, expected, most=5e-4):
        error = (out.cpu().double() - expected).norm() / expected.norm()
        self.assertLess(error.item(), most)

    def test_deep_gemm(self):
        k, k_scale = make(300)
        q, q_scale, weights = make_queries(7, 16)
        ks, ke = torch.zeros(7).int(), torch.full((7,), 300).int()
        expected = compute(decode(q, q_scale), decode(k, k_scale), weights)
        for device in DEVICES:
            own = [t.to(device) for t in (q, q_scale, k, k_scale, weights, ks, ke)]
            out = deep_gemm.fp8_fp4_mqa_logits((own[0], own[1]), (own[2], own[3]), *own[4:])
            self.check(out, expected)
        with self.assertRaisesRegex(TypeError, "weights must be a torch.Tensor, found None"):
            deep_gemm.fp8_fp4_mqa_logits((q, q_scale), (k, k_scale), None, ks, ke)

    def test_deep_gemm_paged(self):
        _, cache, _, lens, table, keys = make_cache(torch.float8_e4m3fn, 128, 64)
        q, q_scale, weights = make_queries(2, 1, 16)
        for device in DEVICES:
            own = [t.to(device) for t in (q, q_scale, cache, weights, lens, table)]
            out = deep_gemm.fp8_fp4_paged_mqa_logits((own[0], own[1]), *own[2:], None, 192)
            for b in range(2):
                n = lens[b].item()
                own_keys = keys[table[b].long()].flatten(0, 1)[:n]
                self.check(out[b : b + 1, :n], compute(decode(q[b], q_scale[b]), own_keys, weights[b : b + 1]))

    def test_select(self):
        """The same keys as by queries that were unpacked before."""
        k, k_scale = make(300)
        q, q_scale, weights = make_queries(7, 16)
        ks, ke = torch.zeros(7).int(), torch.full((7,), 300).int()
        _, cache, _, lens, table, _ = make_cache(torch.float8_e4m3fn, 128, 64)
        decoded, decode_scale, decode_weights = make_queries(2, 1, 16)
        for device in DEVICES:
            own = [t.to(device) for t in (q, q_scale, weights, k, k_scale, ks, ke)]
            found = select.indexer_prefill((own[0], own[1]), (own[3], own[4]), own[2], own[5], own[6], 20)
            fp8, scaled = mqa.unpack_mx_queries(*own[:3])
            expected = select.indexer_prefill(fp8, (own[3], own[4]), scaled, own[5], own[6], 20)
            self.assertTrue(torch.equal(found, expected))
            own = [t.to(device) for t in (decoded, decode_scale, cache, decode_weights, lens, table)]
            found = select.indexer_decode((own[0], own[1]), *own[2:], 20)
            fp8, scaled = mqa.unpack_mx_queries(own[0], own[1], own[3])
            expected = select.indexer_decode(fp8, own[2], scaled, own[4], own[5], 20)
            self.assertTrue(torch.equal(found, expected))
            # Keys of bfloat16, and no weights.
            plain = torch.randn(300, 128, device=device).bfloat16()
            own = [t.to(device) for t in (q, q_scale, ks, ke)]
            found = select.indexer_prefill((own[0], own[1]), plain, None, own[2], own[3], 20)
            bf16, scaled = mqa.unpack_mx_queries(own[0], own[1], None, torch.bfloat16)
            self.assertTrue(torch.equal(found, select.indexer_prefill(bf16, plain, scaled, own[2], own[3], 20)))
        with self.assertRaisesRegex(TypeError, "q must be a torch.Tensor or a pair"):
            select.indexer_decode((decoded,), cache, decode_weights, lens, table, 20)
        with self.assertRaisesRegex(ValueError, "q_scale must be 7 x 16, found 6 x 16"):
            select.indexer_prefill((q, q_scale[:6]), (k, k_scale), weights, ks, ke, 20)

    @unittest.skipUnless("cuda" in DEVICES, "needs a GPU")
    def test_graph(self):
        k, k_scale = (t.cuda() for t in make(300))
        q, q_scale, weights = (t.cuda() for t in make_queries(7, 16))
        ks, ke = torch.zeros(7).int().cuda(), torch.full((7,), 300).int().cuda()
        call = lambda: deep_gemm.fp8_fp4_mqa_logits((q, q_scale), (k, k_scale), weights, ks, ke)
        expected = call().clone()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            out = call()
        out.zero_()
        graph.replay()
        self.assertTrue(torch.equal(out, expected))


if __name__ == "__main__":
    unittest.main()
