// The address and what it means.

import assert from "node:assert/strict";
import { test } from "node:test";
import { asked, COUNTS, filters, HOME, read, write } from "../../rag/web/place.js";

const FULL = {
  ...HOME,
  q: "RAG & 검색 + 100% #1?",
  view: "timeline",
  paper: "cs/0501001",
  cite: "2",
  since: "2024-02-29",
  until: "2024-12-31",
  votes: "10",
  section: "What's New",
  n: "30",
};

test("an address without a question is home", () => {
  assert.deepEqual(read(""), HOME);
  assert.deepEqual(read("?"), HOME);
  assert.equal(write(HOME), "./");
  assert.equal(write({}), "./");
});

test("what is written is read again", () => {
  assert.deepEqual(read(write(/** @type {any} */ (FULL))), FULL);
  for (const [name, value] of Object.entries(FULL)) {
    const place = { ...HOME, [name]: value };
    assert.deepEqual(read(write(/** @type {any} */ (place))), place);
  }
  for (const n of COUNTS) assert.equal(read(write({ n })).n, n);
});

test("what is as at home is not written", () => {
  assert.equal(write({ ...HOME, view: "papers", q: "a" }), "?q=a");
});

test("what an address can't mean is left out", () => {
  for (const [name, values] of Object.entries({
    view: ["maps", "", "__proto__", "Papers"],
    since: ["2024-1-1", "2024-13-01", "2024-02-30", "2023-02-29", "2024-00-10", "2024-01-00", "0001-01-01", "9999-12-31", "today", "2024-01-01T00:00", " 2024-01-01"],
    until: ["2024-06-31", "20240101"],
    votes: ["-1", "1.5", "1e3", "ten", "1234567890", ""],
    n: ["7", "10", "1000", "-1"],
  })) {
    for (const value of values) {
      const place = read(`?q=a&${name}=${encodeURIComponent(value)}`);
      assert.deepEqual(place, { ...HOME, q: "a" }, `${name}=${value}`);
    }
  }
});

test("a name that the page does not know is not kept", () => {
  assert.equal(write(read("?q=a&utm_source=x&__proto__=y&constructor=z")), "?q=a");
});

test("of a name that stands twice the first holds", () => {
  assert.equal(read("?q=a&q=b").q, "a");
});

test("a question that is too long is cut between characters", () => {
  const long = "a".repeat(1999) + "🙂".repeat(5);
  const { q } = read(write({ q: long }));
  assert.equal([...q].length, 2000); // as many as the service takes
  assert.ok(q.isWellFormed?.() ?? !/[\ud800-\udbff]$/.test(q));
});

test("filters are what the service takes, and no more", () => {
  assert.deepEqual(filters(HOME), {});
  assert.deepEqual(filters(/** @type {any} */ (FULL)), {
    since: "2024-02-29",
    until: "2024-12-31",
    min_votes: 10,
    sections: ["What's New"],
  });
  assert.deepEqual(filters({ ...HOME, votes: "0" }), { min_votes: 0 });
});

test("places that find the same have the same key", () => {
  const place = /** @type {any} */ (FULL);
  assert.equal(asked(place), asked({ ...place, view: "map", paper: "", cite: "" }));
  assert.equal(asked(place), asked({ ...place, q: ` ${place.q} ` }));
  for (const name of ["q", "since", "until", "votes", "section", "n"]) {
    assert.notEqual(asked(place), asked({ ...place, [name]: "" }), name);
  }
});
