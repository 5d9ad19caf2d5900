// Tells Python what is being typed into the named text areas, 200 ms after the last key.
// `texts` maps each key to the text that Python knows as the widget's value; it goes back as `base`, so that Python can
// tell old news: once the widget's value has changed, what was typed on top of another one no longer counts.
// `notes` go to the edge of their fields, as an attribute that frame.css shows: the nodes belong to Streamlit.

const PAUSE = 200;
const CELL = "*cell*"; // the editor of a table's cell, which Streamlit puts into a layer of its own
const watchers = new WeakMap(); // parent element -> its watcher

export default function ({ data, parentElement, setStateValue }) {
  let watcher = watchers.get(parentElement);
  if (!watcher) watchers.set(parentElement, (watcher = newWatcher(parentElement)));
  watcher.texts = data.texts;
  watcher.send = (typed) => setStateValue("typed", typed);
  for (const area of document.querySelectorAll("textarea")) note(watcher, area, data.notes);
  catchUp(watcher, document.activeElement);
  return watcher.leave;
}

function newWatcher(parent) {
  const watcher = { texts: {}, told: {}, timer: 0 };
  const listeners = {
    input: ({ target }) => type(watcher, target),
    keydown: (event) => commit(watcher, event),
    focusin: ({ target }) => enter(watcher, target),
    focusout: ({ target }) => exit(watcher, target),
  };
  for (const [name, listener] of Object.entries(listeners)) document.addEventListener(name, listener);
  watcher.leave = () => {
    clearTimeout(watcher.timer);
    for (const [name, listener] of Object.entries(listeners)) document.removeEventListener(name, listener);
    watchers.delete(parent);
  };
  return watcher;
}

// Streamlit writes a widget's key into a class, with a dash for what a class cannot hold.
function keyOf(watcher, area) {
  if (area?.tagName !== "TEXTAREA") return undefined;
  if (CELL in watcher.texts && area.closest("#portal")) return CELL;
  return Object.keys(watcher.texts).find((key) => area.closest(`.st-key-${key.replace(/[^a-zA-Z0-9_-]/g, "-")}`));
}

function note(watcher, area, notes) {
  const key = keyOf(watcher, area);
  const field = area.parentElement;
  if (notes[key]) field.dataset.pgNote = notes[key];
  else if (key !== undefined) delete field.dataset.pgNote;
}

// A cell's text is not known before it is edited.
function enter(watcher, area) {
  if (keyOf(watcher, area) === CELL) type(watcher, area);
}

function type(watcher, area) {
  const key = keyOf(watcher, area);
  if (key === undefined) return;
  clearTimeout(watcher.timer);
  watcher.timer = setTimeout(() => tell(watcher, key, area), PAUSE);
}

function tell(watcher, key, area) {
  watcher.told = { key, text: area.value, base: watcher.texts[key] };
  watcher.send(watcher.told);
}

// Somebody was quicker than this script was loaded, or typed on before Python had heard of a commit.
function catchUp(watcher, area) {
  const key = keyOf(watcher, area);
  if (key === undefined || area.value === watcher.texts[key]) return;
  if (watcher.told.text !== area.value || watcher.told.base !== watcher.texts[key]) type(watcher, area);
}

// Ctrl+Enter makes the text the widget's value.
function commit(watcher, event) {
  const committed = event.key === "Enter" && (event.ctrlKey || event.metaKey);
  if (committed && keyOf(watcher, event.target) !== undefined) clearTimeout(watcher.timer);
}

// Leaving commits the text: a message of ours, late, would only erase what the click that follows has drawn. Except
// where the text is what it was at first, so that there is nothing to commit, and Python has heard something else.
function exit(watcher, area) {
  const key = keyOf(watcher, area);
  if (key === undefined) return;
  clearTimeout(watcher.timer);
  const { text, base } = watcher.told;
  if (area.value === watcher.texts[key] && base === area.value && text !== area.value) tell(watcher, key, area);
}
