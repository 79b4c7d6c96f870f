# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Each example of the generated reference: mqa-opt parses and verifies it, and each pass does what its example says.

Every op, every pass, and every attribute and type that is written in IR has an example, a block of `mlir` in the description
in its .td file. These are the rules for such a block:

- An op: a fragment, or a whole module. A value that a fragment uses and does not define is an argument of a function around
  the fragment. The ops say of which type it is. Lines `!name = ...` and `#name = ...` are aliases.
- An attribute or a type: the attribute or the type alone, or ops as above.
- A pass: IR, a line `// becomes`, and an excerpt of what the pass makes of the IR. pages.find_excerpt says what an excerpt is.
  A line `// error: TEXT` in the place of `// becomes` says that the pass fails, with TEXT in its message. Without either
  line, the pass leaves the IR as it is.
- The first line of a pass's block may be `// with NAME=VALUE ...`: options of the pass.
- If the first line of a pass's block is `// mqa-opt FILE OPTIONS`, both parts are excerpts of what the pass gets and makes
  in that command, which runs in the root of the repository.
"""
import bisect
import os
import pathlib
import re
import subprocess
import unittest

from pages import ROOT, find_excerpt, get_blocks

OPT = pathlib.Path(os.environ["MQA_COMPILE"]).with_name("mqa-opt")
DIALECT = "docs/MQADialect.md"
PASS_PAGES = {
    "docs/MQATransformsPasses.md": "include/mqa/Dialect/MQA/Transforms",
    "docs/MQAConversionPasses.md": "include/mqa/Conversion",
}
# The operation that a pass runs on, as the .td files say it: what is around a fragment, and the pipeline.
GPU_MODULE = 'module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {\ngpu.module @example {\n%s\n}\n}'
GPU_FUNCTION = GPU_MODULE % "gpu.func @example(%s) kernel {\n%s\ngpu.return\n}"
FUNCTION = "func.func @example(%s) {\n%s\nreturn\n}"
ANCHORS = {
    "": (FUNCTION, "builtin.module(%s)"),
    "::mlir::ModuleOp": (FUNCTION, "builtin.module(%s)"),
    "::mlir::func::FuncOp": (FUNCTION, "builtin.module(func.func(%s))"),
    "::mlir::gpu::GPUModuleOp": (GPU_FUNCTION, "builtin.module(gpu.module(%s))"),
    "::mlir::gpu::GPUFuncOp": (GPU_FUNCTION, "builtin.module(gpu.module(gpu.func(%s)))"),
}
ALIAS = re.compile(r"[!#][\w$]+ =")
UNDECLARED = "use of undeclared SSA value name"
TYPED = re.compile(r"use of value '(%[^']+)' expects different type than prior uses: '(.*)' vs 'none'$")


def run_opt(text, *options, timeout=60):
    return subprocess.run(
        [OPT, "-", *options], input=text, capture_output=True, text=True, timeout=timeout, check=False
    )


class Module:
    """The module that mqa-opt is given of an example, and what is wrong with it (None: nothing)."""

    def __init__(self, text, function=FUNCTION):
        self.aliases, body, is_alias = [], [], False
        for line in text.splitlines():
            # An alias may go on in further lines, which are indented.
            is_alias = bool(ALIAS.match(line)) or (is_alias and line.startswith(" "))
            (self.aliases if is_alias else body).append(line)
        self.body, self.arguments, self.message = "\n".join(body), {}, None
        first = next(line for line in body if line and not line.startswith("//"))
        self.function = "%s"
        if re.match(r"gpu\.func\b", first):
            self.function = GPU_MODULE
        elif re.match(r"(memref<|![\w.]+($|<))", first):
            self.function = "func.func private @example(%s)"
        elif re.match(r"#[\w.]+<", first):
            self.function = "func.func private @example() attributes {example = %s}"
        elif not re.match(r"(module|func\.func|gpu\.module)\b", first):
            self.function = function

    def __str__(self):
        parts = [self.body]
        if self.function.count("%s") == 2:
            parts.insert(0, ", ".join(f"{name}: {kind}" for name, kind in self.arguments.items()))
        return "\n".join([*self.aliases, self.function % tuple(parts), ""])

    def take_errors(self, errors):
        """Adds the arguments of which `errors` tell; false if there are no more of them."""
        text, found = str(self).splitlines(), {}
        for line, column, message in errors:
            typed = TYPED.match(message)
            if typed:
                found[typed[1]] = typed[2]
            elif message == UNDECLARED:
                found.setdefault(re.match(r"%[\w$.-]+", text[line][column - 1 :])[0], "none")
        if all(self.arguments.get(name) == kind for name, kind in found.items()):
            self.message = "\n".join(message for _, _, message in errors) or None
            return False
        self.arguments.update(found)
        return True


def make_modules(modules):
    """Gives all modules the arguments that their ops need. One run of mqa-opt tells a type or a name of each."""
    left = list(modules)
    while left:
        texts = [str(module) for module in left]
        run = run_opt("// -----\n".join(texts), "--split-input-file", "-o", os.devnull)
        errors, begins, begin = [[] for _ in left], [], 0
        for text in texts:
            begins.append(begin)
            begin += text.count("\n") + 1
        for line, column, message in re.findall(r"^<stdin>:(\d+):(\d+): error: (.*)$", run.stderr, re.M):
            index = bisect.bisect(begins, int(line) - 1) - 1
            errors[index].append((int(line) - 1 - begins[index], int(column), message))
        if run.returncode and not any(errors):
            raise AssertionError(run.stderr)
        left = [module for module, own in zip(left, errors) if module.take_errors(own)]
    return modules


def get_sections(page):
    """The blocks of `mlir` of each section, by the section's title."""
    lines = (ROOT / page).read_text().splitlines()
    titles = [(number, line[4:]) for number, line in enumerate(lines, 1) if line.startswith("### ")]
    sections = {title: [] for _, title in titles}
    for block in get_blocks(page):
        if block.language == "mlir":
            sections[[title for number, title in titles if number < block.line][-1]].append(block)
    return sections


