# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What only a GPU shows: captures, streams, several devices, shares of the chip; also of kernels of logits and top-k.
Skipped where PyTorch has no GPU; what needs two is skipped where there is one.

Sizes are those of kernels that a wheel has.
"""
import sys
import unittest

from processes import run_python
from torch_cases import (KnownLaunchCase, TorchCase, make_logits, make_paged, paged_reference, reference)  # fmt: skip

import torch

if not torch.cuda.is_available():
    print("skipped: no GPU here")
    sys.exit(0)

import mqa
from mqa import fused_launches, scratch
from mqa.compat import deep_gemm

SIZES = {"h": 64, "d": 128}
TOPK = 512


def make_full(device="cuda", m=40, n=3000, seed=0):
    """Queries that see all keys."""
    q, k, scale, weights, ks, ke = make_logits(device, m=m, n=n, seed=seed, **SIZES)
    return q, k, scale, weights, torch.zeros_like(ks), torch.full_like(ke, n)


def make_cache(device="cuda", batch=6, longest=3000, seed=0, next_n=2):
    q, cache, weights, lens, table = make_paged(device, batch=batch, next_n=next_n, longest=longest, seed=seed, **SIZES)
    k, scale = mqa.split_cache(cache, q.size(-1))
    return q, k, scale, weights, lens, table


def make_calls(device="cuda"):
    """By name: a function that writes results into tensors that stay, these tensors, and tensors to change between calls."""
    prefill, decode = make_full(device), make_cache(device)
    logits = torch.empty(40, 3000, device=device)
    paged = torch.empty(12, 3008, device=device)
    indices = torch.empty(40, TOPK, dtype=torch.int32, device=device)
    slots = torch.empty(12, TOPK, dtype=torch.int32, device=device)
    options = {"base": "slot"}
    yield "logits", lambda: mqa.logits_out(*prefill, logits, clean=True), (logits,), prefill[2]
    yield "paged", lambda: mqa.paged_logits_out(*decode, paged, clean=True), (paged,), decode[4]
    yield "logits_topk", lambda: mqa.logits_topk_out(*prefill, indices), (indices,), prefill[2]
    yield "paged_topk", lambda: mqa.paged_logits_topk_out(*decode, 3008, slots, **options), (slots,), decode[4]
    selected = torch.empty(40, TOPK, dtype=torch.int32, device=device)
    logits.copy_(torch.randn(40, 3000))
    yield "topk", lambda: mqa.topk_out(logits, prefill[5], selected), (selected,), logits
    for name, prepare in (
        ("prepared", lambda: mqa.prepare_logits_topk(*prefill, indices)),
        ("prepared paged", lambda: mqa.prepare_paged_logits_topk(*decode, 3008, slots, **options)),
    ):
        launch = prepare()
        yield name, launch, (indices,) if name == "prepared" else (slots,), prefill[2] if name == "prepared" else decode[4]


def change(tensor, step):
    """In place, in another way for each step."""
    if tensor.dtype == torch.int32:
        tensor.copy_((tensor + 311 * step) % 3000)
    else:
        tensor.copy_(tensor.roll(step + 1, -1) * 1.25)


class CaptureTest(TorchCase):
    def test_graphs(self):
        """A replay with other contents gives what a launch gives."""
        for name, call, outputs, changed in make_calls():
            with self.subTest(name):
                call()
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph):
                    call()
                for step in range(4):
                    change(changed, step)
                    for tensor in outputs:
                        tensor.fill_(7)
                    graph.replay()
                    found = [tensor.clone() for tensor in outputs]
                    call()
                    for tensor, expected in zip(found, outputs):
                        self.assertTrue(torch.equal(tensor, expected))

    def test_launches_beside_a_graph(self):
        """A graph has memory of its own: launches on the same stream do not disturb it."""
        tensors = make_full()
        indices, other = (torch.empty(40, TOPK, dtype=torch.int32, device="cuda") for _ in range(2))
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            mqa.logits_topk_out(*tensors, indices)
            expected = indices.clone()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=stream):
                mqa.logits_topk_out(*tensors, indices)
            for _ in range(20):
                graph.replay()
                mqa.logits_topk_out(*tensors, other)
                stream.synchronize()
                self.assertTrue(torch.equal(indices, expected) and torch.equal(other, expected))

    def test_first_use_inside_a_capture(self):
        """In a process of its own: nothing of the kernel is there before."""
        program = (
            "import torch\n"
            "import test_gpu\n"
            "for name, call, outputs, changed in test_gpu.make_calls():\n"
            "    if name != NAME: continue\n"
            "    graph = torch.cuda.CUDAGraph()\n"
            "    with torch.cuda.graph(graph):\n"
            "        call()\n"
            "    for tensor in outputs: tensor.fill_(7)\n"
            "    graph.replay()\n"
            "    found = [tensor.clone() for tensor in outputs]\n"
            "    call()\n"
            "    print(all(torch.equal(a, b) for a, b in zip(found, outputs)))\n"
        )
        folder = __file__.rsplit("/", 1)[0]
        for name in ("logits", "paged", "logits_topk", "paged_topk", "topk"):
            with self.subTest(name):
                text = f"import sys; sys.path.insert(0, {folder!r})\n" + program.replace("NAME", repr(name))
                self.assertEqual(run_python(text), "True\n")

    def test_compile_with_graphs(self):
        tensors = make_full()

        @torch.compile(fullgraph=True, mode="reduce-overhead")
        def step(q, k, scale, weights, ks, ke):
            return mqa.logits_topk(q, k, scale * 2, weights, ks, ke, TOPK) + 1

        expected = mqa.logits_topk(tensors[0], tensors[1], tensors[2] * 2, *tensors[3:], TOPK) + 1
        for _ in range(4):
            torch.compiler.cudagraph_mark_step_begin()
            self.assertTrue(torch.equal(step(*tensors), expected))


class StreamsTest(TorchCase):
    def test_two_streams(self):
        """Launches that overlap work in memory of their own."""
        calls = [(make_full(seed=s), torch.cuda.Stream()) for s in range(3)]
        expected = [mqa.logits_topk(*tensors, TOPK) for tensors, _ in calls]
        torch.cuda.synchronize()
        found = []
        for _ in range(20):
            for tensors, stream in calls:
                with torch.cuda.stream(stream):
                    found.append(mqa.logits_topk(*tensors, TOPK))
        torch.cuda.synchronize()
        for i, indices in enumerate(found):
            self.assertTrue(torch.equal(indices, expected[i % 3]))

    def test_sizes_in_turn(self):
        """The same scratch for launches of other sizes; it grows, and known launches go on."""
        for batch, longest in ((2, 500), (9, 1500), (2, 500), (30, 4000), (9, 1500), (2, 500)):
            q, k, scale, weights, lens, table = make_cache(batch=batch, longest=longest, seed=batch)
            columns = table.size(1) * 64
            logits = mqa.paged_logits(q, k, scale, weights, lens, table, columns)
            expected = mqa.topk(logits, None, TOPK, context_lens=lens)
            for _ in range(3):
                found = mqa.paged_logits_topk(q, k, scale, weights, lens, table, TOPK, columns)
                self.assertTrue(torch.equal(found, expected))


class KnownFusedTest(KnownLaunchCase):
    def test_known_launches(self):
        """The second of a kind is the launcher's, also after scratch was replaced, and on another stream."""
        for form in (fused_launches.LOGITS, fused_launches.PAGED):
            calls = dict((name, call) for name, call, *_ in make_calls())
            call = calls["logits_topk" if form is fused_launches.LOGITS else "paged_topk"]
            launched = []
            run = fused_launches._RUN[form.name]
            self.patch(fused_launches, "_RUN", {**fused_launches._RUN,
                                                form.name: lambda *a, run=run: launched.append(run(*a)) or launched[-1]})  # fmt: skip
            call(), call(), call()
            self.assertEqual(launched[-2:], [True, True])
            scratch._forget(*list(scratch._kept))
            call(), call()
            self.assertEqual(launched[-2:], [False, True])
            stream = torch.cuda.Stream()
            with torch.cuda.stream(stream):
                call(), call()
            self.assertEqual(launched[-2:], [False, True])
            torch.cuda.synchronize()


