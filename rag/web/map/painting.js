// Draws points and labels on a canvas. 20,000 points are drawn anew for every frame of a movement, so
// none costs more than a copied picture or a small square.

/** @typedef {import("../types").Chart} Chart */

/**
 * What is drawn.
 * @typedef {object} Scene
 * @property {Chart} chart
 * @property {Float32Array} x on the screen, before zooming
 * @property {Float32Array} y
 * @property {Uint32Array} order the papers by colour
 * @property {Uint16Array} numbers of the colours
 * @property {string[]} colours
 * @property {number[]} lit rows of the papers that are lit, best first
 * @property {number} selected a row, or -1
 * @property {(x: number, y: number) => number[]} at where a place of the map is on the screen
 * @property {string} language
 * @property {{ink: string, ground: string, accent: string}} theme
 */

/**
 * Where the view is.
 * @typedef {object} View
 * @property {number} x
 * @property {number} y
 * @property {number} k how much it is enlarged
 * @property {number} width
 * @property {number} height
 */

const SQUARE = 1.7; // a smaller point is a square
const DEEP = 2.6; // enlarged by more, fine topics are named instead of broad ones
const TITLES = 14; // and by more than this, papers
const MOST_TITLES = 40;
const NUMBERED = 10;
const NARROW = 600; // pixels; where it is narrower, a topic has one term for a name
const FONT = "system-ui, 'Noto Sans KR', 'Noto Sans CJK KR', sans-serif";

/** @param {View} view @param {number} papers */
export const radius = (view, papers) =>
  Math.min(7, Math.max(0.9, (Math.min(view.width, view.height) / 300) * Math.sqrt(view.k) * Math.min(2.4, Math.sqrt(3000 / papers))));

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {View} view
 */
