# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints what launches from Python cost on the host: known ones, and the first of a kernel in a process (needs a GPU).

    python launch_cost.py [--json=FILE] [--rounds=N]

A known launch is one like launches before. Calls are measured in turn, in passes of 20 rounds of 50 launches; what counts is
the least of the medians of the passes, since another program on the host can only add to it. A first call finds the kernel
among prebuilt bundles (or compiles it), loads and launches it; PyTorch and its CUDA context are there already. Exit code 1:
one into given outputs takes more than 5 us, or a first call of prebuilt machine code more than 2 ms.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

import torch

import mqa
from mqa import prebuilt
from mqa.compat import deep_gemm

ROWS: list = []
LAUNCH_BAR_US, FIRST_BAR_US = 5.0, 2000.0
M, N, H, D, K = 2, 4096, 64, 128, 512


def make_prefill():
    q = torch.randn(M, H, D, device="cuda").to(torch.float8_e4m3fn)
    k = torch.randn(N, D, device="cuda").to(torch.float8_e4m3fn)
    ks = torch.zeros(M, dtype=torch.int32, device="cuda")
    return q, k, torch.rand(N, device="cuda"), torch.randn(M, H, device="cuda"), ks, torch.full_like(ks, N)


def make_decode():
    cache = torch.zeros(2 * N // 64, 64, 1, D + 4, dtype=torch.uint8, device="cuda")
    q = torch.randn(M, 1, H, D, device="cuda").to(torch.float8_e4m3fn)
    lens = torch.full((M, 1), N - 12, dtype=torch.int32, device="cuda")
    table = torch.arange(2 * N // 64, dtype=torch.int32, device="cuda").view(M, -1)
    keys, scales = mqa.split_cache(cache, D)
    return cache, (q, keys, scales, torch.randn(M, H, device="cuda"), lens, table)


def make_calls():
    """By name: the function, and whether the bar of launches into given outputs is its bar."""
    prefill, (cache, decode) = make_prefill(), make_decode()
    q, k, scale, weights, ks, ke = prefill
    out, indices = torch.empty(M, N, device="cuda"), torch.empty(M, K, dtype=torch.int32, device="cuda")
    lens, table = decode[4:]
    slot = {"base": "slot"}
    return {
        "torch.empty": (lambda: torch.empty((M, N), device="cuda"), False),
        "mqa.logits_out": (lambda: mqa.logits_out(*prefill, out, clean=True), True),
        "mqa.logits": (lambda: mqa.logits(*prefill, clean=True), False),
        "torch.ops.mqa.logits": (lambda: torch.ops.mqa.logits(*prefill, clean=True), False),
        "deep_gemm.fp8_mqa_logits": (lambda: deep_gemm.fp8_mqa_logits(q, (k, scale), weights, ks, ke), False),
        "mqa.prepare_logits, a call": (mqa.prepare_logits(*prefill, out, clean=True), True),
        "mqa.paged_logits_out": (lambda: mqa.paged_logits_out(*decode, out), True),
        "mqa.paged_logits": (lambda: mqa.paged_logits(*decode, N), False),
        "mqa.prepare_paged_logits, a call": (mqa.prepare_paged_logits(*decode, out), True),
        "deep_gemm.fp8_paged_mqa_logits": (
            lambda: deep_gemm.fp8_paged_mqa_logits(decode[0], cache, decode[3], lens, table, None, N),
            False,
        ),
        "mqa.topk_out": (lambda: mqa.topk_out(out, ke, indices), True),
        "mqa.logits_topk_out": (lambda: mqa.logits_topk_out(*prefill, indices), True),
        "mqa.logits_topk": (lambda: mqa.logits_topk(*prefill, K), False),
        "mqa.prepare_logits_topk, a call": (mqa.prepare_logits_topk(*prefill, indices), True),
        "mqa.paged_logits_topk_out": (lambda: mqa.paged_logits_topk_out(*decode, N, indices, **slot), True),
        "mqa.paged_logits_topk": (lambda: mqa.paged_logits_topk(*decode, K, N, **slot), False),
        "mqa.prepare_paged_logits_topk, a call": (mqa.prepare_paged_logits_topk(*decode, N, indices, **slot), True),
    }


def add_row(name, kind, time_us, all_times, bar):
    row = {"call": name, "kind": kind, "time_us": time_us, "all_us": all_times, "bar_us": bar}
    ROWS.append(row)
    verdict = "" if bar is None else f"   bar {bar:.0f} us: {'met' if time_us <= bar else 'MISSED'}"
    print(f"{name:40} {time_us:8.2f} us (up to {max(all_times):.2f}){verdict}", flush=True)


def measure(function):
    """The median of rounds of 50 launches, in us."""
    times = []
    for _ in range(20):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(50):
            function()
        times.append((time.perf_counter() - begin) / 50 * 1e6)
    return statistics.median(times)


# What a process of its own calls first: others of its kind would have loaded the kernel.
def make_first_calls():
    prefill, (_, decode) = make_prefill(), make_decode()
    out, indices = torch.empty(M, N, device="cuda"), torch.empty(M, K, dtype=torch.int32, device="cuda")
    return {
        "mqa.logits_out": lambda: mqa.logits_out(*prefill, out, clean=True),
        "mqa.paged_logits_out": lambda: mqa.paged_logits_out(*decode, out),
        "mqa.topk_out": lambda: mqa.topk_out(out, prefill[5], indices),
        "mqa.logits_topk_out": lambda: mqa.logits_topk_out(*prefill, indices),
        "mqa.paged_logits_topk_out": lambda: mqa.paged_logits_topk_out(*decode, N, indices, base="slot"),
    }


def print_first_call(name):
    """Of a process that has a context, and has imported all."""
    call = make_first_calls()[name]
    torch.cuda.synchronize()
    begin = time.perf_counter()
    call()
    print((time.perf_counter() - begin) * 1e6)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--json", metavar="FILE", help="also write the rows to this file")
    parser.add_argument("--rounds", type=int, default=5, help="processes for each first call [5]")
    parser.add_argument("--passes", type=int, default=7, help="over known launches [7]")
    parser.add_argument("--first-call", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first_call:
        print_first_call(options.first_call)
        return 0
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}")
    print(f"known launches (the least of the medians of {options.passes} passes):")
    calls = make_calls()
    passes = [{name: measure(function) for name, (function, _) in calls.items()} for _ in range(options.passes)]
    for name, (_, is_given) in calls.items():
        times = [times[name] for times in passes]
        add_row(name, "launch", min(times), times, LAUNCH_BAR_US if is_given else None)
    is_prebuilt = prebuilt.KERNELS.is_dir() and any(prebuilt.KERNELS.iterdir())
    where = f"kernels of {prebuilt.KERNELS}" if is_prebuilt else "no prebuilt kernels: they are compiled, or come from the cache"
    print(f"first calls (medians of {options.rounds} processes; {where}):")
    for name in make_first_calls():
        command = [sys.executable, __file__, f"--first-call={name}"]
        runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(options.rounds)]
        times = [float(run.stdout.split()[-1]) for run in runs]
        add_row(name, "first call", statistics.median(times), times, FIRST_BAR_US if is_prebuilt else None)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            document = {"device": torch.cuda.get_device_name(), "torch": torch.__version__, "rows": ROWS}
            json.dump(document, file, indent=1)
            file.write("\n")
    return int(any(row["bar_us"] is not None and row["time_us"] > row["bar_us"] for row in ROWS))


if __name__ == "__main__":
    sys.exit(main())
