// A list of names and values. All text is foreign and goes in by textContent only.

const roots = new WeakMap(); // parent element -> the list drawn in it

export default function ({ data, parentElement }) {
  let root = roots.get(parentElement);
  if (!root) roots.set(parentElement, (root = parentElement.appendChild(element("dl", "pg facts"))));
  root.replaceChildren(...data.facts.flatMap(pair));
  return () => {
    root.remove();
    roots.delete(parentElement);
  };
}

function pair({ name, value, note, tone }) {
  const said = element("dd", tone);
  said.dir = "auto";
  if (value) said.append(element("span", "value", value));
  if (note) said.append(element("span", "note", note));
  return [element("dt", "", name), said];
}
