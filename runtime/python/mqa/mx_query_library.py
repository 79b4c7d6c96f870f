# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""torch.ops.mqa of queries with block scales, which write `out`; mx_query_ops.py makes one where there is none.

As key_block_library.py: kernels get tensors that the dispatcher is done with.
"""
import torch

from . import checks, library, plain
from .mx_query_launches import LOGITS, PAGED, ROWS
from .torch_library import _BLOCKS, _HINTS, _LOGITS, _PAGED, _ROWS, _definitions

_TENSORS = {LOGITS: _LOGITS, PAGED: _PAGED, ROWS: _ROWS}
_OPTIONS = {
    LOGITS: f"bool clean=False, bool compressed=False, bool relu=True, {_BLOCKS}",
    PAGED: f"bool clean=False, bool relu=True, {_BLOCKS}",
    ROWS: f"bool clean=False, bool relu=True, {_HINTS}",
}
_DEFAULTS = {"clean": False, "compressed": False, "relu": True, "nan_as_zero": False, "max_multiprocessors": 0,
             "block_max": 0, "rows_per_sequence": 0}  # fmt: skip


def _get_flags(launch, options):
    return tuple(options.get(name, _DEFAULTS[name]) for name in launch.options)


def _make_fake(launch):
    """It checks what the kernel checks."""

    def fake(*tensors, **options):
        flags = dict(zip(launch.options, _get_flags(launch, options)))
        library.get_activation(flags["relu"], flags["nan_as_zero"])
        checks.check_share(flags["max_multiprocessors"])
        compressed = flags.get("compressed", False)
        checks.check_block_max(flags["block_max"], compressed)
        checks.check_rows_per_sequence(flags.get("rows_per_sequence", 0))
        launch.check_all(tensors, **({"compressed": compressed, "block_max": flags["block_max"]} if launch is LOGITS else {}))

    return fake


def _make_autograd(launch):
    """There is no derivative, so tensors that ask for one are refused, where PyTorch would go on without it."""
    op = getattr(torch.ops.mqa, launch.name).default

    def refuse_derivative(*tensors, **options):
        plain.check_out(launch.names, tensors)
        plain.check_derivative(f"mqa.{launch.name}", launch.names, tensors)
        with torch._C._AutoDispatchBelowAutograd():
            return op(*tensors, **options)

    return refuse_derivative


def _make_kernel(launch):
    def kernel(*tensors, **options):
        launch.launch(tensors, _get_flags(launch, options))

    return kernel


for _launch in (LOGITS, PAGED, ROWS):
    _definitions.define(
        f"{_launch.name}({_TENSORS[_launch]}, Tensor q_scale, Tensor(a!) out, *, {_OPTIONS[_launch]}) -> ()"
    )
    for _key in ("CUDA", "CPU"):
        _definitions.impl(_launch.name, _make_kernel(_launch), _key)
    torch.library.register_fake(f"mqa::{_launch.name}", _make_fake(_launch), lib=_definitions)
    _definitions.impl(_launch.name, _make_autograd(_launch), "Autograd")
