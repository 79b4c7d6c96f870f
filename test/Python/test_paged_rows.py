# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.paged_logits with `sequence` on PyTorch tensors, and the `indices` of DeepGEMM's paged call."""
import unittest

from torch_cases import DEVICES, TorchCase, make_paged, needs_gpu, paged_reference, torch

import mqa
from mqa.compat import deep_gemm

COLUMNS = 320


def make_rows(device, order=None, seed=0):
    """Rows of a paged problem that name their sequences, and what must come out."""
    q, cache, weights, lens, table = make_paged(device, batch=6, next_n=3, seed=seed)
    expected = paged_reference(*(tensor.cpu() for tensor in (q, cache, weights, lens, table)), COLUMNS)
    sequence = torch.arange(6, dtype=torch.int32).repeat_interleave(3)
    order = torch.arange(18) if order is None else order
    rows = [tensor[order.to(device)] for tensor in (q.flatten(0, 1), weights, lens.flatten())]
    return (rows[0], *mqa.split_cache(cache, q.size(-1)), *rows[1:], table), sequence[order].to(device), expected[order]


class PagedRowsTest(TorchCase):
    def test_orders(self):
        """In order, in any order, a part of the rows, and none."""
        generator = torch.Generator().manual_seed(1)
        for device in DEVICES:
            for order in (None, torch.randperm(18, generator=generator), torch.tensor([4, 5, 3, 4]), torch.tensor([17]),
                          torch.arange(0)):  # fmt: skip
                tensors, sequence, expected = make_rows(device, order)
                out = mqa.paged_logits(*tensors, COLUMNS, sequence=sequence, clean=True)
                self.check(out, expected)
                out = torch.full((len(expected), COLUMNS + 3), 7.0, device=device)[:, :COLUMNS]
                mqa.paged_logits_out(*tensors, out, sequence=sequence)
                outside = expected == float("-inf")
                self.assertTrue((out.cpu()[outside] == 7).all())
                self.check(out.cpu().double().masked_fill(outside, float("-inf")), expected)

    def test_rows_without_keys(self):
        """What has no key, or names no line of the table, is empty."""
        for device in DEVICES:
            tensors, sequence, expected = make_rows(device)
            lens, sequence = tensors[4].clone(), sequence.clone()
            lens[::4] = -torch.arange(len(lens[::4]), dtype=torch.int32, device=device)
            sequence[::4] = 2**31 - 1
            sequence[1], sequence[2] = -1, 6
            expected[::4] = expected[1:3] = float("-inf")
            out = mqa.paged_logits(*tensors[:4], lens, tensors[5], COLUMNS, sequence=sequence, clean=True)
            self.check(out, expected)

    def test_rows_per_sequence(self):
        """Kernels for a few rows of each sequence are right for any number of them."""
        for device in DEVICES:
            for rows in (1, 2, 4, 8):
                tensors, sequence, expected = make_rows(device)
                out = mqa.paged_logits(*tensors, COLUMNS, sequence=sequence, rows_per_sequence=rows, clean=True)
                self.check(out, expected)

    def test_types(self):
        for device in DEVICES:
            tensors, sequence, expected = make_rows(device)
            out = mqa.paged_logits(*tensors, COLUMNS, sequence=sequence, clean=True, dtype=torch.bfloat16)
            self.check(out, expected, 4e-3)
            q, k = (tensor.float().bfloat16() for tensor in tensors[:2])
            out = mqa.paged_logits(q, k, tensors[2].contiguous(), *tensors[3:], COLUMNS, sequence=sequence, clean=True)
            self.check(out, expected)

    def test_prepared(self):
        for device in DEVICES:
            tensors, sequence, expected = make_rows(device)
            out = torch.empty(18, COLUMNS, device=device)
            launch = mqa.prepare_paged_logits(*tensors, out, sequence=sequence, clean=True)
            launch()
            self.check(out, expected)
            others, more, expected = make_rows(device, torch.arange(17, -1, -1), seed=0)
            for own, other in zip((tensors[0], *tensors[3:5], sequence), (others[0], *others[3:5], more)):
                own.copy_(other)
            launch()
            self.check(out, expected)
            tensors[3].requires_grad_()
            with self.assertRaisesRegex(ValueError, "weights requires grad"):
                launch()

    def test_op(self):
        for device in DEVICES:
            (q, k, scale, *others), sequence, expected = make_rows(device)
            tensors = (q.float().bfloat16(), k.float().bfloat16(), scale.contiguous(), *others, sequence)
            self.check(torch.ops.mqa.paged_row_logits(*tensors, COLUMNS, clean=True), expected)
            torch.library.opcheck(torch.ops.mqa.paged_row_logits.default, (*tensors, COLUMNS), {"clean": True})
            out = torch.zeros(18, COLUMNS, device=device)
            torch.library.opcheck(torch.ops.mqa.paged_row_logits_out.default, (*tensors, out), {"clean": True})

    def test_errors(self):
        (q, k, scale, weights, lens, table), sequence, _ = make_rows("cpu")
        for error, message, arguments, row in (
            (ValueError, "q must be M x H x D with sequence, found 4 dimensions", (q[None], k, scale, weights, lens, table), sequence),
            (ValueError, "weights must be 18 x 32, found 17 x 32", (q, k, scale, weights[1:], lens, table), sequence),
            (ValueError, "context_lens must be 18, found 18 x 1", (q, k, scale, weights, lens[:, None], table), sequence),
            (ValueError, "sequence must be 18, found 17", (q, k, scale, weights, lens, table), sequence[1:]),
            (ValueError, "sequence must have dtype torch.int32", (q, k, scale, weights, lens, table), sequence.long()),
            (ValueError, "sequence must be contiguous", (q, k, scale, weights, lens, table), sequence.repeat_interleave(2)[::2]),
            (ValueError, "block_table must be", (q, k, scale, weights, lens, table[0]), sequence),
            (TypeError, "sequence must be a torch.Tensor, found list", (q, k, scale, weights, lens, table), [0] * 18),
            (ValueError, "weights requires grad", (q, k, scale, weights.clone().requires_grad_(), lens, table), sequence),
        ):  # fmt: skip
            with self.assertRaisesRegex(error, message):
                mqa.paged_logits(*arguments, COLUMNS, sequence=row)
        with self.assertRaisesRegex(ValueError, "rows_per_sequence must be 0 .many. or from 1 to 8, found 9"):
            mqa.paged_logits(q, k, scale, weights, lens, table, COLUMNS, sequence=sequence, rows_per_sequence=9)
        with self.assertRaisesRegex(ValueError, "rows_per_sequence is for rows that name their sequences"):
            mqa.paged_logits(q[:, None], k, scale, weights, lens, table, COLUMNS, rows_per_sequence=2)
        with self.assertRaisesRegex(ValueError, "max_context_len must be at least 0, found -1"):
            mqa.paged_logits(q, k, scale, weights, lens, table, -1, sequence=sequence)
        with self.assertRaisesRegex(ValueError, "out must be 18 x"):
            mqa.paged_logits_out(q, k, scale, weights, lens, table, torch.zeros(17, 100), sequence=sequence)

    @needs_gpu
    def test_graph(self):
        """A captured launch, replayed with other lengths and sequences."""
        tensors, sequence, expected = make_rows("cuda")
        out = torch.empty(18, COLUMNS, device="cuda")
        mqa.paged_logits_out(*tensors, out, sequence=sequence, clean=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            mqa.paged_logits_out(*tensors, out, sequence=sequence, clean=True)
        others, more, expected = make_rows("cuda", torch.arange(17, -1, -1))
        for own, other in zip((tensors[0], *tensors[3:5], sequence), (others[0], *others[3:5], more)):
            own.copy_(other)
        graph.replay()
        self.check(out, expected)


class IndicesTest(TorchCase):
    """DeepGEMM's table has a line for each token; `indices` say which neighbouring tokens are of one request."""

    def test_requests(self):
        for device in DEVICES:
            q, cache, weights, lens, table = make_paged(device, batch=6, next_n=3)
            expected = paged_reference(*(tensor.cpu() for tensor in (q, cache, weights, lens, table)), COLUMNS)
            tokens, lines = q.reshape(18, 1, 32, 64), table.repeat_interleave(3, 0)
            # Requests may have any numbers, and one may come again.
            for names in (range(6), (7, 3, 7, 3, 7, 3)):
                indices = torch.tensor(list(names), dtype=torch.int32, device=device).repeat_interleave(3)
                for lengths in (lens.reshape(18, 1), lens.flatten()):
                    meta = deep_gemm.get_paged_mqa_logits_metadata(lengths, 64, 132, indices=indices)
                    for call in (
                        lambda *a: deep_gemm.fp8_fp4_paged_mqa_logits((tokens, None), *a, indices, clean_logits=True),
                        lambda *a: deep_gemm.fp8_paged_mqa_logits(tokens, *a, clean_logits=True, indices=indices),
                    ):
                        self.check(call(cache, weights, lengths, lines, meta, COLUMNS), expected)
            # The line of the first token of a run counts.
            lines[1::3] = -1
            self.check(call(cache, weights, lengths, lines, meta, COLUMNS), expected)

    def test_errors(self):
        q, cache, weights, lens, table = make_paged("cpu", batch=6, next_n=1)
        indices = torch.zeros(6, dtype=torch.int32)
        for error, message, others in (
            (AssertionError, "q must be B x 1 x H x D with indices", {"q": q.view(3, 2, 32, 64)}),
            (AssertionError, "indices must be the requests of 6 tokens", {"indices": indices[1:]}),
            (AssertionError, "indices must be torch.int32, found torch.int64", {"indices": indices.long()}),
            (AssertionError, "block_table must have a line for each of 6 tokens", {"table": table[:2]}),
            (AssertionError, "context_lens must be 6 x 1 or 6", {"lens": lens[:2]}),
            (AssertionError, "kv_cache must be torch.uint8", {"cache": cache.view(torch.int8)}),
        ):
            own = {"q": q, "cache": cache, "lens": lens, "table": table, "indices": indices} | others
            with self.assertRaisesRegex(error, message):
                deep_gemm.fp8_paged_mqa_logits(own["q"], own["cache"], weights, own["lens"], own["table"], None, COLUMNS,
                                               indices=own["indices"])  # fmt: skip


if __name__ == "__main__":
    unittest.main()
