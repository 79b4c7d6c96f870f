# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Key blocks of queries with block scales, against float64 on what the bytes say: column j * R + o is the logit of key
key_blocks[m, j] * R + o.

Skipped where there is no PyTorch.
"""
import unittest

from devices import DEVICES
from key_block_cases import make_blocks, move
from test_mx import compute, decode, make, make_cache
from test_mx_queries import make_queries
from test_q_scale import QueriesCase, list_scales

import mqa
import torch


def gather(logits, key_blocks, num_key_blocks, size, starts, ends):
    """The columns out of the logits of all keys, -inf where a column has no key of the range; and the keys of columns."""
    keys = (key_blocks.long()[:, :, None] * size + torch.arange(size)).flatten(1)
    columns = torch.arange(keys.size(1))
    sees = (keys >= starts[:, None].clamp(min=0)) & (keys < ends[:, None].clamp(max=logits.size(1)))
    sees &= columns < num_key_blocks.long()[:, None] * size
    values = logits.gather(1, keys.clamp(0, logits.size(1) - 1))
    return torch.where(sees, values, -torch.inf), keys


def make_prefill(device="cpu"):
    """Tensors of 5 queries of MXFP4 and keys of MXFP4, and q_scale."""
    q, q_scale, weights = make_queries(5, 16)
    k, k_scale = make(300)
    ks, ke = torch.arange(5).int() * 10, torch.full((5,), 290).int()
    return move([q, k, k_scale, weights, ks, ke, *make_blocks(5, 37)], device), q_scale.to(device)


class ScaledQueriesOfBlocksTest(QueriesCase):
    def check_columns(self, out, expected):
        """What has a key, and -inf elsewhere."""
        out, missing = out.cpu(), expected == -torch.inf
        self.assertTrue(torch.equal(out == -torch.inf, missing))
        self.assertTrue(bool(missing.any()) and not bool(missing.all()))
        self.check(out[~missing], expected[~missing])

    def check_selection(self, found, out, keys, topk):
        """The best keys of the columns of `out`, which the logits are."""
        for m, (row, own) in enumerate(zip(out.cpu(), found.tolist())):
            count = min(topk, int((row != -torch.inf).sum()))
            best = row.topk(count).indices.sort().values
            self.assertEqual(own, keys[m, best].tolist() + [-1] * (topk - count))

    def check_forms(self, name, inputs, out, expected_keys, **options):
        """The forms of a function that write: logits, and the selection of 10 keys from them."""
        again = torch.full_like(out, -torch.inf)
        getattr(mqa, f"{name}_out")(*inputs, again, clean=True, **options)
        self.assertTrue(torch.equal(again, out))
        again.zero_()
        getattr(mqa, f"prepare_{name}")(*inputs, again, clean=True, **options)()
        self.assertTrue(torch.equal(again, out))
        options["base"] = "absolute"
        best, values = getattr(mqa, f"{name}_topk")(*inputs, 10, return_values=True, **options)
        self.check_selection(best, out, expected_keys, 10)
        self.assertTrue(torch.equal(values[best >= 0].sort().values, torch.cat(
            [row.topk(min(10, int((row != -torch.inf).sum()))).values for row in out]).sort().values))  # fmt: skip
        for prepare in (False, True):
            indices = torch.zeros_like(best)
            if prepare:
                getattr(mqa, f"prepare_{name}_topk")(*inputs, indices, **options)()
            else:
                getattr(mqa, f"{name}_topk_out")(*inputs, indices, **options)
            self.assertTrue(torch.equal(indices, best))

    def test_logits(self):
        ks, ke = torch.arange(5).int() * 10, torch.full((5,), 290).int()
        for q, q_scale, weights, queries in self.list_queries(5, 16):
            for k, k_scale, keys in self.list_keys(300):
                for size in (8, 16):
                    lists = make_blocks(5, 300 // size, blocks=15, seed=size)
                    expected, columns = gather(compute(queries, keys, weights), *lists, size, ks, ke)
                    for device in DEVICES:
                        inputs = move([q, k, k_scale, weights, ks, ke, *lists], device)
                        options = {"block_size": size, "q_scale": q_scale.to(device)}
                        with self.subTest(q=q.dtype, k=k.dtype, size=size, device=device):
                            out = mqa.key_block_logits(*inputs, clean=True, **options)
                            self.check_columns(out, expected)
                            self.check_forms("key_block_logits", inputs, out, columns, **options)

    def test_paged(self):
        """In the order of the sequences, and rows that name theirs."""
        _, cache, _, lens, table, pages = make_cache(torch.float8_e4m3fn, 128, 64)
        for q, q_scale, weights, queries in self.list_queries(2, 1, 16):
            lists = make_blocks(2, 24, blocks=15)
            logits = [compute(queries[b], pages[table[b].long()].flatten(0, 1), weights[b : b + 1]) for b in range(2)]
            expected, columns = gather(torch.cat(logits), *lists, 8, torch.zeros(2), lens.flatten())
            for device in DEVICES:
                k, k_scale = mqa.split_cache(cache.to(device), 128, torch.uint8)
                q_, scales, *others = move([q, q_scale, weights, lens, table, *lists], device)
                inputs = (q_, k, k_scale, *others)
                with self.subTest(q=q.dtype, device=device):
                    out = mqa.paged_key_block_logits(*inputs, clean=True, q_scale=scales)
                    self.check_columns(out, expected)
                    self.check_forms("paged_key_block_logits", inputs, out, columns, q_scale=scales)
                    order = torch.tensor([1, 0], device=device).int()
                    rows = (q_[order.long(), 0], k, k_scale, others[0][order.long()], others[1].flatten()[order.long()],
                            others[2], *(own[order.long()] for own in others[3:]))  # fmt: skip
                    options = {"sequence": order, "q_scale": scales[order.long(), 0]}
                    found = mqa.paged_key_block_logits(*rows, clean=True, **options)
                    self.assertTrue(torch.equal(found[order.long()], out))
                    self.check_forms("paged_key_block_logits", rows, found, columns[order.cpu().long()], **options)

    def test_strided_queries(self):
        for device in DEVICES:
            inputs, q_scale = make_prefill(device)
            q, *others = inputs
            wide, words = q.repeat_interleave(2, 0), q_scale.repeat_interleave(2, 0)
            out = mqa.key_block_logits(*inputs, clean=True, q_scale=q_scale)
            self.assertTrue(torch.equal(mqa.key_block_logits(wide[::2], *others, clean=True, q_scale=words[::2]), out))

    def test_torch_ops(self):
        inputs, q_scale = make_prefill()
        expected = mqa.key_block_logits(*inputs, clean=True, q_scale=q_scale)
        found = torch.ops.mqa.mx_key_block_logits(*inputs, q_scale, clean=True)
        self.assertTrue(torch.equal(found, expected))
        call = lambda *tensors: mqa.key_block_logits(*tensors[:-1], clean=True, q_scale=tensors[-1])
        function = torch.compile(call, fullgraph=True, backend="aot_eager")
        self.assertTrue(torch.equal(function(*inputs, q_scale), expected))
        meta = [tensor.to("meta") for tensor in (*inputs, q_scale)]
        found = torch.ops.mqa.mx_key_block_logits(*meta, block_size=16, dtype=torch.bfloat16)
        self.assertEqual((found.shape, found.dtype), ((5, 480), torch.bfloat16))
        with self.assertRaisesRegex(ValueError, "q_scale must be 5 x 16, found 4 x 16"):
            torch.ops.mqa.mx_key_block_logits(*meta[:-1], meta[-1][:4])

    def test_bytes_of_scales(self):
        """Bytes of block scales give the bits that words give."""
        inputs, q_scale = make_prefill()
        for device in DEVICES:
            own, words = [t.to(device) for t in inputs], q_scale.to(device)
            expected = mqa.key_block_logits(*own, clean=True, q_scale=words)
            best = mqa.key_block_logits_topk(*own, 5, q_scale=words)
            for scales in list_scales(words):
                with self.subTest(scales=scales.dtype, device=device):
                    self.assertTrue(torch.equal(mqa.key_block_logits(*own, clean=True, q_scale=scales), expected))
                    self.assertTrue(torch.equal(mqa.key_block_logits_topk(*own, 5, q_scale=scales), best))

    def test_errors(self):
        inputs, q_scale = make_prefill()
        calls = [lambda *tensors, q_scale=q_scale, **options: mqa.key_block_logits(*tensors, q_scale=q_scale, **options),
                 lambda *tensors, q_scale=q_scale, **options: mqa.key_block_logits_topk(*tensors, 5, q_scale=q_scale, **options)]  # fmt: skip
        for change, options, message in (
            ({0: inputs[0].short()}, {}, "q must be bytes of fp4 .* beside q_scale"),
            ({0: inputs[0][..., :40]}, {}, "q must have a head dim of .* found 80"),
            ({1: torch.zeros(300, 2, 128).bfloat16(), 2: None}, {}, "k must be N x D"),
            ({6: inputs[6][:4]}, {}, "key_blocks must be 5 x"),
            ({7: inputs[7].long()}, {}, "num_key_blocks must have dtype torch.int32"),
            ({}, {"q_scale": q_scale.float()}, "q_scale must be torch.int32, a word .* found torch.float32"),
            ({}, {"q_scale": q_scale[:, :7]}, "q_scale must be 5 x 16, found 5 x 7"),
            ({}, {"block_size": 32}, "block_size must be 8 or 16, found 32"),
        ):
            tensors = [change.get(i, tensor) for i, tensor in enumerate(inputs)]
            for call in calls:
                with self.assertRaisesRegex(ValueError, message):
                    call(*tensors, **options)
        for call in calls:
            with self.assertRaisesRegex(TypeError, "q_scale must be a torch.Tensor, found int"):
                call(*inputs, q_scale=1)
            with self.assertRaisesRegex(ValueError, "weights requires grad, and mqa.mx_key_block_logits"):
                call(*inputs[:3], inputs[3].clone().requires_grad_(), *inputs[4:])


if __name__ == "__main__":
    unittest.main()
