# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.key_block_logits against mqa.logits: column j * R + o is the logit of key key_blocks[m, j] * R + o."""
import unittest

from torch_cases import torch

import mqa


def make_inputs(rows=5, keys=301, blocks=20, size=8, seed=0):
    random = torch.Generator().manual_seed(seed)
    q = torch.randn(rows, 16, 64, generator=random).to(torch.float8_e4m3fn)
    k = torch.randn(keys, 64, generator=random).to(torch.float8_e4m3fn)
    k_scale = torch.rand(keys, generator=random) + 0.5
    weights = torch.randn(rows, 16, generator=random)
    ks = torch.randint(0, keys // 3, (rows,), generator=random).int()
    ke = torch.randint(keys // 2, keys + 20, (rows,), generator=random).int()
    key_blocks = torch.randint(-2, keys // size + 3, (rows, blocks), generator=random).int()
    num_key_blocks = torch.randint(-1, blocks + 2, (rows,), generator=random).int()
    return q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks


def gather(inputs, size, missing):
    """What mqa.logits says of the columns; `missing` where a column has no key of the range."""
    *others, key_blocks, num_key_blocks = inputs
    whole = mqa.logits(*others, clean=True)
    rows, blocks = key_blocks.shape
    keys = (key_blocks.long()[:, :, None] * size + torch.arange(size)).view(rows, -1)
    ks, ke, n = others[4].long()[:, None], others[5].long()[:, None], whole.size(1)
    column = torch.arange(blocks * size)
    sees = (keys >= ks) & (keys < ke.clamp(max=n)) & (column < num_key_blocks.long()[:, None] * size)
    values = whole.gather(1, keys.clamp(0, n - 1))
    return torch.where(sees, values, torch.tensor(missing)), sees


class KeyBlockTest(unittest.TestCase):
    def check_close(self, found, expected):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)

    def test_columns_are_logits_of_their_keys(self):
        for size in (8, 16):
            inputs = make_inputs(size=size)
            expected, _ = gather(inputs, size, -float("inf"))
            self.check_close(mqa.key_block_logits(*inputs, block_size=size, clean=True), expected)

    def test_without_clean_nothing_is_written_elsewhere(self):
        inputs = make_inputs(seed=1)
        expected, sees = gather(inputs, 8, -7.0)
        wide = torch.full((5, 170), -7.0)
        mqa.key_block_logits_out(*inputs, wide[:, :160])
        self.check_close(wide[:, :160], expected)
        self.assertTrue(bool((wide[:, :160][~sees] == -7).all()) and bool((wide[:, 160:] == -7).all()))

    def test_prepared_launch_sees_other_blocks(self):
        inputs = make_inputs(seed=2)
        out = torch.empty(5, 160)
        launch = mqa.prepare_key_block_logits(*inputs, out, clean=True)
        for seed in (3, 4):
            inputs[6].copy_(make_inputs(seed=seed)[6])
            launch()
            self.check_close(out, gather(inputs, 8, -float("inf"))[0])

    def test_torch_op_and_its_shape_without_data(self):
        inputs = make_inputs()
        expected = mqa.key_block_logits(*inputs, clean=True)
        self.assertTrue(torch.equal(torch.ops.mqa.key_block_logits(*inputs, clean=True), expected))
        meta = [tensor.to("meta") for tensor in inputs]
        self.assertEqual(torch.ops.mqa.key_block_logits(*meta, block_size=16, dtype=torch.bfloat16).shape, (5, 320))

    def test_bad_input_is_named(self):
        inputs = make_inputs()
        for change, options, message in (
            ({6: inputs[6].long()}, {}, "key_blocks must have dtype torch.int32"),
            ({6: inputs[6][:4]}, {}, "key_blocks must be 5 x"),
            ({7: inputs[7][:4]}, {}, "num_key_blocks must be 5"),
            ({6: inputs[6].t().contiguous().t()}, {}, "key_blocks must be contiguous from dimension 1 on"),
            ({1: inputs[1][:, None]}, {}, "k must be N x D"),
            ({}, {"block_size": 32}, "block_size must be 8 or 16, found 32"),
            ({}, {"nan_as_zero": True, "relu": False}, "nan_as_zero is for logits with relu"),
        ):
            tensors = [change.get(i, tensor) for i, tensor in enumerate(inputs)]
            with self.assertRaisesRegex(ValueError, message):
                mqa.key_block_logits(*tensors, **options)
        with self.assertRaisesRegex(TypeError, "key_blocks must be a torch.Tensor"):
            mqa.key_block_logits(*inputs[:6], None, inputs[7])
        with self.assertRaisesRegex(ValueError, "out must be 5 x 160"):
            mqa.key_block_logits_out(*inputs, torch.empty(5, 150))
        weights = inputs[3].clone().requires_grad_()
        with self.assertRaisesRegex(ValueError, "weights requires grad, and mqa.key_block_logits has no derivative"):
            mqa.key_block_logits(*inputs[:3], weights, *inputs[4:])


if __name__ == "__main__":
    unittest.main()
