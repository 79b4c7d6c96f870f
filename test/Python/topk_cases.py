# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tests of mqa.topk share: problems, and what must come out, by sorting each row in Python."""
import math
import sys
import unittest

try:
    import torch
except ImportError:
    print("skipped: no PyTorch here")
    sys.exit(0)

from devices import get_target
from mqa import library

OP = library.TopkOp(get_target(), 4)


def has_compiler_for_topk():
    """Whether the compiler knows the op: whatever else is wrong with it is found by the tests."""
    try:
        library.find(OP, 1 if OP.target == "cpu" else 0)
    except ValueError as error:
        return "'mqa.topk' is unknown" not in str(error)
    return True


needs_topk = unittest.skipUnless(has_compiler_for_topk(), "the compiler has no mqa.topk")


def get_range(m, logits, ke=None, ks=None, context_lens=None, block_table=None, block_kv=0, num_keys=None,
              compressed=False, **_):  # fmt: skip
    """The keys of row m, as two numbers."""
    first, rows, columns = 0, logits.size(0), logits.size(1)
    if ks is not None:
        first = max(ks[m].item(), 0)
    if context_lens is None:
        last = ke[m].item()
    elif context_lens.dim() == 2:
        last = context_lens.reshape(-1)[m].item()
    else:
        t = rows // context_lens.size(0)
        last = context_lens[m // t].item() - t + m % t + 1
    if compressed:
        last = min(last, first + columns, math.inf if num_keys is None else num_keys)
    else:
        last = min(last, columns)
    if block_table is not None:
        last = min(last, block_table.size(1) * block_kv)
    return first, max(first, last)


def select(row, k, tie_break, order, force_first, force_last):
    """The selected of a row, pairs of key and logit in ascending keys, in the order that is asked for."""

    def rank(pair):
        key, logit = pair
        return (-logit, key if tie_break == "smallest" else -key)

    chosen = row
    if len(row) > k:
        forced = row[:force_first] + row[len(row) - force_last :]
        others = [pair for pair in row[force_first : len(row) - force_last] if not math.isnan(pair[1])]
        chosen = sorted(forced + sorted(others, key=rank)[: k - len(forced)])
    if order != "score":
        return chosen
    numbers = [pair for pair in chosen if not math.isnan(pair[1])]
    return sorted(numbers, key=rank) + [pair for pair in chosen if math.isnan(pair[1])]


def reference(logits, ke, k, *, block_table=None, sequence=None, offset=None, block_kv=0, tie_break="smallest", order="key",
              base="relative", force_first=0, force_last=0, compressed=False, ks=None, context_lens=None,
              num_keys=None):  # fmt: skip
    """indices and values, on the CPU."""
    indices = torch.full((logits.size(0), k), -1, dtype=torch.int32)
    values = torch.full((logits.size(0), k), float("-inf"))
    for m in range(logits.size(0)):
        first, last = get_range(m, logits, ke, ks, context_lens, block_table, block_kv, num_keys, compressed)
        numbers = logits[m].float().tolist()
        row = [(key, numbers[key - first if compressed else key]) for key in range(first, last)]
        for j, (key, logit) in enumerate(select(row, k, tie_break, order, force_first, force_last)):
            index = key - first if base == "relative" else key
            if base == "slot":
                b = sequence[m].item() if sequence is not None else m // (logits.size(0) // block_table.size(0))
                index = block_table[b, key // block_kv].item() * block_kv + key % block_kv
            indices[m, j] = index + (0 if offset is None else offset[m].item())
            values[m, j] = logit
    return indices, values


def make_logits(m=23, n=300, dtype=torch.float32, seed=0, distinct=40):
    """Few distinct logits, NaN, infinities and zeros of both signs among them."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randint(-distinct, distinct, (m, n), generator=generator).float() / 4
    special = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 0.0])
    where = torch.rand(m, n, generator=generator) < 0.1
    drawn = special[torch.randint(0, 5, (m, n), generator=generator)]
    return torch.where(where, drawn, logits).to(dtype)


def make_ranges(m, n, seed=0):
    """ks and ke: also empty, reversed, negative, and past the end."""
    generator = torch.Generator().manual_seed(seed)
    ks = torch.randint(-9, n, (m,), generator=generator, dtype=torch.int32)
    return ks, ks + torch.randint(-9, n, (m,), generator=generator, dtype=torch.int32)


class TopkCase(unittest.TestCase):
    def check(self, indices, expected, order="key"):
        """Rows in any order are sorted first, but for their padding."""
        indices, expected = indices.cpu(), expected.cpu()
        if order == "any":
            big = torch.iinfo(torch.int32).max
            indices, expected = (t.masked_fill(t == -1, big).sort().values for t in (indices, expected))
        self.assertTrue(torch.equal(indices, expected), (indices, expected))

    def check_values(self, values, expected):
        self.assertTrue(torch.equal(values.cpu().nan_to_num(7.25, math.inf, -math.inf),
                                    expected.nan_to_num(7.25, math.inf, -math.inf)))  # fmt: skip
