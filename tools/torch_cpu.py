#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times the logits of mqa.logits in PyTorch on the CPU, for the shapes of `mqa-bench cpu`.

As users write it: q and k in fp8 are decoded to f32 or bf16 beforehand, which is not timed; then a matrix product, relu,
and a weighted sum over the heads, for a block of queries at a time, so that heads x keys x queries fit the memory. Each
shape has the block that is fastest. Each time stands beside its error against float64."""
import argparse
import ctypes
import json
import math
import os
import statistics
import sys
import tempfile
import time

SHAPES = "16x1024,128x2048,128x8192,1024x4096,4x32768,1x131072,8x131072"
TYPES = ["f32", "bf16"]
LARGEST_SIZE = 2**31 - 1
# Of all scores of a block.
LARGEST_BLOCK_BYTES = 2**29
# Rows of about so many pairs of queries and keys are compared with float64.
CHECKED_PAIRS = 2**17


def parse_shapes(text):
    """[(M, N)] of "MxN,..."."""
    shapes = []
    for shape in text.split(","):
        sizes = shape.split("x")
        if len(sizes) != 2 or not all(s.isascii() and s.isdigit() and 1 <= int(s) <= LARGEST_SIZE for s in sizes):
            raise argparse.ArgumentTypeError(
                f"shapes must be MxN, separated by ',', with M and N from 1 to {LARGEST_SIZE}, found '{shape}'"
            )
        shapes.append((int(sizes[0]), int(sizes[1])))
    return shapes


def parse_count(text):
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1000000):
        raise argparse.ArgumentTypeError(f"must be from 1 to 1000000, found '{text}'")
    return int(text)


def parse_types(text):
    types = text.split(",")
    for name in types:
        if name not in TYPES:
            raise argparse.ArgumentTypeError(f"types must be of {', '.join(TYPES)}, separated by ',', found '{name}'")
    return types


def make_cells(shapes, mask, heads, head_dim):
    """The shapes with the masks of `mqa-bench cpu`."""
    cells = []
    for m, n in shapes:
        for own in ["full", "causal"]:
            if own == mask or (mask is None and (own == "full" or m > 8)):
                cells.append((m, n, own, heads, head_dim))
    return cells


def get_cell(row):
    return tuple(row[key] for key in ("seq_len", "seq_len_kv", "mask", "num_heads", "head_dim"))


def read_beside(path):
    """What `mqa-bench cpu --json` wrote: kernels on all threads."""
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    rows = [row for row in document["rows"] if row["time_us"] > 0]
    for row in rows:
        get_cell(row), row["kernel"], row["relative_error"], row["gflops"], row["pass"]
    return document, rows


def count_keys(cell):
    """The length of each query's range, which begins with key 0."""
    m, n, mask, _, _ = cell
    return [n if mask == "full" else max(0, n - m + i + 1) for i in range(m)]


