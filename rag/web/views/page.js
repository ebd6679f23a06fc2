// The whole page: what is above everything, and what is looked at.

import { COUNTS } from "../place.js";
import { html, live, nothing } from "../vendor/lit.js";
import { language, number, say, speak } from "../words.js";
import { answer } from "./answer.js";
import { explore } from "./explore.js";
import { overview } from "./overview.js";
import { paper } from "./paper.js";
import { papers } from "./papers.js";
import { keyForm, trouble } from "./trouble.js";

/** @typedef {import("../types").State} State */

const USUAL = 10; // papers in a reply that asks for no number
const THEMES = ["auto", "light", "dark"];

/**
 * @param {State} state
 * @param {HTMLElement} map the map, which draws itself
 */
export function page(state, map) {
  const { place } = state;
  const home = !place.q.trim() && place.view === "papers" && !place.paper;
  return html`
    <a class="skip" href="#main">${say("skip")}</a>
    <header class="top">
      <a class="brand" data-go href="./" aria-label="nonmun: ${say("home")}"><b>nonmun</b> <span lang="ko">논문</span></a>
      <nav aria-label=${say("views")}>
        ${/** @type {const} */ (["papers", "map", "timeline", "index"]).map((view) => tab(state, view))}
      </nav>
      <div class="tools">
        <button type="button" class="quiet" lang=${language() === "ko" ? "en" : "ko"} aria-label=${say("languageLabel")}
          @click=${() => switchLanguage(state)}><span class="long">${say("language")}</span><span class="short">${language() === "ko" ? "EN" : "한"}</span></button>
        <button type="button" class="quiet" aria-label=${say(`theme_${theme()}`)} title=${say(`theme_${theme()}`)}
          @click=${() => switchTheme(state)}>${{ auto: "◐", light: "☀", dark: "☾" }[theme()]}</button>
      </div>
    </header>
    <main id="main" tabindex="-1" class=${home ? "home" : ""}>
      ${place.paper ? nothing : box(state, home)}
      ${state.served.trouble?.kind === "key" ? keyForm(state) : body(state, home, map)}
    </main>
    <footer>
      <p>${say("keys")}</p>
      <p><a href="docs">${say("apiDocs")}</a></p>
    </footer>
  `;
}

/**
 * @param {State} state
 * @param {boolean} home
 * @param {HTMLElement} map
 */
function body(state, home, map) {
  const { place } = state;
  if (place.paper) return paper(state);
  if (place.view === "index") return overview(state);
  if (place.view !== "papers") return explore(state, map);
  if (home) return state.served.trouble ? trouble(state, state.served.trouble) : examples(state);
  return html`
    <div class="columns">
      <div class="results" aria-busy=${state.asked.busy}>${results(state)}</div>
      ${state.wide && !state.asked.trouble ? html`<aside>${explore(state, map)}</aside>` : nothing}
    </div>
  `;
}

/** @param {State} state */
function results(state) {
  const { asked } = state;
  if (asked.trouble) return trouble(state, asked.trouble);
  if (!asked.value) return html`<p class="status" role="status">${say("loading")}</p>${skeleton()}`;
  const next = COUNTS[COUNTS.indexOf(state.place.n) + 1];
  const isMore = next && (asked.value.papers?.length ?? 0) >= Number(state.place.n || USUAL);
  return html`
    ${answer(state)} ${papers(state)}
    ${isMore
      ? html`<p class="more"><a class="button" data-go href=${state.to({ n: next })}>${say("count", { n: next })}</a></p>`
      : nothing}
  `;
}

const skeleton = () =>
  html`<div class="skeletons" aria-hidden="true">${[1, 2, 3].map(() => html`<div class="skeleton"></div>`)}</div>`;

/**
 * @param {State} state
 * @param {import("../types").Place["view"]} view
 */
function tab(state, view) {
  const here = state.place.view === view && !state.place.paper;
  return html`<a data-go href=${state.to({ view, paper: "", cite: "" })} aria-current=${here ? "page" : nothing}>${say(view)}</a>`;
}

