# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Growing is safe: each case of the dialect's enums is handled, everywhere, and a pass is compiled apart from others.

Switches see to most of it (-Werror=switch). Here is what a compiler of C++ does not see: comparisons in the place of switches,
names that Python, manifests and the battery have, and whether each case compiles, runs and is right.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from mqa import ops, runtime

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILE = pathlib.Path(os.environ["MQA_COMPILE"])
RUN = COMPILE.parent / "mqa-run"

# Whose op it is, and how a tile is filled: code asks for one of them and leaves the others alone. Who handles all of them is
# a switch (findRoles in SpecializeWarps.cpp, verifyFill in VerifyRings.cpp).
FILTERS = {"Role", "FillKind"}
# The enums that users choose from, and what the C API and the package call them.
PUBLIC = {
    "Activation": ("activation", "mqa_activation", runtime.ACTIVATIONS),
    "HeadReduction": ("head_reduction", "mqa_head_reduction", runtime.HEAD_REDUCTIONS),
    "TieBreak": ("tie_break", "mqa_tie_break", runtime.TIE_BREAKS),
    "Order": ("order", "mqa_order", runtime.ORDERS),
    "IndexBase": ("base", "mqa_base", runtime.BASES),
}

# What mqa-run leaves out of its list, because most kernels have it.
UNLISTED = {"head_reduction": "sum"}


def read_enums():
    """The cases of each enum of the dialect: names in C++, and in text."""
    enums = {}
    for path in sorted((ROOT / "include").rglob("*.td")):
        for name, body in re.findall(r'I32EnumAttr<"(\w+)",(.*?)\]>', path.read_text(), flags=re.S):
            enums[name] = dict(re.findall(r'I32EnumAttrCase<"(\w+)", \d+, "(\w+)">', body))
    return enums


def read_sources():
    for folder in ("include", "lib", "runtime", "tools"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".cpp", ".h", ".c", ".td"):
                yield path.relative_to(ROOT), re.sub(r"//[^\n]*", "", path.read_text())


def make_op(target, **attributes):
    """A small op that has them: logits for what logits have, else mqa.topk."""
    if {"activation", "head_reduction"} & set(attributes):
        return ops.Op(target=target, num_heads=16, head_dim=32, **attributes)
    if attributes.get("base") == "slot":
        attributes.update(block_kv=16, has_sequence=True)
    return ops.TopkOp(target=target, k=16, **attributes)


class CasesTest(unittest.TestCase):
    def setUp(self):
        self.enums = read_enums()

    def test_enums_are_found(self):
        self.assertEqual(self.enums["Order"], {"Key": "key", "Score": "score", "Any": "any"})
        self.assertLessEqual({*PUBLIC, *FILTERS, "Relu", "Reduction", "Split", "Ties", "SortBy"}, set(self.enums))

    def test_no_comparisons(self):
        """They take each new case for the one that they do not name."""
        names = "|".join(sorted(set(self.enums) - FILTERS))
        case = rf"\b(?:(?:mqa::)?(?:{names})::\w+|MQA_(?:ACTIVATION|HEAD_REDUCTION|TIE_BREAK|ORDER|BASE)_\w+)\b"
        comparison = re.compile(rf"[=!]=\s*{case}|{case}\s*[=!]=|is_contained\(\s*\{{\s*{case}")
        for path, text in read_sources():
            for match in comparison.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                self.fail(f"{path}:{line}: '{match.group()}' must be a switch over all cases, or a question of EnumCases.h")

    def test_no_defaults(self):
        names = "|".join(self.enums)
        switch = re.compile(r"^( *)switch \(.*?^\1}", flags=re.S | re.M)
        case = re.compile(rf"case (?:mqa::)?(?:{names})::|case MQA_(?:ACTIVATION|HEAD_REDUCTION|TIE_BREAK|ORDER|BASE)_")
        found = 0
        for path, text in read_sources():
            for match in switch.finditer(text):
                if case.search(match.group()):
                    found += 1
                    self.assertNotIn("default:", match.group(), f"{path}: a default takes each new case")
        self.assertGreater(found, 20)

    def test_switch_is_an_error(self):
        """Where a case is missing, nothing is built."""
        self.assertIn("-Werror=switch", (ROOT / "CMakeLists.txt").read_text())

    def test_interfaces_have_all_names(self):
        header = (ROOT / "runtime" / "include" / "mqa" / "KernelInfo.h").read_text()
        for name, (_, c_enum, python) in PUBLIC.items():
            texts = list(self.enums[name].values())
            self.assertEqual(texts, list(python), f"mqa/runtime.py, {name}")
            body = re.search(rf"typedef enum {c_enum} {{(.*?)}}", header, flags=re.S).group(1)
            constants = re.findall(rf"\b{c_enum.upper()}_(\w+)", re.sub(r"/\*.*?\*/", "", body, flags=re.S))
            self.assertEqual([text.upper() for text in texts], constants, f"KernelInfo.h, {c_enum}")

    def test_battery_draws_all(self):
        sources = "".join(path.read_text() for path in sorted((ROOT / "test" / "Battery").glob("draw_*.py")))
        for name, (attribute, _, _) in PUBLIC.items():
            drawn = "".join(re.findall(rf'"{attribute}"\]?(?::| =) rng\.choice\((.*?)\)', sources))
            for text in self.enums[name].values():
                self.assertIn(f'"{text}"', drawn, f"test/Battery never draws {attribute} = {text}")

    def test_each_case_from_op_to_result(self):
        """It compiles for each kind of target, the bundle names it, and on a CPU an oracle finds it right."""
        for name, (attribute, _, _) in PUBLIC.items():
            for text in self.enums[name].values():
                with self.subTest(attribute=attribute, case=text), tempfile.TemporaryDirectory() as folder:
                    source, bundle = pathlib.Path(folder) / "op.mlir", pathlib.Path(folder) / "op.mqa"
                    source.write_text(make_op("cpu", **{attribute: text}).to_mlir())
                    self.run_tool(COMPILE, source, "--target=sm_90a,sm_80,cpu", "-o", bundle)
                    kernels = json.loads(self.run_tool(RUN, "--list", "--json", bundle))["kernels"]
                    self.assertEqual({kernel["target"] for kernel in kernels}, {"sm_90a", "sm_80", "cpu"})
                    self.assertEqual({kernel.get(attribute, UNLISTED.get(attribute)) for kernel in kernels}, {text})
                    self.run_tool(RUN, "--cpu", bundle, "--seq-len=20", "--seq-len-kv=200", "--verify")

    def run_tool(self, *command):
        run = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, f"{command}\n{run.stdout}{run.stderr}")
        return run.stdout


class PassesTest(unittest.TestCase):
    def test_passes_include_their_own_file(self):
        """Passes.h and Passes.h.inc change with every pass, and would compile all of them again."""
        found = 0
        for path, text in read_sources():
            names = re.findall(r"#define GEN_PASS_DEF_(\w+)", text)
            if not names or path.parts[0] != "lib":
                continue
            found += 1
            own = [name.upper() for name in re.findall(r'#include "mqa/[\w/]+/Passes/(\w+)\.h\.inc"', text)]
            self.assertEqual(own, names, path)
            self.assertNotRegex(text, r'#include "mqa/[\w/]*Passes\.h(\.inc)?"', path)
        self.assertGreater(found, 25)


if __name__ == "__main__":
    sys.exit(unittest.main())