class Problem:
    """Normal values as the kernels have them: q cast to fp8, each key scaled by its greatest magnitude."""

    def __init__(self, torch, cell):
        m, n, self.mask, heads, head_dim = cell
        generator = torch.Generator().manual_seed(m + n)
        fp8 = torch.float8_e4m3fn
        self.torch, self.ends = torch, count_keys(cell)
        self.q = torch.randn(m, heads, head_dim, generator=generator).to(fp8).float()
        k = torch.randn(n, head_dim, generator=generator)
        self.scale = k.abs().amax(dim=1) / torch.finfo(fp8).max
        self.k = (k / self.scale[:, None]).to(fp8).float()
        self.weights = torch.randn(m, heads, generator=generator)
        self.end_rows = torch.tensor(self.ends)[:, None]
        self.columns = torch.arange(n)[None, :]

    def check(self, out):
        """||out - ref|| / ||ref|| over some rows."""
        m, total = len(self.ends), sum(self.ends)
        step = max(1, total // CHECKED_PAIRS)
        error = norm = 0.0
        k, scale = self.k.double(), self.scale.double()
        for i in sorted({*range(0, m, step), m - 1}):
            end = self.ends[i]
            scores = (self.q[i].double() @ k[:end].T).relu()
            reference = (self.weights[i].double() @ scores) * scale[:end]
            error += float(((out[i, :end].double() - reference) ** 2).sum())
            norm += float((reference**2).sum())
        return math.sqrt(error / norm) if norm else math.sqrt(error)


class Run:
    """One problem in one type."""

    def __init__(self, problem, name):
        torch = self.torch = problem.torch
        dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[name]
        self.name, self.problem = name, problem
        # Exact: each fp8 value is one of bf16. The weights are rounded.
        self.q, self.k, self.weights = (x.to(dtype) for x in (problem.q, problem.k, problem.weights))
        self.out = torch.empty(len(problem.ends), problem.k.shape[0])
        self.block = 1

    def compute(self):
        p = self.problem
        m, heads, head_dim = self.q.shape
        for i in range(0, m, self.block):
            j = min(i + self.block, m)
            end = p.ends[j - 1]
            scores = self.torch.matmul(self.q[i:j].reshape(-1, head_dim), self.k[:end].T).relu_()
            logits = self.torch.bmm(self.weights[i:j].unsqueeze(1), scores.view(j - i, heads, end)).squeeze(1)
            self.torch.mul(logits, p.scale[:end], out=self.out[i:j, :end])
            if p.mask == "causal":
                self.out[i:j].masked_fill_(p.columns >= p.end_rows[i:j], -math.inf)

    def measure(self):
        begin = time.perf_counter()
        self.compute()
        return (time.perf_counter() - begin) * 1e6

    def choose_block(self):
        m, heads, _ = self.q.shape
        query_bytes = heads * self.k.shape[0] * self.q.element_size()
        times = {}
        for self.block in (1, 2, 4, 8, 16, 32, 64):
            if self.block > 1 and (self.block // 2 >= m or self.block * query_bytes > LARGEST_BLOCK_BYTES):
                break
            times[self.block] = min(self.measure() for _ in range(2))
        self.block = min(times, key=times.get)

    def describe_product(self):
        """Which code multiplies: what oneDNN says that it runs, or the BLAS behind PyTorch."""
        names = []
        libc = ctypes.CDLL(None)
        with tempfile.TemporaryFile() as file:
            sys.stdout.flush()
            stdout = os.dup(1)
            try:
                os.dup2(file.fileno(), 1)
                with self.torch.backends.mkldnn.verbose(self.torch.backends.mkldnn.VERBOSE_ON):
                    self.torch.matmul(self.q[:8].reshape(-1, self.q.shape[2]), self.k[:4096].T)
            finally:
                libc.fflush(None)
                os.dup2(stdout, 1)
                os.close(stdout)
            file.seek(0)
            for line in file.read().decode(errors="replace").splitlines():
                fields = line.split(",")
                if "exec" in fields and ("matmul" in fields or "inner_product" in fields):
                    kind = "matmul" if "matmul" in fields else "inner_product"
                    names.append(fields[fields.index(kind) + 1])
        return f"oneDNN {names[0]}" if names else "BLAS"


def divide(value, by):
    return value / by if by else 0.0


def make_rows(cell, runs, times, errors, beside):
    """Rows of one cell: PyTorch's, then those of the other file; and how many times as fast as PyTorch each is."""
    m, n, mask, heads, head_dim = cell
    operations = 2 * heads * head_dim * sum(count_keys(cell))
    shape = {"seq_len": m, "seq_len_kv": n, "mask": mask, "num_heads": heads, "head_dim": head_dim}
    rows = [
        {
            "kernel": f"torch {run.name}",
            **shape,
            "block_queries": run.block,
            "relative_error": errors[run.name],
            "time_us": times[run.name],
            "gflops": operations / times[run.name] * 1e-3,
            "pass": True,
        }
        for run in runs
    ]
    for row in beside:
        if get_cell(row) == cell:
            copied = ("kernel", "relative_error", "time_us", "gflops", "pass")
            rows.append({**shape, **{key: row[key] for key in copied}})
    for row in rows:
        row["ratios"] = {name: divide(times[name], row["time_us"]) for name in times}
    return rows


def print_cell(cell, rows, types):
    m, n, mask, heads, head_dim = cell
    width = max(len(row["kernel"]) for row in rows)
    print(f"\nM x N = {m} x {n}, {mask}, H = {heads}, D = {head_dim}\n")
    ratios = "".join(f" {'x ' + name:>7} |" for name in types)
    print(f"| {'kernel':{width}} | queries |   error |      ms | GFLOP/s |{ratios}")
    print(f"| {'---':{width}} |" + "     --- |" * (4 + len(types)))
    for row in rows:
        ratios = "".join(f" {row['ratios'][name]:7.2f} |" for name in types)
        error = f"{row['relative_error']:7.1e}" if row["pass"] else "  WRONG"
        print(
            f"| {row['kernel']:{width}} | {row.get('block_queries', '-'):>7} | {error} | {row['time_us'] * 1e-3:7.2f} |"
            f" {row['gflops']:7.1f} |{ratios}",
            flush=True,
        )


def run_cell(torch, cell, options, beside, described):
    problem = Problem(torch, cell)
    runs = [Run(problem, name) for name in options.types]
    errors = {}
    for run in runs:
        if run.name not in described:
            described[run.name] = run.describe_product()
            print(f"{run.name}: products by {described[run.name]}")
        run.choose_block()
        run.compute()
        errors[run.name] = problem.check(run.out)
    measured = {run.name: [] for run in runs}
    for _ in range(options.repeat):
        for run in runs:
            measured[run.name].append(run.measure())
    times = {name: statistics.median(own) for name, own in measured.items()}
    rows = make_rows(cell, runs, times, errors, beside)
    print_cell(cell, rows, options.types)
    return rows


def make_parser():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--shapes", type=parse_shapes, help=f"queries and keys, MxN,... (default {SHAPES})")
    parser.add_argument(
        "--mask", choices=["full", "causal"], help="ranges (default: both; for at most 8 queries, full alone)"
    )
    parser.add_argument("--heads", type=parse_count, default=64)
    parser.add_argument("--head-dim", type=parse_count, default=128)
    parser.add_argument("--types", type=parse_types, default=TYPES, help="f32,bf16 (the default) or one of them")
    parser.add_argument("--repeat", type=parse_count, default=7, help="interleaved rounds")
    parser.add_argument("--threads", type=parse_count, help="threads (default: PyTorch's own number)")
    parser.add_argument("--json", metavar="FILE", help="also write the rows to this file")
    parser.add_argument(
        "--beside",
        metavar="FILE",
        help="a file of mqa-bench cpu --json: print its kernels too; without --shapes, take the shapes of the file",
    )
    return parser


def main():
    parser = make_parser()
    options = parser.parse_args()
    document, beside = {}, []
    if options.beside:
        try:
            document, beside = read_beside(options.beside)
        except (OSError, ValueError, KeyError, TypeError) as error:
            parser.error(f"cannot read '{options.beside}' as mqa-bench cpu --json writes it: {error!r}")
    cells = make_cells(options.shapes or parse_shapes(SHAPES), options.mask, options.heads, options.head_dim)
    if beside and not options.shapes:
        cells = [cell for cell in dict.fromkeys(map(get_cell, beside)) if options.mask in (None, cell[2])]
    try:
        import torch
    except ImportError:
        sys.exit("error: torch_cpu.py needs PyTorch, which this Python does not have")
    if options.threads:
        torch.set_num_threads(options.threads)
    threads = torch.get_num_threads()
    capability = torch.backends.cpu.get_cpu_capability()
    print(f"PyTorch {torch.__version__}, {threads} threads, {capability}, median of {options.repeat} interleaved rounds")
    if document:
        own = document.get("threads")
        print(f"beside: {options.beside}: {document.get('device')}, {own} threads, another run")
        if own != threads:
            print(f"note: the kernels beside had {own} threads, PyTorch has {threads}")
    rows, described = [], {}
    with torch.inference_mode():
        for cell in cells:
            rows += run_cell(torch, cell, options, beside, described)
    if options.json:
        result = {"torch": torch.__version__, "threads": threads, "capability": capability, "products": described}
        try:
            with open(options.json, "w", encoding="utf-8") as file:
                json.dump({**result, "repeat": options.repeat, "rows": rows}, file, indent=1)
                file.write("\n")
        except OSError as error:
            sys.exit(f"error: cannot write '{options.json}': {error.strerror}")


if __name__ == "__main__":
    main()