/**
 * @param {State} state
 * @param {boolean} home
 */
function box(state, home) {
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    const q = state.draft.trim();
    const view = state.place.view === "index" ? "papers" : state.place.view;
    if (q) state.go({ q, view, cite: "", n: "" });
    else if (state.place.q) state.go({ q: "", view, cite: "", n: "" });
  };
  return html`
    ${home ? html`<h1>${say("tagline")}</h1>` : html`<h1 class="hidden">nonmun</h1>`}
    <search>
      <form class="ask" @submit=${submit}>
        <label class="hidden" for="q">${say("placeholder")}</label>
        <input id="q" type="search" maxlength="2000" autocomplete="off" enterkeyhint="search" placeholder=${say("placeholder")}
          .value=${live(state.draft)} @input=${(/** @type {any} */ event) => (state.draft = event.target.value)}>
        <button class="primary">${say("ask")}</button>
      </form>
      ${state.place.view === "index" ? nothing : filterRow(state)}
    </search>
  `;
}

/** @param {State} state */
function filterRow(state) {
  const { place, served } = state;
  const set = place.since || place.until || place.votes || place.section;
  /** @param {"since" | "until" | "votes" | "section"} name */
  const changing = (name) => (/** @type {any} */ event) => {
    if (event.target.checkValidity()) state.go({ [name]: event.target.value, cite: "" });
  };
  const sections = served.value?.sections ?? [];
  const named = place.section && !sections.includes(place.section) ? [place.section, ...sections] : sections;
  const first = served.value?.since ?? nothing;
  const last = served.value?.until ?? nothing;
  return html`
    <details class="filters" ?open=${Boolean(set)}>
      <summary>${say("filters")}</summary>
      <div class="row">
        <label>${say("since")} <input type="date" min=${first} max=${last} .value=${live(place.since)} @change=${changing("since")}></label>
        <label>${say("until")} <input type="date" min=${first} max=${last} .value=${live(place.until)} @change=${changing("until")}></label>
        <label>${say("votes")} <input type="number" min="0" max="999999999" step="1" inputmode="numeric" .value=${live(place.votes)} @change=${changing("votes")}></label>
        ${named.length > 1
          ? html`<label>${say("section")}
              <select @change=${changing("section")}>
                <option value="" ?selected=${!place.section}>${say("anySection")}</option>
                ${named.map((one) => html`<option value=${one} ?selected=${one === place.section}>${one}</option>`)}
              </select></label>`
          : nothing}
        ${set ? html`<a class="button" data-go href=${state.to({ since: "", until: "", votes: "", section: "", cite: "" })}>${say("clear")}</a>` : nothing}
      </div>
    </details>
  `;
}

/** @param {State} state */
function examples(state) {
  const live = state.served.value?.versions.find((one) => one.live);
  return html`
    <section class="examples" aria-labelledby="examples">
      <h2 id="examples">${say("examples")}</h2>
      <ul>
        ${[1, 2, 3, 4].map((n) => say(`example${n}`)).map((q) => html`<li><a data-go href=${state.to({ q })}>${q}</a></li>`)}
      </ul>
      ${live
        ? html`<p class="facts">${say("holds", { papers: number(live.papers), since: state.served.value?.since ?? "–", until: state.served.value?.until ?? "–" })}</p>`
        : nothing}
    </section>
  `;
}

/** @returns {"auto" | "light" | "dark"} */
const theme = () => /** @type {any} */ (document.documentElement.dataset.theme ?? "auto");

/** @param {State} state */
function switchTheme(state) {
  const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
  if (next === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("nonmun-theme", next);
  } catch {
    // Storage may be forbidden: it holds until the page is left.
  }
  dispatchEvent(new Event("nonmun:theme"));
  state.redraw();
}

/** @param {State} state */
function switchLanguage(state) {
  speak(language() === "ko" ? "en" : "ko");
  state.redraw();
}
