# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Functions on the ranks of a process group of gloo, each rank in a process of its own, for the tests."""
import datetime
import multiprocessing
import os
import tempfile
import traceback

import torch
import torch.distributed as dist


def _run_rank(rank, size, store, seconds, function, results):
    # There are few cores.
    torch.set_num_threads(1)
    try:
        timeout = datetime.timedelta(seconds=seconds)
        dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=size, timeout=timeout)
        results.put((rank, None, function(rank, size)))
    except BaseException:
        results.put((rank, traceback.format_exc(), None))
    results.close()
    results.join_thread()
    # What a group whose ranks are gone does at its end is no part of a test.
    os._exit(0)


def run_ranks(test, size, function, *, timeout=60, may_die=()):
    """What function(rank, size) returns on each rank, by ranks; a failure of `test` where it raises.

    `timeout` is the group's, in seconds. Ranks of `may_die` may end without a result. The process forks, so it must not
    have launched anything before.
    """
    context = multiprocessing.get_context("fork")
    results, found = context.Queue(), {}
    with tempfile.TemporaryDirectory() as folder:
        store = os.path.join(folder, "store")
        processes = [
            context.Process(target=_run_rank, args=(rank, size, store, timeout, function, results)) for rank in range(size)
        ]
        for process in processes:
            process.start()
        try:
            for _ in range(size - len(may_die)):
                rank, error, result = results.get(timeout=240)
                if error:
                    test.fail(f"rank {rank} of {size}:\n{error}")
                found[rank] = result
        finally:
            for process in processes:
                process.join(10)
                if process.is_alive():
                    process.kill()
                    process.join()
    return [found.get(rank) for rank in range(size)]
