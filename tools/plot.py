#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Draws what `mqa-bench --json` measured as SVG.

  prefill   time and share of the ceiling over the number of keys, beside the peer where the file has it
  paged     bars: time against the peer's, and share of the bandwidth of a copy
  cpu       time of each kernel, shape by shape; files of tools/torch_cpu.py --json may stand beside
  topk      time of each kernel, shape by shape, beside the yardstick of the same rounds

Writes NAME-light.svg and NAME-dark.svg beside the (first) file, or what -o says. Needs Python alone."""

import argparse
import html
import json
import math
import os
import pathlib
import sys

THEMES = {
    "light": {"ink": "#1f2328", "quiet": "#59636e", "line": "#d1d9e0", "back": "#ffffff",
              "series": ["#0969da", "#bf3989", "#1a7f37", "#bc4c00", "#8250df", "#57606a"]},
    "dark": {"ink": "#f0f6fc", "quiet": "#9198a1", "line": "#3d444d", "back": "#0d1117",
             "series": ["#4493f8", "#f778ba", "#3fb950", "#f0883e", "#ab7df8", "#9198a1"]},
}  # fmt: skip
FONT = "-apple-system, Segoe UI, Helvetica, Arial, sans-serif"
WIDTH = 860


class Picture:
    """Parts of an SVG; `color` is a name of the theme, or the number of a series."""

    def __init__(self, theme, title):
        self.colors, self.title, self.parts = THEMES[theme], title, []

    def get(self, color):
        series = self.colors["series"]
        return series[color % len(series)] if isinstance(color, int) else self.colors[color]

    def text(self, x, y, words, color="ink", anchor="start", size=12, bold=False):
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{weight} '
            f'fill="{self.get(color)}">{html.escape(words)}</text>'
        )

    def line(self, points, color, width=1.0, dash=""):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{self.get(color)}" stroke-width="{width:g}"{dash}/>'
        )

    def dot(self, x, y, color, radius=4.0):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{self.get(color)}"/>')

    def bar(self, x, y, width, height, color):
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.1f}" rx="2" '
            f'fill="{self.get(color)}"/>'
        )

    def legend(self, y, names):
        x = 14.0
        for name, color in names:
            self.bar(x, y - 9, 18, 9, color)
            self.text(x + 24, y, name)
            x += 24 + 7 * len(name) + 22

    def to_svg(self, height):
        title = html.escape(self.title)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
            f'height="{height:.0f}" role="img" aria-label="{title}" font-family="{FONT}">\n<title>{title}</title>\n'
            f'<rect width="{WIDTH}" height="{height:.0f}" fill="{self.colors["back"]}"/>\n'
            + "\n".join(self.parts)
            + "\n</svg>\n"
        )


class Scale:
    """From values to places; ticks at round values."""

    def __init__(self, low, high, begin, end, is_log):
        self.is_log, self.begin, self.end = is_log, begin, end
        self.low, self.high = low, high if high > low else low * 2 or 1.0

    def __call__(self, value):
        own = math.log if self.is_log else float
        share = (own(value) - own(self.low)) / (own(self.high) - own(self.low))
        return self.begin + share * (self.end - self.begin)

    def ticks(self):
        if not self.is_log:
            step = next(step for step in (0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 1e9) if (self.high - self.low) / step <= 6)
            return [self.low + step * i for i in range(int((self.high - self.low) / step + 1e-9) + 1)]
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        steps = (1, 2, 5) if self.high / self.low < 200 else (1,)
        values = [step * 10.0**decade for decade in decades for step in steps]
        return [value for value in values if self.low * 0.999 <= value <= self.high * 1.001]


def spread(values, factor=1.25):
    return min(values) / factor, max(values) * factor


def choose_unit(times):
    """Of microseconds: the name of the unit that suits them, and how many of them it has."""
    return ("ms", 1e3) if max(times) >= 1e3 else ("µs", 1.0)


def describe(document):
    """The machine, the date, the commit and the rounds, as far as the file has them."""
    parts = [document.get("device"), document.get("date")]
    if document.get("commit"):
        parts.append(f"commit {document['commit']}")
    if document.get("repeat", 1) > 1:
        parts.append(f"median of {document['repeat']} rounds")
    return ", ".join(filter(None, parts))


# ----------------------------------------------------------------------------------------------------------------------
# Prefill
# ----------------------------------------------------------------------------------------------------------------------


def get_peer(row):
    """The peer's microseconds; 0 where the file has none."""
    return row.get("peer_us") or row.get("peer_ratio", 0) * row["time_us"]


