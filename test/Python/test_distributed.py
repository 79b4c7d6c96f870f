# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mqa.distributed on two and four processes with gloo: bit for bit what one device gives; errors on all ranks.

Skipped where there is no PyTorch.
"""
import doctest
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

from torch_cases import FP8, make_logits, make_paged

import mqa
import torch
import torch.distributed as dist
from distributed_cases import check_equal, cut, expect, make
from mqa import distributed, library
from mqa.distributed import over_keys
from ranks import run_ranks

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZES = (2, 4)
# Of 300 keys: shares of the ranks. The last ones are all that there is on four ranks, and nothing.
SHARES = {
    2: ((150, 150), (1, 299), (300, 0), (0, 300)),
    4: ((75, 75, 75, 75), (13, 0, 200, 87), (0, 0, 300, 0), (299, 1, 0, 0)),
}


def over_keys_cases(rank, size):
    tensors = make()
    q, k, scale, weights, ks, ke = tensors
    for sizes in SHARES[size]:
        own = (q, cut(k, sizes, rank), cut(scale, sizes, rank), weights, ks, ke)
        for options in (
            {},
            {"tie_break": "greatest", "order": "score", "base": "absolute"},
            {"head_reduction": "max"},
        ):
            expected = mqa.logits_topk(*tensors, 20, return_values=True, **options)
            for exchange in ("auto", "lists", "rows"):
                both = distributed.logits_topk_over_keys(*own, 20, return_values=True, exchange=exchange, **options)
                check_equal(both, expected)
                assert torch.equal(distributed.logits_topk_over_keys(*own, 20, exchange=exchange, **options), expected[0])
        shards = distributed.share_keys(sizes[rank])
        assert shards == distributed.KeyShards(sizes, rank)
        expected = mqa.logits_topk(*tensors, 20, return_values=True)
        for check in (True, False):
            check_equal(
                distributed.logits_topk_over_keys(*own, 20, shards=shards, check=check, return_values=True), expected
            )
        # As many as there are, which are NaN too.
        expected = mqa.logits_topk(*tensors, 400, return_values=True)
        check_equal(distributed.logits_topk_over_keys(*own, 400, return_values=True), expected)
    # Neither scales nor weights; no queries; no keys at all.
    expected = mqa.logits_topk(q, k, None, None, ks, ke, 20, relu=False)
    sizes = SHARES[size][1]
    found = distributed.logits_topk_over_keys(q, cut(k, sizes, rank), None, None, ks, ke, 20, relu=False)
    assert torch.equal(found, expected)
    # Fewer rows than ranks.
    own = (q[:1], cut(k, sizes, rank), None, None, ks[:1], ke[:1], 20)
    assert torch.equal(distributed.logits_topk_over_keys(*own, relu=False, exchange="rows"), expected[:1])
    assert distributed.logits_topk_over_keys(
        q[:0], cut(k, sizes, rank), None, None, ks[:0], ke[:0], 20, relu=False
    ).shape == (0, 20)
    assert (distributed.logits_topk_over_keys(q, k[:0], None, None, ks, ke, 20, relu=False) == -1).all()


def group_cases(rank, size):
    """Keys of several groups, in a group of some ranks: the others do not take part."""
    ranks = list(range(1, size))
    group = dist.new_group(ranks)
    if rank not in ranks:
        try:
            distributed.share_keys(1, group)
        except ValueError as error:
            assert "this process is not in" in str(error)
            return
        raise AssertionError
    q, _, _, weights, ks, ke = make()
    generator = torch.Generator().manual_seed(1)
    k = torch.randn(300, 2, 32, generator=generator).to(torch.bfloat16)
    scale, q = torch.rand(300, 2, generator=generator), q.float().to(torch.bfloat16)
    sizes = [300 - 7 * (len(ranks) - 1)] + [7] * (len(ranks) - 1)
    expected = mqa.logits_topk(q, k, scale, weights, ks, ke, 20, return_values=True)
    place = rank - 1
    own = (q, cut(k, sizes, place), cut(scale, sizes, place), weights, ks, ke)
    check_equal(distributed.logits_topk_over_keys(*own, 20, group=group, return_values=True), expected)


def over_pages_cases(rank, size):
    for per_query in (True, False):
        q, cache, weights, lens, table = make_paged("cpu", batch=5, next_n=2, h=4, d=32, block_kv=16, longest=90)
        k, scale = mqa.split_cache(cache, 32)
        scale = (scale * 4).round() / 4
        lens = lens if per_query else lens[:, 0].contiguous()
        # Sequence b's keys lie on ranks in other shares than those of its neighbour; all 96 that there may be.
        generator = torch.Generator().manual_seed(size)
        cuts = torch.randint(0, 97, (5, size - 1), generator=generator).sort(1).values
        cuts[0] = 96
        bounds = torch.cat([torch.zeros(5, 1, dtype=torch.int64), cuts, torch.full((5, 1), 96)], 1)
        counts = (bounds[:, rank + 1] - bounds[:, rank]).int()
        whole_k, whole_scale = k[table.long()].view(torch.uint8).reshape(5, 96, 32), scale[table.long()].reshape(5, 96)
        own_k = torch.zeros(5 * 6, 16, 32, dtype=torch.uint8)
        own_scale = torch.full((5 * 6, 16), float("nan"))
        own_table = torch.arange(30).flip(0).int().view(5, 6)
        for b in range(5):
            keys = slice(bounds[b, rank], bounds[b, rank + 1])
            for n, (key, s) in enumerate(zip(whole_k[b, keys], whole_scale[b, keys])):
                own_k[own_table[b, n // 16], n % 16], own_scale[own_table[b, n // 16], n % 16] = key, s
        own = (q, own_k.view(FP8), own_scale, weights, lens, own_table)
        for check, exchange, heads in ((True, "lists", "sum"), (False, "rows", "sum"), (True, "auto", "max")):
            options = {"return_values": True, "head_reduction": heads}
            expected = mqa.paged_logits_topk(q, k, scale, weights, lens, table, 24, 96, **options)
            options.update(key_counts=counts, check=check, exchange=exchange)
            check_equal(distributed.paged_logits_topk_over_keys(*own, 24, 96, **options), expected)


def over_queries_cases(rank, size):
    tensors = make()
    q, k, scale, weights, ks, ke = tensors
    for sizes in ((40, 0, 0, 0), (3, 17, 0, 20), (10, 10, 10, 10)):
        sizes = sizes if size == 4 else (sizes[0], 40 - sizes[0])
        own = [cut(q, sizes, rank), k, scale, cut(weights, sizes, rank), cut(ks, sizes, rank), cut(ke, sizes, rank)]
        for heads in ("sum", "max"):
            options = {"force_first": 2, "head_reduction": heads}
            expected = mqa.logits_topk(*tensors, 20, return_values=True, **options)
            found = distributed.logits_topk_over_queries(*own, 20, return_values=True, **options)
            check_equal(found, expected)
            found = distributed.logits_topk_over_queries(*own, 20, gather=False, **options)
            assert torch.equal(found, cut(expected[0], sizes, rank))
    none = [q[:0], k, scale, weights[:0], ks[:0], ke[:0]]
    assert distributed.logits_topk_over_queries(*none, 20).shape == (0, 20)


def failure_cases(rank, size):
    """What is wrong on one rank is an error on all, in words, and the group goes on."""
    q, k, scale, weights, ks, ke = make()
    last = size - 1

    def check(words, function, *arguments, **options):
        kind, words = (
            (ValueError, words) if rank == last else (distributed.RankError, f"rank {last} failed: ValueError: {words}")
        )
        error = expect(kind, words, function, *arguments, **options)
        assert rank == last or set(error.failures) == {last}

    bad = rank == last
    check("k must be * x 32", distributed.logits_topk_over_keys, q, k[:, :16] if bad else k, scale, weights, ks, ke, 20)
    check(
        "base must be one of",
        distributed.logits_topk_over_keys,
        q,
        k,
        scale,
        weights,
        ks,
        ke,
        20,
        base="slot" if bad else "relative",
    )
    shards = distributed.share_keys(300)
    check("k must have the 300 keys", distributed.logits_topk_over_keys, q, k[:7] if bad else k, scale[:7] if bad else scale,
          weights, ks, ke, 20, shards=shards)  # fmt: skip
    check("num_local_keys must be", distributed.share_keys, -1 if bad else 5)
    check("ke must be 40", distributed.logits_topk_over_queries, q, k, scale, weights, ks, ke[:3] if bad else ke, 20)
    paged, cache, paged_weights, lens, table = make_paged("cpu", h=4, d=32, block_kv=16, longest=90)
    keys, scales = mqa.split_cache(cache, 32)
    counts = torch.full((5,), 7, dtype=torch.int32)
    check("key_counts must be 5", distributed.paged_logits_topk_over_keys, paged, keys, scales, paged_weights, lens, table, 20, 96,
          key_counts=counts[:2] if bad else counts)  # fmt: skip
    # What is found when the kernel is launched.
    with unittest.mock.patch.object(over_keys, "logits_topk_out", side_effect=ValueError("no kernel") if bad else None):
        check("no kernel", distributed.logits_topk_over_keys, q, k, scale, weights, ks, ke, 20)
    # Ranks that do not agree.
    words = "topk must be the same on all ranks, but ranks 0 and"
    expect(ValueError, words, distributed.logits_topk_over_keys, q, k, scale, weights, ks, ke, 21 if bad else 20)
    words = "options and types must be the same on all ranks"
    expect(
        ValueError,
        words,
        distributed.logits_topk_over_keys,
        q,
        k,
        scale,
        weights,
        ks,
        ke,
        20,
        order="score" if bad else "key",
    )
    options = {"head_reduction": "max" if bad else "sum"}
    expect(ValueError, words, distributed.logits_topk_over_keys, q, k, scale, weights, ks, ke, 20, **options)
    expect(ValueError, words, distributed.paged_logits_topk_over_keys, paged, keys, scales, paged_weights, lens, table, 20, 96,
           key_counts=counts, **options)  # fmt: skip
    words = "options must be the same on all ranks"
    expect(ValueError, words, distributed.logits_topk_over_queries, q, k, scale, weights, ks, ke, 20, **options)
    words = "the called function must be the same on all ranks"
    if bad:
        expect(ValueError, words, distributed.share_keys, 4)
    else:
        expect(ValueError, words, distributed.logits_topk_over_queries, q, k, scale, weights, ks, ke, 20)
    # The group is as it was.
    over_keys_cases(rank, size)


def absent_cases(rank, size):
    """A rank that never calls, and then one that is gone, are errors of the others within the group's timeout."""
    q, k, scale, weights, ks, ke = make()
    started = time.monotonic()
    if rank == size - 1:
        # As if it had raised elsewhere.
        time.sleep(6)
        os._exit(1)
    expect(RuntimeError, "", distributed.logits_topk_over_keys, q, k, scale, weights, ks, ke, 20)
    return time.monotonic() - started


