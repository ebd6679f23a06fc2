// Papers that were found: a card each.

import { pieces, safe } from "../text.js";
import { html, nothing, repeat } from "../vendor/lit.js";
import { count, known, number, say } from "../words.js";

/** @typedef {import("../types").State} State */
/** @typedef {import("../types").Hit} Hit */
/** @typedef {import("../types").Passage} Passage */
/** @typedef {import("../types").Citation} Citation */
/** @typedef {import("../types").Span} Span */

/** @param {State} state */
export function papers(state) {
  const hits = state.asked.value?.papers ?? [];
  if (!hits.length) {
    return html`<div class="notice empty" role="status"><p><strong>${say("empty")}</strong></p><p>${say("emptyMore")}</p></div>`;
  }
  const citation = chosen(state);
  return html`
    <p class="status" role="status">${count("found", hits.length)}</p>
    <ol class="papers">
      ${repeat(hits, (hit) => hit.id, (hit, i) => html`<li>${card(state, hit, i + 1, citation)}</li>`)}
    </ol>
  `;
}

/**
 * The citation that is looked at.
 * @param {State} state
 */
export const chosen = (state) =>
  state.asked.value?.answer?.citations.find((one) => String(one.number) === state.place.cite);

/**
 * @param {State} state
 * @param {Hit} hit
 * @param {number} rank
 * @param {Citation} [citation]
 * @param {unknown} [why] what is said of it beside its passages
 */
export function card(state, hit, rank, citation, why = nothing) {
  const label = `paper-${rank}`;
  return html`
    <article class="hit" data-paper=${hit.id} tabindex="-1" aria-labelledby=${label}>
      <h3 id=${label}>${title(hit)}</h3>
      ${facts(hit)} ${flags(hit.flags)} ${why}
      ${hit.passages.map((one) => passage(one, citation))}
      <p class="actions"><a data-go href=${state.to({ paper: hit.id, cite: "" })} aria-label="${say("whole")}: ${hit.title}">${say("whole")}</a></p>
    </article>
  `;
}

/**
 * A title that leads to the paper itself.
 * @param {import("../types").Paper} paper
 */
export function title(paper) {
  const url = safe(paper.url);
  if (!url) return paper.title;
  return html`<a href=${url} target="_blank" rel="noopener noreferrer">${paper.title}&nbsp;<span class="away" role="img" aria-label=${say("external")}>↗</span></a>`;
}

/** @param {import("../types").Paper} paper */
export function facts(paper) {
  const authors = paper.authors.join(", ") + (paper.more_authors ? ` ${say("more")}` : "");
  return html`<p class="facts">
    ${paper.date ? html`<time datetime=${paper.date}>${paper.date}</time>` : html`<span>${say("undated")}</span>`}
    ${paper.votes === null ? nothing : html`<span class="votes" title=${count("voted", paper.votes)}><span aria-hidden="true">▲ ${number(paper.votes)}</span><span class="hidden">${count("voted", paper.votes)}</span></span>`}
    ${authors ? html`<span>${authors}</span>` : nothing}
  </p>`;
}

/**
 * What a flag warns of; one that a later version has is shown as it is called.
 * @param {string} name
 */
export const flag = (name) => (known(`flag_${name}`) ? say(`flag_${name}`) : name);

/** @param {string[]} found */
export const flags = (found) =>
  found.length
    ? html`<ul class="flags">${found.map((one) => html`<li><span aria-hidden="true">⚠</span> ${flag(one)}</li>`)}</ul>`
    : nothing;

/**
 * @param {Passage} one
 * @param {Citation} [citation]
 */
function passage(one, citation) {
  const spans = /** @type {Span[]} */ (citation?.passage === one.id ? [[citation.start, citation.end]] : []);
  return html`
    <p class="passage" data-passage=${one.id}>
      <span class="section">${one.section}</span>
      <span class="words" lang="ko">${marked(one.text, { match: one.highlights, cited: spans })}</span>
    </p>
  `;
}

/**
 * A text with its spans marked. What is cited is one mark, which can be moved to.
 * @param {string} text
 * @param {{match?: Span[], cited?: Span[], doubt?: Span[]}} spans
 */
export function marked(text, spans) {
  return pieces(text, /** @type {Record<string, Span[]>} */ (spans)).map(({ text: words, kinds }) => {
    if (!kinds.length) return words;
    return html`<mark class=${kinds.join(" ")} tabindex=${kinds.includes("cited") ? "-1" : nothing}>${words}</mark>`;
  });
}
