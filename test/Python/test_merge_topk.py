# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.merge_topk on PyTorch tensors: lists of parts against rows that are sorted as a whole; as test_topk.py.

Skipped where there is no PyTorch.
"""
import random
import unittest

from topk_cases import TopkCase, get_range, make_logits, make_ranges, reference, select
from devices import DEVICES

import mqa
import torch



def make_lists(logits, ke, ks, k, num_lists, tie_break="smallest", seed=0):
    """The best k of each part, keys being dealt out at random, in any order, with padding in between."""
    rng, rows = random.Random(seed), logits.size(0)
    indices = torch.empty(num_lists, rows, k, dtype=torch.int32)
    values = torch.empty(num_lists, rows, k)
    for m in range(rows):
        first, last = get_range(m, logits, ke, ks)
        parts = [[] for _ in range(num_lists)]
        for key in range(first, last):
            rng.choice(parts).append((key, logits[m, key].item()))
        for r, part in enumerate(parts):
            entries = select(part, k, tie_break, "key", 0, 0)
            entries += [(rng.choice((-1, -7, -(2**31))), rng.choice((float("inf"), float("nan"), 1e30)))] * (k - len(entries))
            rng.shuffle(entries)
            indices[r, m] = torch.tensor([key for key, _ in entries], dtype=torch.int32)
            values[r, m] = torch.tensor([value for _, value in entries])
    return indices, values


def cut(ke, n):
    """The kernel does not know how many keys there are."""
    return ke.clamp(max=n)


class MergeTopkTest(TopkCase):
    def run_case(self, logits, ke, k, num_lists, *, ks=None, **options):
        lists = make_lists(logits, ke, ks, k, num_lists, options.get("tie_break", "smallest"))
        expected, expected_values = reference(logits, ke, k, ks=ks, **options)
        order = options.get("order", "key")
        for device in DEVICES:
            inputs = [t.to(device) for t in (*lists, cut(ke, logits.size(1)))]
            own = {"ks": None if ks is None else ks.to(device), **options}
            indices, values = mqa.merge_topk(*inputs, **own, return_values=True)
            self.check(indices, expected, order)
            if order != "any":
                self.check_values(values, expected_values)
                zeros = expected_values == 0
                self.assertTrue(torch.equal(values.cpu()[zeros].signbit(), expected_values[zeros].signbit()))
            self.check(mqa.merge_topk(*inputs, **own), expected, order)

    def test_orders(self):
        logits = make_logits()
        ks, ke = make_ranges(*logits.shape)
        for order in ("key", "score", "any"):
            for tie_break in ("smallest", "greatest"):
                for base in ("relative", "absolute"):
                    self.run_case(logits, ke, 32, 3, ks=ks, order=order, tie_break=tie_break, base=base)

    def test_sizes(self):
        """One list, many, more places than keys, one place, no rows."""
        logits = make_logits()
        ks, ke = make_ranges(*logits.shape)
        self.run_case(logits, ke, 20, 1, ks=ks)
        self.run_case(logits, ke, 20, 50)
        self.run_case(logits, ke, 400, 2, ks=ks)
        self.run_case(logits, ke, 1, 7, order="score")
        self.run_case(make_logits(m=0), ke[:0], 4, 2, ks=ks[:0])
        # No list, no key.
        indices, values = mqa.merge_topk(torch.empty(0, 23, 4, dtype=torch.int32), torch.empty(0, 23, 4), ke, return_values=True)
        self.assertTrue((indices == -1).all() and (values == -float("inf")).all())

    def test_out_and_strides(self):
        logits = make_logits()
        ks, ke = make_ranges(*logits.shape)
        ke = cut(ke, 300)
        expected, expected_values = reference(logits, ke, 30, ks=ks)
        for device in DEVICES:
            lists, scores = make_lists(logits, ke, ks, 30, 4)
            # The lists of a row side by side; and rows of lists with a gap.
            spread = torch.full((4, 23, 37), 2.0**30)
            spread[:, :, :30] = scores
            lists, scores = lists.transpose(0, 1).contiguous().transpose(0, 1).to(device), spread.to(device)[:, :, :30]
            inputs = lists, scores, ke.to(device)
            indices = torch.full((23, 37), 7, dtype=torch.int32, device=device)
            values = torch.full((23, 41), 7.0, device=device)
            own = ks.to(device)
            mqa.merge_topk_out(*inputs, indices[:, :30], values[:, :30], ks=own)
            self.check(indices[:, :30], expected)
            self.check_values(values[:, :30], expected_values)
            self.assertTrue((indices[:, 30:] == 7).all().item() and (values[:, 30:] == 7).all().item())
            prepared = mqa.prepare_merge_topk(*inputs, indices[:, :30], ks=own)
            for _ in range(2):
                indices.fill_(7)
                prepared()
                self.check(indices[:, :30], expected)

    def test_of_topk(self):
        """What ranks do that hold a part of the keys each."""
        logits = make_logits(n=400, seed=3)
        ks, ke = make_ranges(23, 400, seed=3)
        ends = cut(ke, 400)
        lists = []
        for r in range(4):
            own = logits[:, 100 * r : 100 * (r + 1)].contiguous()
            first, last = (ks.clamp(min=0) - 100 * r), ends - 100 * r
            offset = torch.full((23,), 100 * r, dtype=torch.int32)
            lists.append(mqa.topk(own, last, 24, ks=first, offset=offset, base="absolute", return_values=True))
        indices = torch.stack([indices for indices, _ in lists])
        values = torch.stack([values for _, values in lists])
        expected = reference(logits, ke, 24, ks=ks, order="score")
        found = mqa.merge_topk(indices, values, ends, ks=ks, order="score", return_values=True)
        self.check(found[0], expected[0])
        self.check_values(found[1], expected[1])

    def test_library(self):
        """What PyTorch asks of an op: schema, fake kernel, tracing with dynamic sizes."""
        # opcheck takes NaN for different from itself.
        logits = make_logits(n=64).nan_to_num(1.5)
        ks, ke = make_ranges(23, 64)
        inputs = (*make_lists(logits, ke, ks, 9, 3), cut(ke, 64))
        options = {"ks": ks, "order": "score", "base": "absolute"}
        indices, values = torch.empty(23, 9, dtype=torch.int32), torch.empty(23, 9)
        for op, arguments in (
            (torch.ops.mqa.merge_topk, inputs),
            (torch.ops.mqa.merge_topk_values, inputs),
            (torch.ops.mqa.merge_topk_out, (*inputs, indices)),
            (torch.ops.mqa.merge_topk_out, (*inputs, indices, values)),
        ):
            torch.library.opcheck(op.default, arguments, options)

    def test_compile(self):
        logits, (ks, ke) = make_logits(), make_ranges(23, 300)
        expected = reference(logits, ke, 12, ks=ks)
        lists, scores = make_lists(logits, ke, ks, 12, 5)

        def function(lists, scores, ke, ks):
            indices, values = mqa.merge_topk(lists, scores, ke, ks=ks, return_values=True)
            return indices + 0, values

        for dynamic in (False, True):
            compiled = torch.compile(function, fullgraph=True, dynamic=dynamic, backend="aot_eager")
            indices, values = compiled(lists, scores, cut(ke, 300), ks)
            self.check(indices, expected[0])
            self.check_values(values, expected[1])

    @unittest.skipUnless(torch.cuda.is_available(), "needs a GPU")
    def test_graph(self):
        logits, (ks, ke) = make_logits(), make_ranges(23, 300)
        inputs = [t.cuda() for t in (*make_lists(logits, ke, ks, 12, 4), cut(ke, 300), ks)]
        indices = torch.empty(23, 12, dtype=torch.int32, device="cuda")
        mqa.merge_topk_out(*inputs[:3], indices, ks=inputs[3])
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            mqa.merge_topk_out(*inputs[:3], indices, ks=inputs[3])
        for seed in range(5):
            logits, (_, ke) = make_logits(seed=seed), make_ranges(23, 300, seed=seed)
            for tensor, other in zip(inputs, (*make_lists(logits, ke, ks, 12, 4, seed=seed), cut(ke, 300))):
                tensor.copy_(other)
            graph.replay()
            self.check(indices, reference(logits, ke, 12, ks=ks)[0])


class MergeTopkErrorsTest(unittest.TestCase):
    """What is refused before a kernel is looked for, by the functions and by fake kernels."""

    def setUp(self):
        self.lists, self.scores = torch.full((3, 23, 8), -1, dtype=torch.int32), torch.zeros(3, 23, 8)
        self.ks, self.ke = make_ranges(23, 300)

    def expect(self, message, error=ValueError, **options):
        arguments = {"list_indices": self.lists, "list_values": self.scores, "ke": self.ke, **options}
        with self.assertRaisesRegex(error, message):
            mqa.merge_topk(**arguments)
        if error is ValueError:
            with torch._subclasses.FakeTensorMode(allow_non_fake_inputs=True) as mode, self.assertRaisesRegex(error, message):
                fake = {n: mode.from_tensor(v) if isinstance(v, torch.Tensor) else v for n, v in arguments.items()}
                mqa.merge_topk(**fake)

    def test_options(self):
        self.expect("tie_break must be one of smallest, greatest, found 'first'", tie_break="first")
        self.expect("order must be one of key, score, any, found 'logit'", order="logit")
        self.expect("base must be one of relative, absolute, found 'slot'", base="slot")

    def test_tensors(self):
        self.expect("list_indices must be \\* x \\* x \\*, found 23 x 8", list_indices=self.lists[0])
        self.expect("list_indices must have dtype torch.int32, found torch.int64", list_indices=self.lists.long())
        self.expect("list_values must be 3 x 23 x 8, found 3 x 23 x 7", list_values=self.scores[:, :, :7])
        self.expect("list_values must have dtype torch.float32, found torch.bfloat16", list_values=self.scores.bfloat16())
        self.expect("list_values must be contiguous from dimension 2 on", list_values=self.scores.mT.contiguous().mT)
        self.expect("list_indices must have strides of at least k = 8", list_indices=self.lists[:1].expand(3, 23, 8))
        self.expect("ke must be 23, found 22", ke=self.ke[:22])
        self.expect("ks must have dtype torch.int32, found torch.int64", ks=self.ks.long())
        long, empty = torch.empty(1, 1, 4097, dtype=torch.int32), torch.empty(2, 1, 0, dtype=torch.int32)
        one = self.ke[:1]
        self.expect("k must be an integer, from 1 to 4096, found 4097", list_indices=long, list_values=long.float(), ke=one)
        self.expect("k must be an integer, from 1 to 4096, found 0", list_indices=empty, list_values=empty.float(), ke=one)
        self.expect("ke must be a torch.Tensor, found None", TypeError, ke=None)
        self.expect("list_values must be a torch.Tensor, found list", TypeError, list_values=[1])

    def test_outputs(self):
        indices, values = torch.empty(23, 8, dtype=torch.int32), torch.empty(23, 8)
        for message, outputs in (
            ("indices must have dtype torch.int32, found torch.int64", (indices.long(), None)),
            ("indices must be 23 x 8, found 22 x 8", (indices[:22], None)),
            ("values must have dtype torch.float32, found torch.bfloat16", (indices, values.bfloat16())),
            ("indices must be contiguous from dimension 1 on", (indices.t().contiguous().t(), None)),
            ("values is negated or conjugated lazily", (indices, torch._neg_view(values))),
        ):
            with self.assertRaisesRegex(ValueError, message):
                mqa.merge_topk_out(self.lists, self.scores, self.ke, *outputs)
        with self.assertRaisesRegex(TypeError, "indices must be a torch.Tensor, found None"):
            mqa.merge_topk_out(self.lists, self.scores, self.ke, None)
        with self.assertRaisesRegex(ValueError, "indices and list_indices overlap"):
            mqa.merge_topk_out(self.lists, self.scores, self.ke, self.lists[1])

    def test_derivative(self):
        scores = self.scores.clone().requires_grad_()
        with self.assertRaisesRegex(ValueError, "list_values requires grad, and mqa.merge_topk has no derivative"):
            mqa.merge_topk(self.lists, scores, self.ke)


if __name__ == "__main__":
    unittest.main()
