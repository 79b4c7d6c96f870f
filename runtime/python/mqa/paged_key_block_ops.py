# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.paged_logits of key blocks on PyTorch tensors; out_library.py registers it as ops."""
import torch

from .key_block_launches import OPTIONS
from .key_block_ops import compute
from .mx_query_launches import PAGED_KEY_BLOCKS as MX_PAGED_KEY_BLOCKS
from .mx_query_launches import choose
from .out_launches import prepare, run
from .paged_key_block_launches import PAGED_KEY_BLOCKS


def paged_key_block_logits(q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks, *, sequence=None,
                           block_size=8, clean=False, relu=True, dtype=torch.float32, nan_as_zero=False,
                           max_multiprocessors=0, q_scale=None, head_reduction="sum"):  # fmt: skip
    """Logits of the keys of some blocks of a paged cache, other ones for each query: `mqa.paged_logits` with `key_blocks`.

    Block b has the `block_size` (8 or 16) keys of the query's sequence from b * block_size on. key_blocks is (B * T) x L
    int32, num_key_blocks B * T int32: row m has the blocks key_blocks[m, j] for j < num_key_blocks[m]. Returns (B * T) x
    (L * block_size) of `dtype`: column j * block_size + o of row m is the logit of key key_blocks[m, j] * block_size + o.
    Where that key is behind the row's length, and behind the row's blocks, it is -inf if `clean`, and unspecified otherwise.
    A number that names no block has no key. All other arguments are those of `paged_logits`, also `q_scale` and
    `head_reduction`: with `sequence`, M rows name their sequences, and each has its own blocks. Raises as `logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.randn(2, 1, 64, 128).to(torch.float8_e4m3fn), torch.rand(2, 64)
    >>> k, k_scale = torch.randn(8, 64, 128).to(torch.float8_e4m3fn), torch.rand(8, 64)
    >>> lens, block_table = torch.tensor([[100], [256]]).int(), torch.arange(8).int().view(2, 4)
    >>> key_blocks, num_key_blocks = torch.tensor([[0, 4, 12], [1, 20, 3]]).int(), torch.tensor([3, 2]).int()
    >>> out = mqa.paged_key_block_logits(q, k, k_scale, weights, lens, block_table, key_blocks, num_key_blocks, clean=True)
    >>> out.shape, out.isinf().sum(1)
    (torch.Size([2, 24]), tensor([4, 8]))
    """
    launch, inputs = choose(PAGED_KEY_BLOCKS, MX_PAGED_KEY_BLOCKS, q_scale, q, k, k_scale, weights, context_lens,
                            block_table, sequence, key_blocks, num_key_blocks)  # fmt: skip
    options = dict(zip(OPTIONS, (block_size, clean, relu, nan_as_zero, max_multiprocessors, head_reduction)))
    return compute(launch, inputs, options, dtype)


def paged_key_block_logits_out(q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks, out, *,
                               sequence=None, block_size=8, clean=False, relu=True, nan_as_zero=False,
                               max_multiprocessors=0, q_scale=None, head_reduction="sum"):  # fmt: skip
    """As `paged_key_block_logits`, into `out` ((B * T) x (L * block_size)), whose rows may be strided.

    Without `clean`, columns without a key that the row sees are not touched. Raises as `logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.randn(2, 1, 64, 128).to(torch.float8_e4m3fn), torch.rand(2, 64)
    >>> k, k_scale = torch.randn(8, 64, 128).to(torch.float8_e4m3fn), torch.rand(8, 64)
    >>> lens, block_table = torch.tensor([[100], [256]]).int(), torch.arange(8).int().view(2, 4)
    >>> key_blocks, num_key_blocks = torch.tensor([[0, 4, 12], [1, 20, 3]]).int(), torch.tensor([3, 2]).int()
    >>> out = torch.full((2, 24), -1.0)
    >>> mqa.paged_key_block_logits_out(q, k, k_scale, weights, lens, block_table, key_blocks, num_key_blocks, out)
    >>> (out == -1).sum(1)
    tensor([4, 8])
    """
    launch, inputs = choose(PAGED_KEY_BLOCKS, MX_PAGED_KEY_BLOCKS, q_scale, q, k, k_scale, weights, context_lens,
                            block_table, sequence, key_blocks, num_key_blocks)  # fmt: skip
    options = dict(zip(OPTIONS, (block_size, clean, relu, nan_as_zero, max_multiprocessors, head_reduction)))
    run(launch, (*inputs, out), options)


def prepare_paged_key_block_logits(q, k, k_scale, weights, context_lens, block_table, key_blocks, num_key_blocks, out, *,
                                   sequence=None, block_size=8, clean=False, relu=True, nan_as_zero=False,
                                   max_multiprocessors=0, q_scale=None, head_reduction="sum"):  # fmt: skip
    """`paged_key_block_logits_out` on these tensors, to be called as often as they are filled. Raises as `prepare_logits`
    does.

    >>> import mqa, torch
    >>> q, weights = torch.randn(2, 1, 64, 128).to(torch.float8_e4m3fn), torch.rand(2, 64)
    >>> k, k_scale = torch.randn(8, 64, 128).to(torch.float8_e4m3fn), torch.rand(8, 64)
    >>> lens, block_table = torch.tensor([[100], [256]]).int(), torch.arange(8).int().view(2, 4)
    >>> key_blocks, num_key_blocks = torch.tensor([[0, 4, 12], [1, 20, 3]]).int(), torch.tensor([3, 2]).int()
    >>> inputs, out = (q, k, k_scale, weights, lens, block_table, key_blocks, num_key_blocks), torch.full((2, 24), -1.0)
    >>> launch = mqa.prepare_paged_key_block_logits(*inputs, out)
    >>> launch()
    >>> (out == -1).sum(1)
    tensor([4, 8])
    """
    launch, inputs = choose(PAGED_KEY_BLOCKS, MX_PAGED_KEY_BLOCKS, q_scale, q, k, k_scale, weights, context_lens,
                            block_table, sequence, key_blocks, num_key_blocks)  # fmt: skip
    options = dict(zip(OPTIONS, (block_size, clean, relu, nan_as_zero, max_multiprocessors, head_reduction)))
    return prepare("mqa.prepare_paged_key_block_logits", launch, (*inputs, out), options)
