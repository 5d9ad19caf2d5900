// The prompts of the library as a table: names are links to Compose, one row can be selected, a head sorts.
// All text is foreign and goes in by textContent only. Python receives a press as {open: name} or {selected: name}.

const views = new WeakMap(); // parent element -> the table drawn in it

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  let view = views.get(parentElement);
  if (!view) views.set(parentElement, (view = newView(parentElement)));
  view.open = (name) => setTriggerValue("open", name);
  view.select = (name) => setStateValue("selected", name);
  const drawn = JSON.stringify(data);
  if (drawn !== view.drawn) draw(view, data);
  view.drawn = drawn;
  return view.leave;
}

function newView(parent) {
  const root = parent.appendChild(element("div", "pg prompts"));
  const view = { root, group: `prompts-${Math.random()}`, by: null, down: 1 };
  view.leave = () => {
    root.remove();
    views.delete(parent);
  };
  return view;
}

function draw(view, data) {
  view.data = data;
  const table = element("table");
  table.setAttribute("aria-label", data.label);
  const head = table.appendChild(element("thead")).appendChild(element("tr"));
  head.append(element("td"), ...data.columns.map((column) => newHead(view, column)));
  table.appendChild(element("tbody")).append(...sorted(view).map((row) => newRow(view, row)));
  const isFirst = !view.root.firstChild;
  const top = view.root.scrollTop;
  const focused = view.root.getRootNode().activeElement?.dataset.focus;
  view.root.replaceChildren(table);
  view.root.scrollTop = isFirst ? placeOf(view.root.querySelector(".selected"), view.root) : top;
  if (focused) view.root.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

// How far to scroll so that the selected row, if there is one, stands in the middle.
function placeOf(row, root) {
  return row ? row.offsetTop - (root.clientHeight - row.offsetHeight) / 2 : 0;
}

function sorted(view) {
  const { by, down, data } = view;
  const rows = [...data.rows];
  if (by === null) return rows;
  const order = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  return rows.sort((a, b) => down * order(a.cells[by].order, b.cells[by].order));
}

function newHead(view, column) {
  const cell = element("th", column.kind);
  cell.scope = "col";
  const press = cell.appendChild(element("button", "", column.label));
  press.type = "button";
  press.title = column.help || `Sort by ${column.label}`;
  press.dataset.focus = `head ${column.name}`;
  if (view.by === column.name) cell.setAttribute("aria-sort", view.down > 0 ? "ascending" : "descending");
  press.addEventListener("click", () => {
    view.down = view.by === column.name ? -view.down : 1;
    view.by = column.name;
    draw(view, view.data);
  });
  return cell;
}

function newRow(view, row) {
  const line = element("tr", row.name === view.data.selected ? "selected" : "");
  const radio = line.appendChild(element("td", "pick")).appendChild(element("input"));
  Object.assign(radio, { type: "radio", name: view.group, checked: row.name === view.data.selected });
  radio.setAttribute("aria-label", `Select ${row.name}`);
  radio.dataset.focus = `row ${row.name}`;
  radio.addEventListener("change", () => view.select(row.name));
  line.append(...view.data.columns.map((column) => newCell(view, row, column)));
  line.addEventListener("click", ({ target }) => {
    if (!["A", "INPUT"].includes(target.tagName) && !String(getSelection())) radio.click();
  });
  return line;
}

function newCell(view, row, column) {
  const cell = element(column.name === "name" ? "th" : "td", column.kind);
  const { text, note } = row.cells[column.name];
  if (column.name === "name") {
    cell.scope = "row";
    const link = cell.appendChild(element("a", "", text));
    link.href = row.address;
    link.dir = "auto";
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return; // the browser opens another tab
      event.preventDefault();
      view.open(row.name);
    });
  } else {
    cell.append(element("span", row.broken && column.name === "description" ? "broken" : "text", text));
    cell.title = ["wide", "tags"].includes(column.kind) ? text : "";
    if (note) cell.append(element("span", "note", note));
  }
  return cell;
}
