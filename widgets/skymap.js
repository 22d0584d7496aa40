// The whole sky: the zenith in the middle, north up and east left; colours come from style.css alone.
const SVG = "http://www.w3.org/2000/svg";
const R = 200, MARGIN = 30, SIZE = 2 * (R + MARGIN);

function node(name, attributes, parent, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent?.append(made);
  return made;
}

const radius = (altitude) => (R * (90 - altitude)) / 90;

function place({ altitude, azimuth }) {
  const angle = (azimuth * Math.PI) / 180, r = radius(altitude);
  return [-r * Math.sin(angle), -r * Math.cos(angle)];
}

const half = ({ shape }) => (shape === "executing" ? 17 : shape === "moon" ? 9 : 6);

function around(thing) {
  const [x, y] = place(thing), r = half(thing);
  return [x - r, x + r, y - r, y + r];
}

class SkyMap {
  constructor(model, el) {
    this.model = model;
    this.svg = node("svg", { class: "pyros-svg pyros-sky-svg", role: "group", viewBox: `${-SIZE / 2} ${-SIZE / 2} ${SIZE} ${SIZE}` }, el);
    this.grid = node("g", {}, this.svg);
    this.things = node("g", {}, this.svg);
    this.pointer = node("g", { class: "pointer", role: "img" }, this.svg);
    this.el = el;
    this.redraw = () => this.draw();
    this.size = new ResizeObserver(this.redraw);
    this.size.observe(el);
    this.point = () => this.drawTelescope();
    model.on("change:limit", this.redraw);
    model.on("change:things", this.redraw);
    model.on("change:telescope", this.point);
    this.draw();
    this.drawTelescope();
  }

  close() {
    this.size.disconnect();
    this.model.off("change:limit", this.redraw);
    this.model.off("change:things", this.redraw);
    this.model.off("change:telescope", this.point);
  }

  draw() {
    this.svg.setAttribute("aria-label", this.model.get("label"));
    // Drawn smaller than it is laid out, its words are made larger: they must be readable.
    const k = (this.scale = Math.max(1, SIZE / Math.max(200, this.el.clientWidth)));
    this.svg.style.setProperty("--k", k);
    this.grid.replaceChildren();
    node("circle", { class: "sky horizon", r: R }, this.grid);
    for (const altitude of [30, 60]) {
      node("circle", { class: "ring", r: radius(altitude) }, this.grid);
      node("text", { class: "axis", x: 3, y: -radius(altitude) - 3 }, this.grid, `${altitude}°`);
    }
    node("circle", { class: "limit", r: radius(this.model.get("limit")), fill: "none" }, this.grid);
    node("path", { class: "ring", d: `M0,${-R}V${R}M${-R},0H${R}` }, this.grid);
    const sides = [["N", 0, -R - 6, "middle"], ["S", 0, R + 6 + 11 * k, "middle"], ["E", -R - 6, 5, "end"], ["W", R + 6, 5, "start"]];
    for (const [text, x, y, anchor] of sides)
      node("text", { class: "side", x, y, "text-anchor": anchor }, this.grid, text);
    this.things.replaceChildren();
    const things = this.model.get("things");
    this.taken = things.filter((thing) => thing.named).map(around);  // [left, right, top, bottom]; names come to it
    for (const thing of things) this.drawThing(thing);
  }

  drawThing({ name, title, tone, altitude, azimuth, named, shape }) {
    const [x, y] = place({ altitude, azimuth });
    const group = node("g", { class: `thing ${tone} ${shape}`, role: "img", "aria-label": title, transform: `translate(${x.toFixed(1)},${y.toFixed(1)})` }, this.things);
    if (named) group.setAttribute("tabindex", 0);
    node("title", {}, group, title);
    node("circle", { r: shape === "moon" ? 8 : named ? 5 : 3 }, group);
    if (!named) return;
    const gap = half({ shape }) + 3, side = x > R / 2 ? -1 : 1;
    const text = node("text", { class: "name" }, group, name);
    const k = this.scale, long = Math.max(text.getComputedTextLength(), 6.6 * k * name.length), down = 11 * k;
    const places = [0, down, -down].flatMap((shift) => [[side, 4 + shift], [-side, 4 + shift]]);
    for (const [where, lower] of places) {
      const near = x + where * gap, far = near + where * long;
      const [left, right, top, bottom] = [Math.min(near, far), Math.max(near, far), y + lower - 10 * k, y + lower + 2];
      if (left < -SIZE / 2 || right > SIZE / 2) continue;
      if (this.taken.some(([l, r, t, b]) => l < right && left < r && t < bottom && top < b)) continue;
      this.taken.push([left, right, top, bottom]);
      text.setAttribute("x", where * gap);
      text.setAttribute("y", lower);
      text.setAttribute("text-anchor", where < 0 ? "end" : "start");
      return;
    }
    text.remove();
  }

  drawTelescope() {
    const seen = this.model.get("telescope");
    this.pointer.replaceChildren();
    if (seen.altitude === undefined) return;
    const [x, y] = place(seen);
    this.pointer.setAttribute("transform", `translate(${x.toFixed(1)},${y.toFixed(1)})`);
    this.pointer.setAttribute("aria-label", seen.title);
    node("title", {}, this.pointer, seen.title);
    node("circle", { r: 11 }, this.pointer);
    node("path", { d: "M-17,0H-7M7,0H17M0,-17V-7M0,7V17" }, this.pointer);
  }
}

function render({ model, el }) {
  el.classList.add("pyros-chart-el");
  const map = new SkyMap(model, el);
  return () => map.close();
}

export default { render };
