# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a launch may ask for beside its operands: that NaN counts as 0, and a share of the chip. Skipped without PyTorch."""
import itertools
import unittest

from torch_cases import DEVICES, KnownLaunchCase, TorchCase, make_calls, make_logits, make_paged, reference

import mqa
import torch
from mqa import fused_launches, runtime, select
from mqa.compat import deep_gemm

SIZES = {"h": 64, "d": 128}


class NanTest(TorchCase):
    def make(self, device, dtype):
        """Tensors with NaN in each, and their logits where a score of NaN counts as 0: float64 without that head or key."""
        q, k, scale, weights, ks, ke = make_logits("cpu", m=20, n=400, **SIZES)
        ks, ke = torch.zeros_like(ks), torch.full_like(ke, 400)
        q, k = (t.float() for t in (q, k))
        clean = [t.to(dtype).double() for t in (q, k)]
        q[3, 2, 5], k[7, 1], scale[11], weights[5, 0] = (float("nan"),) * 4
        scores = torch.einsum("mhd,nd->mhn", *clean).relu()
        scores[3, 2], scores[:, :, 7] = 0, 0
        expected = torch.einsum("mhn,mh->mn", scores, weights.double()) * scale.double()
        return [t.to(device) for t in (q.to(dtype), k.to(dtype), scale, weights, ks, ke)], expected

    def check_nan(self, out, expected, tolerance):
        out = out.double().cpu()
        self.assertTrue(torch.equal(out.isnan(), expected.isnan()))
        # The row of the weight, and the column of the scale.
        self.assertEqual(int(expected.isnan().sum()), 400 + 19)
        inside = ~expected.isnan()
        error = (out - expected)[inside].norm() / expected[inside].norm()
        self.assertLess(error.item(), tolerance)
        self.assertTrue((out[[0, 1, 3], 7] == 0).all())

    def test_logits(self):
        kinds = ((torch.float8_e4m3fn, False), (torch.float8_e4m3fn, True), (torch.float8_e5m2, False), (torch.bfloat16, False),
                 (torch.float16, False))  # fmt: skip
        for device, (dtype, fast) in itertools.product(DEVICES, kinds):
            tensors, expected = self.make(device, dtype)
            with self.subTest(device=device, dtype=dtype, fast=fast):
                self.check_nan(mqa.logits(*tensors, nan_as_zero=True, fast=fast), expected, 1e-3)
                propagated = mqa.logits(*tensors, fast=fast)
                self.assertTrue((propagated[3].isnan().all() & propagated[:, 7].isnan().all()).item())

    def test_each_function(self):
        for device in DEVICES:
            tensors, expected = self.make(device, torch.float8_e4m3fn)
            q, k, scale, weights, ks, ke = tensors
            out = torch.empty(20, 400, device=device)
            mqa.logits_out(*tensors, out, nan_as_zero=True)
            self.check_nan(out, expected, 1e-3)
            mqa.prepare_logits(*tensors, out.fill_(7), nan_as_zero=True)()
            self.check_nan(out, expected, 1e-3)
            self.check_nan(torch.ops.mqa.logits(*tensors, nan_as_zero=True), expected, 1e-3)
            selected = mqa.logits_topk(*tensors, 100, nan_as_zero=True)
            apart = mqa.topk(mqa.logits(*tensors, nan_as_zero=True), ke, 100, ks=ks)
            self.assertTrue(torch.equal(selected, apart))
            self.assertTrue(torch.equal(select.indexer_prefill(q, (k, scale), weights, ks, ke, 100, nan_as_zero=True), apart))
            # The same keys as a cache.
            cache, scales = torch.zeros(7 * 64, 128, dtype=torch.uint8, device=device), torch.zeros(7 * 64, device=device)
            cache[:400], scales[:400] = k.view(torch.uint8), scale
            table = torch.arange(7, dtype=torch.int32, device=device).repeat(20, 1)
            lens = torch.full((20, 1), 400, dtype=torch.int32, device=device)
            operands = (q.view(20, 1, 64, 128), cache.view(7, 64, 128).view(q.dtype), scales.view(7, 64), weights, lens, table)
            logits = mqa.paged_logits(*operands, 448, nan_as_zero=True)
            self.check_nan(logits[:, :400], expected, 1e-3)
            paged = mqa.paged_logits_topk(*operands, 100, 448, nan_as_zero=True)
            self.assertTrue(torch.equal(paged, mqa.topk(logits, None, 100, context_lens=lens)))

    def test_deep_gemm(self):
        self.assertFalse(deep_gemm.get_nan_as_zero())
        for device in DEVICES:
            (q, k, scale, weights, ks, ke), expected = self.make(device, torch.float8_e4m3fn)
            before = deep_gemm.fp8_mqa_logits(q, (k, scale), weights, ks, ke)
            deep_gemm.set_nan_as_zero(True)
            try:
                self.assertTrue(deep_gemm.get_nan_as_zero())
                for _ in range(2):
                    self.check_nan(deep_gemm.fp8_mqa_logits(q, (k, scale), weights, ks, ke), expected, 1e-3)
                self.check_nan(deep_gemm.fp8_fp4_mqa_logits((q, None), (k, scale), weights, ks, ke, 400), expected, 1e-3)
                q, cache, weights, lens, table = make_paged(device, **SIZES)
                keys, _ = mqa.split_cache(cache, 128)
                lens.fill_(300)
                cache.view(-1)[5] = 0x7F  # In the first key of a block.
                self.assertTrue(keys[0, 0, 5].isnan())
                out = deep_gemm.fp8_paged_mqa_logits(q, cache, weights, lens, table, None, 320)
                self.assertEqual(int(out[:, :300].isnan().sum()), 0)
            finally:
                deep_gemm.set_nan_as_zero(False)
            out = deep_gemm.fp8_paged_mqa_logits(q, cache, weights, lens, table, None, 320)
            self.assertEqual(int(out[:, :300].isnan().sum()), 2)
            self.assertTrue(before[3].isnan().all())

    def test_refusal(self):
        for name, names, tensors, call in make_calls():
            if name in ("logits", "paged_logits"):
                function, more = getattr(mqa, name), (80,) if name == "paged_logits" else ()
                for op in (function, getattr(torch.ops.mqa, name)):
                    with self.assertRaisesRegex(ValueError, "nan_as_zero is for logits with relu, found relu=False"):
                        op(*tensors, *more, relu=False, nan_as_zero=True)


