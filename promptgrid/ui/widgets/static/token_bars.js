// The likeliest next tokens. Sliders reshape them here, without a call: the same formula as nextword/chances.py, whose
// docstrings say why there are ranges. All text is foreign and goes in by textContent only.

const SURE = 1e-9;
const PAUSE = 150; // ms after the last move of a slider until Python hears of it; at once when the slider is left
const views = new WeakMap(); // parent element -> what is drawn in it

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  let view = views.get(parentElement);
  if (!view) views.set(parentElement, (view = newView(parentElement, data)));
  view.tell = (sliders) => setStateValue("sliders", sliders);
  view.choose = (number) => setTriggerValue("chosen", number);
  view.data = data;
  build(view);
  draw(view);
  return view.leave;
}

function newView(parent, data) {
  const root = parent.appendChild(element("div", "pg token-bars"));
  const view = { root, timer: 0, look: "", rows: [] };
  view.list = root.appendChild(element("div", "list"));
  const side = root.appendChild(element("div", "side"));
  view.temperature = slider(view, side, "Temperature", 0, 2, 0.05, data.start[0]);
  view.top_p = slider(view, side, "top_p", 0.05, 1, 0.01, data.start[1]);
  side.append(formula());
  view.worked = side.appendChild(element("div", "worked"));
  view.note = side.appendChild(element("div", "note"));
  view.leave = () => {
    clearTimeout(view.timer);
    root.remove();
    views.delete(parent);
  };
  return view;
}

function slider(view, side, name, min, max, step, value) {
  const box = side.appendChild(element("label", "slider"));
  const head = box.appendChild(element("span", "head"));
  head.append(element("span", "name", name));
  const shown = head.appendChild(element("b", "", value.toFixed(2)));
  const input = box.appendChild(element("input"));
  Object.assign(input, { type: "range", min, max, step, value });
  input.setAttribute("aria-label", name);
  input.addEventListener("input", () => {
    shown.textContent = (+input.value).toFixed(2);
    draw(view);
    clearTimeout(view.timer);
    view.timer = setTimeout(() => tell(view), PAUSE);
  });
  input.addEventListener("blur", () => view.timer && tell(view));
  return input;
}

function tell(view) {
  clearTimeout(view.timer);
  view.timer = 0;
  view.tell([+view.temperature.value, +view.top_p.value]);
}

// The rows keep their nodes while only sliders or samples change, so that the focus stays.
function build(view) {
  const shape = JSON.stringify([view.data.look, view.data.rows]);
  if (shape === view.look) return;
  view.look = shape;
  view.rows = view.data.rows.map((row, number) => newRow(view, row, number));
  view.others = newRow(view, { label: "all others", half: false, id: null, other: true }, -1);
  view.list.replaceChildren(...view.rows.map((row) => row.node), view.others.node);
}

function newRow(view, { label, half, barred, id, makes, other }, number) {
  const node = element(other ? "div" : "button", `row${other ? " other" : ""}`);
  const name = node.appendChild(element("span", "name"));
  name.append(element("span", half ? "token half" : "token", label));
  if (makes) name.append(element("span", "makes", `→ ${makes}`));
  name.dir = "auto";
  const track = node.appendChild(element("span", "track"));
  const range = track.appendChild(element("i", "range"));
  const bar = track.appendChild(element("i", "bar"));
  const mark = track.appendChild(element("i", "mark"));
  const share = node.appendChild(element("span", "share"));
  const count = node.appendChild(element("span", "count"));
  if (!other) {
    node.type = "button";
    node.disabled = barred;
    node.title = barred ? "Part of a character: this endpoint accepts whole characters only" : "Append this token";
    node.title += id === null ? "" : ` · token ${id}`;
    node.addEventListener("click", () => view.choose(number));
  }
  return { node, label, bar, range, mark, share, count };
}

