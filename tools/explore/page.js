
// The page: draws the lines in sight alone, so that its speed does not depend on how long a stage is.
const data = JSON.parse(document.getElementById("data").textContent);
const get = id => document.getElementById(id);
const LINE = 18;
// Where to is as important as from: `kernel`, `before` (-1: nothing) and `after` are stages.
const state = {kernel: 0, before: -1, after: 0, view: null, hits: [], hit: -1, changes: null, opened: new Set()};

function escape(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

function make(tag, parent, words = "", kind = "") {
  const element = document.createElement(tag);
  element.textContent = words;
  element.className = kind;
  parent.append(element);
  return element;
}

const TOKENS = /(\/\/.*$)|("[^"]*")|\b([a-z_][a-z0-9_]*\.[a-z_][\w.]*)|\b(func|module|attributes|return|to|step|else|iter_args|ins|outs)\b/g;

function highlight(line) {
  let html = "", from = 0;
  for (const token of line.matchAll(TOKENS)) {
    html += escape(line.slice(from, token.index));
    from = token.index + token[0].length;
    const known = token[3] && (data.reference[token[3]] || data.dialects[token[3].split(".")[0]]);
    const kind = token[1] ? "comment" : token[2] ? "string" : token[3] ? "op" + (known ? " known" : "") : "keyword";
    html += `<span class="${kind}">${escape(token[0])}</span>`;
  }
  return html + escape(line.slice(from));
}

function drawLine(view, side, index) {
  const entry = view.visible[index];
  if (entry.gap)
    return `<div class="gap" data-index="${index}">⋯ ${entry.gap[1] - entry.gap[0]} lines without a change</div>`;
  const row = view.rows[entry.row], line = row[side];
  if (line < 0)
    return `<div class="blank"></div>`;
  const foldable = view.regions[side].has(line), isFolded = view.folded.has(entry.row);
  const kind = [row[2] ? "" : side ? "added" : "removed", state.hits[state.hit] === entry.row && side ? "hit" : ""].join(" ");
  const mark = foldable ? `<span class="fold" data-row="${entry.row}">${isFolded ? "▸" : "▾"}</span>` : `<span class="fold"></span>`;
  const rest = foldable && isFolded ? `<span class="comment"> ⋯ ${view.regions[side].get(line).end - line - 1} lines ⋯</span>` : "";
  return `<div class="${kind.trim()}"><span class="number">${line + 1}</span>${mark}${highlight(view.sides[side][line])}${rest}</div>`;
}

function draw() {
  const view = state.view, scroller = get("scroller");
  const height = scroller.clientHeight, count = view.visible.length;
  get("space").style.height = Math.max(count * LINE + 20, height) + "px";
  const first = Math.max(0, Math.min(Math.floor(scroller.scrollTop / LINE), count - 1));
  const last = Math.min(count, first + Math.ceil(height / LINE));
  get("window").style.height = height + "px";
  get("left").hidden = !view.left;
  for (const [side, pane] of [get("left"), get("right")].entries()) {
    let html = "";
    for (let i = first; i < last && view.sides[side]; i++)
      html += drawLine(view, side, i);
    pane.innerHTML = html;
  }
}

// The passes between both sides; of a single one, what it does.
function describePass(kernel) {
  const stage = kernel.stages[state.after], about = get("about");
  const passes = kernel.stages.slice(Math.max(state.before, 0) + 1, state.after + 1).filter(own => !own.same);
  const known = passes.filter(own => data.reference[own.name]);
  about.textContent = "";
  make("b", about, stage.level);
  if (state.before >= 0)
    known.forEach((own, i) => {
      make("span", about, i ? ", " : ": ");
      make("a", about, own.name).onclick = () => showReference(own.name);
    });
  if (passes.length === 1 && known.length === 1) {
    const first = new DOMParser().parseFromString(data.reference[stage.name].html, "text/html").querySelector("p");
    make("span", about, ": " + first.textContent);
  } else if (passes.length === 1 && state.before >= 0)
    make("span", about, ": " + stage.name);
  const view = state.view;
  make("span", about, view.left ? ` · ${view.countChanged()} of ${view.rows.length} rows differ; names of values do not count`
                                : ` · ${view.right.length} lines`);
}

function drawStages() {
  const kernel = data.kernels[state.kernel], list = get("stages");
  list.textContent = "";
  let level = null;
  kernel.stages.forEach((stage, i) => {
    if (stage.level !== level) {
      level = stage.level;
      const own = level, last = kernel.stages.findLastIndex(other => other.level === own);
      const head = make("h2", list, "", state.opened.has(own) ? "" : "closed");
      make("span", head, own);
      make("span", head, `${kernel.stages[last].lines.toLocaleString("en")} lines`, "count");
      head.onclick = () => {
        // Of the level that is shown, a click hides the passes.
        if (state.after !== last || state.before >= i || !state.opened.delete(own))
          return selectLevel(own);
        drawStages();
      };
    }
    if (!state.opened.has(level))
      return;
    const entry = make("div", list, "", "stage" + (stage.same ? " same" : "") + (i === state.after ? " after" : "") +
                                            (i === state.before ? " before" : ""));
    entry.title = stage.name;
    make("span", entry, stage.name);
    if (stage.same)
      make("span", entry, "no change");
    else if (stage.added !== undefined) {
      make("span", entry, "+" + stage.added, "plus");
      make("span", entry, "−" + stage.removed, "minus");
    }
    entry.onclick = () => show(state.kernel, findBefore(kernel, i), i);
  });
  for (const [id, chosen] of [["before", state.before], ["after", state.after]]) {
    get(id).textContent = "";
    if (id === "before")
      make("option", get(id), "nothing").value = -1;
    kernel.stages.forEach((stage, i) => {
      if (!stage.same)
        make("option", get(id), `${stage.level} · ${stage.name}`).value = i;
    });
    get(id).value = chosen < 0 ? -1 : findText(kernel, chosen);
  }
}

// What a stage is compared with: the one before, which may have changed nothing. PTX stands alone.
function findBefore(kernel, stage) {
  return stage === 0 || kernel.stages[stage].level === "PTX" ? -1 : findText(kernel, stage - 1);
}

// A level, beside the level before.
function selectLevel(level) {
  const kernel = data.kernels[state.kernel];
  const last = kernel.stages.findLastIndex(stage => stage.level === level);
  const first = kernel.stages.findIndex(stage => stage.level === level);
  show(state.kernel, level === "PTX" ? -1 : first - 1, last);
}

let request = 0;
async function show(index, before, after) {
  const own = ++request, kernel = data.kernels[index];
  const right = await loadLines(kernel, after);
  const left = before < 0 ? null : await loadLines(kernel, before);
  const pairs = left && await match(kernel, before, after);
  // Another one was asked for meanwhile.
  if (own !== request)
    return;
  const view = new View(left, right, pairs);
  Object.assign(state, {kernel: index, before, after, view, hits: [], hit: -1});
  state.opened.add(kernel.stages[after].level);
  view.changesOnly = !!left && (state.changes ?? (view.rows.length > 300 && view.countChanged() < view.rows.length));
  get("changes").checked = view.changesOnly;
  get("hits").textContent = "";
  view.update();
  get("scroller").scrollTop = 0;
  drawStages();
  describePass(kernel);
  draw();
  drawKernels();
  location.replace("#" + new URLSearchParams({kernel: kernel.name, before, after, view: get("gpu").hidden ? "ir" : "gpu"}));
  document.body.dataset.ready = "yes";
}

function drawKernels() {
  get("kernels").textContent = get("views").textContent = "";
  data.kernels.forEach((kernel, i) => {
    make("button", get("kernels"), kernel.name, i === state.kernel ? "chosen" : "").onclick = () => start(i);
  });
  if (!data.kernels[state.kernel].gpu)
    return;
  for (const [name, words] of [["ir", "IR"], ["gpu", "resources and rings"]])
    make("button", get("views"), words, get(name).hidden ? "" : "chosen").onclick = () => showView(name);
}

function showView(name) {
  get("ir").hidden = get("stages").hidden = name !== "ir";
  get("gpu").hidden = name !== "gpu";
  drawKernels();
  if (name === "ir")
    return draw();
  const kernel = data.kernels[state.kernel], section = get("gpu");
  section.textContent = "";
  const table = make("table", section);
  for (const row of kernel.gpu) {
    const line = make("tr", table);
    row.forEach(words => make("td", line, words));
  }
  if (kernel.drawings.length > 1) {
    make("h2", section, "Rings");
    make("p", section, "Producer warps copy tiles into the slots of a ring, and consumer warps use them. The drawings follow " +
         "from the numbers of slots and readers; they are not measured. They show how many copies can be under way while " +
         "the consumers work.");
    make("p", section, "", "legend").innerHTML = '<span class="copied">copied</span><span class="waits">full, waits</span>' +
      '<span class="used">used (tile, by group)</span><span class="empty">empty</span>';
  }
  for (const {title, note, svg} of kernel.drawings) {
    make("h2", section, title);
    make("p", section, note);
    make("div", section).innerHTML = svg;
  }
}

function showReference(name) {
  const known = data.reference[name], dialect = name.split(".")[0], entry = get("entry");
  if (!known && !data.dialects[dialect])
    return;
  get("reference").hidden = false;
  entry.textContent = "";
  make("h3", entry, name);
  if (known)
    make("div", entry).innerHTML = known.html;
  else
    make("p", entry, `An op or attribute of MLIR's own dialect ${dialect}.`);
  const link = make("a", entry, known ? "the whole entry" : "its reference");
  link.href = known ? known.link : `https://mlir.llvm.org/docs/Dialects/${data.dialects[dialect]}/`;
  draw();
}

function search(step) {
  const word = get("search").value, view = state.view;
  if (step === 0)
    state.hits = word ? view.find(word) : [];
  const count = state.hits.length;
  state.hit = count ? (step === 0 ? 0 : (state.hit + step + count) % count) : -1;
  get("hits").textContent = word ? `${state.hit + 1} of ${count}` : "";
  if (count)
    get("scroller").scrollTop = Math.max(0, view.reveal(state.hits[state.hit]) - 5) * LINE;
  draw();
}

function start(index) {
  const wasGpu = !get("gpu").hidden, kernel = data.kernels[index];
  state.kernel = index;
  // The levels first: what tiling made of the op.
  const levels = [...new Set(kernel.stages.map(stage => stage.level))];
  return Promise.resolve(selectLevel(levels[Math.min(2, levels.length - 1)])).then(() => wasGpu && showView("gpu"));
}

get("scroller").addEventListener("scroll", draw);
window.addEventListener("resize", draw);
get("changes").onchange = event => {
  state.changes = state.view.changesOnly = event.target.checked;
  state.view.expanded.clear();
  state.view.update();
  draw();
};
get("fold").onclick = () => (state.view.foldAll(), draw());
get("unfold").onclick = () => (state.view.folded.clear(), state.view.update(), draw());
for (const id of ["before", "after"])
  get(id).onchange = () => show(state.kernel, +get("before").value, +get("after").value);
get("search").oninput = () => search(0);
get("search").onkeydown = event => event.key === "Enter" && search(event.shiftKey ? -1 : 1);
get("close").onclick = () => (get("reference").hidden = true, draw());
get("window").onclick = ({target}) => {
  if (target.classList.contains("known"))
    return showReference(target.textContent);
  if (target.dataset.row !== undefined)
    state.view.toggle(+target.dataset.row);
  else if (target.dataset.index !== undefined)
    state.view.expand(state.view.visible[+target.dataset.index].gap);
  draw();
};

const asked = new URLSearchParams(location.hash.slice(1));
const wanted = data.kernels.findIndex(kernel => kernel.name === asked.get("kernel"));
if (wanted >= 0 && data.kernels[wanted].stages[asked.get("after")])
  show(wanted, +asked.get("before"), +asked.get("after")).then(() => asked.get("view") === "gpu" && showView("gpu"));
else
  start(0);
