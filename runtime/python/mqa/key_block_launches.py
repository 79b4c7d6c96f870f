# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Launches of mqa.logits with lists of key blocks, and what their tensors must be; as merge_launches.py."""
from . import checks, library, plain
from .key_block_checks import check_block_size, check_lists
from .launches import PreparedLaunch, _address, _get_plan, _make_op, _Plan
from .runtime import LogitsArgs

# The options of the op, in the order of flags.
OPTIONS = ("block_size", "clean", "relu", "nan_as_zero", "max_multiprocessors")


def check_key_blocks(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, out, block_size, clean, relu,
                     nan_as_zero, max_multiprocessors):  # fmt: skip
    """Raises a ValueError that names the argument. `out` is None where it is made to fit."""
    check_block_size(block_size)
    library.get_activation(relu, nan_as_zero)
    checks.check_share(max_multiprocessors)
    if k.dim() == 3:
        checks.fail("k must be N x D: key blocks have no groups, found 3 dimensions")
    checks.check_logits(q, k, k_scale, weights, ks, ke, None, False)
    check_lists(q, q.size(0), key_blocks, num_key_blocks, out, block_size)


def _plan_key_blocks(q, k, k_scale, weights, ks, ke, key_blocks, num_key_blocks, out, *flags):
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
    return _Plan(op, q.device, args)


def _fill_key_blocks(tensors, flags):
    """The plan and the arguments of a launch; tensors like others before are not checked again."""
    plan = _get_plan(tensors, flags, _plan_key_blocks)
    args = plan.make_args(plan.template)
    (args.q, args.k, args.k_scale, args.weights, args.ks, args.ke, args.key_blocks, args.num_key_blocks,
     args.out) = map(_address, tensors)  # fmt: skip
    return plan, args


def launch_key_blocks(tensors, flags):
    """mqa.key_block_logits_out on plain tensors, in the order of plain.KEY_BLOCKS."""
    plan, args = _fill_key_blocks(tensors, flags)
    plan.kernel.launch(args, plan.get_stream())


class PreparedKeyBlocks(PreparedLaunch):
    """As PreparedLaunch."""

    def __init__(self, op, tensors, flags):
        super().__init__(op, _fill_key_blocks, tensors, dict(zip(OPTIONS, flags)))

    def _is_watched(self):
        derivative = plain.find_derivative(plain.KEY_BLOCKS, self._tensors)
        return any(watches() for watches in plain.WATCHERS) or derivative is not None
