# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tensors that are more than their memory, and callers that PyTorch watches: each way to logits does what PyTorch would
do, or says why not. Skipped without PyTorch.
"""
import unittest
import warnings

from torch_cases import DEVICES, FP8, KnownLaunchCase, TorchCase, make_calls, make_logits

import mqa
import torch
from mqa import launches, plain, torch_library, torch_ops
from mqa.compat import deep_gemm
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx

# Ways to logits that are recorded for backward (test_gradients.py).
DIFFERENTIABLE = ("logits", "ops.logits")


class Wrapped(torch.Tensor):
    """Has no memory of its own; ops are run on what it wraps, and noted."""

    seen = []

    @staticmethod
    def __new__(cls, inner):
        wrapped = torch.Tensor._make_wrapper_subclass(
            cls, inner.size(), strides=inner.stride(), dtype=inner.dtype, device=inner.device
        )
        wrapped.inner = inner
        return wrapped

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        cls.seen.append(str(function))
        unwrap = torch.utils._pytree.tree_map_only(cls, lambda wrapped: wrapped.inner, (args, kwargs or {}))
        return function(*unwrap[0], **unwrap[1])


def is_float(tensor):
    return tensor.dtype.is_floating_point


class KnownTest(KnownLaunchCase):
    """What a launch on known tensors must not pass by: each call comes first, then on tensors that are known."""

    knows = True

    def each(self, **options):
        for device in DEVICES:
            for name, names, tensors, call in make_calls(device, **options):
                call(*tensors)
                self.launched.clear()
                expected = call(*tensors)
                self.assertEqual(self.launched, [self.knows], name)
                yield name, names, tensors, call, expected

    def test_negative_views(self):
        for input_type in (torch.bfloat16, torch.float16):
            for name, names, tensors, call, _ in self.each(input_type=input_type, m=14):
                for i, tensor in enumerate(tensors):
                    # PyTorch has no negative of float8; there are no blocks of negative indices, nor negative bytes.
                    if tensor.dtype == FP8 or names[i] in ("cache", "block_table"):
                        continue
                    negated = tensors[:i] + [torch._neg_view(tensor)] + tensors[i + 1 :]
                    eager = tensors[:i] + [-tensor] + tensors[i + 1 :]
                    self.assertTrue(torch.equal(call(*negated), call(*eager)), (name, names[i]))
                    if not is_float(tensor):
                        # Here the memory has other ranges or lengths.
                        negated[i] = torch._neg_view(-tensor)
                        self.assertTrue(torch.equal(call(*negated), call(*tensors)), (name, names[i]))

    def test_negative_float8(self):
        for name, names, tensors, call, _ in self.each(input_type=FP8, m=36):
            for i, tensor in enumerate(tensors):
                if tensor.dtype == FP8:
                    with self.assertRaisesRegex(RuntimeError, "neg.*not implemented for 'Float8_e4m3fn'"):
                        call(*tensors[:i], torch._neg_view(tensor), *tensors[i + 1 :])

    def test_negative_out(self):
        for device in DEVICES:
            tensors = make_logits(device, m=15)
            out = torch.zeros(15, 300, device=device)
            for _ in range(2):
                mqa.logits_out(*tensors, out, clean=True)
            negated = torch._neg_view(torch.zeros(15, 300, device=device))
            for function in (mqa.logits_out, torch.ops.mqa.logits_out):
                with self.assertRaisesRegex(ValueError, "out is negated or conjugated lazily"):
                    function(*tensors, negated, clean=True)

    def test_imaginary_part_of_a_conjugate(self):
        for device in DEVICES:
            q, k, scale, _, ks, ke = make_logits(device, m=16, h=1)
            complex_ = torch.randn(16, 1, dtype=torch.complex64, device=device)
            for _ in range(2):
                mqa.logits(q, k, scale, complex_.imag, ks, ke, clean=True)
            view = complex_.conj().imag
            self.assertTrue(view.is_neg())
            expected = mqa.logits(q, k, scale, view.resolve_neg(), ks, ke, clean=True)
            self.assertTrue(torch.equal(mqa.logits(q, k, scale, view, ks, ke, clean=True), expected))

    def test_requires_grad(self):
        for name, names, tensors, call, expected in self.each(m=17):
            for i, tensor in enumerate(tensors):
                if not is_float(tensor):
                    continue
                asking = tensors[:i] + [tensor.detach().requires_grad_()] + tensors[i + 1 :]
                if name in DIFFERENTIABLE:
                    recorded = call(*asking)
                    self.assertTrue(recorded.requires_grad)
                    self.assertTrue(torch.equal(recorded.detach(), expected), name)
                else:
                    with self.assertRaisesRegex((ValueError, AssertionError), f"{names[i]} requires grad, and mqa"):
                        call(*asking)
                for guard in (torch.no_grad, torch.inference_mode):
                    with guard():
                        self.assertTrue(torch.equal(call(*asking), expected), name)

    def test_tangent(self):
        for name, names, tensors, call, expected in self.each(m=18):
            with forward_ad.dual_level():
                self.assertTrue(torch.equal(call(*tensors), expected))
                i = names.index("weights")
                dual = tensors[:i] + [forward_ad.make_dual(tensors[i], tensors[i])] + tensors[i + 1 :]
                with self.assertRaisesRegex((ValueError, AssertionError), "weights has a tangent, and mqa"):
                    call(*dual)

    def test_subclasses(self):
        for name, names, tensors, call, expected in self.each(m=19):
            for i, tensor in enumerate(tensors):
                Wrapped.seen.clear()
                wrapped = tensors[:i] + [Wrapped(tensor)] + tensors[i + 1 :]
                self.assertTrue(torch.equal(call(*wrapped), expected), (name, names[i]))
                self.assertTrue(any(op.startswith("mqa.") for op in Wrapped.seen), (name, names[i]))

    def test_parameters(self):
        for name, names, tensors, call, expected in self.each(m=20):
            i = names.index("weights")
            parameter = torch.nn.Parameter(tensors[i], requires_grad=False)
            self.assertTrue(torch.equal(call(*tensors[:i], parameter, *tensors[i + 1 :]), expected), name)

    def test_jit_trace(self):
        for name, _, tensors, call, _ in self.each(m=21):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                traced = torch.jit.trace(lambda *t: call(*t).relu(), tuple(tensors), check_trace=False)
            self.assertIn("mqa::", str(traced.graph), name)
            other = [t.flip(0).contiguous() if t.dtype == torch.float32 and t.dim() == 2 else t for t in tensors]
            self.assertTrue(torch.equal(traced(*other), call(*other).relu()), name)

    def test_jit_trace_of_a_prepared_launch(self):
        for device in DEVICES:
            tensors = make_logits(device, m=22)
            out = torch.zeros(22, 300, device=device)
            launch = mqa.prepare_logits(*tensors, out)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                traced = torch.jit.trace(lambda x: (launch(), x + out)[1], (torch.zeros(1, device=device),), check_trace=False)
            self.assertIn("mqa::logits_out", str(traced.graph))

    def test_make_fx(self):
        for name, _, tensors, call, expected in self.each(m=23):
            graph = make_fx(call)(*tensors)
            self.assertIn("torch.ops.mqa.", graph.code, name)
            self.assertTrue(torch.equal(graph(*tensors), expected), name)

    def test_no_tensors(self):
        for name, names, tensors, call, _ in self.each(m=38):
            if name.startswith("ops."):
                continue  # PyTorch checks those, by their schema.
            for i, operand in enumerate(names):
                optional = operand in ("k_scale", "weights")
                for wrong in (0, 1.5, [1]) if optional else (None, 0, 1.5, [1]):
                    found = "None" if wrong is None else type(wrong).__name__
                    with self.assertRaisesRegex(TypeError, f"{operand} must be a (torch.Tensor|pair).*, found {found}"):
                        call(*tensors[:i], wrong, *tensors[i + 1 :])
        with self.assertRaisesRegex(TypeError, "out must be a torch.Tensor, found None"):
            mqa.logits_out(*make_logits("cpu"), None)

    def test_symbolic_trace(self):
        for name, _, tensors, call, expected in self.each(m=35):
            # Only functions that leave what they are given to PyTorch can be traced with values that are no tensors.
            if name in ("logits", "paged_logits"):
                function = getattr(mqa, name)
                columns = () if name == "logits" else (80,)
                graph = torch.fx.symbolic_trace(
                    lambda a, b, c, d, e, f: function(a, b, c, d, e, f, *columns, clean=True)
                )
                self.assertTrue(torch.equal(graph(*tensors), expected), name)

    def test_fake_mode(self):
        for name, names, tensors, call, expected in self.each(m=24):
            mode = FakeTensorMode(allow_non_fake_inputs=True)
            fakes = [mode.from_tensor(tensor) for tensor in tensors]
            every = [(fakes, names)]
            every += [(tensors[:i] + [fakes[i]] + tensors[i + 1 :], names[i]) for i in range(len(tensors))]
            for arguments, what in every + [(tensors, "none")]:
                with mode:
                    out = call(*arguments)
                self.assertIsInstance(out, FakeTensor, (name, what))
                self.assertEqual((out.shape, out.stride(), out.dtype), (expected.shape, expected.stride(), expected.dtype))

    def test_transforms(self):
        for name, names, tensors, call, expected in self.each(m=25):
            i = names.index("weights")
            if "out" in name or "deep" in name:
                with self.assertRaisesRegex(RuntimeError, "mqa::.*logits_out.*alias annotations"):
                    torch.func.functionalize(call)(*tensors)
            else:
                self.assertTrue(torch.equal(torch.func.functionalize(call)(*tensors), expected), name)
            with self.assertRaisesRegex((ValueError, AssertionError), "weights requires grad, and mqa"):
                torch.func.grad(lambda w: call(*tensors[:i], w, *tensors[i + 1 :]).sum())(tensors[i])
            if name in ("logits", "ops.logits", "paged_logits", "ops.paged_logits"):
                both = torch.stack([tensors[i], tensors[i] * 2])
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    out = torch.vmap(lambda w: call(*tensors[:i], w, *tensors[i + 1 :]))(both)
                for weights, row in zip(both, out):
                    self.assertTrue(torch.equal(row, call(*tensors[:i], weights, *tensors[i + 1 :])), name)


class UnknownTest(KnownTest):
    """The same where the module of the launcher was not built: no tensors are known."""

    knows = False

    def setUp(self):
        self.launched = []
        self.patch(launches, "is_watched", launches._is_watched)
        for module in (torch_ops, torch_library, deep_gemm):
            for name in ("run", "run_plain", "looks_plain"):
                if hasattr(module, name):
                    function = launches._looks_plain if name == "looks_plain" else self.note(launches._run)
                    self.patch(module, name, function)


class ExportsTest(KnownLaunchCase):
    def test_found(self):
        """In the versions of PyTorch that were tested. Elsewhere launches take longer."""
        self.assertFalse(launches._launcher.asks_python())


class AskedInPythonTest(KnownTest):
    """The same where PyTorch's libraries do not have what the module of the launcher looks for."""

    def setUp(self):
        if launches._launcher is None:
            self.skipTest("the launcher was not built")
        # Without examples it uses nothing of them.
        launcher = type(launches._launcher)(torch.Tensor, torch.Tensor.__dlpack_c_exchange_api__, plain.QUESTIONS, ())
        self.assertTrue(launcher.asks_python())
        self.patch(launches, "_launcher", launcher)
        self.patch(launches, "is_watched", launcher.is_watched)
        for module in (torch_ops, torch_library, deep_gemm):
            for name, method in (("run", "run"), ("run_plain", "run_plain"), ("looks_plain", "is_plain")):
                if hasattr(module, name):
                    self.patch(module, name, getattr(launcher, method))
        super().setUp()


