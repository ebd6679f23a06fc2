// The address holds the whole state: what is asked, which filters, what is looked at.

import { slicer } from "./text.js";

/** @typedef {import("./types").Place} Place */

/** @type {Place} */
export const HOME = {
  q: "",
  view: "papers",
  paper: "",
  cite: "",
  since: "",
  until: "",
  votes: "",
  section: "",
  n: "",
};
const VIEWS = ["papers", "map", "timeline", "index"];
/** How many papers can be asked for; the least is what the service is set to. */
export const COUNTS = ["", "30", "100"];
const LONGEST = 2000; // characters the service takes
const DAY = /^[12]\d{3}-\d\d-\d\d$/;

/** @param {string} text */
function isDay(text) {
  const at = DAY.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text); // not 30 February
}

/**
 * What an address says; what it can't mean is left out.
 * @param {string} search such as `?q=RAG&view=map`
 * @returns {Place}
 */
export function read(search) {
  const said = new URLSearchParams(search);
  /** @param {string} name */
  const get = (name) => said.get(name) ?? "";
  const day = (/** @type {string} */ name) => (isDay(get(name)) ? get(name) : "");
  return {
    q: slicer(get("q"))(0, LONGEST),
    view: /** @type {Place["view"]} */ (VIEWS.includes(get("view")) ? get("view") : HOME.view),
    paper: get("paper"),
    cite: get("cite"),
    since: day("since"),
    until: day("until"),
    votes: /^\d{1,9}$/.test(get("votes")) ? get("votes") : "",
    section: get("section"),
    n: COUNTS.includes(get("n")) ? get("n") : "",
  };
}

/**
 * The address of a place, relative to the page.
 * @param {Partial<Place>} place
 */
export function write(place) {
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...HOME, ...place })) {
    if (value && value !== HOME[/** @type {keyof Place} */ (name)]) said.set(name, value);
  }
  const text = said.toString();
  return text ? `?${text}` : "./";
}

/**
 * The filters of a place, as the service takes them.
 * @param {Place} place
 */
export function filters(place) {
  return {
    ...(place.since && { since: place.since }),
    ...(place.until && { until: place.until }),
    ...(place.votes && { min_votes: Number(place.votes) }),
    ...(place.section && { sections: [place.section] }),
  };
}

/**
 * What decides which papers are found: two places with the same key show the same ones.
 * @param {Place} place
 */
export const asked = (place) => JSON.stringify([place.q.trim(), filters(place), place.n]);
