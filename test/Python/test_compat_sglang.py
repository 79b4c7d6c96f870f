# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.compat.sglang: the contracts of SGLang's top-k functions, against sorted rows. Skipped without PyTorch."""
import unittest

from topk_cases import TopkCase, make_logits, make_ranges, needs_topk, reference
from devices import DEVICES

import torch
from mqa.compat import sglang



def make_lengths(m=23, n=300):
    """Where rows begin, and how many keys they have: also none, fewer than none, and past the end."""
    starts, ends = make_ranges(m, n)
    return starts.clamp(min=0), ends - starts.clamp(min=0)


def make_sequences(rows=23):
    """Sequences of 0, 1 and several rows, and a row of the table for each."""
    cu_seqlens = torch.tensor([0, 0, 1, 9, 9, 20, rows], dtype=torch.int32)
    table = torch.randperm(6 * 300, generator=torch.Generator().manual_seed(3)).to(torch.int32).view(6, 300)
    sequence = torch.repeat_interleave(torch.arange(6), cu_seqlens.diff().long())
    return cu_seqlens, table, sequence


def look_up(table, sequence, indices):
    slots = table[sequence[:, None].expand_as(indices), indices.clamp(min=0).long()]
    return torch.where(indices < 0, -1, slots)


class SglangCase(TopkCase):
    def refuse(self, message, function, arguments, error=ValueError, **changes):
        with self.assertRaisesRegex(error, message):
            function(**{**arguments, **changes})

    def refuse_none(self, function, arguments, *names):
        for name in names:
            self.refuse(f"{name} must be a torch.Tensor, found None", function, arguments, TypeError, **{name: None})


@needs_topk
class FastTopkTest(SglangCase):
    def test_contract(self):
        """Counted from the row's start; a short row has 0, 1, ...; -1 behind; ties to the smallest; any topk and
        dtype."""
        starts, lengths = make_lengths()
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            score = make_logits(dtype=dtype)
            for topk in (20, 2048):
                for row_starts in (None, starts):
                    ends = lengths if row_starts is None else starts + lengths
                    expected, _ = reference(score, ends, topk, ks=row_starts)
                    for device in DEVICES:
                        moved = None if row_starts is None else starts.to(device)
                        out = sglang.fast_topk_v2(score.to(device), lengths.to(device), topk, row_starts=moved)
                        self.assertEqual((out.shape, out.dtype), ((23, topk), torch.int32))
                        self.check(out, expected)

    def test_short_rows(self):
        """SGLang's prefill calls it with scores that are all 0 where no row is longer than topk."""
        out = sglang.fast_topk_v2(torch.zeros(2, 8), torch.tensor([3, 8], dtype=torch.int32), 8)
        self.assertEqual(out.tolist(), [[0, 1, 2, -1, -1, -1, -1, -1], [0, 1, 2, 3, 4, 5, 6, 7]])

    def test_strides_and_compile(self):
        starts, lengths = make_lengths()
        score = torch.cat([make_logits()] * 2, 1)[:, :300]
        expected, _ = reference(score, starts + lengths, 20, ks=starts)
        self.check(sglang.fast_topk_v2(score, lengths, 20, starts), expected)
        compiled = torch.compile(sglang.fast_topk_v2, fullgraph=True, backend="aot_eager")
        self.check(compiled(score, lengths, 20, starts), expected)

    def test_refusals(self):
        starts, lengths = make_lengths()
        arguments = dict(score=make_logits(), lengths=lengths, topk=20, row_starts=starts)
        sglang.fast_topk_v2(**arguments)
        for message, changes in (
            ("score must be \\* x \\*, found 300", {"score": torch.zeros(300)}),
            (
                "score must have a dtype of torch.float32, torch.bfloat16, torch.float16, found torch.float64",
                {"score": make_logits().double()},
            ),
            ("score must be contiguous from dimension 1 on", {"score": make_logits(n=600)[:, ::2]}),
            ("lengths must be 23, found 22", {"lengths": lengths[:22]}),
            ("lengths must have dtype torch.int32, found torch.int64", {"lengths": lengths.long()}),
            ("lengths must be contiguous from dimension 0 on", {"lengths": lengths.repeat_interleave(2)[::2]}),
            ("row_starts must be 23, found 23 x 1", {"row_starts": starts[:, None]}),
            ("row_starts must have dtype torch.int32, found torch.float32", {"row_starts": starts.float()}),
            ("topk must be an integer, from 1 to 4096, found 0", {"topk": 0}),
            ("topk must be an integer, from 1 to 4096, found 4097", {"topk": 4097}),
        ):
            self.refuse(message, sglang.fast_topk_v2, arguments, **changes)
        self.refuse_none(sglang.fast_topk_v2, arguments, "score", "lengths")


