# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""torch.ops.mqa: ops that write `out`, and ops that return a new tensor, with what PyTorch asks of an op.

`fused_paged_logits_out` is for compat.deep_gemm: paged logits of a fused cache of bytes, as `split_cache` takes it.

Kernels get tensors that the dispatcher is done with, so they look at nothing but memory.
"""
import torch

from . import checks, gradient_library, library
from .launches import (FUSED_OPTION, get_more_options, launch_fused_paged_logits, launch_logits, launch_paged_logits,
                       launch_paged_rows, looks_plain, run_plain, split_cache)  # fmt: skip
from .plain import FUSED, LOGITS, PAGED, PAGED_ROWS, check_derivative, check_out, is_plain

_definitions = torch.library.Library("mqa", "DEF")
_LOGITS = "Tensor q, Tensor k, Tensor? k_scale, Tensor? weights, Tensor ks, Tensor ke"
_PAGED = "Tensor q, Tensor k, Tensor? k_scale, Tensor? weights, Tensor context_lens, Tensor block_table"
_MORE = "bool nan_as_zero=False, int max_multiprocessors=0"
_BLOCKS = f'{_MORE}, int block_max=0, str head_reduction="sum"'
_definitions.define(
    f"logits_out({_LOGITS}, Tensor(a!) out, *, bool clean=False, bool compressed=False, bool relu=True,"
    f" bool fast=False, {_BLOCKS}) -> ()"
)
_FUSED = "Tensor q, Tensor kv_cache, Tensor weights, Tensor context_lens, Tensor block_table"
_definitions.define(f"fused_paged_logits_out({_FUSED}, Tensor(a!) out, *, bool clean=False, {_MORE}) -> ()")
_definitions.define(f"paged_logits_out({_PAGED}, Tensor(a!) out, *, bool clean=False, bool relu=True, {_BLOCKS}) -> ()")
_definitions.define(
    f"logits({_LOGITS}, *, bool clean=False, SymInt max_seqlen_k=0, bool relu=True, bool fast=False,"
    f" ScalarType dtype=float, {_BLOCKS}) -> Tensor"
)
_definitions.define(
    f"paged_logits({_PAGED}, SymInt max_context_len, *, bool clean=False, bool relu=True, ScalarType dtype=float,"
    f" {_BLOCKS}) -> Tensor"
)


_ROWS = f"{_PAGED}, Tensor sequence"
_HINTS = f"{_BLOCKS}, int rows_per_sequence=0"
_definitions.define(f"paged_row_logits_out({_ROWS}, Tensor(a!) out, *, bool clean=False, bool relu=True, {_HINTS}) -> ()")
_definitions.define(
    f"paged_row_logits({_ROWS}, SymInt max_context_len, *, bool clean=False, bool relu=True, ScalarType dtype=float,"
    f" {_HINTS}) -> Tensor"
)


def _new_logits(q, k, max_seqlen_k, dtype, block_max):
    columns = max_seqlen_k or checks.count_columns(k.shape[0], checks.check_block_max(block_max))
    if columns < 0:
        checks.fail(f"max_seqlen_k must be at least 0, found {columns}")
    return torch.empty_strided((q.shape[0], columns), (columns or 1, 1), dtype=dtype, device=q.device)


def _new_paged_logits(q, max_context_len, dtype, block_max, of_rows=False):
    if max_context_len < 0:
        checks.fail(f"max_context_len must be at least 0, found {max_context_len}")
    shape, columns = q.shape, checks.count_columns(max_context_len, checks.check_block_max(block_max))
    size = (shape[0] if of_rows else shape[0] * shape[1], columns)
    return torch.empty_strided(size, (columns or 1, 1), dtype=dtype, device=q.device)


# `launch` is what launches on tensors unlike any before.
def _logits_out(q, k, k_scale, weights, ks, ke, out, *, clean=False, compressed=False, relu=True, fast=False,
                nan_as_zero=False, max_multiprocessors=0, block_max=0, head_reduction="sum",
                launch=launch_logits):  # fmt: skip
    options = (1 if clean else 0) | (2 if compressed else 0) | (4 if relu else 0) | (8 if fast else 0)
    options |= get_more_options(nan_as_zero, max_multiprocessors, block_max, head_reduction)
    if not run_plain(options, q, k, k_scale, weights, ks, ke, out):
        flags = clean, compressed, relu, fast, nan_as_zero, max_multiprocessors, block_max, head_reduction
        launch(options, (q, k, k_scale, weights, ks, ke, out), *flags)


def _paged_logits_out(q, k, k_scale, weights, context_lens, block_table, out, *, clean=False, relu=True,
                      nan_as_zero=False, max_multiprocessors=0, block_max=0, head_reduction="sum",
                      launch=launch_paged_logits):  # fmt: skip
    options = 16 | (1 if clean else 0) | (4 if relu else 0)
    options |= get_more_options(nan_as_zero, max_multiprocessors, block_max, head_reduction)
    if not run_plain(options, q, k, k_scale, weights, context_lens, block_table, out):
        flags = clean, relu, nan_as_zero, max_multiprocessors, block_max, head_reduction
        launch(options, (q, k, k_scale, weights, context_lens, block_table, out), *flags)


def _logits(q, k, k_scale, weights, ks, ke, *, clean=False, max_seqlen_k=0, relu=True, fast=False, dtype=torch.float32,
            nan_as_zero=False, max_multiprocessors=0, block_max=0, head_reduction="sum",
            launch=launch_logits):  # fmt: skip
    out = _new_logits(q, k, max_seqlen_k, dtype, block_max)
    _logits_out(q, k, k_scale, weights, ks, ke, out, clean=clean, compressed=max_seqlen_k != 0, relu=relu, fast=fast,
                nan_as_zero=nan_as_zero, max_multiprocessors=max_multiprocessors, block_max=block_max,
                head_reduction=head_reduction, launch=launch)  # fmt: skip
    return out


def _paged_logits(q, k, k_scale, weights, context_lens, block_table, max_context_len, *, clean=False, relu=True,
                  dtype=torch.float32, nan_as_zero=False, max_multiprocessors=0, block_max=0, head_reduction="sum",
                  launch=launch_paged_logits):  # fmt: skip
    out = _new_paged_logits(q, max_context_len, dtype, block_max)
    _paged_logits_out(q, k, k_scale, weights, context_lens, block_table, out, clean=clean, relu=relu,
                      nan_as_zero=nan_as_zero, max_multiprocessors=max_multiprocessors, block_max=block_max,
                      head_reduction=head_reduction, launch=launch)  # fmt: skip
    return out


def _fused_paged_logits_out(q, kv_cache, weights, context_lens, block_table, out, *, clean=False, nan_as_zero=False,
                            max_multiprocessors=0, launch=launch_fused_paged_logits):  # fmt: skip
    options = FUSED_OPTION | (1 if clean else 0) | get_more_options(nan_as_zero, max_multiprocessors)
    if not run_plain(options, q, kv_cache, None, weights, context_lens, block_table, out):
        flags = clean, True, nan_as_zero, max_multiprocessors
        launch(options, (q, kv_cache, None, weights, context_lens, block_table, out), *flags)


def _paged_row_logits_out(q, k, k_scale, weights, context_lens, block_table, sequence, out, *, clean=False, relu=True,
                          nan_as_zero=False, max_multiprocessors=0, block_max=0, head_reduction="sum",
                          rows_per_sequence=0, launch=launch_paged_rows):  # fmt: skip
    tensors = (q, k, k_scale, weights, context_lens, block_table, sequence, out)
    launch(tensors, clean, relu, nan_as_zero, max_multiprocessors, block_max, head_reduction, rows_per_sequence)


def _paged_row_logits(q, k, k_scale, weights, context_lens, block_table, sequence, max_context_len, *, clean=False,
                      relu=True, dtype=torch.float32, nan_as_zero=False, max_multiprocessors=0, block_max=0,
                      head_reduction="sum", rows_per_sequence=0, launch=launch_paged_rows):  # fmt: skip
    out = _new_paged_logits(q, max_context_len, dtype, block_max, of_rows=True)
    _paged_row_logits_out(q, k, k_scale, weights, context_lens, block_table, sequence, out, clean=clean, relu=relu,
                          nan_as_zero=nan_as_zero, max_multiprocessors=max_multiprocessors, block_max=block_max,
                          head_reduction=head_reduction, rows_per_sequence=rows_per_sequence, launch=launch)  # fmt: skip
    return out


# Fake kernels check what kernels check, so that a program that is traced fails where it would when it runs.
def _check_options(relu, nan_as_zero, max_multiprocessors, head_reduction="sum", block_max=0, compressed=False):
    library.get_activation(relu, nan_as_zero)
    library.check_head_reduction(head_reduction)
    checks.check_share(max_multiprocessors)
    checks.check_block_max(block_max, compressed)


def _fake_out(name, rows, columns, q, dtype):
    checks.get_type("out", dtype)
    checks.require(columns >= 0, lambda: f"{name} must be at least 0, found {columns}")
    return q.new_empty((rows, columns), dtype=dtype)


def _fake_logits(q, k, k_scale, weights, ks, ke, *, clean=False, max_seqlen_k=0, relu=True, fast=False,
                 dtype=torch.float32, nan_as_zero=False, max_multiprocessors=0, block_max=0, head_reduction="sum"):  # fmt: skip
    _check_options(relu, nan_as_zero, max_multiprocessors, head_reduction, block_max)
    checks.check_logits(q, k, k_scale, weights, ks, ke, None, False)
    # A symbol stands for a size of compressed rows: 0, which asks for whole ones, is never one.
    whole = isinstance(max_seqlen_k, int) and max_seqlen_k == 0
    checks.check_block_max(block_max, not whole)
    columns = checks.count_columns(k.size(0), block_max) if whole else max_seqlen_k
    return _fake_out("max_seqlen_k", q.size(0), columns, q, dtype)


def _fake_paged_logits(q, k, k_scale, weights, context_lens, block_table, max_context_len, *, clean=False, relu=True,
                       dtype=torch.float32, nan_as_zero=False, max_multiprocessors=0, block_max=0, head_reduction="sum"):  # fmt: skip
    _check_options(relu, nan_as_zero, max_multiprocessors, head_reduction, block_max)
    checks.check_paged(q, k, k_scale, weights, context_lens, block_table, None)
    columns = checks.count_columns(max_context_len, block_max)
    return _fake_out("max_context_len", q.size(0) * q.size(1), columns, q, dtype)


def _fake_logits_out(q, k, k_scale, weights, ks, ke, out, *, clean=False, compressed=False, relu=True, fast=False,
                     nan_as_zero=False, max_multiprocessors=0, block_max=0, head_reduction="sum"):  # fmt: skip
    _check_options(relu, nan_as_zero, max_multiprocessors, head_reduction, block_max, compressed)
    checks.check_logits(q, k, k_scale, weights, ks, ke, out, compressed, block_max)


def _fake_paged_logits_out(q, k, k_scale, weights, context_lens, block_table, out, *, clean=False, relu=True,
                           nan_as_zero=False, max_multiprocessors=0, block_max=0, head_reduction="sum"):  # fmt: skip
    _check_options(relu, nan_as_zero, max_multiprocessors, head_reduction, block_max)
    checks.check_paged(q, k, k_scale, weights, context_lens, block_table, out)


def _fake_paged_row_logits(q, k, k_scale, weights, context_lens, block_table, sequence, max_context_len, *, clean=False,
                           relu=True, dtype=torch.float32, nan_as_zero=False, max_multiprocessors=0,
                           block_max=0, head_reduction="sum", rows_per_sequence=0):  # fmt: skip
    _check_options(relu, nan_as_zero, max_multiprocessors, head_reduction, block_max)
    checks.check_rows_per_sequence(rows_per_sequence)
    checks.check_paged_rows(q, k, k_scale, weights, context_lens, block_table, sequence, None)
    columns = checks.count_columns(max_context_len, block_max)
    return _fake_out("max_context_len", q.size(0), columns, q, dtype)


def _fake_paged_row_logits_out(q, k, k_scale, weights, context_lens, block_table, sequence, out, *, clean=False, relu=True,
                               nan_as_zero=False, max_multiprocessors=0, block_max=0, head_reduction="sum",
                               rows_per_sequence=0):  # fmt: skip
    _check_options(relu, nan_as_zero, max_multiprocessors, head_reduction, block_max)
    checks.check_rows_per_sequence(rows_per_sequence)
    checks.check_paged_rows(q, k, k_scale, weights, context_lens, block_table, sequence, out)


def _fake_fused_paged_logits_out(q, kv_cache, weights, context_lens, block_table, out, *, clean=False,
                                 nan_as_zero=False, max_multiprocessors=0):  # fmt: skip
    _check_options(True, nan_as_zero, max_multiprocessors)
    k, k_scale = split_cache(kv_cache, q.size(-1), checks.get_cache_dtype(kv_cache, q.size(-1), torch.float8_e4m3fn))
    checks.check_paged(q, k, k_scale, weights, context_lens, block_table, out)


# Options of logits that are maxima, with what they are where logits are none.
_MAXIMA = {"block_max": 0, "head_reduction": "sum"}


class _NotPlain(Exception):
    """Raised and caught here."""


def _make_autograd(name, names, kernel):
    """mqa.logits is recorded for backward. The others have no derivative, so tensors that ask for one are refused, where
    PyTorch would go on without it."""
    op = getattr(torch.ops.mqa, name).default
    count = len(names)
    launch = kernel.__kwdefaults__["launch"]

    of_rows = "sequence" in names

    def launch_plain(*args):
        # `looks_plain` leaves tensors without memory to the launch.
        if not is_plain(PAGED_ROWS if of_rows else LOGITS, args[0 if of_rows else 1]):
            raise _NotPlain
        launch(*args)

    def call(*args, **kwargs):
        tensors = args[:count]
        # The dispatcher would take 2 us to find that only the kernel is left.
        if looks_plain(*tensors[:7]):
            try:
                return kernel(*args, **kwargs, launch=launch_plain)
            except _NotPlain:
                pass
        # A maximum has no derivative here.
        maxima = [f"{option}={kwargs[option]!r}" for option, none in _MAXIMA.items() if kwargs.get(option, none) != none]
        if name == "logits" and not maxima and gradient_library.is_asked_for(tensors):
            return gradient_library.differentiate(*args, **kwargs)
        check_out(names, tensors)
        check_derivative(" with ".join([f"mqa.{name}", *maxima]), names, tensors)
        # From the top: to be told of the keys that are left would take 1 us, in each call.
        with torch._C._AutoDispatchBelowAutograd():
            return op(*args, **kwargs)

    return call


gradient_library.define(_definitions)
for _name, _names, _kernel, _fake in (
    ("logits", LOGITS[:-1], _logits, _fake_logits),
    ("logits_out", LOGITS, _logits_out, _fake_logits_out),
    ("paged_logits", PAGED[:-1], _paged_logits, _fake_paged_logits),
    ("paged_logits_out", PAGED, _paged_logits_out, _fake_paged_logits_out),
    ("paged_row_logits", PAGED_ROWS[:-1], _paged_row_logits, _fake_paged_row_logits),
    ("paged_row_logits_out", PAGED_ROWS, _paged_row_logits_out, _fake_paged_row_logits_out),
    ("fused_paged_logits_out", FUSED[:2] + FUSED[3:], _fused_paged_logits_out, _fake_fused_paged_logits_out),
):
    for _key in ("CUDA", "CPU"):
        _definitions.impl(_name, _kernel, _key)
    torch.library.register_fake(f"mqa::{_name}", _fake, lib=_definitions)
    _definitions.impl(_name, _make_autograd(_name, _names, _kernel), "Autograd")
