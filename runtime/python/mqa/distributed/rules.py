# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How torch.distributed.tensor may shard the ops of torch.ops.mqa.

Queries may be sharded wherever an op has rows of them, and heads where logits are a sum over them. Keys are not:
their ranges count from the first key, so a shard of keys needs other ranges. `logits_topk_over_keys` gives it these.
"""
import torch

_registered = False


class _Rule:
    """The placements of an op's tensors on one dimension of a mesh, by the names of its arguments."""

    def __init__(self, op):
        self._arguments = op._schema.arguments
        self._num_results = len(op._schema.returns)

    def bind(self, args, kwargs):
        """The value of each argument that was given, by name, in the order in which DTensor counts them."""
        positional = [argument.name for argument in self._arguments]
        self._given = {**dict(zip(positional, args)), **kwargs}
        self._keywords = set(kwargs)
        return self._given

    def choose(self, places):
        """Those of `places` whose keywords are placed as they are: DTensor redistributes none."""
        from torch.distributed.tensor._dtensor_spec import DTensorSpec

        chosen, reason = [], ""
        for results, inputs in places:
            for (name, value), placement in zip(self._given.items(), inputs):
                fixed = name in self._keywords and isinstance(value, DTensorSpec)
                if fixed and placement not in value.placements:
                    reason = f"{name} is given by keyword, and is {value.placements[0]}: redistribute it to {placement}"
                    break
            else:
                chosen.append((results, inputs))
        if not chosen:
            raise ValueError(reason)
        return chosen

    def place(self, result, **placements):
        """Arguments that are not named are whole on each rank; what is no tensor has no placement."""
        from torch.distributed.tensor import Replicate
        from torch.distributed.tensor._dtensor_spec import DTensorSpec

        inputs = []
        for name, value in self._given.items():
            is_tensor = isinstance(value, DTensorSpec)
            inputs.append(placements.get(name, Replicate()) if is_tensor else None)
        results = list(result) if isinstance(result, (list, tuple)) else [result] * self._num_results
        return results, inputs


def _divides(given, size):
    """Whether the shards of a mesh have `size` in equal parts: then rows of sequences are where their sequences are."""
    return size % given["q" if "q" in given else "logits"].mesh.size() == 0


def _allow_heads(given):
    """Partial sums of logits are added: in f32 alone, since 16-bit logits are rounded once. Groups stay whole. Partial
    maxima are none of the logits' where k_scale is negative.
    """
    q, k = given["q"], given["k"]
    if given.get("dtype", torch.float32) != torch.float32 or given.get("head_reduction", "sum") != "sum":
        return False
    paged = "context_lens" in given
    heads, groups = q.shape[2 if paged else 1], 0 if paged or len(k.shape) == 2 else k.shape[1]
    return _divides(given, groups or heads)


def _shard_logits(rule, given):
    from torch.distributed.tensor import Partial, Shard

    rows = {name: Shard(0) for name in ("q", "weights", "ks", "ke")}
    rules = [rule.place(Shard(0), **rows)]
    if _allow_heads(given):
        heads = {"q": Shard(1), "weights": Shard(1)}
        if len(given["k"].shape) == 3:
            heads.update(k=Shard(1), k_scale=Shard(1))
        rules.append(rule.place(Partial(), **heads))
    return rules


def _shard_logits_backward(rule, given):
    """As the logits: shards of queries, or of heads, have a part of what keys get."""
    from torch.distributed.tensor import Partial, Replicate, Shard

    rows = {name: Shard(0) for name in ("grad", "q", "weights", "ks", "ke")}
    rules = [rule.place([Shard(0), Partial(), Partial(), Shard(0)], **rows)]
    grouped = len(given["k"].shape) == 3
    if _allow_heads(given):
        heads = {"grad": Replicate(), "q": Shard(1), "weights": Shard(1)}
        of_keys = Shard(1) if grouped else Partial()
        if grouped:
            heads.update(k=Shard(1), k_scale=Shard(1))
        # What is not needed is empty, without a dimension 1.
        needs = given.get("needs", [True] * 4)
        places = (Shard(1), of_keys, of_keys, Shard(1))
        rules.append(rule.place([place if need else Replicate() for place, need in zip(places, needs)], **heads))
    return rules


