// The keys of every page, the focus of what opens, and the steps of the browser's history. All text goes in by
// textContent only.

const frames = new WeakMap(); // parent element -> the frame that works for it
const shared = (window.promptgridKeys ??= { frame: null, key: "" }); // the latest frame; a key pressed between two
const MOST = 60; // lines of the palette
const WAIT_MS = 3000; // for the fields of a popover

export default function ({ data, parentElement, setTriggerValue }) {
  let frame = frames.get(parentElement);
  if (!frame) frames.set(parentElement, (frame = newFrame(parentElement, data)));
  frame.ask = () => setTriggerValue("open", true);
  frame.go = (place) => setTriggerValue("go", place);
  frame.keys = data.keys;
  if (data.places) Object.assign(frame, { places: data.places });
  if (data.places && frame.palette) arrive(frame);
  if (data.closed !== frame.closed) frame.opener?.click();
  frame.closed = data.closed;
  if (shared.key) openBy(frame, shared.key);
  return frame.leave;
}

function newFrame(parent, { closed }) {
  const root = parent.appendChild(element("div", "pg"));
  shared.frame?.unlisten();
  const frame = (shared.frame = { root, places: [], closed, opener: null, palette: null, isGone: false });
  const opened = new MutationObserver((changes) => changes.forEach((change) => onOpened(frame, change)));
  opened.observe(document.body, { childList: true, subtree: true });
  const onKey = (event) => press(frame, event);
  document.addEventListener("keydown", onKey);
  keepSteps();
  frame.unlisten = () => document.removeEventListener("keydown", onKey);
  frame.leave = () => {
    opened.disconnect();
    if (frame.palette) shared.key = "k";
    frame.isGone = true; // the next page comes, and listens until then
    root.remove();
    frames.delete(parent);
  };
  return frame;
}

// ---- keys ----

function press(frame, event) {
  const control = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  const key = event.key.toLowerCase();
  if (event.key === "Tab") return turnRound(frame, event);
  if (control && key === "s") save();
  else if (control && key === "k") openBy(frame, key);
  else if (key === "?" && !control && !isTyping(event)) openBy(frame, key);
  else return;
  event.preventDefault();
}

// Between two pages there is no place for a dialog: the next page opens it.
function openBy(frame, key) {
  shared.key = frame.isGone ? key : "";
  if (!frame.isGone) (key === "k" ? openPalette : openList)(frame);
}

function isTyping(event) {
  return Boolean(event.composedPath()[0].closest?.("input, textarea, select, [contenteditable=true]"));
}

// The button Save of what is in front: a dialog, else an open popover, else the page.
function save() {
  const places = ["[role=dialog]", "[data-testid=stPopoverBody]", "[data-testid=stMain]"];
  const buttons = places.flatMap((place) => [...document.querySelectorAll(`${place} button`)]);
  const button = buttons.find((node) => node.textContent.trim() === "Save" && !node.disabled && node.checkVisibility());
  if (!button) return;
  document.activeElement?.blur(); // the field reports its text before the press
  button.click();
}

// ---- the palette and the list of keys ----

function dialog(frame, name) {
  frame.root.querySelector("dialog")?.close();
  const box = frame.root.appendChild(element("dialog"));
  const before = document.activeElement;
  box.setAttribute("aria-label", name);
  // The event comes a moment after the dialog is closed, when another may be open.
  box.addEventListener("close", () => {
    box.remove();
    if (frame.palette?.box === box) frame.palette = null;
    before?.focus({ preventScroll: true });
  });
  box.addEventListener("click", (event) => event.target === box && box.close()); // beside it
  return box;
}

function openList(frame) {
  const box = dialog(frame, "Keys");
  const keys = element("dl");
  for (const [key, text] of frame.keys) {
    keys.appendChild(element("dt")).append(element("kbd", "", key));
    keys.append(element("dd", "", text));
  }
  box.append(element("h2", "", "Keys"), keys);
  box.showModal();
}

function openPalette(frame) {
  if (frame.palette?.box.open) return;
  const box = dialog(frame, "Go to");
  const input = box.appendChild(element("input"));
  const places = box.appendChild(element("ul"));
  Object.assign(input, { placeholder: "Go to a page, a prompt or a run", autocomplete: "off", spellcheck: false });
  for (const [name, value] of Object.entries({ role: "combobox", "aria-expanded": "true", "aria-controls": "places", "aria-label": "Go to" }))
    input.setAttribute(name, value);
  Object.assign(places, { id: "places", role: "listbox", ariaLabel: "Places" });
  const none = box.appendChild(element("p", "empty", "Nothing has this name."));
  frame.palette = { box, input, places, none, at: 0 };
  input.addEventListener("input", () => list(frame));
  input.addEventListener("keydown", (event) => choose(frame, event));
  places.addEventListener("click", (event) => visit(frame, event.target.closest("li")?.place));
  list(frame);
  frame.ask();
  box.showModal();
}