def get_share(row):
    return row["share"] if "share" in row else row["tflops"] / row["ceiling_tflops"]


def draw_axes(picture, x, y, names, label, labels):
    """Lines of a panel; `names` formats a value of y."""
    for value in y.ticks():
        picture.line([(x.begin, y(value)), (x.end, y(value))], "line")
        picture.text(x.begin - 6, y(value) + 4, names(value), "quiet", "end", 11)
    for value in labels:
        picture.text(x(value), y.begin + 16, f"{value}", "quiet", "middle", 11)
    picture.text(x.begin, y.end - 10, label, "quiet")


def draw_prefill_panels(picture, top, rows, kernels):
    """Time on the left, shares on the right, over the keys."""
    keys = sorted({row["n"] for row in rows})
    # Of a kernel that cleans, the peer's second kernel is in it too: the first kernel says what "the peer" is.
    peers = {row["n"]: row for row in rows if get_peer(row) and row["kernel"] == kernels[0]}
    times = [row["time_us"] for row in rows] + [get_peer(row) for row in peers.values()]
    unit, factor = choose_unit(times)
    low, high = spread([time / factor for time in times])
    first = [Scale(*spread(keys), 64, 424, True), Scale(low, high, top + 230, top, True)]
    second = [Scale(*spread(keys), 496, 846, True), Scale(0, 1, top + 230, top, False)]
    draw_axes(picture, *first, lambda value: f"{value:g}", f"time, {unit}, over the number of keys", keys)
    draw_axes(picture, *second, lambda value: f"{value:.1f}", "share of the ceiling", keys)

    def draw(own, color, dash=""):
        for (x, y), points in ((first, own[0]), (second, own[1])):
            placed = [(x(n), y(value)) for n, value in points]
            picture.line(placed, color, 2, dash)
            for place in placed:
                picture.dot(*place, color, 3.5)

    if peers:
        ordered = [peers[n] for n in keys if n in peers]
        share = [(row["n"], get_share(row) * row["time_us"] / get_peer(row)) for row in ordered]
        draw(([(row["n"], get_peer(row) / factor) for row in ordered], share), "quiet", "5 3")
    for i, kernel in enumerate(kernels):
        own = sorted((row for row in rows if row["kernel"] == kernel), key=lambda row: row["n"])
        draw(([(row["n"], row["time_us"] / factor) for row in own], [(row["n"], get_share(row)) for row in own]), i)
        if i == 0:
            for row in own:
                if get_peer(row):
                    x, y = first[0](row["n"]), first[1](row["time_us"] / factor)
                    picture.text(
                        x + 7, y + 14, f"{row.get('peer_ratio') or get_peer(row) / row['time_us']:.2f}×", i, size=11
                    )


def draw_prefill(picture, document):
    rows = document["rows"]
    kernels = list(dict.fromkeys(row["kernel"] for row in rows))
    names = [(kernel, i) for i, kernel in enumerate(kernels)]
    if any(map(get_peer, rows)):
        names.append((f"peer; × says how many times as fast '{kernels[0]}' is", "quiet"))
    picture.legend(48, names)
    top = 102
    groups = list(dict.fromkeys((row["mask"], row["m"]) for row in rows))
    for mask, m in groups:
        if len(groups) > 1:
            picture.text(14, top - 28, f"{mask}, M = {m}", bold=True)
        draw_prefill_panels(picture, top, [row for row in rows if (row["mask"], row["m"]) == (mask, m)], kernels)
        top += 310
    return top - 44


