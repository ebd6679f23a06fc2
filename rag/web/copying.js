// A paper as BibTeX and as Markdown.

import { safe } from "./text.js";

/** @typedef {import("./types").WholePaper} WholePaper */

const ARXIV = /^(\d\d)(\d\d)\.\d{4,5}$/;
const SPECIAL = /[&%$#_{}~^\\]/g;
// BibTeX counts braces whether a backslash stands before them or not.
/** @type {Record<string, string>} */
const ESCAPED = {
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "\\": "\\textbackslash{}",
  "{": "\\textbraceleft{}",
  "}": "\\textbraceright{}",
};

/** @param {string} text */
const tex = (text) => text.replace(/\s+/g, " ").trim().replace(SPECIAL, (c) => ESCAPED[c] ?? `\\${c}`);

/** A name; BibTeX would take apart what has a comma or an “and” in it. @param {string} text */
const named = (text) => (/,|\band\b/i.test(text) ? `{${tex(text)}}` : tex(text));

/** An address, its braces by their numbers. @param {string} text */
const address = (text) => text.replace(/[{}]/g, encodeURIComponent);

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
  const authors = paper.authors.map(named);
  if (authors.length && paper.more_authors) authors.push("others");
  const url = safe(paper.url);
  const fields = [
    ["title", `{${tex(paper.title)}}`],
    ["author", authors.join(" and ")],
    ["year", year],
    ...(arxiv ? [["eprint", paper.id], ["archivePrefix", "arXiv"]] : []),
    ["url", address(url ?? "")],
  ].filter(([, value]) => value);
  const key = `${last}${year}${word}` || "paper";
  return `@misc{${key},\n${fields.map(([name, value]) => `  ${name} = {${value}}`).join(",\n")}\n}\n`;
}

/** @param {string} text */
const escaped = (text) => text.replace(/[\\`*_[\]<>#|~&]/g, "\\$&");

/**
 * A paper as notes in Markdown, its sections as the digest has them.
 * @param {WholePaper} paper
 */
export function markdown(paper) {
  const url = safe(paper.url);
  const title = escaped(paper.title);
  const facts = [
    paper.date,
    escaped([...paper.authors, ...(paper.authors.length && paper.more_authors ? ["…"] : [])].join(", ")),
    paper.votes === null ? "" : `▲ ${paper.votes}`,
  ].filter(Boolean);
  const sections = paper.sections.map(({ name, text }) => `### ${escaped(name)}\n\n${text.trim()}\n`);
  const heading = `## ${url ? `[${title}](<${url}>)` : title}\n`;
  return [heading, ...(facts.length ? [`${facts.join(" · ")}\n`] : []), ...sections].join("\n");
}
