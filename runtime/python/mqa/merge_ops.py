# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.merge_topk on PyTorch tensors; merge_library.py registers it as ops. As topk_ops.py."""
import torch

from . import merge_library as _  # Registers the ops.
from .merge_launches import OPTIONS, PreparedMerge, is_plain, launch_merge, name_present
from .merge_library import new_outputs
from .plain import check_plain, check_tensors, is_dynamo_compiling


def merge_topk(list_indices, list_values, ke, *, ks=None, tie_break="smallest", order="key", base="relative",
               return_values=False):  # fmt: skip
    """The k best keys of each row out of R lists, each of them the k best of its own part of the keys: `mqa.merge_topk`.

    list_indices is R x M x k int32: absolute keys, of which no key is in two lists, in any order; an index below 0 is padding,
    wherever it stands. list_values is R x M x k float32: their logits. The R lists of a row may be neighbours (a transposed
    M x R x k). ks (None: 0) and ke, M int32, are the ranges of the whole rows, with ke at most the number of keys that there
    are: NaN is selected only where a range has at most k keys. Returns what `topk` returns for all keys; tie_break, order,
    base ("relative" or "absolute") and return_values are as there. Raises as `logits` does.

    >>> import mqa, torch
    >>> indices = torch.stack([torch.arange(512), torch.arange(512) + 1000]).int().view(2, 1, 512)
    >>> values, ke = torch.arange(1024.0).view(2, 1, 512), torch.tensor([2000]).int()
    >>> mqa.merge_topk(indices, values, ke, base="absolute")[0, :3]
    tensor([1000, 1001, 1002], dtype=torch.int32)
    """
    flags, inputs = (tie_break, order, base), (list_indices, list_values, ks, ke)
    if not is_dynamo_compiling() and is_plain(inputs):
        outputs = new_outputs(list_indices, return_values)
        launch_merge((*inputs, *outputs), flags)
        return outputs if return_values else outputs[0]
    check_tensors(*name_present(inputs))
    op = torch.ops.mqa.merge_topk_values if return_values else torch.ops.mqa.merge_topk
    return op(list_indices, list_values, ke, ks=ks, **dict(zip(OPTIONS, flags)))


def _run_op(tensors, flags):
    """torch.ops.mqa.merge_topk_out, by tensors in the order of plain.MERGE."""
    list_indices, list_values, ks, ke, indices, values = tensors
    torch.ops.mqa.merge_topk_out(list_indices, list_values, ke, indices, values, ks=ks, **dict(zip(OPTIONS, flags)))


def merge_topk_out(list_indices, list_values, ke, indices, values=None, *, ks=None, tie_break="smallest", order="key",
                   base="relative"):  # fmt: skip
    """As `merge_topk`, into `indices` (M x k int32) and `values` (M x k float32, or None), whose rows may be strided.

    Raises as `logits` does.

    >>> import mqa, torch
    >>> indices = torch.stack([torch.arange(512), torch.arange(512) + 1000]).int().view(2, 1, 512)
    >>> values, ke = torch.arange(1024.0).view(2, 1, 512), torch.tensor([2000]).int()
    >>> best = torch.empty(1, 512, dtype=torch.int32)
    >>> mqa.merge_topk_out(indices, values, ke, best, base="absolute")
    >>> best[0, :3]
    tensor([1000, 1001, 1002], dtype=torch.int32)
    """
    tensors, flags = (list_indices, list_values, ks, ke, indices, values), (tie_break, order, base)
    if not is_dynamo_compiling() and is_plain(tensors):
        launch_merge(tensors, flags)
        return
    check_tensors(*name_present(tensors))
    _run_op(tensors, flags)


def prepare_merge_topk(list_indices, list_values, ke, indices, values=None, *, ks=None, tie_break="smallest", order="key",
                       base="relative"):  # fmt: skip
    """`merge_topk_out` on these tensors, to be called as often as they are filled. Raises as `prepare_logits` does.

    >>> import mqa, torch
    >>> indices = torch.stack([torch.arange(512), torch.arange(512) + 1000]).int().view(2, 1, 512)
    >>> values, ke = torch.arange(1024.0).view(2, 1, 512), torch.tensor([2000]).int()
    >>> best = torch.empty(1, 512, dtype=torch.int32)
    >>> launch = mqa.prepare_merge_topk(indices, values, ke, best, base="absolute")
    >>> launch()
    >>> best[0, :3]
    tensor([1000, 1001, 1002], dtype=torch.int32)
    """
    tensors, flags = (list_indices, list_values, ks, ke, indices, values), (tie_break, order, base)
    check_plain("mqa.prepare_merge_topk", *name_present(tensors))
    return PreparedMerge(_run_op, tensors, flags)
