# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""torch.ops.mqa.merge_topk, merge_topk_values (indices and values) and merge_topk_out, with what PyTorch asks of an op.

As topk_library.py: kernels get tensors that the dispatcher is done with.
"""
import torch

from . import checks, plain
from .merge_launches import OPTIONS, check_merge, launch_merge, name_present
from .torch_library import _definitions

_INPUTS = "Tensor list_indices, Tensor list_values, Tensor ke"
_OPTIONS = '*, Tensor? ks=None, str tie_break="smallest", str order="key", str base="relative"'
_definitions.define(f"merge_topk({_INPUTS}, {_OPTIONS}) -> Tensor")
_definitions.define(f"merge_topk_values({_INPUTS}, {_OPTIONS}) -> (Tensor, Tensor)")
_definitions.define(f"merge_topk_out({_INPUTS}, Tensor(a!) indices, Tensor(b!)? values=None, {_OPTIONS}) -> ()")


def new_outputs(list_indices, has_values):
    """`indices`, and `values` or None; all else that may be wrong is found at the launch."""
    checks.check_shape("list_indices", list_indices, (None, None, None))
    size = list_indices.shape[1:]
    indices = torch.empty(size, dtype=torch.int32, device=list_indices.device)
    return indices, torch.empty(size, dtype=torch.float32, device=list_indices.device) if has_values else None


def _gather(list_indices, list_values, ke, options):
    """The inputs in the order of plain.MERGE, and the flags of a launch."""
    defaults = ("smallest", "key", "relative")
    flags = tuple(options.get(n, d) for n, d in zip(OPTIONS, defaults))
    return (list_indices, list_values, options.get("ks"), ke), flags


def _merge_out(list_indices, list_values, ke, indices, values=None, **options):
    inputs, flags = _gather(list_indices, list_values, ke, options)
    launch_merge((*inputs, indices, values), flags)


def _merge_values(list_indices, list_values, ke, **options):
    outputs = new_outputs(list_indices, True)
    _merge_out(list_indices, list_values, ke, *outputs, **options)
    return outputs


def _merge(list_indices, list_values, ke, **options):
    indices, _ = new_outputs(list_indices, False)
    _merge_out(list_indices, list_values, ke, indices, **options)
    return indices


# Fake kernels check what kernels check.
def _fake_out(list_indices, list_values, ke, indices, values=None, **options):
    inputs, flags = _gather(list_indices, list_values, ke, options)
    check_merge(*inputs, indices, values, *flags)


def _fake_values(list_indices, list_values, ke, **options):
    _fake_out(list_indices, list_values, ke, None, **options)
    return new_outputs(list_indices, True)


def _fake(list_indices, list_values, ke, **options):
    _fake_out(list_indices, list_values, ke, None, **options)
    return new_outputs(list_indices, False)[0]


def _make_autograd(name):
    """There is no derivative, so tensors that ask for one are refused, where PyTorch would go on without it."""
    op = getattr(torch.ops.mqa, name).default

    def refuse_derivative(list_indices, list_values, ke, *args, **options):
        indices, values = (*args, None, None)[:2]
        inputs, _ = _gather(list_indices, list_values, ke, options)
        names, tensors = name_present((*inputs, indices, options.get("values", values)))
        plain.check_out(names, tensors)
        plain.check_derivative(f"mqa.{name}", names, tensors)
        with torch._C._AutoDispatchBelowAutograd():
            return op(list_indices, list_values, ke, *args, **options)

    return refuse_derivative


for _name, _kernel, _check in (
    ("merge_topk", _merge, _fake),
    ("merge_topk_values", _merge_values, _fake_values),
    ("merge_topk_out", _merge_out, _fake_out),
):
    for _key in ("CUDA", "CPU"):
        _definitions.impl(_name, _kernel, _key)
    torch.library.register_fake(f"mqa::{_name}", _check, lib=_definitions)
    _definitions.impl(_name, _make_autograd(_name), "Autograd")
