// Papers a week or a month. Mondays are compared with Python's calendar in test_weeks.py.

import assert from "node:assert/strict";
import { test } from "node:test";
import { monday, timeline } from "../../rag/web/weeks.js";

const DAY = 86_400_000;
/** @param {string} date @param {number} days */
const later = (date, days) => new Date(Date.parse(date) + days * DAY).toISOString().slice(0, 10);

/** @param {{since: string, until: string}[]} bars */
function assertNoGaps(bars) {
  for (const [i, bar] of bars.entries()) {
    assert.ok(bar.since <= bar.until, `${bar.since} ${bar.until}`);
    if (i) assert.equal(bar.since, later(bars[i - 1].until, 1));
  }
}

test("a week begins on its Monday, also across a new year", () => {
  assert.equal(monday("2024-07-15"), "2024-07-15");
  assert.equal(monday("2024-07-21"), "2024-07-15");
  assert.equal(monday("2025-01-01"), "2024-12-30");
  assert.equal(monday("2021-01-03"), "2020-12-28");
  assert.equal(monday("2024-03-01"), "2024-02-26");
});

test("without days there is no bar", () => {
  assert.deepEqual(timeline([]), { unit: "week", bars: [] });
  assert.deepEqual(timeline([], "", ""), { unit: "week", bars: [] });
});

test("one day is one week", () => {
  assert.deepEqual(timeline(["2024-07-16"]), {
    unit: "week",
    bars: [{ since: "2024-07-15", until: "2024-07-21", count: 1 }],
  });
});

test("every week from the first to the last has a bar, and every day is counted", () => {
  const { unit, bars } = timeline(["2025-01-20", "2024-12-18", "2024-12-17", "2025-01-19"]);
  assert.equal(unit, "week");
  assert.deepEqual(bars.map((bar) => [bar.since, bar.count]), [
    ["2024-12-16", 2],
    ["2024-12-23", 0],
    ["2024-12-30", 0],
    ["2025-01-06", 0],
    ["2025-01-13", 1],
    ["2025-01-20", 1],
  ]);
  assertNoGaps(bars);
});

test("days that are asked for widen it and never narrow it", () => {
  const { bars } = timeline(["2024-07-16"], "2024-07-01", "2024-07-31");
  assert.equal(bars[0].since, "2024-07-01");
  assert.equal(bars.at(-1)?.until, "2024-08-04");
  assert.equal(bars.reduce((sum, bar) => sum + bar.count, 0), 1);
  const outside = timeline(["2024-05-01", "2024-09-30"], "2024-07-01", "2024-07-31").bars;
  assert.equal(outside[0].since, "2024-04-29");
  assert.equal(outside.at(-1)?.since, "2024-09-30");
});

test("160 weeks are weeks, one more are months", () => {
  const first = "2021-01-04"; // a Monday
  const weeks = timeline([first, later(first, 7 * 160 - 1)]);
  assert.deepEqual([weeks.unit, weeks.bars.length], ["week", 160]);
  assertNoGaps(weeks.bars);
  const months = timeline([first, later(first, 7 * 160)]);
  assert.equal(months.unit, "month");
  assert.deepEqual(months.bars[0], { since: "2021-01-01", until: "2021-01-31", count: 1 });
  assert.equal(months.bars.at(-1)?.since, "2024-01-01");
  assert.equal(months.bars.at(-1)?.until, "2024-01-31");
  assertNoGaps(months.bars);
});

test("months have no gaps over leap years and centuries, and count every day", () => {
  for (const [first, last] of [["1996-01-31", "2005-12-01"], ["1899-12-31", "2101-03-01"], ["0001-01-01", "0150-01-01"], ["9990-01-01", "9999-12-31"]]) {
    const { unit, bars } = timeline([first, last, last]);
    assert.equal(unit, "month");
    assert.equal(bars[0].since, `${first.slice(0, 7)}-01`);
    assert.equal(bars.at(-1)?.since, `${last.slice(0, 7)}-01`);
    const between = (Number(last.slice(0, 4)) - Number(first.slice(0, 4))) * 12 + Number(last.slice(5, 7)) - Number(first.slice(5, 7));
    assert.equal(bars.length, between + 1);
    assertNoGaps(bars);
    assert.equal(bars.reduce((sum, bar) => sum + bar.count, 0), 3);
  }
});
