# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The rings of stages in shared memory: found in the IR of the level 4-rings, and drawn over time."""

import html
import math
import re

TYPE_BITS = {"f64": 64, "f32": 32, "i64": 64, "i32": 32, "bf16": 16, "f16": 16, "i16": 16, "i8": 8, "i1": 8}
# Steps between the start of a copy and its end. Only the order matters.
COPY_STEPS = 3
SHOWN_STEPS = 26


class Ring:
    def __init__(self, value, attributes, slots, content):
        self.value, self.slots = value, slots
        self.turns = int((re.search(r"turns = (\d+)", attributes) or [0, 1])[1])
        self.consumers = int((re.search(r"consumers = (\d+)", attributes) or [0, 1])[1])
        self.shapes = re.findall(r"memref<([^,<>]*?)[,>]", content)
        self.slot_bytes = sum(count_bytes(shape) for shape in self.shapes)
        self.holds = ""

    def get_name(self):
        return f"ring of {self.holds}" if self.holds else f"ring {self.value}"


def count_bytes(shape):
    *sizes, element = shape.split("x")
    if not all(size.isdigit() for size in sizes):
        return 0
    bits = next((own for name, own in TYPE_BITS.items() if element.startswith(name)), 8)
    return math.prod(map(int, sizes)) * bits // 8


def name_contents(lines, rings):
    """Which operand of mqa.tile_logits comes from which ring: follows each value to the ring_get that made it. A value has
    its name only in its region: the last one counts."""
    makers = {}
    for line in lines:
        match = re.match(r"\s*(%[\w]+)(?::\d+)? = ([\w.]+)[^%]*(%\w+)", line)
        if match:
            makers[match[1]] = (match[2], match[3])
        operands = re.search(r"mqa\.tile_logits ins\(([^:]*):", line)
        for name, value in zip(
            ["queries", "keys", "key scales", "weights"], operands[1].split(",") if operands else []
        ):
            value = value.strip().split("#")[0]
            for _ in range(8):
                op, value = makers.get(value, ("", ""))
                if op == "mqa.ring_get" or not op:
                    break
            ring = next((own for own in rings if own.value == value), None)
            if ring and name not in ring.holds:
                ring.holds += (" and " if ring.holds else "") + name


def find_rings(kernel):
    """Of the last stage of the level that still has the op on tiles; empty for a kernel that has no rings."""
    stages = [stage for stage in kernel.stages if stage.level and "rings" in stage.level]
    lines = stages[-1].lines if stages else []
    found = []
    for line in lines:
        match = re.match(r"\s*(%\w+) = mqa\.ring_create(.*?) : <(\d+), (.*)>$", line)
        if match:
            found.append(Ring(match[1], match[2], int(match[3]), match[4]))
    name_contents(lines, found)
    return found


def simulate(ring, tiles):
    """[(slot, start of the copy, full, start of the use, released, reader)] of each tile, in steps. A copy starts a step
    after the one before, when its slot is empty. Readers take turns; a reader needs as many steps as there are readers.
    """
    events, free, released = [], [0] * ring.turns, []
    start = -1
    for tile in range(tiles):
        slot, reader = tile % ring.slots, tile % ring.turns
        start = max(start + 1, released[tile - ring.slots] if tile >= ring.slots else 0)
        full = start + COPY_STEPS
        use = max(full, free[reader])
        # A ring without turns: one tile is used for as long as a copy takes.
        end = use + (ring.turns if ring.turns > 1 else COPY_STEPS)
        free[reader] = end
        released.append(end)
        events.append((slot, start, full, use, end, reader))
    return events


def text(x, y, words, anchor="start", kind="ink"):
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" class="{kind}">{html.escape(words)}</text>'


def box(x, y, width, height, kind):
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" class="{kind}"/>'


def draw_time(ring):
    """A row for each slot, a column for each step."""
    events = [event for event in simulate(ring, SHOWN_STEPS) if event[4] <= SHOWN_STEPS]
    steps = max(end for *_, end, _ in events)
    left, row, step = 64, 26, 32
    parts = []
    for slot in range(ring.slots):
        y = 30 + slot * row
        parts.append(text(left - 8, y + 17, f"slot {slot}", "end", "quiet"))
        parts.append(box(left, y + 2, steps * step, row - 4, "empty"))
    for tile, (slot, start, full, use, end, reader) in enumerate(events):
        y = 32 + slot * row
        for kind, begin, stop in (("copied", start, full), ("waits", full, use), ("used", use, end)):
            if stop > begin:
                parts.append(box(left + begin * step, y, (stop - begin) * step, row - 4, kind))
        parts.append(text(left + (start + full) / 2 * step, y + 15, f"copy {tile}", "middle"))
        who = f" by {reader}" if ring.turns > 1 else ""
        parts.append(text(left + (use + end) / 2 * step, y + 15, f"{tile}{who}", "middle"))
    height = 30 + ring.slots * row
    parts.append(text(left, 20, "time →", kind="quiet"))
    title = f"{ring.get_name()} over time: {ring.slots} slots"
    return (
        f'<svg class="drawing" viewBox="0 0 {left + steps * step + 8:g} {height + 8}" '
        f'width="{left + steps * step + 8:g}" height="{height + 8}" role="img" aria-label="{html.escape(title)}">'
        f"<title>{html.escape(title)}</title>{''.join(parts)}</svg>"
    )


def draw_memory(rings):
    """How much shared memory each ring takes, slot by slot."""
    total = sum(ring.slots * ring.slot_bytes for ring in rings)
    left, width, row, parts = 190, 660, 30, []
    for i, ring in enumerate(rings):
        y, size = 4 + i * row, ring.slots * ring.slot_bytes
        parts.append(text(left - 8, y + 18, ring.get_name(), "end"))
        for slot in range(ring.slots):
            slot_width = width * ring.slot_bytes / total
            parts.append(box(left + slot * slot_width, y + 2, slot_width, row - 6, "copied"))
        label = f"{ring.slots} × {ring.slot_bytes:,} = {size:,} bytes"
        inside = width * size / total > 300
        x = left + width * size / total
        parts.append(text(x - 6 if inside else x + 6, y + 18, label, "end" if inside else "start"))
    height = 8 + len(rings) * row
    title = f"shared memory of the rings: {total:,} bytes"
    return (
        f'<svg class="drawing" viewBox="0 0 {left + width + 130} {height}" width="{left + width + 130}" '
        f'height="{height}" role="img" aria-label="{title}"><title>{title}</title>{"".join(parts)}</svg>'
    )


def describe(ring):
    shapes = " and ".join(ring.shapes)
    readers = f"{ring.turns} groups of warps, in turn" if ring.turns > 1 else "all groups of warps"
    slots = "one slot" if ring.slots == 1 else f"{ring.slots} slots"
    return f"{slots} of {shapes}, read by {readers}; {ring.consumers} warps release a slot"


def draw_all(rings):
    """[{title, note, svg}] for a page."""
    if not rings:
        return []
    drawings = [{"title": "Shared memory", "note": "Each box is a slot.", "svg": draw_memory(rings)}]
    for ring in rings:
        drawings.append({"title": ring.get_name().capitalize(), "note": describe(ring), "svg": draw_time(ring)})
    return drawings
