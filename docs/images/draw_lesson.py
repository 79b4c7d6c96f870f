#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Draws the pictures of docs/lesson.md: python3 docs/images/draw_lesson.py

Writes {mha,gqa,mqa,ranges,fusion}-{light,dark}.svg beside itself. Needs Python alone.
"""
from draw import Picture, write

HEADS = 8
# The example of the lesson: two queries, four keys. Outside of the bounds is None.
BOUNDS = [(0, 2), (1, 4)]
LOGITS = [[2, 4, None, None], [None, 8, 4, -2]]


def draw_heads(theme, name, groups, what):
    """One query token above one cached token: which key vector the vector of each head is multiplied by."""
    title = (
        f"{name}: {HEADS} heads of a query, {groups} key vector{'s' if groups > 1 else ''} of a cached token. {what}"
    )
    p = Picture(860, 210, title, theme)
    p.text(14, 40, "a query", bold=True, anchor="start")
    p.text(14, 58, "a vector for", size=12, color="quiet", anchor="start")
    p.text(14, 74, "each head", size=12, color="quiet", anchor="start")
    p.text(14, 156, "a cached token", bold=True, anchor="start")
    p.text(14, 174, "its key vectors", size=12, color="quiet", anchor="start")
    left, step, width = 140, 66, 54
    centers = [left + step * head + width / 2 for head in range(HEADS)]
    for head, center in enumerate(centers):
        p.box(center - width / 2, 26, width, 48, "data", [f"head {head}"], size=11)
    share = HEADS // groups
    for group in range(groups):
        own = centers[group * share : (group + 1) * share]
        middle = sum(own) / len(own)
        label = f"k {group}" if groups > 1 else "k"
        p.box(middle - width / 2, 138, width, 48, "main", [label], size=12)
        for i, center in enumerate(own):
            # The ends of the lines share the width of the key.
            end = middle + (i - (share - 1) / 2) * min(12, (width - 6) / share)
            p.arrow((center, 74), (end, 138), tip=False)
    p.text(688, 66, name, size=22, bold=True, anchor="start")
    p.text(688, 90, f"{groups} key vector{'s' if groups > 1 else ''}", anchor="start")
    p.text(688, 108, "for each cached token", anchor="start")
    p.text(688, 136, what, size=12, color="quiet", anchor="start")
    return p


def draw_mha(theme):
    return draw_heads(theme, "MHA", HEADS, "each head has its own")


def draw_gqa(theme):
    return draw_heads(theme, "GQA", 2, "four heads share one")


def draw_mqa(theme):
    return draw_heads(theme, "MQA", 1, "all heads share one")


def draw_ranges(theme):
    """Which keys the queries of the example see."""
    title = "Query 0 sees keys 0 and 1, query 1 sees keys 1, 2 and 3. Outside of a range, clean writes minus infinity"
    p = Picture(860, 176, title, theme)
    for key in range(4):
        p.text(262 + key * 92, 28, f"key {key}", color="quiet")
    for query, row in enumerate(LOGITS):
        y = 42 + query * 56
        ks, ke = BOUNDS[query]
        p.text(14, y + 20, f"query {query}", bold=True, anchor="start")
        p.text(14, y + 37, f"ks = {ks}, ke = {ke}", size=12, color="quiet", anchor="start", mono=True)
        for key, logit in enumerate(row):
            seen = logit is not None
            p.box(218 + key * 92, y, 88, 48, "main" if seen else "plain")
            p.text(
                262 + key * 92,
                y + 29,
                f"{logit}".replace("-", "−") if seen else "−inf",
                size=15,
                color="ink" if seen else "quiet",
                mono=True,
            )
    p.box(624, 50, 22, 16, "main")
    p.text(656, 63, "in the range: a logit", size=12, anchor="start")
    p.box(624, 82, 22, 16, "plain")
    p.text(656, 95, "outside: −inf with clean,", size=12, anchor="start")
    p.text(656, 111, "not written without clean", size=12, anchor="start")
    return p


def draw_fusion(theme):
    """What goes through memory, for 2048 queries and 4096 keys: see traffic() in the lesson."""
    title = (
        "Unfused: three kernels, the scores of all heads go through memory. Fused: one kernel, they stay in registers"
    )
    p = Picture(860, 286, title, theme)
    p.text(14, 24, "unfused: three kernels", bold=True, anchor="start")
    p.text(14, 42, "M · H · N scores go through memory four times", size=12, color="quiet", anchor="start")
    kernels = [("matrix product", "q · k"), ("relu", "max(·, 0)"), ("weighted sum", "Σ over the heads")]
    for i, lines in enumerate(kernels):
        p.box(14 + i * 300, 58, 150, 44, "gpu", list(lines), size=12)
    p.box(14, 136, 832, 34, "data")
    p.text(94, 158, "memory", bold=True)
    stores = [(89, 168, 300), (389, 468, 600)]
    for start, middle, end in stores:
        p.arrow((start + 40, 102), (start + 40, 132))
        p.text(middle + 47, 157, "scores: 1.07 GB", size=12)
        p.arrow((end + 54, 136), (end + 54, 106))
    p.arrow((729, 102), (729, 132))
    p.text(770, 157, "logits: 34 MB", size=12)
    p.text(14, 206, "fused: one kernel", bold=True, anchor="start")
    p.text(14, 224, "scores live in registers, a tile at a time", size=12, color="quiet", anchor="start")
    p.box(14, 238, 150, 38, "data", ["q, k: 17 MB"], size=12)
    p.arrow((164, 257), (296, 257))
    p.box(300, 238, 260, 38, "gpu", ["product, relu, weighted sum"], size=12)
    p.arrow((560, 257), (692, 257))
    p.box(696, 238, 150, 38, "data", ["logits: 34 MB"], size=12)
    return p


PICTURES = {"mha": draw_mha, "gqa": draw_gqa, "mqa": draw_mqa, "ranges": draw_ranges, "fusion": draw_fusion}

if __name__ == "__main__":
    write(PICTURES)
