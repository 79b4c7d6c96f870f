# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""torch.ops.mqa.paged_key_block_logits and paged_key_block_logits_out, with what PyTorch asks of an op.

As key_block_library.py: kernels get tensors that the dispatcher is done with.
"""
import torch

from . import checks, plain
from .key_block_checks import count_columns
from .key_block_library import DECLARED_OPTIONS, get_flags
from .paged_key_block_launches import check_paged_key_blocks, count_rows, launch_paged_key_blocks, list_given
from .torch_library import _definitions

_INPUTS = "Tensor q, Tensor k, Tensor? k_scale, Tensor? weights, Tensor context_lens, Tensor block_table"
_INPUTS += ", Tensor? sequence, Tensor key_blocks, Tensor num_key_blocks"
_definitions.define(f"paged_key_block_logits({_INPUTS}, *, {DECLARED_OPTIONS}, ScalarType dtype=float) -> Tensor")
_definitions.define(f"paged_key_block_logits_out({_INPUTS}, Tensor(a!) out, *, {DECLARED_OPTIONS}) -> ()")


def new_out(q, key_blocks, block_size, dtype):
    """All else that may be wrong is found at the launch."""
    checks.check_shape("key_blocks", key_blocks, (None, None))
    return torch.empty((count_rows(q), count_columns(key_blocks, block_size)), dtype=dtype, device=q.device)


def _out(*tensors, **options):
    launch_paged_key_blocks(tensors, get_flags(options))


def _logits(q, *tensors, dtype=torch.float32, **options):
    flags = get_flags(options)
    out = new_out(q, tensors[-2], flags[0], dtype)
    launch_paged_key_blocks((q, *tensors, out), flags)
    return out


# Fake kernels check what kernels check.
def _fake_out(*tensors, **options):
    check_paged_key_blocks(*tensors, *get_flags(options))


def _fake(q, *tensors, dtype=torch.float32, **options):
    flags = get_flags(options)
    checks.get_type("out", dtype)
    check_paged_key_blocks(q, *tensors, None, *flags)
    return q.new_empty((count_rows(q), tensors[-2].size(1) * flags[0]), dtype=dtype)


def _make_autograd(name):
    """There is no derivative, so tensors that ask for one are refused, where PyTorch would go on without it."""
    op = getattr(torch.ops.mqa, name).default

    def refuse_derivative(*tensors, **options):
        names, given = list_given(tensors)
        plain.check_out(names, given)
        plain.check_derivative(f"mqa.{name}", names, given)
        with torch._C._AutoDispatchBelowAutograd():
            return op(*tensors, **options)

    return refuse_derivative


for _name, _kernel, _check in (
    ("paged_key_block_logits", _logits, _fake),
    ("paged_key_block_logits_out", _out, _fake_out),
):
    for _key in ("CUDA", "CPU"):
        _definitions.impl(_name, _kernel, _key)
    torch.library.register_fake(f"mqa::{_name}", _check, lib=_definitions)
    _definitions.impl(_name, _make_autograd(_name), "Autograd")