function draw(view) {
  const { logprobs, rest, vocabulary, rows, samples } = view.data;
  const temperature = +view.temperature.value;
  const top_p = +view.top_p.value;
  const distribution = reshape(logprobs, rest, vocabulary, temperature, top_p);
  const counted = samples && samples.sliders[0] === temperature && samples.sliders[1] === top_p ? samples : null;
  view.root.classList.toggle("counted", Boolean(counted));
  let others = [1, 1];
  rows.forEach((_, number) => {
    const share = distribution.shares[number];
    others = [others[0] - share[1], others[1] - share[0]];
    paint(view.rows[number], share, counted && [counted.counts[number], counted.drawn, counted.within[number]]);
  });
  const listed = logprobs.slice(rows.length).reduce((sum, _, i) => {
    const share = distribution.shares[rows.length + i];
    return [sum[0] + share[0], sum[1] + share[1]];
  }, [distribution.rest[0], distribution.rest[1]]);
  others = [Math.max(0, others[0], listed[0]), Math.min(1, Math.max(0, others[1]), listed[1])];
  const left = counted && counted.drawn - counted.counts.slice(0, rows.length).reduce((sum, n) => sum + n, 0);
  paint(view.others, [Math.min(...others), Math.max(...others)], counted && [left, counted.drawn, true]);
  explain(view, distribution, temperature, top_p, counted);
}

function paint(row, [low, high], sample) {
  row.bar.style.width = `${100 * low}%`;
  row.range.style.width = `${100 * high}%`;
  row.share.textContent = shown(low, high);
  row.node.classList.toggle("cut", high === 0);
  row.mark.hidden = !sample;
  row.count.textContent = sample ? String(sample[0]) : "";
  row.count.classList.toggle("odd", Boolean(sample) && !sample[2]);
  row.count.title = sample && !sample[2] ? "Outside the range that holds 95 % of such counts" : "";
  if (sample) row.mark.style.left = `${(100 * sample[0]) / Math.max(1, sample[1])}%`;
}

function shown(low, high) {
  if (high === 0) return "cut";
  if (high < 0.00005) return "< 0.01 %";
  const digits = high < 0.0995 ? 2 : 1;
  const [a, b] = [low, high].map((share) => (100 * share).toFixed(digits));
  return a === b ? `${a} %` : `${a} – ${b} %`;
}

function explain(view, distribution, temperature, top_p, counted) {
  const { logprobs, rest, rows } = view.data;
  const first = rows[0];
  const lines = [];
  if (first && temperature > 0) {
    const p = Math.exp(logprobs[0]);
    const power = p ** (1 / temperature);
    lines.push(`${first.label}: ${p.toFixed(3)} to the power 1/${temperature.toFixed(2)} is ${power.toPrecision(3)}`);
    const sum = distribution.totals.map((total) => total * power);
    lines.push(`the sum over all tokens is ${span(sum)}, so it gets ${shown(...distribution.before)}`);
    if (top_p < 1) lines.push(`top_p ${top_p.toFixed(2)} keeps ${distribution.kept}: it gets ${shown(...distribution.shares[0])} of the remainder`);
  } else if (first) {
    lines.push("At temperature 0 the likeliest token is always taken.");
  }
  view.worked.replaceChildren(...lines.map((line) => element("div", "", line)));
  const count = logprobs.length.toLocaleString("en");
  const covered = rest < 0.0005 ? "more than 99.9" : (100 * (1 - rest)).toFixed(1);
  const notes = [`The endpoint reports ${count} tokens, which cover ${covered} % at temperature 1.`];
  if (distribution.shares[0] && distribution.shares[0][1] - distribution.shares[0][0] > 0.0005) {
    notes.push("It does not report the others, so a share is known only within a range (pale).");
  }
  if (counted) {
    notes.push(`${counted.drawn} samples drawn: the line in a bar marks the count.`);
    if (counted.unknown) notes.push(`The endpoint did not name the tokens of ${counted.unknown} more.`);
  } else if (view.data.samples) {
    const [t, p] = view.data.samples.sliders;
    notes.push(`The samples were drawn at temperature ${t.toFixed(2)}, top_p ${p.toFixed(2)}. Sample again, or set these values.`);
  }
  view.note.replaceChildren(...notes.map((line) => element("div", "", line)));
}

