// What runs before anything is drawn: which language, which theme.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

const SOURCE = readFileSync(new URL("../../rag/web/boot.js", import.meta.url), "utf8");

/**
 * @param {{kept?: Record<string, string> | null, languages?: string[], language?: string}} browser
 *   `kept` is null where storage is forbidden
 */
function booted({ kept = {}, languages, language = "en-US" }) {
  const root = { lang: "ko", dataset: /** @type {Record<string, string>} */ ({}) };
  const localStorage = {
    getItem(/** @type {string} */ name) {
      if (!kept) throw new Error("forbidden");
      return kept[name] ?? null;
    },
  };
  runInNewContext(SOURCE, { document: { documentElement: root }, navigator: { languages, language }, localStorage });
  return { lang: root.lang, theme: root.dataset.theme };
}

test("the language is the first of the browser's that the page has", () => {
  assert.equal(booted({ languages: ["ko-KR", "en"] }).lang, "ko");
  assert.equal(booted({ languages: ["en-GB", "ko"] }).lang, "en");
  assert.equal(booted({ languages: ["de", "fr-CA", "ko"] }).lang, "ko");
  assert.equal(booted({ languages: ["KO"] }).lang, "ko");
  assert.equal(booted({ language: "ko" }).lang, "ko");
});

test("it is English where the browser has neither", () => {
  assert.equal(booted({ languages: ["de", "kok"] }).lang, "en"); // Konkani is no Korean
  assert.equal(booted({ languages: [] }).lang, "en");
});

test("what was chosen comes before the browser's", () => {
  assert.equal(booted({ kept: { "nonmun-language": "en" }, languages: ["ko"] }).lang, "en");
  assert.equal(booted({ kept: { "nonmun-language": "ko" }, languages: ["en"] }).lang, "ko");
});

test("a theme that was chosen holds, any other is the system's", () => {
  assert.equal(booted({ kept: { "nonmun-theme": "dark" } }).theme, "dark");
  assert.equal(booted({ kept: { "nonmun-theme": "light" } }).theme, "light");
  for (const odd of ["auto", "", "blue"]) assert.equal(booted({ kept: { "nonmun-theme": odd } }).theme, undefined);
});

test("where storage is forbidden the page begins all the same", () => {
  assert.deepEqual(booted({ kept: null, languages: ["ko"] }), { lang: "ko", theme: undefined });
});