def get_passes(folder):
    """The passes that the .td files of a folder define: their name, and the operation that they run on."""
    found = {}
    for path in sorted((ROOT / folder).glob("*.td")):
        for name, anchor in re.findall(r'^def \w+ : Pass<"([\w-]+)"(?:, "([\w:]+)")?>', path.read_text(), re.M):
            found[name] = anchor
    return found


def split_example(text):
    """IR, what follows (None: nothing), and the kind of that: `becomes` or `error`."""
    match = re.search(r"^// (becomes|error: (.*))\n", text, re.M)
    if not match:
        return text, None, None
    if match[2]:
        return text[: match.start()], match[2], "error"
    return text[: match.start()], text[match.end() :], "becomes"


class PassExample:
    """An example of a pass, and what is wrong with it (None: nothing)."""

    def __init__(self, name, anchor, text):
        self.name, self.anchor = name, anchor
        self.before, self.after, self.kind = split_example(text)
        command = re.match(r"// mqa-opt (.*)\n", self.before)
        self.command = command[1].split() if command else None
        options = re.match(r"// with (.*)\n", self.before)
        self.name_with_options = f"{name}{{{options[1]}}}" if options else name
        self.module = None if command else Module(self.before, ANCHORS[anchor][0])

    def check(self):
        if self.command:
            return check_excerpts(self.name, self.command, self.before, self.after)
        if self.module.message:
            return f"{self.module.message}\nin:\n{self.module}"
        run = run_opt(str(self.module), f"--pass-pipeline={ANCHORS[self.anchor][1] % self.name_with_options}")
        if self.kind == "error":
            is_found = run.returncode and self.after in run.stderr
            return None if is_found else f"no error {self.after!r}: {run.stderr}"
        if run.returncode:
            return f"{run.stderr}\nin:\n{self.module}"
        is_changed = run.stdout != run_opt(str(self.module)).stdout
        if self.kind is None:
            return f"it does not say what becomes of it:\n{run.stdout}" if is_changed else None
        missing = find_excerpt(self.after, run.stdout) if is_changed else "a change"
        return f"not found: {missing}\nin:\n{run.stdout}" if missing else None


def check_passes(examples):
    """What is wrong with each example."""
    make_modules([example.module for example in examples if example.module])
    return [example.check() for example in examples]


