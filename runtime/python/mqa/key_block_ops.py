# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.logits of key blocks on PyTorch tensors; out_library.py registers it as ops. As merge_ops.py."""
import torch

from . import out_library as _  # Registers the ops.
from .key_block_launches import KEY_BLOCKS, OPTIONS, new_out
from .mx_query_launches import KEY_BLOCKS as MX_KEY_BLOCKS
from .mx_query_launches import choose
from .out_launches import prepare, run
from .plain import check_tensors, is_dynamo_compiling, is_plain


def compute(launch, inputs, options, dtype):
    """The logits, by a launch with key blocks."""
    names, present = launch.name_present(inputs)
    if not is_dynamo_compiling() and is_plain(names, present):
        flags = launch.get_flags(options)
        out = new_out(launch, inputs, flags, dtype)
        launch.launch((*inputs, out), flags)
        return out
    check_tensors(names, present)
    return getattr(torch.ops.mqa, launch.name)(*inputs, dtype=dtype, **options)


def key_block_logits(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, *, block_size=8, clean=False, relu=True,
                     dtype=torch.float32, nan_as_zero=False, max_multiprocessors=0, q_scale=None,
                     head_reduction="sum"):  # fmt: skip
    """Logits of the keys of some blocks, other ones for each query: `mqa.logits` with `key_blocks` (docs/MQADialect.md).

    Block b has the `block_size` (8 or 16) keys from b * block_size on. key_blocks is M x B int32, num_key_blocks M int32:
    query m has the blocks key_blocks[m, j] for j < num_key_blocks[m]. Returns M x (B * block_size) of `dtype`: column
    j * block_size + o of row m is the logit of key key_blocks[m, j] * block_size + o. Where that key is outside of the
    query's range, and behind the query's blocks, it is -inf if `clean`, and unspecified otherwise. A number that names no
    block has no key of the range. All other arguments are those of `logits`, also `q_scale` and `head_reduction`; keys have
    no groups. Raises as `logits` does.

    >>> import mqa, torch
    >>> q, weights = torch.randn(2, 64, 128).to(torch.float8_e4m3fn), torch.rand(2, 64)
    >>> k, k_scale = torch.randn(300, 128).to(torch.float8_e4m3fn), torch.rand(300)
    >>> ks, ke = torch.tensor([0, 0]).int(), torch.tensor([300, 20]).int()
    >>> key_blocks, num_key_blocks = torch.tensor([[0, 4, 37], [1, 2, 3]]).int(), torch.tensor([3, 2]).int()
    >>> out = mqa.key_block_logits(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, clean=True)
    >>> out.shape, out.isinf().sum(1)
    (torch.Size([2, 24]), tensor([ 4, 12]))
    """
    launch, inputs = choose(KEY_BLOCKS, MX_KEY_BLOCKS, q_scale, q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks)
    options = dict(zip(OPTIONS, (block_size, clean, relu, nan_as_zero, max_multiprocessors, head_reduction)))
    return compute(launch, inputs, options, dtype)


def key_block_logits_out(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, out, *, block_size=8, clean=False,
                         relu=True, nan_as_zero=False, max_multiprocessors=0, q_scale=None, head_reduction="sum"):  # fmt: skip
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
    launch, inputs = choose(KEY_BLOCKS, MX_KEY_BLOCKS, q_scale, q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks)
    options = dict(zip(OPTIONS, (block_size, clean, relu, nan_as_zero, max_multiprocessors, head_reduction)))
    run(launch, (*inputs, out), options)


def prepare_key_block_logits(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, out, *, block_size=8, clean=False,
                             relu=True, nan_as_zero=False, max_multiprocessors=0, q_scale=None, head_reduction="sum"):  # fmt: skip
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
    launch, inputs = choose(KEY_BLOCKS, MX_KEY_BLOCKS, q_scale, q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks)
    options = dict(zip(OPTIONS, (block_size, clean, relu, nan_as_zero, max_multiprocessors, head_reduction)))
    return prepare("mqa.prepare_key_block_logits", launch, (*inputs, out), options)
