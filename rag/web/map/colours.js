// Colours of points: of a topic, or of a month from the first to the last.

/** @typedef {import("../types").Chart} Chart */

const GOLDEN = 137.508; // degrees: neighbours in number are far apart in hue
/** Perceptually even from dark blue over green to yellow, and readable on either ground. */
const MONTHS = [
  [68, 84, 168],
  [44, 114, 142],
  [32, 144, 130],
  [86, 176, 90],
  [214, 166, 34],
];

/**
 * The broad topic of each topic.
 * @param {Chart["topics"]} topics
 */
export const broad = (topics) => topics.map((one, i) => (one.level === 0 ? i : (one.parent ?? i)));

/**
 * A colour's number for each paper, and the colours.
 * @param {Chart} chart
 * @param {"topic" | "month"} by
 * @param {boolean} dark
 * @returns {{numbers: Uint16Array, colours: string[]}}
 */
export function colour(chart, by, dark) {
  return by === "topic" ? byTopic(chart, dark) : byMonth(chart, dark);
}

/**
 * @param {Chart} chart
 * @param {boolean} dark
 */
function byTopic({ papers, topics }, dark) {
  const parents = broad(topics);
  const roots = [...new Set(parents)].sort((a, b) => a - b);
  const colours = roots.map((_, i) => `hsl(${(i * GOLDEN + 214) % 360} ${dark ? 62 : 58}% ${dark ? 62 : 46}%)`);
  colours.push(dark ? "#8a8f98" : "#7a7f88");
  const number = new Map(roots.map((root, i) => [root, i]));
  const numbers = Uint16Array.from(papers.topics, (topic) => number.get(parents[topic]) ?? colours.length - 1);
  return { numbers, colours };
}

/**
 * @param {Chart} chart
 * @param {boolean} dark
 */
function byMonth({ papers }, dark) {
  const months = papers.dates.map((date) => (date ? Number(date.slice(0, 4)) * 12 + Number(date.slice(5, 7)) : NaN));
  const known = months.filter((month) => !Number.isNaN(month));
  const first = known.reduce((a, b) => Math.min(a, b), Infinity);
  const last = known.reduce((a, b) => Math.max(a, b), -Infinity);
  const all = known.length ? last - first + 1 : 0;
  const colours = Array.from({ length: all }, (_, i) => along(all > 1 ? i / (all - 1) : 1, dark));
  colours.push(dark ? "#8a8f98" : "#7a7f88");
  const numbers = Uint16Array.from(months, (month) => (Number.isNaN(month) ? all : month - first));
  return { numbers, colours };
}

/**
 * @param {number} share
 * @param {boolean} dark
 */
function along(share, dark) {
  const at = share * (MONTHS.length - 1);
  const i = Math.min(Math.floor(at), MONTHS.length - 2);
  const mixed = MONTHS[i].map((one, c) => one + (MONTHS[i + 1][c] - one) * (at - i));
  const shown = mixed.map((one) => Math.round(dark ? one + (255 - one) * 0.25 : one));
  return `rgb(${shown.join(" ")})`;
}
