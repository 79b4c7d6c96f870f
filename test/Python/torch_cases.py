# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tests on PyTorch tensors share: problems, what must come out, and the check of it."""
import sys
import unittest
import unittest.mock

try:
    import torch
except ImportError:
    print("skipped: no PyTorch here")
    sys.exit(0)

import mqa
from devices import DEVICES
from mqa import launches, torch_library, torch_ops
from mqa.compat import deep_gemm

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


def make_calls(device="cpu", m=13, input_type=torch.bfloat16):
    """Each way to logits: its name, names of tensors, tensors, and the function of these that returns logits."""
    names = ("q", "k", "k_scale", "weights", "ks", "ke")
    tensors = make_logits(device, m=m, n=40, h=2, d=32)
    tensors[:2] = [tensor.float().to(input_type) for tensor in tensors[:2]]

    def into(function, *arguments, rows, columns, **options):
        out = torch.zeros(rows, columns, device=device)
        function(*arguments, out, **options)
        return out

    def size(tensor, *dims):
        # A test may have put something else in its place.
        product = 1
        for dim in dims if isinstance(tensor, torch.Tensor) else ():
            product = product * tensor.shape[dim]
        return product

    def out(function):
        return lambda *t: into(function, *t, rows=size(t[0], 0), columns=size(t[1], 0), clean=True)

    for name, function in (("logits", mqa.logits), ("ops.logits", torch.ops.mqa.logits)):
        yield name, names, tensors, lambda *t, function=function: function(*t, clean=True)
    for name, function in (("logits_out", mqa.logits_out), ("ops.logits_out", torch.ops.mqa.logits_out)):
        yield name, names, tensors, out(function)
    fp8 = [*(tensor.float().to(FP8) for tensor in tensors[:2]), *tensors[2:]]
    yield "deep_gemm", names, fp8, lambda q, k, s, *t: deep_gemm.fp8_mqa_logits(q, (k, s), *t)

    q, cache, weights, lens, table = make_paged(device, batch=m, h=2, d=32, longest=70)
    k, scale = mqa.split_cache(cache, 32)
    tensors = [q.float().to(input_type), k.float().to(input_type), scale, weights, lens, table]
    names = ("q", "k", "k_scale", "weights", "context_lens", "block_table")
    for name, function in (("paged_logits", mqa.paged_logits), ("ops.paged_logits", torch.ops.mqa.paged_logits)):
        yield name, names, tensors, lambda *t, function=function: function(*t, 80, clean=True)

    def paged_out(function):
        return lambda *t: into(function, *t, rows=size(t[0], 0, 1), columns=80, clean=True)

    for name, function in (("paged_logits_out", mqa.paged_logits_out), ("ops.paged_logits_out", torch.ops.mqa.paged_logits_out)):
        yield name, names, tensors, paged_out(function)

    def fused(*tensors):
        return deep_gemm.fp8_paged_mqa_logits(*tensors, None, 80, clean_logits=True)

    yield "deep_gemm paged", ("q", "cache", "weights", "context_lens", "block_table"), [q, cache, weights, lens, table], fused


class TorchCase(unittest.TestCase):
    def check(self, out, expected, tolerance=5e-4):
        """The mask exactly, and the relative error of what is inside of it."""
        out = out.double().cpu()
        self.assertTrue(torch.equal(out == float("-inf"), expected == float("-inf")))
        inside = expected != float("-inf")
        error = (out - expected)[inside].norm() / expected[inside].norm().clamp(min=1e-30)
        self.assertLess(error.item(), tolerance)


class KnownLaunchCase(TorchCase):
    """Notes in `launched` of each call whether the runtime launched it by itself; here on a CPU too."""

    def setUp(self):
        if launches._launcher is None:
            self.skipTest("PyTorch here has no exchange API, or the launcher was not built")
        self.launched = []
        self.patch(launches, "_launches_on_cpu", True)
        for module in (torch_ops, torch_library, deep_gemm):
            for name in ("run", "run_plain"):
                if hasattr(module, name):
                    self.patch(module, name, self.note(getattr(module, name)))

    def note(self, run):
        return lambda *arguments: self.launched.append(run(*arguments)) or self.launched[-1]

    def patch(self, *arguments):
        patch = unittest.mock.patch.object(*arguments)
        patch.start()
        self.addCleanup(patch.stop)