# ----------------------------------------------------------------------------------------------------------------------
# Paged
# ----------------------------------------------------------------------------------------------------------------------


def get_paged_times(row):
    """Ours, the peer's, and the peer's with overlapping launches: of launches in a row where the file has them. And how many
    times as fast ours is."""
    if "peer_in_a_row_us" in row:
        return row["in_a_row_us"], row["peer_in_a_row_us"], row["peer_in_a_row_pdl_us"], row["peer_in_a_row_ratio"]
    ratio = row.get("peer_ratio", 0)
    return row["time_us"], ratio * row["time_us"], 0, ratio


def draw_paged(picture, document):
    rows = document["rows"]
    compared, overlaps = (any(get_paged_times(row)[i] for row in rows) for i in (1, 2))
    names = [("ours", 0)]
    if compared:
        names.append(("the peer's two kernels", "quiet"))
    if overlaps:
        names.append(("the same with overlapping launches", "line"))
    picture.legend(48, names)
    has_names = len({row.get("kernel") for row in rows}) > 1
    top, step = 92, 40 if overlaps else 34 if compared or has_names else 24
    # Of the peer's time, or in microseconds.
    lengths = [
        ours / peer if compared else ours for ours, peer, *_ in map(get_paged_times, rows) if peer or not compared
    ]
    left = Scale(0, max(lengths + [1.0]), 200, 510, False)
    right = Scale(0, 1, 672, 846, False)
    bottom = top + step * len(rows)
    picture.text(14, top - 12, "sequences × keys, new queries", "quiet", size=11)
    picture.text(left.begin, top - 12, "time, the peer's = 1" if compared else "time", "quiet")
    picture.text(right.begin, top - 12, "share of a copy's bandwidth", "quiet")
    for scale in (left, right):
        for value in (0, 1) if compared or scale is right else (0,):
            picture.line([(scale(value), top - 4), (scale(value), bottom)], "line")
    for i, row in enumerate(rows):
        y, height = top + i * step, 11
        ours, peer, overlapped, ratio = get_paged_times(row)
        picture.text(14, y + 14, f"{row['batch']} × {row['context_len']}, {row['next_n']}")
        if has_names:
            picture.text(14, y + 27, row["kernel"], "quiet", size=11)
        scale = peer if compared else 1
        for time, color in ((ours, 0), (peer, "quiet"), (overlapped, "line")):
            if time and scale:
                picture.bar(left.begin, y, left(time / scale) - left.begin, height, color)
                y += height + 1
        label = f"{ours:.1f} of {peer:.1f} µs: {ratio:.2f}×" if peer else f"{ours:.1f} µs"
        picture.text(left.end + 6, top + i * step + 10, label, 0, size=11)
        share = row["gb_per_s"] / row["copy_gb_per_s"] if "gb_per_s" in row else row["share"]
        picture.bar(right.begin, top + i * step, right(share) - right.begin, height, 0)
    return bottom + 6


# ----------------------------------------------------------------------------------------------------------------------
# Times of kernels, shape by shape
# ----------------------------------------------------------------------------------------------------------------------


def get_shape(row):
    if "batch" in row:
        return f"{row['batch']} × {row['context_len']}, paged"
    mask = ", causal" if row.get("mask") == "causal" else ""
    return f"{row['seq_len']} × {row['seq_len_kv']}{mask}"


