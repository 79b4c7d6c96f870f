# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Launches on queries with block scales (q_scale), with what their tensors must be; as launches.py and fused_launches.py.

A launch is described as that on queries of the type that keys stand beside, which kernels turn such queries into.
"""
import dataclasses

from . import checks, fused_checks, fused_launches, fused_row_launches, launches, plain
from .fused_launches import Form, _FusedPlan
from .launches import PreparedLaunch, _address, _get_plan, _Plan

# The options of the ops, in the order of flags.
LOGITS_OPTIONS = ("clean", "compressed", "relu", "nan_as_zero", "max_multiprocessors", "block_max")
PAGED_OPTIONS = ("clean", "relu", "nan_as_zero", "max_multiprocessors", "block_max")
ROWS_OPTIONS = (*PAGED_OPTIONS, "rows_per_sequence")


def _decode(q, q_scale, k, k_scale):
    """As checks.decode_queries, where keys may have a dimension of groups."""
    if q.dim() == 3 and k.dim() == 3 and not checks.find_mx_format(k, k_scale):
        checks.fail("k must be N x D: queries with block scales have no key groups, found 3 dimensions")
    return checks.decode_queries(q, q_scale, k, k_scale)


def _add_scales(args, q, q_scale):
    args.q_stride, args.q_scale_stride = checks.get_stride(q), checks.get_query_scale_stride(q_scale)


def _plan(describe, decode, q, k, k_scale, others, q_scale, out, flags):
    queries, format = decode(q, q_scale, k, k_scale)
    op, args = describe(queries, k, k_scale, *others, out, *flags)
    _add_scales(args, q, q_scale)
    return _Plan(dataclasses.replace(op, mx_queries=format), q.device, args)


def _plan_logits(q, k, k_scale, weights, ks, ke, q_scale, out, clean, compressed, relu, *flags):
    # There is no sum in half precision beside such queries.
    flags = (clean, compressed, relu, False, *flags)
    return _plan(launches.describe_logits, _decode, q, k, k_scale, (weights, ks, ke), q_scale, out, flags)


def _plan_paged(q, k, k_scale, weights, context_lens, block_table, q_scale, out, *flags):
    others = (weights, context_lens, block_table)
    return _plan(launches.describe_paged, checks.decode_queries, q, k, k_scale, others, q_scale, out, flags)


def _plan_rows(q, k, k_scale, weights, context_lens, block_table, sequence, q_scale, out, *flags):
    others = (weights, context_lens, block_table, sequence)
    return _plan(launches.describe_rows, checks.decode_queries, q, k, k_scale, others, q_scale, out, flags)


@dataclasses.dataclass(frozen=True)
class Launch:
    """An op that writes `out`: its name, those of its tensors, and of its options in the order of flags."""

    name: str
    names: tuple
    options: tuple
    make_plan: object
    decode: object
    check: object  # Of other queries.

    def fill(self, tensors, flags):
        """The plan and the arguments of a launch; tensors like others before are not checked again."""
        plan = _get_plan(tensors, (self.name, *flags), lambda *args: self.make_plan(*args[: len(tensors)], *flags))
        args = plan.make_args(plan.template)
        for name, tensor in zip(self.names, tensors):
            setattr(args, name, _address(tensor))
        return plan, args

    def launch(self, tensors, flags):
        plan, args = self.fill(tensors, flags)
        plan.kernel.launch(args, plan.get_stream())

    def check_all(self, tensors, **options):
        """Raises a ValueError that names the argument; the last of `tensors`, `out`, is None where it is made to fit."""
        q, k, k_scale, *others, q_scale, out = tensors
        queries, _ = self.decode(q, q_scale, k, k_scale)
        self.check(queries, k, k_scale, *others, out, **options)


def _check_paged(*tensors, **_):
    checks.check_paged(*tensors)


def _check_rows(*tensors, **_):
    checks.check_paged_rows(*tensors)


LOGITS = Launch("mx_logits_out", plain.MX_LOGITS, LOGITS_OPTIONS, _plan_logits, _decode, checks.check_logits)
PAGED = Launch("mx_paged_logits_out", plain.MX_PAGED, PAGED_OPTIONS, _plan_paged, checks.decode_queries, _check_paged)
ROWS = Launch("mx_paged_row_logits_out", plain.MX_PAGED_ROWS, ROWS_OPTIONS, _plan_rows, checks.decode_queries, _check_rows)


class PreparedMxLaunch(PreparedLaunch):
    """As PreparedLaunch."""

    def __init__(self, launch, op, tensors, flags):
        self._names = launch.names
        super().__init__(op, launch.fill, tensors, flags)

    def _is_watched(self):
        return any(watches() for watches in plain.WATCHERS) or plain.find_derivative(self._names, self._tensors) is not None


# Of logits and top-k.


def _plan_both(describe, decode, q, k, k_scale, inputs, q_scale, others, flags):
    queries, format = decode(q, q_scale, k, k_scale)
    op, args, *sizes = describe(queries, k, k_scale, *inputs, *others, *flags)
    _add_scales(args, q, q_scale)
    logits = dataclasses.replace(op.logits, mx_queries=format, fast=False)
    return _FusedPlan(dataclasses.replace(op, logits=logits), q.device, args, *sizes)


def _plan_logits_topk(q, k, k_scale, weights, ks, ke, q_scale, block_table, sequence, offset, indices, values, *flags):
    inputs, others = (weights, ks, ke), (block_table, sequence, offset, indices, values)
    return _plan_both(fused_launches.describe_logits, _decode, q, k, k_scale, inputs, q_scale, others, flags)


def _plan_paged_topk(q, k, k_scale, weights, context_lens, block_table, q_scale, offset, indices, values, *flags):
    inputs, others = (weights, context_lens, block_table), (offset, indices, values)
    describe = fused_launches.describe_paged
    return _plan_both(describe, checks.decode_queries, q, k, k_scale, inputs, q_scale, others, flags)


def _plan_rows_topk(q, k, k_scale, weights, context_lens, block_table, sequence, q_scale, offset, indices, values, *flags):
    inputs, others = (weights, context_lens, block_table, sequence), (offset, indices, values)
    describe = fused_row_launches.describe_rows
    return _plan_both(describe, checks.decode_queries, q, k, k_scale, inputs, q_scale, others, flags)


def _make_check(check, decode, num_inputs):
    """`check` is that of other queries; q_scale is behind `num_inputs` tensors."""

    def check_all(q, k, k_scale, *tensors, **options):
        queries, _ = decode(q, tensors[num_inputs - 3], k, k_scale)
        check(queries, k, k_scale, *tensors[: num_inputs - 3], *tensors[num_inputs - 2 :], **options)

    return check_all


LOGITS_TOPK = Form(
    "mx_logits_topk",
    plain.MX_LOGITS_TOPK,
    7,
    fused_launches.LOGITS.options,
    _make_check(fused_checks.check_logits_topk, _decode, 6),
    _plan_logits_topk,
)
PAGED_TOPK = Form(
    "mx_paged_logits_topk",
    plain.MX_PAGED_LOGITS_TOPK,
    7,
    fused_launches.PAGED.options,
    _make_check(fused_checks.check_paged_logits_topk, checks.decode_queries, 6),
    _plan_paged_topk,
)
ROWS_TOPK = Form(
    "mx_paged_row_logits_topk",
    plain.MX_PAGED_ROW_LOGITS_TOPK,
    8,
    fused_row_launches.ROWS.options,
    _make_check(fused_checks.check_paged_row_logits_topk, checks.decode_queries, 7),
    _plan_rows_topk,
)
