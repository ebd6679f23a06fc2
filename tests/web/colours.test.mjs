// Colours of the points of the map.

import assert from "node:assert/strict";
import { test } from "node:test";
import { broad, colour } from "../../rag/web/map/colours.js";

/** @param {object} papers @param {object[]} [topics] @returns {any} */
const chart = (papers, topics = []) => ({ papers, topics });
const TOPICS = [
  { level: 0, parent: null },
  { level: 1, parent: 0 },
  { level: 0, parent: null },
  { level: 1, parent: 2 },
  { level: 1, parent: null },
];
/** @param {any} made @param {number} row */
const of = ({ numbers, colours }, row) => colours[numbers[row]];

test("a topic belongs to its broad one, and one without to itself", () => {
  assert.deepEqual(broad(/** @type {any} */ (TOPICS)), [0, 0, 2, 2, 4]);
});

test("papers of one broad topic have one colour, of two topics two", () => {
  for (const dark of [false, true]) {
    const made = colour(chart({ topics: [0, 1, 2, 3, 4] }, TOPICS), "topic", dark);
    assert.equal(of(made, 0), of(made, 1));
    assert.equal(of(made, 2), of(made, 3));
    assert.equal(new Set([of(made, 0), of(made, 2), of(made, 4)]).size, 3);
  }
});

test("a paper of no topic is grey", () => {
  const made = colour(chart({ topics: [0, -1, 99] }, TOPICS), "topic", false);
  assert.equal(of(made, 1), "#7a7f88");
  assert.equal(of(made, 2), "#7a7f88");
  assert.notEqual(of(made, 0), "#7a7f88");
});

test("a colour of a topic does not depend on which papers are there", () => {
  const some = colour(chart({ topics: [2] }, TOPICS), "topic", false);
  const all = colour(chart({ topics: [0, 1, 2] }, TOPICS), "topic", false);
  assert.equal(of(some, 0), of(all, 2));
});

test("months go from the first colour to the last, over a new year", () => {
  const made = colour(chart({ dates: ["2023-11-30", "2023-11-01", "2023-12-31", "2024-01-01", null] }), "month", false);
  assert.deepEqual([...made.numbers], [0, 0, 1, 2, 3]);
  assert.equal(made.colours.length, 4);
  assert.equal(made.colours[0], "rgb(68 84 168)");
  assert.equal(made.colours[2], "rgb(214 166 34)");
  assert.equal(of(made, 4), "#7a7f88");
});

test("every number has a colour, whatever dates there are", () => {
  for (const dates of [[], [null], ["2024-05-01"], ["2024-05-01", null, "2001-01-01"]]) {
    for (const dark of [false, true]) {
      const made = colour(chart({ dates }), "month", dark);
      assert.equal(made.numbers.length, dates.length);
      for (const [row] of dates.entries()) assert.match(of(made, row), /^(rgb\(\d+ \d+ \d+\)|#[0-9a-f]{6})$/);
    }
  }
});
