# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Each code block of the pages below: it runs, or it is what a file or a command says. Blocks in PyTorch run where it is.

A comment in the line before a block says more about it:
  <!-- needs: WHAT -->     it is not run: it needs a GPU, a network, ...
  <!-- output: -->         it is an excerpt of what the commands of the block before it print
  <!-- output: other numbers -->   the same, but for the numbers and their units
  <!-- excerpt: FILE -->   it is an excerpt of FILE, which is in the repository or was written by a command before
  <!-- lines: FILE -->     the same, with anything between its lines
pages.find_excerpt says what an excerpt is.
"""
import contextlib
import doctest
import importlib.util
import io
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from pages import ROOT, find_excerpt, get_blocks
from test_runtime import Memory

from mqa import library, runtime

PAGES = ["README.md", "docs/lesson.md", "docs/embedding.md", "docs/programs.md", "docs/frontends.md"]
INSTALLS = re.compile(r"\b(pip|apt|apt-get) install\b|\btools/(run|test|test-frameworks|wheel|docs)\.sh\b")
NUMBER = re.compile(r"\d+(\.\d+)?(e[-+]\d+)?( ([umn]?s|[GT]FLOP/s|[KMGT]?B/s)\b)?")
# Blocks of other languages are checked where a comment says how.
LANGUAGES = ("sh", "mlir", "c", "python", "pycon")
NEEDS_TORCH = re.compile(r"\bimport torch\b|\bmqa\.compat\b")
HAS_TORCH = importlib.util.find_spec("torch") is not None
NEEDS_JAX = re.compile(r"\bimport jax\b")
HAS_JAX = importlib.util.find_spec("jax") is not None
TOOLS = pathlib.Path(os.environ["MQA_COMPILE"]).parent
LIBRARIES = pathlib.Path(os.environ["MQA_RUNTIME_LIBRARY"]).parent
# What fragments in C take from the program around them.
C_PROGRAM = """
#include <stdint.h>
#include <stdio.h>
%s
void *q, *k, *k_scale, *weights, *ks, *ke, *out, *stream;
int64_t q_stride, k_stride, weights_stride, out_stride, num_queries, num_keys;
void fragment(void) {
%s
}
"""


def make_sandbox(folder):
    """A folder like the repository's root after ./tools/run.sh, in which commands may write."""
    for entry in ROOT.iterdir():
        if not entry.name.startswith((".", "build")):
            (folder / entry.name).symlink_to(entry)
    (folder / "build").mkdir()
    (folder / "build" / "bin").symlink_to(TOOLS)
    (folder / "build" / "lib").symlink_to(LIBRARIES)


class ExamplesTest(unittest.TestCase):
    def run_page(self, page):
        """What the Python blocks defined, and how many blocks were checked."""
        with tempfile.TemporaryDirectory() as name:
            self.folder, self.names, self.output, checked = pathlib.Path(name), {}, "", 0
            make_sandbox(self.folder)
            for block in get_blocks(page):
                kind, argument = block.marker or ("", "")
                if kind == "needs" or (not kind and block.language not in LANGUAGES):
                    continue
                checked += 1
                with self.subTest(block=str(block)):
                    getattr(self, f"check_{kind or block.language}")(block, argument)
        return self.names, checked

    def run_command(self, *command, **options):
        run = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=300, check=False, **options
        )
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        return run.stdout

    def check_sh(self, block, _):
        found = INSTALLS.search(block.text)
        self.assertIsNone(found, "a block that installs or builds is not run: say so in a comment, <!-- needs: ... -->")
        self.output = self.run_command("bash", "-e", "-c", block.text)

    def compare(self, excerpt, text):
        missing = find_excerpt(excerpt, text)
        self.assertIsNone(missing, f"not found: {missing}\nin: {text[:20000]}")

    def check_output(self, block, argument):
        if argument == "other numbers":
            self.compare(*(NUMBER.sub("0", text) for text in (block.text, self.output)))
        else:
            self.compare(block.text, self.output)

    def check_excerpt(self, block, argument):
        self.compare(block.text, (self.folder / argument).read_text())

    def check_lines(self, block, argument):
        lines = [line for line in block.text.splitlines() if line.strip()]
        self.compare("\n...\n".join(lines), (self.folder / argument).read_text())

    def check_mlir(self, block, _):
        self.run_command(TOOLS / "mqa-opt", "-", input=block.text)

    def check_c(self, block, _):
        includes = [line for line in block.text.splitlines() if line.startswith("#include")]
        body = [line for line in block.text.splitlines() if not line.startswith("#include")]
        includes = includes or ['#include "mqa/Compiler.h"', '#include "mqa/Runtime.h"']
        program = C_PROGRAM % ("\n".join(includes), "\n".join(body))
        folders = [f"-I{ROOT}/include", f"-I{ROOT}/runtime/include"]
        self.run_command("cc", "-xc", "-std=c11", "-Wall", "-Werror", "-fsyntax-only", *folders, "-", input=program)

    def check_python(self, block, _):
        if NEEDS_JAX.search(block.text):
            if HAS_JAX:
                self.run_command(sys.executable, "-c", block.text)
        elif not NEEDS_TORCH.search(block.text):
            exec(compile(block.text, str(block), "exec"), self.names)
        elif HAS_TORCH and self.names:
            exec(compile(block.text, str(block), "exec"), self.names)
        elif HAS_TORCH:
            self.run_command(sys.executable, "-c", block.text)

    def check_pycon(self, block, _):
        session = doctest.DocTestParser().get_doctest(block.text, self.names, str(block), block.page, block.line)
        # The session works on a copy of the names.
        session.globs = self.names
        with contextlib.redirect_stdout(io.StringIO()) as report:
            result = doctest.DocTestRunner(verbose=False).run(session, clear_globs=False)
        self.assertGreater(result.attempted, 0)
        self.assertEqual(result.failed, 0, report.getvalue())

    def test_pages(self):
        for page in PAGES:
            if page != "docs/lesson.md":
                with self.subTest(page=page):
                    self.assertGreater(self.run_page(page)[1], 3)

    def test_sharding(self):
        """The program of docs/distributed.md becomes that of one process; test_distributed.py runs the one in PyTorch."""
        [block] = [block for block in get_blocks("docs/distributed.md") if block.language == "mlir"]
        passes = "--pass-pipeline=builtin.module(func.func(sharding-propagation,shard-partition))"
        command = [TOOLS / "mqa-opt", "-", passes]
        run = subprocess.run(command, input=block.text, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stdout, r"@sharded\(.*: tensor<1024x128xbf16>.* -> tensor<128x1024xf32>")
        self.assertIn(passes.split("=", 1)[1], (ROOT / "docs" / "distributed.md").read_text())

    def test_lesson(self):
        names, checked = self.run_page("docs/lesson.md")
        self.assertGreater(checked, 25)
        lists = {name: names[name] for name in ("q", "k", "k_scale", "weights", "ks", "ke")}
        expected = names["logits"](**lists)
        self.assertEqual(launch(**lists), expected)
        # The picture has the same numbers.
        sys.path.insert(0, str(ROOT / "docs" / "images"))
        self.addCleanup(sys.path.remove, str(ROOT / "docs" / "images"))
        import draw_lesson

        drawn = [[float("-inf") if logit is None else logit for logit in row] for row in draw_lesson.LOGITS]
        self.assertEqual((drawn, draw_lesson.BOUNDS), (expected, list(zip(lists["ks"], lists["ke"]))))


