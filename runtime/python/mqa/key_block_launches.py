# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Launches of mqa.logits with lists of key blocks, and what their tensors must be; as merge_launches.py."""
import torch

from . import checks, library, plain
from .key_block_checks import check_block_size, check_lists, count_columns
from .launches import _make_op, _Plan
from .out_launches import Launch
from .runtime import LogitsArgs

# The options of the op, in the order of flags.
OPTIONS = {"block_size": 8, "clean": False, "relu": True, "nan_as_zero": False, "max_multiprocessors": 0,
           "head_reduction": "sum"}  # fmt: skip


def check_key_blocks(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, out, block_size, clean, relu,
                     nan_as_zero, max_multiprocessors, head_reduction):  # fmt: skip
    """Raises a ValueError that names the argument. `out` is None where it is made to fit."""
    check_block_size(block_size)
    library.get_activation(relu, nan_as_zero)
    library.check_head_reduction(head_reduction)
    checks.check_share(max_multiprocessors)
    if k.dim() == 3:
        checks.fail("k must be N x D: key blocks have no groups, found 3 dimensions")
    checks.check_logits(q, k, k_scale, weights, ks, ke, None, False)
    check_lists(q, q.size(0), key_blocks, num_key_blocks, out, block_size)


def describe_key_blocks(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, out, *flags):
    """As launches.describe_logits."""
    check_key_blocks(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, out, *flags)
    options = dict(zip(OPTIONS, flags))
    op = _make_op(
        q,
        k,
        k_scale,
        weights,
        out,
        clean=options["clean"],
        activation=library.get_activation(options["relu"], options["nan_as_zero"]),
        head_reduction=options["head_reduction"],
        key_block_size=options["block_size"],
    )
    args = LogitsArgs(
        q_stride=checks.get_stride(q),
        k_stride=checks.get_stride(k),
        k_scale_stride=1,
        weights_stride=checks.get_stride(weights) if weights is not None else 0,
        out_stride=checks.get_stride(out),
        num_queries=q.size(0),
        num_keys=k.size(0),
        max_multiprocessors=options["max_multiprocessors"],
        key_blocks_stride=checks.get_stride(key_blocks),
        max_key_blocks=key_blocks.size(1),
    )
    return op, args


def _plan_key_blocks(q, *others):
    op, args = describe_key_blocks(q, *others)
    return _Plan(op, q.device, args)


KEY_BLOCKS = Launch("key_block_logits", plain.KEY_BLOCKS, OPTIONS, check_key_blocks, _plan_key_blocks)


def count_rows(q):
    """B * T of B x T x H x D, M of M x H x D."""
    return q.size(0) * q.size(1) if q.dim() == 4 else q.size(0)


def new_out(launch, inputs, flags, dtype):
    """Of a launch with key blocks. All else that may be wrong is found at the launch."""
    q, key_blocks = inputs[0], inputs[launch.names.index("key_blocks")]
    checks.check_shape("key_blocks", key_blocks, (None, None))
    return q.new_empty((count_rows(q), count_columns(key_blocks, flags[0])), dtype=dtype)
