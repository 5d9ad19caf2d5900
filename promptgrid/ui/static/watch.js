// Tells Python what is being typed into the named text areas, 250 ms after the last key.
// `base` is the text that Python knows as the widget's value: once that has changed, what was typed is old news.

const PAUSE = 250;
const watchers = new WeakMap(); // parent element -> its watcher

export default function ({ data, parentElement, setStateValue }) {
  let watcher = watchers.get(parentElement);
  if (!watcher) watchers.set(parentElement, (watcher = newWatcher(parentElement)));
  watcher.keys = data.keys;
  watcher.send = (typed) => setStateValue("typed", typed);
  return watcher.leave;
}

function newWatcher(parent) {
  const watcher = { keys: [], area: null, base: "", told: "", timer: 0 };
  const listeners = {
    focusin: ({ target }) => enter(watcher, target),
    input: ({ target }) => type(watcher, target),
    keydown: (event) => commit(watcher, event),
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
  if (area.tagName !== "TEXTAREA") return undefined;
  return watcher.keys.find((key) => area.closest(`.st-key-${key.replace(/[^a-zA-Z0-9_-]/g, "-")}`));
}

function enter(watcher, area) {
  if (keyOf(watcher, area) === undefined) return;
  Object.assign(watcher, { area, base: area.value, told: area.value });
}

function type(watcher, area) {
  const key = keyOf(watcher, area);
  if (key === undefined) return;
  if (area !== watcher.area) Object.assign(watcher, { area, base: area.defaultValue, told: area.defaultValue });
  clearTimeout(watcher.timer);
  watcher.timer = setTimeout(() => tell(watcher, key), PAUSE);
}

function tell(watcher, key) {
  watcher.told = watcher.area.value;
  watcher.send({ key, text: watcher.told, base: watcher.base });
}

// Ctrl+Enter makes the text the widget's value.
function commit(watcher, event) {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.target !== watcher.area) return;
  clearTimeout(watcher.timer);
  watcher.base = watcher.told = watcher.area.value;
}

// Leaving commits the text: a message of ours, late, would only erase what the click that follows has drawn. Except
// where the text is what it was at first, so that there is nothing to commit, and Python has heard something else.
function exit(watcher, area) {
  if (area !== watcher.area) return;
  clearTimeout(watcher.timer);
  if (area.value === watcher.base && watcher.told !== watcher.base) tell(watcher, keyOf(watcher, area));
  watcher.area = null;
}
