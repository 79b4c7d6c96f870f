# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which keys each rank has: consecutive ones, in the order of ranks."""
import dataclasses

import torch.distributed as dist

from . import words

# Keys have 32-bit indices.
_MAX_KEYS = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class KeyShards:
    """How many keys each rank of a group has, in the order of ranks, and which rank this is.

    >>> from mqa import distributed
    >>> shards = distributed.KeyShards(sizes=(1000, 0, 24), rank=2)
    >>> shards.offset, shards.num_keys, shards.num_local_keys
    (1000, 1024, 24)
    """

    sizes: tuple
    rank: int

    @property
    def offset(self):
        """The first key of this rank."""
        return sum(self.sizes[: self.rank])

    @property
    def num_local_keys(self):
        return self.sizes[self.rank]

    @property
    def num_keys(self):
        return sum(self.sizes)


def check_shards(shards, group, num_local_keys):
    """For those that the caller gives."""
    if not isinstance(shards, KeyShards):
        raise TypeError(f"shards must be a KeyShards, found {type(shards).__name__}")
    size, rank = dist.get_world_size(group), dist.get_rank(group)
    if (len(shards.sizes), shards.rank) != (size, rank):
        found = f"rank {shards.rank} of {len(shards.sizes)}"
        raise ValueError(f"shards must be those of rank {rank} of {size}, found {found}")
    if shards.num_local_keys != num_local_keys:
        raise ValueError(f"k must have the {shards.num_local_keys} keys that shards say, found {num_local_keys}")


def make_shards(sizes, rank):
    shards = KeyShards(tuple(sizes), rank)
    if shards.num_keys > _MAX_KEYS:
        raise ValueError(f"all ranks together must have at most {_MAX_KEYS} keys, found {shards.num_keys}")
    return shards


def share_keys(num_local_keys, group=None):
    """The KeyShards of a group, where this rank has `num_local_keys` keys.

    Collective. Where keys stay where they are, call it once, and give its result to each `logits_topk_over_keys`, which then
    needs not ask the other ranks. Raises ValueError for a number below 0, on all ranks (RankError on the others).

    >>> from mqa import distributed
    >>> distributed.share_keys(300)
    KeyShards(sizes=(300,), rank=0)
    """
    group = words.get_group(group)
    error = None
    if isinstance(num_local_keys, bool) or not isinstance(num_local_keys, int) or num_local_keys < 0:
        error = ValueError(f"num_local_keys must be an integer, at least 0, found {num_local_keys!r}")
    rows = words.share(group, error, "share_keys", {}, (0 if error else num_local_keys,))
    return make_shards((row[0] for row in rows), dist.get_rank(group))
