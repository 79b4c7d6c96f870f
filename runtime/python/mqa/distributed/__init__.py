# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The best keys of each query where keys, or queries, are spread over the ranks of a process group of PyTorch.

    from mqa import distributed

| function | each rank has | what is exchanged |
| --- | --- | --- |
| `logits_topk_over_keys` | all queries, a part of the keys | the best keys of each rank |
| `paged_logits_topk_over_keys` | all new queries, a part of each sequence's cache | the same |
| `logits_topk_over_queries` | a part of the queries, all keys | the results, or nothing |

Indices are those that one device gives for all keys, bit for bit. All exchange is by the group's own collectives: NCCL for
tensors on GPUs, gloo for tensors on the CPU. `register_sharding_rules` tells `torch.distributed.tensor` how the ops of
torch.ops.mqa may be sharded.

All functions but `register_sharding_rules` are collective: each rank of the group calls them, in the same order.
"""
from .words import RankError
from .over_keys import logits_topk_over_keys
from .over_pages import paged_logits_topk_over_keys
from .over_queries import logits_topk_over_queries
from .rules import register_sharding_rules
from .shards import KeyShards, share_keys

__all__ = ["KeyShards", "RankError", "logits_topk_over_keys", "logits_topk_over_queries", "paged_logits_topk_over_keys",
           "register_sharding_rules", "share_keys"]  # fmt: skip
