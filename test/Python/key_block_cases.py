# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tests of selections from rows of sequences and from key blocks share: problems, and what must come out."""
from torch_cases import FP8, make_paged, torch

import mqa


def make_cache(seed=0, batch=4, next_n=3):
    """Few distinct logits, so that ties count."""
    q, cache, weights, lens, table = make_paged("cpu", batch=batch, next_n=next_n, h=4, d=32, seed=seed)
    k, scale = mqa.split_cache(cache, 32)
    return [q, k, (scale * 4).round() / 4, (weights * 2).round(), lens, table]


def make_rows(seed=0):
    """Rows in any order; one has no key, and names no line of the table."""
    q, k, scale, weights, lens, table = make_cache(seed)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(seed))
    sequence = torch.arange(4).repeat_interleave(3)[order].int()
    lens = lens.flatten()[order]
    lens[5], sequence[5] = -3, 1 << 30
    return [q.flatten(0, 1)[order], k, scale, weights[order], lens, table], sequence


def make_blocks(rows, num_blocks, blocks=30, seed=0):
    """Ascending lists of different lengths; behind these is anything."""
    random = torch.Generator().manual_seed(seed)
    lists = [torch.randperm(num_blocks + 3, generator=random)[:blocks].sort()[0] - 1 for _ in range(rows)]
    counts = torch.randint(-1, blocks + 3, (rows,), generator=random).int()
    key_blocks = torch.stack(lists).int()
    for row, count in zip(key_blocks, counts.tolist()):
        row[max(count, 0) :] = 7
    return key_blocks, counts


def make_contiguous(seed=0, rows=17, keys=500):
    random = torch.Generator().manual_seed(seed)
    q = torch.randn(rows, 4, 32, generator=random).to(FP8)
    k = torch.randn(keys, 32, generator=random).to(FP8)
    scale = torch.randint(1, 5, (keys,), generator=random) / 4
    weights = torch.randint(-2, 3, (rows, 4), generator=random).float()
    ks = torch.randint(-50, keys, (rows,), generator=random).int()
    ke = ks + torch.randint(-20, keys, (rows,), generator=random).int()
    return [q, k, scale, weights, ks, ke]


def move(tensors, device):
    return [None if t is None else t.to(device) for t in tensors]


def select(columns, sees, topk, to_index, tie_break="smallest", order="key"):
    """What mqa.topk promises, row by row; `columns` are logits, and `sees` says which of them count."""
    rows = columns.size(0)
    indices, values = torch.full((rows, topk), -1, dtype=torch.int32), torch.full((rows, topk), -float("inf"))
    for m in range(rows):
        own = sees[m].nonzero().flatten().tolist()
        sign = 1 if tie_break == "smallest" else -1
        best = sorted(own, key=lambda n: (-columns[m, n].item(), sign * n))[:topk]
        best = best if order == "score" else sorted(best)
        for j, n in enumerate(best):
            indices[m, j], values[m, j] = to_index(m, n), columns[m, n]
    return indices, values


def list_block_cases(device):
    """(function, arguments, its options, logits of columns, whether they count, for each base what an index is, and what
    mqa.topk must know of the ranges of the columns)."""
    for size in (8, 16):
        tensors = make_contiguous(seed=size)
        blocks, counts = make_blocks(17, 500 // size, seed=size)
        own, lists = move(tensors, device), move([blocks, counts], device)
        keys = (blocks.long()[:, :, None] * size + torch.arange(size)).flatten(1)
        columns = torch.arange(keys.size(1))
        logits = mqa.key_block_logits(*own, *lists, block_size=size).cpu()
        sees = (columns < counts[:, None] * size) & (keys >= tensors[4].clamp(min=0)[:, None])
        sees &= keys < tensors[5].clamp(max=500)[:, None]
        indices = {"relative": lambda m, n: n, "absolute": lambda m, n, keys=keys: keys[m, n].item()}
        ranges = {"ks": own[4], "ke": own[5], "num_keys": 500}
        yield mqa.key_block_logits_topk, (*own, *lists), {"block_size": size}, logits, sees, indices, ranges
        for of_rows in (False, True):
            tensors, sequence = make_rows(size) if of_rows else (make_cache(size), None)
            blocks, counts = make_blocks(12, 320 // size, seed=size)
            own, lists = move(tensors, device), move([blocks, counts], device)
            more = {"block_size": size, "sequence": sequence.to(device)} if of_rows else {"block_size": size}
            keys = (blocks.long()[:, :, None] * size + torch.arange(size)).flatten(1)
            columns = torch.arange(keys.size(1))
            logits = mqa.paged_key_block_logits(*own, *lists, **more).cpu()
            lens, table = tensors[4].flatten().clamp(max=64 * tensors[5].size(1)), tensors[5]
            sees = (columns < counts[:, None] * size) & (keys >= 0) & (keys < lens[:, None])

            def to_slot(m, n, keys=keys, table=table, sequence=sequence):
                line = m // 3 if sequence is None else sequence[m]
                return table[line, keys[m, n] // 64].item() * 64 + keys[m, n].item() % 64

            indices = {"relative": lambda m, n: n, "absolute": lambda m, n, keys=keys: keys[m, n].item()}
            ranges = {"context_lens": own[4], "block_table": own[5], "block_kv": 64}
            if of_rows:
                ranges["sequence"] = more["sequence"]
            indices["slot"] = to_slot
            yield mqa.paged_key_block_logits_topk, (*own, *lists), more, logits, sees, indices, ranges
