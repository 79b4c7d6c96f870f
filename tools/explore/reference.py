# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the generated reference says of the ops and passes that a page shows."""

import html
import re

# Pages of https://mlir.llvm.org/docs/Dialects/.
UPSTREAM = {
    "affine": "Affine",
    "amx": "AMX",
    "arith": "ArithOps",
    "bufferization": "BufferizationOps",
    "cf": "ControlFlowDialect",
    "func": "Func",
    "gpu": "GPU",
    "linalg": "Linalg",
    "llvm": "LLVM",
    "math": "MathOps",
    "memref": "MemRef",
    "nvgpu": "NVGPU",
    "nvvm": "NVVMDialect",
    "scf": "SCFDialect",
    "tensor": "TensorOps",
    "ub": "UBOps",
    "vector": "Vector",
    "x86vector": "X86Vector",
}

PAGES = ["MQADialect", "MQATransformsPasses", "MQAConversionPasses"]


def get_anchor(heading):
    """As GitHub and site generators make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def to_html(text):
    """The Markdown of the reference: paragraphs, lists, code."""
    parts = []
    for i, block in enumerate(re.split(r"^```.*$\n?", text, flags=re.M)):
        if i % 2:
            parts.append(f"<pre>{html.escape(block.rstrip())}</pre>")
            continue
        for paragraph in re.split(r"\n\s*\n", block.strip()):
            if not paragraph.strip():
                continue
            line = html.escape(re.sub(r"\s*\n(?![*-] )\s*", " ", paragraph.strip()), quote=False)
            line = re.sub(r"`([^`]*)`", r"<code>\1</code>", line)
            line = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line)
            line = re.sub(r"^_(.*)_$", r"<em>\1</em>", line)
            parts.append(f"<p>{line.replace(chr(10), '<br>')}</p>")
    return "".join(parts)


def read_sections(path):
    """{name: (heading, text)} of the sections of one op or pass each."""
    sections = {}
    pieces = re.split(r"^### (.*)$", path.read_text(), flags=re.M)
    for heading, body in zip(pieces[1::2], pieces[2::2]):
        name = re.match(r"`-?([\w.-]+)`", heading)
        if not name:
            continue
        # Tables of operands are for the page itself; the syntax is in the example.
        text = re.split(r"^(?:#|Traits:|Interfaces:|Effects:)", body, flags=re.M)[0]
        text = re.sub(r"^Syntax:\n+```\n.*?^```\n", "", text, flags=re.M | re.S)
        sections[name[1]] = (heading, text.strip())
    return sections


def collect(folder, pattern, kernels):
    """{op or pass: {html, link}} of those that `kernels` have."""
    passes = {stage.name for kernel in kernels for stage in kernel.stages}
    ops = set()
    for kernel in kernels:
        for stage in kernel.stages:
            for line in stage.lines:
                ops.update(re.findall(r"\bmqa\.[a-z_0-9]+", line))
    found = {}
    for page in PAGES:
        for name, (heading, text) in read_sections(folder / f"{page}.md").items():
            if name in ops or name in passes:
                link = pattern.replace("{page}", page) + "#" + get_anchor(heading)
                found[name] = {"html": to_html(text), "link": link}
    return found