def _shard_paged_logits(rule, given):
    from torch.distributed.tensor import Partial, Shard

    rules = []
    if _divides(given, given["q"].shape[0]):
        rules.append(rule.place(Shard(0), **{n: Shard(0) for n in ("q", "weights", "context_lens", "block_table")}))
    if _allow_heads(given):
        rules.append(rule.place(Partial(), q=Shard(2), weights=Shard(1)))
    return rules


def _shard_topk(rule, given):
    from torch.distributed.tensor import Shard

    names = ("logits", "ks", "ke", "sequence", "offset", "key_blocks", "num_key_blocks")
    rows = {name: Shard(0) for name in names}
    in_order = [given[n] for n in ("context_lens", "block_table") if given.get(n) is not None]
    if given.get("sequence") is None and in_order:
        if not all(_divides(given, tensor.shape[0]) for tensor in in_order):
            return []
        rows.update(context_lens=Shard(0), block_table=Shard(0))
    elif in_order:
        # Rows name lines of a table that is whole on each rank, and have a length each.
        rows["context_lens"] = Shard(0)
    return [rule.place(Shard(0), **rows)]


def _shard_merge_topk(rule, given):
    from torch.distributed.tensor import Shard

    return [rule.place(Shard(0), list_indices=Shard(1), list_values=Shard(1), ks=Shard(0), ke=Shard(0))]


def _shard_logits_topk(rule, given):
    from torch.distributed.tensor import Shard

    rows = {name: Shard(0) for name in ("q", "weights", "ks", "ke", "sequence", "offset")}
    if given.get("sequence") is None and given.get("block_table") is not None:
        if not _divides(given, given["block_table"].shape[0]):
            return []
        rows["block_table"] = Shard(0)
    return [rule.place(Shard(0), **rows)]


def _shard_paged_logits_topk(rule, given):
    from torch.distributed.tensor import Shard

    if not _divides(given, given["q"].shape[0]):
        return []
    names = ("q", "weights", "context_lens", "block_table", "offset")
    return [rule.place(Shard(0), **{name: Shard(0) for name in names})]


_RULES = {
    "logits": _shard_logits,
    "logits_backward": _shard_logits_backward,
    "paged_logits": _shard_paged_logits,
    "topk": _shard_topk,
    "topk_values": _shard_topk,
    "merge_topk": _shard_merge_topk,
    "merge_topk_values": _shard_merge_topk,
    "logits_topk": _shard_logits_topk,
    "logits_topk_values": _shard_logits_topk,
    "paged_logits_topk": _shard_paged_logits_topk,
    "paged_logits_topk_values": _shard_paged_logits_topk,
}


def _register(name, list_rules):
    from torch.distributed.tensor import DTensor, Replicate
    from torch.distributed.tensor.experimental import register_sharding

    op = getattr(torch.ops.mqa, name).default

    @register_sharding(op)
    def find_placements(*args, **kwargs):
        rule = _Rule(op)
        given = rule.bind(args, kwargs)
        return rule.choose([rule.place(Replicate()), *list_rules(rule, given)])

    # DTensor keeps what it found for arguments that it takes for equal: it has to compare all of ours, as types and sizes
    # of results depend on them.
    info = DTensor._op_dispatcher.sharding_propagator.op_to_schema_info[op]
    info.static_argnum = 0
    info.static_kwargkey = [argument.name for argument in op._schema.arguments if argument.kwarg_only]


def register_sharding_rules():
    """Registers with `torch.distributed.tensor` how torch.ops.mqa's ops that return new tensors may be sharded.

    | op | sharded over |
    | --- | --- |
    | `logits`, with backward; `paged_logits` | queries or sequences; or heads, where `dtype` is float32 and `head_reduction` "sum": results are partial sums |
    | `topk`, `merge_topk`, `logits_topk`, `paged_logits_topk`, and those with values | rows of queries |

    Other placements are redistributed to one of these, but for those of tensors that are given by keyword (ks of `topk`, for
    instance), which DTensor leaves as they are. Heads are sharded in equal parts, and so are key groups where there
    are several; sequences of a paged cache, or of a block table, in equal parts too. A sum over shards of heads rounds
    differently from a sum on one device. A second call changes nothing. Raises ImportError where PyTorch has no
    `torch.distributed.tensor.experimental.register_sharding` (before 2.6).

    >>> from mqa import distributed
    >>> distributed.register_sharding_rules()
    """
    global _registered
    if _registered:
        return
    from .. import fused_library, merge_library, topk_library  # Registers the ops.

    for name, list_rules in _RULES.items():
        _register(name, list_rules)
    _registered = True