export function paint(context, scene, view) {
  context.clearRect(0, 0, view.width, view.height);
  points(context, scene, view);
  lights(context, scene, view);
  if (view.k >= TITLES) titles(context, scene, view);
  else labels(context, scene, view);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {View} view
 */
function points(context, { x, y, order, numbers, colours, lit }, view) {
  const r = radius(view, x.length);
  context.globalAlpha = lit.length ? 0.3 : 0.85;
  let number = -1;
  /** @type {HTMLCanvasElement | null} */
  let picture = null;
  for (const row of order) {
    const px = x[row] * view.k + view.x;
    const py = y[row] * view.k + view.y;
    if (px < -r || py < -r || px > view.width + r || py > view.height + r) continue;
    if (numbers[row] !== number) {
      number = numbers[row];
      context.fillStyle = colours[number];
      picture = r > SQUARE ? disc(colours[number], r) : null;
    }
    if (picture) context.drawImage(picture, px - r - 1, py - r - 1, 2 * r + 2, 2 * r + 2);
    else context.fillRect(px - r, py - r, 2 * r, 2 * r);
  }
  context.globalAlpha = 1;
}

/** @type {Map<string, HTMLCanvasElement>} */
const discs = new Map();

/**
 * A picture of a point, drawn once.
 * @param {string} colour
 * @param {number} r
 */
function disc(colour, r) {
  const size = Math.round(r * 4) / 4;
  const name = `${colour} ${size}`;
  const known = discs.get(name);
  if (known) return known;
  if (discs.size > 600) discs.clear();
  const canvas = document.createElement("canvas");
  const scale = devicePixelRatio || 1;
  canvas.width = canvas.height = Math.ceil((2 * size + 2) * scale);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const middle = canvas.width / 2;
  context.fillStyle = colour;
  context.beginPath();
  context.arc(middle, middle, size * scale, 0, 2 * Math.PI);
  context.fill();
  discs.set(name, canvas);
  return canvas;
}

/**
 * Names of topics; one that would cover another is left out, the larger topic first.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {View} view
 */
function labels(context, scene, view) {
  const { topics } = scene.chart;
  const fine = view.k >= DEEP && topics.some((one) => one.level === 1);
  const size = fine ? 12 : 13;
  context.font = `600 ${size}px ${FONT}`;
  context.textAlign = "center";
  const place = placer();
  const shown = topics
    .map((topic, i) => ({ topic, i }))
    .filter(({ topic }) => topic.level === (fine ? 1 : 0))
    .sort((a, b) => b.topic.papers - a.topic.papers);
  for (const { topic } of shown) {
    const at = scene.at(topic.x, topic.y);
    const px = at[0] * view.k + view.x;
    const py = at[1] * view.k + view.y;
    const whole = (scene.language === "ko" && topic.korean) || topic.english || topic.korean;
    const name = view.width < NARROW ? whole.split(" · ")[0] : whole;
    const wide = context.measureText(name).width;
    if (!name || px + wide < 0 || px - wide > view.width || py < 0 || py > view.height) continue;
    const middle = Math.min(Math.max(px, wide / 2 + 4), view.width - wide / 2 - 4);
    if (place(middle - wide / 2, py - size, wide, size * 1.4)) words(context, scene, name, middle, py);
  }
}

/**
 * Titles of papers, where there is room for them.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {View} view
 */
function titles(context, scene, view) {
  context.font = `500 11px ${FONT}`;
  context.textAlign = "left";
  const place = placer();
  const r = radius(view, scene.x.length);
  let drawn = 0;
  for (let row = scene.x.length - 1; row >= 0 && drawn < MOST_TITLES; row--) {
    const px = scene.x[row] * view.k + view.x;
    const py = scene.y[row] * view.k + view.y;
    if (px < 0 || py < 0 || px > view.width || py > view.height) continue;
    const title = scene.chart.papers.titles[row];
    const name = title.length > 44 ? `${title.slice(0, 42)}…` : title;
    const wide = context.measureText(name).width;
    if (!place(px + r + 3, py - 7, wide, 14)) continue;
    words(context, scene, name, px + r + 3, py + 4);
    drawn += 1;
  }
}

/**
 * The papers of the question; the first have their numbers.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {View} view
 */
function lights(context, { x, y, lit, selected, theme }, view) {
  const r = Math.max(3, radius(view, x.length) * 1.25);
  context.lineWidth = 1.5;
  for (let i = lit.length - 1; i >= 0; i--) {
    const first = i < NUMBERED;
    circle(context, x[lit[i]] * view.k + view.x, y[lit[i]] * view.k + view.y, first ? r + 4 : r);
    context.fillStyle = theme.accent;
    context.strokeStyle = theme.ground;
    context.fill();
    context.stroke();
    if (!first) continue;
    context.fillStyle = theme.ground;
    context.font = `700 ${Math.round(r + 5)}px ${FONT}`;
    context.textAlign = "center";
    context.fillText(String(i + 1), x[lit[i]] * view.k + view.x, y[lit[i]] * view.k + view.y + (r + 5) * 0.36);
  }
  if (selected < 0) return;
  circle(context, x[selected] * view.k + view.x, y[selected] * view.k + view.y, r + 7);
  context.strokeStyle = theme.ink;
  context.lineWidth = 2.5;
  context.stroke();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} r
 */
function circle(context, x, y, r) {
  context.beginPath();
  context.arc(x, y, r, 0, 2 * Math.PI);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {string} name
 * @param {number} x
 * @param {number} y
 */
function words(context, { theme }, name, x, y) {
  context.lineWidth = 4;
  context.lineJoin = "round";
  context.strokeStyle = theme.ground;
  context.strokeText(name, x, y);
  context.fillStyle = theme.ink;
  context.fillText(name, x, y);
}

/** Keeps what was placed, and takes nothing that would cover it. */
function placer() {
  /** @type {number[][]} */
  const taken = [];
  return (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ wide, /** @type {number} */ high) => {
    const free = taken.every(([a, b, w, h]) => x > a + w || a > x + wide || y > b + h || b > y + high);
    if (free) taken.push([x, y, wide, high]);
    return free;
  };
}
