# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""torch.ops.mqa of key blocks and of queries with block scales (out_launches.py): with _out they write `out`, those of key
blocks without it return one.

As merge_library.py: kernels get tensors that the dispatcher is done with.
"""
import torch

from . import checks, key_block_launches, mx_query_launches, paged_key_block_launches, plain
from .key_block_launches import new_out
from .torch_library import _BLOCKS, _HINTS, _LOGITS, _MORE, _PAGED, _ROWS, _definitions

_LISTS = "Tensor key_blocks, Tensor num_key_blocks"
_KEY_BLOCKS = f"{_LOGITS}, {_LISTS}"
_PAGED_KEY_BLOCKS = f"{_PAGED}, Tensor? sequence, {_LISTS}"
_OF_BLOCKS = f'int block_size=8, bool clean=False, bool relu=True, {_MORE}, str head_reduction="sum"'


def _make_kernels(launch):
    def out(*tensors, **options):
        launch.launch(tensors, launch.get_flags(options))

    def logits(*inputs, dtype=torch.float32, **options):
        flags = launch.get_flags(options)
        out = new_out(launch, inputs, flags, dtype)
        launch.launch((*inputs, out), flags)
        return out

    return {"_out": out, "": logits}


def _make_fakes(launch):
    """They check what kernels check."""

    def check(tensors, options):
        launch.check(*tensors, **dict(zip(launch.options, launch.get_flags(options))))

    def out(*tensors, **options):
        check(tensors, options)

    def logits(*inputs, dtype=torch.float32, **options):
        checks.get_type("out", dtype)
        check((*inputs, None), options)
        return new_out(launch, inputs, launch.get_flags(options), dtype)

    return {"_out": out, "": logits}


def _make_autograd(launch, suffix):
    """There is no derivative, so tensors that ask for one are refused, where PyTorch would go on without it."""
    name = launch.name + suffix
    op = getattr(torch.ops.mqa, name).default

    def refuse_derivative(*tensors, **options):
        names, present = launch.name_present(tensors)
        plain.check_out(names, present)
        plain.check_derivative(f"mqa.{name}", names, present)
        with torch._C._AutoDispatchBelowAutograd():
            return op(*tensors, **options)

    return refuse_derivative


def _register(launch, inputs, options, suffixes):
    _definitions.define(f"{launch.name}_out({inputs}, Tensor(a!) out, *, {options}) -> ()")
    if "" in suffixes:
        _definitions.define(f"{launch.name}({inputs}, *, {options}, ScalarType dtype=float) -> Tensor")
    kernels, fakes = _make_kernels(launch), _make_fakes(launch)
    for suffix in suffixes:
        name = launch.name + suffix
        for key in ("CUDA", "CPU"):
            _definitions.impl(name, kernels[suffix], key)
        torch.library.register_fake(f"mqa::{name}", fakes[suffix], lib=_definitions)
        _definitions.impl(name, _make_autograd(launch, suffix), "Autograd")


for _launch, _inputs, _options in (
    (mx_query_launches.LOGITS, _LOGITS, f"bool clean=False, bool compressed=False, bool relu=True, {_BLOCKS}"),
    (mx_query_launches.PAGED, _PAGED, f"bool clean=False, bool relu=True, {_BLOCKS}"),
    (mx_query_launches.ROWS, _ROWS, f"bool clean=False, bool relu=True, {_HINTS}"),
):
    _register(_launch, f"{_inputs}, Tensor q_scale", _options, ("_out",))
for _launch, _inputs in (
    (key_block_launches.KEY_BLOCKS, _KEY_BLOCKS),
    (paged_key_block_launches.PAGED_KEY_BLOCKS, _PAGED_KEY_BLOCKS),
    (mx_query_launches.KEY_BLOCKS, f"{_KEY_BLOCKS}, Tensor q_scale"),
    (mx_query_launches.PAGED_KEY_BLOCKS, f"{_PAGED_KEY_BLOCKS}, Tensor q_scale"),
):
    _register(_launch, _inputs, _OF_BLOCKS, ("_out", ""))
