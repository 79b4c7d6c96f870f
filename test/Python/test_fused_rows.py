# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Logits and top-k in one call behind rows of sequences and behind key blocks, on PyTorch tensors: against the logits of
the calls that store them, bit for bit.

Skipped where there is no PyTorch.
"""
import itertools
import unittest

from devices import DEVICES
from key_block_cases import list_block_cases, make_blocks, make_cache, make_contiguous, make_rows, move, select
from torch_cases import torch

import mqa


class FusedRowsTest(unittest.TestCase):
    def check(self, function, expected, expected_values):
        for return_values in (False, True):
            found = function(return_values=return_values)
            indices, values = found if return_values else (found, None)
            self.assertTrue(torch.equal(indices.cpu(), expected), (indices.cpu() != expected).nonzero()[:5])
            if return_values:
                self.assertTrue(torch.equal(values.cpu(), expected_values))

    def test_rows_of_sequences(self):
        for device in DEVICES:
            for options in ({}, {"base": "slot"}, {"tie_break": "greatest", "order": "score"}, {"rows_per_sequence": 2},
                            {"base": "absolute", "dtype": torch.bfloat16}):  # fmt: skip
                tensors, sequence = make_rows()
                own, named = move(tensors, device), sequence.to(device)
                of_logits = {n: options[n] for n in ("dtype", "rows_per_sequence") if n in options}
                logits = mqa.paged_logits(*own, 320, sequence=named, **of_logits).float().cpu()
                sees = torch.arange(320) < tensors[4][:, None]

                def to_slot(m, n):
                    return tensors[5][sequence[m], n // 64].item() * 64 + n % 64

                to_index = to_slot if options.get("base") == "slot" else lambda m, n: n
                more = {n: options[n] for n in ("tie_break", "order") if n in options}
                expected = select(logits, sees, 20, to_index, **more)
                self.check(lambda **last: mqa.paged_logits_topk(*own, 20, 320, sequence=named, **options, **last), *expected)

    def test_blocks_of_keys(self):
        for device in DEVICES:
            # Each is a kernel to compile, so that forms meet by turns.
            turns = itertools.cycle(({}, {"tie_break": "greatest"}, {"order": "score"}, {}))
            for function, tensors, more, logits, sees, indices, _ in list_block_cases(device):
                for (base, to_index), options in zip(indices.items(), turns):
                    expected = select(logits, sees, 20, to_index, **options)
                    self.check(lambda **last: function(*tensors, 20, base=base, **more, **options, **last), *expected)

    def test_out_and_prepared(self):
        for device in DEVICES:
            tensors, sequence = make_rows()
            blocks = make_blocks(12, 40)
            calls = [
                ("paged_logits_topk", [*tensors, 320], {"sequence": sequence}),
                ("paged_key_block_logits_topk", [*tensors, *blocks], {"sequence": sequence}),
                ("key_block_logits_topk", [*make_contiguous(rows=12), *blocks], {}),
            ]
            for name, inputs, more in calls:
                inputs = [t.to(device) if isinstance(t, torch.Tensor) else t for t in inputs]
                more = {n: t.to(device) for n, t in more.items()}
                # What is not made to fit comes behind k.
                last = [inputs.pop()] if name == "paged_logits_topk" else []
                expected, expected_values = getattr(mqa, name)(*inputs, 20, *last, **more, return_values=True)
                indices = torch.full((12, 23), -9, dtype=torch.int32, device=device)[:, :20]
                values = torch.full((12, 20), -9.0, device=device)
                getattr(mqa, f"{name}_out")(*inputs, *last, indices, values, **more)
                self.assertTrue(torch.equal(indices, expected) and torch.equal(values, expected_values), name)
                launch = getattr(mqa, f"prepare_{name}")(*inputs, *last, indices, values, **more)
                indices.fill_(-9)
                launch()
                self.assertTrue(torch.equal(indices, expected), name)
                inputs[3] = inputs[3].clone().requires_grad_()
                with self.assertRaisesRegex(ValueError, r"weights requires grad, and mqa\.\w+_topk has no derivative"):
                    getattr(mqa, name)(*inputs, 20, *last, **more)

    def test_compiled(self):
        tensors, sequence = make_rows()
        blocks = make_blocks(12, 40)
        for function, inputs, more in (
            (mqa.paged_logits_topk, [*tensors, 20, 320], {"sequence": sequence}),
            (mqa.paged_key_block_logits_topk, [*tensors, *blocks, 20], {"sequence": sequence, "base": "slot"}),
            (mqa.key_block_logits_topk, [*make_contiguous(rows=12), *blocks, 20], {"base": "absolute"}),
        ):
            compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
            self.assertTrue(torch.equal(compiled(*inputs, **more), function(*inputs, **more)))

    def test_wrong_arguments(self):
        tensors, sequence = make_rows()
        blocks = make_blocks(12, 40)
        inputs = make_contiguous(rows=12)

        def refuse(message, function, *args, **options):
            with self.assertRaisesRegex(ValueError, message):
                function(*args, **options)

        rows = mqa.paged_logits_topk
        refuse("sequence must be 12, found 11", rows, *tensors, 20, 320, sequence=sequence[:11])
        refuse("rows_per_sequence must be 0 .many. or from 1 to 8, found 9", rows, *tensors, 20, 320, sequence=sequence,
               rows_per_sequence=9)  # fmt: skip
        refuse("rows_per_sequence is for rows that name their sequences", rows, *make_cache(), 20, 320, rows_per_sequence=2)
        refuse("topk must be an integer, from 1 to 4096, found 0", rows, *tensors, 0, 320, sequence=sequence)
        refuse("block_size must be 8 or 16, found 32", mqa.key_block_logits_topk, *inputs, *blocks, 20, block_size=32)
        refuse("num_key_blocks must be 12, found 11", mqa.key_block_logits_topk, *inputs, blocks[0], blocks[1][:11], 20)
        refuse("block_table must be given with base='slot'", mqa.key_block_logits_topk, *inputs, *blocks, 20, base="slot",
               block_kv=64)  # fmt: skip
        refuse("key_blocks must be 12 x", mqa.paged_key_block_logits_topk, *make_cache(), blocks[0][:5], blocks[1], 20)


if __name__ == "__main__":
    unittest.main()
