// Sends the text in the named text areas to Python: at once after the first key, then 200 ms after the last one. So one
// letter shows without a wait, and a word is sent twice, not once a key.
// `texts` maps each key to the value of the widget in Python. It is sent back as `base`: Python ignores a text that was
// typed over an older value. `notes` appear at the edge of their fields, through an attribute that frame.css shows,
// since the nodes belong to Streamlit.

const FIRST = 20, PAUSE = 200, REST = 500; // ms; a key after such a rest is the first one
const CELL = "*cell*"; // the editor of a table cell, which Streamlit draws in a separate layer
const watchers = new WeakMap(); // parent element -> its watcher

export default function ({ data, parentElement, setStateValue }) {
  let watcher = watchers.get(parentElement);
  if (!watcher) watchers.set(parentElement, (watcher = newWatcher(parentElement)));
  watcher.texts = data.texts;
  watcher.send = (typed) => setStateValue("typed", typed);
  watcher.notes = data.notes;
  noteAll(watcher);
  catchUp(watcher, document.activeElement);
  return watcher.leave;
}

function newWatcher(parent) {
  const watcher = { texts: {}, notes: {}, sent: {}, timer: 0, typed: -REST };
  const fields = new MutationObserver(() => noteAll(watcher)); // a field may be drawn after its note has come
  fields.observe(document.body, { childList: true, subtree: true });
  const listeners = {
    input: ({ target }) => type(watcher, target),
    keydown: (event) => commit(watcher, event),
    focusin: ({ target }) => enter(watcher, target),
    focusout: ({ target }) => exit(watcher, target),
    paste: (event) => pasteRows(watcher, event),
  };
  for (const [name, listener] of Object.entries(listeners)) document.addEventListener(name, listener);
  watcher.leave = () => {
    clearTimeout(watcher.timer);
    fields.disconnect();
    for (const [name, listener] of Object.entries(listeners)) document.removeEventListener(name, listener);
    watchers.delete(parent);
  };
  return watcher;
}

// Streamlit makes a class of a widget's key, with a dash for each character that a class cannot have.
function keyOf(watcher, area) {
  if (area?.tagName !== "TEXTAREA") return undefined;
  if (CELL in watcher.texts && area.closest("#portal")) return CELL;
  return Object.keys(watcher.texts).find((key) => area.closest(`.st-key-${key.replace(/[^a-zA-Z0-9_-]/g, "-")}`));
}

function noteAll(watcher) {
  for (const area of document.querySelectorAll("textarea")) note(watcher, area);
}

function note(watcher, area) {
  const key = keyOf(watcher, area);
  const field = area.parentElement;
  if (watcher.notes[key]) field.dataset.pgNote = watcher.notes[key];
  else if (key !== undefined) delete field.dataset.pgNote;
}

// The text of a cell is not known before it is edited.
function enter(watcher, area) {
  if (keyOf(watcher, area) === CELL) type(watcher, area);
}

function type(watcher, area) {
  const key = keyOf(watcher, area);
  if (key === undefined) return;
  clearTimeout(watcher.timer);
  const isFirst = performance.now() - watcher.typed > REST;
  watcher.typed = performance.now();
  watcher.timer = setTimeout(() => report(watcher, key, area), isFirst ? FIRST : PAUSE);
}

function report(watcher, key, area) {
  watcher.sent = { key, text: area.value, base: watcher.texts[key] };
  watcher.send(watcher.sent);
}

// The user typed before this script was loaded, or before Python had received a commit.
function catchUp(watcher, area) {
  const key = keyOf(watcher, area);
  if (key === undefined || area.value === watcher.texts[key]) return;
  if (watcher.sent.text !== area.value || watcher.sent.base !== watcher.texts[key]) type(watcher, area);
}

// Ctrl+Enter commits the text as the value of the widget.
function commit(watcher, event) {
  const committed = event.key === "Enter" && (event.ctrlKey || event.metaKey);
  if (committed && keyOf(watcher, event.target) !== undefined) clearTimeout(watcher.timer);
}

// Leaving the field commits the text, so a later report would only undo what the next click has drawn. The exception: the
// text is the committed one again, so nothing is committed, and the last report was another text.
function exit(watcher, area) {
  const key = keyOf(watcher, area);
  if (key === undefined) return;
  clearTimeout(watcher.timer);
  const { text, base } = watcher.sent;
  if (area.value === watcher.texts[key] && base === area.value && text !== area.value) report(watcher, key, area);
}

// A click on the empty row opens the editor of a cell. Rows of a spreadsheet, whose cells are separated by tabs, are not
// the text of this cell: the table takes them, as it does when no editor is open, and adds rows.
function pasteRows(watcher, event) {
  const editor = event.target;
  const rows = event.clipboardData?.getData("text/plain") ?? "";
  if (keyOf(watcher, editor) !== CELL || editor.value !== "" || !rows.includes("\t")) return;
  event.preventDefault();
  editor.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true }));
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", rows);
  const paste = () => {
    if (editor.isConnected) requestAnimationFrame(paste);
    else document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  };
  paste();
}
