# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The best keys where each rank has a part of the queries, and all keys."""
import torch
import torch.distributed as dist

from ..fused_ops import logits_topk
from . import lists, words


def _select(own, options, return_values):
    result = logits_topk(*own, return_values=True, **options) if return_values else (logits_topk(*own, **options), None)
    return result


def _gather_rows(tensor, counts, group):
    """The rows of all ranks, in the order of ranks. All-gather takes equal parts, so short ones are padded."""
    most = max(counts)
    padded = tensor
    if tensor.size(0) < most:
        padded = tensor.new_empty(most, tensor.size(1))
        padded[: tensor.size(0)] = tensor
        padded[tensor.size(0) :] = 0
    rows = lists.gather(padded, group).view(len(counts), most, tensor.size(1))
    if all(count == most for count in counts):
        return rows.flatten(0, 1)
    return torch.cat([part[:count] for part, count in zip(rows, counts)])


def logits_topk_over_queries(q, k, k_scale, weights, ks, ke, topk, *, group=None, gather=True, block_table=None, sequence=None,
                             offset=None, block_kv=0, relu=True, fast=False, dtype=torch.float32, tie_break="smallest",
                             order="key", base="relative", force_first=0, force_last=0,
                             return_values=False, head_reduction="sum"):  # fmt: skip
    """The `topk` best keys of each query, where each rank of `group` has a part of the queries, and all keys.

    Collective if `gather`. q (M_r x H x D), weights, ks, ke, sequence and offset are those of this rank's queries, of which
    ranks may have different numbers, or none; k and k_scale are all keys, on each rank. Arguments are those of
    `mqa.logits_topk`. Returns with `gather` on each rank what `mqa.logits_topk` returns for the queries of all ranks, those of
    rank 0 first: indices, M x topk int32, with `return_values` also logits, M x topk float32. Without `gather`, the rows of
    this rank's queries: then nothing is exchanged.

    Errors are as in `logits_topk_over_keys`.

    >>> import mqa, torch
    >>> from mqa import distributed
    >>> q, weights = torch.ones(1, 64, 128).to(torch.float8_e4m3fn), torch.ones(1, 64)
    >>> k, k_scale = torch.ones(2000, 128).to(torch.float8_e4m3fn), torch.arange(2000.0)
    >>> ks, ke = torch.tensor([0]).int(), torch.tensor([2000]).int()
    >>> distributed.logits_topk_over_queries(q, k, k_scale, weights, ks, ke, 512)[0, :3]
    tensor([1488, 1489, 1490], dtype=torch.int32)
    """
    options = {"block_table": block_table, "sequence": sequence, "offset": offset, "block_kv": block_kv, "relu": relu,
               "fast": fast, "dtype": dtype, "tie_break": tie_break, "order": order, "base": base,
               "force_first": force_first, "force_last": force_last, "head_reduction": head_reduction}  # fmt: skip
    own = (q, k, k_scale, weights, ks, ke, topk)
    if not gather:
        indices, values = _select(own, options, return_values)
        return (indices, values) if return_values else indices
    group = words.get_group(group)
    result, error = lists.attempt(_select, own, options, return_values)
    same = {"topk": 0, "options": 0}
    if error is None:
        names = ("block_kv", "relu", "fast", "dtype", "tie_break", "order", "base", "force_first", "force_last",
                 "head_reduction")  # fmt: skip
        same = dict(zip(same, (topk, words.digest([options[name] for name in names], return_values))))
    rows = words.share(group, error, "logits_topk_over_queries", same, (0 if error else q.size(0),))
    counts = [count for count, in rows]
    if max(counts) == 0:
        return result if return_values else result[0]
    indices = _gather_rows(result[0], counts, group)
    return (indices, _gather_rows(result[1], counts, group)) if return_values else indices
