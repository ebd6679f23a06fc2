// A paper: its whole summary, what is doubted in it, and papers like it with the reasons.

import { bibtex, markdown } from "../copying.js";
import { find } from "../text.js";
import { html, nothing, repeat } from "../vendor/lit.js";
import { say } from "../words.js";
import { card, chosen, facts, flag, flags, marked, title } from "./papers.js";
import { trouble } from "./trouble.js";

/** @typedef {import("../types").State} State */
/** @typedef {import("../types").WholePaper} WholePaper */
/** @typedef {import("../types").Because} Because */

/** @param {State} state */
export function paper(state) {
  const { paper: loaded } = state;
  return html`
    ${loaded.value ? nothing : html`<h1 class="hidden">nonmun</h1>`}
    <p class="back"><a data-go href=${state.to({ paper: "", cite: "" })} @click=${(/** @type {Event} */ event) => leave(event, state)}>← ${say("back")}</a></p>
    ${loaded.trouble
      ? trouble(state, loaded.trouble)
      : loaded.value
        ? html`<div class="columns">${whole(state, loaded.value)} ${similar(state)}</div>`
        : html`<p role="status">${say("loading")}</p>`}
  `;
}

/**
 * @param {Event} event
 * @param {State} state
 */
function leave(event, state) {
  const { button, metaKey, ctrlKey, shiftKey } = /** @type {MouseEvent} */ (event);
  if (button !== 0 || metaKey || ctrlKey || shiftKey) return;
  event.preventDefault();
  event.stopPropagation();
  state.leave();
}

/**
 * @param {State} state
 * @param {WholePaper} one
 */
function whole(state, one) {
  const citation = chosen(state);
  const own = citation?.paper === one.id ? citation : undefined;
  const file = one.sections[0]?.source.file;
  return html`
    <article class="paper" aria-labelledby="title">
      <h1 id="title" tabindex="-1">${title(one)}</h1>
      ${facts(one)} ${flags(one.flags)}
      ${one.findings.length
        ? html`<details class="doubts"><summary>${say("doubts")}</summary><ul>
            ${one.findings.map((found) => html`<li><strong>${flag(found.flag)}</strong>: <span lang="en">${found.evidence}</span></li>`)}
          </ul></details>`
        : nothing}
      <p class="actions">
        <button type="button" @click=${() => copy(state, "bibtex", bibtex(one))}>${say("copyBibtex")}</button>
        <button type="button" @click=${() => copy(state, "markdown", markdown(one))}>${say("copyMarkdown")}</button>
        <span role="status">${state.copied && !state.copied.failed ? say("copied") : nothing}</span>
      </p>
      ${state.copied?.failed
        ? html`<label class="copied">${say("notCopied")} <textarea readonly rows="8">${state.copied.text}</textarea></label>`
        : nothing}
      ${one.sections.map(
        (section) => html`
          <section class="summary">
            <h2>${section.name}</h2>
            <p class="words" lang="ko">${marked(section.text, {
              cited: own ? find(section.text, own.quote) : [],
              doubt: one.findings
                .filter((found) => found.section === section.name && found.end > found.start)
                .map((found) => [found.start, found.end]),
            })}</p>
          </section>
        `,
      )}
      ${file ? html`<p class="facts">${say("digestFile")}: ${file}</p>` : nothing}
    </article>
  `;
}

/** @param {State} state */
function similar(state) {
  const { value, trouble: wrong } = state.similar;
  return html`
    <section class="similar" aria-labelledby="similar" aria-busy=${state.similar.busy}>
      <h2 id="similar">${say("similar")}</h2>
      ${wrong
        ? trouble(state, wrong)
        : !value
          ? html`<p role="status">${say("loading")}</p>`
          : value.papers.length
            ? html`<ol class="papers">${repeat(
                value.papers,
                (hit) => hit.id,
                (hit, i) => html`<li>${card(state, { ...hit, passages: [] }, i + 1, undefined, because(hit.because))}</li>`,
              )}</ol>`
            : html`<p>${say("similarEmpty")}</p>`}
    </section>
  `;
}

/** @param {Because} why */
function because(why) {
  const terms = shared(why);
  return html`
    <dl class="because">
      ${terms.length ? html`<div><dt>${say("shares")}</dt><dd>${terms.map((one) => html`<span class="term">${one}</span> `)}</dd></div>` : nothing}
      ${why.authors.length ? html`<div><dt>${say("sameAuthors")}</dt><dd>${why.authors.join(", ")}</dd></div>` : nothing}
      ${why.passage_text && why.like_text
        ? html`<div><dt>${say("nearest")}</dt><dd>
            <details><summary lang="ko">${why.passage_text.slice(0, 90)}…</summary>
              <p><b>${say("there")}</b> <span lang="ko">${why.passage_text}</span></p>
              <p><b>${say("here")}</b> <span lang="ko">${why.like_text}</span></p>
            </details></dd></div>`
        : nothing}
    </dl>
  `;
}

/**
 * What both papers speak of: terms with their names in both languages, then other words.
 * @param {Because} why
 */
function shared({ names, terms }) {
  const named = names.map((one) => [one.korean, one.english].filter(Boolean).join(" · "));
  const known = new Set(names.flatMap((one) => [one.korean, one.english]).map((one) => one?.toLowerCase()));
  return [...named, ...terms.filter((one) => !known.has(one.toLowerCase()))];
}

/**
 * @param {State} state
 * @param {string} kind
 * @param {string} text
 */
async function copy(state, kind, text) {
  let failed = false;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    failed = true; // it may be forbidden, or the page is not on a secure address
  }
  state.copied = { kind, text, failed };
  state.redraw();
}
