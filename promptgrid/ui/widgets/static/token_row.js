// Tokens in a row, coloured by surprise. The one under the pointer shows its probability and the likeliest alternatives.
// All text is foreign and goes in by textContent only.

const views = new WeakMap(); // parent element -> what is drawn in it

export default function ({ data, parentElement }) {
  let view = views.get(parentElement);
  if (!view) views.set(parentElement, (view = newView(parentElement)));
  const shape = JSON.stringify(data);
  if (shape !== view.shape) {
    view.shape = shape;
    draw(view, data);
  }
  return view.leave;
}

function newView(parent) {
  const root = parent.appendChild(element("div", "pg token-row"));
  const view = { root, pinned: null };
  view.text = root.appendChild(element("div", "tokens"));
  view.reads = root.appendChild(element("div", "reads"));
  view.detail = root.appendChild(element("div", "detail"));
  view.detail.setAttribute("aria-live", "polite");
  view.leave = () => {
    root.remove();
    views.delete(parent);
  };
  return view;
}

function draw(view, { before, tokens, empty, reads }) {
  view.pinned = null;
  view.nodes = tokens.map((token) => newToken(view, token));
  const lead = element("span", "before", before);
  lead.dir = "auto";
  view.text.replaceChildren(lead, ...view.nodes);
  view.reads.textContent = reads ? `Reads: ${reads}` : "";
  view.empty = tokens.length ? "" : empty;
  const last = view.nodes[view.nodes.length - 1];
  tell(view, last && last.token, last);
}

function newToken(view, token) {
  const node = element("button", token.half ? "token half" : "token", token.label);
  node.type = "button";
  node.token = token;
  node.style.setProperty("--shade", token.shade);
  node.title = token.said;
  node.setAttribute("aria-label", `${token.label}, ${token.said}`);
  node.addEventListener("mouseenter", () => tell(view, token, node));
  node.addEventListener("focus", () => tell(view, token, node));
  node.addEventListener("click", () => {
    view.pinned = node;
    tell(view, token, node);
  });
  node.addEventListener("mouseleave", () => view.pinned && tell(view, view.pinned.token, view.pinned));
  return node;
}

function tell(view, token, node) {
  for (const other of view.nodes) other.classList.toggle("at", other === node);
  if (!token) {
    view.detail.replaceChildren(element("span", "said", view.empty));
    return;
  }
  const name = element("span", token.half ? "name half" : "name", token.label);
  const parts = [name, element("span", "said", `${token.said}${token.id === null ? "" : ` · token ${token.id}`}`)];
  if (token.likely.length) parts.push(element("span", "instead", "instead:"));
  for (const { label, half, said } of token.likely) {
    const other = element("span", "other");
    other.append(element("span", half ? "name half" : "name", label), ` ${said}`);
    parts.push(other);
  }
  view.detail.replaceChildren(...parts);
}
