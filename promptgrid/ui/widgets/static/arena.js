// Two replies to one case, named only by their side. All text is foreign and goes in by textContent only.

const boards = new WeakMap(); // parent element -> the board drawn in it
const KEYS = { arrowleft: "left", arrowright: "right", arrowdown: "tie", t: "tie", s: "skip", u: "undo" };
const ELSEWHERE = "input, textarea, select, [contenteditable], [role=listbox], [role=menu], [role=dialog]";
const PATIENCE_MS = 5000; // a vote that brought nothing new by then may be given again

export default function ({ data, parentElement, setTriggerValue }) {
  let board = boards.get(parentElement);
  if (!board) boards.set(parentElement, (board = newBoard(parentElement, data.words)));
  board.send = (choice) => setTriggerValue("vote", { at: data.at, choice });
  draw(board, data);
  return board.leave;
}

function newBoard(parent, words) {
  const root = element("section", "pg arena");
  root.setAttribute("aria-label", words.label);
  const board = { root, at: null, waits: false, early: null, timer: 0, tall: 0, wide: 0 };
  const progress = root.appendChild(element("div", "progress"));
  board.bar = progress.appendChild(element("div", "bar")).appendChild(element("div", "done"));
  board.count = progress.appendChild(element("div", "count"));
  board.count.setAttribute("role", "status");
  board.inputs = root.appendChild(element("dl"));
  board.inputs.tabIndex = 0;
  board.expected = root.appendChild(element("details"));
  board.expected.append(element("summary", "", words.expected), element("pre"));
  board.pair = root.appendChild(element("div", "pair"));
  board.texts = ["A", "B"].map((side) => newSide(board.pair, side));
  board.over = root.appendChild(element("p", "over"));
  const choices = root.appendChild(element("div", "choices"));
  board.buttons = words.choices.map(([choice, key, label]) => choices.appendChild(newButton(board, choice, key, label)));
  const onKey = (event) => press(board, event);
  document.addEventListener("keydown", onKey);
  board.leave = () => {
    clearTimeout(board.timer);
    document.removeEventListener("keydown", onKey);
    root.remove();
    boards.delete(parent);
  };
  parent.append(root);
  return board;
}

function newSide(pair, side) {
  const box = pair.appendChild(element("article"));
  box.append(element("h3", "", side));
  const text = box.appendChild(element("pre"));
  text.dir = "auto";
  text.tabIndex = 0;
  text.setAttribute("aria-label", side);
  text.after(element("p", "cut"));
  return text;
}

function newButton(board, choice, key, label) {
  const button = element("button", choice);
  button.type = "button";
  button.append(element("kbd", "", key), element("span", "", label));
  button.addEventListener("click", () => vote(board, choice));
  return Object.assign(button, { choice });
}

function draw(board, data) {
  if (board.waits && data.at === board.at) return; // drawn anew for another reason: the vote is not known yet
  const early = JSON.stringify(data.pair) === board.shown ? board.early : null;
  settle(board);
  board.at = data.at;
  board.given = data.pair;
  board.next = data.next;
  board.undoable = data.undoable;
  board.bar.style.width = `${data.percent}%`;
  board.count.textContent = data.progress;
  board.over.textContent = data.over;
  show(board, data.pair);
  for (const button of board.buttons) button.setAttribute("aria-disabled", String(!allowed(board, button.choice)));
  if (early) vote(board, early);
}

function show(board, pair) {
  board.shown = JSON.stringify(pair);
  board.open = pair !== null;
  board.root.classList.toggle("empty", !board.open);
  if (!pair) return;
  board.inputs.replaceChildren(...pair.inputs.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]));
  board.expected.hidden = pair.expected === null;
  board.expected.querySelector("pre").textContent = pair.expected ?? "";
  pair.sides.forEach(({ text, cut }, i) => {
    if (board.texts[i].textContent !== text) board.texts[i].scrollTop = 0;
    board.texts[i].textContent = text;
    board.texts[i].nextSibling.textContent = cut;
  });
  keepHeight(board);
}

// Nothing below moves: a pair is at least as tall as the tallest one so far.
function keepHeight(board) {
  if (board.wide !== board.pair.clientWidth) board.tall = 0;
  board.wide = board.pair.clientWidth;
  board.pair.style.minHeight = "";
  board.tall = Math.max(board.tall, board.pair.offsetHeight);
  board.pair.style.minHeight = `${board.tall}px`;
}

function allowed(board, choice) {
  return choice === "undo" ? board.undoable : board.open;
}

// The next pair is drawn at once, from data that is here already; a vote on it waits until the last vote is stored.
function vote(board, choice) {
  if (!allowed(board, choice)) return;
  if (board.waits) return void (board.early ??= choice);
  board.waits = true;
  board.timer = setTimeout(() => giveUp(board), PATIENCE_MS);
  board.send(choice);
  if (choice !== "undo" && board.next) show(board, board.next);
}

function settle(board) {
  clearTimeout(board.timer);
  board.waits = false;
  board.early = null;
}

function giveUp(board) {
  settle(board);
  show(board, board.given);
}

function press(board, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.composedPath()[0].closest?.(ELSEWHERE)) return;
  if (event.key === "PageDown" || event.key === "PageUp") return turnPage(board, event);
  const choice = KEYS[event.key.toLowerCase()];
  if (!choice) return;
  event.preventDefault();
  if (!event.repeat) vote(board, choice); // a key that is held down is one vote
}

// Scrolls both texts, if one of them is longer than its box.
function turnPage(board, event) {
  if (board.texts.every((text) => text.scrollHeight <= text.clientHeight)) return;
  event.preventDefault();
  const way = event.key === "PageDown" ? 1 : -1;
  for (const text of board.texts) text.scrollBy(0, way * 0.9 * text.clientHeight);
}