def docstring_examples(rank, size):
    for name in distributed.__all__:
        [test] = doctest.DocTestFinder(recurse=False).find(getattr(distributed, name), name)
        assert test.examples, name
        output = []
        result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=output.append)
        assert result.failed == 0, "".join(output)


def page_example(rank, size):
    """The example of docs/distributed.md."""
    text = (ROOT / "docs" / "distributed.md").read_text()
    program = text.split("```python\n")[1].split("```")[0]
    torch.manual_seed(rank)
    place = {"torch": torch}
    exec(program, place)
    assert place["best"].shape == (4, 512) and (place["best"] < 500 * size).all()
    assert place["local"].max() < 500 and (place["local"] >= 0).sum() == place["own"].sum()


def wheel_cases(rank, size):
    """What the functions look for, at the sizes of a model, is among the kernels of the wheel."""
    spec = importlib.util.spec_from_file_location("wheel_kernels", ROOT / "tools" / "wheel_kernels.py")
    wheel_kernels = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(wheel_kernels)
    asked = set()

    class Asked(Exception):
        pass

    def find(op, device):
        asked.add(op.for_target(""))
        raise Asked

    tensors = make_logits("cpu", m=3, n=1000, h=64, d=128)
    lists = torch.zeros(2, 3, 512, dtype=torch.int32)
    q, cache, weights, lens, table = make_paged("cpu", h=64, d=128, next_n=2)
    keys = mqa.split_cache(cache, 128)
    with unittest.mock.patch.object(library, "find", find):
        for call in (
            lambda: distributed.logits_topk_over_keys(*tensors, 512, check=False, shards=distributed.share_keys(1000)),
            lambda: distributed.paged_logits_topk_over_keys(
                q, *keys, weights, lens, table, 512, 320, key_counts=lens[:, -1].contiguous(), check=False
            ),
            lambda: distributed.logits_topk_over_queries(*tensors, 512, gather=False),
        ):
            try:
                call()
            except Asked:
                continue
            raise AssertionError("no kernel was looked for")
        for base in ("relative", "absolute"):
            for ks in (None, tensors[4]):
                for return_values in (False, True):
                    options = {"ks": ks, "base": base, "return_values": return_values}
                    expect(Asked, "", mqa.merge_topk, lists, lists.float(), tensors[5], **options)
    assert len(asked) == 3 + 8, asked
    assert not asked - set(wheel_kernels.list_ops("models")), asked - set(wheel_kernels.list_ops("models"))


