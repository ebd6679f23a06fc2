// The page's words: both languages say the same things, and every one of them is said.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { count, known, language, megabytes, moment, number, say } from "../../rag/web/words.js";
import { en } from "../../rag/web/words/en.js";
import { ko } from "../../rag/web/words/ko.js";

const FOLDER = new URL("../../rag/web/", import.meta.url);
const FILES = readdirSync(FOLDER, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".js") && !/^(vendor|words)\//.test(file) && file !== "words.js");
const SOURCES = FILES.map((file) => readFileSync(new URL(file, FOLDER), "utf8"));
const ALL = SOURCES.join("\n");
/** @param {string} text */
const holes = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((one) => one[1]).sort();

/** @param {string} lang */
const speakIn = (lang) => {
  /** @type {any} */ (globalThis).document = { documentElement: { lang } };
};

/** The arguments of calls of these functions, up to the comma or bracket that ends them. */
function* said() {
  for (const call of ALL.matchAll(/\b(say|count|known|figure)\(/g)) {
    let depth = 0;
    const begun = call.index + call[0].length;
    let at = begun;
    for (; at < ALL.length; at++) {
      if ("([{".includes(ALL[at])) depth += 1;
      if (")]}".includes(ALL[at]) && depth-- === 0) break;
      if (ALL[at] === "," && depth === 0) break;
    }
    yield { does: call[1], name: ALL.slice(begun, at) };
  }
}
const CALLS = [...said()];
const WHOLE = CALLS.flatMap(({ does, name }) =>
  [...name.replace(/\$\{[^}]*\}/g, "").matchAll(/"(\w[\w-]*)"/g)]
    .map((one) => one[1])
    .flatMap((one) => (does === "count" ? [one, `${one}1`] : [one])),
);
/** Beginnings of names, such as `flag_`. */
const BEGUN = CALLS.flatMap(({ name }) => [...name.matchAll(/`(\w*)\$\{/g)].map((one) => one[1]));

test("both languages have the same names", () => {
  assert.deepEqual(Object.keys(ko), Object.keys(en));
});

test("both languages leave the same places to be filled, and none is empty", () => {
  for (const name of Object.keys(en)) {
    assert.deepEqual(holes(ko[name]), holes(en[name]), name);
    assert.ok(en[name].trim() && ko[name].trim(), name);
  }
});

test("every name that is said is there", () => {
  assert.ok(WHOLE.length > 60, String(WHOLE.length));
  const missing = WHOLE.filter((name) => !(name in en) && !["week", "month", "topic", "key", "extractive", "ko", "en"].includes(name));
  assert.deepEqual(missing, []);
});

test("every beginning of a name has names", () => {
  assert.deepEqual([...new Set(BEGUN)].sort(), ["example", "flag_", "leg_", "state_", "theme_"]);
  for (const begun of BEGUN) assert.ok(Object.keys(en).some((name) => name.startsWith(begun)));
});

test("no name is there for nothing", () => {
  const quoted = new Set([...ALL.matchAll(/"(\w[\w-]*)"/g)].map((one) => one[1]));
  const spoken = new Set([...WHOLE, ...quoted]);
  // What the service says: kinds of answers and of troubles.
  const replied = ["extractive", "generated", "none", "offline", "busy", "missing", "refused", "failed"];
  const unused = Object.keys(en).filter(
    (name) => !spoken.has(name) && !replied.includes(name) && !BEGUN.some((begun) => name.startsWith(begun)),
  );
  assert.deepEqual(unused, []);
});

test("a text is said in the language of the document, English where that is another", () => {
  speakIn("ko");
  assert.equal(language(), "ko");
  assert.equal(say("ask"), ko.ask);
  speakIn("de");
  assert.equal(language(), "en");
  assert.equal(say("ask"), en.ask);
});

test("places are filled, with what looks like one too", () => {
  speakIn("en");
  assert.equal(say("holds", { papers: 3, since: "{until}", until: "$&" }), "3 papers of {until} to $&");
  assert.equal(say("confidence", {}), "Confidence %");
});

test("a name that is not known is said as it is", () => {
  assert.equal(say("flag_of-a-later-version"), "flag_of-a-later-version");
  assert.equal(known("flag_of-a-later-version"), false);
  assert.equal(known("toString"), false);
  assert.equal(say("constructor"), "constructor");
});

test("one is not many", () => {
  speakIn("en");
  assert.equal(count("found", 1), "1 paper");
  assert.equal(count("found", 0), "0 papers");
  assert.equal(count("found", 1234), "1,234 papers");
  speakIn("ko");
  assert.equal(count("voted", 1), "추천 1");
});

test("numbers, sizes and moments are written in the language", () => {
  for (const lang of ["ko", "en"]) {
    speakIn(lang);
    assert.equal(number(13618), "13,618");
    assert.equal(megabytes(12_345_678), "12.3 MB");
    assert.equal(moment(null), "–");
    assert.match(moment("2024-07-16T00:30:00Z"), /2024/);
  }
});
