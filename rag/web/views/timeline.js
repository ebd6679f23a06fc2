// Papers a week, for the question or in all. A bar leads to its papers.

import { html, nothing, svg } from "../vendor/lit.js";
import { number, say } from "../words.js";
import { timeline as count } from "../weeks.js";

/** @typedef {import("../types").State} State */

const HEIGHT = 150;
const FOOT = 18;
const ROOM = 48; // for the name of a year or a month
const WIDTHS = { large: 1000, small: 400 };

/** @param {State} state */
export function timeline(state) {
  const { place, nearest, chart, served } = state;
  const asked = place.q.trim() !== "";
  const papers = asked ? nearest.value?.papers : chart.value?.papers.dates;
  if (!papers) return html`<section class="timeline"><h2>${say("timelineTitle")}</h2><p role="status">${say("loading")}</p></section>`;
  const dates = /** @type {string[]} */ (
    papers.map((one) => (typeof one === "object" ? one?.date : one)).filter(Boolean)
  );
  const { unit, bars } = count(dates, place.since || served.value?.since || "", place.until || served.value?.until || "");
  const large = place.view === "timeline";
  const width = WIDTHS[large && state.wide ? "large" : "small"];
  const most = Math.max(1, ...bars.map((bar) => bar.count));
  return html`
    <section class="timeline ${large ? "large" : ""}" aria-labelledby="timeline-title">
      <h2 id="timeline-title">${say(unit === "week" ? "timelineTitle" : "timelineTitleMonth")}</h2>
      <svg viewBox="0 0 ${width} ${HEIGHT + FOOT}" role="group" aria-labelledby="timeline-title">
        <line x1="0" x2=${width} y1=${HEIGHT} y2=${HEIGHT}></line>
        <text class="most" x="0" y="11">${number(most)}</text>
        ${bars.map((bar, i) => drawn(state, bar, i, width / bars.length, most))}
        ${years(bars, width)}
      </svg>
      <p class="facts">${asked ? say("timelineHelp", { n: number(dates.length) }) : say("timelineAll")}</p>
      ${place.since || place.until
        ? html`<p><a class="button" data-go href=${state.to({ since: "", until: "", cite: "" })}>${say("clear")}</a></p>`
        : nothing}
    </section>
  `;
}

/**
 * A bar; an empty one can't be chosen.
 * @param {State} state
 * @param {{since: string, until: string, count: number}} bar
 * @param {number} i
 * @param {number} wide of a bar with its gap
 * @param {number} most
 */
function drawn(state, bar, i, wide, most) {
  if (!bar.count) return nothing;
  const high = ((HEIGHT - 16) * bar.count) / most;
  const label = say("barLabel", { since: bar.since, until: bar.until, n: number(bar.count) });
  const here = state.place.since === bar.since && state.place.until === bar.until;
  const view = state.place.q.trim() ? "papers" : state.place.view;
  return svg`
    <a data-go href=${state.to({ since: bar.since, until: bar.until, view, cite: "" })} aria-label=${label} aria-current=${here ? "true" : nothing}>
      <title>${label}</title>
      <rect class="reach" x=${i * wide} y="0" width=${wide} height=${HEIGHT}></rect>
      <rect class="bar" x=${i * wide + wide * 0.1} y=${HEIGHT - high} width=${Math.max(1, wide * 0.8)} height=${high}></rect>
    </a>
  `;
}

/** Where years begin; a short time has months.
 * @param {{since: string}[]} bars
 * @param {number} width
 */
function years(bars, width) {
  const part = bars.length > 60 ? 4 : 7;
  const wide = width / bars.length;
  const begins = bars
    .map((bar, i) => ({ name: bar.since.slice(0, part), x: i * wide }))
    .filter(({ name }, i, all) => i === 0 || all[i - 1].name !== name);
  let next = width;
  // From the last: of two that are too near, the first is seldom a whole year.
  return begins.reverse().map(({ name, x }) => {
    if (next - x < ROOM) return nothing;
    next = x;
    return svg`<text x=${x} y=${HEIGHT + 14}>${name}</text>`;
  });
}
