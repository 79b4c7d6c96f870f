# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What ranks tell one another beside tensors: whether all went well, and that they were called with the same arguments.

A rank that fails takes part in the next exchange of words before it raises. So the others learn of it at once, instead of
waiting for its tensors until the group's timeout.
"""
import zlib

import torch
import torch.distributed as dist

# Numbers that a rank shares: whether it failed, what it called, and what the functions say.
_LENGTH = 8


class RankError(RuntimeError):
    """Another rank of the group failed. `failures` has the message of each rank that did, by the rank in the group.

    >>> from mqa import distributed
    >>> error = distributed.RankError({2: "ValueError: topk must be an integer"})
    >>> print(error)
    rank 2 failed: ValueError: topk must be an integer
    """

    def __init__(self, failures):
        super().__init__("; ".join(f"rank {rank} failed: {message}" for rank, message in sorted(failures.items())))
        self.failures = dict(failures)


def get_group(group):
    """`group`, or the default one, which this process must be in."""
    if not dist.is_available() or not dist.is_initialized():
        raise RuntimeError("torch.distributed is not initialized: call torch.distributed.init_process_group first")
    group = dist.group.WORLD if group is None else group
    if not isinstance(group, dist.ProcessGroup):
        found = (
            "a group that this process is not in" if group is dist.GroupMember.NON_GROUP_MEMBER else type(group).__name__
        )
        raise ValueError(f"group must be a process group with this process in it, found {found}")
    return group


def get_word_device(group):
    """Where words are exchanged: on the CPU if the group has a backend for it, so that no GPU is waited for."""
    devices = {torch.device(device).type for device in group._device_types}
    return torch.device("cpu") if "cpu" in devices else torch.device("cuda", torch.cuda.current_device())


def digest(*values):
    """A number that differs where one of `values` does."""
    return zlib.crc32(repr(values).encode())


def _describe(error):
    return None if error is None else f"{type(error).__name__}: {error}"


def _find_difference(names, rows):
    """A message about the first of `names` whose numbers differ over the ranks, or None."""
    for i, name in enumerate(names):
        for rank, row in enumerate(rows):
            if row[i] != rows[0][i]:
                # A digest says nothing to a reader.
                numbers = "" if name.startswith("options") else f": {rows[0][i]} and {row[i]}"
                return f"{name} must be the same on all ranks, but ranks 0 and {rank} differ{numbers}"
    return None


def share(group, error, step, same, own=()):
    """The numbers `own` of each rank, by ranks; an exception on each rank if one has an `error`.

    `same` has numbers by name that must be the same on all ranks; `step` is the name of what the ranks do. A rank that
    failed gives `error` and any numbers, and raises its own error; the other ranks raise RankError.
    """
    names = ("the called function", *same)
    row = [int(error is not None), digest(step), *same.values(), *own]
    # Also where ranks have called different functions, they must exchange as many.
    row += [0] * (_LENGTH - len(row))
    device = get_word_device(group)
    rows = torch.empty(dist.get_world_size(group), _LENGTH, dtype=torch.int64, device=device)
    dist.all_gather_into_tensor(rows, torch.tensor([row], dtype=torch.int64, device=device), group=group)
    table = rows.tolist()
    if any(failed for failed, *_ in table):
        messages = [None] * len(table)
        dist.all_gather_object(messages, _describe(error), group=group)
        if error is not None:
            raise error
        raise RankError({rank: message for rank, message in enumerate(messages) if message is not None})
    difference = _find_difference(names, [row[1 : 1 + len(names)] for row in table])
    if difference:
        raise ValueError(difference)
    first = 1 + len(names)
    return [row[first : first + len(own)] for row in table]
