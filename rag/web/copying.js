// A paper as BibTeX and as Markdown.

import { safe } from "./text.js";

/** @typedef {import("./types").WholePaper} WholePaper */

const ARXIV = /^(\d\d)(\d\d)\.\d{4,5}$/;
const SPECIAL = /[&%$#_{}~^\\]/g;
/** @type {Record<string, string>} */
const ESCAPED = { "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "\\": "\\textbackslash{}" };

/** @param {string} text */
const tex = (text) => text.replace(/\s+/g, " ").trim().replace(SPECIAL, (c) => ESCAPED[c] ?? `\\${c}`);

/** @param {string} text */
const plain = (text) => text.normalize("NFKD").replace(/[^A-Za-z0-9]/g, "").toLowerCase();

/**
 * The entry of a paper. The year is that of the preprint, or else of the digest.
 * @param {WholePaper} paper
 */
export function bibtex(paper) {
  const arxiv = ARXIV.exec(paper.id);
  const year = arxiv ? `20${arxiv[1]}` : (paper.date ?? "").slice(0, 4);
  const last = plain((paper.authors[0] ?? "").trim().split(/\s+/).pop() ?? "");
  const word = paper.title.split(/\s+/).map(plain).find((one) => one.length > 3) ?? "";
  const authors = paper.authors.map(tex).concat(paper.more_authors ? ["others"] : []);
  const url = safe(paper.url);
  const fields = [
    ["title", `{${tex(paper.title)}}`],
    ["author", authors.join(" and ")],
    ["year", year],
    ...(arxiv ? [["eprint", paper.id], ["archivePrefix", "arXiv"]] : []),
    ["url", url ?? ""],
  ].filter(([, value]) => value);
  const key = `${last}${year}${word}` || "paper";
  return `@misc{${key},\n${fields.map(([name, value]) => `  ${name} = {${value}}`).join(",\n")}\n}\n`;
}

/** @param {string} text */
const escaped = (text) => text.replace(/[\\`*_[\]<>#|]/g, "\\$&");

/**
 * A paper as notes in Markdown, its sections as the digest has them.
 * @param {WholePaper} paper
 */
export function markdown(paper) {
  const url = safe(paper.url);
  const title = escaped(paper.title);
  const facts = [
    paper.date,
    paper.authors.join(", ") + (paper.more_authors ? ", …" : ""),
    paper.votes === null ? "" : `▲ ${paper.votes}`,
  ].filter(Boolean);
  const sections = paper.sections.map(({ name, text }) => `### ${name}\n\n${text.trim()}\n`);
  return [`## ${url ? `[${title}](<${url}>)` : title}\n`, `${facts.join(" · ")}\n`, ...sections].join("\n");
}
