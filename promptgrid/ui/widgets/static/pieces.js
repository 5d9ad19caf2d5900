// The tokens of a text; the line below describes the one under the pointer or the arrow keys.
// All text is foreign and goes in by textContent only.

const roots = new WeakMap(); // parent element -> what is drawn in it

export default function ({ data, parentElement }) {
  let view = roots.get(parentElement);
  if (!view) roots.set(parentElement, (view = newView(parentElement)));
  view.data = data;
  const drawn = data.pieces.flatMap(piece);
  view.text.replaceChildren(...(drawn.length ? drawn : [element("span", "empty", data.words.empty)]));
  view.text.setAttribute("aria-label", data.label);
  view.text.style.height = `${data.height}px`;
  tell(view, undefined);
  return () => {
    view.root.remove();
    roots.delete(parentElement);
  };
}

function newView(parent) {
  const root = element("div", "pg pieces");
  const text = element("div", "text");
  const about = element("div", "about");
  text.tabIndex = 0;
  text.setAttribute("role", "group");
  about.setAttribute("aria-live", "polite");
  root.append(text, about);
  parent.append(root);
  const view = { root, text, about, data: null };
  text.addEventListener("pointerover", ({ target }) => tell(view, target.closest(".piece") ?? undefined));
  text.addEventListener("click", ({ target }) => tell(view, target.closest(".piece") ?? undefined));
  text.addEventListener("keydown", (event) => step(view, event));
  return view;
}

// `shown` alternates between literal text and signs for invisible characters. A line break at its end is drawn after the
// piece: inside it the next line would start with a sliver of colour.
function piece({ shown, of, kind }, at) {
  const node = element("span", `piece c${at % 4} ${kind}`);
  shown.forEach((words, turn) => {
    const last = turn === shown.length - 1 ? words.replace(/\n$/, "") : words;
    if (last) node.append(turn % 2 ? element("i", "mark", last) : last);
  });
  node.dataset.at = at;
  if (of) node.dataset.of = of;
  return shown.at(-1).endsWith("\n") ? [node, "\n"] : [node];
}

function tell(view, node) {
  view.text.querySelector(".now")?.classList.remove("now");
  view.now = node;
  const about = node && view.data.pieces[node.dataset.at];
  node?.classList.add("now");
  view.about.replaceChildren(...(about ? [element("b", "", about.name), ` ${about.about}`] : [view.data.words.hint]));
}

function step(view, event) {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const pieces = view.text.querySelectorAll(".piece");
  const next = pieces[view.now ? Number(view.now.dataset.at) + by : 0];
  if (!next) return;
  tell(view, next);
  next.scrollIntoView({ block: "nearest" });
}
