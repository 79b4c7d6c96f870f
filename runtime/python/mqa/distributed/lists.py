# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The best keys of each rank, exchanged and merged: what both kinds of keys share."""
import torch
import torch.distributed as dist

from .. import runtime, topk_checks
from ..merge_ops import merge_topk, merge_topk_out
from . import words

_BASES = ("relative", "absolute")
EXCHANGES = ("auto", "lists", "rows")
# Bytes of a rank's lists from which on it pays to exchange them twice, but only in part.
_LONG = 1 << 20


def check_selection(topk, tie_break, order, base):
    topk_checks.check_integer("topk", topk, 1, topk_checks.MAX_K)
    topk_checks.check_choice("tie_break", tie_break, runtime.TIE_BREAKS)
    topk_checks.check_choice("order", order, runtime.ORDERS)
    topk_checks.check_choice("base", base, _BASES)


def check_fused(form, tensors, topk, options):
    """What is checked at the launch of a kernel of logits and top-k, ahead of it; other options have their defaults."""
    absent = [None] * (len(form.names) - len(tensors))
    form.check(*tensors, *absent, topk=topk, **dict(zip(form.options, form.get_flags(options))))


def new_lists(rows, topk, device):
    """Memory for a rank's lists, 1 x rows x 2 x topk: of each row indices, and the bits of values behind them. So one
    exchange takes both, and what is exchanged of some rows lies there as it is sent.
    """
    return torch.empty(1, rows, 2, topk, dtype=torch.int32, device=device)


def split_lists(lists):
    """Indices and values, the dimensions of `new_lists` without the 2."""
    return lists.select(-2, 0), lists.select(-2, 1).view(torch.float32)


def gather(own, group):
    """The lists of all ranks, from those of this one."""
    lists = torch.empty(dist.get_world_size(group) * own.size(0), *own.shape[1:], dtype=own.dtype, device=own.device)
    if own.numel():
        dist.all_gather_into_tensor(lists, own, group=group)
    return lists


def attempt(function, *arguments, error=None):
    """What `function` returns, and None or what it raised; after an `error`, nothing and that."""
    if error is not None:
        return None, error
    try:
        return function(*arguments), None
    except Exception as raised:
        return None, raised


def check_exchange(exchange_by):
    topk_checks.check_choice("exchange", exchange_by, EXCHANGES)


def _merge_lists(own, group, options):
    """Each rank gets the lists of all, and merges all rows."""
    indices, values = split_lists(gather(own, group))
    return merge_topk(indices, values, **options)


def _take_rows(tensor, first, count):
    """Rows of a range's bounds, with 0 behind the last, so that ranges there are empty."""
    rows = tensor[first : first + count]
    return torch.nn.functional.pad(rows, (0, count - rows.size(0)))


def _merge_rows(own, group, options):
    """Each rank gets the lists of some rows, merges these, and gets the others merged."""
    size, rank = dist.get_world_size(group), dist.get_rank(group)
    _, rows, _, k = own.shape
    count = -(-rows // size)
    sent = own[0]
    if size * count > rows:
        # The last rank has fewer rows.
        sent = own.new_full((size * count, 2, k), -1)
        sent[:rows] = own[0]
    sent = sent.view(size, count, 2, k)
    received = torch.empty_like(sent)
    dist.all_to_all_single(received, sent, group=group)
    indices, values = split_lists(received)
    return_values = options["return_values"]
    merged = own.new_empty((1, count, 2 if return_values else 1, k))
    bounds = {
        name: _take_rows(options[name], rank * count, count) for name in ("ks", "ke") if options.get(name) is not None
    }
    own_values = merged[0, :, 1].view(torch.float32) if return_values else None
    selection = {name: options[name] for name in ("tie_break", "order", "base")}
    merge_topk_out(indices, values, bounds.pop("ke"), merged[0, :, 0], own_values, **bounds, **selection)
    parts = gather(merged, group).view(size * count, -1, k)[:rows]
    found = parts[:, 0].contiguous()
    return (found, parts[:, 1].contiguous().view(torch.float32)) if return_values else found


def exchange_and_merge(own, error, group, step, same, check, exchange_by, options):
    """The merged lists of all ranks, from `own` or from what went wrong with them; `options` are those of merge_topk."""
    if check:
        words.share(group, error, step, same)
    elif error is not None:
        raise error
    if exchange_by == "auto":
        exchange_by = "rows" if own.numel() * own.element_size() >= _LONG else "lists"
    # Without rows, nothing is exchanged.
    by_rows = exchange_by == "rows" and own.size(1)
    return (_merge_rows if by_rows else _merge_lists)(own, group, options)
