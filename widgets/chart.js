// Altitude against time, in SVG. Texts are set as text nodes, colours come from style.css alone.
const SVG = "http://www.w3.org/2000/svg";
const TOP = 20, BOTTOM = 34, LEFT = 30, RIGHT = 34, HEIGHT = 264;
const AIRMASSES = [[90, "1"], [56.4, "1.2"], [41.8, "1.5"], [30, "2"], [19.3, "3"]];

function node(name, attributes, parent, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

const hhmm = (s) => new Date(s * 1000).toISOString().slice(11, 16);

function altitudeAt(points, s) {
  for (let i = 1; i < points.length; i++) {
    const [t0, a0] = points[i - 1], [t1, a1] = points[i];
    if (t0 <= s && s <= t1) return t1 > t0 ? a0 + ((a1 - a0) * (s - t0)) / (t1 - t0) : a0;
  }
  return null;
}

function between(points, from, to) {
  const cut = points.filter(([s]) => s > from && s < to);
  const first = altitudeAt(points, from), last = altitudeAt(points, to);
  if (first !== null) cut.unshift([from, first]);
  if (last !== null) cut.push([to, last]);
  return cut;
}

class Chart {
  constructor(model, el) {
    this.model = model;
    this.id = "pyros-" + Math.random().toString(36).slice(2);
    this.svg = node("svg", { class: "pyros-svg", role: "group", height: HEIGHT }, null);
    el.append(this.svg);
    // What is being moved stays under the hand: what changed meanwhile is drawn when it is let go.
    this.held = false;
    this.missed = false;
    this.redraw = () => (this.held ? (this.missed = true) : this.draw());
    this.size = new ResizeObserver(this.redraw);
    this.size.observe(el);
    this.el = el;
    this.tick = () => this.moveNow();
    model.on("change:night change:curves change:moon change:chosen", this.redraw);
    model.on("change:now_s", this.tick);
    this.draw();
  }

  close() {
    this.size.disconnect();
    this.model.off("change:night change:curves change:moon change:chosen", this.redraw);
    this.model.off("change:now_s", this.tick);
  }

  x(s) {
    const { from_s, to_s } = this.night;
    return LEFT + ((s - from_s) / (to_s - from_s)) * (this.width - LEFT - RIGHT);
  }

  y(altitude) {
    const shown = Math.min(90, Math.max(0, altitude));
    return TOP + (1 - shown / 90) * (HEIGHT - TOP - BOTTOM);
  }

  path(points) {
    return "M" + points.map(([s, a]) => `${this.x(s).toFixed(1)},${this.y(a).toFixed(1)}`).join("L");
  }

  draw() {
    this.missed = false;
    this.night = this.model.get("night");
    this.width = Math.max(280, this.el.clientWidth);
    const svg = this.svg, held = svg.contains(document.activeElement) ? document.activeElement.dataset.id : undefined;
    svg.replaceChildren();
    svg.setAttribute("width", this.width);
    svg.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
    svg.setAttribute("aria-label", this.model.get("label"));
    this.now = null;
    if (!(this.night.to_s > this.night.from_s)) {
      node("text", { class: "empty", x: this.width / 2, y: HEIGHT / 2, "text-anchor": "middle" }, svg,
        "no night is planned yet");
      return;
    }
    this.drawSky();
    this.drawGrid();
    this.taken = [];  // by names: [left, right, top, bottom]
    const names = node("g", { class: "names", "aria-hidden": true }, null);
    const curves = this.model.get("curves"), first = ({ tone, status }) => tone === "alert" || status === "executing";
    for (const curve of curves) this.drawCurve(curve);
    // What runs is named before what may have to do without.
    for (const curve of [...curves.filter(first), ...curves.filter((c) => !first(c))]) this.drawName(curve, names);
    this.drawMoon(names);
    this.drawChosen(names);
    svg.append(names);  // above every curve
    this.now = node("g", { class: "now" }, svg);
    node("line", { y1: TOP, y2: HEIGHT - BOTTOM }, this.now);
    node("text", { y: TOP - 6, "text-anchor": "middle" }, this.now, "now");
    this.moveNow();
    if (held !== undefined) svg.querySelector(`.curve[data-id="${held}"]`)?.focus({ preventScroll: true });
  }

  drawSky() {
    const { sunset_s, dusk_s, dawn_s, sunrise_s } = this.night;
    const top = TOP, height = HEIGHT - TOP - BOTTOM, right = this.width - RIGHT;
    const defs = node("defs", {}, this.svg);
    const glow = (name, first, last) => {
      const gradient = node("linearGradient", { id: `${this.id}-${name}` }, defs);
      node("stop", { offset: 0, class: first }, gradient);
      node("stop", { offset: 1, class: last }, gradient);
      return `url(#${this.id}-${name})`;
    };
    const band = (from, to, fill) => {
      if (to > from) node("rect", { x: from, y: top, width: to - from, height, ...fill }, this.svg);
    };
    band(LEFT, right, { class: "sky" });
    band(LEFT, this.x(sunset_s), { class: "day" });
    band(this.x(sunset_s), this.x(dusk_s), { fill: glow("dusk", "glow", "dark") });
    band(this.x(dawn_s), this.x(sunrise_s), { fill: glow("dawn", "dark", "glow") });
    band(this.x(sunrise_s), right, { class: "day" });
    this.limits = [["dusk", dusk_s], ["dawn", dawn_s]].map(([word, s]) => {
      const x = this.x(s);
      node("line", { class: "limit", x1: x, x2: x, y1: top, y2: top + height }, this.svg);
      return [x, node("text", { class: "tick", x, y: top - 6, "text-anchor": "middle" }, this.svg, word)];
    });
  }

  drawGrid() {
    const { from_s, to_s } = this.night;
    const right = this.width - RIGHT, floor = HEIGHT - BOTTOM;
    for (const altitude of [0, 30, 60, 90]) {
      const y = this.y(altitude);
      node("line", { class: "grid", x1: LEFT, x2: right, y1: y, y2: y }, this.svg);
      node("text", { class: "tick", x: LEFT - 5, y: y + 4, "text-anchor": "end" }, this.svg, `${altitude}°`);
    }
    for (const [altitude, airmass] of AIRMASSES)
      node("text", { class: "tick", x: right + 5, y: this.y(altitude) + 4 }, this.svg, airmass);
    node("text", { class: "tick axis", x: this.width, y: TOP - 6, "text-anchor": "end" }, this.svg, "airmass");
    const hours = (to_s - from_s) / 3600;
    const room = Math.max(1, Math.floor((right - LEFT) / 46));
    const step = [1, 2, 3, 4, 6, 12].find((h) => hours / h <= room) || 24;
    for (let s = Math.ceil(from_s / 3600) * 3600; s <= to_s; s += 3600) {
      const labelled = (s / 3600) % step === 0, x = this.x(s);
      node("line", { class: "mark", x1: x, x2: x, y1: floor, y2: floor + (labelled ? 5 : 3) }, this.svg);
      if (labelled)
        node("text", { class: "tick", x, y: floor + 17, "text-anchor": "middle" }, this.svg, hhmm(s));
    }
  }

  drawMoon(names) {
    const up = this.model.get("moon").filter(([, altitude]) => altitude > 0);
    if (up.length < 2) return;
    const group = node("g", { class: "moon", role: "img", "aria-label": "altitude of the Moon" }, this.svg);
    node("title", {}, group, "the Moon");
    node("path", { d: this.path(up) }, group);
    // Where its curve is highest and nobody else's name stands.
    for (const [s, altitude] of [...up].sort((a, b) => b[1] - a[1]))
      if (this.put("Moon", this.x(s), this.y(altitude) - 5, names, "name moon")) return;
  }

  // The sequence whose reasons are shown: one without a place has its curve, and the altitude it needs.
  drawChosen(names) {
    const { id, name, points, min_altitude } = this.model.get("chosen");
    if (id === undefined) return;
    const there = this.svg.querySelector(`.curve[data-id="${id}"]`);
    if (there) there.classList.add("chosen");
    if (there || !points.length) return;
    const { dusk_s, dawn_s } = this.night;
    const said = `${name}, not placed: its altitude` + (min_altitude > 0 ? `, and the ${min_altitude}° it needs` : "");
    const group = node("g", { class: "rejected", role: "img", "aria-label": said }, this.svg);
    node("title", {}, group, said);
    const up = points.filter(([, altitude]) => altitude > 0);
    if (up.length > 1) node("path", { d: this.path(up) }, group);
    if (min_altitude > 0) {
      const y = this.y(min_altitude), x = this.x(dawn_s) - 4;
      node("line", { class: "needs", x1: this.x(dusk_s), x2: this.x(dawn_s), y1: y, y2: y }, group);
      node("text", { class: "name", x, y: y - 4, "text-anchor": "end" }, names, `needs ${min_altitude}°`);
    }
    const middle = up.filter(([s]) => s > dusk_s && s < dawn_s);
    for (const [s, altitude] of middle.sort((a, b) => b[1] - a[1]))
      if (this.put(name, this.x(s), this.y(altitude) - 6, names)) return;
  }

  drawCurve({ id, title, tone, status, pinned, start_s, end_s, points }) {
    const up = points.filter(([, altitude]) => altitude > 0);
    const movable = this.model.get("movable");
    const free = movable && status === "planned" && start_s !== null;
    const kind = `curve ${tone} ${status}${pinned ? " pinned" : ""}${free ? " free" : ""}`;
    const label = free ? `${title}. Arrow keys move it, Enter pins it there, Delete drops it.` : title;
    const role = movable ? "button" : "img";
    const group = node("g", { class: kind, role, tabindex: 0, "aria-label": label, "data-id": id }, this.svg);
    node("title", {}, group, label);
    if (movable) group.addEventListener("click", () => this.model.send({ what: "choose", id }));
    if (up.length > 1) node("path", { class: "whole", d: this.path(up) }, group);
    if (start_s === null || end_s === null) return;
    const slot = between(points, start_s, end_s);
    const floor = HEIGHT - BOTTOM, x0 = this.x(start_s), x1 = this.x(end_s);
    if (slot.length > 1) {
      const line = this.path(slot);
      node("path", { class: "turn", d: `${line}L${x1},${floor}L${x0},${floor}Z` }, group);
      node("path", { class: "slot", d: line }, group);
    }
    node("rect", { class: "bar", x: x0, y: floor + 21, width: Math.max(2, x1 - x0 - 1), height: 8, rx: 2 }, group);
    if (free) this.makeMovable(group, id, start_s, end_s);
  }

  // Dragged, or moved by the arrow keys, a ghost of its bar shows where it would be; the kernel says whether it can.
  makeMovable(group, id, start_s, end_s) {
    const floor = HEIGHT - BOTTOM, perSecond = this.x(start_s + 1) - this.x(start_s);
    let ghost = null, shift_s = 0;
    const show = (seconds) => {
      this.held = true;
      shift_s = Math.round(seconds / 60) * 60;
      if (!ghost) {
        const width = Math.max(2, this.x(end_s) - this.x(start_s) - 1);
        ghost = node("g", { class: "ghost" }, group);
        node("rect", { y: floor + 19, width, height: 12, rx: 2 }, ghost);
        node("text", { y: floor + 14 }, ghost);
      }
      ghost.setAttribute("transform", `translate(${this.x(start_s + shift_s)},0)`);
      ghost.lastChild.textContent = hhmm(start_s + shift_s);
    };
    const end = (pin) => {
      if (pin && shift_s) this.model.send({ what: "pin", id, start_s: start_s + shift_s });
      if (ghost) ghost.remove();
      ghost = null;
      shift_s = 0;
      this.held = false;
      if (this.missed) this.draw();
    };
    group.addEventListener("pointerdown", (down) => {
      if (down.button !== 0) return;
      group.setPointerCapture(down.pointerId);
      this.held = true;
      const move = (event) => {
        if (ghost || Math.abs(event.clientX - down.clientX) > 3) show((event.clientX - down.clientX) / perSecond);
      };
      const up = (event) => {
        for (const [name, act] of acts) group.removeEventListener(name, act);
        end(event.type === "pointerup");
      };
      const acts = [["pointermove", move], ["pointerup", up], ["pointercancel", up]];
      for (const [name, act] of acts) group.addEventListener(name, act);
    });
    group.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -300, ArrowRight: 300 }[event.key];
      if (step) show(shift_s + step);
      else if (event.key === "Enter" && shift_s) end(true);
      else if (event.key === "Enter") this.model.send({ what: "choose", id });
      else if (event.key === "Escape") end(false);
      else if (event.key === "Delete") this.model.send({ what: "drop", id });
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    group.addEventListener("blur", () => end(false));
  }

  // Above its turn where there is room, upright inside it where there is none; an alert and what runs stand above.
  drawName({ name, tone, status, start_s, end_s, points }, names) {
    if (start_s === null || end_s === null) return;
    const slot = between(points, start_s, end_s);
    if (slot.length < 2) return;
    const x0 = this.x(start_s), x1 = this.x(end_s), first = tone === "alert" || status === "executing";
    const top = this.y(Math.max(...slot.map(([, altitude]) => altitude))) - 7;
    if (first || name.length * 6.4 < x1 - x0)
      for (const lift of [0, 13, -26, 26]) if (this.put(name, (x0 + x1) / 2, top - lift, names)) return;
    if (x1 - x0 < 11) return;
    const at = `translate(${(x0 + x1) / 2 + 3.5},${HEIGHT - BOTTOM - 5}) rotate(-90)`;
    node("text", { class: "name up", transform: at }, names, name);
  }

  // Write a name unless another one is in the way.
  put(name, middle, y, names, kind = "name") {
    const half = name.length * 3.2;
    const x = Math.min(this.width - RIGHT - half, Math.max(LEFT + half, middle));
    const box = [x - half - 3, x + half + 3, Math.max(TOP + 10, y) - 10, Math.max(TOP + 10, y) + 3];
    const [left, right, top, bottom] = box;
    if (bottom > HEIGHT - BOTTOM) return false;
    if (this.taken.some(([l, r, t, b]) => l < right && left < r && t < bottom && top < b)) return false;
    this.taken.push(box);
    node("text", { class: kind, x, y: bottom - 3, "text-anchor": "middle" }, names, name);
    return true;
  }

  moveNow() {
    if (!this.now) return;
    const now = this.model.get("now_s"), { from_s, to_s } = this.night;
    const there = now >= from_s && now <= to_s, at = this.x(now);
    this.now.setAttribute("visibility", there ? "visible" : "hidden");
    this.now.setAttribute("transform", `translate(${at.toFixed(1)},0)`);
    for (const [x, word] of this.limits)
      word.setAttribute("visibility", there && Math.abs(x - at) < 30 ? "hidden" : "visible");
  }
}

function render({ model, el }) {
  el.classList.add("pyros-chart-el");
  const chart = new Chart(model, el);
  return () => chart.close();
}

export default { render };