@needs_topk
class TransformFusedTest(SglangCase):
    def test_decode(self):
        """A row of the table for each row; cu_seqlens_q is not read."""
        score, (_, lengths) = make_logits(), make_lengths()
        table = torch.randperm(23 * 320).to(torch.int32).view(23, 320)[:, :300]
        indices, _ = reference(score, lengths, 20)
        expected = look_up(table, torch.arange(23), indices)
        for device in DEVICES:
            args = [t.to(device) for t in (score, lengths, table, torch.zeros(24, dtype=torch.int32))]
            out = sglang.fast_topk_transform_fused(*args, 20)
            self.check(out, expected)

    def test_verify_and_extend(self):
        """Rows of a sequence share its row of the table: by keys, or counted from where the row begins."""
        score, (starts, lengths) = make_logits(), make_lengths()
        cu_seqlens, table, sequence = make_sequences()
        for row_starts in (None, starts):
            for topk in (20, 2048):
                ends = lengths if row_starts is None else starts + lengths
                indices, _ = reference(score, ends, topk, ks=row_starts)
                expected = look_up(table, sequence, indices)
                for device in DEVICES:
                    args = [t.to(device) for t in (score, lengths, table, cu_seqlens)]
                    moved = None if row_starts is None else row_starts.to(device)
                    out = sglang.fast_topk_transform_fused(*args, topk, row_starts=moved)
                    self.assertEqual(out.dtype, torch.int32)
                    self.check(out, expected)
        compiled = torch.compile(sglang.fast_topk_transform_fused, fullgraph=True, backend="aot_eager")
        self.check(compiled(score, lengths, table, cu_seqlens, 2048, starts), expected)

    def test_refusals(self):
        score, (starts, lengths) = make_logits(), make_lengths()
        cu_seqlens, table, _ = make_sequences()
        arguments = dict(score=score, lengths=lengths, page_table_size_1=table, cu_seqlens_q=cu_seqlens, topk=20,
                         row_starts=starts)  # fmt: skip
        sglang.fast_topk_transform_fused(**arguments)
        many = torch.zeros(24, 300, dtype=torch.int32)
        for message, changes in (
            ("page_table_size_1 must be \\* x \\*", {"page_table_size_1": table[0]}),
            ("page_table_size_1 must have dtype torch.int32, found torch.int64", {"page_table_size_1": table.long()}),
            ("page_table_size_1 must be contiguous from dimension 1 on", {"page_table_size_1": table[:, ::2]}),
            ("page_table_size_1 must have at most as many rows as score, 23, found 24",
             {"page_table_size_1": many, "cu_seqlens_q": torch.zeros(25, dtype=torch.int32)}),
            ("cu_seqlens_q must be 7, found 6", {"cu_seqlens_q": cu_seqlens[1:]}),
            ("cu_seqlens_q must have dtype torch.int32, found torch.int64", {"cu_seqlens_q": cu_seqlens.long()}),
            ("lengths must be 23, found 22", {"lengths": lengths[:22]}),
            ("row_starts must be 23, found 22", {"row_starts": starts[:22]}),
            ("topk must be an integer, from 1 to 4096, found 4097", {"topk": 4097}),
        ):  # fmt: skip
            self.refuse(message, sglang.fast_topk_transform_fused, arguments, **changes)
        self.refuse_none(
            sglang.fast_topk_transform_fused, arguments, "score", "lengths", "page_table_size_1", "cu_seqlens_q"
        )


