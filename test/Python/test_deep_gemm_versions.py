# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.compat.deep_gemm: what callers of DeepGEMM's versions pass, and what is refused. Skipped without PyTorch.

test_deep_gemm.py has the values of logits and the sixth argument.
"""
import unittest
import unittest.mock

from torch_cases import DEVICES, TorchCase, make_logits, make_paged, needs_gpu, paged_reference, reference

import mqa
import numpy
import torch
from mqa import runtime
from mqa.compat import deep_gemm

ENTRY_POINTS = ["fp8_mqa_logits", "fp8_fp4_mqa_logits", "fp8_paged_mqa_logits", "fp8_fp4_paged_mqa_logits",
                "get_mqa_logits_metadata", "get_paged_mqa_logits_metadata", "set_num_sms", "get_num_sms", "set_pdl",
                "get_pdl"]  # fmt: skip


class VersionsCase(TorchCase):
    def refuse(self, error, message, function, *arguments, **options):
        with self.assertRaisesRegex(error, message):
            function(*arguments, **options)


class PrefillTest(VersionsCase):
    def test_callers_of_both_orders(self):
        """SGLang's call, vLLM 0.33's, and that of 2.8 by name: the same logits."""
        for device in DEVICES:
            q, k, scale, weights, ks, ke = make_logits(device, m=52)
            expected = reference(q, k, scale, weights, ks, ke)
            inside = expected != float("-inf")
            sglang = deep_gemm.fp8_mqa_logits(q, (k, scale), weights, ks, ke, clean_logits=False)
            self.assertEqual(sglang.shape, expected.shape)
            whole = sglang.double().cpu().masked_fill(~inside, float("-inf"))
            self.check(whole, expected)
            first, rows = ks.clamp(min=0), torch.arange(52)
            lengths = (ke.clamp(max=300) - first).clamp(min=0)
            meta = deep_gemm.get_mqa_logits_metadata(ks, ke, 300, 32)
            width = int(lengths.max())
            for call in (
                lambda: deep_gemm.fp8_fp4_mqa_logits((q, None), (k, scale), weights, ks, ke, width),
                lambda: deep_gemm.fp8_fp4_mqa_logits((q, None), (k, scale), weights, ks, ke, width, None),
                lambda: deep_gemm.fp8_fp4_mqa_logits((q, None), (k, scale), weights, ks, ke, width, meta),
                lambda: deep_gemm.fp8_fp4_mqa_logits((q, None), (k, scale), weights, ks, ke, width, schedule_meta=meta),
                lambda: deep_gemm.fp8_fp4_mqa_logits(
                    q=(q, None), kv=(k, scale), weights=weights, cu_seq_len_k_start=ks, cu_seq_len_k_end=ke,
                    max_seqlen_k=width, schedule_meta=None),
            ):  # fmt: skip
                compressed = call()
                self.assertEqual(compressed.shape, (52, width))
                for m in rows[::7].tolist():
                    count, start = int(lengths[m]), int(first[m])
                    self.assertTrue(torch.equal(compressed[m, :count], sglang[m, start : start + count]))

    def test_refusals(self):
        q, k, scale, weights, ks, ke = make_logits("cpu", m=51)
        wrong_k = torch.zeros(300, 64, dtype=torch.int8)
        for message, arguments in (
            ("kv must be keys with block scales", ((q, scale), (k, scale))),
            ("q must be torch.float8_e4m3fn, found torch.int8: that is fp4", ((q.view(torch.int8), None), (k, scale))),
            ("q must be torch.float8_e4m3fn, found torch.uint8: that is fp4", (q.view(torch.uint8), (k, scale))),
            (
                "k must have the dtype of q, torch.float8_e4m3fn, or have block scales",
                (q, (wrong_k.short(), scale)),
            ),
            # Keys of int8 are MXFP4, two in a byte.
            ("k must be \\* x 32, found 300 x 64", (q, (wrong_k, scale))),
            ("k_scale must have a dtype of f32, found torch.float16", (q, (k, scale.half()))),
            ("k_scale must be 300, found 299", (q, (k, scale[:299]))),
            ("k must be \\* x 64, found 300 x 32", (q, (k[:, :32], scale))),
        ):
            self.refuse(AssertionError, message, deep_gemm.fp8_fp4_mqa_logits, *arguments, weights, ks, ke, 100)
        for message, arguments in (
            ("weights must be 51 x 32, found 51 x 31", (weights[:, :31], ks, ke)),
            ("weights must be float32 or bfloat16, found torch.float16", (weights.half(), ks, ke)),
            ("ks must have dtype torch.int32, found torch.int64", (weights, ks.long(), ke)),
            ("ke must be contiguous", (weights, ks, ke.repeat_interleave(2)[::2])),
        ):
            self.refuse(AssertionError, message, deep_gemm.fp8_mqa_logits, q, (k, scale), *arguments)


class PagedTest(VersionsCase):
    def test_eighth_argument(self):
        """A bool is clean_logits, as until June 2026; a tensor is indices, as of 2.8, and None is none."""
        q, cache, weights, lens, table = make_paged("cpu", batch=6)
        expected = paged_reference(q, cache, weights, lens, table, 320)
        for function, values in ((deep_gemm.fp8_paged_mqa_logits, q), (deep_gemm.fp8_fp4_paged_mqa_logits, (q, None))):

            def call(*arguments, **options):
                return function(values, cache, weights, lens, table, None, 320, *arguments, **options)

            for arguments, options in (((True,), {}), ((numpy.bool_(True),), {}), ((), {"clean_logits": True}),
                                       ((None,), {"clean_logits": True})):  # fmt: skip
                self.check(call(*arguments, **options), expected)
            for arguments, options in (((), {}), ((None,), {}), ((False,), {}), ((), {"clean_logits": False}),
                                       ((), {"indices": None})):  # fmt: skip
                out = call(*arguments, **options)
                self.check(out.double().masked_fill(expected == float("-inf"), float("-inf")), expected)
            indices = torch.zeros(6, dtype=torch.int32)
            for error, message, arguments, options in (
                (AssertionError, "q must be B x 1 x H x D with indices", (indices,), {}),
                (AssertionError, "q must be B x 1 x H x D with indices", (), {"indices": indices}),
                (TypeError, "indices are given twice", (indices,), {"indices": indices}),
                (TypeError, "clean_logits is given twice", (True,), {"clean_logits": True}),
                (TypeError, "eighth argument must be a bool .* or a torch.Tensor .*, found int", (1,), {}),
            ):
                self.refuse(error, message, call, *arguments, **options)
        out = deep_gemm.fp8_fp4_paged_mqa_logits(
            (q, None), cache, weights, lens, table, None, 320, True, torch.bfloat16
        )
        self.check(out, expected, 4e-3)

    def test_steps_and_pages(self):
        """next_n of 1, 2 and 4 and pages of 32 and 64 are the peer's; here also others."""
        for next_n, block_kv in [(n, 64) for n in range(1, 9)] + [
            (1, 32),
            (2, 32),
            (4, 32),
            (1, 16),
            (2, 128),
            (1, 256),
        ]:
            for device in DEVICES:
                q, cache, weights, lens, table = make_paged(
                    device, batch=3, next_n=next_n, h=2, d=32, block_kv=block_kv
                )
                num_sms = deep_gemm.get_num_sms() // (2 if next_n == 4 else 1)
                meta = deep_gemm.get_paged_mqa_logits_metadata(lens, block_kv, num_sms)
                out = deep_gemm.fp8_fp4_paged_mqa_logits(
                    (q, None), cache, weights, lens, table, meta, 300, clean_logits=True
                )
                self.check(out, paged_reference(q, cache, weights, lens, table, 300))

    def test_refusals(self):
        q, cache, weights, lens, table = make_paged("cpu", batch=4)

        def call(q=q, cache=cache, weights=weights, lens=lens, table=table, columns=300, **options):
            return deep_gemm.fp8_fp4_paged_mqa_logits((q, None), cache, weights, lens, table, None, columns, **options)

        deeper = torch.zeros(4, 9, 32, 64).to(torch.float8_e4m3fn)
        pages = torch.zeros(4, 48, 1, 68, dtype=torch.uint8)
        for message, arguments in (
            ("q must be torch.float8_e4m3fn, found torch.int8: that is fp4", {"q": q.view(torch.int8)}),
            (
                "next_n|new queries",
                {"q": deeper, "weights": torch.zeros(36, 32), "lens": torch.zeros(4, 9, dtype=torch.int32)},
            ),
            ("block_kv|power of two", {"cache": pages}),
            ("context_lens must be 4 x 2, found 4 x 1", {"lens": lens[:, :1]}),
            ("context_lens must have dtype torch.int32, found torch.int64", {"lens": lens.long()}),
            ("block_table must be 4 x \\*, found 3 x 5", {"table": table[:3]}),
            ("weights must be 8 x 32, found 7 x 32", {"weights": weights[:7]}),
            ("max_context_len must not be negative, found -1", {"columns": -1}),
            ("logits_dtype must be float32 or bfloat16, found torch.float16", {"logits_dtype": torch.float16}),
        ):
            self.refuse(AssertionError, message, call, **arguments)
        self.refuse(TypeError, "max_context_len must be an int, found None", call, columns=None)
        self.refuse(TypeError, "weights must be a torch.Tensor, found None", call, weights=None)
        self.refuse(AssertionError, "q_scale must be torch.int32, a word", deep_gemm.fp8_fp4_paged_mqa_logits,
                    (q, weights), cache, weights, lens, table, None, 300)  # fmt: skip


