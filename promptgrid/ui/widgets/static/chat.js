// The turns of a conversation, replies of several variants side by side. All text is foreign and goes in by textContent
// only. Python receives a press as {act, id, …}. A turn is edited in place.

const logs = new WeakMap(); // parent element -> the log drawn in it

export default function ({ data, parentElement, setTriggerValue }) {
  let log = logs.get(parentElement);
  if (!log) logs.set(parentElement, (log = newLog(parentElement)));
  log.send = (act) => setTriggerValue("act", act);
  const drawn = JSON.stringify(data);
  if (drawn !== log.drawn) following(log, data, () => grow(log, data) || draw(log, data));
  log.drawn = drawn;
  return () => {
    log.unwatch();
    log.root.remove();
    logs.delete(parentElement);
  };
}

function newLog(parent) {
  const root = element("ol", "pg chat");
  parent.append(root);
  const log = { root, edited: null, area: null, follows: true, openChunks: new Set() };
  log.unwatch = watchScroll(log);
  return log;
}

function draw(log, data) {
  log.root.setAttribute("aria-label", data.words.label);
  const { area } = log;
  const cursor = area && log.root.getRootNode().activeElement === area ? [area.selectionStart, area.selectionEnd] : null;
  log.data = data;
  if (reopen(log, data)) return;
  for (const save of log.edited?.box.querySelectorAll(".save, .save_branch") ?? []) save.disabled = data.busy;
  log.root.replaceChildren(...data.turns.map((turn) => drawTurn(log, turn)));
  if (cursor && area.isConnected) {
    area.focus();
    area.setSelectionRange(...cursor);
  }
}

// Opens the editor of an edit again that Python has refused, with its text. Returns whether it did, which draws the log.
function reopen(log, { turns, refused }) {
  const turn = turns.find(({ id }) => id === refused?.id);
  if (!turn || log.edited || log.reopened === JSON.stringify(refused)) return false;
  log.reopened = JSON.stringify(refused);
  edit(log, turn, refused.variant, refused.text);
  return true;
}

// Draws, and keeps the end of a reply that streams in view, unless the reader has scrolled up from it.
function following(log, data, drawing) {
  drawing();
  const streams = data.turns.some((turn) => turn.replies.some((reply) => reply.state === "running"));
  if (streams && log.follows) page().scrollTop += Math.max(0, below(log));
}

const NEAR = 40; // px: a reader who has come back so near to the end follows it again
const page = () => document.querySelector('[data-testid="stMain"]');

// Notes whether the reader wants to follow: scrolling up ends it, scrolling to the end begins it again. Text that
// arrives never scrolls up.
function watchScroll(log) {
  let top = page().scrollTop;
  const scrolled = () => {
    if (page().scrollTop < top) log.follows = false;
    if (below(log) <= NEAR) log.follows = true;
    top = page().scrollTop;
  };
  page().addEventListener("scroll", scrolled, { passive: true });
  return () => page()?.removeEventListener("scroll", scrolled);
}

// How far the log reaches below what the reader sees, which ends above the field for the next turn; in pixels.
function below(log) {
  const bar = document.querySelector('[data-testid="stBottom"]');
  const edge = bar ? bar.getBoundingClientRect().top : document.documentElement.clientHeight;
  return log.root.getBoundingClientRect().bottom + 8 - edge;
}

// Adds what has arrived to the texts on the screen, so that a selection in them stays. Returns false if more than the
// texts and the facts has changed: then the log has to be drawn anew.
function grow(log, data) {
  const shape = (drawn) => JSON.stringify(drawn, (key, value) => (key === "text" || key === "facts" ? 0 : value));
  if (!log.data || log.edited || shape(log.data) !== shape(data)) return false;
  const texts = log.root.querySelectorAll(".running pre");
  const replies = data.turns.flatMap((turn) => turn.replies);
  if (texts.length !== replies.length || !replies.every((reply, i) => reply.text.startsWith(texts[i].textContent))) return false;
  replies.forEach((reply, i) => {
    const more = reply.text.slice(texts[i].textContent.length);
    if (more) texts[i].append(more);
    texts[i].closest(".reply").querySelector(".facts").textContent = reply.facts;
  });
  log.data = data;
  return true;
}

function drawTurn(log, turn) {
  const item = element("li", `${turn.role} ${turn.seen ? "" : "unseen"} ${turn.mark ? "marked" : ""}`);
  item.dataset.id = turn.id;
  const who = item.appendChild(element("div", "who"));
  who.append(element("div", "role", turn.role));
  if (turn.mark) who.append(element("div", "mark", turn.mark));
  if (turn.tokens) who.append(element("div", "mark", turn.tokens));
  const body = item.appendChild(element("div", "body"));
  const actions = drawActions(log, turn);
  if (turn.replies.length) {
    const columns = body.appendChild(element("div", "columns"));
    columns.style.setProperty("--columns", turn.replies.length);
    columns.append(...turn.replies.map((reply) => drawReply(log, turn, reply)));
  } else {
    body.append(textOrEditor(log, turn, null, turn.text));
  }
  const alone = turn.replies.length === 1; // its facts and all that can be done share a line
  if (alone) body.querySelector(".foot").append(...actions.childNodes);
  else if (actions.childNodes.length) body.append(actions);
  return item;
}

