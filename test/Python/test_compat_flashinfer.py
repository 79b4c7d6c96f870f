# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.compat.flashinfer: the contracts of FlashInfer's top-k transforms, against sorted rows. Skipped without PyTorch."""
import unittest

from topk_cases import TopkCase, make_logits, make_ranges, needs_topk, reference
from devices import DEVICES

import torch
from mqa.compat import flashinfer
from mqa.compat.flashinfer import TopKTieBreak

M, N = 23, 300


def make_lengths():
    """Where rows begin, and how many keys they have: also none, fewer than none, and past the end."""
    starts, ends = make_ranges(M, N)
    return starts.clamp(min=0), ends - starts.clamp(min=0)


def make_table(batch, width=N, seed=3):
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(batch * width, generator=generator).to(torch.int32).view(batch, width)


def look_up(table, batch, indices, page_size=1, starts=0):
    """FlashInfer's formula, entry by entry."""
    out = torch.full_like(indices, -1)
    for m, j in (indices >= 0).nonzero().tolist():
        n, start = indices[m, j].item(), starts if isinstance(starts, int) else starts[m].item()
        out[m, j] = table[batch[m], start + n // page_size] * page_size + n % page_size
    return out


class FlashinferCase(TopkCase):
    def call(self, function, *arguments, **options):
        """On each device the same, on the CPU."""
        results = []
        for device in DEVICES:
            moved = [a.to(device) if isinstance(a, torch.Tensor) else a for a in arguments]
            others = {n: v.to(device) if isinstance(v, torch.Tensor) else v for n, v in options.items()}
            results.append(function(*moved, **others).cpu())
            self.assertTrue(torch.equal(results[0], results[-1]))
        self.assertEqual(results[0].dtype, torch.int32)
        return results[0]

    def refuse(self, message, function, arguments, error=ValueError, **changes):
        with self.assertRaisesRegex(error, message):
            function(**{**arguments, **changes})


@needs_topk
class PageTableTest(FlashinferCase):
    def test_rows_of_their_own(self):
        """A row of the table for each row; dtypes, pages of any power of two, k greater than rows are long."""
        _, lengths = make_lengths()
        for dtype, page_size, k in ((torch.float32, 1, 20), (torch.bfloat16, 64, 20), (torch.float16, 16, 512),
                                    (torch.float32, 1 << 17, 20)):  # fmt: skip
            input, table = make_logits(dtype=dtype), make_table(M, -(-N // page_size))
            indices, _ = reference(input, lengths, k)
            out = self.call(flashinfer.top_k_page_table_transform, input, table, lengths, k, page_size=page_size)
            self.check(out, look_up(table, torch.arange(M), indices, page_size))

    def test_row_to_batch_and_starts(self):
        """Without starts of their own, rows begin in the table where they begin in the scores."""
        input, (starts, lengths) = make_logits(), make_lengths()
        batch, own = torch.randint(0, 5, (M,), dtype=torch.int32), torch.randint(0, 9, (M,), dtype=torch.int32)
        table = make_table(5, 320)[:, :310]
        indices, _ = reference(input, starts + lengths, 20, ks=starts)
        for more, expected in (
            ({}, look_up(table, batch, indices, 1, starts)),
            ({"page_table_row_starts": own}, look_up(table, batch, indices, 1, own)),
            ({"page_table_row_starts": own, "page_size": 16}, look_up(table, batch, indices, 16, own)),
        ):
            options = {"row_to_batch": batch, "row_starts": starts, **more}
            out = self.call(flashinfer.top_k_page_table_transform, input, table, lengths, 20, **options)
            self.check(out, expected)
        indices, _ = reference(input, lengths, 20)
        out = self.call(
            flashinfer.top_k_page_table_transform, input, table, lengths, 20, batch, page_table_row_starts=own
        )
        self.check(out, look_up(table, batch, indices, 1, own))

    def test_outputs(self):
        """`out` is what comes back; the raw indices stand where their slots do."""
        input, (starts, lengths), table = make_logits(), make_lengths(), make_table(M)
        for row_starts in (None, starts):
            ends = lengths if row_starts is None else starts + lengths
            indices, _ = reference(input, ends, 20, ks=row_starts)
            expected = look_up(table, torch.arange(M), indices, 1, 0 if row_starts is None else starts)
            for device in DEVICES:
                moved = None if row_starts is None else starts.to(device)
                arguments = [input.to(device), table.to(device), lengths.to(device), 20]
                out, raw = (torch.full((M, 20), 7, dtype=torch.int32, device=device) for _ in range(2))
                call = flashinfer.top_k_page_table_transform
                self.assertIs(call(*arguments, row_starts=moved, out=out), out)
                self.check(out, expected)
                out.fill_(7)
                self.assertIs(call(*arguments, row_starts=moved, out=out, out_raw_indices=raw), out)
                self.check(out, expected)
                self.check(raw, indices)
                raw.fill_(7)
                self.check(call(*arguments, row_starts=moved, out_raw_indices=raw), expected)
                self.check(raw, indices)

    def test_ties(self):
        """Where all scores are equal, the smaller or the larger indices; none of them is as good as the smaller."""
        input, table = torch.zeros(2, 100), make_table(2, 100)
        lengths = torch.full((2,), 90, dtype=torch.int32)
        for ties, first in ((0, 0), (TopKTieBreak.SMALL, 0), (2, 80), (TopKTieBreak.LARGE, 80)):
            for deterministic in (False, True):
                out = self.call(
                    flashinfer.top_k_page_table_transform, input, table, lengths, 10, None, deterministic, ties
                )
                self.check(out, table[:, first : first + 10])
                out = self.call(
                    flashinfer.top_k_ragged_transform, input, lengths, lengths, 10, deterministic, ties, True
                )
                self.assertEqual(out[0].tolist(), list(range(90 + first, 100 + first)))

    def test_strides_and_compile(self):
        input, (_, lengths), table = torch.cat([make_logits()] * 2, 1)[:, :N], make_lengths(), make_table(M, 320)[:, :N]
        expected = look_up(table, torch.arange(M), reference(input, lengths, 20)[0])
        function = flashinfer.top_k_page_table_transform
        self.check(self.call(function, input, table, lengths, 20), expected)
        compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
        self.check(compiled(input, table, lengths, 20), expected)
        starts = torch.zeros(M, dtype=torch.int32)
        self.check(compiled(input, table, lengths, 20, page_table_row_starts=starts), expected)

    def test_empty(self):
        table = torch.zeros(3, 0, dtype=torch.int32)
        lengths = torch.tensor([0, 5, -1], dtype=torch.int32)
        for options in ({}, {"page_table_row_starts": torch.zeros(3, dtype=torch.int32)}):
            out = self.call(flashinfer.top_k_page_table_transform, torch.zeros(3, 9), table, lengths, 4, **options)
            self.assertEqual(out.tolist(), [[-1] * 4] * 3)
        out = self.call(flashinfer.top_k_page_table_transform, torch.zeros(0, 9), table[:0], lengths[:0], 4)
        self.assertEqual(out.shape, (0, 4))

    def test_refusals(self):
        input, (starts, lengths), table = make_logits(), make_lengths(), make_table(M)
        out, batch = torch.zeros(M, 20, dtype=torch.int32), torch.zeros(M, dtype=torch.int32)
        arguments = dict(input=input, src_page_table=table, lengths=lengths, k=20, row_starts=starts)
        flashinfer.top_k_page_table_transform(**arguments)
        for message, changes in (
            ("input must be \\* x \\*, found 300", {"input": input[0]}),
            ("input must have a dtype of torch.float32, torch.bfloat16, torch.float16, found torch.float64",
             {"input": input.double()}),
            ("input must be contiguous from dimension 1 on", {"input": make_logits(n=600)[:, ::2]}),
            ("src_page_table must be 23 x \\*, found 22 x 300", {"src_page_table": table[:22]}),
            ("src_page_table must be 23 x \\*, found 1 x 300", {"src_page_table": table[:1]}),
            ("src_page_table must be \\* x \\*, found 300", {"src_page_table": table[0], "row_to_batch": batch}),
            ("src_page_table must have dtype torch.int32, found torch.int64", {"src_page_table": table.long()}),
            ("src_page_table must be contiguous from dimension 1 on", {"src_page_table": table[:, ::2]}),
            ("lengths must be 23, found 1", {"lengths": lengths[:1]}),
            ("lengths must have dtype torch.int32, found torch.int64", {"lengths": lengths.long()}),
            ("lengths must be contiguous from dimension 0 on", {"lengths": lengths.repeat_interleave(2)[::2]}),
            ("row_starts must be 23, found 22", {"row_starts": starts[:22]}),
            ("row_to_batch must be 23, found 22", {"row_to_batch": batch[:22]}),
            ("row_to_batch must have dtype torch.int32, found torch.int64", {"row_to_batch": batch.long()}),
            ("page_table_row_starts must be 23, found 22", {"page_table_row_starts": starts[:22]}),
            ("page_table_row_starts must have dtype torch.int32", {"page_table_row_starts": starts.long()}),
            ("page_table_row_starts is needed with page_size > 1 and row_starts", {"page_size": 16}),
            ("page_size must be a power of two, found 48", {"page_size": 48, "row_starts": None}),
            ("page_size must be an integer, from 1 to 1073741824, found 0", {"page_size": 0, "row_starts": None}),
            ("page_size must be an integer, from 1 to 1073741824, found 2147483648", {"page_size": 1 << 31}),
            ("tie_break must be 0 \\(none\\), 1 \\(small\\) or 2 \\(large\\), found 3", {"tie_break": 3}),
            ("k must be an integer, from 1 to 4096, found 0", {"k": 0}),
            ("k must be an integer, from 1 to 4096, found 4097", {"k": 4097}),
            ("out must be 23 x 20, found 23 x 10", {"out": out[:, :10]}),
            ("out must have dtype torch.int32, found torch.int64", {"out": out.long()}),
            ("out must be contiguous, found strides \\(40, 1\\)", {"out": torch.cat([out, out], 1)[:, :20]}),
            ("out_raw_indices must be 23 x 20, found 22 x 20", {"out_raw_indices": out[:22]}),
            ("out_raw_indices must have dtype torch.int32", {"out_raw_indices": out.float()}),
            ("out_raw_indices must be contiguous", {"out_raw_indices": torch.cat([out, out], 1)[:, :20]}),
        ):  # fmt: skip
            self.refuse(message, flashinfer.top_k_page_table_transform, arguments, **changes)
        for name in ("input", "src_page_table", "lengths"):
            message = f"{name} must be a torch.Tensor, found None"
            self.refuse(message, flashinfer.top_k_page_table_transform, arguments, TypeError, **{name: None})


@needs_topk
class RaggedTest(FlashinferCase):
    def test_contract(self):
        starts, lengths = make_lengths()
        offsets = torch.arange(M, dtype=torch.int32) * 1000
        for dtype, k in ((torch.float32, 20), (torch.bfloat16, 1), (torch.float16, 512)):
            for row_starts in (None, starts):
                input = make_logits(dtype=dtype)
                ends = lengths if row_starts is None else starts + lengths
                expected, _ = reference(input, ends, k, ks=row_starts, offset=offsets)
                out = self.call(flashinfer.top_k_ragged_transform, input, offsets, lengths, k, row_starts=row_starts)
                self.check(out, expected)

    def test_refusals(self):
        input, (starts, lengths) = make_logits(), make_lengths()
        arguments = dict(input=input, offsets=starts, lengths=lengths, k=20, row_starts=starts)
        flashinfer.top_k_ragged_transform(**arguments)
        for message, changes in (
            ("input must be \\* x \\*, found 300", {"input": input[0]}),
            ("offsets must be 23, found 22", {"offsets": starts[:22]}),
            ("offsets must have dtype torch.int32, found torch.int64", {"offsets": starts.long()}),
            ("lengths must be 23, found 22", {"lengths": lengths[:22]}),
            ("row_starts must be 23, found 23 x 1", {"row_starts": starts[:, None]}),
            ("tie_break must be 0", {"tie_break": -1}),
            ("k must be an integer, from 1 to 4096, found 4097", {"k": 4097}),
        ):
            self.refuse(message, flashinfer.top_k_ragged_transform, arguments, **changes)
        for name in ("input", "offsets", "lengths"):
            message = f"{name} must be a torch.Tensor, found None"
            self.refuse(message, flashinfer.top_k_ragged_transform, arguments, TypeError, **{name: None})


if __name__ == "__main__":
    unittest.main()
