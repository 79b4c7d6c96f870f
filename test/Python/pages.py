# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Code blocks of Markdown pages, and whether a block is an excerpt of a text."""
import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A value, or an alias of an attribute (not an attribute of a dialect, which has a dot): names that may change any day.
NAME = re.compile(r"%[A-Za-z0-9_$-]+|(?<![\w%])#[A-Za-z]\w*(?![\w.])")
# Such a name tells the value: it is not any name.
CONSTANT = re.compile(r"%c-?\d+(_i\d+)?")


@dataclasses.dataclass
class Block:
    page: str
    line: int
    language: str
    # What the comment `<!-- name: argument -->` in the line before the block says: (name, argument), or None.
    marker: tuple
    text: str

    def __str__(self):
        return f"{self.page}:{self.line}"


def get_blocks(page):
    """The blocks of a page, by its path in the repository."""
    blocks, begin, before = [], None, ""
    for number, line in enumerate((ROOT / page).read_text().splitlines(), 1):
        fence = re.match(r"```(\w*)$", line)
        if begin is None and fence:
            marker = re.fullmatch(r"<!-- ([\w-]+): ?(.*?) ?-->", before)
            begin = Block(page, number, fence[1], marker.groups() if marker else None, "")
        elif begin and line == "```":
            blocks.append(begin)
            begin = None
        elif begin:
            begin.text += line + "\n"
        before = line
    assert begin is None, f"{begin}: the block has no end"
    return blocks


def normalize(line):
    return " ".join(re.sub(r"(^|\s)//.*", "", line).split())


def make_regex(line, names):
    """A regular expression for a line of an excerpt; names that are known stand as they are."""
    parts, position = [], 0
    groups = {}
    for name in NAME.finditer(line):
        parts.append(re.escape(line[position : name.start()]))
        if CONSTANT.fullmatch(name[0]):
            parts.append(re.escape(name[0]) + r"(_\d+)?(?![\w$-])")
        elif name[0] in names:
            parts.append(re.escape(names[name[0]]) + r"(?![\w$-])")
        elif name[0] in groups:
            parts.append(f"(?P={groups[name[0]]})")
        else:
            groups[name[0]] = f"n{len(groups)}"
            parts.append(f"(?P<{groups[name[0]]}>{name[0][0]}[A-Za-z0-9_$-]+)")
        position = name.end()
    parts.append(re.escape(line[position:]))
    return re.compile("".join(parts).replace(re.escape("..."), ".*?")), groups


def find_excerpt(excerpt, text):
    """None if `excerpt` is one of `text`, else its first line that is not found behind those before it.

    A line `...` stands for any lines, and `...` in a line for any part of it. Values and aliases may have other names, each
    the same one everywhere; constants may not. Indentation and comments are left out.
    """
    wanted = [normalize(line) for line in excerpt.splitlines()]
    wanted = [line for line in wanted if line]
    lines = [normalize(line) for line in text.splitlines()]
    lines = [line for line in lines if line]
    furthest = 0

    def match(i, position, gap, names):
        nonlocal furthest
        furthest = max(furthest, i)
        if i == len(wanted):
            return True
        if wanted[i] == "...":
            return match(i + 1, position, True, names)
        regex, groups = make_regex(wanted[i], names)
        for j in range(position, len(lines) if gap else min(position + 1, len(lines))):
            found = regex.fullmatch(lines[j])
            if not found:
                continue
            if match(i + 1, j + 1, False, {**names, **{name: found[group] for name, group in groups.items()}}):
                return True
        return False

    return None if match(0, 0, True, {}) else wanted[furthest]
