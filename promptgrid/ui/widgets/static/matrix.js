// The matrix: cases down, variants across. Streamlit calls the default export again whenever the data changes.
// All text is foreign and goes in by textContent only.

const sheets = new WeakMap(); // parent element -> the sheet drawn in it

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  let sheet = sheets.get(parentElement);
  if (!sheet) sheets.set(parentElement, (sheet = newSheet(parentElement)));
  sheet.send = (pair) => setStateValue("selected", pair);
  sheet.sort = (column) => setTriggerValue("sort", column);
  sheet.turn = (pair, by) => setTriggerValue("turn", [...pair, by]);
  sheet.move = data.movable && ((column, place) => setTriggerValue("move", [column, place]));
  sheet.find = data.find;
  draw(sheet, data);
  return sheet.leave;
}

function newSheet(parent) {
  const root = element("div", "pg matrix");
  const sheet = { root, cells: [], shape: "", at: null, given: "", sent: [], timer: 0 };
  root.addEventListener("click", (event) => {
    const cell = event.target.closest("td[role=gridcell]");
    if (cell) return choose(sheet, cell, { at: 0 });
    const sorter = event.target.closest("button.sort");
    if (sorter && !(sheet.dragged && event.detail)) sheet.sort(sorter.column); // a key's click has no detail
  });
  root.addEventListener("pointerdown", (event) => onPress(sheet, event));
  root.addEventListener("dblclick", (event) => {
    const edge = event.target.closest(".edge");
    if (edge) setWidth(sheet, edge.column, 0);
  });
  root.addEventListener("keydown", (event) => onKey(sheet, event));
  const width = new ResizeObserver(() => sheet.corner && fit(sheet));
  width.observe(root);
  const anywhere = (event) => onPageKey(sheet, event);
  document.addEventListener("keydown", anywhere);
  const lists = new MutationObserver((changes) => changes.forEach(({ target }) => handBack(target)));
  lists.observe(document.body, { attributeFilter: ["aria-expanded"], subtree: true });
  sheet.leave = () => {
    clearTimeout(sheet.timer);
    width.disconnect();
    document.removeEventListener("keydown", anywhere);
    lists.disconnect();
    root.remove();
    sheets.delete(parent);
  };
  parent.append(root);
  return sheet;
}

// Redraws only changed cells: the others keep their nodes, and with them focus and scroll position.
function draw(sheet, data) {
  const sorter = sheet.root.getRootNode().activeElement?.column; // of the head that has the focus
  sheet.root.style.maxHeight = `${data.height}px`;
  const shape = JSON.stringify([data.columns.map((c) => c.id), data.rows.map((r) => r.id)]);
  if (shape !== sheet.shape) build(sheet, data, shape);
  const { words } = data;
  const paintHead = (node, head) => fillHead(node, head, data.sortable && words, words, data.movable);
  fill(sheet.corner, { lines: [data.corner], arrow: "", id: "" }, paintHead);
  data.columns.forEach((column, x) => fill(sheet.heads[x], column, paintHead));
  data.rows.forEach((row, y) => {
    fill(sheet.sides[y], { title: row.title, sub: row.sub }, fillSide);
    row.cells.forEach((cell, x) => fill(sheet.cells[y][x], cell, (node) => fillCell(node, cell, words)));
  });
  const header = sheet.root.querySelector("thead").offsetHeight;
  sheet.root.style.scrollPadding = `${header + 2}px 2px 2px ${sheet.corner.offsetWidth + 2}px`;
  fit(sheet);
  if (sorter !== undefined) [...sheet.root.querySelectorAll(".sort")].find((b) => b.column === sorter)?.focus();
  adopt(sheet, data.selected);
}

function build(sheet, data, shape) {
  const focused = sheet.root.contains(sheet.root.getRootNode().activeElement);
  const table = element("table");
  table.setAttribute("role", "grid");
  table.setAttribute("aria-label", data.words.label);
  table.style.setProperty("--columns", data.columns.length);
  const top = table.appendChild(element("thead")).appendChild(element("tr"));
  sheet.corner = top.appendChild(head("col"));
  sheet.heads = data.columns.map(() => top.appendChild(head("col")));
  const body = table.appendChild(element("tbody"));
  sheet.sides = [];
  sheet.cells = data.rows.map((row, y) => {
    const line = body.appendChild(element("tr"));
    sheet.sides.push(line.appendChild(head("row")));
    return data.columns.map((column, x) => line.appendChild(gridcell([row.id, column.id], y, x)));
  });
  if (!data.rows.length) body.append(emptyRow(data)); // in the table, where it can stay in view
  sheet.root.replaceChildren(table);
  const kept = sheet.at && cellOf(sheet, sheet.at.pair);
  sheet.shape = shape;
  applyWidths(sheet);
  sheet.at = null;
  if (!kept) sheet.given = ""; // a row that comes back brings its selection with it
  mark(sheet, kept || null);
  if (focused) (sheet.at || sheet.cells[0]?.[0])?.focus({ preventScroll: true });
}