class MetadataTest(VersionsCase):
    def setUp(self):
        runtime.set_max_multiprocessors(132)
        self.addCleanup(runtime.set_max_multiprocessors, 0)

    def test_paged(self):
        """The shape that callers copy into a buffer of their own, whatever the strides and the number of steps."""
        for next_n in (1, 2, 3, 4, 8):
            lens = torch.zeros(6, 2 * next_n, dtype=torch.int32)
            for lengths in (lens[:, ::2], lens[:, :next_n].contiguous(), lens.t()[:next_n].t()):
                meta = deep_gemm.get_paged_mqa_logits_metadata(lengths, 64, 66 if next_n == 4 else 132)
                self.assertEqual((meta.shape, meta.dtype), ((67 if next_n == 4 else 133, 2), torch.int32))
        for block_kv in (16, 32, 64, 128, 256):
            self.assertEqual(deep_gemm.get_paged_mqa_logits_metadata(lens[:, 0], block_kv, 132).shape, (133, 2))

    def test_paged_refusals(self):
        lens, call = torch.zeros(6, 1, dtype=torch.int32), deep_gemm.get_paged_mqa_logits_metadata
        for error, message, arguments in (
            (AssertionError, "context_lens must be torch.int32, found torch.int64", (lens.long(), 64, 132)),
            (AssertionError, "context_lens must be B x next_n or B, found 3 dimensions", (lens[None], 64, 132)),
            (AssertionError, "block_kv must be one of 16, 32, 64, 128, 256, found 48", (lens, 48, 132)),
            (AssertionError, "num_sms must be at least 1, found 0", (lens, 64, 0)),
            (AssertionError, "indices must be the requests of 6 tokens", (lens, 64, 132, lens[:5, 0])),
            (TypeError, "context_lens must be a torch.Tensor, found list", ([1], 64, 132)),
            (TypeError, "block_kv must be an int, found float", (lens, 64.0, 132)),
            (TypeError, "num_sms must be an int, found bool", (lens, 64, True)),
        ):
            self.refuse(error, message, call, *arguments)

    def test_prefill(self):
        ks = torch.zeros(10, dtype=torch.int32)
        for heads, words in ((64, 396 + 10), (32, 396 + 6), (128, 396 + 20)):
            meta = deep_gemm.get_mqa_logits_metadata(ks, ks, 1000, heads)
            self.assertEqual((meta.shape, meta.dtype), ((words,), torch.int32))

    def test_prefill_refusals(self):
        ks, call = torch.zeros(10, dtype=torch.int32), deep_gemm.get_mqa_logits_metadata
        for error, message, arguments in (
            (AssertionError, "cu_seq_len_k_start must be torch.int32, found torch.int64", (ks.long(), ks, 9, 64)),
            (AssertionError, "cu_seq_len_k_end must be torch.int32, found torch.float32", (ks, ks.float(), 9, 64)),
            (
                AssertionError,
                "must have one size, the number of queries, found \\(10,\\) and \\(9,\\)",
                (ks, ks[1:], 9, 64),
            ),
            (AssertionError, "num_kv_tokens must be at least 1, found 0", (ks, ks, 0, 64)),
            (AssertionError, "num_heads must be at least 1, found 0", (ks, ks, 9, 0)),
            (TypeError, "cu_seq_len_k_end must be a torch.Tensor, found None", (ks, None, 9, 64)),
            (TypeError, "num_heads must be an int, found None", (ks, ks, 9, None)),
        ):
            self.refuse(error, message, call, *arguments)


