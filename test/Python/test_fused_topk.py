# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.logits_topk and mqa.paged_logits_topk on PyTorch tensors: against mqa.topk on mqa.logits, bit for bit, under
torch.library's checks, torch.compile and CUDA graphs.

Skipped where there is no PyTorch; what launches, where the compiler cannot make one kernel of both.
"""
import contextlib
import unittest
import unittest.mock

from topk_cases import TopkCase
from devices import DEVICES, get_target
from torch_cases import FP8, make_logits, make_paged

import mqa
import torch
from mqa import driver_memory, fused_launches, library, scratch

OP = library.FusedOp(library.Op(get_target(), 2, 32), library.TopkOp(get_target(), 4))


def has_fusion():
    """Whatever else is wrong with the compiler is found by the tests."""
    try:
        library.find(OP, 1 if OP.target == "cpu" else 0)
    except (LookupError, ValueError) as error:
        print("no fused kernels:", error)
        return False
    return True


needs_fusion = unittest.skipUnless(has_fusion(), "the compiler makes no kernel of logits and top-k")


def make(device="cpu", m=50, n=300, h=4, d=32, **options):
    """Few distinct logits, so that ties count."""
    q, k, scale, weights, ks, ke = make_logits(device, m=m, n=n, h=h, d=d, **options)
    return [q, k, (scale * 4).round() / 4, (weights * 2).round(), ks, ke]


def make_cache(device="cpu", **options):
    q, cache, weights, lens, table = make_paged(device, h=4, d=32, **options)
    k, scale = mqa.split_cache(cache, 32)
    return [q, k, scale, weights, lens, table]


def to_bf16(tensors):
    """opcheck compares tensors, which PyTorch cannot do with float8."""
    q, k, scale, *others = tensors
    return [q.bfloat16(), k.bfloat16(), scale.clone(), *others]


class FusedCase(TopkCase):
    # Options of the logits; all others are of the selection.
    OF_LOGITS = ("relu", "fast", "dtype")

    def run_logits(self, tensors, topk, **options):
        of_logits = {name: options[name] for name in self.OF_LOGITS if name in options}
        for device in DEVICES:
            own = [None if t is None else t.to(device) for t in tensors]
            moved = {n: v.to(device) if isinstance(v, torch.Tensor) else v for n, v in options.items()}
            logits = mqa.logits(*own, **of_logits)
            selection = {n: v for n, v in moved.items() if n not in self.OF_LOGITS}
            expected, expected_values = mqa.topk(logits, own[5], topk, ks=own[4], **selection, return_values=True)
            self.check_both(lambda **more: mqa.logits_topk(*own, topk, **moved, **more), expected, expected_values, options)

    def run_paged(self, tensors, topk, columns, **options):
        of_logits = {name: options[name] for name in ("relu", "dtype") if name in options}
        for device in DEVICES:
            own = [None if t is None else t.to(device) for t in tensors]
            moved = {n: v.to(device) if isinstance(v, torch.Tensor) else v for n, v in options.items()}
            logits = mqa.paged_logits(*own, columns, **of_logits)
            selection = {n: v for n, v in moved.items() if n not in self.OF_LOGITS}
            if options.get("base") == "slot":
                selection.update(block_table=own[5], block_kv=own[1].size(1))
            expected, expected_values = mqa.topk(logits, None, topk, context_lens=own[4], **selection, return_values=True)
            self.check_both(lambda **more: mqa.paged_logits_topk(*own, topk, columns, **moved, **more), expected,
                            expected_values, options)  # fmt: skip

    def check_both(self, function, expected, expected_values, options):
        order = options.get("order", "key")
        indices, values = function(return_values=True)
        self.check(indices, expected, order)
        if order != "any":
            self.check_values(values, expected_values.cpu())
        self.check(function(), expected, order)


@needs_fusion
class LogitsTopkTest(FusedCase):
    def test_types_and_orders(self):
        for dtype, order in ((torch.float32, "score"), (torch.bfloat16, "any"), (torch.float16, "key")):
            self.run_logits(make(), 32, dtype=dtype, order=order, tie_break="greatest")
        for type in (torch.float8_e5m2, torch.float16):
            q, k, *others = make()
            self.run_logits([q.float().to(type), k.float().to(type), *others], 32)

    def test_bases_offset_and_forced(self):
        offset = torch.arange(50, dtype=torch.int32) * 1000
        for base in ("relative", "absolute"):
            self.run_logits(make(), 17, base=base, offset=offset)
        self.run_logits(make(), 17, force_first=3, force_last=13, order="score", relu=False)

    def test_slots(self):
        table = torch.randperm(10 * 20).to(torch.int32).view(10, 20)
        slots = {"base": "slot", "block_table": table, "block_kv": 16}
        self.run_logits(make(), 20, **slots)
        self.run_logits(make(), 20, **slots, sequence=torch.randint(0, 10, (50,), dtype=torch.int32))

    def test_absent_operands_and_groups(self):
        q, k, scale, weights, ks, ke = make()
        self.run_logits([q, k, None, None, ks, ke], 20)
        k = torch.randn(300, 2, 32).to(FP8)
        self.run_logits([q, k, torch.rand(300, 2), weights, ks, ke], 20)

    def test_sizes(self):
        self.run_logits(make(), 400)
        q, k, scale, weights, ks, ke = make()
        self.run_logits([q[:0], k, scale, weights[:0], ks[:0], ke[:0]], 4)
        self.run_logits([q, k[:0], scale[:0], weights, ks, ke], 4)
        self.run_logits(make(m=1, n=5000), 100)

    def test_out_and_strides(self):
        for device in DEVICES:
            tensors = make(device)
            expected, expected_values = mqa.logits_topk(*tensors, 30, return_values=True)
            indices = torch.full((50, 37), 7, dtype=torch.int32, device=device)
            values = torch.full((50, 41), 7.0, device=device)
            mqa.logits_topk_out(*tensors, indices[:, :30], values[:, :30])
            self.check(indices[:, :30], expected)
            self.check_values(values[:, :30], expected_values.cpu())
            self.assertTrue((indices[:, 30:] == 7).all().item() and (values[:, 30:] == 7).all().item())
            prepared = mqa.prepare_logits_topk(*tensors, indices[:, :30])
            for _ in range(2):
                indices.fill_(7)
                prepared()
                self.check(indices[:, :30], expected)

    def test_library(self):
        """What PyTorch asks of an op: schema, fake kernel, tracing with dynamic sizes."""
        tensors, options = to_bf16(make(m=12, n=40)), {"order": "score", "offset": torch.arange(12, dtype=torch.int32)}
        indices, values = torch.empty(12, 9, dtype=torch.int32), torch.empty(12, 9)
        for op, arguments in (
            (torch.ops.mqa.logits_topk, (*tensors, 9)),
            (torch.ops.mqa.logits_topk_values, (*tensors, 9)),
            (torch.ops.mqa.logits_topk_out, (*tensors, indices)),
            (torch.ops.mqa.logits_topk_out, (*tensors, indices, values)),
        ):
            torch.library.opcheck(op.default, arguments, options)

    def test_compile(self):
        tensors = make()
        expected = mqa.logits_topk(*tensors, 12, return_values=True)

        def function(*tensors):
            indices, values = mqa.logits_topk(*tensors, 12, return_values=True)
            return indices + 0, values

        for dynamic in (False, True):
            compiled = torch.compile(function, fullgraph=True, dynamic=dynamic, backend="aot_eager")
            indices, values = compiled(*tensors)
            self.check(indices, expected[0])
            self.check_values(values, expected[1])

    @unittest.skipUnless(torch.cuda.is_available(), "needs a GPU")
    def test_graph(self):
        """A graph has memory of its own, and launches beside it keep theirs."""
        tensors = make("cuda")
        indices = torch.empty(50, 12, dtype=torch.int32, device="cuda")
        mqa.logits_topk_out(*tensors, indices)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            mqa.logits_topk_out(*tensors, indices)
        for seed in range(5):
            for tensor, other in zip(tensors, make("cuda", seed=seed)):
                tensor.copy_(other)
            expected = mqa.logits_topk(*tensors, 12)
            indices.fill_(7)
            graph.replay()
            self.check(indices, expected)


@needs_fusion
class PagedLogitsTopkTest(FusedCase):
    def test_lengths_and_orders(self):
        for next_n in (1, 2):
            q, k, scale, weights, lens, table = make_cache(next_n=next_n)
            for own, order in ((lens, "key"), (lens[:, 0].contiguous(), "score")):
                self.run_paged([q, k, scale, weights, own, table], 20, 320, order=order)

    def test_bases_offset_and_types(self):
        tensors, offset = make_cache(), torch.arange(10, dtype=torch.int32) * 1000
        for base in ("relative", "absolute", "slot"):
            self.run_paged(tensors, 17, 300, base=base, offset=offset, dtype=torch.bfloat16)

    def test_sizes(self):
        tensors = make_cache()
        self.run_paged(tensors, 400, 320)
        self.run_paged(tensors, 4, 100)
        self.run_paged(tensors, 4, 0)
        q, k, scale, weights, lens, table = tensors
        self.run_paged([q[:0], k, scale, weights[:0], lens[:0], table[:0]], 4, 320)

    def test_out_and_prepared(self):
        for device in DEVICES:
            tensors = make_cache(device)
            expected, expected_values = mqa.paged_logits_topk(*tensors, 30, 300, return_values=True)
            indices = torch.full((10, 37), 7, dtype=torch.int32, device=device)
            values = torch.full((10, 41), 7.0, device=device)
            mqa.paged_logits_topk_out(*tensors, 300, indices[:, :30], values[:, :30])
            self.check(indices[:, :30], expected)
            self.check_values(values[:, :30], expected_values.cpu())
            self.assertTrue((indices[:, 30:] == 7).all().item() and (values[:, 30:] == 7).all().item())
            prepared = mqa.prepare_paged_logits_topk(*tensors, 300, indices[:, :30])
            tensors[4].fill_(50)
            prepared()
            self.check(indices[:, :30], mqa.paged_logits_topk(*tensors, 30, 300))

    def test_library(self):
        tensors, options = to_bf16(make_cache(longest=100)), {"order": "score", "base": "slot"}
        indices, values = torch.empty(10, 9, dtype=torch.int32), torch.empty(10, 9)
        for op, arguments in (
            (torch.ops.mqa.paged_logits_topk, (*tensors, 9, 100)),
            (torch.ops.mqa.paged_logits_topk_values, (*tensors, 9, 100)),
            (torch.ops.mqa.paged_logits_topk_out, (*tensors, 100, indices)),
            (torch.ops.mqa.paged_logits_topk_out, (*tensors, 100, indices, values)),
        ):
            torch.library.opcheck(op.default, arguments, options)

    def test_compile(self):
        tensors = make_cache()
        expected = mqa.paged_logits_topk(*tensors, 12, 300)
        function = torch.compile(lambda *t: mqa.paged_logits_topk(*t, 12, 300) + 0, fullgraph=True, backend="aot_eager")
        self.check(function(*tensors), expected)


class ScratchTest(unittest.TestCase):
    """Memory that launches work in, on a stand-in for a plan."""

    def setUp(self):
        for target, value in (("_kept", {}), ("_MAX_PIECES", 3)):
            patch = unittest.mock.patch.object(scratch, target, value)
            patch.start()
            self.addCleanup(patch.stop)

    def get(self, size, kernel=1, stream=5, capturing=False, zeroed=True):
        plan = unittest.mock.Mock(scratch_size=size, device_index=0, needs_zeroed_scratch=zeroed)
        plan.kernel.address = kernel
        with unittest.mock.patch.object(torch.cuda, "is_current_stream_capturing", lambda: capturing):
            memory, stays = scratch.get(plan, torch.device("cpu"), stream)
        self.assertEqual(stays, not capturing)
        return memory

    def test_one_for_each_kernel_and_stream(self):
        first = self.get(100)
        self.assertEqual((first.numel(), first.count_nonzero().item()), (100, 0))
        self.assertIs(self.get(100), first)
        self.assertIs(self.get(50), first)
        self.assertIsNot(self.get(100, kernel=2), first)
        self.assertIsNot(self.get(100, stream=6), first)
        larger = self.get(101)
        self.assertEqual(larger.numel(), 101)
        self.assertIs(self.get(100), larger)

    def test_one_for_all_kernels_that_need_no_zeros(self):
        first = self.get(100, zeroed=False)
        self.assertIs(self.get(50, kernel=2, zeroed=False), first)
        self.assertIsNot(self.get(100), first)
        self.assertIsNot(self.get(100, stream=6, zeroed=False), first)
        # What a launch that failed has left there does not matter.
        plan = unittest.mock.Mock(device_index=0, needs_zeroed_scratch=False)
        scratch.forget(plan, 5)
        self.assertIs(self.get(100, zeroed=False), first)

    def test_a_launch_that_failed(self):
        first = self.get(100)
        plan = unittest.mock.Mock(device_index=0, needs_zeroed_scratch=True)
        plan.kernel.address = 1
        scratch.forget(plan, 5)
        self.assertIsNot(self.get(100), first)

    def test_zeros_cost_where_they_are_needed_alone(self):
        for zeroed in (True, False):
            with (
                unittest.mock.patch.object(torch, "zeros", wraps=torch.zeros) as zeros,
                unittest.mock.patch.object(torch, "empty", wraps=torch.empty) as empty,
            ):
                self.get(100, capturing=True, zeroed=zeroed)
            self.assertEqual((zeros.call_count, empty.call_count), (zeroed, not zeroed))

    def test_all_goes_back_when_it_is_much(self):
        with unittest.mock.patch.object(scratch, "_MAX_BYTES", 250):
            first = self.get(100)
            self.get(100, kernel=2)
            self.assertIs(self.get(100), first)
            third = self.get(100, stream=6)
            self.assertEqual(list(scratch._kept.values()), [third])
            # What is more than that alone is kept alone.
            self.get(1000, kernel=2)
            self.assertEqual([piece.numel() for piece in scratch._kept.values()], [1000])

    def test_a_graph_has_its_own(self):
        first = self.get(100)
        recorded = self.get(100, capturing=True)
        self.assertIsNot(recorded, first)
        self.assertIsNot(self.get(100, capturing=True), recorded)
        self.assertIs(self.get(100), first)

    def test_known_launches_are_forgotten(self):
        """They have the address of memory: before it goes away."""
        kept = scratch._kept
        launcher = unittest.mock.Mock()
        launcher.clear = lambda: cleared.append(dict(kept))
        cleared: list = []
        with unittest.mock.patch.object(scratch.launches, "_launcher", launcher):
            first = self.get(100)
            self.get(50), self.get(100, kernel=2), self.get(200, capturing=True)
            self.assertEqual(cleared, [])
            self.get(101)
            self.assertIs(cleared[0][1, 0, 5], first)
            for kernel in range(3, 6):
                self.get(10, kernel=kernel)
            self.assertEqual(len(cleared), 2)

    def test_not_without_end(self):
        for kernel in range(20):
            self.get(10, kernel=kernel)
            self.assertLessEqual(len(scratch._kept), 3)


class DriverMemoryTest(unittest.TestCase):
    """On a stand-in for the driver."""

    def setUp(self):
        self.calls, self.failing, self.mode = [], None, 0
        self.driver = unittest.mock.Mock(spec_set=("cuMemAlloc_v2", "cuMemFree_v2", "cuMemsetD8Async", "cuGetErrorName",
                                                   "cuThreadExchangeStreamCaptureMode"))  # fmt: skip
        self.driver.cuMemAlloc_v2 = lambda data, size: self.call("alloc", size, data=data)
        self.driver.cuMemFree_v2 = lambda data: self.call("free", data)
        self.driver.cuMemsetD8Async = lambda *arguments: self.call("set", *arguments)
        self.driver.cuThreadExchangeStreamCaptureMode = self.exchange
        self.driver.cuGetErrorName.return_value = 0
        for target, name, value in (
            (driver_memory, "_open", lambda: self.driver),
            (torch.cuda, "device", lambda device: contextlib.nullcontext()),
        ):
            patch = unittest.mock.patch.object(target, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def call(self, name, *arguments, data=None):
        self.calls.append((name, *arguments, self.mode))
        if data is not None and name != self.failing:
            data._obj.value = 4096
        return 2 if name == self.failing else 0

    def exchange(self, mode):
        self.mode, mode._obj.value = mode._obj.value, self.mode
        return 0

    def test_zeroed_on_the_stream(self):
        """While this thread may allocate, whatever another stream records (mode 2); the mode before comes back."""
        memory = driver_memory.DriverMemory(100, torch.device("cuda", 0), 7)
        self.assertEqual((memory.data_ptr(), memory.numel(), self.mode), (4096, 100, 0))
        del memory
        self.assertEqual(self.calls, [("alloc", 100, 2), ("set", 4096, 0, 100, 7, 2), ("free", 4096, 2)])
        self.assertEqual(self.mode, 0)

    def test_failures(self):
        for failing, expected in (("alloc", ["alloc"]), ("set", ["alloc", "set", "free"])):
            self.calls, self.failing = [], failing
            with self.assertRaisesRegex(mqa.Error, "failed: unknown"):
                driver_memory.DriverMemory(100, torch.device("cuda", 0), 7)
            self.assertEqual([name for name, *_ in self.calls], expected)
            self.assertEqual(self.mode, 0)
        # What cannot be freed, as in a forked child, is no error.
        self.failing = "free"
        driver_memory.DriverMemory(100, torch.device("cuda", 0), 7)

    def test_pytorch_gives_back_what_it_does_not_use(self):
        plan = unittest.mock.Mock(scratch_size=100)

        def empty_cache():
            self.failing = None

        self.failing = "alloc"
        with unittest.mock.patch.object(torch.cuda, "empty_cache", empty_cache):
            memory = scratch._make_kept(plan, torch.device("cuda", 0), 7)
        self.assertEqual(memory.numel(), 104)
        self.assertEqual([name for name, *_ in self.calls], ["alloc", "alloc", "set"])

    def test_sizes(self):
        """As much as is needed, and at most an eighth more."""
        for size in (1, 7, 8, 15, 17, 1000, 1 << 20, (1 << 20) + 1, 12345678):
            plan = unittest.mock.Mock(scratch_size=size)
            found = scratch._make_kept(plan, torch.device("cuda", 0), 7).numel()
            self.assertTrue(size <= found <= size * 9 / 8, (size, found))
        self.assertEqual(scratch._make_kept(plan, torch.device("cpu"), None).numel(), 12345678)


class FusedErrorsTest(unittest.TestCase):
    """What is refused before a kernel is looked for, by the functions and by fake kernels."""

    NAMES = ("q", "k", "k_scale", "weights", "ks", "ke")
    PAGED_NAMES = ("q", "k", "k_scale", "weights", "context_lens", "block_table")

    def setUp(self):
        self.tensors = dict(zip(self.NAMES, make()))
        self.paged = dict(zip(self.PAGED_NAMES, make_cache()))

    def expect(self, message, error=ValueError, paged=False, **options):
        function = mqa.paged_logits_topk if paged else mqa.logits_topk
        arguments = {**(self.paged if paged else self.tensors), "topk": 8, **options}
        if paged:
            arguments.setdefault("max_context_len", 300)
        with self.assertRaisesRegex(error, message):
            function(**arguments)
        if error is ValueError:
            with torch._subclasses.FakeTensorMode(allow_non_fake_inputs=True) as mode, self.assertRaisesRegex(error, message):
                fake = {n: mode.from_tensor(v) if isinstance(v, torch.Tensor) else v for n, v in arguments.items()}
                function(**fake)

    def test_options(self):
        for paged in (False, True):
            self.expect("topk must be an integer, from 1 to 4096, found 0", paged=paged, topk=0)
            self.expect("topk must be an integer, from 1 to 4096, found 4097", paged=paged, topk=4097)
            self.expect("tie_break must be one of smallest, greatest, found 'first'", paged=paged, tie_break="first")
            self.expect("order must be one of key, score, any, found 'logit'", paged=paged, order="logit")
            self.expect("base must be one of relative, absolute, slot, found 'cache'", paged=paged, base="cache")
            self.expect("force_first must be an integer, from 0 to 8, found 9", paged=paged, force_first=9)
            self.expect("at most topk = 8 together, found 4 and 5", paged=paged, force_first=4, force_last=5)
            self.expect("dtype must have a dtype of f32, bf16, f16, found", paged=paged, dtype=torch.float64)
        self.expect("block_kv is for base='slot', found 16", block_kv=16)
        self.expect("max_context_len must be at least 0, found -1", paged=True, max_context_len=-1)

    def test_tensors(self):
        table, lens = torch.zeros(50, 4, dtype=torch.int32), torch.zeros(50, dtype=torch.int32)
        slot = {"base": "slot", "block_table": table, "block_kv": 16}
        self.expect("block_table must be given with base='slot' and only then", base="slot", block_kv=16)
        self.expect("block_table must be given with base='slot' and only then", block_table=table)
        self.expect("sequence names rows of block_table, found none", sequence=lens)
        self.expect("block_kv must be a power of two from 1 to 65536, found 48", **{**slot, "block_kv": 48})
        self.expect("q must have as many rows for each of the 4 rows of block_table", **{**slot, "block_table": table[:4]})
        self.expect("offset must be 50, found 300", offset=torch.zeros(300, dtype=torch.int32))
        self.expect("offset must be 10, found 300", paged=True, offset=torch.zeros(300, dtype=torch.int32))
        self.expect("ke must be 50, found 49", ke=self.tensors["ke"][:49])
        self.expect("weights must be 50 x 4, found 50 x 3", weights=torch.zeros(50, 3))
        self.expect("k_scale must have a dtype of f32, found torch.float64", k_scale=self.tensors["k_scale"].double())
        self.expect("q must be M x H x D, found 2 dimensions", q=self.tensors["q"][0])
        self.expect("q must be B x T x H x D, found 3 dimensions", paged=True, q=self.paged["q"][0])
        self.expect("block_table must be 5 x \\*, found 4 x 5", paged=True, block_table=self.paged["block_table"][:4])
        self.expect("ke must be a torch.Tensor, found list", TypeError, ke=[1])
        self.expect("q must be a torch.Tensor, found None", TypeError, q=None)
        self.expect("block_table must be a torch.Tensor, found None", TypeError, paged=True, block_table=None)

    def test_outputs(self):
        indices, values = torch.empty(50, 8, dtype=torch.int32), torch.empty(50, 8)
        for message, outputs in (
            ("indices must have dtype torch.int32, found torch.int64", (indices.long(), None)),
            ("values must be 50 x 8, found 50 x 7", (indices, values[:, :7].contiguous())),
            ("values must have dtype torch.float32, found torch.bfloat16", (indices, values.bfloat16())),
            ("indices must be contiguous from dimension 1 on", (indices.t().contiguous().t(), None)),
            ("topk must be an integer, from 1 to 4096, found 0", (indices[:, :0], None)),
            ("indices is negated or conjugated lazily", (torch._neg_view(indices), None)),
        ):
            with self.assertRaisesRegex(ValueError, message):
                mqa.logits_topk_out(*self.tensors.values(), *outputs)
        for function in (mqa.logits_topk_out, mqa.prepare_logits_topk):
            with self.assertRaisesRegex(TypeError, "indices must be a torch.Tensor, found None"):
                function(*self.tensors.values(), None)

    def test_derivative(self):
        self.tensors["weights"].requires_grad_()
        with self.assertRaisesRegex(ValueError, "weights requires grad, and mqa.logits_topk has no derivative"):
            mqa.logits_topk(*self.tensors.values(), 8)
        with self.assertRaisesRegex(ValueError, "weights requires grad, and mqa.logits_topk_values has no derivative"):
            mqa.logits_topk(*self.tensors.values(), 8, return_values=True)
        with self.assertRaisesRegex(ValueError, "weights requires grad, and mqa.prepare_logits_topk has no derivative"):
            mqa.prepare_logits_topk(*self.tensors.values(), torch.empty(50, 8, dtype=torch.int32))
        self.paged["weights"].requires_grad_()
        with self.assertRaisesRegex(ValueError, "weights requires grad, and mqa.paged_logits_topk has no derivative"):
            mqa.paged_logits_topk(*self.paged.values(), 8, 300)


if __name__ == "__main__":
    unittest.main()