def check_excerpts(name, command, before, after):
    """What is wrong with excerpts of what a pass gets and makes in a command."""
    command = [*command, "-o", os.devnull, "--mlir-disable-threading"]
    command += [f"--mlir-print-ir-before={name}", f"--mlir-print-ir-after={name}"]
    run = subprocess.run([OPT, *command], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    if run.returncode:
        return run.stderr[:20000]
    dumps = re.split(r"^// -----// IR Dump (Before|After) .*//----- //$", run.stderr, flags=re.M)[1:]
    dumps = list(zip(dumps[::2], dumps[1::2]))
    problem = f"{name} does not run"
    for (when, text), (then, changed) in zip(dumps, dumps[1:]):
        if (when, then) != ("Before", "After"):
            continue
        missing = [find_excerpt(before, text), find_excerpt(after, changed)]
        if missing == [None, None]:
            return None if text != changed else "the pass changes nothing"
        problem = f"not found: {missing}\nin:\n{text}\n// becomes\n{changed}"
    return problem


class ReferenceTest(unittest.TestCase):
    def check(self, block, problem):
        with self.subTest(block=str(block)):
            self.assertIsNone(problem, f"{problem}\nexample:\n{block.text}")

    def test_dialect(self):
        sections = get_sections(DIALECT)
        ops = [title for title in sections if title.startswith("`mqa.")]
        self.assertGreater(len(ops), 30)
        for title in ops:
            with self.subTest(op=title):
                name = re.match(r"`([\w.]+)`", title)[1]
                self.assertRegex(
                    "".join(block.text for block in sections[title]), rf"(?<![\w.]){re.escape(name)}(?![\w.])"
                )
        # What the pages show of attributes and types that are enums is their cases.
        text = (ROOT / DIALECT).read_text()
        for title in re.findall(r"^### (\w+(?:Attr|Type))$", text, re.M):
            if not re.search(rf"^### {title.removesuffix('Attr')}$", text, re.M):
                with self.subTest(attribute=title):
                    self.assertTrue(sections[title])
        blocks = [block for section in sections.values() for block in section]
        for block, module in zip(blocks, make_modules([Module(block.text) for block in blocks])):
            self.check(block, module.message)

    def test_passes(self):
        blocks, examples = [], []
        for page, folder in PASS_PAGES.items():
            sections, passes = get_sections(page), get_passes(folder)
            self.assertEqual(sorted(sections), sorted(f"`-{name}`" for name in passes))
            for name, anchor in passes.items():
                with self.subTest(name=name):
                    self.assertTrue(sections[f"`-{name}`"], "it has no example")
                blocks += sections[f"`-{name}`"]
                examples += [PassExample(name, anchor, block.text) for block in sections[f"`-{name}`"]]
        for block, problem in zip(blocks, check_passes(examples)):
            self.check(block, problem)


class RulesTest(unittest.TestCase):
    """What is wrong is found."""

    RANGES = "%0 = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>\n"

    def test_fragments(self):
        good = [Module(self.RANGES), Module("!mqa.ranges"), Module("!i =\n  i32\n%0 = arith.addi %x, %y : !i\n")]
        bad = {
            self.RANGES.replace("ranges none", "range none"): "unknown",
            self.RANGES.replace("?xi32", "?xi64"): "must be",
            self.RANGES.replace("keys(%n)", "keys(%n) {next_n = 0}"): "positive",
            self.RANGES + "%1 = arith.addi %n, %n : i32\n": "different type",
            self.RANGES + "...\n": "expected",
            "!mqa.range": "unknown",
            "#mqa.schedule<block_q = 8>": "missing",
        }
        modules = make_modules([*good, *(Module(text) for text in bad)])
        self.assertEqual(modules[0].arguments, {"%ke": "memref<?xi32>", "%n": "index"})
        self.assertEqual([module.message for module in modules[: len(good)]], [None] * len(good))
        for module, part in zip(modules[len(good) :], bad.values()):
            self.assertIn(part, module.message or "")

    def test_passes(self):
        example = "%0 = arith.extf %x : f8E4M3FN to f32\nmemref.store %0, %out[%i] : memref<?xf32>\n"
        example += "// becomes\n%1 = arith.bitcast %x : f8E4M3FN to i8\n...\n"

        before = example.split("// becomes")[0]
        texts = {
            example.replace("bitcast", "extui"): "not found: %1 = arith.extui",
            example.replace("f8E4M3FN", "f16"): "not found: a change",
            before: "does not say",
            before + "// error: no\n": "no error",
            example.replace("f32", "f4"): "expected",
        }
        target = '// with chip=sm_80\nmodule {}\n// becomes\nmodule attributes {mqa.target = #mqa.target<chip = "sm_80">} {\n'
        self.assertEqual(check_passes([PassExample("mqa-attach-target", "::mlir::ModuleOp", target)]), [None])
        examples = [PassExample("mqa-expand-fp8", "", text) for text in [example, *texts]]
        problems = check_passes(examples)
        self.assertIsNone(problems[0])
        for problem, part in zip(problems[1:], texts.values()):
            self.assertIn(part, problem or "")

    def test_commands(self):
        example = "// mqa-opt test/Examples/logits.mlir --mqa-to-nvvm\n%0 = mqa.logits ...\n// becomes\n...\n{schedule = ...\n"
        example = example.replace("...\n{", "%0 = mqa.logits ... {")
        texts = {
            example: None,
            example.replace("%0 = mqa.logits ...\n", "%0 = mqa.topk ...\n"): "%0 = mqa.topk ...",
            example.replace("{schedule", "{no_schedule"): "{no_schedule",
            example.replace("--mqa-to-nvvm", "--mqa-to-cpu"): "does not run",
            example.replace("logits.mlir", "none.mlir"): "none.mlir",
        }
        problems = check_passes([PassExample("mqa-select-schedule", "", text) for text in texts])
        for problem, part in zip(problems, texts.values()):
            if part is None:
                self.assertIsNone(problem)
            else:
                self.assertIn(part, problem or "")


if __name__ == "__main__":
    unittest.main()
