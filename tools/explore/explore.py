#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes one HTML page that shows how a kernel is made: its IR at every level and after every pass, what each pass changed,
and for a GPU the PTX, the resources and the rings in shared memory. The page needs nothing else: no server, no network.
"""

import argparse
import base64
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import reference
import resources
import rings
import stages

HERE = pathlib.Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs"


def fail(message):
    show_progress()
    sys.exit(f"explore: error: {message}")


def show_progress(words=""):
    """A line that the next one overwrites, where a person looks."""
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        print(f"\r\033[K{words}", end="\r", file=sys.stderr, flush=True)


def run(command):
    """Its standard error. An error of the tool is the reader's error too."""
    show_progress(f"running {os.path.basename(command[0])}")
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        fail(f"cannot run '{command[0]}': {error.strerror}; build the tools first (tools/run.sh), or set MQA_BUILD_DIR")
    if result.returncode:
        print(result.stderr, end="", file=sys.stderr)
        fail(f"{os.path.basename(command[0])} could not compile the input")
    return result.stderr


def trace_passes(options, folder):
    """Lets mqa-opt write the IR after each pass and at each level."""
    if options.target == "cpu":
        pipeline = f"--mqa-to-cpu=features={options.features}"
    else:
        fields = [f"chip={options.target}"] + ([f"schedule={{{options.schedule}}}"] if options.schedule else [])
        pipeline = f"--mqa-to-nvvm={' '.join(fields)}"
    run(
        [
            f"{options.bin}/mqa-opt",
            options.input,
            pipeline,
            "-o",
            os.devnull,
            "--mlir-print-ir-after-all",
            f"--mlir-print-ir-tree-dir={folder}/passes",
            f"--mqa-print-levels={folder}/levels",
        ]
    )


def compile_ptx(options, folder):
    schedule = [f"--mqa-schedule={options.schedule}"] if options.schedule else []
    target = f"--target={options.target}"
    path = f"{folder}/kernels.ptx"
    run([f"{options.bin}/mqa-compile", options.input, "--emit=ptx", target, "-o", path, *schedule])
    return pathlib.Path(path)


def add_gpu_code(kernels, options, folder):
    """PTX as the last level; what ptxas says; the rings."""
    path = compile_ptx(options, folder)
    ptx, assembled = path.read_text(), resources.run_ptxas(path, options.target)
    for kernel in kernels:
        text = resources.extract_entry(ptx, kernel.name)
        kernel.stages.append(stages.Stage("mqa-compile --emit=ptx", text, level="PTX"))
        kernel.gpu = resources.describe(kernel, assembled)
        kernel.rings = rings.find_rings(kernel)


def pack(payload):
    """Text for a script element, which the page inflates when it is looked at."""
    data = json.dumps(payload, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(data, 6, mtime=0)).decode()


def describe_kernel(kernel, texts):
    described = []
    for stage in kernel.stages:
        entry = {"name": stage.name, "level": stage.level, "lines": len(stage.lines)}
        if stage.is_same:
            entry["same"] = True
        else:
            entry["text"] = len(texts)
            texts.append(pack({"lines": stage.lines, "blocks": stage.blocks}))
            if stage.blocks is not None:
                entry["added"], entry["removed"] = stage.added, stage.removed
        described.append(entry)
    result = {"name": kernel.name, "stages": described}
    if kernel.gpu:
        result["gpu"] = kernel.gpu
        result["drawings"] = rings.draw_all(kernel.rings)
    return result


def make_page(kernels, options):
    texts = []
    data = {
        "source": os.path.basename(options.input),
        "target": options.target,
        "kernels": [describe_kernel(kernel, texts) for kernel in kernels],
        "reference": reference.collect(DOCS, options.docs, kernels),
        "dialects": reference.UPSTREAM,
    }
    page = (HERE / "page.html").read_text()
    # A "<" could end the script that the data stands in.
    values = {  # The title first: data may have the same marks in it.
        "title": f"{os.path.basename(options.input)} for {options.target}".replace("&", "&amp;").replace("<", "&lt;"),
        "style": (HERE / "page.css").read_text(),
        "data": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
        "texts": "\n".join(f'<script type="text/plain" id="text{i}">{text}</script>' for i, text in enumerate(texts)),
        "script": (HERE / "model.js").read_text() + (HERE / "page.js").read_text(),
    }
    for name, value in values.items():
        page = page.replace(f"@{name}@", value)
    return page


def parse(arguments):
    parser = argparse.ArgumentParser(prog="explore.sh", description=__doc__, allow_abbrev=False)
    parser.add_argument("input", metavar="FILE.mlir", help="functions of our ops, as for mqa-compile")
    parser.add_argument("output", metavar="OUT.html")
    parser.add_argument("--target", default="sm_90a", help="a GPU as mqa-compile names it (default sm_90a), or cpu")
    parser.add_argument("--schedule", help="as for mqa-compile --mqa-schedule: exact, fast, or parameters of a schedule")
    parser.add_argument(
        "--features",
        default="",
        help="for cpu: instruction sets by LLVM's names, such as amx-tile,amx-bf16,avx512f (default: what every CPU has)",
    )
    parser.add_argument(
        "--docs",
        metavar="PATTERN",
        help="where links to the reference lead: an address with {page}, such as https://example.org/{page}.html "
        "(default: the files in docs)",
    )
    parser.add_argument("--bin", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.schedule and options.target == "cpu":
        parser.error("--schedule is for a GPU, found --target=cpu")
    if options.features and options.target != "cpu":
        parser.error(f"--features is for --target=cpu, found --target={options.target}")
    if options.docs is None:
        options.docs = os.path.relpath(DOCS, os.path.dirname(os.path.abspath(options.output))) + "/{page}.md"
    elif "{page}" not in options.docs:
        parser.error(f"--docs must have {{page}} in it, found '{options.docs}'")
    return options


def main(arguments=None):
    options = parse(arguments)
    with tempfile.TemporaryDirectory() as folder:
        trace_passes(options, folder)
        kernels = stages.read_kernels(pathlib.Path(folder))
        if not kernels:
            fail(f"'{options.input}' has no kernel")
        if options.target != "cpu":
            add_gpu_code(kernels, options, folder)
    for i, kernel in enumerate(kernels):
        show_progress(f"comparing the stages of '{kernel.name}', kernel {i + 1} of {len(kernels)}")
        stages.compare(kernel)
    show_progress("writing the page")
    try:
        pathlib.Path(options.output).write_text(make_page(kernels, options))
    except OSError as error:
        fail(f"cannot write '{options.output}': {error.strerror}")
    show_progress()


if __name__ == "__main__":
    main()
