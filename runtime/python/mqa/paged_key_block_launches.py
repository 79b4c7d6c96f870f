# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Launches of mqa.paged_logits with lists of key blocks, and what their tensors must be; as key_block_launches.py."""
from . import checks, library, plain
from .key_block_checks import check_block_size, check_lists
from .key_block_launches import OPTIONS
from .launches import PreparedLaunch, _address, _get_plan, _make_op, _Plan
from .runtime import PagedLogitsArgs


def list_given(tensors):
    """The names and values of tensors in the order of plain.PAGED_KEY_BLOCKS, without a `sequence` that is None."""
    names = plain.PAGED_KEY_BLOCKS[: len(tensors)]
    given = [(n, t) for n, t in zip(names, tensors) if n != "sequence" or t is not None]
    return tuple(n for n, _ in given), tuple(t for _, t in given)


def check_paged_key_blocks(q, k, k_scale, weights, context_lens, block_table, sequence, key_blocks, num_key_blocks, out,
                           block_size, clean, relu, nan_as_zero, max_multiprocessors):  # fmt: skip
    """Raises a ValueError that names the argument. `out` is None where it is made to fit."""
    check_block_size(block_size)
    library.get_activation(relu, nan_as_zero)
    checks.check_share(max_multiprocessors)
    if sequence is None:
        checks.check_paged(q, k, k_scale, weights, context_lens, block_table, None)
    else:
        checks.check_paged_rows(q, k, k_scale, weights, context_lens, block_table, sequence, None)
    check_lists(q, count_rows(q), key_blocks, num_key_blocks, out, block_size)


def count_rows(q):
    """B * T of B x T x H x D, M of M x H x D."""
    return q.size(0) * q.size(1) if q.dim() == 4 else q.size(0)


def _plan_paged_key_blocks(q, k, k_scale, weights, context_lens, block_table, sequence, key_blocks, num_key_blocks, out,
                           *flags):  # fmt: skip
    check_paged_key_blocks(q, k, k_scale, weights, context_lens, block_table, sequence, key_blocks, num_key_blocks, out,
                           *flags)  # fmt: skip
    options = dict(zip(OPTIONS, flags))
    of_rows = sequence is not None
    per_query = context_lens.dim() == 2
    op = _make_op(
        q,
        k,
        k_scale,
        weights,
        out,
        clean=options["clean"],
        activation=library.get_activation(options["relu"], options["nan_as_zero"]),
        next_n=1 if of_rows else q.size(1),
        block_kv=k.size(1),
        lens_per_query=per_query,
        has_sequence=of_rows,
        key_block_size=options["block_size"],
    )
    args = PagedLogitsArgs(
        q_stride=checks.get_stride(q),
        k_stride=checks.get_stride(k),
        k_scale_stride=checks.get_scale_stride(k_scale),
        weights_stride=checks.get_stride(weights) if weights is not None else 0,
        context_lens_stride=checks.get_stride(context_lens) if per_query else 1,
        block_table_stride=checks.get_stride(block_table),
        out_stride=checks.get_stride(out),
        batch=block_table.size(0),
        num_blocks=k.size(0),
        max_blocks=block_table.size(1),
        max_multiprocessors=options["max_multiprocessors"],
        num_rows=q.size(0),
        key_blocks_stride=checks.get_stride(key_blocks),
        max_key_blocks=key_blocks.size(1),
    )
    return _Plan(op, q.device, args)


def _fill_paged_key_blocks(tensors, flags):
    """The plan and the arguments of a launch; tensors like others before are not checked again."""
    plan = _get_plan(tensors, flags, _plan_paged_key_blocks)
    args = plan.make_args(plan.template)
    (args.q, args.k, args.k_scale, args.weights, args.context_lens, args.block_table, args.sequence, args.key_blocks,
     args.num_key_blocks, args.out) = map(_address, tensors)  # fmt: skip
    return plan, args


def launch_paged_key_blocks(tensors, flags):
    """mqa.paged_key_block_logits_out on plain tensors, in the order of plain.PAGED_KEY_BLOCKS."""
    plan, args = _fill_paged_key_blocks(tensors, flags)
    plan.kernel.launch(args, plan.get_stream())


class PreparedPagedKeyBlocks(PreparedLaunch):
    """As PreparedLaunch."""

    def __init__(self, op, tensors, flags):
        super().__init__(op, _fill_paged_key_blocks, tensors, dict(zip(OPTIONS, flags)))

    def _is_watched(self):
        derivative = plain.find_derivative(*list_given(self._tensors))
        return any(watches() for watches in plain.WATCHERS) or derivative is not None
