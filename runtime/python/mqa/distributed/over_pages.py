# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The best keys where each rank has a part of the keys of each sequence in its own paged cache."""
import torch
import torch.distributed as dist

from .. import checks
from ..fused_launches import PAGED
from ..fused_ops import paged_logits_topk_out
from . import lists, words


def _check(tensors, topk, key_counts, options, selection, exchange):
    lists.check_exchange(exchange)
    lists.check_selection(topk, **selection)
    lists.check_fused(PAGED, tensors, topk, {**options, **selection})
    q = tensors[0]
    checks.check_shape("key_counts", key_counts, (q.size(0),))
    checks.check_ints("key_counts", key_counts)
    checks.check_device(q, key_counts=key_counts)


def _get_lengths(context_lens, next_n):
    """B x T: how many keys of its sequence each query sees."""
    if context_lens.dim() == 2:
        return context_lens
    return context_lens.unsqueeze(1) + torch.arange(1 - next_n, 1, dtype=torch.int32, device=context_lens.device)


def _gather_counts(tensors, key_counts, max_context_len, group):
    """Keys of each sequence on each rank, R x B; a rank has no more than its line of the table can name."""
    k, block_table = tensors[1], tensors[5]
    most = min(max_context_len, block_table.size(1) * k.size(1))
    return lists.gather(key_counts.clamp(0, most).unsqueeze(0).contiguous(), group)


def _select_own(tensors, topk, counts, rank, options, tie_break):
    q, k, k_scale, weights, context_lens, block_table = tensors
    batch, next_n = q.shape[:2]
    offset = counts[:rank].sum(0, dtype=torch.int32).unsqueeze(1)
    lengths = _get_lengths(context_lens, next_n).clamp(min=0)
    lengths = torch.minimum(lengths - offset, counts[rank].unsqueeze(1)).contiguous()
    own = lists.new_lists(batch * next_n, topk, q.device)
    indices, values = lists.split_lists(own[0])
    options = dict(options)
    paged_logits_topk_out(q, k, k_scale, weights, lengths, block_table, options.pop("max_context_len"), indices, values,
                          offset=offset.expand(batch, next_n).reshape(-1), tie_break=tie_break, order="any",
                          **options)  # fmt: skip
    return own


def paged_logits_topk_over_keys(q, k, k_scale, weights, context_lens, block_table, topk, max_context_len, *, key_counts,
                                group=None, check=True, exchange="auto", relu=True, fast=False, dtype=torch.float32,
                                tie_break="smallest", order="key", base="relative", return_values=False,
                                head_reduction="sum"):  # fmt: skip
    """The `topk` best keys of new queries, where each rank of `group` has a part of each sequence's keys in its own cache.

    Collective. Of sequence b this rank has key_counts[b] keys (B int32), which lie in the cache by row b of its own
    block_table; those of rank 0 come first, then those of rank 1, and so on. k, k_scale, block_table and key_counts are this
    rank's, q (B x T x H x D), weights and topk the same on each rank, and so is context_lens: B x T or B int32, the lengths
    over all ranks. `max_context_len` is the most keys of a sequence that this rank has. The other arguments are those of
    `mqa.paged_logits_topk`; base is "relative" or "absolute", which are the same here. Returns on each rank what
    `mqa.paged_logits_topk` returns for one cache with all keys: an index is a key of the sequence. Key n lies on this rank if
    0 <= n - before[b] < key_counts[b], where before[b] sums the counts of the ranks before.

    What is exchanged, `exchange`, `check`, and what is raised are as in `logits_topk_over_keys`; the counts are exchanged on
    the device, in each call.

    >>> import mqa, torch
    >>> from mqa import distributed
    >>> q, weights = torch.ones(1, 1, 64, 128).to(torch.float8_e4m3fn), torch.ones(1, 64)
    >>> k, k_scale = torch.ones(32, 64, 128).to(torch.float8_e4m3fn), torch.arange(2048.0).view(32, 64)
    >>> context_lens, block_table = torch.tensor([[2000]]).int(), torch.arange(32).int().view(1, 32)
    >>> counts = torch.tensor([2000]).int()
    >>> distributed.paged_logits_topk_over_keys(q, k, k_scale, weights, context_lens, block_table, 512, 2048,
    ...                                         key_counts=counts)[0, :3]
    tensor([1488, 1489, 1490], dtype=torch.int32)
    """
    group = words.get_group(group)
    tensors = (q, k, k_scale, weights, context_lens, block_table)
    options = {"max_context_len": max_context_len, "relu": relu, "fast": fast, "dtype": dtype,
               "head_reduction": head_reduction}  # fmt: skip
    selection = {"tie_break": tie_break, "order": order, "base": base}
    _, error = lists.attempt(_check, tensors, topk, key_counts, options, selection, exchange)
    same = {"the number of sequences": 0, "the number of queries": 0, "topk": 0, "options and types": 0}
    if error is None:
        kinds = [None if t is None else t.dtype for t in (q, k, k_scale, weights)]
        of_logits = (relu, fast, dtype, head_reduction)
        number = words.digest(of_logits, selection, exchange, return_values, kinds, q.shape[2:])
        same = dict(zip(same, (q.size(0), q.size(0) * q.size(1), topk, number)))
    step = "paged_logits_topk_over_keys"
    if check:
        # Counts are exchanged on the device: no rank must miss that.
        words.share(group, error, step, same)
    elif error is not None:
        raise error
    counts = _gather_counts(tensors, key_counts, max_context_len, group)
    own, error = lists.attempt(_select_own, tensors, topk, counts, dist.get_rank(group), options, tie_break)
    ends = torch.minimum(_get_lengths(context_lens, q.size(1)), counts.sum(0, dtype=torch.int32).unsqueeze(1)).reshape(-1)
    merge = {"ke": ends, "return_values": return_values, **selection}
    return lists.exchange_and_merge(own, error, group, step, same, check, exchange, merge)
