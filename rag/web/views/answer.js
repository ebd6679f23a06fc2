// The answer, with numbers that lead to the sentences it rests on; or that there is none.

import { cited } from "../text.js";
import { html, nothing } from "../vendor/lit.js";
import { known, say } from "../words.js";

/** @typedef {import("../types").State} State */
/** @typedef {import("../types").Citation} Citation */

/** @param {State} state */
export function answer(state) {
  const value = state.asked.value;
  if (!value) return nothing;
  const { legs = {}, answer: whole, said = [] } = value;
  if (!value.papers?.length) return degraded(legs); // the filters let nothing through
  return html`
    ${degraded(legs)}
    <section class="answer ${whole?.kind ?? "writing"}" aria-labelledby="answer" aria-live="polite">
      ${whole?.kind === "none"
        ? none(whole.text)
        : html`
            <h2 id="answer">${say("answer")}</h2>
            ${whole ? text(state, whole) : said.map((one) => text(state, { ...one, kind: "generated" }))}
            ${whole ? about(whole, value.confidence ?? 0) : html`<p class="facts">${say("writing")}</p>`}
            ${whole?.citations.length ? sources(state, whole) : nothing}
          `}
    </section>
  `;
}

/**
 * The refusal, in the question's language.
 * @param {string} text
 */
const none = (text) => html`
  <h2 id="answer">${text || say("none")}</h2>
  <p>${say("noneMore")}</p>
`;

/**
 * @param {State} state
 * @param {{text: string, citations: Citation[], kind: string}} said
 */
function text(state, { text: words, citations, kind }) {
  const numbers = new Set(citations.map((one) => one.number));
  return html`<p class="text" lang=${kind === "extractive" ? "ko" : nothing}>${cited(words).map((part) => {
    if (typeof part === "string") return part;
    return numbers.has(part) ? number(state, part) : `[${part}]`;
  })}</p>`;
}

/**
 * @param {State} state
 * @param {number} n
 */
const number = (state, n) =>
  html`<a class="cite" data-go href=${place(state, n)} aria-label="${say("source")} ${n}">${n}</a>`;

/**
 * Where a citation leads: to its sentence among the results, or in its paper if it is not there.
 * @param {State} state
 * @param {number} n
 */
function place(state, n) {
  const citation = state.asked.value?.answer?.citations.find((one) => one.number === n);
  const shown = state.asked.value?.papers?.some((hit) => hit.passages.some((one) => one.id === citation?.passage));
  return state.to({ cite: String(n), paper: shown || !citation ? "" : citation.paper });
}

/**
 * @param {import("../types").Answer} whole
 * @param {number} confidence
 */
const about = (whole, confidence) => html`
  <p class="facts">
    ${say(whole.fallback && whole.kind === "extractive" ? "fallback" : whole.kind)}
    ${whole.unsupported ? say("unsupported", { n: whole.unsupported }) : nothing}
    ${say("confidence", { n: Math.round(confidence * 100) })}
  </p>
`;

/**
 * What the answer rests on. Where its words are the summaries' own they need not be quoted again.
 * @param {State} state
 * @param {import("../types").Answer} whole
 */
function sources(state, { kind, citations }) {
  const papers = new Map(state.asked.value?.papers?.map((hit) => [hit.id, hit]));
  return html`
    <h3>${say("sources")}</h3>
    <ol class="sources">
      ${citations.map((one) => {
        const paper = papers.get(one.paper);
        return html`<li value=${one.number}>
          <a data-go href=${place(state, one.number)}>${paper?.title ?? one.paper}</a>
          ${paper?.date ? html`<span class="facts">${paper.date}</span>` : nothing}
          ${kind === "generated" ? html`<q lang="ko">${one.quote}</q>` : nothing}
        </li>`;
      })}
    </ol>
  `;
}

/** @param {Record<string, string>} legs */
function degraded(legs) {
  const names = Object.keys(legs).filter((leg) => legs[leg] === "failed" || legs[leg] === "slow");
  if (!names.length) return nothing;
  const shown = names.map((leg) => (known(`leg_${leg}`) ? say(`leg_${leg}`) : leg));
  return html`<p class="notice degraded" role="status">${say("degraded", { legs: shown.join(", ") })}</p>`;
}
