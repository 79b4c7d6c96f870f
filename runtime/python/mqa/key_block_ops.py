# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.logits of key blocks on PyTorch tensors; key_block_library.py registers it as ops. As merge_ops.py."""
import torch

from .key_block_launches import OPTIONS, PreparedKeyBlocks, launch_key_blocks
from .key_block_library import new_out
from .plain import KEY_BLOCKS, check_plain, check_tensors, is_dynamo_compiling, is_plain


def key_block_logits(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, *, block_size=8, clean=False, relu=True,
                     dtype=torch.float32, nan_as_zero=False, max_multiprocessors=0):  # fmt: skip
    """Logits of the keys of some blocks, other ones for each query: `mqa.logits` with `key_blocks` (docs/MQADialect.md).

    Block b has the `block_size` (8 or 16) keys from b * block_size on. key_blocks is M x B int32, num_key_blocks M int32:
    query m has the blocks key_blocks[m, j] for j < num_key_blocks[m]. Returns M x (B * block_size) of `dtype`: column
    j * block_size + o of row m is the logit of key key_blocks[m, j] * block_size + o. Where that key is outside of the
    query's range, and behind the query's blocks, it is -inf if `clean`, and unspecified otherwise. A number that names no
    block has no key of the range. All other arguments are those of `logits`; keys have no groups. Raises as `logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.randn(2, 64, 128).to(torch.float8_e4m3fn), torch.rand(2, 64)
    >>> k, k_scale = torch.randn(300, 128).to(torch.float8_e4m3fn), torch.rand(300)
    >>> ks, ke = torch.tensor([0, 0]).int(), torch.tensor([300, 20]).int()
    >>> key_blocks, num_key_blocks = torch.tensor([[0, 4, 37], [1, 2, 3]]).int(), torch.tensor([3, 2]).int()
    >>> out = mqa.key_block_logits(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, clean=True)
    >>> out.shape, out.isinf().sum(1)
    (torch.Size([2, 24]), tensor([ 4, 12]))
    """
    tensors = (q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks)
    flags = (block_size, clean, relu, nan_as_zero, max_multiprocessors)
    if not is_dynamo_compiling() and is_plain(KEY_BLOCKS[:-1], tensors):
        out = new_out(q, key_blocks, block_size, dtype)
        launch_key_blocks((*tensors, out), flags)
        return out
    check_tensors(KEY_BLOCKS[:-1], tensors)
    return torch.ops.mqa.key_block_logits(*tensors, dtype=dtype, **dict(zip(OPTIONS, flags)))


def key_block_logits_out(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, out, *, block_size=8, clean=False,
                         relu=True, nan_as_zero=False, max_multiprocessors=0):  # fmt: skip
    """As `key_block_logits`, into `out` (M x (B * block_size)), whose rows may be strided.

    Without `clean`, columns without a key of the range are not touched. Raises as `logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.randn(2, 64, 128).to(torch.float8_e4m3fn), torch.rand(2, 64)
    >>> k, k_scale = torch.randn(300, 128).to(torch.float8_e4m3fn), torch.rand(300)
    >>> ks, ke = torch.tensor([0, 0]).int(), torch.tensor([300, 20]).int()
    >>> key_blocks, num_key_blocks = torch.tensor([[0, 4, 37], [1, 2, 3]]).int(), torch.tensor([3, 2]).int()
    >>> out = torch.full((2, 24), -1.0)
    >>> mqa.key_block_logits_out(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, out)
    >>> (out == -1).sum(1)
    tensor([ 4, 12])
    """
    tensors = (q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, out)
    flags = (block_size, clean, relu, nan_as_zero, max_multiprocessors)
    if not is_dynamo_compiling() and is_plain(KEY_BLOCKS, tensors):
        launch_key_blocks(tensors, flags)
        return
    check_tensors(KEY_BLOCKS, tensors)
    torch.ops.mqa.key_block_logits_out(*tensors, **dict(zip(OPTIONS, flags)))


def prepare_key_block_logits(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, out, *, block_size=8, clean=False,
                             relu=True, nan_as_zero=False, max_multiprocessors=0):  # fmt: skip
    """`key_block_logits_out` on these tensors, to be called as often as they are filled. Raises as `prepare_logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.randn(2, 64, 128).to(torch.float8_e4m3fn), torch.rand(2, 64)
    >>> k, k_scale = torch.randn(300, 128).to(torch.float8_e4m3fn), torch.rand(300)
    >>> ks, ke = torch.tensor([0, 0]).int(), torch.tensor([300, 20]).int()
    >>> key_blocks, num_key_blocks = torch.tensor([[0, 4, 37], [1, 2, 3]]).int(), torch.tensor([3, 2]).int()
    >>> out = torch.full((2, 24), -1.0)
    >>> launch = mqa.prepare_key_block_logits(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, out)
    >>> launch()
    >>> (out == -1).sum(1)
    tensor([ 4, 12])
    """
    tensors = (q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, out)
    flags = (block_size, clean, relu, nan_as_zero, max_multiprocessors)
    check_plain("mqa.prepare_key_block_logits", KEY_BLOCKS, tensors)
    return PreparedKeyBlocks(torch.ops.mqa.key_block_logits_out, tensors, flags)