def encode_f8(value):
    """f8E4M3FN of a small integer."""
    sign, value = (0x80, -value) if value < 0 else (0, value)
    if value == 0:
        return sign
    exponent = value.bit_length() - 1
    return sign | (exponent + 7) << 3 | (value << 3 >> exponent) & 7


def launch(q, k, k_scale, weights, ks, ke):
    """The logits by the kernel for the CPU; heads and keys are padded with zeros to 16 numbers."""
    heads, dim = len(q[0]), 16
    kernel = library.find(library.Op("cpu", heads, dim, clean=True), 1)

    def pack(vectors):
        return Memory("B", [encode_f8(x) for v in vectors for x in [*v, *[0] * (dim - len(v))]])

    queries, keys = pack([head for query in q for head in query]), pack(k)
    scales, all_weights = Memory("f", k_scale), Memory("f", [w for row in weights for w in row])
    begins, ends = Memory("i", ks), Memory("i", ke)
    out = Memory("f", [0.0] * (len(q) * len(k)))
    args = runtime.LogitsArgs(queries.address, heads * dim, keys.address, dim, scales.address, 1, all_weights.address, heads,
                              begins.address, ends.address, out.address, len(k), len(q), len(k), 0)  # fmt: skip
    kernel.launch(args)
    return [list(out.data[m * len(k) : (m + 1) * len(k)]) for m in range(len(q))]


class ExcerptTest(unittest.TestCase):
    """find_excerpt finds what is there, and nothing else."""

    TEXT = "%0 = a.b %arg0, %arg1 : memref<4xf32, #staged1>\n  %1 = a.c %0\n%2 = a.c %1\n%3 = a.d #gpu.space %2\n%4 = a.e %c16_3\n"

    def test_found(self):
        for excerpt in (
            "%x = a.b ... : memref<4xf32, #lay>\n%y = a.c %x",
            "%x = a.b %q, %k : ...\n...\n%z = a.d #gpu.space %y",
            "%y = a.c %x   // a comment\n%z = a.c %y",
            "%x = a.e %c16",
        ):
            self.assertIsNone(find_excerpt(excerpt, self.TEXT))

    def test_not_found(self):
        for excerpt, missing in (
            ("%x = a.f", "%x = a.f"),
            ("%x = a.e %c32", "%x = a.e %c32"),
            ("%x = a.e %c1", "%x = a.e %c1"),
            ("%x = a.b ...\n%z = a.d ...", "%z = a.d ..."),
            ("%x = a.b ...\n%y = a.c %x\n%z = a.c %x", "%z = a.c %x"),
            ("%x = a.c ...\n...\n%y = a.b ...", "%y = a.b ..."),
            ("%z = a.d #other.space %y", "%z = a.d #other.space %y"),
            ("%x = a.b %q, %q : ...", "%x = a.b %q, %q : ..."),
        ):
            self.assertEqual(find_excerpt(excerpt, self.TEXT), missing)


if __name__ == "__main__":
    unittest.main()
