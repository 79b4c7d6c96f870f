# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The best keys where each rank has a part of the keys of a contiguous k."""
import torch
import torch.distributed as dist

from ..fused_launches import LOGITS
from ..fused_ops import logits_topk_out
from . import lists, words
from .shards import check_shards, make_shards


def _check(tensors, topk, options, selection, exchange):
    lists.check_exchange(exchange)
    lists.check_selection(topk, **selection)
    lists.check_fused(LOGITS, tensors, topk, {**options, **selection})


def _localize(bounds, shards):
    """Bounds of ranges, counted from the first key of this rank: clamped first, since a difference may overflow."""
    return bounds.clamp(0, shards.num_keys) - shards.offset


def _select_own(tensors, topk, shards, options, tie_break):
    """The best of this rank's keys, as `lists.new_lists` has them."""
    q, k, k_scale, weights, ks, ke = tensors
    own = lists.new_lists(q.size(0), topk, q.device)
    indices, values = lists.split_lists(own[0])
    offset = torch.full_like(ke, shards.offset)
    logits_topk_out(q, k, k_scale, weights, _localize(ks, shards), _localize(ke, shards), indices, values, offset=offset,
                    tie_break=tie_break, order="any", base="absolute", **options)  # fmt: skip
    return own


def logits_topk_over_keys(q, k, k_scale, weights, ks, ke, topk, *, group=None, shards=None, check=True, exchange="auto",
                          relu=True, fast=False, dtype=torch.float32, tie_break="smallest", order="key", base="relative",
                          return_values=False, head_reduction="sum"):  # fmt: skip
    """The `topk` keys with the greatest logits of each query, where each rank of `group` has a part of the keys.

    Collective. The keys of rank 0 come first, then those of rank 1, and so on; ranks may have different numbers of keys, or
    none. k is this rank's part, N_r x D or N_r x G x D, and k_scale its scales; q (M x H x D), weights (M x H), ks and ke (M
    int32, ranges of all N keys) and topk are the same on each rank. The other arguments are those of `mqa.logits_topk`, but
    base is "relative" or "absolute". Returns on each rank what `mqa.logits_topk` returns for all keys: indices, M x topk
    int32, with `return_values` also logits, M x topk float32.

    Each rank selects from its own keys, and `mqa.merge_topk` selects from the lists of all ranks. With exchange="lists", each
    rank gets the lists of all others, 8 * M * topk bytes from each (all-gather), and merges them. With "rows", it gets and
    merges the lists of 1/R of the rows (all-to-all), and then gets the other rows merged (all-gather): fewer bytes, but
    two exchanges. "auto" takes rows where a rank's lists have 1 MiB or more.

    `shards`, from `share_keys`, saves an exchange of the numbers of keys. Before tensors are exchanged,
    ranks tell one another in words whether they are ready, through the CPU if the group has a backend for it. If a rank
    failed, it raises its error, and the other ranks raise `RankError` at once. A rank that never calls is an error of
    the collective on the other ranks, within the group's timeout.

    With `shards` and without `check`, nothing is told in words, so that a CUDA graph can record the call: then a rank that
    fails is an error of the others at the group's timeout, and arguments that differ are not found.

    Raises as `mqa.logits` does, and ValueError where ranks disagree on the number of queries, topk or the options.

    >>> import mqa, torch
    >>> from mqa import distributed
    >>> q, weights = torch.ones(1, 64, 128).to(torch.float8_e4m3fn), torch.ones(1, 64)
    >>> k, k_scale = torch.ones(2000, 128).to(torch.float8_e4m3fn), torch.arange(2000.0)
    >>> ks, ke = torch.tensor([0]).int(), torch.tensor([2000]).int()
    >>> distributed.logits_topk_over_keys(q, k, k_scale, weights, ks, ke, 512)[0, :3]
    tensor([1488, 1489, 1490], dtype=torch.int32)
    """
    group = words.get_group(group)
    tensors, selection = (q, k, k_scale, weights, ks, ke), {"tie_break": tie_break, "order": order, "base": base}
    options = {"relu": relu, "fast": fast, "dtype": dtype, "head_reduction": head_reduction}
    _, error = lists.attempt(_check, tensors, topk, options, selection, exchange)
    if error is None and shards is not None:
        _, error = lists.attempt(check_shards, shards, group, k.size(0))
    same = {"the number of queries": 0, "topk": 0, "options and types": 0, "the number of keys in shards": 0}
    if error is None:
        kinds = [None if t is None else (t.dtype, t.shape[1:]) for t in (q, k, k_scale, weights)]
        total = 0 if shards is None else shards.num_keys
        same = dict(zip(same, (q.size(0), topk, words.digest(options, selection, exchange, return_values, kinds), total)))
    if shards is None:
        rows = words.share(group, error, "logits_topk_over_keys", same, (0 if error else k.size(0),))
        shards = make_shards((row[0] for row in rows), dist.get_rank(group))
    own, error = lists.attempt(_select_own, tensors, topk, shards, options, tie_break, error=error)
    merge = {"return_values": return_values, **selection}
    if error is None:
        # The merge is not told how many keys there are.
        merge.update(ks=ks, ke=ke.clamp(max=shards.num_keys))
    return lists.exchange_and_merge(own, error, group, "logits_topk_over_keys", same, check, exchange, merge)
