# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.compat.vllm: the contracts of vLLM's top-k functions, against sorted rows. Skipped without PyTorch."""
import unittest

from topk_cases import TopkCase, make_logits, make_ranges, needs_topk, reference
from devices import DEVICES

import torch
from mqa.compat import vllm



class VllmCase(TopkCase):
    def refuse(self, message, function, arguments, error=ValueError, **changes):
        with self.assertRaisesRegex(error, message):
            function(**{**arguments, **changes})


@needs_topk
class PrefillTest(VllmCase):
    def run_rows(self, logits, starts, ends, k, num_rows=None, out=None):
        out = torch.full((logits.size(0), k), 7, dtype=torch.int32, device=logits.device) if out is None else out
        rows = logits.size(0) if num_rows is None else num_rows
        result = vllm.top_k_per_row_prefill(logits, starts, ends, out, rows, logits.stride(0), logits.stride(1), k)
        self.assertIsNone(result)
        return out

    def test_contract(self):
        """Counted from the row's start, ties to the smallest key, -1 behind; NaN only of short rows; any k."""
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            logits, (starts, ends) = make_logits(dtype=dtype), make_ranges(23, 300)
            for k in (1, 17, 300, 2048):
                expected, _ = reference(logits, ends, k, ks=starts)
                for device in DEVICES:
                    out = self.run_rows(logits.to(device), starts.to(device), ends.to(device), k)
                    self.check(out, expected)

    def test_compressed_rows(self):
        """vLLM 0.33: starts of 0, and the lengths in the place of ends."""
        logits, (starts, ends) = make_logits(), make_ranges(23, 300)
        lengths = (ends - starts).clamp(min=0)
        expected, _ = reference(logits, lengths, 20)
        self.check(self.run_rows(logits, torch.zeros_like(starts), lengths, 20), expected)

    def test_strides_and_rows(self):
        """Rows of logits and of the buffer lie apart; rows behind num_rows are not touched."""
        logits, (starts, ends) = make_logits(), make_ranges(23, 300)
        expected, _ = reference(logits, ends, 20, ks=starts)
        apart = torch.cat([logits, logits], 1)[:, :300]
        buffer = torch.full((23, 40), 7, dtype=torch.int32)
        self.run_rows(apart, starts, ends, 20, num_rows=11, out=buffer[:, :20])
        self.check(buffer[:11, :20], expected[:11])
        self.assertTrue((buffer[11:] == 7).all() and (buffer[:, 20:] == 7).all())
        for starts_, ends_ in ((starts[:11], ends), (starts, ends[:11])):
            self.check(self.run_rows(apart, starts_, ends_, 20, num_rows=11)[:11], expected[:11])
        self.check(self.run_rows(logits[:0], starts[:0], ends[:0], 20), expected[:0])

    def test_compile(self):
        logits, (starts, ends) = make_logits(), make_ranges(23, 300)

        def function(logits, starts, ends, out):
            vllm.top_k_per_row_prefill(logits, starts, ends, out, logits.shape[0], logits.stride(0), 1, 20)
            return out + 0

        compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
        out = compiled(logits, starts, ends, torch.zeros(23, 20, dtype=torch.int32))
        self.check(out, reference(logits, ends, 20, ks=starts)[0])

    def test_refusals(self):
        logits, (starts, ends) = make_logits(), make_ranges(23, 300)
        indices = torch.zeros(23, 20, dtype=torch.int32)
        arguments = dict(logits=logits, row_starts=starts, row_ends=ends, indices=indices, num_rows=23, stride0=300,
                         stride1=1, top_k=20)  # fmt: skip
        vllm.top_k_per_row_prefill(**arguments)
        long, wide = torch.zeros(23, 5000, dtype=torch.int32), torch.zeros(23, 600)[:, ::2]
        for message, changes in (
            ("logits must be \\* x \\*, found 300", {"logits": logits[0]}),
            (
                "logits must have a dtype of torch.float32, torch.bfloat16, torch.float16, found torch.float64",
                {"logits": logits.double()},
            ),
            ("logits must be contiguous from dimension 1 on", {"logits": wide, "stride0": 600, "stride1": 2}),
            ("row_starts must be 23, found 23 x 1", {"row_starts": starts[:, None]}),
            ("row_starts must be 23, found 22", {"row_starts": starts[:22]}),
            ("row_ends must have dtype torch.int32, found torch.int64", {"row_ends": ends.long()}),
            ("row_ends must be contiguous from dimension 0 on", {"row_ends": ends.repeat_interleave(2)[::2]}),
            ("indices must be \\* x 19, found 23 x 20", {"top_k": 19}),
            ("indices must have dtype torch.int32, found torch.int64", {"indices": indices.long()}),
            ("top_k must be an integer, from 1 to 4096, found 5000", {"indices": long, "top_k": 5000}),
            ("num_rows must be at most the 23 rows of logits, found 24", {"num_rows": 24}),
            ("num_rows must be at most the 22 rows of indices, found 23", {"indices": indices[:22]}),
            ("num_rows must be an integer, at least 0, found -1", {"num_rows": -1}),
            ("stride0 must be that of logits, 300, found 299", {"stride0": 299}),
            ("stride1 must be that of logits, 1, found 2", {"stride1": 2}),
        ):
            self.refuse(message, vllm.top_k_per_row_prefill, arguments, **changes)
        for name in ("logits", "row_starts", "row_ends", "indices"):
            message = f"{name} must be a torch.Tensor, found None"
            self.refuse(message, vllm.top_k_per_row_prefill, arguments, TypeError, **{name: None})


