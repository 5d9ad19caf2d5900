// The beams of a search as a tree of tokens, beside the texts found in other ways. What was cut is grey.
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
  const root = parent.appendChild(element("div", "pg beam-tree"));
  const view = { root };
  view.tree = root.appendChild(element("div", "tree"));
  view.tree.tabIndex = 0; // it scrolls, also by keys
  view.tree.setAttribute("role", "group");
  view.tree.setAttribute("aria-label", "The beams as a tree");
  view.texts = root.appendChild(element("div", "texts"));
  view.leave = () => {
    root.remove();
    views.delete(parent);
  };
  return view;
}

function draw(view, { before, nodes, texts }) {
  const lead = element("div", "before", before);
  lead.dir = "auto";
  view.tree.replaceChildren(lead, list(nodes));
  view.texts.replaceChildren(...texts.map(card));
}

function list(nodes) {
  const items = element("ul");
  items.append(...nodes.map(item));
  return items;
}

function item(node) {
  const line = element("li", node.cut ? "cut" : "");
  for (const { label, half, said } of node.tokens) {
    const token = element("span", half ? "token half" : "token", label);
    token.title = said;
    line.append(token);
  }
  if (node.said) line.append(" ", element("span", node.best ? "said best" : "said", node.said));
  if (node.children.length) line.append(list(node.children));
  return line;
}

function card({ way, text, said, best }) {
  const box = element("div", best ? "card best" : "card");
  const head = box.appendChild(element("div", "head"));
  head.append(element("span", "way", way), element("span", "said", said));
  const body = box.appendChild(element("div", "text", text));
  body.dir = "auto";
  return box;
}
