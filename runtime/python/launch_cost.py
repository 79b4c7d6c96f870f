# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints what a launch from Python costs on the host, warm: python launch_cost.py [--json=FILE] (needs a GPU)."""

import argparse
import json
import time

import torch

import mqa
from mqa.compat import deep_gemm

ROWS = []


def measure(name, function):
    best = []
    for _ in range(20):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(50):
            function()
        best.append((time.perf_counter() - begin) / 50 * 1e6)
    best.sort()
    ROWS.append({"call": name, "time_us": best[len(best) // 2]})
    print(f"{name:40} {best[len(best) // 2]:6.2f} us (median of 20 x 50 launches)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--json", metavar="FILE", help="also write the rows to this file")
    options = parser.parse_args()
    m, n, h, d = 2, 512, 64, 128
    q = torch.randn(m, h, d, device="cuda").to(torch.float8_e4m3fn)
    k = torch.randn(n, d, device="cuda").to(torch.float8_e4m3fn)
    scale, weights = torch.rand(n, device="cuda"), torch.randn(m, h, device="cuda")
    ks = torch.zeros(m, dtype=torch.int32, device="cuda")
    ke = torch.full((m,), n, dtype=torch.int32, device="cuda")
    out = torch.empty(m, n, device="cuda")
    measure("torch.empty", lambda: torch.empty((m, n), device="cuda"))
    measure("mqa.logits_out", lambda: mqa.logits_out(q, k, scale, weights, ks, ke, out, clean=True))
    measure("mqa.logits", lambda: mqa.logits(q, k, scale, weights, ks, ke, clean=True))
    measure("torch.ops.mqa.logits", lambda: torch.ops.mqa.logits(q, k, scale, weights, ks, ke, clean=True))
    measure("deep_gemm.fp8_mqa_logits", lambda: deep_gemm.fp8_mqa_logits(q, (k, scale), weights, ks, ke))

    measure("mqa.prepare_logits, a call", mqa.prepare_logits(q, k, scale, weights, ks, ke, out, clean=True))

    cache = torch.zeros(16, 64, 1, d + 4, dtype=torch.uint8, device="cuda")
    q = q.view(m, 1, h, d)
    lens = torch.full((m, 1), 500, dtype=torch.int32, device="cuda")
    table = torch.arange(16, dtype=torch.int32, device="cuda").view(2, 8)
    keys, scales = mqa.split_cache(cache, d)
    measure("mqa.paged_logits_out", lambda: mqa.paged_logits_out(q, keys, scales, weights, lens, table, out))
    measure("mqa.paged_logits", lambda: mqa.paged_logits(q, keys, scales, weights, lens, table, n))
    measure("mqa.prepare_paged_logits, a call", mqa.prepare_paged_logits(q, keys, scales, weights, lens, table, out))
    measure(
        "deep_gemm.fp8_paged_mqa_logits",
        lambda: deep_gemm.fp8_paged_mqa_logits(q, cache, weights, lens, table, None, n),
    )
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            document = {"device": torch.cuda.get_device_name(), "torch": torch.__version__, "rows": ROWS}
            json.dump(document, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
