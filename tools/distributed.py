#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The best keys where keys are spread over GPUs, beside one GPU: whether the indices are the same, and how long it takes.

    tools/distributed.py pack DIR                here, where the compiler is: bundles and the runtime, for sm_90a
    tools/distributed.py run DIR [--json=FILE]   on a machine with two GPUs, PyTorch and NCCL, from a checkout with DIR

`run` exits with 1 if an index differs. Where a column says so, a time is the median of --repeat calls on the slowest rank.
"""
import argparse
import datetime
import json
import os
import pathlib
import sys
import tempfile

from kernels_for_gpu import make_ranges, measure, pack_or_run, print_table, use


def list_ops(heads, head_dim, k):
    from mqa.fused_op import FusedOp
    from mqa.ops import MergeTopkOp, Op, TopkOp

    logits = Op("", heads, head_dim)
    yield FusedOp(logits, TopkOp("", k))
    # Of a rank's own keys.
    yield FusedOp(logits, TopkOp("", k, order="any", base="absolute", has_offset=True, has_values=True))
    yield MergeTopkOp("", k)


def make_problem(torch, options, mask, device):
    """The same on each rank."""
    m, n = options.queries, options.keys
    generator = torch.Generator(device=device).manual_seed(0)

    def draw(*shape):
        return torch.randn(shape, generator=generator, device=device)

    q = draw(m, options.heads, options.head_dim).to(torch.float8_e4m3fn)
    k = torch.cat(
        [draw(min(65536, n - i), options.head_dim).to(torch.float8_e4m3fn).view(torch.uint8) for i in range(0, n, 65536)]
    )
    scale = torch.rand(n, generator=generator, device=device)
    return q, k.view(torch.float8_e4m3fn), scale, draw(m, options.heads), *make_ranges(torch, m, n, mask, device)


def get_sizes(name, n, ranks):
    """Keys of each rank."""
    if name == "equal":
        return [n // ranks + (rank < n % ranks) for rank in range(ranks)]
    # The last has more than half of them, and one of more than two has none.
    sizes = [n // (3 * ranks) for _ in range(ranks)]
    if ranks > 2:
        sizes[1] = 0
    sizes[-1] += n - sum(sizes)
    return sizes


def slowest(torch, dist, milliseconds):
    """Over all ranks; words go through the CPU."""
    time = torch.tensor([milliseconds], dtype=torch.float64)
    dist.all_reduce(time, op=dist.ReduceOp.MAX)
    return time.item()


def measure_mask(torch, dist, options, mask, rank, ranks, device):
    import mqa
    from mqa import distributed
    from mqa.distributed import lists, over_keys, words

    q, k, scale, weights, ks, ke = make_problem(torch, options, mask, device)
    group = words.get_group(None)
    topk, repeat = options.topk, options.repeat

    def everything():
        return mqa.logits_topk(q, k, scale, weights, ks, ke, topk)

    expected = everything()
    # One GPU at a time, as if the others were not there.
    one = 0.0
    if rank == 0:
        one = measure(torch, everything, repeat, device)
    dist.barrier()
    one = slowest(torch, dist, one)
    for name in ("equal", "unequal"):
        sizes = get_sizes(name, k.size(0), ranks)
        begin = sum(sizes[:rank])
        # A copy, as scales must begin at a multiple of 16 bytes.
        own = (q, k[begin : begin + sizes[rank]], scale[begin : begin + sizes[rank]].clone(), weights, ks, ke)
        shards = distributed.share_keys(sizes[rank])

        def call(exchange="auto", check=True):
            return distributed.logits_topk_over_keys(*own, topk, shards=shards, check=check, exchange=exchange)

        wrong = torch.tensor([sum((call(exchange) != expected).sum().item() for exchange in ("lists", "rows"))])
        dist.all_reduce(wrong)
        row = {"mask": mask, "split": name, "ranks": ranks, "wrong_indices": wrong.item(), "one_gpu_ms": one}
        forms = {"all_ms": call, "unchecked_ms": lambda: call(check=False)}
        forms.update(lists_ms=lambda: call("lists"), rows_ms=lambda: call("rows"))
        for key, function in forms.items():
            dist.barrier()
            row[key] = slowest(torch, dist, measure(torch, function, repeat, device))
        row["speedup"] = one / row["all_ms"]
        # What it consists of.
        flags = {"relu": True, "fast": False, "dtype": torch.float32}
        chosen = over_keys._select_own(own, topk, shards, flags, "smallest")
        gathered = lists.gather(chosen, group)
        indices, values = lists.split_lists(gathered)
        ends = ke.clamp(max=shards.num_keys)
        parts = {
            "select_ms": lambda: over_keys._select_own(own, topk, shards, flags, "smallest"),
            "gather_ms": lambda: lists.gather(chosen, group),
            "merge_ms": lambda: mqa.merge_topk(indices, values, ends, ks=ks),
            "words_ms": lambda: words.share(group, None, "words", {"a": 1}),
        }
        for key, function in parts.items():
            dist.barrier()
            row[key] = slowest(torch, dist, measure(torch, function, repeat, device))
        # Each rank receives the lists of the others.
        row["received_bytes"] = (ranks - 1) * chosen.numel() * chosen.element_size()
        row["gather_gb_per_s"] = row["received_bytes"] / row["gather_ms"] * 1e-6
        yield row


def run_rank(rank, ranks, options, store, results):
    use(options.folder)
    import torch
    import torch.distributed as dist

    on_gpu = options.device == "cuda"
    device = torch.device("cuda", rank) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    else:
        torch.set_num_threads(1)
    backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
    timeout = datetime.timedelta(seconds=60)
    dist.init_process_group(backend, init_method=f"file://{store}", rank=rank, world_size=ranks, timeout=timeout)
    rows = [row for mask in options.masks for row in measure_mask(torch, dist, options, mask, rank, ranks, device)]
    if rank == 0:
        machine = torch.cuda.get_device_name(device) if on_gpu else "CPU"
        nccl = ".".join(map(str, torch.cuda.nccl.version())) if on_gpu else None
        about = {"device": machine, "ranks": ranks, "torch": torch.__version__, "nccl": nccl}
        shape = {name: getattr(options, name) for name in ("queries", "keys", "heads", "head_dim", "topk", "repeat")}
        pathlib.Path(results).write_text(json.dumps({**about, **shape, "rows": rows}))
    dist.barrier()
    dist.destroy_process_group()


def run(options):
    # Processes are started anew: CUDA does not live through a fork.
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        store, results = os.path.join(folder, "store"), os.path.join(folder, "results.json")
        arguments = (options.ranks, options, store, results)
        processes = [context.Process(target=run_rank, args=(rank, *arguments)) for rank in range(options.ranks)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        if any(process.exitcode for process in processes) or not os.path.exists(results):
            print("error: a rank failed; its message is above", file=sys.stderr)
            return 1
        found = json.loads(pathlib.Path(results).read_text())
    print(f"{found['ranks']} x {found['device']}, PyTorch {found['torch']}, NCCL {found['nccl']}")
    print(
        f"{found['queries']} queries x {found['keys']} keys, H {found['heads']}, D {found['head_dim']}, k {found['topk']}, fp8"
    )

    def ms(name):
        return lambda row: f"{row[name]:.3f}"

    columns = [
        ("mask", lambda row: row["mask"]),
        ("keys", lambda row: row["split"]),
        ("wrong", lambda row: row["wrong_indices"]),
        ("one GPU ms", ms("one_gpu_ms")),
        ("all ms", ms("all_ms")),
        ("speedup", lambda row: f"{row['speedup']:.2f}"),
        ("unchecked ms", ms("unchecked_ms")),
        ("by lists ms", ms("lists_ms")),
        ("by rows ms", ms("rows_ms")),
        ("select ms", ms("select_ms")),
        ("gather ms", ms("gather_ms")),
        ("GB/s", lambda row: f"{row['gather_gb_per_s']:.1f}"),
        ("merge ms", ms("merge_ms")),
        ("words ms", ms("words_ms")),
    ]
    print_table(found["rows"], columns)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(found, indent=1) + "\n")
    return int(any(row["wrong_indices"] for row in found["rows"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("pack", "run"))
    parser.add_argument("folder", type=pathlib.Path, help="of the bundles; for run on a CPU, '-' if the compiler is there")
    parser.add_argument("--target", default="sm_90a", help="for pack")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--queries", type=int, default=4096)
    parser.add_argument("--keys", type=int, default=262144)
    parser.add_argument("--heads", type=int, default=64)
    parser.add_argument("--head-dim", type=int, default=128)
    parser.add_argument("--topk", type=int, default=2048)
    parser.add_argument("--masks", type=lambda text: text.split(","), default=["full", "causal"])
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--json")
    return pack_or_run(parser.parse_args(), run, lambda options: list_ops(options.heads, options.head_dim, options.topk))


if __name__ == "__main__":
    sys.exit(main())
