# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa on PyTorch tensors: against float64, under torch.library's checks, torch.compile and CUDA graphs.

Skipped where there is no PyTorch; what needs a GPU, where there is none.
"""
import sys
import unittest
import unittest.mock

try:
    import torch
except ImportError:
    print("skipped: no PyTorch here")
    sys.exit(0)

import mqa
from mqa import torch_ops
from mqa.compat import deep_gemm

DEVICES = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
needs_gpu = unittest.skipUnless(torch.cuda.is_available(), "needs a GPU")
FP8 = torch.float8_e4m3fn


def make_logits(device, m=50, n=300, h=32, d=64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    q = torch.randn(m, h, d, generator=generator).to(FP8)
    k = torch.randn(n, d, generator=generator).to(FP8)
    scale = torch.rand(n, generator=generator)
    weights = torch.randn(m, h, generator=generator)
    ks = torch.randint(-5, n, (m,), generator=generator, dtype=torch.int32)
    ke = ks + torch.randint(-5, n, (m,), generator=generator, dtype=torch.int32)
    return [tensor.to(device) for tensor in (q, k, scale, weights, ks, ke)]


def reference(q, k, scale, weights, ks, ke):
    q, k, scale, weights = (tensor.double().cpu() for tensor in (q.float(), k.float(), scale, weights))
    scores = torch.einsum("mhd,nd->mhn", q, k).relu()
    logits = torch.einsum("mhn,mh->mn", scores, weights) * scale
    keys = torch.arange(k.size(0))
    mask = (keys >= ks.cpu()[:, None].clamp(min=0)) & (keys < ke.cpu()[:, None])
    return logits.masked_fill(~mask, float("-inf"))


def make_paged(device, batch=5, next_n=2, h=32, d=64, block_kv=64, longest=300, seed=0):
    generator = torch.Generator().manual_seed(seed)
    max_blocks = (longest + block_kv - 1) // block_kv
    num_blocks = batch * max_blocks
    q = torch.randn(batch, next_n, h, d, generator=generator).to(FP8)
    cache = torch.empty(num_blocks, block_kv * (d + 4), dtype=torch.uint8)
    k = torch.randn(num_blocks, block_kv, d, generator=generator).to(FP8)
    scale = torch.rand(num_blocks, block_kv, generator=generator)
    cache[:, : block_kv * d] = k.view(torch.uint8).view(num_blocks, -1)
    cache[:, block_kv * d :] = scale.view(torch.uint8)
    cache = cache.view(num_blocks, block_kv, 1, d + 4)
    weights = torch.randn(batch * next_n, h, generator=generator)
    lens = torch.randint(0, longest + 1, (batch, next_n), generator=generator, dtype=torch.int32)
    table = torch.randperm(num_blocks, generator=generator).to(torch.int32).view(batch, max_blocks)
    return [tensor.to(device) for tensor in (q, cache, weights, lens, table)]


def paged_reference(q, cache, weights, lens, table, columns):
    k, scale = mqa.split_cache(cache, q.size(-1))
    batch, next_n = q.shape[:2]
    rows = []
    for b in range(batch):
        keys = k[table[b].long()].float().reshape(-1, q.size(-1))
        scales = scale[table[b].long()].reshape(-1)
        for t in range(next_n):
            zero, end = torch.zeros(1, dtype=torch.int32), lens[b, t : t + 1]
            row = reference(q[b, t : t + 1], keys, scales, weights[b * next_n + t : b * next_n + t + 1], zero, end)
            full = torch.full((1, columns), float("-inf"), dtype=torch.float64)
            count = min(columns, row.size(1))
            full[:, :count] = row[:, :count]
            rows.append(full)
    return torch.cat(rows)


class TorchTest(unittest.TestCase):
    def check(self, out, expected, tolerance=5e-4):
        """The mask exactly, and the relative error of what is inside of it."""
        out = out.double().cpu()
        self.assertTrue(torch.equal(out == float("-inf"), expected == float("-inf")))
        inside = expected != float("-inf")
        error = (out - expected)[inside].norm() / expected[inside].norm().clamp(min=1e-30)
        self.assertLess(error.item(), tolerance)

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


class KnownLaunchTest(unittest.TestCase):
    """Notes in `launched` of each call whether the runtime launched it by itself; here on a CPU too."""

    def setUp(self):
        if torch_ops._launcher is None:
            self.skipTest("PyTorch here has no exchange API, or the launcher was not built")
        self.launched, run = [], torch_ops.run
        patches = [
            unittest.mock.patch.object(torch_ops, "_launches_on_cpu", True),
            unittest.mock.patch.object(torch_ops, "run", lambda *args: self.launched.append(run(*args)) or self.launched[-1]),
        ]
        for patch in patches:
            patch.start()
            self.addCleanup(patch.stop)


class LauncherTest(KnownLaunchTest):
    """Tensors like those of a call before."""

    def test_logits(self):
        for device in DEVICES:
            for seed in range(3):
                tensors = make_logits(device, m=51, seed=seed)
                out = torch.empty(51, 300, device=device)
                mqa.logits_out(*tensors, out, clean=True)
                TorchTest.check(self, out, reference(*tensors))
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
                            TorchTest.check(self, out.cpu().float().masked_fill(outside, float("-inf")), expected, 4e-3)
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
                TorchTest.check(self, out, expected)
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
            with self.assertRaises(AttributeError):
                mqa.logits_out("q", *tensors[1:], out)
            mqa.logits_out(*tensors, out)
            self.assertTrue(self.launched.pop())


class DeepGemmTest(KnownLaunchTest):
    """The same functions by the names of DeepGEMM, each called twice: known launches are not checked again."""

    check = TorchTest.check

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
                ("fp4", lambda: deep_gemm.fp8_fp4_mqa_logits((q, scale), (k, scale), weights, ks, ke)),
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
                ("indices need Blackwell", {"indices": lens}),
                ("q must be B x T x H x D", {"q": q[0]}),
                ("kv_cache must be torch.uint8", {"cache": cache.view(torch.int8)}),
                ("kv_cache must be num_blocks x block_kv x 1 x 68", {"cache": cache[..., :67]}),
            ):
                with self.assertRaisesRegex(AssertionError, message):
                    call(**arguments)


if __name__ == "__main__":
    unittest.main()
