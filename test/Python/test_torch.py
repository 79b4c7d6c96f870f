# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa on PyTorch tensors: against float64, under torch.library's checks, torch.compile and CUDA graphs.

Skipped where there is no PyTorch; what needs a GPU, where there is none.
"""
import unittest
import unittest.mock

from torch_cases import (DEVICES, FP8, KnownLaunchCase, TorchCase, make_logits, make_paged, needs_gpu,
                         paged_reference, reference)  # fmt: skip

import mqa
import torch
from mqa import library


class TorchTest(TorchCase):
    def test_logits(self):
        for device in DEVICES:
            for dtype, tolerance in ((torch.float32, 5e-4), (torch.bfloat16, 4e-3)):
                arguments = make_logits(device)
                self.check(mqa.logits(*arguments, clean=True, dtype=dtype), reference(*arguments), tolerance)

    def test_logits_out_and_strides(self):
        for device in DEVICES:
            q, k, scale, weights, ks, ke = make_logits(device)
            wide_q = torch.zeros(q.size(0), 2 * q.size(1), q.size(2), device=device).to(FP8)
            wide_q[:, : q.size(1)] = q
            out = torch.full((q.size(0), k.size(0) + 12), 7.0, device=device)
            mqa.logits_out(wide_q[:, : q.size(1)], k, scale, weights, ks, ke, out[:, : k.size(0)])
            self.assertTrue((out[:, k.size(0) :] == 7).all().item())
            expected = reference(q, k, scale, weights, ks, ke)
            outside = expected == float("-inf")
            self.assertTrue((out[:, : k.size(0)].cpu()[outside] == 7).all().item())
            out[:, : k.size(0)][outside.to(device)] = float("-inf")
            self.check(out[:, : k.size(0)], expected)

    def test_compressed(self):
        for device in DEVICES:
            arguments = make_logits(device)
            whole, ks, ke = reference(*arguments), arguments[4].cpu(), arguments[5].cpu()
            out = mqa.logits(*arguments, clean=True, max_seqlen_k=100)
            expected = torch.full((out.size(0), 100), float("-inf"), dtype=torch.float64)
            for m in range(out.size(0)):
                first, last = max(ks[m].item(), 0), min(ke[m].item(), whole.size(1), max(ks[m].item(), 0) + 100)
                if first < last:
                    expected[m, : last - first] = whole[m, first:last]
            self.check(out, expected)

    def test_paged_logits(self):
        for device in DEVICES:
            for next_n in (1, 2):
                q, cache, weights, lens, table = make_paged(device, next_n=next_n)
                k, scale = mqa.split_cache(cache, q.size(-1))
                out = mqa.paged_logits(q, k, scale, weights, lens, table, 320, clean=True)
                self.check(out, paged_reference(q, cache, weights, lens, table, 320))
                # One length per sequence: the queries are its last.
                one = lens[:, -1].contiguous() + next_n
                each = one[:, None] - next_n + 1 + torch.arange(next_n, device=device, dtype=torch.int32)
                out = mqa.paged_logits(q, k, scale, weights, one, table, 320, clean=True)
                self.check(out, paged_reference(q, cache, weights, each, table, 320))

    def test_empty(self):
        for device in DEVICES:
            q, k, scale, weights, ks, ke = make_logits(device)
            self.assertEqual(mqa.logits(q[:0], k, scale, weights[:0], ks[:0], ke[:0]).shape, (0, k.size(0)))

    def test_errors(self):
        q, k, scale, weights, ks, ke = make_logits("cpu")
        with self.assertRaisesRegex(ValueError, "k must be \\* x 64, found 300 x 32"):
            mqa.logits(q, k[:, :32], scale, weights, ks, ke)
        with self.assertRaisesRegex(ValueError, "ks must have dtype torch.int32, found torch.int64"):
            mqa.logits(q, k, scale, weights, ks.long(), ke)
        with self.assertRaisesRegex(ValueError, "q must have a dtype of f8E4M3FN"):
            mqa.logits(q.float(), k.float(), scale, weights, ks, ke)
        with self.assertRaisesRegex(ValueError, "weights must be 50 x 32, found 50 x 16"):
            mqa.logits(q, k, scale, weights[:, :16], ks, ke)
        with self.assertRaisesRegex(ValueError, "k must be contiguous from dimension 1 on"):
            mqa.logits(q, k.t().contiguous().t(), scale, weights, ks, ke)
        if torch.cuda.is_available():
            with self.assertRaisesRegex(ValueError, "k is on cuda:0, but q on cpu"):
                mqa.logits(q, k.cuda(), scale, weights, ks, ke)

    def test_negative_sizes(self):
        q, cache, weights, lens, table = make_paged("cpu")
        with self.assertRaisesRegex(ValueError, "max_seqlen_k must be at least 0, found -3"):
            mqa.logits(*make_logits("cpu"), max_seqlen_k=-3)
        with self.assertRaisesRegex(ValueError, "max_context_len must be at least 0, found -3"):
            mqa.paged_logits(q, *mqa.split_cache(cache, 64), weights, lens, table, -3)

    def test_number_of_threads(self):
        """A kernel of the CPU runs on as many threads as PyTorch has at the launch."""
        tensors, out = make_logits("cpu", m=56), torch.empty(56, 300)
        self.addCleanup(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(1)
        launch = mqa.prepare_logits(*tensors, out, clean=True)
        expected = reference(*tensors)
        found, find = [], library.find
        with unittest.mock.patch.object(library, "find", lambda op, n: found.append(n) or find(op, n)):
            for count, finds in ((3, [3]), (2, [2]), (3, [])):
                torch.set_num_threads(count)
                for call in (launch, lambda: mqa.logits_out(*tensors, out, clean=True)):
                    out.zero_()
                    call()
                    self.check(out, expected)
                self.assertEqual(found, finds)
                found.clear()

    def test_split_cache(self):
        cache = torch.zeros(4, 16, 1, 36, dtype=torch.uint8)
        for good in (cache, cache[:, :, 0], torch.zeros(8, 16, 1, 36, dtype=torch.uint8)[::2], cache[:1], cache[1:]):
            k, k_scale = mqa.split_cache(good, 32)
            self.assertEqual((k.shape, k_scale.shape), ((good.size(0), 16, 32), (good.size(0), 16)))
        heads, columns = torch.zeros(4, 16, 2, 36, dtype=torch.uint8), torch.zeros(4, 16, 1, 40, dtype=torch.uint8)
        odd = torch.zeros(4 * 16 * 36 + 9, dtype=torch.uint8)
        for message, wrong, dim in (
            ("cache must be torch.uint8, found torch.float32", cache.float(), 32),
            ("cache must be torch.uint8, found torch.int8", cache.view(torch.int8), 32),
            ("cache must be num_blocks x block_kv x 1 x 36, found 4 x 16 x 2 x 36", heads, 32),
            ("cache must be contiguous inside a block, found strides \\(1152, 72, 36, 1\\)", heads[:, :, :1], 32),
            ("cache must be contiguous inside a block", columns[..., :36], 32),
            ("cache must be num_blocks x block_kv x 1 x 20, found 4 x 16 x 1 x 36", cache, 16),
            ("cache must be \\* x \\* x 20, found 4 x 16 x 36", cache[:, :, 0], 16),
            ("cache must be num_blocks x block_kv x 1 x 36, found 16 x 36", cache[0, :, 0], 32),
            ("head_dim must be at least 1, found -4", torch.zeros(4, 16, 1, 0, dtype=torch.uint8), -4),
            ("blocks must be a multiple of 4 bytes, at least 576, found 0", cache[:1].expand(4, 16, 1, 36), 32),
            ("blocks must be a multiple of 4 bytes, at least 576, found 577", odd.as_strided((4, 16, 1, 36), (577, 36, 36, 1)), 32),
            ("scales of cache must be at a multiple of 4 bytes, found them at 513", odd[1:2305].view(4, 16, 1, 36), 32),
            ("cache is negated lazily", torch._neg_view(cache), 32),
        ):  # fmt: skip
            with self.assertRaisesRegex(ValueError, message):
                mqa.split_cache(wrong, dim)
        with self.assertRaisesRegex(ValueError, "dtype must be one of .*, found torch.bfloat16"):
            mqa.split_cache(cache, 32, torch.bfloat16)

    def test_opcheck(self):
        # torch's own check of the schema cannot compare float8 tensors.
        for device in DEVICES:
            arguments = make_logits(device)
            arguments[:2] = [tensor.float().to(torch.bfloat16) for tensor in arguments[:2]]
            torch.library.opcheck(torch.ops.mqa.logits.default, arguments, {"clean": True})
            out = torch.zeros(arguments[0].size(0), arguments[1].size(0), device=device)
            torch.library.opcheck(torch.ops.mqa.logits_out.default, (*arguments, out), {"clean": True})
            q, cache, weights, lens, table = make_paged(device)
            k, scale = mqa.split_cache(cache, q.size(-1))
            q, k, scale = q.float().bfloat16(), k.float().bfloat16(), scale.contiguous()
            arguments = (q, k, scale, weights, lens, table)
            torch.library.opcheck(torch.ops.mqa.paged_logits.default, (*arguments, 320), {"clean": True})
            out = torch.zeros(weights.size(0), 320, device=device)
            torch.library.opcheck(torch.ops.mqa.paged_logits_out.default, (*arguments, out), {"clean": True})

    def test_prepared(self):
        for device in DEVICES:
            q, k, scale, weights, ks, ke = make_logits(device)
            out = torch.empty(q.size(0), k.size(0), device=device)
            launch = mqa.prepare_logits(q, k, scale, weights, ks, ke, out, clean=True)
            launch()
            self.check(out, reference(q, k, scale, weights, ks, ke))
            q.copy_(make_logits(device, seed=1)[0])
            launch()
            self.check(out, reference(q, k, scale, weights, ks, ke))

    @needs_gpu
    def test_compile(self):
        arguments = make_logits("cuda")

        @torch.compile(fullgraph=True)
        def top(q, k, scale, weights, ks, ke):
            return mqa.logits(q, k, scale, weights, ks, ke, clean=True).topk(5).values

        expected = mqa.logits(*arguments, clean=True).topk(5).values
        self.assertTrue(torch.equal(top(*arguments), expected))

    @needs_gpu
    def test_graph_with_other_lengths(self):
        q, cache, weights, lens, table = make_paged("cuda")
        k, scale = mqa.split_cache(cache, q.size(-1))
        out = torch.empty(weights.size(0), 320, device="cuda")
        mqa.paged_logits_out(q, k, scale, weights, lens, table, out, clean=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            mqa.paged_logits_out(q, k, scale, weights, lens, table, out, clean=True)
        for seed in range(3):
            lens.copy_(make_paged("cpu", seed=seed + 1)[3])
            table.copy_(table.flip(0))
            graph.replay()
            self.check(out, paged_reference(q, cache, weights, lens, table, 320))

    @needs_gpu
    def test_side_stream(self):
        arguments = make_logits("cuda")
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            out = mqa.logits(*arguments, clean=True)
        stream.synchronize()
        self.check(out, reference(*arguments))


class LauncherTest(KnownLaunchCase):
    """Tensors like those of a call before."""

    def test_logits(self):
        for device in DEVICES:
            for seed in range(3):
                tensors = make_logits(device, m=51, seed=seed)
                out = torch.empty(51, 300, device=device)
                mqa.logits_out(*tensors, out, clean=True)
                self.check(out, reference(*tensors))
        # The first of each device was new.
        self.assertEqual(self.launched, [False, True, True] * len(DEVICES))

    def test_tells_apart(self):
        for device in DEVICES:
            tensors = make_logits(device, m=52)
            expected = reference(*tensors)
            for _ in range(2):
                for clean in (True, False):
                    for dtype in (torch.float32, torch.bfloat16):
                        for columns in (300, 308):
                            out = torch.full((52, columns), 7.0, dtype=dtype, device=device)[:, :300]
                            mqa.logits_out(*tensors, out, clean=clean)
                            outside = expected.isinf()
                            self.assertTrue((out.cpu()[outside] == (float("-inf") if clean else 7)).all())
                            self.check(out.cpu().float().masked_fill(outside, float("-inf")), expected, 4e-3)
            count = len(self.launched) // 2
            self.assertEqual(self.launched, [False] * count + [True] * count)
            self.launched.clear()

    def test_paged(self):
        for device in DEVICES:
            for seed in range(2):
                q, cache, weights, lens, table = make_paged(device, batch=6, seed=seed)
                k, scale = mqa.split_cache(cache, q.size(-1))
                expected = paged_reference(*(tensor.cpu() for tensor in (q, cache, weights, lens, table)), 300)
                out = torch.empty(12, 300, device=device)
                mqa.paged_logits_out(q, k, scale, weights, lens, table, out, clean=True)
                self.check(out, expected)
        self.assertEqual(self.launched, [False, True] * len(DEVICES))

    def test_errors(self):
        for device in DEVICES:
            tensors = make_logits(device, m=53)
            out = torch.empty(53, 300, device=device)
            mqa.logits_out(*tensors, out)
            with self.assertRaisesRegex(ValueError, "out must be 53 x 300, found 53 x 299"):
                mqa.logits_out(*tensors, out[:, :299])
            with self.assertRaisesRegex(ValueError, "ke must have dtype torch.int32, found torch.int64"):
                mqa.logits_out(*tensors[:5], tensors[5].long(), out)
            with self.assertRaisesRegex(ValueError, "out is on meta, but q on "):
                mqa.logits_out(*tensors, torch.empty(53, 300, device="meta"))
            with self.assertRaisesRegex(TypeError, "q must be a torch.Tensor, found str"):
                mqa.logits_out("q", *tensors[1:], out)
            mqa.logits_out(*tensors, out)
            self.assertTrue(self.launched.pop())


if __name__ == "__main__":
    unittest.main()
