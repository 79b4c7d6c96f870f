# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a GPU kernel takes: registers, spills, shared memory, threads."""

import os
import re
import shutil
import subprocess


def find_ptxas():
    """As the compiler finds it: in the path, else in the toolkit."""
    return shutil.which("ptxas") or shutil.which("ptxas", path="/usr/local/cuda/bin")


def run_ptxas(path, target):
    """{kernel: {figure: number}} of the log of ptxas -v; None without a ptxas. An error of its own is in the table too."""
    ptxas = find_ptxas()
    if not ptxas:
        return None
    command = [ptxas, "-v", f"-arch={target}", str(path), "-o", os.devnull]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        return {"": (result.stderr or result.stdout).strip().split("\n")[0]}
    return parse_log(result.stderr + result.stdout)


def parse_log(log):
    found, name = {}, None
    patterns = {
        "registers": r"Used (\d+) registers",
        "spill_stores": r"(\d+) bytes spill stores",
        "spill_loads": r"(\d+) bytes spill loads",
        "stack": r"(\d+) bytes stack frame",
        "static_shared": r"(\d+) bytes smem",
        "barriers": r"used (\d+) barriers",
    }
    for line in log.split("\n"):
        entry = re.search(r"(?:entry function|Function properties for) '?([\w$.]+)'?", line)
        if entry:
            name = entry[1]
        for figure, pattern in patterns.items():
            match = re.search(pattern, line)
            if match and name:
                found.setdefault(name, {})[figure] = int(match[1])
    return found


def extract_entry(ptx, name):
    """What precedes the first entry, and the entry of one kernel."""
    pieces = re.split(r"^(?=\.visible \.entry )", ptx, flags=re.M)
    for piece in pieces[1:]:
        if re.match(rf"\.visible \.entry {re.escape(name)}\(", piece):
            return pieces[0] + piece
    return ptx


def find_number(pattern, text):
    match = re.search(pattern, text)
    return int(match[1]) if match else None


def describe(kernel, assembled):
    """[[what, value, explanation]] for a table."""
    last = "\n".join(kernel.stages[-2].lines)
    function = next((line for line in last.split("\n") if f"@{kernel.name}(" in line and "mqa.kernel" in line), "")
    schedule = re.search(r"schedule = <([^>]*)>", function)
    rows = [["schedule", schedule[1] if schedule else "none", "the sizes that the kernel was made with"]]
    threads = find_number(r"nvvm\.maxntid = array<i32: (\d+)", function)
    dynamic = find_number(r"dynamic_shared_memory = (\d+)", function)
    rows.append(["threads of a block", threads, f"{threads // 32} warps" if threads else ""])
    rows.append(["dynamic shared memory", f"{dynamic or 0:,} bytes", "the rings, asked for at launch"])
    if assembled is None:
        rows.append(["registers, spills", "not known", "this machine has no ptxas, which would say"])
    elif "" in assembled:
        rows.append(["registers, spills", "not known", f"ptxas: {assembled['']}"])
    else:
        own = assembled.get(kernel.name, {})
        spilled = f"{own.get('spill_stores', 0)} bytes stored, {own.get('spill_loads', 0)} loaded"
        rows.append(["registers of a thread", own.get("registers"), "at launch"])
        rows.append(["spills", spilled, "what did not fit the registers"])
        rows.append(["stack", f"{own.get('stack', 0)} bytes", "of a thread"])
        rows.append(["static shared memory", f"{own.get('static_shared', 0):,} bytes", "barriers and small values"])
    traded = re.findall(r"nvvm\.setmaxregister\s+(increase|decrease) (\d+)", last)
    if traded:
        text = ", ".join(dict.fromkeys(f"{way} to {count}" for way, count in traded))
        rows.append(["registers are traded", text, "consumers take those that producers do not need"])
    return [[name, "not known" if value is None else str(value), note] for name, value, note in rows]