class OpcheckTest(TorchCase):
    def test_ops(self):
        """PyTorch's checks of ops, which cannot compare float8."""
        q, k, scale, weights, ks, ke = make_logits("cuda", h=4, d=128)
        # What is outside of the ranges may be anything without `clean`.
        clean = {"clean": True}
        torch.library.opcheck(torch.ops.mqa.logits.default, (q.bfloat16(), k.bfloat16(), None, None, ks, ke), clean)
        out = torch.zeros(50, 300, device="cuda")
        torch.library.opcheck(torch.ops.mqa.logits_out.default, (q.bfloat16(), k.bfloat16(), None, None, ks, ke, out))
        scores = torch.randn(50, 3000, device="cuda")
        ends = torch.full((50,), 3000, dtype=torch.int32, device="cuda")
        torch.library.opcheck(torch.ops.mqa.topk.default, (scores, ends, TOPK))


class ShareTest(TorchCase):
    def test_less_is_slower(self):
        """So the share reaches the chip."""
        q, k, scale, weights, ks, ke = make_full(m=512, n=3000)
        out = torch.empty(512, 3000, device="cuda")

        def measure(share):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            mqa.logits_out(q, k, scale, weights, ks, ke, out, max_multiprocessors=share)
            begin.record()
            for _ in range(10):
                mqa.logits_out(q, k, scale, weights, ks, ke, out, max_multiprocessors=share)
            end.record()
            end.synchronize()
            return begin.elapsed_time(end)

        measure(0)
        self.assertGreater(measure(4), 4 * measure(0))


