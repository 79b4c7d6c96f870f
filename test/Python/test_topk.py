# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.topk on PyTorch tensors: against sorted rows, under torch.library's checks, torch.compile and CUDA graphs.

Skipped where there is no PyTorch; what launches, where the compiler does not know the op.
"""
import unittest
import unittest.mock

from topk_cases import TopkCase, make_logits, make_ranges, needs_topk, reference
from devices import DEVICES

import mqa
import torch
from mqa import launches, topk_library, topk_ops



def to(device, values):
    return {name: v.to(device) if isinstance(v, torch.Tensor) else v for name, v in values.items()}


@needs_topk
class TopkTest(TopkCase):
    def run_case(self, logits, ke, k, **options):
        expected, expected_values = reference(logits, ke, k, **options)
        order = options.get("order", "key")
        for device in DEVICES:
            own = to(device, options)
            first = logits.to(device), None if ke is None else ke.to(device)
            indices, values = mqa.topk(*first, k, **own, return_values=True)
            self.check(indices, expected, order)
            if order != "any":
                self.check_values(values, expected_values)
            self.check(mqa.topk(*first, k, **own), expected, order)

    def test_types_and_orders(self):
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            for order in ("key", "score", "any"):
                for tie_break in ("smallest", "greatest"):
                    logits = make_logits(dtype=dtype)
                    ks, ke = make_ranges(*logits.shape)
                    self.run_case(logits, ke, 32, ks=ks, order=order, tie_break=tie_break)

    def test_bases_and_offset(self):
        logits = make_logits()
        ks, ke = make_ranges(*logits.shape)
        offset = torch.arange(23, dtype=torch.int32) * 1000
        for base in ("relative", "absolute"):
            self.run_case(logits, ke, 17, ks=ks, base=base, offset=offset)
        self.run_case(logits, ke, 17)

    def test_forced(self):
        logits = make_logits()
        ks, ke = make_ranges(*logits.shape)
        for first, last in ((4, 0), (0, 4), (3, 13), (16, 0)):
            self.run_case(logits, ke, 16, ks=ks, force_first=first, force_last=last, order="score")

    def test_compressed(self):
        logits = make_logits()
        ks, ke = make_ranges(23, 900)
        for num_keys in (None, 500):
            self.run_case(logits, ke, 20, ks=ks, compressed=True, num_keys=num_keys, base="absolute")

    def test_context_lens_and_slots(self):
        logits = make_logits(m=24)
        table = torch.randperm(12 * 20).to(torch.int32).view(12, 20)
        lens = make_ranges(24, 320)[1]
        self.run_case(logits, None, 20, context_lens=lens.view(12, 2))
        self.run_case(logits, None, 20, context_lens=lens[:12].contiguous())
        self.run_case(logits, None, 20, context_lens=lens.view(12, 2), block_table=table, block_kv=16, base="slot")
        self.run_case(logits, lens, 20, block_table=table, block_kv=16, base="slot")
        sequence = torch.randint(0, 12, (24,), dtype=torch.int32)
        self.run_case(logits, lens, 20, block_table=table, sequence=sequence, block_kv=16, base="slot")
        slots = {"block_table": table, "sequence": sequence, "block_kv": 16, "base": "slot"}
        for device in DEVICES:
            moved = {n: v.to(device) if isinstance(v, torch.Tensor) else v for n, v in slots.items()}
            own = logits.to(device), lens.to(device)
            expected = mqa.topk(*own, 20, **moved)
            self.assertTrue(torch.equal(mqa.topk(own[0], None, 20, context_lens=own[1], **moved), expected))

    def test_sizes(self):
        """k beyond the columns, no rows, no columns."""
        ks, ke = make_ranges(23, 300)
        self.run_case(make_logits(), ke, 400, ks=ks)
        self.run_case(make_logits(m=0), ke[:0], 4, ks=ks[:0])
        self.run_case(make_logits(n=0), ke, 4, ks=ks)
        self.run_case(make_logits(n=1), ke, 1)

    def test_out_and_strides(self):
        for device in DEVICES:
            logits = make_logits(n=320).to(device)[:, :300]
            ks, ke = (t.to(device) for t in make_ranges(23, 300))
            expected, expected_values = reference(logits.cpu(), ke.cpu(), 30, ks=ks.cpu())
            indices = torch.full((23, 37), 7, dtype=torch.int32, device=device)
            values = torch.full((23, 41), 7.0, device=device)
            mqa.topk_out(logits, ke, indices[:, :30], values[:, :30], ks=ks)
            self.check(indices[:, :30], expected)
            self.check_values(values[:, :30], expected_values)
            self.assertTrue((indices[:, 30:] == 7).all().item() and (values[:, 30:] == 7).all().item())
            prepared = mqa.prepare_topk(logits, ke, indices[:, :30], ks=ks)
            for _ in range(2):
                indices.fill_(7)
                prepared()
                self.check(indices[:, :30], expected)

    def test_library(self):
        """What PyTorch asks of an op: schema, fake kernel, tracing with dynamic sizes."""
        # opcheck takes NaN for different from itself.
        logits = make_logits(n=64).nan_to_num(1.5)
        ks, ke = make_ranges(23, 64)
        table = torch.zeros(23, 8, dtype=torch.int32)
        options = {"ks": ks, "order": "score"}
        slots = {"block_table": table, "block_kv": 16, "base": "slot"}
        indices, values = torch.empty(23, 9, dtype=torch.int32), torch.empty(23, 9)
        for op, arguments, own in (
            (torch.ops.mqa.topk, (logits, ke, 9), options),
            (torch.ops.mqa.topk, (logits, ke, 9), slots),
            (torch.ops.mqa.topk_values, (logits, ke, 9), options),
            (torch.ops.mqa.topk_out, (logits, ke, indices), options),
            (torch.ops.mqa.topk_out, (logits, ke, indices, values), options),
        ):
            torch.library.opcheck(op.default, arguments, own)

    def test_compile(self):
        logits, (ks, ke) = make_logits(), make_ranges(23, 300)
        expected = reference(logits, ke, 12, ks=ks)

        def function(logits, ke, ks):
            indices, values = mqa.topk(logits, ke, 12, ks=ks, return_values=True)
            return indices + 0, values

        for dynamic in (False, True):
            compiled = torch.compile(function, fullgraph=True, dynamic=dynamic, backend="aot_eager")
            indices, values = compiled(logits, ke, ks)
            self.check(indices, expected[0])
            self.check_values(values, expected[1])

    @unittest.skipUnless(torch.cuda.is_available(), "needs a GPU")
    def test_graph(self):
        logits, (ks, ke) = make_logits().cuda(), (t.cuda() for t in make_ranges(23, 300))
        indices = torch.empty(23, 12, dtype=torch.int32, device="cuda")
        mqa.topk_out(logits, ke, indices, ks=ks)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            mqa.topk_out(logits, ke, indices, ks=ks)
        for seed in range(5):
            logits.copy_(make_logits(seed=seed))
            ke.copy_(make_ranges(23, 300, seed=seed)[1])
            graph.replay()
            self.check(indices, reference(logits.cpu(), ke.cpu(), 12, ks=ks.cpu())[0])


@needs_topk
@unittest.skipUnless(launches._launcher, "PyTorch here has no exchange API, or the launcher was not built")
class TopkKnownLaunchTest(TopkCase):
    """The second launch on tensors alike is one call of the runtime; here on a CPU too."""

    def setUp(self):
        self.launched = []
        self.patch(launches, "_launches_on_cpu", True)
        for module, name in ((topk_ops, "run"), (topk_ops, "run_plain"), (topk_library, "run_plain")):
            self.patch(module, name, self.note(getattr(module, name)))

    def note(self, run):
        return lambda *arguments: self.launched.append(run(*arguments)) or self.launched[-1]

    def patch(self, *arguments):
        patch = unittest.mock.patch.object(*arguments)
        patch.start()
        self.addCleanup(patch.stop)

    def test_launches_are_known(self):
        for n, function in ((301, mqa.topk), (302, torch.ops.mqa.topk)):
            logits, (ks, ke) = make_logits(n=n), make_ranges(23, n)
            for k, launched in ((12, False), (12, True), (13, False), (12, True)):
                self.check(function(logits, ke, k, ks=ks), reference(logits, ke, k, ks=ks)[0])
                self.assertEqual(self.launched.pop(), launched, (n, k))
            # Other options, other operands, other numbers of keys.
            for options in ({"order": "score"}, {"offset": ks}, {"force_first": 3}, {"compressed": True, "num_keys": 290},
                            {"compressed": True, "num_keys": 291}):  # fmt: skip
                for launched in (False, True):
                    self.check(function(logits, ke, 12, ks=ks, **options), reference(logits, ke, 12, ks=ks, **options)[0])
                    self.assertEqual(self.launched.pop(), launched, options)

    def test_out(self):
        logits, (ks, ke) = make_logits(n=303), make_ranges(23, 303)
        indices, values = torch.empty(23, 12, dtype=torch.int32), torch.empty(23, 12)
        for launched in (False, True):
            indices.fill_(7)
            mqa.topk_out(logits, ke, indices, values, ks=ks)
            self.check(indices, reference(logits, ke, 12, ks=ks)[0])
            self.assertEqual(self.launched.pop(), launched)

    def test_wrong_tensors_are_found_again(self):
        """What the runtime refuses is launched from Python, which says what is wrong."""
        logits, (ks, ke) = make_logits(n=304), make_ranges(23, 304)
        mqa.topk(logits, ke, 12, ks=ks)
        indices = torch.empty(23, 12, dtype=torch.int32)
        mqa.topk_out(logits, ke, indices, ks=ks)
        with self.assertRaisesRegex(ValueError, "indices and ke overlap"):
            joined = torch.zeros(23 * 12 + 22, dtype=torch.int32)
            mqa.topk_out(logits, joined[23 * 12 - 1 :], joined[: 23 * 12].view(23, 12), ks=ks)


class TopkErrorsTest(unittest.TestCase):
    """What is refused before a kernel is looked for, by the functions and by fake kernels."""

    def setUp(self):
        self.logits, (self.ks, self.ke) = make_logits(), make_ranges(23, 300)

    def expect(self, message, error=ValueError, **options):
        arguments = {"logits": self.logits, "ke": self.ke, "k": 8, **options}
        with self.assertRaisesRegex(error, message):
            mqa.topk(**arguments)
        if error is ValueError:
            with torch._subclasses.FakeTensorMode(allow_non_fake_inputs=True) as mode, self.assertRaisesRegex(error, message):
                fake = {n: mode.from_tensor(v) if isinstance(v, torch.Tensor) else v for n, v in arguments.items()}
                mqa.topk(**fake)

    def test_options(self):
        self.expect("k must be an integer, from 1 to 4096, found 0", k=0)
        self.expect("k must be an integer, from 1 to 4096, found 4097", k=4097)
        self.expect("tie_break must be one of smallest, greatest, found 'first'", tie_break="first")
        self.expect("order must be one of key, score, any, found 'logit'", order="logit")
        self.expect("base must be one of relative, absolute, slot, found 'cache'", base="cache")
        self.expect("force_first must be an integer, from 0 to 8, found 9", force_first=9)
        self.expect("at most k = 8 together, found 4 and 5", force_first=4, force_last=5)
        self.expect("num_keys is for compressed logits", num_keys=4)
        self.expect("num_keys must be ", num_keys=-4, compressed=True)
        self.expect("block_kv is for base='slot', found 16", block_kv=16)

    def test_tensors(self):
        table, lens = torch.zeros(23, 4, dtype=torch.int32), torch.zeros(23, dtype=torch.int32)
        slot = {"base": "slot", "block_table": table, "block_kv": 16}
        self.expect("either ke or context_lens must be given, found neither", ke=None)
        self.expect("either ke or context_lens must be given, found both", context_lens=lens)
        self.expect("ks cannot be given with context_lens", ke=None, context_lens=lens, ks=self.ks)
        self.expect("block_table must be given with base='slot' and only then", base="slot", block_kv=16)
        self.expect("block_table must be given with base='slot' and only then", block_table=table)
        self.expect("sequence names rows of block_table, found none", sequence=lens)
        self.expect("block_kv must be a power of two from 1 to 65536, found 48", **{**slot, "block_kv": 48})
        self.expect("as many rows for each of the 5 rows of context_lens, found 23", ke=None, context_lens=lens[:5])
        self.expect("as many rows for each of the 4 rows of block_table", **{**slot, "block_table": table[:4]})
        self.expect("logits must have a dtype of f32, bf16, f16, found torch.float64", logits=self.logits.double())
        self.expect("logits must be contiguous from dimension 1 on", logits=self.logits.t().contiguous().t())
        self.expect("logits must be \\* x \\*, found 300", logits=self.logits[0])
        self.expect("ke must be 23, found 22", ke=self.ke[:22])
        self.expect("ks must have dtype torch.int32, found torch.int64", ks=self.ks.long())
        self.expect("offset must be 23, found 300", offset=torch.zeros(300, dtype=torch.int32))
        self.expect("ke must be a torch.Tensor, found list", TypeError, ke=[1])

    def test_outputs(self):
        indices, values = torch.empty(23, 8, dtype=torch.int32), torch.empty(23, 8)
        for message, outputs in (
            ("indices must have dtype torch.int32, found torch.int64", (indices.long(), None)),
            ("values must be 23 x 8, found 23 x 7", (indices, values[:, :7].contiguous())),
            ("values must have dtype torch.float32, found torch.bfloat16", (indices, values.bfloat16())),
            ("indices must be contiguous from dimension 1 on", (indices.t().contiguous().t(), None)),
            ("k must be an integer, from 1 to 4096, found 0", (indices[:, :0], None)),
            ("indices is negated or conjugated lazily", (torch._neg_view(indices), None)),
        ):
            with self.assertRaisesRegex(ValueError, message):
                mqa.topk_out(self.logits, self.ke, *outputs)

    def test_derivative(self):
        logits = self.logits.clone().requires_grad_()
        with self.assertRaisesRegex(ValueError, "logits requires grad, and mqa.topk has no derivative"):
            mqa.topk(logits, self.ke, 8)
        with self.assertRaisesRegex(ValueError, "logits requires grad, and mqa.topk_values has no derivative"):
            mqa.topk(logits, self.ke, 8, return_values=True)


if __name__ == "__main__":
    unittest.main()
