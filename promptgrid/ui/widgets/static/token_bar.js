// The context budget. All text goes in by textContent only.

const roots = new WeakMap(); // parent element -> the bar drawn in it

export default function ({ data, parentElement }) {
  let root = roots.get(parentElement);
  if (!root) roots.set(parentElement, (root = parentElement.appendChild(element("div", "pg token-bar"))));
  root.classList.toggle("over", Boolean(data.alarm));
  const legend = element("div", "legend");
  legend.append(element("span", "headline", data.headline));
  if (data.alarm) legend.append(element("span", "alarm", data.alarm));
  legend.append(...data.segments.map(entry));
  if (data.note) legend.append(element("span", "note", data.note));
  root.replaceChildren(bar(data), legend);
  return () => {
    root.remove();
    roots.delete(parentElement);
  };
}

function bar({ headline, alarm, segments, mark }) {
  const track = element("div", "track");
  track.setAttribute("role", "img");
  track.setAttribute("aria-label", [headline, alarm].filter(Boolean).join(", "));
  segments.forEach(({ label, tokens, share, kind }, index) => {
    const segment = track.appendChild(element("div", `segment ${kind}`));
    segment.style.width = `${share * 100}%`;
    segment.style.setProperty("--step", index);
    segment.title = `${label} ${tokens}`;
  });
  if (mark !== null) track.appendChild(element("div", "mark")).style.left = `${mark * 100}%`;
  return track;
}

function entry({ label, tokens, kind }, index) {
  const node = element("span", "entry");
  const swatch = node.appendChild(element("i", `swatch ${kind}`));
  swatch.style.setProperty("--step", index);
  node.append(`${label} `, element("b", "", tokens));
  return node;
}