function list({ places, palette }) {
  const words = palette.input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = ({ label, kind }) => words.every((word) => `${label} ${kind}`.toLowerCase().includes(word));
  const rows = places.filter(fits).slice(0, MOST).map((place, index) => {
    const row = element("li");
    Object.assign(row, { id: `place-${index}`, role: "option", place });
    row.append(element("span", "label", place.label), " ", element("span", "kind", place.kind));
    return row;
  });
  palette.places.replaceChildren(...rows);
  palette.none.hidden = rows.length > 0 || !places.length;
  mark(palette, 0);
}

function mark(palette, at) {
  const rows = [...palette.places.children];
  palette.at = Math.max(0, Math.min(rows.length - 1, at));
  rows.forEach((row, index) => row.setAttribute("aria-selected", String(index === palette.at)));
  const row = rows[palette.at];
  if (row) palette.input.setAttribute("aria-activedescendant", row.id);
  else palette.input.removeAttribute("aria-activedescendant");
  row?.scrollIntoView({ block: "nearest" });
}

function choose(frame, event) {
  const { palette } = frame;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) mark(palette, palette.at + step);
  else if (event.key === "Enter") visit(frame, palette.places.children[palette.at]?.place);
  else return;
  event.preventDefault();
}

// Enter may come before the list has.
function arrive(frame) {
  list(frame);
  if (frame.palette.isChosen) visit(frame, frame.palette.places.children[0]?.place);
}

function visit(frame, place) {
  frame.palette.isChosen = !frame.places.length;
  if (!place) return;
  frame.palette.box.close();
  frame.go(place);
}

// ---- the focus ----

const POPOVER = "[data-testid=stPopoverBody]";
const FIELDS = "input:not([type=hidden]), textarea, select, [role=combobox]";
const STOPS = `${FIELDS}, button, a[href], [tabindex='0']`;

function onOpened(frame, { addedNodes, removedNodes }) {
  const body = bodyIn(addedNodes);
  if (body) return void requestAnimationFrame(() => enter(frame, body));
  if (!bodyIn(removedNodes)) return;
  if (document.activeElement === document.body) frame.opener?.focus({ preventScroll: true });
  frame.opener = null;
}

function bodyIn(nodes) {
  for (const node of nodes) {
    const body = node.matches?.(POPOVER) ? node : node.querySelector?.(POPOVER);
    if (body) return body;
  }
  return null;
}

// The fields may come after their popover, with the page's next run: looks for them as long as the focus waits.
function enter(frame, body, until = performance.now() + WAIT_MS) {
  const active = document.activeElement;
  if (!body.isConnected || body.contains(active)) return;
  frame.opener = active?.closest("button");
  const field = stops(body, FIELDS)[0];
  if (field) field.focus({ preventScroll: true });
  else if (performance.now() < until) requestAnimationFrame(() => enter(frame, body, until));
}

function stops(body, selector) {
  return [...body.querySelectorAll(selector)].filter((node) => !node.disabled && node.tabIndex >= 0 && node.checkVisibility());
}

// A popover stands at the end of the document: after its last field comes its button again, not the end of the page.
function turnRound({ opener }, event) {
  const body = event.target.closest?.(POPOVER);
  if (!body || !opener) return;
  const all = stops(body, STOPS);
  if (event.target !== (event.shiftKey ? all[0] : all.at(-1))) return;
  opener.focus();
  event.preventDefault();
}

// ---- the history ----

const STEPS = ["prompt", "run", "chat"]; // a page opens one by itself: the first in its address is no step
const VIEWS = ["view", "against"];

// Streamlit adds an entry for each change of the address. A change that is no step replaces the entry.
function keepSteps() {
  if (Object.hasOwn(history, "pushState")) return;
  const push = history.pushState.bind(history);
  const replace = history.replaceState.bind(history);
  let last = null; // change of the address of this page since the last press
  let isBack = false; // nothing was pressed since the browser went back
  for (const name of ["click", "keydown"]) addEventListener(name, () => (last = isBack = null), true);
  addEventListener("popstate", () => (isBack = true));
  history.pushState = (state, title, url) => {
    const [from, to] = [new URL(location), new URL(url ?? location, location)];
    if (to.pathname === from.pathname) {
      last = { from, to, isStep: isStep(from, to) };
      return (last.isStep ? push : replace)(state, title, url);
    }
    if (isBack) return; // the page of a first step back comes after a second step
    // Where Python goes to another page, the address of this one first takes the parameters of the other.
    const isBorrowed = last?.to.href === from.href && from.search === to.search;
    if (isBorrowed && !last.isStep) replace(state, title, last.from);
    (isBorrowed && last.isStep ? replace : push)(state, title, url);
  };
}

function isStep(from, to) {
  if (from.pathname.endsWith("/Library")) return false; // there a prompt is only selected
  const changed = (name) => from.searchParams.get(name) !== to.searchParams.get(name);
  const opens = (name) => changed(name) && (from.searchParams.has(name) || from.pathname.endsWith("/Run"));
  return STEPS.some(opens) || VIEWS.some(changed);
}