function emptyRow(data) {
  const line = element("tr");
  const cell = line.appendChild(element("td"));
  cell.colSpan = data.columns.length + 1;
  cell.append(element("p", "empty", data.words.empty));
  return line;
}

function head(scope) {
  const node = element("th");
  node.scope = scope;
  node.setAttribute("role", scope === "col" ? "columnheader" : "rowheader");
  return node;
}

function gridcell(pair, y, x) {
  const node = element("td");
  node.setAttribute("role", "gridcell");
  node.setAttribute("aria-selected", "false");
  node.tabIndex = y + x === 0 ? 0 : -1;
  return Object.assign(node, { pair, y, x });
}

function fill(node, content, paint) {
  const text = JSON.stringify(content);
  if (node.drawn === text) return;
  node.drawn = text;
  paint(node, content);
}

// The head of a column is a button that sorts by it; the corner restores case order. Without words there is no sorting.
function fillHead(node, { id, lines, mark, summary, arrow }, words, { move, width }, movable) {
  const [first = "", ...rest] = lines;
  const button = element("button", "sort");
  button.type = "button";
  button.column = id;
  button.disabled = !words;
  const help = words && (id ? words.sort : words.unsort);
  button.title = [...lines, mark, summary, help, movable && id && move].filter(Boolean).join("\n");
  const top = button.appendChild(element("span", "top"));
  top.append(element("span", "name", first), element("span", "mark", mark ?? ""), element("span", "arrow", ARROWS[arrow] ?? ""));
  if (id) button.append(element("span", "rest", rest.join(" · ")));
  if (summary) button.append(element("span", "summary", summary));
  node.setAttribute("aria-sort", arrow || "none");
  const edge = Object.assign(element("span", "edge"), { column: id, title: width });
  node.replaceChildren(button, edge);
  node.column = id;
}

function fillSide(node, { title, sub }) {
  node.title = title;
  node.replaceChildren(element("div", "name", title));
  if (sub) node.append(element("div", "rest", sub));
}

function fillCell(node, cell, words) {
  node.dataset.state = cell.state;
  const line = element("div", "line");
  const answer = line.appendChild(element("span", "answer", cell.answer || "—"));
  answer.dir = "auto";
  if (cell.differs) line.appendChild(element("span", "differs")).title = words.differs;
  line.append(" ", element("span", "word", cell.word), " ", element("span", "tally", cell.tally)); // spaces: for the name
  const others = element("div", "others", cell.others);
  const detail = element("div", cell.others ? "detail one" : "detail", cell.detail);
  others.dir = detail.dir = "auto";
  const badges = element("div", "badges");
  badges.append(...cell.badges.map(({ text, tone }) => element("span", `badge ${tone}`, text)));
  node.replaceChildren(line, " ", others, " ", detail, " ", badges);
  // The name begins with what is written in the cell: voice control calls it by that.
  const badgeTexts = cell.badges.map(({ text }) => text);
  const written = [cell.answer, cell.word, cell.tally, cell.others, cell.detail, ...badgeTexts];
  const spoken = [written.filter(Boolean).join(" "), badgeTexts.length && words.against, cell.differs && words.differs];
  node.setAttribute("aria-label", spoken.filter(Boolean).join(", "));
}

function cellOf(sheet, [row, column]) {
  return sheet.cells.flat().find((cell) => cell.pair[0] === row && cell.pair[1] === column);
}

function mark(sheet, cell) {
  sheet.at?.setAttribute("aria-selected", "false");
  sheet.at = cell;
  if (!cell) return;
  for (const other of sheet.root.querySelectorAll("td[tabindex='0']")) other.tabIndex = -1;
  cell.tabIndex = 0;
  cell.setAttribute("aria-selected", "true");
}

