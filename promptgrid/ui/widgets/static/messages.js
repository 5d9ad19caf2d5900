// The messages of one request. All text is foreign and goes in by textContent only.

const roots = new WeakMap(); // parent element -> the list drawn in it

export default function ({ data, parentElement }) {
  let root = roots.get(parentElement);
  if (!root) roots.set(parentElement, (root = parentElement.appendChild(element("div", "pg messages"))));
  const scrolled = root.querySelector("ol")?.scrollTop ?? 0;
  const list = element("ol");
  list.setAttribute("aria-label", data.words.label);
  if (data.height) list.style.maxHeight = `${data.height}px`;
  list.append(...data.messages.map(message));
  if (!data.messages.length) list.append(element("li", "empty", data.words.empty));
  root.replaceChildren(list);
  if (data.messages.length && navigator.clipboard) root.append(copyButton(data));
  list.scrollTop = scrolled;
  return () => {
    root.remove();
    roots.delete(parentElement);
  };
}

// A mark appears once, above the first of the messages that it applies to.
function message({ role, text, mark }, index, all) {
  const item = element("li", mark.startsWith("example") ? "quiet" : "");
  const who = item.appendChild(element("div", "who"));
  who.append(element("div", "role", role));
  if (mark && mark !== role && mark !== all[index - 1]?.mark) who.append(element("div", "mark", mark));
  const body = item.appendChild(element("pre", "text", text));
  body.dir = "auto";
  body.tabIndex = 0;
  return item;
}

// The clipboard works on localhost and https only; elsewhere there is no button.
function copyButton({ copy, words }) {
  const button = element("button", "copy", words.copy);
  button.type = "button";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(copy);
    button.textContent = words.copied;
    setTimeout(() => (button.textContent = words.copy), 1500);
  });
  return button;
}
