# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the arguments of functions over mqa.topk must be, by the names that their callers know.

The ops check all operands when they see tensors of a kind for the first time, by their own names. So that a known call
costs nothing more, a function that is `checked` looks closer only when it fails.
"""
import functools

import torch

from . import checks, plain, topk_checks

_SCORES = (torch.float32, torch.bfloat16, torch.float16)
_FAILURES = (AttributeError, IndexError, RuntimeError, TypeError, ValueError)


def checked(check):
    """`check` takes the arguments of the function, and raises an error that names the wrong one."""

    def decorate(function):
        @functools.wraps(function)
        def call(*args, **options):
            if plain.is_dynamo_compiling():
                check(*args, **options)
                return function(*args, **options)
            try:
                return function(*args, **options)
            except _FAILURES as error:
                failure = error
            check(*args, **options)
            raise failure

        return call

    return decorate


def check_tensors(**tensors):
    plain.check_tensors(tuple(tensors), tuple(tensors.values()))


def check_scores(name, scores):
    check_tensors(**{name: scores})
    checks.check_shape(name, scores, (None, None))
    if scores.dtype not in _SCORES:
        checks.fail(f"{name} must have a dtype of {', '.join(map(str, _SCORES))}, found {scores.dtype}")
    checks.check_inner(name, scores)


def check_numbers(count, **tensors):
    """`count` numbers of int32, or None."""
    given = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    check_tensors(**given)
    topk_checks.check_rows(count, **given)


def check_table(name, table, rows=None):
    check_tensors(**{name: table})
    checks.check_shape(name, table, (rows, None))
    checks.check_ints(name, table)
    checks.check_inner(name, table)


def check_page_size(name, page_size):
    topk_checks.check_integer(name, page_size, 1, 1 << 30)
    if page_size & (page_size - 1):
        checks.fail(f"{name} must be a power of two, found {page_size}")


def check_k(name, k):
    topk_checks.check_integer(name, k, 1, topk_checks.MAX_K)


def check_output(name, output, rows, k):
    """`k` may be None, for any that there are kernels for."""
    check_tensors(**{name: output})
    checks.check_shape(name, output, (rows, k))
    check_k(f"the width of {name}", output.shape[1])
    checks.check_ints(name, output)
    checks.check_inner(name, output)


def get_end(lengths, row_starts):
    """ke of rows that begin at row_starts[m], or at 0 if that is None, and have lengths[m] keys."""
    if row_starts is None:
        return lengths
    # Else the sum would be of another shape, or a copy.
    if lengths.shape != row_starts.shape or not lengths.is_contiguous():
        raise ValueError
    return row_starts + lengths
