// Give every text in the panel whose contrast to what lies behind it is below the limit (WCAG 2.2, 1.4.3).
([root, limit]) => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const paint = (colours) => {
    context.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
    }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const poor = [];
  let seen = 0;
  for (const element of document.querySelectorAll(`${root} *`)) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const style = getComputedStyle(element);
    if (!own || style.visibility === "hidden" || !element.getClientRects().length) continue;
    if (element.closest("button:disabled, style, title")) continue;
    const behind = [];
    let opacity = 1;
    for (let up = element; up; up = up.parentElement) {
      behind.unshift(getComputedStyle(up).backgroundColor);
      opacity *= Number(getComputedStyle(up).opacity);
    }
    const ink = element instanceof SVGElement ? style.fill : style.color;
    const ground = paint(behind);
    const full = paint([...behind, ink]);
    const text = full.map((c, i) => c * opacity + ground[i] * (1 - opacity));
    const [a, b] = [light(text), light(ground)].sort((x, y) => y - x);
    seen += 1;
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < limit) poor.push(`${ratio.toFixed(2)} ${element.tagName}.${element.className.baseVal ?? element.className} ${element.textContent.slice(0, 40)}`);
  }
  return [seen, poor];
}