@needs_topk
class DecodeTest(VllmCase):
    def run_rows(self, logits, next_n, lens, k):
        out = torch.full((logits.size(0), k), 7, dtype=torch.int32, device=logits.device)
        rows, strides = logits.size(0), logits.stride()
        self.assertIsNone(vllm.top_k_per_row_decode(logits, next_n, lens, out, rows, *strides, k))
        return out

    def test_lengths(self):
        """Of sequences: row (b, t) ends at len - next_n + t + 1; of rows: where they say. Also below 0 and past the
        end."""
        generator = torch.Generator().manual_seed(1)
        for next_n in (1, 2, 3, 4, 8):
            logits = make_logits(m=6 * next_n, dtype=torch.bfloat16 if next_n == 3 else torch.float32)
            of_sequences = torch.tensor([-3, 0, next_n, 40, 299, 400], dtype=torch.int32)
            of_rows = torch.randint(-5, 320, (6, next_n), generator=generator, dtype=torch.int32)
            step = torch.arange(next_n, dtype=torch.int32)
            for lens, ends in ((of_sequences, of_sequences[:, None] - next_n + step + 1), (of_rows, of_rows),
                               (of_rows.view(-1, 1), of_rows)):  # fmt: skip
                expected, _ = reference(logits, ends.reshape(-1), 20)
                for device in DEVICES:
                    self.check(self.run_rows(logits.to(device), next_n, lens.to(device), 20), expected)

    def test_fewer_rows(self):
        """num_rows may be less than there are: the others are not looked at, nor written."""
        logits, lens = make_logits(m=9), torch.tensor([[5, 300], [0, 100], [200, 7]], dtype=torch.int32)
        out = torch.full((8, 20), 7, dtype=torch.int32)
        vllm.top_k_per_row_decode(logits, 2, lens, out, 6, *logits.stride(), 20)
        self.check(out[:6], reference(logits[:6], lens.reshape(-1), 20)[0])
        self.assertTrue((out[6:] == 7).all())

    def test_strided_lengths(self):
        logits, lens = make_logits(m=6), torch.tensor([[5, 300, 9], [0, 100, 200]], dtype=torch.int32)
        strided = torch.cat([lens, lens], 1)[:, :3]
        self.check(self.run_rows(logits, 3, strided, 20), reference(logits, lens.reshape(-1), 20)[0])

    def test_refusals(self):
        logits, lens, indices = (
            make_logits(m=6),
            torch.zeros(3, 2, dtype=torch.int32),
            torch.zeros(6, 20, dtype=torch.int32),
        )
        arguments = dict(logits=logits, next_n=2, seq_lens=lens, indices=indices, num_rows=6, stride0=300, stride1=1,
                         top_k=20)  # fmt: skip
        vllm.top_k_per_row_decode(**arguments)
        for message, changes in (
            ("seq_lens must have a length for each of 6 rows, found 3 x 1", {"seq_lens": lens[:, :1]}),
            ("seq_lens must be 3, found 6", {"seq_lens": lens.view(-1)}),
            ("seq_lens must have dtype torch.int32, found torch.int64", {"seq_lens": lens.long()}),
            ("seq_lens must have dtype torch.int32, found torch.int64", {"seq_lens": lens[:, 0].long()}),
            ("seq_lens must be 3, found 3 x 2 x 1", {"seq_lens": lens[..., None]}),
            ("next_n must be an integer, at least 1, found 0", {"next_n": 0}),
            ("num_rows must be a multiple of next_n = 4, found 6", {"next_n": 4, "seq_lens": lens[:, 0].contiguous()}),
            ("stride0 must be that of logits, 300, found 0", {"stride0": 0}),
            ("indices must be \\* x 20, found 6 x 10", {"indices": indices[:, :10]}),
        ):
            self.refuse(message, vllm.top_k_per_row_decode, arguments, **changes)
        self.refuse("seq_lens must be a torch.Tensor, found list", vllm.top_k_per_row_decode, arguments, TypeError,
                    seq_lens=[1, 2, 3])  # fmt: skip


