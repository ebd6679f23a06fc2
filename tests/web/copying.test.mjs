// A paper as BibTeX, read again as BibTeX reads it, and as Markdown.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bibtex, markdown } from "../../rag/web/copying.js";

/** @param {object} [facts] @returns {any} */
const paper = (facts = {}) => ({
  id: "2407.10058",
  title: "Learning to Refuse: Towards Mitigating Privacy Risks in LLMs",
  url: "https://arxiv.org/abs/2407.10058",
  date: "2024-07-16",
  votes: 12,
  authors: ["Zhenhua Liu", "Tong Zhu"],
  more_authors: false,
  sections: [{ name: "What's New", text: " 요약 하나.\n" }, { name: "Technical Details", text: "요약 *둘*." }],
  ...facts,
});

/**
 * The only entry of a text. Braces are counted as BibTeX counts them: a backslash before one changes
 * nothing, and a value ends with the brace that closes it.
 * @param {string} text
 */
function parsed(text) {
  const head = /^@(\w+)\{([^\s,{}"#%~\\]+),\n/.exec(text);
  assert.ok(head, text);
  /** @type {Record<string, string>} */
  const fields = {};
  let at = head[0].length;
  for (;;) {
    const name = /^\s*([A-Za-z]+) = \{/.exec(text.slice(at));
    assert.ok(name, text.slice(at));
    at += name[0].length;
    const begun = at;
    for (let depth = 1; depth > 0; at++) {
      assert.ok(at < text.length, `a brace is not closed: ${text}`);
      if (text[at] === "{") depth += 1;
      if (text[at] === "}") depth -= 1;
    }
    assert.ok(!(name[1] in fields));
    fields[name[1]] = text.slice(begun, at - 1);
    if (text[at] !== ",") break;
    at += 1;
  }
  assert.equal(text.slice(at), "\n}\n");
  return { kind: head[1], key: head[2], fields };
}

/** @param {object} facts */
const entry = (facts) => parsed(bibtex(paper(facts)));

/** What TeX would print. @param {string} text */
const printed = (text) =>
  text
    .replace(/\\text(asciitilde|asciicircum|backslash|braceleft|braceright)\{\}/g, (_, name) =>
      ({ asciitilde: "~", asciicircum: "^", backslash: "\\", braceleft: "{", braceright: "}" })[/** @type {"asciitilde"} */ (name)])
    .replace(/\\([&%$#_])/g, "$1");

test("a preprint is a misc with its arXiv number", () => {
  assert.equal(
    bibtex(paper()),
    `@misc{liu2024learning,
  title = {{Learning to Refuse: Towards Mitigating Privacy Risks in LLMs}},
  author = {Zhenhua Liu and Tong Zhu},
  year = {2024},
  eprint = {2407.10058},
  archivePrefix = {arXiv},
  url = {https://arxiv.org/abs/2407.10058}
}
`,
  );
});

test("the year is the preprint's, not the digest's", () => {
  assert.equal(entry({ id: "2312.00001", date: "2024-01-02" }).fields.year, "2023");
  assert.equal(entry({ id: "0704.0001", date: "2024-01-02" }).fields.year, "2007");
});

test("another id has the digest's year and no arXiv number", () => {
  for (const id of ["ab12cd", "acl/2024.findings-1", "2407.123", "2407.100581", "x2407.10058"]) {
    const { fields } = entry({ id, date: "2023-05-06", url: "https://example.org/paper" });
    assert.equal(fields.year, "2023");
    assert.equal(fields.eprint, undefined);
    assert.equal(fields.archivePrefix, undefined);
    assert.equal(fields.url, "https://example.org/paper");
  }
});

test("what is not known is left out", () => {
  const { key, fields } = entry({ id: "x", date: null, authors: [], url: "" });
  assert.deepEqual(Object.keys(fields), ["title"]);
  assert.equal(key, "learning");
  assert.equal(entry({ id: "x", date: null, authors: [], title: "가 나" }).key, "paper");
  assert.equal(entry({ url: "javascript:alert(1)" }).fields.url, undefined);
});

test("the key is letters and digits, of the author's last name, the year and a word of the title", () => {
  assert.equal(entry({ authors: ["Jürgen Müller-Lüdenscheidt"] }).key, "mullerludenscheidt2024learning");
  assert.equal(entry({ authors: ["김철수"] }).key, "2024learning");
  assert.equal(entry({ title: "An LLM in the “Wild”: {Really}" }).key, "liu2024wild");
  assert.equal(entry({ title: "논문 GPT" }).key, "liu2024");
  assert.equal(entry({ authors: ["  Anna  O'Neil "] }).key, "oneil2024learning");
});

test("authors that the digest leaves out are others", () => {
  assert.equal(entry({ more_authors: true }).fields.author, "Zhenhua Liu and Tong Zhu and others");
  assert.equal(entry({ authors: [], more_authors: true }).fields.author, undefined);
});

test("a name that BibTeX would take apart is held together", () => {
  const { fields } = entry({ authors: ["Sam Davis, Jr.", "Bell and Sons", "Alexandra Andrew"] });
  assert.equal(fields.author, "{Sam Davis, Jr.} and {Bell and Sons} and Alexandra Andrew");
});

test("what TeX reads as its own is printed as it was", () => {
  for (const title of ["50% of R&D_{x} #1 ~ $\\alpha^2$", "A } B", "{ open", "}{", "C:\\new\\\\", "tail\\", "100%"]) {
    const { fields } = entry({ title, authors: [`${title}`] });
    assert.equal(printed(fields.title.slice(1, -1)), title);
    assert.ok(!/(^|[^\\])[&%$#_]/.test(fields.title), fields.title);
    assert.equal(printed(fields.author), title);
  }
});

test("a title of several lines is one line", () => {
  assert.equal(entry({ title: " A\n  long\ttitle " }).fields.title, "{A long title}");
});

test("braces in an address don't open anything", () => {
  assert.equal(entry({ url: "https://example.org/?a={&b=%7D#{" }).fields.url, "https://example.org/?a=%7B&b=%7D#%7B");
});

test("a paper in Markdown has its title, facts and sections", () => {
  assert.equal(
    markdown(paper()),
    `## [Learning to Refuse: Towards Mitigating Privacy Risks in LLMs](<https://arxiv.org/abs/2407.10058>)

2024-07-16 · Zhenhua Liu, Tong Zhu · ▲ 12

### What's New

요약 하나.

### Technical Details

요약 *둘*.
`,
  );
});

test("in Markdown a title, names and the names of sections are text", () => {
  const odd = "a*b*_c_ `d` [e](f) <g> #h | i\\ ~~j~~ &amp;";
  const text = markdown(paper({ title: odd, authors: [odd], sections: [{ name: odd, text: "x" }] }));
  const shown = "a\\*b\\*\\_c\\_ \\`d\\` \\[e\\](f) \\<g\\> \\#h \\| i\\\\ \\~\\~j\\~\\~ \\&amp;";
  assert.equal(text.split("\n")[0], `## [${shown}](<https://arxiv.org/abs/2407.10058>)`);
  assert.equal(text.split("\n")[2], `2024-07-16 · ${shown} · ▲ 12`);
  assert.equal(text.split("\n")[4], `### ${shown}`);
});

test("in Markdown no address leads anywhere but to the web", () => {
  assert.equal(markdown(paper({ url: "javascript:alert(1)" })).split("\n")[0], "## Learning to Refuse: Towards Mitigating Privacy Risks in LLMs");
  const odd = markdown(paper({ url: "https://example.org/a)b <c> d" })).split("\n")[0];
  assert.ok(odd.endsWith("](<https://example.org/a)b%20%3Cc%3E%20d>)"), odd);
});

test("in Markdown what is not known leaves no trace", () => {
  const text = markdown(paper({ date: null, authors: [], more_authors: true, votes: null, sections: [] }));
  assert.equal(text.split("\n").slice(1).join(""), "");
  assert.match(markdown(paper({ more_authors: true, votes: 0 })), /\n2024-07-16 · Zhenhua Liu, Tong Zhu, … · ▲ 0\n/);
});
