// Buttons that put a text on the clipboard, which works on localhost and https only; elsewhere there are none.

const rows = new WeakMap(); // parent element -> the row of buttons drawn in it

export default function ({ data, parentElement }) {
  let row = rows.get(parentElement);
  if (!row) rows.set(parentElement, (row = parentElement.appendChild(element("div", "pg copies"))));
  if (navigator.clipboard) row.replaceChildren(...data.texts.map((text) => copyButton(text, data.copied)));
  return () => {
    row.remove();
    rows.delete(parentElement);
  };
}

function copyButton({ label, text }, copied) {
  const button = element("button", "", label);
  button.type = "button";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = copied;
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}