@needs_topk
class RaggedTest(SglangCase):
    def test_contract(self):
        score, (starts, lengths) = make_logits(dtype=torch.bfloat16), make_lengths()
        offset = torch.arange(23, dtype=torch.int32) * 1000
        for row_starts in (None, starts):
            ends = lengths if row_starts is None else starts + lengths
            expected, _ = reference(score, ends, 20, ks=row_starts, offset=offset)
            for device in DEVICES:
                moved = None if row_starts is None else starts.to(device)
                args = [t.to(device) for t in (score, lengths, offset)]
                self.check(sglang.fast_topk_transform_ragged_fused(*args, 20, row_starts=moved), expected)
                out = torch.full((23, 20), 7, dtype=torch.int32, device=device)
                self.assertIsNone(sglang.topk_transform_ragged_v2(*args, out, moved))
                self.check(out, expected)

    def test_scores_stay(self):
        """SGLang's v2 writes to scores in front of each row's range."""
        score, (starts, lengths) = make_logits(), make_lengths()
        before = score.clone()
        sglang.topk_transform_ragged_v2(score, lengths, starts, torch.zeros(23, 20, dtype=torch.int32), starts)
        self.assertTrue(torch.equal(score.nan_to_num(7.25), before.nan_to_num(7.25)))

    def test_refusals(self):
        score, (starts, lengths) = make_logits(), make_lengths()
        arguments = dict(score=score, lengths=lengths, topk_indices_offset=starts, topk=20, row_starts=starts)
        sglang.fast_topk_transform_ragged_fused(**arguments)
        for message, changes in (
            ("topk_indices_offset must be 23, found 22", {"topk_indices_offset": starts[:22]}),
            ("topk_indices_offset must have dtype torch.int32", {"topk_indices_offset": starts.long()}),
            ("lengths must have dtype torch.int32", {"lengths": lengths.long()}),
            ("row_starts must be 23, found 1", {"row_starts": starts[:1]}),
            ("topk must be an integer, from 1 to 4096, found 0", {"topk": 0}),
        ):
            self.refuse(message, sglang.fast_topk_transform_ragged_fused, arguments, **changes)
        self.refuse_none(sglang.fast_topk_transform_ragged_fused, arguments, "score", "lengths", "topk_indices_offset")

    def test_refusals_of_v2(self):
        score, (starts, lengths) = make_logits(), make_lengths()
        out = torch.zeros(23, 20, dtype=torch.int32)
        arguments = dict(scores=score, seq_lens=lengths, out_offsets=starts, out_indices=out, row_starts=starts)
        sglang.topk_transform_ragged_v2(**arguments)
        for message, changes in (
            ("scores must be \\* x \\*, found 300", {"scores": score[0]}),
            ("seq_lens must be 23, found 22", {"seq_lens": lengths[:22]}),
            ("out_offsets must be 23, found 22", {"out_offsets": starts[:22]}),
            ("out_indices must be 23 x \\*, found 22 x 20", {"out_indices": out[:22]}),
            ("out_indices must have dtype torch.int32, found torch.int64", {"out_indices": out.long()}),
        ):
            self.refuse(message, sglang.topk_transform_ragged_v2, arguments, **changes)
        self.refuse_none(sglang.topk_transform_ragged_v2, arguments, "scores", "seq_lens", "out_offsets", "out_indices")


@needs_topk
class PagedTest(SglangCase):
    def test_contract(self):
        """Slots by the cache's own table, the keys beside them, or the keys alone; `metadata` may be None."""
        score, (_, lengths) = make_logits(), make_lengths()
        for page_size in (1, 16, 64):
            pages = -(-300 // page_size)
            table = torch.randperm(23 * pages).to(torch.int32).view(23, pages)
            indices, _ = reference(score, lengths, 20)
            slots, _ = reference(score, lengths, 20, block_table=table, block_kv=page_size, base="slot")
            for device in DEVICES:
                scores, lens, tables = score.to(device), lengths.to(device), table.to(device)
                out, raw = (torch.full((23, 20), 7, dtype=torch.int32, device=device) for _ in range(2))
                self.assertIsNone(sglang.topk_transform_paged_v2(scores, lens, tables, out, page_size, None))
                self.check(out, slots)
                out.fill_(7)
                sglang.topk_transform_paged_v2(scores, lens, tables, out, page_size, None, raw)
                self.check(out, slots)
                self.check(raw, indices)
                raw.fill_(7)
                sglang.topk_transform_paged_v2(scores, lens, None, out, page_size, None, out_raw_indices=raw)
                self.check(out, indices)
                self.check(raw, indices)
                out.fill_(7)
                sglang.topk_transform_paged_v2(scores, lens, None, out, page_size, None)
                self.check(out, indices)

    def test_refusals(self):
        score, (_, lengths) = make_logits(), make_lengths()
        table, out = torch.zeros(23, 5, dtype=torch.int32), torch.zeros(23, 20, dtype=torch.int32)
        arguments = dict(
            scores=score, seq_lens=lengths, page_tables=table, out_page_indices=out, page_size=64, metadata=None
        )
        sglang.topk_transform_paged_v2(**arguments)
        for message, changes in (
            ("seq_lens must have dtype torch.int32", {"seq_lens": lengths.long()}),
            ("page_tables must be 23 x \\*, found 22 x 5", {"page_tables": table[:22]}),
            ("page_tables must be 23 x \\*, found 1 x 5", {"page_tables": table[:1]}),
            ("page_tables must have dtype torch.int32, found torch.int64", {"page_tables": table.long()}),
            ("out_page_indices must be 23 x \\*, found 22 x 20", {"out_page_indices": out[:22]}),
            ("page_size must be a power of two", {"page_size": 48}),
            ("page_size must be a power of two", {"page_size": 48, "out_raw_indices": out.clone()}),
            ("out_raw_indices must be 23 x 20, found 23 x 10", {"out_raw_indices": out[:, :10]}),
            ("out_raw_indices must have dtype torch.int32", {"out_raw_indices": out.long()}),
        ):
            self.refuse(message, sglang.topk_transform_paged_v2, arguments, **changes)
        self.refuse_none(sglang.topk_transform_paged_v2, arguments, "scores", "seq_lens", "out_page_indices")


if __name__ == "__main__":
    unittest.main()
