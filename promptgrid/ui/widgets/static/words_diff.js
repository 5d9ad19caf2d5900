// The differences of two texts in one. All text is foreign and goes in by textContent only.

const roots = new WeakMap(); // parent element -> what is drawn in it
const TAGS = { removed: "del", added: "ins" };

export default function ({ data, parentElement }) {
  let root = roots.get(parentElement);
  if (!root) roots.set(parentElement, (root = parentElement.appendChild(element("div", "pg words-diff"))));
  const legend = element("div", "legend");
  legend.append(...data.legend.map(said));
  const text = element("pre", "text");
  text.dir = "auto";
  text.tabIndex = 0;
  text.setAttribute("aria-label", data.label);
  text.style.maxHeight = `${data.height}px`;
  text.append(...data.parts.map(part));
  root.replaceChildren(legend, text);
  if (data.cut) root.append(element("div", "cut", data.cut));
  return () => {
    root.remove();
    roots.delete(parentElement);
  };
}

function said({ kind, text, rest }) {
  const line = element("span");
  line.append(part({ kind, text }), rest);
  return line;
}

function part({ kind, text }) {
  return element(TAGS[kind] ?? "span", kind, text);
}
