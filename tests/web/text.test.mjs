// Texts and spans: offsets are of characters, as the service counts them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { cited, find, length, pieces, safe, slicer } from "../../rag/web/text.js";

const WIDE = "가🙂나𝒙다👍🏽라"; // 9 UTF-16 units more than an eye sees, 8 characters

/** @param {string} text @param {Record<string, [number, number][]>} kinds */
const shown = (text, kinds) => pieces(text, kinds).map((one) => [one.text, one.kinds.join("+")]);

test("a length counts characters, not UTF-16 units", () => {
  assert.equal(length(""), 0);
  assert.equal(length("논문 abc"), 6);
  assert.equal(length(WIDE), 8);
  assert.equal(length(WIDE), [...WIDE].length);
});

test("a span is cut by characters, whatever stands before it", () => {
  for (const text of ["plain text", "한국어 문장", WIDE, "🙂", "e\u0301🙂e\u0301"]) {
    const characters = [...text];
    const cut = slicer(text);
    for (let start = 0; start <= characters.length; start++) {
      for (let end = start; end <= characters.length; end++) {
        assert.equal(cut(start, end), characters.slice(start, end).join(""));
      }
    }
    assert.equal(cut(1), characters.slice(1).join(""));
  }
});

test("pieces put together are the text, and none is empty", () => {
  for (const text of ["", "a", "한국어 문장", WIDE]) {
    for (const spans of [[], [[0, 1]], [[2, 5], [1, 3]], [[0, 99]], [[-3, 2]], [[50, 60]], [[3, 3]], [[4, 2]]]) {
      const cut = pieces(text, { match: /** @type {[number, number][]} */ (spans) });
      assert.equal(cut.map((one) => one.text).join(""), text);
      assert.ok(cut.every((one) => one.text !== ""));
    }
  }
});

test("a span is marked, the rest is not", () => {
  assert.deepEqual(shown("abcdef", { match: [[1, 3]] }), [["a", ""], ["bc", "match"], ["def", ""]]);
  assert.deepEqual(shown("abc", {}), [["abc", ""]]);
  assert.deepEqual(shown("abc", { match: [[0, 3]] }), [["abc", "match"]]);
});

test("a span after an emoji is where the service says", () => {
  assert.deepEqual(shown(WIDE, { match: [[2, 4]] }), [["가🙂", ""], ["나𝒙", "match"], ["다👍🏽라", ""]]);
});

test("spans that overlap are cut where one begins or ends", () => {
  const spans = { match: /** @type {[number, number][]} */ ([[3, 5], [0, 2]]), cited: /** @type {[number, number][]} */ ([[1, 4]]) };
  assert.deepEqual(shown("abcdef", spans), [
    ["a", "match"],
    ["b", "match+cited"],
    ["c", "cited"],
    ["d", "match+cited"],
    ["e", "match"],
    ["f", ""],
  ]);
  assert.deepEqual(shown("abcd", { match: [[0, 3], [1, 2]] }).map(([, kinds]) => kinds), ["match", "match", "match", ""]);
});

test("a span beyond the text ends with it", () => {
  assert.deepEqual(shown("abc", { match: [[2, 9]] }), [["ab", ""], ["c", "match"]]);
  assert.deepEqual(shown("abc", { match: [[7, 9]] }), [["abc", ""]]);
});

test("a quote is found where it stands, in characters", () => {
  assert.deepEqual(find("가나다", "나다"), [[1, 3]]);
  assert.deepEqual(find(WIDE, "다👍🏽"), [[4, 7]]);
  assert.deepEqual(find("aXbX", "X"), [[1, 2]]);
  assert.equal(slicer(WIDE)(...find(WIDE, "𝒙다")[0]), "𝒙다");
});

test("a quote that is not there, or is empty, is nowhere", () => {
  assert.deepEqual(find("가나다", "라"), []);
  assert.deepEqual(find("가나다", ""), []);
  assert.deepEqual(find("", "가"), []);
});

test("an answer is taken apart at its citations", () => {
  assert.deepEqual(cited("앞 [1] 뒤 [12][3]"), ["앞 ", 1, " 뒤 ", 12, 3]);
  assert.deepEqual(cited("[1]"), [1]);
  assert.deepEqual(cited(""), []);
});

test("what is no citation stays as it is written", () => {
  for (const text of ["[a]", "[ 1 ]", "[]", "[1", "[-1]", "[0]", "[007]", "[12345678901234567890]", "x[1.5]"]) {
    assert.deepEqual(cited(text), [text]);
  }
});

test("an answer put together again is the same", () => {
  for (const text of ["a [1] b [22]", "[007] [1]", "array[0][1]"]) {
    assert.equal(cited(text).map((one) => (typeof one === "number" ? `[${one}]` : one)).join(""), text);
  }
});

test("an address of the web is safe", () => {
  assert.equal(safe("https://arxiv.org/abs/2407.10058"), "https://arxiv.org/abs/2407.10058");
  assert.equal(safe("HTTP://Example.ORG/A"), "http://example.org/A");
  assert.equal(safe("  https://example.org/a b  "), "https://example.org/a%20b");
  assert.equal(safe("ht\ntps://example.org/"), "https://example.org/");
});

test("an address that runs something, or is none, is not", () => {
  for (const address of [
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    " \u0001javascript:alert(1)",
    "java\tscript:alert(1)",
    "javascript\n:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "blob:https://example.org/1",
    "file:///etc/passwd",
    "ftp://example.org/",
    "mailto:a@example.org",
    "//example.org/a",
    "/abs/2407.10058",
    "abs/2407.10058",
    "example.org",
    "https://",
    "",
  ]) {
    assert.equal(safe(address), null, address);
  }
});
