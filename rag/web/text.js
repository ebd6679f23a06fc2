// Texts and spans of them. The service counts characters, JavaScript counts UTF-16 units: a text with
// 𝒙 or an emoji in it has more of these.

/** @typedef {import("./types").Span} Span */

const WIDE = /[\ud800-\udbff]/;

/**
 * A function that cuts spans, in characters, out of a text.
 * @param {string} text
 * @returns {(start: number, end?: number) => string}
 */
export function slicer(text) {
  if (!WIDE.test(text)) return (start, end) => text.slice(start, end);
  const characters = Array.from(text);
  return (start, end) => characters.slice(start, end).join("");
}

/**
 * How many characters a text has.
 * @param {string} text
 */
export const length = (text) => (WIDE.test(text) ? Array.from(text).length : text.length);

/**
 * Cut a text at the ends of spans of several kinds.
 * @param {string} text
 * @param {Record<string, Span[]>} kinds the spans of each kind, in any order; they may overlap
 * @returns {{text: string, kinds: string[]}[]} the pieces, in order, and of which kinds each is
 */
export function pieces(text, kinds) {
  const end = length(text);
  const cuts = new Set([0, end]);
  for (const spans of Object.values(kinds)) {
    for (const span of spans) for (const at of span) cuts.add(Math.min(Math.max(at, 0), end));
  }
  const places = [...cuts].sort((a, b) => a - b);
  const cut = slicer(text);
  return places.slice(1).map((to, i) => ({
    text: cut(places[i], to),
    kinds: Object.keys(kinds).filter((kind) => kinds[kind].some(([a, b]) => a <= places[i] && to <= b)),
  }));
}

/**
 * Where a quote stands in a text, in characters; nothing where it does not.
 * @param {string} text
 * @param {string} quote
 * @returns {Span[]}
 */
export function find(text, quote) {
  const at = quote ? text.indexOf(quote) : -1;
  if (at < 0) return [];
  const start = length(text.slice(0, at));
  return [[start, start + length(quote)]];
}

/**
 * The words of an answer, and the numbers of what they cite, as `[1]` marks them.
 * @param {string} text
 * @returns {(string | number)[]}
 */
export function cited(text) {
  return text
    .split(/\[([1-9]\d{0,3})\]/)
    .map((part, i) => (i % 2 ? Number(part) : part))
    .filter((part) => part !== "");
}

/**
 * An address that may be linked to: of the web, and no script.
 * @param {string} address
 */
export function safe(address) {
  try {
    const { protocol, href } = new URL(address);
    return protocol === "https:" || protocol === "http:" ? href : null;
  } catch {
    return null;
  }
}