class ShareTest(TorchCase):
    def test_any_share(self):
        """Results do not depend on it."""
        for device in DEVICES:
            q, k, scale, weights, ks, ke = prefill = make_logits(device, m=40, n=3000, **SIZES)
            q2, cache, weights2, lens, table = make_paged(device, batch=6, longest=3000, **SIZES)
            decode = (q2, *mqa.split_cache(cache, 128), weights2, lens, table)

            def call(prefill=prefill, decode=decode, **options):
                out = torch.empty(40, 3000, device=prefill[0].device)
                mqa.logits_out(*prefill, out, clean=True, **options)
                indices = torch.empty(12, 512, dtype=torch.int32, device=out.device)
                mqa.prepare_paged_logits_topk(*decode, 3008, indices, **options)()
                return (mqa.logits(*prefill, clean=True, **options), mqa.paged_logits(*decode, 3008, clean=True, **options),
                        mqa.logits_topk(*prefill, 512, **options), mqa.paged_logits_topk(*decode, 512, 3008, **options), out,
                        indices)  # fmt: skip

            expected = call()
            self.check(expected[0], reference(*prefill))
            shares = (1, 2, 31, 100, 10000) if device == "cuda" else (1, 10000)
            for process, share in itertools.product((0, 17), shares):
                runtime.set_max_multiprocessors(process)
                try:
                    found = call(max_multiprocessors=share)
                finally:
                    runtime.set_max_multiprocessors(0)
                for tensor, other in zip(found, expected):
                    self.assertTrue(torch.equal(tensor, other), (process, share))

    def test_refusals(self):
        tensors = make_logits("cpu", m=5, n=40, h=2, d=32)
        for function in (mqa.logits, lambda *t, **o: mqa.logits_topk(*t, 4, **o)):
            for share in (-1, 65536):
                with self.assertRaisesRegex(ValueError, f"max_multiprocessors must be from 0 .* to 65535, found {share}"):
                    function(*tensors, max_multiprocessors=share)
            for share in (True, 2.0, None):
                with self.assertRaisesRegex(TypeError, "max_multiprocessors"):
                    function(*tensors, max_multiprocessors=share)


