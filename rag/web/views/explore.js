// The map and the timeline: beside the results on a wide screen, or each by itself.

import { html, nothing } from "../vendor/lit.js";
import { number, say } from "../words.js";
import { timeline } from "./timeline.js";
import { trouble } from "./trouble.js";

/** @typedef {import("../types").State} State */

/**
 * @param {State} state
 * @param {HTMLElement} map the map, which draws itself
 */
export function explore(state, map) {
  const { place, chart, nearest } = state;
  const large = place.view !== "papers";
  const counted = place.q.trim() ? nearest : chart; // by the timeline
  // What both lack is said once.
  const wrong = nearest.trouble ?? (place.view === "timeline" ? counted.trouble : chart.trouble);
  return html`
    ${wrong ? trouble(state, wrong) : nothing}
    ${place.view === "timeline" || chart.trouble ? nothing : mapFigure(state, map, large)}
    ${place.view === "map" || counted.trouble ? nothing : timeline(state)}
  `;
}

/**
 * @param {State} state
 * @param {HTMLElement} map
 * @param {boolean} large
 */
function mapFigure(state, map, large) {
  const asked = state.place.q.trim() !== "";
  return html`
    <section class="map ${large ? "large" : ""}" aria-labelledby="map-title">
      <div class="head">
        <h2 id="map-title">${say("mapTitle")}</h2>
        ${large ? colours(state) : html`<a class="button" data-go href=${state.to({ view: "map", cite: "" })}>${say("enlarge")}</a>`}
      </div>
      ${map}
      <p class="facts">${say(asked ? "mapLit" : "mapAll")} ${drawn(state)} ${large ? say("mapHelp") : nothing}</p>
    </section>
  `;
}

/** @param {State} state */
function drawn(state) {
  const { value } = state.chart;
  if (!value || value.papers.ids.length >= value.total) return nothing;
  return say("mapSome", { shown: number(value.papers.ids.length), total: number(value.total) });
}

/** @param {State} state */
const colours = (state) => html`
  <div class="choice" role="group" aria-label=${say("mapTitle")}>
    ${/** @type {const} */ (["topic", "month"]).map(
      (one) => html`<button type="button" aria-pressed=${state.colour === one}
        @click=${() => {
          state.colour = one;
          state.redraw();
        }}>${say(one === "topic" ? "byTopic" : "byMonth")}</button>`,
    )}
  </div>
`;