function span([low, high]) {
  const [a, b] = [low, high].map((value) => value.toPrecision(3));
  return a === b ? a : `${a} to ${b}`;
}

function reshape(logprobs, rest, vocabulary, temperature, top_p) {
  if (!logprobs.length) return { shares: [], rest: [1, 1], before: [0, 0], totals: [0, 0], kept: "" };
  if (temperature <= 0) {
    return { shares: logprobs.map((_, i) => (i ? [0, 0] : [1, 1])), rest: [0, 0], before: [1, 1], totals: [1, 1], kept: "1" };
  }
  const weights = logprobs.map((logprob) => Math.exp((logprob - logprobs[0]) / temperature));
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  const hidden = restWeights(logprobs, rest, vocabulary, temperature);
  const [light, heavy] = hidden.map((weight) => cut(weights, all, weight, top_p));
  let held = 0;
  const shares = weights.map((weight, place) => {
    held += weight;
    if (place >= heavy.kept) return [0, 0];
    if (place >= light.kept) return [0, weight / held];
    return [weight / (heavy.held + heavy.hidden[1]), weight / (light.held + light.hidden[0])];
  });
  return {
    shares,
    rest: [light.hidden[0] / (light.held + light.hidden[0]), heavy.hidden[1] / (heavy.held + heavy.hidden[1])],
    totals: hidden.map((weight) => all + weight),
    before: [1 / (all + hidden[1]), 1 / (all + hidden[0])],
    kept: kept(light, heavy),
  };
}

function kept(light, heavy) {
  const [least, most] = [light, heavy].map((side) => side.kept.toLocaleString("en"));
  const many = heavy.kept === 1 ? "likeliest token" : `${least === most ? most : `${least} to ${most}`} likeliest tokens`;
  return `the ${many}${heavy.hidden[1] ? " and more" : ""}`;
}

function restWeights(logprobs, rest, vocabulary, temperature) {
  const count = vocabulary - logprobs.length;
  if (rest <= SURE || count <= 0) return [0, 0];
  const power = 1 / temperature;
  const scale = Math.exp(-logprobs[0] * power);
  const ceiling = Math.max(Math.exp(logprobs[logprobs.length - 1]), rest / count);
  const heaped = rest * ceiling ** (power - 1) * scale;
  const even = rest * (rest / count) ** (power - 1) * scale;
  return [Math.min(heaped, even), Math.max(heaped, even)];
}

function cut(weights, all, rest, top_p) {
  const wanted = top_p * (all + rest) * (1 - SURE);
  let kept = 0;
  let held = 0;
  for (const weight of weights) {
    if (held >= wanted) return { kept, held, hidden: [0, 0] };
    kept += 1;
    held += weight;
  }
  const missing = Math.min(rest, Math.max(0, wanted - held));
  const most = missing || top_p === 1 ? Math.min(rest, missing + weights[weights.length - 1]) : 0;
  return { kept, held, hidden: [missing, most] };
}

// p of token i = exp(z of i over T) over the sum of exp(z of j over T)
function formula() {
  const math = node("math");
  math.setAttribute("display", "block");
  const z = (index) => node("msub", node("mi", "z"), node("mi", index));
  const power = (index) => node("msup", node("mi", "e"), node("mrow", z(index), node("mo", "/"), node("mi", "T")));
  const sum = node("mrow", node("msub", node("mo", "∑"), node("mi", "j")), power("j"));
  math.append(node("msub", node("mi", "p"), node("mi", "i")), node("mo", "="), node("mfrac", power("i"), sum));
  const box = element("div", "formula");
  box.append(math);
  return box;
}

function node(tag, ...content) {
  const made = document.createElementNS("http://www.w3.org/1998/Math/MathML", tag);
  made.append(...content);
  return made;
}
