// Quantities over the last hours, one strip below the other, in SVG; colours come from style.css alone.
const SVG = "http://www.w3.org/2000/svg";
const LEFT = 112, RIGHT = 92, ROW = 46, GAP = 12, FOOT = 20;

function node(name, attributes, parent, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent?.append(made);
  return made;
}

const minus = (text) => text.replace("-", "\u2212");
const hhmm = (s) => new Date(s * 1000).toISOString().slice(11, 16);

class Strips {
  constructor(model, el) {
    this.model = model;
    this.el = el;
    this.svg = node("svg", { class: "pyros-svg", role: "group" }, el);
    this.redraw = () => this.draw();
    this.size = new ResizeObserver(this.redraw);
    this.size.observe(el);
    model.on("change:strips", this.redraw);
    this.draw();
  }

  close() {
    this.size.disconnect();
    this.model.off("change:strips", this.redraw);
  }

  draw() {
    const strips = this.model.get("strips");
    const width = Math.max(280, this.el.clientWidth), height = strips.length * (ROW + GAP) + FOOT;
    this.svg.replaceChildren();
    for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` }))
      this.svg.setAttribute(key, value);
    this.svg.setAttribute("aria-label", this.model.get("label"));
    const times = strips.flatMap(({ points }) => [points[0][0], points[points.length - 1][0]]);
    const from = Math.min(...times), to = Math.max(...times, from + 60);
    const x = (s) => LEFT + ((s - from) / (to - from)) * (width - LEFT - RIGHT);
    strips.forEach((strip, i) => this.drawStrip(strip, i * (ROW + GAP) + 4, x, width));
    if (!strips.length) return;
    const step = [600, 1800, 3600, 7200].find((s) => (to - from) / s <= 7) ?? 14400;
    for (let s = Math.ceil(from / step) * step; s <= to; s += step)
      node("text", { class: "axis", x: x(s), y: height - 6, "text-anchor": "middle" }, this.svg, hhmm(s));
  }

  drawStrip({ name, unit, points, limit, upper, old }, top, x, width) {
    const values = points.map(([, value]) => value), last = values[values.length - 1];
    let low = Math.min(...values), high = Math.max(...values);
    // A limit is drawn where it lies near: it must not press the curve flat.
    const near = limit !== null && Math.abs(limit - last) < 3 * Math.max(high - low, Math.abs(limit) / 5);
    if (near) [low, high] = [Math.min(low, limit), Math.max(high, limit)];
    if (high - low < 1e-6) [low, high] = [low - 1, high + 1];
    const y = (value) => top + ROW - ((value - low) / (high - low)) * ROW;
    const broken = limit !== null && (upper ? last > limit : last < limit);
    const said = `${name.replaceAll("_", " ")}: ${last} ${unit}` + (old ? `, ${old} old` : "") +
      (limit === null ? "" : `, limit ${upper ? "above" : "below"} ${limit} ${unit}`);
    const group = node("g", { class: `strip ${broken ? "bad" : "busy"}${old ? " old" : ""}`, role: "img", tabindex: 0, "aria-label": said }, this.svg);
    node("title", {}, group, said);
    node("rect", { class: "sky", x: LEFT, y: top, width: width - LEFT - RIGHT, height: ROW }, group);
    node("text", { x: 0, y: top + 14 }, group, name.replaceAll("_", " "));
    node("text", { class: "axis", x: LEFT - 6, y: top + 9, "text-anchor": "end" }, group, minus(high.toFixed(1)));
    node("text", { class: "axis", x: LEFT - 6, y: top + ROW, "text-anchor": "end" }, group, minus(low.toFixed(1)));
    if (near) {
      node("line", { class: "limit", x1: LEFT, x2: width - RIGHT, y1: y(limit), y2: y(limit) }, group);
      const beyond = upper ? [top, y(limit) - top] : [y(limit), top + ROW - y(limit)];
      node("rect", { class: "beyond", x: LEFT, width: width - LEFT - RIGHT, y: beyond[0], height: Math.max(0, beyond[1]) }, group);
    }
    const line = points.map(([s, value]) => `${x(s).toFixed(1)},${y(value).toFixed(1)}`).join("L");
    node("path", { class: "line", d: `M${line}` }, group);
    // The value stands at its curve's end, its limit or its age below.
    const under = old ? `${old} old` : limit === null ? "" : `unsafe ${upper ? ">" : "<"} ${minus(String(limit))}`;
    const lowest = top + ROW - (under ? 12 : 0), at = Math.min(lowest, Math.max(top + 10, y(last) + 4));
    node("text", { class: "last", x: width - RIGHT + 6, y: at }, group, `${minus(last.toFixed(1))} ${unit}`);
    if (under) node("text", { class: "axis", x: width - RIGHT + 6, y: at + 12 }, group, under);
  }
}

function render({ model, el }) {
  el.classList.add("pyros-chart-el");
  const strips = new Strips(model, el);
  return () => strips.close();
}

export default { render };
