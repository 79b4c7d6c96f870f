# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.compat.deep_gemm: DeepGEMM's names, arguments of its versions, and what it asserts. Skipped without PyTorch."""
import unittest

from torch_cases import DEVICES, FP8, KnownLaunchCase, make_logits, make_paged, needs_gpu, paged_reference, reference

import mqa
import numpy
import torch
from mqa.compat import deep_gemm


class DeepGemmTest(KnownLaunchCase):
    """The same functions by the names of DeepGEMM, each called twice: known launches are not checked again."""

    def check_twice(self, call, *expected):
        for known in (False, True):
            self.launched.clear()
            out = call()
            self.assertEqual(self.launched, [known])
            self.check(out, *expected)
            self.assertEqual(out.stride(0) * out.element_size() % 1024, 0)
            self.assertEqual(out.stride(0) % 256, 0)

    def test_mqa_logits(self):
        for device in DEVICES:
            q, k, scale, weights, ks, ke = make_logits(device, m=54, h=64, d=128)
            expected = reference(q, k, scale, weights, ks, ke)
            self.check_twice(lambda: deep_gemm.fp8_mqa_logits(q, (k, scale), weights, ks, ke), expected)
            self.check_twice(
                lambda: deep_gemm.fp8_fp4_mqa_logits((q, None), (k, scale), weights, ks, ke, logits_dtype=torch.bfloat16),
                expected,
                4e-3,
            )
            out = deep_gemm.fp8_mqa_logits(q, (k, scale), weights, ks, ke, clean_logits=False, max_seqlen_k=300)
            self.assertEqual(out.shape, (54, 300))
            self.assertEqual(out.stride(0), 512)

    def test_paged_mqa_logits(self):
        for device in DEVICES:
            q, cache, weights, lens, table = make_paged(device, h=64, d=128)
            meta = deep_gemm.get_paged_mqa_logits_metadata(lens, 64, num_sms=132)
            self.assertEqual(meta.shape, (133, 2))
            expected = paged_reference(q, cache, weights, lens, table, 320)
            self.check_twice(
                lambda: deep_gemm.fp8_paged_mqa_logits(q, cache, weights, lens, table, meta, 320, clean_logits=True), expected
            )

    def test_sixth_argument(self):
        """A bool is clean_logits, as until DeepGEMM 2.7, an int max_seqlen_k, as of 2.8; each by its name too."""
        q, k, scale, weights, ks, ke = make_logits("cpu", m=57)
        for function, values in ((deep_gemm.fp8_mqa_logits, q), (deep_gemm.fp8_fp4_mqa_logits, (q, None))):

            def call(*arguments, **options):
                return function(values, (k, scale), weights, ks, ke, *arguments, **options)

            whole = call(True, 0)
            compressed = call(False, 100)
            self.assertEqual(compressed.shape, (57, 100))
            lengths = (ke.clamp(max=300) - ks.clamp(min=0)).clamp(0, 100)
            inside = torch.arange(100) < lengths[:, None]
            for arguments, options in (
                ((100,), {}),
                ((100, None), {}),
                ((100, torch.zeros(4, 2)), {}),
                ((numpy.int64(100),), {}),
                ((False, 100), {}),
                ((numpy.bool_(False), 100), {}),
                ((), {"max_seqlen_k": 100}),
                ((), {"max_seqlen_k": numpy.int32(100)}),
                ((), {"max_seqlen_k": 100, "clean_logits": False}),
            ):
                out = call(*arguments, **options)
                self.assertEqual((out.shape, out.stride()), (compressed.shape, compressed.stride()), (arguments, options))
                self.assertTrue(torch.equal(out[inside], compressed[inside]), (arguments, options))
            for arguments, options in (
                ((), {}),
                ((True,), {}),
                ((numpy.bool_(True),), {}),
                ((), {"clean_logits": True}),
                ((), {"clean_logits": True, "max_seqlen_k": 0}),
            ):
                self.assertTrue(torch.equal(call(*arguments, **options), whole), (arguments, options))
            for arguments, options in (((False,), {}), ((), {"clean_logits": False}), ((), {"clean_logits": 0})):
                out = call(*arguments, **options)
                self.assertEqual(out.shape, whole.shape)
                self.assertTrue(torch.equal(out[whole.isfinite()], whole[whole.isfinite()]), (arguments, options))
            for error, message, arguments, options in (
                (AssertionError, "max_seqlen_k must be positive, found 0", (0,), {}),
                (AssertionError, "max_seqlen_k must be positive, found -1", (-1,), {}),
                (AssertionError, "max_seqlen_k must not be negative, found -1", (False, -1), {}),
                (AssertionError, "clean_logits must be False with max_seqlen_k", (True, 100), {}),
                (AssertionError, "clean_logits must be False with max_seqlen_k", (), {"max_seqlen_k": 9, "clean_logits": True}),
                (TypeError, "max_seqlen_k is given twice, as 100 and as 50", (100, 50), {}),
                (TypeError, "clean_logits is given twice", (True,), {"clean_logits": True}),
                (TypeError, "sixth argument must be a bool .* or an int .*, found float", (1.0,), {}),
                (TypeError, "sixth argument must be a bool .* or an int .*, found Tensor", (torch.tensor(5),), {}),
                (TypeError, "max_seqlen_k must be an int, found bool", (False, True), {}),
                (TypeError, "max_seqlen_k must be an int, found NoneType|found None", (False, None), {}),
            ):
                with self.assertRaisesRegex(error, message):
                    call(*arguments, **options)

    def test_sixth_argument_that_is_a_symbol(self):
        tensors = make_logits("cpu", m=58)

        def call(q, k, scale, weights, ks, ke, like):
            return deep_gemm.fp8_fp4_mqa_logits((q, None), (k, scale), weights, ks, ke, like.shape[0])

        compiled = torch.compile(call, fullgraph=True, backend="aot_eager", dynamic=True)
        for width in (100, 70):
            out, expected = compiled(*tensors, torch.zeros(width)), call(*tensors, torch.zeros(width))
            lengths = (tensors[5].clamp(max=300) - tensors[4].clamp(min=0)).clamp(0, width)
            inside = torch.arange(width) < lengths[:, None]
            self.assertTrue(torch.equal(out[inside], expected[inside]))

    def test_metadata_of_strided_lengths(self):
        lens = torch.zeros(6, 4, dtype=torch.int32)
        for strided in (lens[:, ::2], lens[:, 0], lens.t()):
            self.assertEqual(deep_gemm.get_paged_mqa_logits_metadata(strided, 64, 132).shape, (133, 2))
        with self.assertRaisesRegex(AssertionError, "context_lens must be torch.int32, found torch.int64"):
            deep_gemm.get_paged_mqa_logits_metadata(lens.long(), 64, 132)
        with self.assertRaisesRegex(TypeError, "context_lens must be a torch.Tensor, found None"):
            deep_gemm.get_paged_mqa_logits_metadata(None, 64, 132)

    def test_strided_lengths(self):
        """Rows of lengths and of the table may lie apart."""
        q, cache, weights, lens, table = make_paged("cpu", batch=9)
        expected = deep_gemm.fp8_paged_mqa_logits(q, cache, weights, lens, table, None, 300, clean_logits=True)
        apart = [torch.cat([t, t + 1], 1)[:, : t.size(1)] for t in (lens, table)]
        out = deep_gemm.fp8_paged_mqa_logits(q, cache, weights, *apart, None, 300, clean_logits=True)
        self.assertTrue(torch.equal(out, expected))

    def test_pairs(self):
        q, k, scale, weights, ks, ke = make_logits("cpu", m=59)
        expected = deep_gemm.fp8_mqa_logits(q, (k, scale), weights, ks, ke)
        self.assertTrue(torch.equal(deep_gemm.fp8_mqa_logits([q, None], [k, scale], weights, ks, ke), expected))
        for message, arguments in (
            ("kv must be a pair of values and scales, found Tensor", (q, k)),
            ("kv must be a pair of values and scales, found None", (q, None)),
            ("q must be a pair of values and scales, found None", (None, (k, scale))),
            ("kv\\[1\\] must be a torch.Tensor, found None", (q, (k, None))),
        ):
            with self.assertRaisesRegex(TypeError, message):
                deep_gemm.fp8_mqa_logits(*arguments, weights, ks, ke)

    @needs_gpu
    def test_num_sms(self):
        self.assertGreater(deep_gemm.get_num_sms(), 100)

    def test_asserts(self):
        for device in DEVICES:
            q, k, scale, weights, ks, ke = make_logits(device, m=55)
            mqa.logits(q, k, scale, weights, ks, ke, clean=True)
            strided = torch.empty(55, 33, 64, device=device).to(FP8)[:, :32]
            mqa.logits(strided, k, scale, weights, ks, ke, clean=True)
            for message, call in (
                (
                    "kv must be keys with block scales",
                    lambda: deep_gemm.fp8_fp4_mqa_logits((q, scale), (k, scale), weights, ks, ke),
                ),
                ("clean_logits must be False", lambda: deep_gemm.fp8_mqa_logits(q, (k, scale), weights, ks, ke, True, 10)),
                ("ks must be 55", lambda: deep_gemm.fp8_mqa_logits(q, (k, scale), weights, ks[:3], ke)),
                ("q must be M x H x D", lambda: deep_gemm.fp8_mqa_logits(q[0], (k, scale), weights, ks, ke)),
                ("q must be contiguous", lambda: deep_gemm.fp8_mqa_logits(strided, (k, scale), weights, ks, ke)),
                ("q must be torch.float8_e4m3fn", lambda: deep_gemm.fp8_mqa_logits(q.half(), (k, scale), weights, ks, ke)),
                (
                    "logits_dtype must be float32 or bfloat16",
                    lambda: deep_gemm.fp8_fp4_mqa_logits(q, (k, scale), weights, ks, ke, logits_dtype=torch.float16),
                ),
            ):
                with self.assertRaisesRegex(AssertionError, message):
                    call()

    def test_paged_asserts(self):
        for device in DEVICES:
            q, cache, weights, lens, table = make_paged(device, batch=7)

            def call(q=q, cache=cache, **others):
                return deep_gemm.fp8_paged_mqa_logits(q, cache, weights, lens, table, None, 300, **others)

            for message, arguments in (
                ("q must be B x 1 x H x D with indices", {"indices": lens}),
                ("q must be B x T x H x D", {"q": q[0]}),
                ("kv_cache must be torch.uint8", {"cache": cache.view(torch.int8)}),
                ("kv_cache must be num_blocks x block_kv x 1 x 68", {"cache": cache[..., :67]}),
            ):
                with self.assertRaisesRegex(AssertionError, message):
                    call(**arguments)


if __name__ == "__main__":
    unittest.main()
