# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gradients of mqa.logits: against autograd of the unfused form in float64, and as autograd and torch.compile ask for them.

Skipped where there is no PyTorch. tools/gradients.py runs the random cases on a GPU.
"""
import collections
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import weakref

from torch_cases import FP8, make_logits

import mqa
import torch
from gradient_cases import NAMES, Case, get_error
from mqa import gradients
from torch.utils._python_dispatch import TorchDispatchMode

TOLERANCE = 1e-2
# Small products take longer on several threads of a machine that has other work.
torch.set_num_threads(1)


class MemoryMode(TorchDispatchMode):
    """The most bytes that tensors which were made in it have at a time, of which views have none of their own."""

    def __init__(self, *given):
        super().__init__()
        self.present = self.peak = 0
        self.given = {tensor.untyped_storage().data_ptr() for tensor in given}
        self.users = collections.Counter()

    def free(self, address, size):
        self.users[address] -= 1
        if not self.users[address]:
            self.present -= size

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        results = function(*args, **(kwargs or {}))
        for tensor in results if isinstance(results, (tuple, list)) else (results,):
            storage = tensor.untyped_storage() if isinstance(tensor, torch.Tensor) else None
            if storage is not None and storage.data_ptr() not in self.given:
                address, size = storage.data_ptr(), storage.nbytes()
                self.present += size if not self.users[address] else 0
                self.users[address] += 1
                weakref.finalize(tensor, self.free, address, size)
                self.peak = max(self.peak, self.present)
        return results


def compute(case, **options):
    return gradients.compute(case.grad, *case.operands, case.ks, case.ke, **case.options, **options)


class GradientsTest(unittest.TestCase):
    def check(self, case, found, tolerance=TOLERANCE):
        for name, gradient, expected, operand in zip(NAMES, found, case.compute_reference(), case.operands):
            self.assertEqual(gradient is None, operand is None)
            if gradient is not None:
                self.assertEqual((gradient.shape, gradient.dtype), (operand.shape, operand.dtype))
                self.assertLess(get_error(gradient, expected), tolerance, name)

    def test_random_cases(self):
        for seed in range(200):
            with self.subTest(seed=seed):
                case = Case(seed)
                self.check(case, compute(case))
                # As on a GPU: products of 16-bit factors.
                self.check(case, compute(case, work=case.dtype))

    def test_blocks(self):
        """Blocks of one key or query change no more than a rounding."""
        for seed in range(30):
            case = Case(seed, heads=4, m=30, n=300)
            for scores in (1 << 10, 1 << 14, 1 << 30):
                self.check(case, compute(case, scores=scores))

    def test_sizes(self):
        for seed in range(60):
            case = Case(seed, smallest=0)
            self.check(case, compute(case))

    def test_same_bits(self):
        for relu in (True, False):
            case = Case(3, heads=8, groups=2, m=30, n=300, relu=relu)
            first, second = compute(case, scores=1 << 14), compute(case, scores=1 << 14)
            for a, b in zip(first, second):
                self.assertEqual(a is None, b is None)
                self.assertTrue(a is None or torch.equal(a, b))

    def test_float16_range(self):
        """Products that float16 could not hold: large scales, small gradients, weights of both kinds."""
        for seed, (scale, weight, factor) in enumerate(
            ((1e5, 1.0, 1e-6), (1e-6, 1e5, 1.0), (1.0, 1.0, 1e-8), (1.0, 1e-7, 1e7))
        ):
            case = Case(seed, dtype=torch.float16, heads=8, groups=0, m=17, n=200, has_scale=True, has_weights=True)
            case.k_scale, case.grad = case.k_scale * scale, case.grad * factor
            case.weights = case.weights.float() * weight
            # What the operand's own type cannot hold is no matter here.
            expected = case.compute_reference()
            found = compute(case, work=torch.float16)
            for name, gradient, reference in zip(NAMES, found, expected):
                reference = reference.to(gradient.dtype).double()
                if reference.isfinite().all() and (gradient.dtype != torch.float16 or reference.norm() > 1e-3):
                    self.assertLess(get_error(gradient, reference), TOLERANCE, name)
            self.assertTrue(found[2].isfinite().all() and found[3].isfinite().all())

    def test_odd_scales(self):
        """Scales of 0, of either sign, and those that nothing can be divided by."""
        for dtype in (torch.bfloat16, torch.float16):
            for relu in (True, False):
                case = Case(2, dtype=dtype, heads=4, groups=2, m=17, n=200, relu=relu, has_scale=True)
                case.k_scale[::3] = 0
                case.k_scale[1::3] *= -1
                if dtype == torch.bfloat16:
                    case.k_scale[5], case.k_scale[8] = 1e-30, -1e-40
                for work in (torch.float32, dtype):
                    self.check(case, compute(case, work=work))

    def test_needs(self):
        case = Case(5, heads=4, groups=2, m=17, n=200, has_scale=True, has_weights=True)
        whole = compute(case)
        for place in range(4):
            case.needs = [i == place for i in range(4)]
            for i, (alone, together) in enumerate(zip(compute(case), whole)):
                self.assertEqual(alone is not None, i == place)
                self.assertTrue(alone is None or torch.equal(alone, together))

    def test_unseen_keys(self):
        """What no query sees may hold anything, as may a query that sees nothing."""
        case = Case(7, heads=4, groups=0, m=17, n=200, has_scale=True, has_weights=True, compressed=False)
        case.ks, case.ke = torch.full_like(case.ks, 20), torch.full_like(case.ke, 100)
        case.ke[3] = 20
        case.grad = torch.ones(17, 200)
        expected = compute(case)
        case.k[:20], case.k[100:], case.k_scale[100:] = float("nan"), float("inf"), float("nan")
        case.q[3], case.weights[3] = float("inf"), float("nan")
        found = compute(case)
        for name, a, b in zip(NAMES, found, expected):
            keep = torch.ones(a.size(0), dtype=torch.bool)
            if name in ("q", "weights"):
                keep[3] = False
            else:
                keep[:20] = keep[100:] = False
            self.assertTrue(torch.equal(a[keep], b[keep]), name)

    def test_memory(self):
        """At most twice what inputs and outputs take."""
        for relu in (True, False):
            case = Case(
                1, heads=16, groups=0, d=64, m=30, n=300, relu=relu, has_scale=True, has_weights=True, compressed=False
            )
            # Larger than a block.
            generator = torch.Generator().manual_seed(0)
            case.q, case.k = (
                torch.randn(1024, 16, 64, generator=generator).bfloat16(),
                torch.randn(4096, 64, generator=generator).bfloat16(),
            )
            case.k_scale, case.weights = torch.rand(4096), torch.rand(1024, 16)
            case.ks, case.ke = torch.zeros(1024, dtype=torch.int32), torch.full((1024,), 4096, dtype=torch.int32)
            case.grad = torch.randn(1024, 4096, generator=generator)
            inputs = sum(t.numel() * t.element_size() for t in (*case.operands, case.grad))
            outputs = sum(t.numel() * t.element_size() for t in case.operands)
            for work in (torch.bfloat16, torch.float32):
                with MemoryMode(*case.operands, case.grad, case.ks, case.ke) as mode:
                    found = compute(case, work=work)
                self.assertEqual(len(found), 4)
                self.assertLess(inputs + mode.peak, 2 * (inputs + outputs))


def get_tensors(dtype=torch.bfloat16, **options):
    q, k, scale, weights, ks, ke = make_logits("cpu", m=20, n=90, h=4, d=32, **options)
    return [q.float().to(dtype), k.float().to(dtype), scale, weights, ks, ke]


class AutogradTest(unittest.TestCase):
    def differentiate(self, function, tensors, asked=(0, 1, 2, 3)):
        """The gradients of a sum of logits inside of the ranges, with factors."""
        leaves = [t.detach().clone().requires_grad_(i in asked) if i < 4 else t for i, t in enumerate(tensors)]
        logits = function(*leaves)
        factors = torch.linspace(-1, 1, logits.numel()).view_as(logits)
        (torch.where(logits.isinf(), 0.0, logits.float()) * factors).sum().backward()
        return logits, [leaf.grad for leaf in leaves[:4]]

    def reference(self, tensors, dtype=torch.float32):
        case = Case(0)
        case.q, case.k, case.k_scale, case.weights, case.ks, case.ke = tensors
        case.relu, case.compressed, case.needs = True, False, [True] * 4
        case.grad = torch.linspace(-1, 1, 20 * 90).view(20, 90).to(dtype)
        return case.compute_reference()

    def test_backward(self):
        for dtype in (torch.bfloat16, torch.float16):
            for out in (torch.float32, torch.bfloat16):
                tensors = get_tensors(dtype)
                for function in (mqa.logits, torch.ops.mqa.logits):
                    call = lambda *t: function(*t, clean=True, dtype=out)
                    logits, found = self.differentiate(call, tensors)
                    self.assertTrue(torch.equal(logits.detach(), mqa.logits(*tensors, clean=True, dtype=out)))
                    for gradient, expected in zip(found, self.reference(tensors, out)):
                        self.assertLess(get_error(gradient, expected), TOLERANCE)

    def test_some(self):
        """float8 operands that ask for nothing; one operand that asks."""
        tensors = get_tensors(FP8)
        _, found = self.differentiate(lambda *t: mqa.logits(*t, clean=True), tensors, asked=(2, 3))
        expected = self.reference(tensors)
        self.assertIsNone(found[0])
        self.assertIsNone(found[1])
        for place in (2, 3):
            self.assertLess(get_error(found[place], expected[place]), TOLERANCE)
        for place in range(4):
            _, found = self.differentiate(lambda *t: mqa.logits(*t, clean=True), get_tensors(), asked=(place,))
            self.assertEqual([gradient is not None for gradient in found], [i == place for i in range(4)])

    def test_compressed(self):
        tensors = get_tensors()
        # A column of a row for each key that it can see.
        call = lambda *t: mqa.logits(*t, clean=True, max_seqlen_k=90)
        logits, found = self.differentiate(call, tensors)
        case = Case(0)
        case.q, case.k, case.k_scale, case.weights, case.ks, case.ke = tensors
        case.relu, case.compressed, case.needs = True, True, [True] * 4
        case.grad = torch.linspace(-1, 1, logits.numel()).view_as(logits)
        for gradient, expected in zip(found, case.compute_reference()):
            self.assertLess(get_error(gradient, expected), TOLERANCE)

    def test_refused(self):
        tensors = get_tensors(FP8)
        for place, name in ((0, "q"), (1, "k")):
            asking = [t.clone().requires_grad_(i == place) if i < 4 else t for i, t in enumerate(tensors)]
            with self.assertRaisesRegex(
                ValueError, f"^{name} requires grad, but mqa.logits has a derivative .* of bfloat16 or float16"
            ):
                mqa.logits(*asking)
            with torch.no_grad():
                self.assertFalse(mqa.logits(*asking).requires_grad)
        q, k, scale, weights, ks, ke = get_tensors()
        weights.requires_grad_()
        logits = mqa.logits(q, k, scale, weights, ks, ke, clean=True)
        [gradient] = torch.autograd.grad(logits, weights, torch.ones_like(logits), create_graph=True)
        with self.assertRaisesRegex(RuntimeError, "mqa.logits has no second derivative"):
            gradient.sum().backward()
        gradient = torch.ops.mqa.logits_backward(torch.ones(20, 90), q, k, scale, weights, ks, ke)[3]
        with self.assertRaisesRegex(RuntimeError, "mqa.logits has no second derivative"):
            gradient.sum().backward()
        with self.assertRaisesRegex(ValueError, "weights is absent, so it has no gradient"):
            torch.ops.mqa.logits_backward(torch.ones(20, 90), q, k, scale, None, ks, ke)
        with self.assertRaisesRegex(ValueError, "out must be 20 x 90, found 20 x 7"):
            torch.ops.mqa.logits_backward(torch.ones(20, 7), q, k, scale, None, ks, ke, needs=[True, True, True, False])

    def test_library(self):
        """What PyTorch asks of an op."""
        q, k, scale, weights, ks, ke = get_tensors()
        arguments = (torch.ones(20, 90), q, k, scale, weights, ks, ke)
        for needs in ([True] * 4, [False, True, False, True]):
            torch.library.opcheck(torch.ops.mqa.logits_backward.default, arguments, {"needs": needs})
        for tensor in (q, k, scale, weights):
            tensor.requires_grad_()
        checks = ("test_schema", "test_autograd_registration", "test_faketensor")
        torch.library.opcheck(
            torch.ops.mqa.logits.default, (q, k, scale, weights, ks, ke), {"clean": True}, test_utils=checks
        )

    def test_compile(self):
        tensors = get_tensors()
        _, expected = self.differentiate(lambda *t: mqa.logits(*t, clean=True), tensors)
        for dynamic in (False, True):
            compiled = torch.compile(
                lambda *t: mqa.logits(*t, clean=True) + 0, fullgraph=True, dynamic=dynamic, backend="aot_eager"
            )
            _, found = self.differentiate(compiled, tensors)
            for a, b in zip(found, expected):
                self.assertTrue(torch.equal(a, b))


class ToolTest(unittest.TestCase):
    def test_tool(self):
        """tools/gradients.py on the CPU: small errors, and what it measured."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "found.json"
            script = pathlib.Path(__file__).resolve().parents[2] / "tools" / "gradients.py"
            command = [sys.executable, script, "run", "-", "--device=cpu", "--no-compile", "--cases=3", f"--json={path}"]
            sizes = ["--queries=9", "--keys=70", "--heads=4", "--head-dim=32", "--repeat=1", "--masks=causal"]
            result = subprocess.run([*command, *sizes], capture_output=True, text=True, check=False, timeout=240)
            self.assertEqual(result.returncode, 0, result.stderr)
            rows = json.loads(path.read_text())["rows"]
        self.assertEqual([row["form"] for row in rows], ["mqa", "unfused"])
        self.assertTrue(rows[0]["same_bits"])
        self.assertIn("3 random cases", result.stdout)


if __name__ == "__main__":
    unittest.main()
