# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The sharding rules of mqa.distributed for DTensor, on two and four processes with gloo.

Skipped where there is no PyTorch.
"""
import unittest

from torch_cases import FP8, make_paged

import mqa
import torch
from distributed_cases import expect, make
from mqa import distributed
from ranks import run_ranks


def tensor_cases(rank, size):
    """Sharded as the rules say, each op gives what it gives for whole tensors."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Partial, Replicate, Shard, distribute_tensor

    distributed.register_sharding_rules()
    distributed.register_sharding_rules()
    mesh = init_device_mesh("cpu", (size,))

    def check(op, tensors, placements, expected_placement, **options):
        """Tensors by the name of their argument; those without a placement are whole."""
        # DTensor cannot redistribute float8, and NaN is not equal to itself.
        placed = {
            name: (
                distribute_tensor(tensor, mesh, [placements.get(name, Replicate())])
                if isinstance(tensor, torch.Tensor)
                else tensor
            )
            for name, tensor in tensors.items()
        }
        expected, found = op(**tensors, **options), op(**placed, **options)
        if isinstance(expected, torch.Tensor):
            expected, found = (expected,), (found,)
        for a, b in zip(found, expected):
            assert a.placements == (expected_placement,), a.placements
            a = a.full_tensor()
            assert a.dtype == b.dtype and a.shape == b.shape
            if expected_placement.is_partial():
                assert torch.equal(a.isinf(), b.isinf())
                torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-4)
            else:
                assert torch.equal(a, b)

    q, k, scale, weights, ks, ke = make()
    q, k, scale = q.float().bfloat16(), k.float().bfloat16(), scale.nan_to_num(1.0)
    tensors = {"q": q, "k": k, "k_scale": scale, "weights": weights, "ks": ks, "ke": ke}
    op, rows = torch.ops.mqa.logits, {"q": Shard(0), "weights": Shard(0), "ks": Shard(0), "ke": Shard(0)}
    check(op, tensors, {}, Replicate(), clean=True)
    check(op, tensors, rows, Shard(0), clean=True)
    # One tensor that is sharded is enough; and options change what comes out.
    check(op, tensors, {"q": Shard(0)}, Shard(0), clean=True, dtype=torch.bfloat16)
    check(op, tensors, {"q": Shard(0)}, Shard(0), clean=True, max_seqlen_k=310)
    check(op, tensors, {"q": Shard(0)}, Shard(0), clean=True, max_seqlen_k=290)
    heads = {"q": Shard(1), "weights": Shard(1)}
    check(op, tensors, heads, Partial(), clean=True)
    # 16-bit logits are rounded once.
    placed = [distribute_tensor(t, mesh, [heads.get(name, Replicate())]) for name, t in tensors.items()]
    assert not op(*placed, clean=True, dtype=torch.bfloat16).placements[0].is_partial()
    # A maximum over some heads is not a part of a sum.
    check(op, tensors, rows, Shard(0), clean=True, head_reduction="max")
    assert not op(*placed, clean=True, head_reduction="max").placements[0].is_partial()
    check(op, tensors, heads, Replicate(), clean=True, head_reduction="max")
    groups = {**tensors, "k": torch.stack([k] * 4, 1), "k_scale": torch.stack([scale] * 4, 1)}
    check(op, groups, {**heads, "k": Shard(1), "k_scale": Shard(1)}, Partial(), clean=True)
    check(torch.ops.mqa.logits_topk, {**tensors, "topk": 20}, rows, Shard(0))
    check(torch.ops.mqa.logits_topk_values, {**tensors, "topk": 20}, {"q": Shard(0)}, Shard(0), order="score")

    # Backward of a loss of what is in the ranges.
    for placements in (rows, heads):
        leaves = [distribute_tensor(t, mesh, [placements.get(name, Replicate())]) for name, t in tensors.items()]
        whole = list(tensors.values())
        for needed in ((0, 1, 2, 3), (0, 3), (1,)):
            results = []
            for operands in (leaves, whole):
                own = [t.detach().requires_grad_(i in needed) for i, t in enumerate(operands)]
                logits = op(*own, clean=True)
                logits = logits.full_tensor() if operands is leaves else logits
                torch.where(logits.isinf(), 0.0, logits).square().sum().backward()
                results.append([own[i].grad for i in needed])
            for found, expected in zip(*results):
                # Sums of 16-bit gradients of k are rounded in parts.
                torch.testing.assert_close(found.full_tensor(), expected, rtol=3e-2, atol=3e-2 * expected.abs().max().item())
    logits = mqa.logits(*tensors.values(), clean=True)
    selection = {"logits": logits, "ke": ke, "k": 20, "ks": ks}
    check(torch.ops.mqa.topk, selection, {"logits": Shard(0), "ks": Shard(0)}, Shard(0))
    check(torch.ops.mqa.topk_values, selection, {"logits": Shard(0), "ks": Shard(0)}, Shard(0), base="absolute")
    # The first 36 blocks of 8 keys, as columns of lists of key blocks.
    blocks = torch.arange(36, dtype=torch.int32).repeat(40, 1)
    columns = {**selection, "logits": logits[:, :288].contiguous(), "key_blocks": blocks,
               "num_key_blocks": torch.full((40,), 36, dtype=torch.int32)}  # fmt: skip
    check(torch.ops.mqa.topk, columns, {n: Shard(0) for n in ("logits", "ks", "key_blocks", "num_key_blocks")}, Shard(0),
          base="absolute")  # fmt: skip
    lists = [mqa.topk(logits[:, begin : begin + 150].contiguous(), ke.clamp(0, 300) - begin, 20, ks=ks.clamp(0, 300) - begin,
                      offset=torch.full_like(ke, begin), base="absolute", return_values=True) for begin in (0, 150)]  # fmt: skip
    merge = {"list_indices": torch.stack([i for i, _ in lists]), "list_values": torch.stack([v for _, v in lists]),
             "ke": ke.clamp(max=300), "ks": ks}  # fmt: skip
    check(torch.ops.mqa.merge_topk, merge, {"list_indices": Shard(1), "ks": Shard(0)}, Shard(0))
    check(torch.ops.mqa.merge_topk_values, merge, {"list_indices": Shard(1), "list_values": Shard(1), "ks": Shard(0)}, Shard(0))
    # Those that are given by keyword decide.
    check(torch.ops.mqa.merge_topk, merge, {"list_indices": Shard(1)}, Replicate())
    odd = {**merge, "ks": distribute_tensor(ks, mesh, [Shard(0)]), "ke": ke.clamp(max=300)}
    odd = {name: t if name == "ks" else distribute_tensor(t, mesh, [Replicate()]) for name, t in odd.items()}
    assert torch.ops.mqa.merge_topk(**odd).placements == (Shard(0),)
    slots = {"q": q, "k": k, "k_scale": scale, "weights": weights, "ks": ks, "ke": ke, "topk": 20}
    table = distribute_tensor(torch.zeros(40, 5, dtype=torch.int32), mesh, [Shard(1)])
    slots = {name: distribute_tensor(t, mesh, [Replicate()]) if isinstance(t, torch.Tensor) else t for name, t in slots.items()}
    words = "block_table is given by keyword, and is S(1): redistribute it to S(0)"
    expect(Exception, words, torch.ops.mqa.logits_topk, **slots, block_table=table, block_kv=64, base="slot")

    q, cache, weights, lens, table = make_paged("cpu", batch=4, next_n=2, h=4, d=32, block_kv=16, longest=90)
    k, scale = (t.float().bfloat16() if t.dtype == FP8 else t for t in mqa.split_cache(cache, 32))
    paged = {
        "q": q.float().bfloat16(),
        "k": k,
        "k_scale": scale,
        "weights": weights,
        "context_lens": lens,
        "block_table": table,
    }
    sequences = {name: Shard(0) for name in ("q", "weights", "context_lens", "block_table")}
    check(torch.ops.mqa.paged_logits, {**paged, "max_context_len": 96}, sequences, Shard(0), clean=True)
    check(
        torch.ops.mqa.paged_logits,
        {**paged, "max_context_len": 96},
        {"q": Shard(2), "weights": Shard(1)},
        Partial(),
        clean=True,
    )
    of_max = {**paged, "max_context_len": 96}
    check(torch.ops.mqa.paged_logits, of_max, sequences, Shard(0), clean=True, head_reduction="max")
    heads = [distribute_tensor(t, mesh, [{"q": Shard(2), "weights": Shard(1)}.get(n, Replicate())]) for n, t in paged.items()]
    assert not torch.ops.mqa.paged_logits(*heads, 96, clean=True, head_reduction="max").placements[0].is_partial()
    check(torch.ops.mqa.paged_logits_topk, {**paged, "topk": 20, "max_context_len": 96}, sequences, Shard(0))
    logits = mqa.paged_logits(*paged.values(), 96, clean=True)
    slots = {"logits": logits, "ke": None, "k": 20, "context_lens": lens, "block_table": table}
    rows = {name: Shard(0) for name in ("logits", "context_lens", "block_table")}
    check(torch.ops.mqa.topk, slots, rows, Shard(0), base="slot", block_kv=16)


class TensorsTest(unittest.TestCase):
    def test_rules(self):
        for size in (2, 4):
            with self.subTest(size=size):
                run_ranks(self, size, tensor_cases)


if __name__ == "__main__":
    unittest.main()
