# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Launches on queries with block scales (q_scale), with what their tensors must be; as launches.py and fused_launches.py.

A launch is described as that on queries of the type that keys stand beside, which kernels turn such queries into. Each form
is that of other queries, with q_scale behind the tensors that there always are.
"""
import dataclasses

from . import checks, fused_launches, fused_row_launches, key_block_launches, launches, paged_key_block_launches, plain
from .fused_checks import check_launch
from .fused_launches import Form, _FusedPlan
from .key_block_launches import check_key_blocks, describe_key_blocks
from .launches import _Plan
from .out_launches import Launch
from .paged_key_block_launches import check_paged_key_blocks, describe_paged_key_blocks


def _decode(q, q_scale, k, k_scale):
    """As checks.decode_queries, where keys may have a dimension of groups."""
    if q.dim() == 3 and k.dim() == 3 and not checks.find_mx_format(k, k_scale):
        checks.fail("k must be N x D: queries with block scales have no key groups, found 3 dimensions")
    return checks.decode_queries(q, q_scale, k, k_scale)


def _get_decoder(names):
    return _decode if "ks" in names else checks.decode_queries


def _make_check(check, names):
    """`check` is that of other queries."""
    decode, at = _get_decoder(names), names.index("q_scale")

    def check_all(*tensors, **options):
        q, k, k_scale, *others = tensors[:at]
        queries, _ = decode(q, tensors[at], k, k_scale)
        check(queries, k, k_scale, *others, *tensors[at + 1 :], **options)

    return check_all


def _make_describe(describe, names):
    """What `describe` gives for other queries, with the format of these and the strides of both their tensors."""
    decode, at = _get_decoder(names), names.index("q_scale")

    def describe_all(*tensors_and_flags):
        q, k, k_scale, *others = tensors_and_flags[:at]
        q_scale = tensors_and_flags[at]
        queries, format = decode(q, q_scale, k, k_scale)
        op, args, *sizes = describe(queries, k, k_scale, *others, *tensors_and_flags[at + 1 :])
        args.q_stride, args.q_scale_stride = checks.get_stride(q), checks.get_query_scale_stride(q_scale)
        return format, op, args, *sizes

    return describe_all


# Of logits.


def _make_launch(name, names, options, check, describe, **others):
    describe_all = _make_describe(describe, names)

    def make_plan(q, *tensors_and_flags):
        format, op, args = describe_all(q, *tensors_and_flags)
        return _Plan(dataclasses.replace(op, mx_queries=format), q.device, args)

    return Launch(f"mx_{name}", names, options, _make_check(check, names), make_plan, **others)


def _describe_logits(q, k, k_scale, weights, ks, ke, out, clean, compressed, relu, *flags):
    # There is no sum in half precision beside such queries.
    return launches.describe_logits(q, k, k_scale, weights, ks, ke, out, clean, compressed, relu, False, *flags)


def _check_logits(*tensors, clean, compressed, relu, nan_as_zero, max_multiprocessors, block_max, head_reduction):
    check_launch(relu, nan_as_zero, max_multiprocessors, head_reduction)
    checks.check_block_max(block_max, compressed)
    checks.check_logits(*tensors, compressed, block_max)


def _check_paged(*tensors, clean, relu, nan_as_zero, max_multiprocessors, block_max, head_reduction):
    check_launch(relu, nan_as_zero, max_multiprocessors, head_reduction)
    checks.check_block_max(block_max)
    checks.check_paged(*tensors)


def _check_rows(*tensors, clean, relu, nan_as_zero, max_multiprocessors, block_max, head_reduction, rows_per_sequence):
    check_launch(relu, nan_as_zero, max_multiprocessors, head_reduction)
    checks.check_block_max(block_max)
    checks.check_rows_per_sequence(rows_per_sequence)
    checks.check_paged_rows(*tensors)


_CLEAN = {"clean": False}
_PAGED = {"relu": True, "nan_as_zero": False, "max_multiprocessors": 0, "block_max": 0, "head_reduction": "sum"}

LOGITS = _make_launch(
    "logits", plain.MX_LOGITS, {**_CLEAN, "compressed": False, **_PAGED}, _check_logits, _describe_logits
)
PAGED = _make_launch("paged_logits", plain.MX_PAGED, {**_CLEAN, **_PAGED}, _check_paged, launches.describe_paged)
ROWS = _make_launch(
    "paged_row_logits",
    plain.MX_PAGED_ROWS,
    {**_CLEAN, **_PAGED, "rows_per_sequence": 0},
    _check_rows,
    launches.describe_rows,
)
KEY_BLOCKS = _make_launch(
    "key_block_logits", plain.MX_KEY_BLOCKS, key_block_launches.OPTIONS, check_key_blocks, describe_key_blocks
)
PAGED_KEY_BLOCKS = _make_launch(
    "paged_key_block_logits",
    plain.MX_PAGED_KEY_BLOCKS,
    paged_key_block_launches.OPTIONS,
    check_paged_key_blocks,
    describe_paged_key_blocks,
    has_optional_sequence=True,
)


# Of logits and top-k.


def _make_form(form, names, describe):
    """As `form`, which is of other queries."""
    describe_all = _make_describe(describe, names)

    def make_plan(q, *tensors_and_flags):
        format, op, args, *sizes = describe_all(q, *tensors_and_flags)
        logits = dataclasses.replace(op.logits, mx_queries=format, fast=False)
        return _FusedPlan(dataclasses.replace(op, logits=logits), q.device, args, *sizes)

    check = _make_check(form.check, names)
    return Form(f"mx_{form.name}", names, form.num_inputs + 1, form.options, check, make_plan)


LOGITS_TOPK = _make_form(fused_launches.LOGITS, plain.MX_LOGITS_TOPK, fused_launches.describe_logits)
PAGED_TOPK = _make_form(fused_launches.PAGED, plain.MX_PAGED_LOGITS_TOPK, fused_launches.describe_paged)
ROWS_TOPK = _make_form(fused_row_launches.ROWS, plain.MX_PAGED_ROW_LOGITS_TOPK, fused_row_launches.describe_rows)
KEY_BLOCKS_TOPK = _make_form(
    fused_row_launches.KEY_BLOCKS, plain.MX_KEY_BLOCK_LOGITS_TOPK, fused_row_launches.describe_blocks
)
PAGED_KEY_BLOCKS_TOPK = _make_form(
    fused_row_launches.PAGED_KEY_BLOCKS, plain.MX_PAGED_KEY_BLOCK_LOGITS_TOPK, fused_row_launches.describe_paged_blocks
)


def choose(form, mx_form, q_scale, *tensors):
    """The launch or form of a call, and its tensors: with `q_scale`, `mx_form` in the place of `form`."""
    if q_scale is None:
        return form, tensors
    at = mx_form.names.index("q_scale")
    return mx_form, (*tensors[:at], q_scale, *tensors[at:])