// During quick moves the answers from Python lag behind: a selection that it only repeats must not move the current one.
function adopt(sheet, selected) {
  const text = JSON.stringify(selected);
  if (text === sheet.given) return;
  sheet.given = text;
  sheet.sent = sheet.sent.filter(({ time }) => Date.now() - time < 5000);
  const echo = sheet.sent.findIndex((message) => message.text === text);
  if (echo >= 0) return void sheet.sent.splice(0, echo + 1);
  const cell = selected.length ? cellOf(sheet, selected) : null;
  mark(sheet, cell || null);
  cell?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function choose(sheet, cell, { at }) {
  mark(sheet, cell);
  cell.focus({ preventScroll: true });
  cell.scrollIntoView({ block: "nearest", inline: "nearest" });
  keepInSight(sheet);
  tell(sheet, cell.pair, at);
  if (!at) showPane(sheet, Date.now() + PANE_MS);
}

// In a narrow matrix two columns share the room beside the heads of the rows, unless a width was set by hand.
function fit(sheet) {
  const { root, corner, heads } = sheet;
  const table = root.querySelector("table");
  const isFree = root.clientWidth > NARROW || heads.some((head) => head.style.width);
  const wide = (root.clientWidth - corner.offsetWidth) / Math.min(2, heads.length || 1);
  table.style.width = isFree ? "" : `${corner.offsetWidth + wide * heads.length}px`;
  keepInSight(sheet);
}

// The detail beside the matrix must not cover the selected cell. Scrolls sideways only, so the page does not move, and
// by whole columns: the first one in sight begins where the heads of the rows end.
function keepInSight({ root, corner, heads, at }) {
  if (!at) return;
  const starts = heads.map((head) => head.offsetLeft - corner.offsetWidth);
  const least = at.offsetLeft + at.offsetWidth - root.clientWidth;
  const able = starts.filter((start) => start >= least - 1 && start <= starts[at.x]);
  const far = (start) => Math.abs(start - root.scrollLeft);
  root.scrollLeft = able.length ? able.reduce((best, start) => (far(start) < far(best) ? start : best)) : starts[at.x];
}

// Where the detail stands below the matrix, a press on a cell brings it into view, and leaves the cell's row in view.
function showPane(sheet, until) {
  const pane = document.querySelector(".st-key-compare_detail");
  if (!pane && Date.now() < until) return void requestAnimationFrame(() => showPane(sheet, until));
  const below = pane && pane.getBoundingClientRect().top - sheet.root.getBoundingClientRect().bottom;
  if (below >= 0) pane.scrollIntoView({ block: "start", behavior: "smooth" });
}

function tell(sheet, pair, after) {
  clearTimeout(sheet.timer);
  sheet.timer = setTimeout(() => {
    sheet.sent.push({ text: JSON.stringify(pair), time: Date.now() });
    sheet.send(pair);
  }, after);
}

// Moves to the case above or below; at the end of the page, Python turns to the next one.
function step(sheet, by) {
  const { at } = sheet;
  const next = at ? sheet.cells[at.y + by]?.[at.x] : sheet.cells[by > 0 ? 0 : sheet.cells.length - 1]?.[0];
  if (next) return choose(sheet, next, { at: 150 });
  if (!at) return;
  clearTimeout(sheet.timer);
  sheet.turn(at.pair, by);
}

// Columns: Shift and an arrow key move one, Ctrl and an arrow key make it narrower or wider; both can be dragged.
function onHeadKey(sheet, event) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const node = event.target.closest("th");
  if (!by || event.altKey || event.metaKey || event.shiftKey === event.ctrlKey) return;
  event.preventDefault();
  if (event.ctrlKey) return setWidth(sheet, node.column, node.offsetWidth + by * STEP);
  const place = sheet.heads.indexOf(node) + by;
  if (sheet.move && node !== sheet.corner && place >= 0 && place < sheet.heads.length) sheet.move(node.column, place);
}

function onPress(sheet, event) {
  const node = event.target.closest("thead th");
  sheet.dragged = false;
  if (!node || event.button !== 0) return;
  const edge = event.target.closest(".edge");
  const wide = node.offsetWidth;
  if (edge) {
    event.preventDefault();
    follow(sheet, event, (by) => setWidth(sheet, node.column, wide + by), () => {});
  } else if (sheet.move && node !== sheet.corner && event.pointerType !== "touch") {
    follow(sheet, event, (by, x) => markPlace(sheet, node, x), () => drop(sheet, node));
  }
}

// Follows the pointer until it is released. A press that hardly moves stays a click.
function follow(sheet, start, onMove, onEnd) {
  const moved = (event) => {
    const by = event.clientX - start.clientX;
    if (!sheet.dragged && Math.abs(by) < SLACK) return;
    sheet.dragged = true;
    onMove(by, event.clientX);
  };
  const ended = () => {
    removeEventListener("pointermove", moved);
    removeEventListener("pointerup", ended);
    removeEventListener("pointercancel", ended);
    if (sheet.dragged) onEnd();
  };
  addEventListener("pointermove", moved);
  addEventListener("pointerup", ended);
  addEventListener("pointercancel", ended);
}