function drawReply(log, turn, reply) {
  const box = element("section", `reply ${reply.state}`);
  if (reply.name) box.append(element("h4", "", reply.name));
  const shown = box.appendChild(textOrEditor(log, turn, reply.variant, reply.text));
  const chunks = reply.chunks ? newChunks(log, reply) : null;
  if (chunks && shown.tagName === "PRE") cite(shown, reply, chunks);
  if (reply.error) box.append(element("p", "error", reply.error));
  if (chunks) box.append(chunks);
  const foot = box.appendChild(element("div", "foot"));
  foot.append(element("span", "facts", reply.facts));
  for (const act of reply.acts) {
    const press = act === "edit" ? () => edit(log, turn, reply.variant, reply.text) : null;
    foot.append(button(log, act, { act, id: turn.id, variant: reply.variant }, press, { calls: turn.calls[act] }));
  }
  return box;
}

// The chunks of documents that the model was given, closed at first, each with a link to its place in the document.
function newChunks(log, { found, chunks }) {
  const { chunk: name, open } = log.data.words;
  const list = element("div", "chunks");
  list.append(element("p", "facts", found));
  for (const { number, place, note, text, address } of chunks) {
    const item = list.appendChild(element("details"));
    item.open = log.openChunks.has(address + number);
    item.addEventListener("toggle", () => log.openChunks[item.open ? "add" : "delete"](address + number));
    const head = item.appendChild(element("summary"));
    const link = element("a", "", place);
    Object.assign(link, { href: address, target: "_blank", rel: "noopener", title: open });
    head.append(element("b", "", `[${number}]`), " ", link, " ", element("span", "facts", note));
    head.setAttribute("aria-label", `${name} ${number}: ${place}`);
    const quoted = item.appendChild(element("blockquote", "", text));
    quoted.dir = "auto";
  }
  return list;
}

// Draws the reply's text with a link for each citation, which opens the chunk that it names.
function cite(node, { pieces }, chunks) {
  const items = chunks.querySelectorAll("details");
  const links = pieces.map(([text, number]) => {
    if (!number) return text;
    const link = element("button", "cite", text);
    link.type = "button";
    link.addEventListener("click", () => {
      items[number - 1].open = true;
      items[number - 1].querySelector("summary").focus();
    });
    return link;
  });
  node.replaceChildren(...links);
}

function textOrEditor(log, turn, variant, text) {
  const { edited } = log;
  if (edited && edited.id === turn.id && edited.variant === variant) return edited.box;
  const node = element("pre", "", text);
  node.dir = "auto";
  return node;
}

function drawActions(log, turn) {
  const row = element("div", "actions");
  if (log.edited?.id === turn.id) return row;
  if (turn.of > 1) {
    const place = `${turn.at} of ${turn.of}`;
    row.append(
      button(log, "before", { act: "sibling", id: turn.id, by: -1 }, null, { disabled: turn.at === 1 }),
      element("span", "place", place),
      button(log, "after", { act: "sibling", id: turn.id, by: 1 }, null, { disabled: turn.at === turn.of }),
    );
  }
  for (const act of turn.acts) {
    const press = act === "edit" ? () => edit(log, turn, null, turn.text) : null;
    row.append(button(log, act, { act, id: turn.id }, press, { calls: turn.calls[act] }));
  }
  return row;
}

// `calls` says how many calls the press sends ("3 calls").
function button(log, name, message, press, { disabled = false, calls = "" } = {}) {
  const [label, title] = log.data.words.acts[name];
  const node = element("button", name, calls ? `${label} · ${calls}` : label);
  node.type = "button";
  node.title = title;
  node.disabled = disabled || (log.data.busy && name !== "cancel");
  node.addEventListener("click", press ?? (() => log.send(message)));
  return node;
}

function edit(log, turn, variant, text) {
  const box = element("div", "editor");
  const area = box.appendChild(element("textarea"));
  area.value = text;
  area.dir = "auto";
  area.setAttribute("aria-label", log.data.words.edit);
  const close = () => {
    log.edited = log.area = null;
    draw(log, log.data);
  };
  const send = (how) => {
    if (log.data.busy) return; // the text stays in its field until the model has answered
    const changed = area.value;
    close();
    log.send({ act: "edit", id: turn.id, variant, text: changed, how });
  };
  area.addEventListener("input", () => fit(area));
  area.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the page's own shortcuts mean the message below
    if (event.key === "Escape") close();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send("here");
  });
  const row = box.appendChild(element("div", "actions"));
  if (variant === null && turn.parts.length) row.append(newParts(log, turn));
  row.append(
    button(log, "save", null, () => send("here")),
    button(log, "save_branch", null, () => send("branch"), { calls: turn.calls.save_branch }),
    button(log, "cancel", null, close),
  );
  log.edited = { id: turn.id, variant, box };
  log.area = area;
  draw(log, log.data);
  fit(area);
  area.focus();
}

// The part of the prompt that the turn counts as in the context budget.
function newParts(log, turn) {
  const choice = element("select");
  choice.setAttribute("aria-label", log.data.words.part);
  choice.append(...turn.parts.map(([value, label]) => Object.assign(element("option", "", label), { value })));
  choice.value = turn.part;
  choice.addEventListener("change", () => log.send({ act: "part", id: turn.id, part: choice.value }));
  return choice;
}

function fit(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}