class PreparedTest(TorchCase):
    """A prepared launch keeps addresses: what was true of the tensors must stay so."""

    def test_refuses(self):
        q, k, scale, weights, ks, ke = make_logits("cpu", m=26)
        out = torch.zeros(26, 300)
        with self.assertRaisesRegex(ValueError, "prepare_logits keeps addresses of tensors, but weights is negated"):
            mqa.prepare_logits(q, k, scale, torch._neg_view(weights), ks, ke, out)
        with self.assertRaisesRegex(ValueError, "weights requires grad, and mqa.prepare_logits has no derivative"):
            mqa.prepare_logits(q, k, scale, weights.clone().requires_grad_(), ks, ke, out)
        with self.assertRaisesRegex(ValueError, "prepare_logits keeps addresses of tensors, but k is a Wrapped"):
            mqa.prepare_logits(q, Wrapped(k), scale, weights, ks, ke, out)
        with self.assertRaisesRegex(TypeError, "ke must be a torch.Tensor, found None"):
            mqa.prepare_logits(q, k, scale, weights, ks, None, out)

    def test_grad_that_comes_later(self):
        tensors = make_logits("cpu", m=27)
        launch = mqa.prepare_logits(*tensors, torch.zeros(27, 300))
        launch()
        tensors[3].requires_grad_()
        with self.assertRaisesRegex(ValueError, "weights requires grad, and mqa"):
            launch()
        with torch.no_grad():
            launch()


if __name__ == "__main__":
    unittest.main()