function markPlace(sheet, node, x) {
  sheet.heads.forEach((head) => {
    const box = head.getBoundingClientRect();
    head.classList.toggle("place", head !== node && x >= box.left && x < box.right);
    head.classList.toggle("moving", head === node);
  });
}

function drop(sheet, node) {
  const place = sheet.heads.findIndex((head) => head.classList.contains("place"));
  sheet.heads.forEach((head) => head.classList.remove("place", "moving"));
  if (place >= 0) sheet.move(node.column, place);
}

// Widths by the id of the column, in this browser. Without storage they last as long as the page.
const STEP = 24, SLACK = 6, NARROWEST = 80, WIDEST = 1200, MOST_WIDTHS = 200; // pixels; widths kept
const WIDTHS = "promptgrid.column-widths";
let widths = readWidths();

function readWidths() {
  try {
    return JSON.parse(localStorage.getItem(WIDTHS)) ?? {};
  } catch {
    return {};
  }
}

function setWidth(sheet, column, width) {
  const { [column]: _, ...others } = widths;
  const kept = Object.entries(others).slice(-MOST_WIDTHS + 1);
  widths = Object.fromEntries(width ? [...kept, [column, Math.min(WIDEST, Math.max(NARROWEST, width))]] : kept);
  try {
    localStorage.setItem(WIDTHS, JSON.stringify(widths));
  } catch {
    // a browser that stores nothing
  }
  applyWidths(sheet);
}

function applyWidths(sheet) {
  const table = sheet.root.querySelector("table");
  const columns = JSON.parse(sheet.shape)[0];
  const set = columns.map((id) => widths[id]);
  const usual = set.filter((width) => !width).length;
  const sum = set.reduce((total, width) => total + (width ?? 0), 0);
  sheet.heads.forEach((head, x) => (head.style.width = set[x] ? `${set[x]}px` : ""));
  table.style.setProperty("--columns", usual);
  table.style.setProperty("--set", `${sum}px`);
  table.style.setProperty("--first", widths[""] ? `${widths[""]}px` : "");
  // Columns of a fixed width stay narrow only if the table does not stretch them.
  table.classList.toggle("set", usual === 0);
}

const NARROW = 560; // px, as in matrix.css
const PANE_MS = 5000; // the detail comes within this time after a press on a cell
const ARROWS = { ascending: "↑", descending: "↓" };
const CASES = { j: 1, n: 1, k: -1, p: -1 };
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-5, 0], PageDown: [5, 0] };

function target(sheet, from, event) {
  const last = [sheet.cells.length - 1, sheet.cells[0].length - 1];
  if (event.key === "Home") return [event.ctrlKey ? 0 : from.y, 0];
  if (event.key === "End") return [event.ctrlKey ? last[0] : from.y, last[1]];
  const step = STEPS[event.key];
  return step && [0, 1].map((i) => Math.min(last[i], Math.max(0, [from.y, from.x][i] + step[i])));
}

function onKey(sheet, event) {
  if (event.target.closest("button.sort")) return onHeadKey(sheet, event);
  const from = event.target.closest("td[role=gridcell]");
  if (!from || event.altKey || event.metaKey) return;
  const to = target(sheet, from, event);
  if (to) choose(sheet, sheet.cells[to[0]][to[1]], { at: 150 });
  else if (event.key === "Enter" || event.key === " ") choose(sheet, from, { at: 0 });
  else if (event.key === "Escape") close(sheet);
  else return;
  event.preventDefault();
}

// Keys for the whole page, except while a field has the focus or a dialog is open.
function onPageKey(sheet, event) {
  const from = event.composedPath()[0];
  const typing = from.closest?.("input, textarea, select, [contenteditable], [role=dialog], [role=listbox]");
  if (typing || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in CASES) step(sheet, CASES[event.key]);
  else if (event.key === "Escape" && sheet.at && from === document.body) close(sheet);
  else if (event.key === "/" && sheet.find) focusFilter(sheet, event);
}

// A selectbox keeps the focus after a selection, and would take the keys of the matrix as a search text.
function handBack(box) {
  const closed = box === document.activeElement && box.matches("[role=combobox][aria-expanded=false]");
  if (closed && !box.closest("[role=dialog]")) box.blur();
}

function close(sheet) {
  mark(sheet, null);
  tell(sheet, [], 0);
}

function focusFilter(sheet, event) {
  const input = document.querySelector(`.st-key-${CSS.escape(sheet.find)} input`);
  if (!input) return;
  event.preventDefault();
  input.focus();
}
