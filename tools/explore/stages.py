# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The stages of a kernel: its IR after each pass, by level, and what changed from one to the next."""

import difflib
import re

FUNCTION = re.compile(r"^( *)(?:gpu|func|llvm)\.func .*?@(\w[\w$.-]*|\"[^\"]*\")\(")
VALUE = re.compile(r"[%^][\w#$.-]+")
ALIAS = re.compile(r"^([#!]\w+) = (.*)$")


class Stage:
    """`name`: the pass. `blocks`: [line of the stage before, line of this one, count] of lines that both have."""

    def __init__(self, name, text, level=None):
        self.name, self.level = name, level
        self.lines = text.rstrip("\n").split("\n")
        self.normalized = normalize(self.lines)
        self.blocks, self.is_same = None, False
        self.added = self.removed = 0


class Kernel:
    def __init__(self, name):
        self.name = name
        self.stages = []
        self.gpu, self.rings = None, []


def find_functions(lines):
    """[(name, first line, line behind the last)] of functions with a body."""
    found, i = [], 0
    while i < len(lines):
        match = FUNCTION.match(lines[i])
        if match and lines[i].endswith("{"):
            end = next((j for j in range(i + 1, len(lines)) if lines[j] == match[1] + "}"), len(lines) - 1)
            found.append((match[2].strip('"'), i, end + 1))
            i = end
        i += 1
    return found


def leave_kernel(lines, name, others):
    """The text without functions of `others`."""
    kept, i = [], 0
    for other, begin, end in find_functions(lines):
        kept += lines[i:begin]
        if other == name or other not in others:
            kept += lines[begin:end]
        i = end
    return kept + lines[i:]


def normalize(lines):
    """What is compared: without names of values, which every pass counts anew, and without indentation. Aliases, which
    stand in modules alone, are written out."""
    aliases = {}
    for line in lines:
        match = ALIAS.match(line)
        if match:
            aliases[match[1]] = match[2]
    pattern = re.compile("|".join(rf"{re.escape(name)}\b" for name in aliases))
    result = []
    for line in lines:
        line = line.strip()
        if aliases and not ALIAS.match(line):
            for _ in range(4):  # An alias may have aliases in it.
                line = pattern.sub(lambda match: aliases[match[0]], line)
        result.append(VALUE.sub("%", line))
    return result


def get_body(stage, name):
    """The normalized function of a kernel; None if it is not there."""
    for own, begin, end in find_functions(stage.lines):
        if own == name:
            return stage.normalized[begin:end]
    return None


def read_passes(folder):
    """[(pass, lines)] in the order in which passes ran: a file's name begins with the counters of what it is in."""
    files = []
    for path in folder.rglob("*.mlir"):
        counters, _, name = path.stem.rpartition("_")
        if re.fullmatch(r"\d+(_\d+)*", counters):
            # The first line says which pass it was.
            lines = path.read_text().strip("\n").split("\n")
            files.append((tuple(map(int, counters.split("_"))), name, lines[lines[0].startswith("// -----//") :]))
    files.sort(key=lambda file: file[0])
    return [(name, lines) for _, name, lines in files]


def read_kernels(folder):
    """The kernels of what mqa-opt wrote to `folder`/passes and `folder`/levels, in the order of the input."""
    levels = {}
    for path in (folder / "levels").glob("*.mlir"):
        kernel, level = path.stem.rsplit(".", 1)
        levels.setdefault(kernel, {})[level] = path.read_text()
    passes = read_passes(folder / "passes")
    order = [name for name, _, _ in find_functions(passes[0][1])] if passes else []
    names = sorted(levels, key=lambda name: order.index(name) if name in order else len(order))
    return [read_kernel(name, passes, levels[name], set(names)) for name in names]


def read_kernel(name, passes, levels, names):
    kernel = Kernel(name)
    ordered = sorted(levels)
    first = Stage("input", levels[ordered[0]], level=ordered[0])
    kernel.stages.append(first)
    others = names - {name}
    bodies = []
    for pass_name, lines in passes:
        functions = {own for own, _, _ in find_functions(lines)}
        if name not in functions and not any(own.startswith(name) for own in functions - others):
            continue
        stage = Stage(pass_name, "\n".join(leave_kernel(lines, name, others)))
        kernel.stages.append(stage)
        bodies.append(get_body(stage, name))
    assign_levels(kernel, bodies, {level: get_body(Stage(level, levels[level]), name) for level in ordered})
    return kernel


def assign_levels(kernel, bodies, levels):
    """mqa-opt wrote a level when its last pass had run: it is the stage with the same text."""
    begin, own = 0, kernel.stages[1:]
    for level, body in levels.items():
        # The last one: a pass may change nothing.
        end = max((i for i in range(begin, len(own)) if bodies[i] == body), default=begin - 1)
        for stage in own[begin : end + 1]:
            stage.level = level
        begin = end + 1
    for stage in own[begin:]:
        stage.level = list(levels)[-1]


def compare(kernel):
    """Finds what each stage has of the one before. PTX has nothing of MLIR."""
    before = None
    for stage in kernel.stages:
        lines = stage.normalized
        if before is not None and stage.level != "PTX":
            matcher = difflib.SequenceMatcher(None, before, lines)
            stage.blocks = [list(block) for block in matcher.get_matching_blocks() if block.size]
            same = sum(size for _, _, size in stage.blocks)
            stage.added, stage.removed = len(lines) - same, len(before) - same
            stage.is_same = lines == before
        before = lines
