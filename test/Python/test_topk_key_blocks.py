# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.topk on the columns of key blocks, on PyTorch tensors: against sorted rows.

Skipped where there is no PyTorch.
"""
import itertools
import unittest

from devices import DEVICES
from key_block_cases import list_block_cases, make_blocks, select
from torch_cases import torch

import mqa


def make_problem(rows=7, size=8):
    """Columns of ascending blocks, all of whose keys count."""
    blocks, counts = make_blocks(rows, 40, blocks=12)
    logits = torch.randint(-9, 9, (rows, 12 * size), generator=torch.Generator().manual_seed(3)).float()
    return logits, torch.full((rows,), 1 << 20, dtype=torch.int32), {"key_blocks": blocks, "num_key_blocks": counts}


class TopkKeyBlocksTest(unittest.TestCase):
    def test_bases_and_orders(self):
        turns = itertools.cycle(({}, {"tie_break": "greatest"}, {"order": "score"}))
        for device in DEVICES:
            for _, tensors, more, logits, sees, indices, ranges in list_block_cases(device):
                ke = ranges.pop("ke", None)
                lists = {"key_blocks": tensors[6], "num_key_blocks": tensors[7], "block_size": more["block_size"]}
                for (base, to_index), options in zip(indices.items(), turns):
                    expected, expected_values = select(logits, sees, 20, to_index, **options)
                    found, values = mqa.topk(logits.to(device), ke, 20, **ranges, **lists, base=base, **options,
                                             return_values=True)  # fmt: skip
                    self.assertTrue(torch.equal(found.cpu(), expected), (base, options))
                    self.assertTrue(torch.equal(values.cpu(), expected_values), (base, options))

    def test_offset_and_forced(self):
        logits, ke, lists = make_problem()
        offset = torch.arange(7, dtype=torch.int32) * 1000
        columns = torch.arange(logits.size(1))
        sees = (columns < lists["num_key_blocks"][:, None] * 8) & (lists["key_blocks"].repeat_interleave(8, 1) >= 0)
        expected, _ = select(logits, sees, 96, lambda m, n: n + 1000 * m)
        for device in DEVICES:
            own = {n: t.to(device) for n, t in lists.items()}
            found = mqa.topk(logits.to(device), ke.to(device), 96, offset=offset.to(device), **own)
            self.assertTrue(torch.equal(found.cpu(), expected))
            first = mqa.topk(logits.to(device), ke.to(device), 4, force_first=4, **own).cpu()
            for m, row in enumerate(first):
                self.assertEqual(row[row >= 0].tolist(), sees[m].nonzero().flatten()[:4].tolist())

    def test_out_prepared_and_compiled(self):
        for device in DEVICES:
            logits, ke, lists = make_problem()
            logits, ke, lists = logits.to(device), ke.to(device), {n: t.to(device) for n, t in lists.items()}
            expected, expected_values = mqa.topk(logits, ke, 20, base="absolute", **lists, return_values=True)
            indices = torch.full((7, 23), -9, dtype=torch.int32, device=device)[:, :20]
            values = torch.full((7, 20), -9.0, device=device)
            mqa.topk_out(logits, ke, indices, values, base="absolute", **lists)
            self.assertTrue(torch.equal(indices, expected) and torch.equal(values, expected_values))
            # The same tensors without lists are another problem, whatever was launched before.
            plain = torch.empty_like(expected)
            mqa.topk_out(logits, ke, plain, base="absolute")
            self.assertFalse(torch.equal(plain, expected))
            launch = mqa.prepare_topk(logits, ke, indices, base="absolute", **lists)
            indices.fill_(-9)
            launch()
            self.assertTrue(torch.equal(indices, expected))
            compiled = torch.compile(mqa.topk, fullgraph=True, backend="aot_eager")
            self.assertTrue(torch.equal(compiled(logits, ke, 20, base="absolute", **lists), expected))
            grad = logits.clone().requires_grad_()
            with self.assertRaisesRegex(ValueError, "logits requires grad, and mqa.topk has no derivative"):
                mqa.topk(grad, ke, 20, **lists)

    def test_library(self):
        """What PyTorch asks of an op: schema, fake kernel, tracing with dynamic sizes."""
        logits, ke, lists = make_problem()
        torch.library.opcheck(torch.ops.mqa.topk.default, (logits, ke, 9), {**lists, "base": "absolute"})
        indices = torch.empty(7, 9, dtype=torch.int32)
        torch.library.opcheck(torch.ops.mqa.topk_out.default, (logits, ke, indices), lists)

    def test_wrong_arguments(self):
        logits, ke, lists = make_problem()
        blocks, counts = lists["key_blocks"], lists["num_key_blocks"]
        table = torch.zeros(7, 4, dtype=torch.int32)

        def refuse(message, *args, error=ValueError, **options):
            with self.assertRaisesRegex(error, message):
                mqa.topk(*(args or (logits, ke)), 5, **{**lists, **options})

        refuse("key_blocks and num_key_blocks must be given together", num_key_blocks=None)
        refuse("key_blocks and num_key_blocks must be given together", key_blocks=None)
        refuse("block_size must be 8 or 16, found 4", block_size=4)
        refuse("logits must have 192 columns, block_size = 16 for each of the 12 blocks of a row of key_blocks, found 96",
               block_size=16)  # fmt: skip
        refuse("key_blocks must be 7 x", key_blocks=blocks[:5])
        refuse("num_key_blocks must be 7, found 5", num_key_blocks=counts[:5])
        refuse("key_blocks must have dtype torch.int32", key_blocks=blocks.long())
        refuse("key_blocks must be a torch.Tensor, found list", key_blocks=[1], error=TypeError)
        refuse("compressed logits begin with a row's range, and have no key_blocks", compressed=True)
        refuse("block_kv must be an integer, from 1 to 65536, found 0", block_table=table)
        refuse("block_table must be given with base='slot'", base="slot", block_kv=16)
        refuse("num_keys must be from 0 to .*, found -1", num_keys=-1)
        # A list for all rows is not M x B in memory.
        with self.assertRaisesRegex(Exception, "key_blocks_stride must be from 12 to .*, found 0"):
            mqa.topk(logits, ke, 5, key_blocks=blocks[:1].expand(7, -1), num_key_blocks=counts)


if __name__ == "__main__":
    unittest.main()
