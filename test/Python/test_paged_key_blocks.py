# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.paged_key_block_logits against mqa.paged_logits: column j * R + o is the logit of key key_blocks[m, j] * R + o."""
import unittest

from torch_cases import torch

import mqa


def make_inputs(batch=3, next_n=2, keys=300, blocks=20, size=8, seed=0):
    random = torch.Generator().manual_seed(seed)
    rows, table = batch * next_n, -(-keys // 64)
    q = torch.randn(batch, next_n, 16, 64, generator=random).to(torch.float8_e4m3fn)
    k = torch.randn(batch * table + 2, 64, 64, generator=random).to(torch.float8_e4m3fn)
    k_scale = torch.rand(k.size(0), 64, generator=random) + 0.5
    weights = torch.randn(rows, 16, generator=random)
    lens = torch.randint(0, keys + 1, (batch, next_n), generator=random).int()
    block_table = torch.randperm(k.size(0), generator=random)[: batch * table].int().view(batch, table)
    key_blocks = torch.randint(-2, keys // size + 3, (rows, blocks), generator=random).int()
    num_key_blocks = torch.randint(-1, blocks + 2, (rows,), generator=random).int()
    return q, k, k_scale, weights, lens, block_table, key_blocks, num_key_blocks


def make_rows(seed=0):
    """The same, of rows that name their sequences, in any order; one names none, and one sees no key."""
    q, k, k_scale, weights, lens, block_table, key_blocks, num_key_blocks = make_inputs(next_n=4, seed=seed)
    sequence = torch.arange(3).repeat_interleave(4)[torch.randperm(12, generator=torch.Generator().manual_seed(seed))].int()
    lens = lens.flatten().clone()
    sequence[3], lens[5], sequence[5] = 7, 0, -1
    return (q.flatten(0, 1), k, k_scale, weights, lens, block_table, key_blocks, num_key_blocks), sequence


def gather(inputs, size, missing, sequence=None):
    """What mqa.paged_logits says of the columns; `missing` where a column has no key that the row sees."""
    *others, key_blocks, num_key_blocks = inputs
    n = 64 * others[5].size(1)
    whole = mqa.paged_logits(*others, n, sequence=sequence, clean=True)
    rows, blocks = key_blocks.shape
    keys = (key_blocks.long()[:, :, None] * size + torch.arange(size)).view(rows, -1)
    column = torch.arange(blocks * size)
    values = whole.gather(1, keys.clamp(0, n - 1))
    sees = (keys >= 0) & (keys < n) & (column < num_key_blocks.long()[:, None] * size) & ~values.isinf()
    return torch.where(sees, values, torch.tensor(missing)), sees


class PagedKeyBlockTest(unittest.TestCase):
    def check_close(self, found, expected):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)

    def test_columns_are_logits_of_their_keys(self):
        for size in (8, 16):
            inputs = make_inputs(size=size)
            expected, _ = gather(inputs, size, -float("inf"))
            self.check_close(mqa.paged_key_block_logits(*inputs, block_size=size, clean=True), expected)

    def test_lengths_of_sequences(self):
        q, k, k_scale, weights, lens, *others = make_inputs(seed=5)
        inputs = (q, k, k_scale, weights, lens[:, 0].contiguous(), *others)
        self.check_close(mqa.paged_key_block_logits(*inputs, clean=True), gather(inputs, 8, -float("inf"))[0])

    def test_rows_that_name_their_sequences(self):
        inputs, sequence = make_rows()
        expected, sees = gather(inputs, 8, -float("inf"), sequence)
        self.check_close(mqa.paged_key_block_logits(*inputs, sequence=sequence, clean=True), expected)
        self.assertFalse(bool(sees[3].any() or sees[5].any()))

    def test_without_clean_nothing_is_written_elsewhere(self):
        inputs = make_inputs(seed=1)
        expected, sees = gather(inputs, 8, -7.0)
        wide = torch.full((6, 170), -7.0)
        mqa.paged_key_block_logits_out(*inputs, wide[:, :160])
        self.check_close(wide[:, :160], expected)
        self.assertTrue(bool((wide[:, :160][~sees] == -7).all()) and bool((wide[:, 160:] == -7).all()))

    def test_prepared_launch_sees_other_blocks(self):
        inputs, sequence = make_rows(seed=2)
        out = torch.empty(12, 160)
        launch = mqa.prepare_paged_key_block_logits(*inputs, out, sequence=sequence, clean=True)
        for seed in (3, 4):
            inputs[6].copy_(make_rows(seed=seed)[0][6])
            launch()
            self.check_close(out, gather(inputs, 8, -float("inf"), sequence)[0])

    def test_torch_op_and_its_shape_without_data(self):
        inputs, sequence = make_rows()
        expected = mqa.paged_key_block_logits(*inputs, sequence=sequence, clean=True)
        tensors = (*inputs[:6], sequence, *inputs[6:])
        self.assertTrue(torch.equal(torch.ops.mqa.paged_key_block_logits(*tensors, clean=True), expected))
        meta = [tensor.to("meta") for tensor in make_inputs()]
        found = torch.ops.mqa.paged_key_block_logits(*meta[:6], None, *meta[6:], block_size=16, dtype=torch.bfloat16)
        self.assertEqual((found.shape, found.dtype), ((6, 320), torch.bfloat16))

    def test_bad_input_is_named(self):
        inputs = make_inputs()
        for change, options, message in (
            ({6: inputs[6].long()}, {}, "key_blocks must have dtype torch.int32"),
            ({6: inputs[6][:4]}, {}, "key_blocks must be 6 x"),
            ({7: inputs[7][:4]}, {}, "num_key_blocks must be 6"),
            ({6: inputs[6].t().contiguous().t()}, {}, "key_blocks must be contiguous from dimension 1 on"),
            ({5: inputs[5][:2]}, {}, "block_table must be 3 x"),
            ({}, {"block_size": 32}, "block_size must be 8 or 16, found 32"),
            ({}, {"sequence": inputs[7]}, "q must be M x H x D with sequence"),
            ({}, {"nan_as_zero": True, "relu": False}, "nan_as_zero is for logits with relu"),
        ):
            tensors = [change.get(i, tensor) for i, tensor in enumerate(inputs)]
            with self.assertRaisesRegex(ValueError, message):
                mqa.paged_key_block_logits(*tensors, **options)
        with self.assertRaisesRegex(TypeError, "key_blocks must be a torch.Tensor"):
            mqa.paged_key_block_logits(*inputs[:6], None, inputs[7])
        with self.assertRaisesRegex(ValueError, "out must be 6 x 160"):
            mqa.paged_key_block_logits_out(*inputs, torch.empty(6, 150))
        weights = inputs[3].clone().requires_grad_()
        with self.assertRaisesRegex(ValueError, "weights requires grad, and mqa.paged_key_block_logits has no derivative"):
            mqa.paged_key_block_logits(*inputs[:3], weights, *inputs[4:])


if __name__ == "__main__":
    unittest.main()
