#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Draws the pictures of the documentation: python3 docs/images/draw.py

Writes overview-{light,dark}.svg (README) and kernel-{light,dark}.svg (design.md) beside itself. Needs Python alone.
"""
import html
import pathlib

THEMES = {
    "light": {"ink": "#1f2328", "quiet": "#59636e", "line": "#818b98", "plain": "#f6f8fa", "main": "#ddf4ff",
              "gpu": "#dafbe1", "cpu": "#fff8c5", "data": "#fbefff"},
    "dark": {"ink": "#f0f6fc", "quiet": "#9198a1", "line": "#656c76", "plain": "#212830", "main": "#0c2d6b",
             "gpu": "#04401c", "cpu": "#4b3600", "data": "#3c1e70"},
}  # fmt: skip

SANS_SERIF = "-apple-system, Segoe UI, Helvetica, Arial, sans-serif"
MONOSPACE = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"


class Picture:
    def __init__(self, width, height, title, theme):
        self.colors = THEMES[theme]
        self.width, self.height, self.title = width, height, title
        self.parts = []

    def text(self, x, y, words, size=13, color="ink", anchor="middle", mono=False, bold=False):
        family = MONOSPACE if mono else SANS_SERIF
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-family="{family}" font-size="{size}"{weight} text-anchor="{anchor}" '
            f'fill="{self.colors[color]}">{html.escape(words)}</text>'
        )

    def box(self, x, y, width, height, fill, lines=(), size=13, mono=False):
        """A box with centred lines; the first one is the heading."""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" fill="{self.colors[fill]}" '
            f'stroke="{self.colors["line"]}"/>'
        )
        step = size + 4
        top = y + height / 2 - (len(lines) - 1) * step / 2 + size * 0.35
        for i, line in enumerate(lines):
            small = i > 0
            self.text(x + width / 2, top + i * step, line, size=size - 1 if small else size,
                      color="quiet" if small else "ink", mono=mono and not small, bold=not small and not mono)  # fmt: skip

    def arrow(self, *points, dashed=False, tip=True):
        path = " L ".join(f"{x:g} {y:g}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        end = ' marker-end="url(#tip)"' if tip else ""
        self.parts.append(
            f'<path d="M {path}" fill="none" stroke="{self.colors["line"]}" stroke-width="1.5"{dash}{end}/>'
        )

    def cells(self, x, y, columns, rows, size, fill, seen=None):
        """A matrix; `seen(row, column)` says which cells are filled."""
        for row in range(rows):
            for column in range(columns):
                color = self.colors[fill if seen is None or seen(row, column) else "plain"]
                self.parts.append(
                    f'<rect x="{x + column * size:g}" y="{y + row * size:g}" width="{size:g}" height="{size:g}" '
                    f'fill="{color}" stroke="{self.colors["line"]}" stroke-width="0.6"/>'
                )

    def to_svg(self):
        body = "\n".join(self.parts)
        title = html.escape(self.title)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'height="{self.height}" role="img" aria-label="{title}">\n<title>{title}</title>\n'
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            f'<path d="M 0 0 L 8 4 L 0 8 z" fill="{self.colors["line"]}"/></marker></defs>\n{body}\n</svg>\n'
        )


def draw_overview(theme):
    title = "One op, mqa.logits, becomes a GPU kernel or CPU code in a bundle, which a small runtime launches"
    p = Picture(860, 300, title, theme)
    # What is computed: queries and keys in, masked logits out.
    p.text(14, 24, "what is computed", color="quiet", anchor="start")
    p.cells(14, 40, 8, 4, 11, "data")
    p.text(14, 102, "q: queries × heads × D", size=12, anchor="start")
    p.cells(190, 40, 8, 6, 11, "data")
    p.text(234, 124, "k: keys × D", size=12)
    p.arrow((108, 52), (134, 52), (134, 26), (312, 26), (312, 60), (332, 60))
    p.arrow((284, 84), (332, 84))
    p.box(336, 42, 276, 62, "main", ["Σ weight · relu(q · k)", "over the heads, times the scale of the key"])
    p.arrow((612, 74), (648, 74))
    p.cells(652, 40, 16, 4, 11, "data", lambda row, column: column < 10 + 2 * row)
    p.text(740, 102, "logits: queries × keys", size=12)
    p.text(740, 119, "each query sees a range of keys", size=12, color="quiet")
    # How it is compiled.
    p.text(14, 176, "how it runs", color="quiet", anchor="start")
    p.box(14, 188, 138, 40, "plain", ["PyTorch, JAX", "as linalg"])
    p.box(14, 242, 138, 40, "plain", ["C, Python, MLIR", "as one op"])
    p.box(206, 242, 116, 40, "main", ["mqa.logits"], mono=True)
    p.arrow((152, 208), (264, 208), (264, 238))
    p.text(206, 202, "mqa-raise", size=11, color="quiet", mono=True)
    p.arrow((152, 262), (202, 262))
    p.box(372, 188, 220, 40, "gpu", ["GPU kernel: PTX", "TMA, WGMMA or cp.async, mma.sync"], size=12)
    p.box(372, 242, 220, 40, "cpu", ["CPU tasks: object code", "vectorized, any number of threads"], size=12)
    p.arrow((322, 256), (346, 256), (346, 208), (368, 208))
    p.arrow((322, 266), (368, 266))
    p.box(640, 188, 84, 94, "plain", ["bundle", "code and", "manifest"])
    p.arrow((592, 208), (636, 208))
    p.arrow((592, 262), (636, 262))
    p.box(764, 188, 84, 94, "plain", ["runtime", "no LLVM,", "no toolkit"])
    p.arrow((724, 235), (760, 235))
    return p


def draw_kernel(theme):
    title = "A block of the Hopper kernel: producer warps fill rings in shared memory, consumer groups empty them"
    p = Picture(860, 320, title, theme)
    p.text(84, 24, "global memory", color="quiet")
    p.text(274, 24, "producer warps", color="quiet")
    p.text(470, 24, "rings in shared memory", color="quiet")
    p.text(670, 24, "consumer groups", color="quiet")
    rows = [
        (40, "q, weights", "query block", ["put: TMA"], 2, "query ring"),
        (110, "k", "key tile", ["put: TMA"], 5, "key ring"),
        (180, "k_scale", "of the tile", ["put: TMA"], 8, "scale ring"),
    ]
    for y, name, what, put, slots, ring in rows:
        p.box(14, y, 140, 46, "data", [name, what])
        p.arrow((154, y + 23), (206, y + 23))
        p.box(210, y, 128, 46, "gpu", put)
        p.arrow((338, y + 23), (384, y + 23))
        width = 164 / slots
        for i in range(slots):
            p.box(388 + i * width, y, width, 46, "main")
        p.text(470, y + 62, ring, size=12)
        p.arrow((552, y + 23), (584, y + 23))
    for i in range(4):
        y = 40 + i * 48
        p.box(588, y, 170, 42, "gpu", [f"consumer group {i}", "get · WGMMA · release"], size=12)
    p.box(776, 40, 74, 186, "data", ["logits", "global", "memory"])
    for i in range(4):
        p.arrow((758, 61 + i * 48), (773, 61 + i * 48))
    # Back to the producers: empty slots.
    p.arrow((670, 232), (670, 252), (274, 252), (274, 229), dashed=True)
    p.text(470, 268, "released slots: the producer fills them again (empty and full mbarriers)", size=12, color="quiet")
    p.box(210, 276, 128, 40, "cpu", ["cleaner warps", "with clean only"], size=12)
    p.arrow((338, 296), (813, 296), (813, 230))
    p.text(560, 312, "−inf outside each query's range", size=12, color="quiet")
    return p


PICTURES = {"overview": draw_overview, "kernel": draw_kernel}


def write(pictures):
    here = pathlib.Path(__file__).parent
    for theme in THEMES:
        for name, draw in pictures.items():
            (here / f"{name}-{theme}.svg").write_text(draw(theme).to_svg())


if __name__ == "__main__":
    write(PICTURES)