@unittest.skipUnless(torch.cuda.device_count() > 1, "one GPU")
class DevicesTest(TorchCase):
    def test_another_one_is_current(self):
        """Each call goes to the device of its tensors, on the current stream of that device."""
        for current, own in ((0, 1), (1, 0)):
            with torch.cuda.device(current):
                for name, call, outputs, changed in make_calls(f"cuda:{own}"):
                    with self.subTest(name, device=own):
                        call()
                        found = [tensor.clone() for tensor in outputs]
                        call()  # Known now.
                        self.assertEqual(torch.cuda.current_device(), current)
                        torch.cuda.synchronize(own)
                        with torch.cuda.device(own):
                            for tensor, first in zip(outputs, found):
                                self.assertTrue(torch.equal(tensor, first))
                q, k, scale, weights, ks, ke = make_logits(f"cuda:{own}", **SIZES)
                self.check(mqa.logits(q, k, scale, weights, ks, ke, clean=True), reference(q, k, scale, weights, ks, ke))
                out = deep_gemm.fp8_mqa_logits(q, (k, scale), weights, ks, ke)
                self.check(out, reference(q, k, scale, weights, ks, ke))
                q, cache, weights, lens, table = make_paged(f"cuda:{own}", **SIZES)
                out = deep_gemm.fp8_paged_mqa_logits(q, cache, weights, lens, table, None, 320, True)
                self.check(out, paged_reference(q, cache, weights, lens, table, 320))

    def test_in_turn(self):
        """The same sizes on both devices are told apart."""
        for _ in range(3):
            for device in ("cuda:0", "cuda:1"):
                q, k, scale, weights, ks, ke = make_logits(device, **SIZES)
                out = mqa.logits(q, k, scale, weights, ks, ke, clean=True)
                self.assertEqual(out.device, torch.device(device))
                self.check(out, reference(q, k, scale, weights, ks, ke))

    def test_mixed(self):
        q, k, scale, weights, ks, ke = make_logits("cuda:0", **SIZES)
        with self.assertRaisesRegex(ValueError, "k is on cuda:1, but q on cuda:0"):
            mqa.logits(q, k.to("cuda:1"), scale, weights, ks, ke)


if __name__ == "__main__":
    unittest.main()