class KnownTest(KnownLaunchCase):
    def test_tells_options_apart(self):
        for device in DEVICES:
            tensors = make_logits(device, m=57, **SIZES)
            out = torch.empty(57, 300, device=device)
            for options in ({}, {"nan_as_zero": True}, {"max_multiprocessors": 3}, {"max_multiprocessors": 5}):
                del self.launched[:]
                for _ in range(2):
                    mqa.logits_out(*tensors, out, clean=True, **options)
                self.assertEqual(self.launched, [False, True], options)
                self.check(out, reference(*tensors))

    def test_fused(self):
        """Kernels of both ops are launched by the launcher too, by each way to them."""
        launched = []

        def note(run):
            return lambda *arguments: launched.append(run(*arguments)) or launched[-1]

        for name in ("_RUN", "_RUN_PLAIN"):
            functions = getattr(fused_launches, name)
            self.patch(fused_launches, name, {form: note(run) for form, run in functions.items()})
        for device in DEVICES:
            prefill = make_logits(device, m=41, n=3000, **SIZES)
            q, cache, weights, lens, table = make_paged(device, batch=7, longest=3000, **SIZES)
            decode = (q, *mqa.split_cache(cache, 128), weights, lens, table)
            logits = mqa.logits(*prefill)
            expected = mqa.topk(logits, prefill[5], 512, ks=prefill[4])
            paged = mqa.topk(mqa.paged_logits(*decode, 3008), None, 512, context_lens=lens)
            indices = torch.empty(41, 512, dtype=torch.int32, device=device)
            rows = torch.empty(14, 512, dtype=torch.int32, device=device)
            for call, right in (
                (lambda: mqa.logits_topk(*prefill, 512), expected),
                (lambda: mqa.logits_topk_out(*prefill, indices.fill_(7)) or indices, expected),
                (lambda: torch.ops.mqa.logits_topk(*prefill, 512), expected),
                (lambda: mqa.paged_logits_topk(*decode, 512, 3008), paged),
                (lambda: mqa.paged_logits_topk_out(*decode, 3008, rows.fill_(7)) or rows, paged),
                (lambda: torch.ops.mqa.paged_logits_topk(*decode, 512, 3008), paged),
            ):
                call()
                del launched[:]
                self.assertTrue(torch.equal(call(), right))
                self.assertEqual(launched, [True])
            offset = torch.arange(41, dtype=torch.int32, device=device)
            found, _ = mqa.logits_topk(*prefill, 512, offset=offset, return_values=True)
            self.assertTrue(torch.equal(found, torch.where(expected < 0, expected, expected + offset[:, None])))
            # Other options, and other sizes, are not taken for these.
            del launched[:]
            mqa.logits_topk(*prefill, 512, tie_break="greatest")
            mqa.logits_topk(*prefill, 256)
            self.assertEqual(launched, [False, False])

    def test_fused_errors(self):
        """What is wrong is said where it would be said for a new launch."""
        prefill = make_logits("cpu", m=41, n=300, h=4, d=32)
        indices = torch.empty(41, 8, dtype=torch.int32)
        mqa.logits_topk_out(*prefill, indices)
        mqa.logits_topk_out(*prefill, indices)
        with self.assertRaisesRegex(TypeError, "indices must be a torch.Tensor, found None"):
            mqa.logits_topk_out(*prefill, None)
        with self.assertRaisesRegex(TypeError, "q must be a torch.Tensor, found None"):
            mqa.logits_topk_out(None, *prefill[1:], indices)
        asking = [*prefill[:3], prefill[3].clone().requires_grad_(), *prefill[4:]]
        with self.assertRaisesRegex(ValueError, "weights requires grad"):
            mqa.logits_topk_out(*asking, indices)
        with self.assertRaisesRegex(ValueError, "indices is negated"):
            mqa.logits_topk_out(*prefill, torch._neg_view(indices))


if __name__ == "__main__":
    unittest.main()
