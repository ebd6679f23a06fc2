// The page's words in two languages, and how numbers and days are written in them.

import { en } from "./words/en.js";
import { ko } from "./words/ko.js";

const WORDS = { en, ko };
/** @typedef {keyof typeof WORDS} Language */

/** @returns {Language} */
export const language = () => (document.documentElement.lang === "ko" ? "ko" : "en");

/** @param {Language} wanted */
export function speak(wanted) {
  document.documentElement.lang = wanted;
  try {
    localStorage.setItem("nonmun-language", wanted);
  } catch {
    // Storage may be forbidden: it holds until the page is left.
  }
}

/**
 * A text in the language that is chosen.
 * @param {string} name
 * @param {Record<string, string | number>} [values] what stands in braces
 */
export function say(name, values = {}) {
  if (!known(name)) return name; // such as a flag that a later version has
  return WORDS[language()][name].replace(/\{(\w+)\}/g, (_, value) => String(values[value] ?? ""));
}

/**
 * Whether there is a text of this name.
 * @param {string} name
 */
export const known = (name) => Object.hasOwn(WORDS[language()], name);

/**
 * A count with its noun: `found` for many, `found1` for one.
 * @param {string} name
 * @param {number} n
 */
export const count = (name, n) => say(n === 1 ? `${name}1` : name, { n: number(n) });

/** @param {number} n */
export const number = (n) => n.toLocaleString(language());

/**
 * A moment, in the reader's own time.
 * @param {string | null} at
 */
export const moment = (at) =>
  at ? new Date(at).toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" }) : "–";

/** @param {number} size */
export const megabytes = (size) =>
  `${(size / 1e6).toLocaleString(language(), { maximumFractionDigits: 1 })} MB`;