@needs_topk
class PersistentTest(VllmCase):
    def test_contract(self):
        workspace = torch.empty(16, dtype=torch.uint8)
        self.assertIs(vllm.cooperative_topk, vllm.persistent_topk)
        logits, lens = make_logits(m=6), torch.tensor([[5, 300], [-1, 100], [0, 400]], dtype=torch.int32)
        for k in (9, 512):
            expected, _ = reference(logits, lens.reshape(-1), k)
            for device in DEVICES:
                for lengths in (lens, lens.view(-1, 1), lens.view(-1)):
                    buffer = torch.full((6, 600), 7, dtype=torch.int32, device=device)
                    out = buffer[:, :k]
                    args = (logits.to(device), lengths.to(device), out, workspace.to(device), k, 300)
                    self.assertIsNone(vllm.persistent_topk(*args))
                    self.check(out, expected)
                    self.assertTrue((buffer[:, k:] == 7).all().item())

    def test_refusals(self):
        logits, lens, out = make_logits(m=6), torch.zeros(6, dtype=torch.int32), torch.zeros(6, 20, dtype=torch.int32)
        arguments = dict(logits=logits, lengths=lens, output=out, workspace=None, k=20, max_seq_len=300)
        vllm.persistent_topk(**arguments)
        for message, changes in (
            ("lengths must have a length for each of 6 rows, found 5", {"lengths": lens[:5]}),
            ("lengths must have one or two dimensions, found 3", {"lengths": lens[None, None]}),
            ("lengths must have dtype torch.int32, found torch.int64", {"lengths": lens.long()}),
            ("output must be 6 x 21, found 6 x 20", {"k": 21}),
            ("output must have dtype torch.int32, found torch.int64", {"output": out.long()}),
            ("logits must be \\* x \\*, found 300", {"logits": logits[0]}),
        ):
            self.refuse(message, vllm.persistent_topk, arguments, **changes)
        self.refuse(
            "output must be a torch.Tensor, found None", vllm.persistent_topk, arguments, TypeError, output=None
        )


if __name__ == "__main__":
    unittest.main()