class DistributedTest(unittest.TestCase):
    def run_on_all(self, function):
        for size in SIZES:
            with self.subTest(size=size):
                run_ranks(self, size, function)

    def test_over_keys(self):
        self.run_on_all(over_keys_cases)

    def test_groups(self):
        run_ranks(self, 3, group_cases)

    def test_over_pages(self):
        self.run_on_all(over_pages_cases)

    def test_over_queries(self):
        self.run_on_all(over_queries_cases)

    def test_page(self):
        run_ranks(self, 2, page_example)

    def test_kernels_of_the_wheel(self):
        run_ranks(self, 1, wheel_cases)

    def test_failures(self):
        run_ranks(self, 2, failure_cases)

    def test_absent_rank(self):
        *times, _ = run_ranks(self, 3, absent_cases, timeout=3, may_die=(2,))
        for seconds in times:
            self.assertLess(seconds, 20)

    def test_examples(self):
        """Those of the docstrings, on one rank."""
        run_ranks(self, 1, docstring_examples)

    def test_tool(self):
        """tools/distributed.py on the CPU: it finds no wrong index, and writes what it measured."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "found.json"
            command = [sys.executable, ROOT / "tools" / "distributed.py", "run", "-", "--device=cpu", f"--json={path}"]
            sizes = ["--queries=9", "--keys=500", "--heads=4", "--head-dim=32", "--topk=20", "--repeat=1", "--masks=causal"]
            result = subprocess.run([*command, *sizes], capture_output=True, text=True, check=False, timeout=240)
            self.assertEqual(result.returncode, 0, result.stderr)
            rows = json.loads(path.read_text())["rows"]
        self.assertEqual([row["split"] for row in rows], ["equal", "unequal"])
        self.assertEqual([row["wrong_indices"] for row in rows], [0, 0])
        self.assertEqual(rows[0]["received_bytes"], 9 * 20 * 8)
        self.assertIn("speedup", result.stdout)

    def test_not_initialized(self):
        with self.assertRaisesRegex(RuntimeError, "torch.distributed is not initialized"):
            distributed.share_keys(1)


if __name__ == "__main__":
    unittest.main()
