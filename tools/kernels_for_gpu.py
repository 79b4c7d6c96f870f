# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bundles for a GPU machine that has neither the compiler nor a network: what tools/distributed.py and tools/gradients.py pack."""
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]


def find_build():
    return pathlib.Path(os.environ.get("MQA_BUILD_DIR", ROOT / "build"))


def pack(folder, ops, target):
    """Compiles each of `ops`, the descriptions of mqa.library, into `folder`, and copies the runtime there."""
    build = find_build()
    folder.mkdir(parents=True, exist_ok=True)
    for number, op in enumerate(ops):
        schedule = [f"--mqa-schedule={op.schedule.decode()}"] if op.schedule else []
        command = [
            build / "bin" / "mqa-compile",
            "-",
            f"--target={target}",
            "-o",
            folder / f"kernel{number}.mqa",
            *schedule,
        ]
        subprocess.run(command, input=op.to_mlir(), text=True, check=True)
    for name in ("libmqa_runtime.so", "_mqa_launcher.abi3.so"):
        path = build / "lib" / name
        if path.exists():
            shutil.copy(path, folder / name)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{len(ops)} bundles and the runtime in {folder}, {size / 2**20:.1f} MiB")


def use(folder):
    """Lets `import mqa` find what is packed; without a folder, this checkout's package where none is installed."""
    import sys

    sys.path.insert(0 if folder is not None else len(sys.path), str(ROOT / "runtime" / "python"))
    if folder is not None:
        os.environ["MQA_RUNTIME_LIBRARY"] = str(folder / "libmqa_runtime.so")
        os.environ["MQA_BUNDLES"] = str(folder)


def pack_or_run(options, run, list_ops):
    """What a script does by its `options.command`; the exit status. `list_ops` tells what to pack, given the options."""
    if options.command == "run":
        if str(options.folder) == "-":
            options.folder = None
        return run(options)
    # Only the descriptions of ops are needed here; their runtime is the build's.
    os.environ.setdefault(
        "MQA_RUNTIME_LIBRARY", str(pathlib.Path(os.environ.get("MQA_BUILD_DIR", "build")) / "lib" / "libmqa_runtime.so")
    )
    use(None)
    pack(options.folder, list(list_ops(options)), options.target)
    return 0


def make_ranges(torch, m, n, mask, device):
    """ks and ke: all keys, or as if the queries were the last of the sequence."""
    ks = torch.zeros(m, dtype=torch.int32, device=device)
    if mask == "full":
        return ks, torch.full((m,), n, dtype=torch.int32, device=device)
    return ks, torch.arange(n - m + 1, n + 1, dtype=torch.int32, device=device)


def measure(torch, function, repeat, device):
    """The median time of a call in milliseconds."""
    for _ in range(2):
        function()
    times = []
    if device.type == "cuda":
        for _ in range(repeat):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            function()
            end.record()
            end.synchronize()
            times.append(start.elapsed_time(end))
    else:
        import time

        for _ in range(repeat):
            begin = time.perf_counter()
            function()
            times.append((time.perf_counter() - begin) * 1e3)
    return sorted(times)[len(times) // 2]


def print_table(rows, columns):
    """`columns`: heading and function of a row."""
    cells = [[heading for heading, _ in columns]] + [[str(get(row)) for _, get in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths)))