def draw_times(picture, document):
    """A line for each shape, a dot for each kernel; time grows to the right, by factors."""
    points = {}
    series = []
    for row in document["rows"]:
        own = {row["kernel"]: row["time_us"]}
        for name, words in (
            ("copy_us", "a copy"),
            ("nth_element_us", "std::nth_element"),
            ("logits_us", "the logits alone"),
        ):
            own[words] = row.get(name, 0)
        for name, time in own.items():
            if time > 0:
                points.setdefault(get_shape(row), {})[name] = time
                if name not in series:
                    series.append(name)
    if not points:
        raise ValueError("no row has a time")
    picture.legend(48, [(name, i) for i, name in enumerate(series)])
    top, step = 98, 26
    times = [time for own in points.values() for time in own.values()]
    unit, factor = choose_unit(times)
    low, high = spread([time / factor for time in times], 1.4)
    x = Scale(low, high, 170, 846, True)
    bottom = top + step * len(points)
    picture.text(x.begin, top - 26, f"time, {unit}; each step to the right is a factor", "quiet")
    for value in x.ticks():
        picture.line([(x(value), top - 4), (x(value), bottom)], "line")
        picture.text(x(value), top - 10, f"{value:g}", "quiet", "middle", 11)
    for i, (shape, own) in enumerate(points.items()):
        y = top + i * step + 13
        picture.text(14, y + 4, shape)
        ordered = sorted(own.values())
        picture.line([(x(ordered[0] / factor), y), (x(ordered[-1] / factor), y)], "quiet")
        for name, time in own.items():
            picture.dot(x(time / factor), y, series.index(name), 5)
    return bottom + 6


# ----------------------------------------------------------------------------------------------------------------------
# Files
# ----------------------------------------------------------------------------------------------------------------------


def choose_drawing(document):
    rows = document["rows"]
    if any("ceiling_tflops" in row for row in rows):
        return draw_prefill, "Prefill: time and share of the ceiling"
    if any("next_n" in row for row in rows):
        return draw_paged, "Decoding against a paged cache"
    if any("k" in row for row in rows):
        return draw_times, "Selecting the best keys"
    return draw_times, "Logits on a CPU"


def draw(document, theme):
    # A kernel that is wrong has no time.
    document = {**document, "rows": [row for row in document["rows"] if row.get("pass", True)]}
    if not document["rows"]:
        raise ValueError("no kernel of it is right")
    function, title = choose_drawing(document)
    picture = Picture(theme, document.get("title", title))
    picture.text(14, 24, picture.title, bold=True, size=15)
    height = function(picture, document)
    note = describe(document)
    if note:
        picture.text(14, height + 12, note, "quiet", size=11)
    return picture.to_svg(height + 24)


def read(paths, where):
    """All rows in one document, which has the head of the first file."""
    document, rows = {}, []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            own = json.load(file)
        rows += own["rows"]
        document = document or own
    rows = [row for row in rows if all(str(row.get(key)) == value for key, value in where.items())]
    if not rows:
        raise ValueError("no rows" + (" that --where leaves" if where else ""))
    return {**document, "rows": rows}


def parse_where(text):
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(key and middle for key, middle, _ in pairs):
        raise argparse.ArgumentTypeError(f"must be FIELD=VALUE, separated by ',', found '{text}'")
    return {key: value for key, _, value in pairs}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("files", nargs="+", metavar="FILE.json")
    parser.add_argument("-o", dest="output", metavar="FILE.svg", help="write one picture, in the colours of --theme")
    parser.add_argument("--theme", choices=THEMES, default="light", help="colours of the picture of -o (default light)")
    parser.add_argument("--where", type=parse_where, default={}, help="only rows with these fields: mask=causal,m=2048")
    options = parser.parse_args()
    try:
        document = read(options.files, options.where)
        pictures = {theme: draw(document, theme) for theme in THEMES}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"no field {error}" if isinstance(error, KeyError) else str(error)
        sys.exit(f"plot.py: error: cannot draw {', '.join(options.files)}: {what}")
    stem = pathlib.Path(os.path.splitext(options.files[0])[0])
    outputs = {options.output: options.theme}
    if not options.output:
        outputs = {f"{stem}-{theme}.svg": theme for theme in THEMES}
    for path, theme in outputs.items():
        try:
            pathlib.Path(path).write_text(pictures[theme], encoding="utf-8")
        except OSError as error:
            sys.exit(f"plot.py: error: cannot write '{path}': {error.strerror}")


if __name__ == "__main__":
    main()
