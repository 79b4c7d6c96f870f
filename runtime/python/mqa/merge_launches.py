# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Launches of mqa.merge_topk on tensors that are what their memory holds, and what these must be; as topk_launches.py."""
import torch

from . import checks, library, plain, topk_checks
from .launches import PreparedLaunch, _address, _get_plan, _Plan
from .runtime import MergeTopkArgs

# The options of the op, in the order of flags.
OPTIONS = ("tie_break", "order", "base")
_BASES = ("relative", "absolute")
# A kernel counts the candidates of a row in 32 bits.
_MAX_CANDIDATES = 1 << 30


def name_present(tensors):
    """The names and the tensors without those that may be left out and are, in the order of plain.MERGE."""
    pairs = zip(plain.MERGE, tensors)
    present = [(name, tensor) for name, tensor in pairs if tensor is not None or name not in ("ks", "values")]
    return [name for name, _ in present], [tensor for _, tensor in present]


def is_plain(tensors):
    return plain.is_plain(*name_present(tensors))


def _check_lists(name, tensor, shape, dtype):
    """Lists one behind the other, or those of each row: the two strides may be any that keep entries apart."""
    checks.check_shape(name, tensor, shape)
    if tensor.dtype != dtype:
        checks.fail(f"{name} must have dtype {dtype}, found {tensor.dtype}")
    checks.check_inner(name, tensor, 2)
    k = tensor.size(2)

    def describe():
        return f"{name} must have strides of at least k = {k}, found strides {tuple(tensor.stride())}"

    for dim in (0, 1):
        checks.require(checks.either(tensor.size(dim) <= 1, tensor.stride(dim) >= k), describe)


def check_merge(list_indices, list_values, ks, ke, indices, values, tie_break, order, base):
    """Raises a ValueError that names the argument. `indices` and `values` are None where they are made to fit."""
    _check_lists("list_indices", list_indices, (None, None, None), torch.int32)
    num_lists, rows, k = list_indices.shape
    _check_lists("list_values", list_values, (num_lists, rows, k), torch.float32)
    topk_checks.check_integer("k", k, 1, topk_checks.MAX_K)
    topk_checks.check_choice("tie_break", tie_break, library.runtime.TIE_BREAKS)
    topk_checks.check_choice("order", order, library.runtime.ORDERS)
    topk_checks.check_choice("base", base, _BASES)
    checks.require(
        num_lists * k <= _MAX_CANDIDATES,
        lambda: f"list_indices must have at most 2^30 / k = {_MAX_CANDIDATES // k} lists, found {num_lists}",
    )
    for name, tensor in (("ks", ks), ("ke", ke)):
        if tensor is not None:
            checks.check_shape(name, tensor, (rows,))
            checks.check_ints(name, tensor)
            checks.check_inner(name, tensor, 0)
    topk_checks.check_outputs(indices, values, rows, k)
    checks.check_device(
        list_indices, of="list_indices", list_values=list_values, ks=ks, ke=ke, indices=indices, values=values
    )


def _get_strides(lists):
    """From list to list and from row to row; what a single one has is no matter."""
    return [lists.stride(dim) if lists.size(dim) > 1 else lists.size(2) for dim in (0, 1)]


def _plan_merge(list_indices, list_values, ks, ke, indices, values, *flags):
    check_merge(list_indices, list_values, ks, ke, indices, values, *flags)
    num_lists, rows, k = list_indices.shape
    op = library.MergeTopkOp(
        target=checks.get_target(list_indices.device),
        k=k,
        has_ks=ks is not None,
        has_values=values is not None,
        **dict(zip(OPTIONS, flags)),
    )
    args = MergeTopkArgs(
        indices_stride=checks.get_stride(indices),
        values_stride=0 if values is None else checks.get_stride(values),
        num_lists=num_lists,
        num_queries=rows,
        k=k,
    )
    args.list_indices_stride, args.list_indices_row_stride = _get_strides(list_indices)
    args.list_values_stride, args.list_values_row_stride = _get_strides(list_values)
    return _Plan(op, list_indices.device, args)


def _fill_merge(tensors, flags):
    """The plan and the arguments of a launch; tensors like others before are not checked again."""
    plan = _get_plan(tensors, flags, _plan_merge)
    args = plan.make_args(plan.template)
    args.list_indices, args.list_values, args.ks, args.ke, args.indices, args.values = map(_address, tensors)
    return plan, args


def launch_merge(tensors, flags):
    """mqa.merge_topk_out on plain tensors, in the order of plain.MERGE; None where there is none."""
    plan, args = _fill_merge(tensors, flags)
    plan.kernel.launch(args, plan.get_stream())


class PreparedMerge(PreparedLaunch):
    """As PreparedLaunch."""

    def __init__(self, op, tensors, flags):
        super().__init__(op, _fill_merge, tensors, dict(zip(OPTIONS, flags)))

    def _is_watched(self):
        names, present = name_present(self._tensors)
        return any(watches() for watches in plain.WATCHERS) or plain.find_derivative(names, present) is not None

    def _call_op(self):
        self._op(self._tensors, tuple(self._flags.values()))