class NumSmsTest(VersionsCase):
    def setUp(self):
        self.addCleanup(runtime.set_max_multiprocessors, 0)

    def test_set_and_get(self):
        everything = deep_gemm.get_num_sms()
        self.assertGreaterEqual(everything, 2)
        deep_gemm.set_num_sms(1)
        self.assertEqual((deep_gemm.get_num_sms(), runtime.get_max_multiprocessors()), (1, 1))
        deep_gemm.set_num_sms(numpy.int64(2))
        self.assertEqual(deep_gemm.get_num_sms(), 2)
        deep_gemm.set_num_sms(0)
        self.assertEqual(deep_gemm.get_num_sms(), everything)

    def test_refusals(self):
        for error, message, value in (
            (AssertionError, "new_num_sms must be at least 0, found -1", -1),
            (TypeError, "new_num_sms must be an int, found bool", True),
            (TypeError, "new_num_sms must be an int, found None", None),
        ):
            self.refuse(error, message, deep_gemm.set_num_sms, value)
        with unittest.mock.patch.object(torch.cuda, "is_available", lambda: True), unittest.mock.patch.object(
            deep_gemm, "_count_multiprocessors", lambda: 132
        ):
            self.refuse(AssertionError, "new_num_sms must be at most 132, found 133", deep_gemm.set_num_sms, 133)
            deep_gemm.set_num_sms(131)
        self.assertEqual(runtime.get_max_multiprocessors(), 131)

    @needs_gpu
    def test_same_logits(self):
        q, k, scale, weights, ks, ke = make_logits("cuda", m=200)
        expected = mqa.logits(q, k, scale, weights, ks, ke, clean=True)
        for count in (1, 7, 100):
            deep_gemm.set_num_sms(count)
            self.assertTrue(torch.equal(mqa.logits(q, k, scale, weights, ks, ke, clean=True), expected))


class NamesTest(unittest.TestCase):
    def test_entry_points(self):
        for name in ENTRY_POINTS:
            self.assertTrue(callable(getattr(deep_gemm, name)), name)


if __name__ == "__main__":
    unittest.main()
