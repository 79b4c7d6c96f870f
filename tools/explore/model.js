// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What is shown: rows of two stages beside each other, which of them are visible, and where regions begin and end.
"use strict";

const texts = new Map();

// Inflates a stage when it is asked for the first time.
async function load(index) {
  if (!texts.has(index)) {
    const packed = Uint8Array.from(atob(document.getElementById("text" + index).textContent), c => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    texts.set(index, JSON.parse(await new Response(stream).text()));
  }
  return texts.get(index);
}

// The stage that has the text: one that changed nothing has that of the stage before.
function findText(kernel, stage) {
  while (kernel.stages[stage].same)
    stage--;
  return stage;
}

async function loadLines(kernel, stage) {
  return (await load(kernel.stages[findText(kernel, stage)].text)).lines;
}

// Pairs of equal lines of two stages, which may have others between them: a line stays as long as each pass keeps it.
async function match(kernel, before, after) {
  if (before > after)
    return (await match(kernel, after, before)).map(([from, to]) => [to, from]);
  let kept = (await loadLines(kernel, before)).map((_, i) => [i, i]);
  for (let stage = before + 1; stage <= after; stage++) {
    if (kernel.stages[stage].same)
      continue;
    const {blocks} = await load(kernel.stages[stage].text);
    const next = new Map();
    for (const [from, to, count] of blocks || [])
      for (let i = 0; i < count; i++)
        next.set(from + i, to + i);
    kept = kept.filter(([, line]) => next.has(line)).map(([first, line]) => [first, next.get(line)]);
  }
  return kept;
}

// [left line, right line, are they equal]; -1 where a side has none.
function makeRows(left, right, pairs) {
  const rows = [];
  let i = 0, j = 0;
  const addBetween = (iEnd, jEnd) => {
    while (i < iEnd || j < jEnd)
      rows.push([i < iEnd ? i++ : -1, j < jEnd ? j++ : -1, false]);
  };
  for (const [from, to] of pairs) {
    addBetween(from, to);
    rows.push([i++, j++, true]);
  }
  addBetween(left.length, right.length);
  return rows;
}

// For each line that opens a region: the line that closes it, and how many regions are around it.
function findRegions(lines) {
  const regions = new Map(), open = [];
  lines.forEach((line, i) => {
    const indent = line.length - line.trimStart().length;
    if (line[indent] === "}" || line[indent] === ")")
      while (open.length && open[open.length - 1].indent >= indent) {
        const region = open.pop();
        if (i > region.line + 1)
          regions.set(region.line, {end: i, depth: region.depth});
      }
    if (/[{(]\s*$/.test(line))
      open.push({line: i, indent, depth: open.length});
  });
  return regions;
}

class View {
  // `left` is null where there is nothing to compare with.
  constructor(left, right, pairs) {
    this.left = left;
    this.right = right;
    this.rows = left ? makeRows(left, right, pairs) : right.map((_, i) => [-1, i, true]);
    this.sides = left ? [left, right] : [null, right];
    this.regions = this.sides.map(lines => lines ? findRegions(lines) : new Map());
    this.rowOf = this.sides.map((lines, side) => {
      const rows = new Map();
      this.rows.forEach((row, i) => row[side] >= 0 && rows.set(row[side], i));
      return rows;
    });
    this.folded = new Set();
    this.expanded = new Set();
    this.changesOnly = false;
    this.update();
  }

  countChanged() {
    return this.rows.filter(row => !row[2]).length;
  }

  // The row that closes the region that row `i` opens; -1 if it opens none.
  getRegionEnd(i) {
    for (const side of [1, 0]) {
      const region = this.rows[i][side] >= 0 && this.regions[side].get(this.rows[i][side]);
      if (region)
        return this.rowOf[side].get(region.end);
    }
    return -1;
  }

  // All regions in functions.
  foldAll() {
    const depth = 1 + Math.max(0, ...[...this.regions[1]].filter(([line]) => /func .*@/.test(this.right[line]))
                                      .map(([, region]) => region.depth));
    this.rows.forEach((row, i) => {
      const region = this.regions[1].get(row[1]) || this.regions[0].get(row[0]);
      if (region && region.depth >= depth)
        this.folded.add(i);
    });
    this.update();
  }

  // Rows beside a change; a gap stands for the others.
  findContext() {
    const near = new Uint8Array(this.rows.length), around = 3;
    this.rows.forEach((row, i) => {
      if (!row[2])
        near.fill(1, Math.max(0, i - around), i + around + 1);
    });
    return near;
  }

  update() {
    const near = this.changesOnly ? this.findContext() : null;
    this.visible = [];
    for (let i = 0; i < this.rows.length;) {
      if (near && !near[i] && !this.expanded.has(i)) {
        let end = i;
        while (end < this.rows.length && !near[end] && !this.expanded.has(end))
          end++;
        this.visible.push({gap: [i, end]});
        i = end;
        continue;
      }
      this.visible.push({row: i});
      const end = this.folded.has(i) ? this.getRegionEnd(i) : -1;
      i = end > i ? end : i + 1;
    }
  }

  toggle(i) {
    if (!this.folded.delete(i))
      this.folded.add(i);
    this.update();
  }

  expand([from, to]) {
    for (let i = from; i < to; i++)
      this.expanded.add(i);
    this.update();
  }

  // Makes a row visible and returns its place.
  reveal(i) {
    for (const fold of [...this.folded])
      if (fold < i && this.getRegionEnd(fold) > i)
        this.folded.delete(fold);
    this.expanded.add(i);
    this.update();
    return this.visible.findIndex(own => own.row === i);
  }

  find(word) {
    const lower = word.toLowerCase();
    return this.rows.flatMap((row, i) => row[1] >= 0 && this.right[row[1]].toLowerCase().includes(lower) ? [i] : []);
  }
}
