#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gradients of logits on a GPU: errors, time and memory, beside the unfused form under torch.compile.

    tools/gradients.py pack DIR                here, where the compiler is: a bundle and the runtime, for sm_90a
    tools/gradients.py run DIR [--json=FILE]   on a machine with a GPU and PyTorch, from a checkout with DIR

`run` exits with 1 if an error is above 1e-2. --sweep also measures other sizes of blocks.
"""
import argparse
import json
import pathlib
import sys

from kernels_for_gpu import ROOT, make_ranges, measure, pack_or_run, print_table, use

TOLERANCE = 1e-2


def list_ops(heads, head_dim):
    from mqa.ops import Op

    yield Op("", heads, head_dim, input_type="bf16", clean=True)


def compute_unfused(torch, q, k, k_scale, weights, mask):
    """What users write: scores of all heads, relu, and a weighted sum."""
    scores = torch.einsum("mhd,nd->mhn", q, k).relu().float()
    logits = (scores * weights.unsqueeze(2)).sum(1) * k_scale
    return logits.masked_fill(~mask, float("-inf"))


def compute_float64(torch, grad, q, k, k_scale, weights, mask, step=64):
    """The gradients in float64, by blocks of queries."""
    leaves = [t.double().requires_grad_() for t in (k, k_scale)]
    sums, rows = None, []
    for i in range(0, q.size(0), step):
        own = [t[i : i + step].double().requires_grad_() for t in (q, weights)]
        scores = torch.einsum("mhd,nd->mhn", own[0], leaves[0]).relu()
        logits = torch.einsum("mhn,mh->mn", scores, own[1]) * leaves[1]
        loss = (logits * torch.where(mask[i : i + step], grad[i : i + step].double(), 0.0)).sum()
        dq, dw, dk, ds = torch.autograd.grad(loss, [*own, *leaves])
        rows.append((dq, dw))
        sums = (dk, ds) if sums is None else (sums[0] + dk, sums[1] + ds)
    return torch.cat([dq for dq, _ in rows]), *sums, torch.cat([dw for _, dw in rows])


def measure_peak(torch, function, device):
    """Bytes above those that were there before."""
    if device.type != "cuda":
        function()
        return 0
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    function()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def measure_parts(torch, gradients, operands, grad, repeat, device):
    """The steps of one block of scores, in milliseconds, and how many blocks a full mask has."""
    q, k = operands[:2]
    heads, size = q.size(1), q.size(2)
    rows = min(gradients._MAX_ROWS, q.size(0))
    columns = min(k.size(0), max(512, gradients._MAX_SCORES // (2 * heads * rows)))
    own, keys = q[:rows].reshape(-1, size), k[:columns].contiguous()
    g = grad[:rows, :columns].to(q.dtype)
    scores = torch.mm(own, keys.t())
    by_head = scores.view(-1, heads, columns)
    steps = {
        "scores": lambda: torch.mm(own, keys.t()),
        "mask": lambda: torch.ops.aten.threshold_backward.grad_input(g.unsqueeze(1), by_head, 0, grad_input=by_head),
        "to queries": lambda: gradients._multiply(scores, keys),
        "to keys": lambda: gradients._sum_over_rows(scores, own),
    }
    blocks = -(-q.size(0) // rows) * -(-k.size(0) // columns)
    return {name: measure(torch, step, repeat, device) for name, step in steps.items()}, blocks


def measure_mask(torch, options, mask_name, device):
    import mqa
    from mqa import gradients

    m, n, h, d = options.queries, options.keys, options.heads, options.head_dim
    generator = torch.Generator(device=device).manual_seed(0)

    def draw(*shape):
        return torch.randn(shape, generator=generator, device=device)

    q, k = draw(m, h, d).bfloat16(), draw(n, d).bfloat16()
    k_scale, weights = torch.rand(n, generator=generator, device=device), draw(m, h)
    ks, ke = make_ranges(torch, m, n, mask_name, device)
    keys = torch.arange(n, device=device)
    mask = (keys >= ks[:, None]) & (keys < ke[:, None])
    grad = draw(m, n)
    operands = (q, k, k_scale, weights)
    call = dict(compressed=False, relu=True, needs=[True] * 4)

    def backward(**more):
        return gradients.compute(grad, *operands, ks, ke, **call, **more)

    expected = compute_float64(torch, grad, q, k, k_scale, weights, mask)
    names = ("q", "k", "k_scale", "weights")

    def get_errors(found):
        return {name: ((a.double() - b).norm() / b.norm()).item() for name, a, b in zip(names, found, expected)}

    present = sum(t.numel() * t.element_size() for t in (*operands, grad)) + sum(
        t.numel() * t.element_size() for t in operands
    )
    rows = []

    def add(name, errors, backward_ms, both_ms, peak):
        rows.append({"mask": mask_name, "form": name, "errors": errors, "backward_ms": backward_ms, "both_ms": both_ms,
                     "peak_bytes": peak, "inputs_and_outputs_bytes": present})  # fmt: skip

    def run_both(function):
        leaves = [t.detach().requires_grad_() for t in operands]
        logits = function(*leaves)
        return torch.autograd.grad(logits, leaves, grad)

    def fused(*leaves):
        return mqa.logits(*leaves, ks, ke, clean=True)

    def check_same(first, second):
        return all(torch.equal(a, b) for a, b in zip(first, second))

    found = backward()
    same = check_same(found, backward())
    peak = measure_peak(torch, backward, device)
    both = measure(torch, lambda: run_both(fused), options.repeat, device)
    add("mqa", get_errors(found), measure(torch, backward, options.repeat, device), both, peak)
    rows[-1]["same_bits"] = same
    rows[-1]["parts_ms"], rows[-1]["blocks"] = measure_parts(torch, gradients, operands, grad, options.repeat, device)
    if options.sweep:
        for most_rows in (64, 128, 256, 512):
            for scores in (8, 16, 32, 64, 128, 256):
                gradients._MAX_ROWS = most_rows
                time = measure(torch, lambda: backward(scores=scores << 20), 5, device)
                add(f"mqa, {most_rows} rows, {scores} MiB", {}, time, None, None)
        gradients._MAX_ROWS = 256
    forms = [("unfused", lambda *t: compute_unfused(torch, *t, mask))]
    if not options.no_compile:
        # Backward runs several times behind one forward.
        torch._functorch.config.donated_buffer = False
        forms.append(("unfused, torch.compile", torch.compile(forms[0][1])))
    for name, function in forms:
        try:
            errors = get_errors(run_both(function))
            peak = measure_peak(torch, lambda: run_both(function), device)
            both = measure(torch, lambda: run_both(function), options.repeat, device)
            leaves = [t.detach().requires_grad_() for t in operands]
            logits = function(*leaves)

            def run_backward(logits=logits, leaves=leaves):
                return torch.autograd.grad(logits, leaves, grad, retain_graph=True)

            add(name, errors, measure(torch, run_backward, options.repeat, device), both, peak)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}", file=sys.stderr)
    return rows


def run_cases(torch, device, count):
    """The random cases of the tests on this device: the largest error, of those too that are not fast."""
    sys.path.insert(0, str(ROOT / "test" / "Python"))
    from gradient_cases import NAMES, Case, get_error
    from mqa import gradients

    worst = dict.fromkeys(NAMES, 0.0)
    for seed in range(count):
        case = Case(seed, device=device)
        found = gradients.compute(case.grad, *case.operands, case.ks, case.ke, **case.options)
        for name, gradient, expected in zip(NAMES, found, case.compute_reference()):
            if gradient is not None:
                worst[name] = max(worst[name], get_error(gradient, expected))
    return worst


def run(options):
    use(options.folder)
    import torch
    import torch._functorch.config

    device = torch.device(options.device)
    about = {"device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU", "torch": torch.__version__}
    shape = {name: getattr(options, name) for name in ("queries", "keys", "heads", "head_dim", "repeat")}
    cases = run_cases(torch, device, options.cases)
    print(f"{about['device']}, PyTorch {about['torch']}")
    print(
        f"{options.cases} random cases, largest error: " + ", ".join(f"{name} {error:.2e}" for name, error in cases.items())
    )
    rows = [row for mask in options.masks for row in measure_mask(torch, options, mask, device)]
    print(f"{options.queries} queries x {options.keys} keys, H {options.heads}, D {options.head_dim}, bf16")

    def show(name, form="{:.3f}"):
        return lambda row: "" if row[name] is None else form.format(row[name])

    columns = [
        ("mask", lambda row: row["mask"]),
        ("form", lambda row: row["form"]),
        ("backward ms", show("backward_ms")),
        ("both ms", show("both_ms")),
        ("peak MiB", lambda row: "" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 2**20:.0f}"),
        ("in+out MiB", lambda row: f"{row['inputs_and_outputs_bytes'] / 2**20:.0f}"),
        *[(f"error of {name}", lambda row, name=name: f"{row['errors'][name]:.1e}" if row["errors"] else "")
          for name in ("q", "k", "k_scale", "weights")],
    ]  # fmt: skip
    print_table(rows, columns)
    parts, blocks = rows[0]["parts_ms"], rows[0]["blocks"]
    print(f"one of {blocks} blocks, ms: " + ", ".join(f"{name} {time:.4f}" for name, time in parts.items()))
    if options.json:
        document = {**about, **shape, "random_cases": cases, "rows": rows}
        pathlib.Path(options.json).write_text(json.dumps(document, indent=1) + "\n")
    ours = [error for row in rows if row["form"] == "mqa" for error in row["errors"].values()]
    same = all(row.get("same_bits", True) for row in rows)
    if not same:
        print("error: two runs differ", file=sys.stderr)
    return int(max(*ours, *cases.values()) > TOLERANCE or not same)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("pack", "run"))
    parser.add_argument("folder", type=pathlib.Path, help="of the bundle; for run on a CPU, '-' if the compiler is there")
    parser.add_argument("--target", default="sm_90a", help="for pack")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--queries", type=int, default=2048)
    parser.add_argument("--keys", type=int, default=16384)
    parser.add_argument("--heads", type=int, default=64)
    parser.add_argument("--head-dim", type=int, default=128)
    parser.add_argument("--masks", type=lambda text: text.split(","), default=["full", "causal"])
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--cases", type=int, default=200, help="random ones, of the tests")
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--json")
    return pack_or_run(parser.parse_args(), run, lambda options: list_ops(options.heads, options.head_dim))


if __name__ == "__main__":
    sys.exit(main())
