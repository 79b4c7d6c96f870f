# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Maxima over blocks of keys on PyTorch tensors, against the maxima of the logits that the same kernels write.

Skipped where there is no PyTorch.
"""
import unittest

from torch_cases import DEVICES, make_logits, make_paged, mqa, torch


def take_maxima(logits, size):
    """Of logits that are -inf outside of the ranges."""
    padding = -logits.size(1) % size
    blocks = torch.nn.functional.pad(logits, (0, padding), value=float("-inf"))
    return blocks.view(logits.size(0), -1, size).amax(-1)


class BlockMaxTest(unittest.TestCase):
    def check(self, found, expected):
        self.assertEqual(found.shape, expected.shape)
        self.assertEqual(found.dtype, expected.dtype)
        rtol, atol = 1e-4, 1e-3
        if found.dtype != torch.float32:
            # Kernels add up heads in another order, so a logit in bf16 may be the next one. A GPU adds logits of 16 bits
            # up in half precision: what is nearly 0 has the error of the large numbers that cancel out.
            rtol = torch.finfo(found.dtype).eps
            atol = rtol * expected[expected.isfinite()].abs().max().item()
        torch.testing.assert_close(found, expected, rtol=rtol, atol=atol, equal_nan=True)

    def test_logits(self):
        for device in DEVICES:
            for size, dtype in ((8, torch.float32), (64, torch.bfloat16), (128, torch.float32)):
                with self.subTest(device=device, size=size):
                    tensors = make_logits(device)
                    tensors[1][7, 3] = float("nan")
                    logits = mqa.logits(*tensors, clean=True, dtype=dtype)
                    expected = take_maxima(logits, size)
                    self.check(mqa.logits(*tensors, clean=True, dtype=dtype, block_max=size), expected)
                    out = torch.full_like(expected, -7.0)
                    mqa.logits_out(*tensors, out, block_max=size)
                    # What has no key of the range is not written.
                    empty = expected == float("-inf")
                    self.assertTrue((out[empty] == -7).all())
                    self.check(out.masked_fill(empty, float("-inf")), expected)
                    launch = mqa.prepare_logits(*tensors, out, clean=True, block_max=size)
                    launch()
                    self.check(out, expected)

    def test_paged_logits(self):
        for device in DEVICES:
            for size in (8, 128):
                with self.subTest(device=device, size=size):
                    q, cache, weights, lens, table = make_paged(device)
                    k, scale = mqa.split_cache(cache, q.size(-1))
                    call = lambda n, **options: mqa.paged_logits(q, k, scale, weights, lens, table, n, clean=True, **options)
                    # Keys up to the end of the last block count.
                    expected = take_maxima(call(-(-260 // size) * size), size)
                    self.check(call(260, block_max=size), expected)
                    out = torch.empty_like(expected)
                    mqa.paged_logits_out(q, k, scale, weights, lens, table, out, clean=True, block_max=size)
                    self.check(out, expected)
                    mqa.prepare_paged_logits(q, k, scale, weights, lens, table, out, clean=True, block_max=size)()
                    self.check(out, expected)

    def test_best_blocks(self):
        """mqa.topk on maxima, with ranges of blocks; the first and the last block are always selected."""
        for device in DEVICES:
            tensors = make_logits(device, m=6, n=900)
            maxima = mqa.logits(*tensors, clean=True, block_max=64)
            start = tensors[4].clamp(min=0)
            first, end = start // 64, torch.where(tensors[5] > start, (tensors[5].clamp(max=900) + 63) // 64, start // 64)
            best = mqa.topk(maxima, end, 3, ks=first, base="absolute", force_first=1, force_last=1).cpu()
            for row, lo, hi in zip(best.tolist(), first.tolist(), end.tolist()):
                chosen = [block for block in row if block >= 0]
                self.assertEqual(len(chosen), min(max(hi - lo, 0), 3))
                if hi > lo:
                    self.assertEqual({chosen[0], chosen[-1]}, {lo, hi - 1})

    def test_torch_compile(self):
        tensors = make_logits("cpu")
        compiled = torch.compile(lambda *t: mqa.logits(*t, clean=True, block_max=8) + 1, backend="eager", fullgraph=True)
        self.check(compiled(*tensors), mqa.logits(*tensors, clean=True, block_max=8) + 1)

    def test_errors(self):
        tensors = make_logits("cpu")
        with self.assertRaisesRegex(ValueError, r"block_max must be 0 \(none\), 8, 64 or 128, found 16"):
            mqa.logits(*tensors, block_max=16)
        with self.assertRaisesRegex(TypeError, "block_max must be an int, found str"):
            mqa.logits(*tensors, block_max="8")
        with self.assertRaisesRegex(ValueError, "block_max is for logits that are not compressed"):
            mqa.logits(*tensors, block_max=8, max_seqlen_k=100)
        with self.assertRaisesRegex(ValueError, "out must be 50 x 38, found 50 x 300"):
            mqa.logits_out(*tensors, torch.empty(50, 300), block_max=8)
        asking = [tensor.float().bfloat16() for tensor in tensors[:2]] + tensors[2:]
        asking[0].requires_grad_()
        with self.assertRaisesRegex(ValueError, "q requires grad, and mqa.logits with block_max=8 has no derivative"):
            mqa.logits(*asking, block_max=8)


if __name__ == "__main__":
    unittest.main()
