// The index: what is served, how it was built, and what is being built now.

import { html, nothing } from "../vendor/lit.js";
import { known, megabytes, moment, number, say } from "../words.js";
import { flag } from "./papers.js";
import { trouble } from "./trouble.js";

/** @typedef {import("../types").State} State */
/** @typedef {import("../types").Build} Build */
/** @typedef {import("../types").Version} Version */

/** @param {State} state */
export function overview(state) {
  const { value, trouble: wrong } = state.overview;
  if (wrong) return trouble(state, wrong);
  if (!value) return html`<p role="status">${say("loading")}</p>`;
  const { index, builds, last } = value;
  const served = index.versions.find((one) => one.version === index.index_version);
  return html`
    <section class="index" aria-labelledby="index-title">
      <h2 id="index-title">${say("indexTitle")}</h2>
      <dl class="figures">
        ${figure("served", html`<code>${index.index_version}</code>`)}
        ${served ? [figure("papers", number(served.papers)), figure("passages", number(served.passages)), figure("built", moment(served.built)), figure("size", megabytes(served.bytes))] : nothing}
        ${index.since ? figure("since", index.since) : nothing} ${index.until ? figure("until", index.until) : nothing}
      </dl>
      ${builds.filter((one) => one.state === "running").map(running)}
      <h3>${say("versions")}</h3>
      ${versions(index.versions)}
      <h3>${say("builds")}</h3>
      ${builds.length ? table(builds) : html`<p>${say("noBuilds")}</p>`}
      <h3>${say("report")}</h3>
      ${last?.report ? report(last.report) : html`<p>${say("noReport")}</p>`}
    </section>
  `;
}

/**
 * @param {string} name
 * @param {unknown} value
 */
const figure = (name, value) => html`<div><dt>${say(name)}</dt><dd>${value}</dd></div>`;

/** @param {Build} build */
function running(build) {
  const { progress } = build;
  const left = progress?.left_s;
  return html`
    <div class="notice running" role="status">
      <p><strong>${say("state_running")}</strong>: ${build.stage ?? ""}
        ${progress ? html`${number(progress.done)} / ${number(progress.total)}` : nothing}
        ${left === null || left === undefined ? nothing : say("left", { n: Math.ceil(left) })}</p>
      <progress aria-label=${build.stage ?? say("state_running")} max=${progress?.total ?? nothing} value=${progress?.done ?? nothing}></progress>
    </div>
  `;
}

/** @param {Version[]} all */
const versions = (all) => html`
  <div class="scroll" tabindex="0" role="region" aria-label=${say("versions")}><table>
    <thead><tr>${["version", "built", "papers", "changes", "size"].map((one) => html`<th scope="col">${say(one)}</th>`)}</tr></thead>
    <tbody>
      ${all.map(
        (one) => html`<tr>
          <th scope="row"><code>${one.version}</code>${one.live ? html` <span class="term">${say("live")}</span>` : nothing}</th>
          <td>${moment(one.built)}</td><td>${number(one.papers)}</td>
          <td>${one.changes ? `+${number(one.changes.added)} ~${number(one.changes.changed)} −${number(one.changes.removed)}` : "–"}</td>
          <td>${megabytes(one.bytes)}</td>
        </tr>`,
      )}
    </tbody>
  </table></div>
`;

/** @param {Build[]} builds */
const table = (builds) => html`
  <div class="scroll" tabindex="0" role="region" aria-label=${say("builds")}><table>
    <thead><tr>${["started", "state", "stage", "took", "version"].map((one) => html`<th scope="col">${say(one)}</th>`)}</tr></thead>
    <tbody>
      ${builds.map(
        (one) => html`<tr>
          <td>${moment(one.started)}</td>
          <td>${known(`state_${one.state}`) ? say(`state_${one.state}`) : one.state}${one.error ? html`<br><span lang="en">${one.error}</span>` : nothing}</td>
          <td>${one.stage ?? "–"}</td>
          <td>${one.finished ? say("seconds", { n: number(Math.round((Date.parse(one.finished) - Date.parse(one.started)) / 100) / 10) }) : "–"}</td>
          <td>${one.index_version ? html`<code>${one.index_version}</code>` : "–"}</td>
        </tr>`,
      )}
    </tbody>
  </table></div>
`;

/** @param {Record<string, any>} told */
function report(told) {
  /** @type {{file: string, line: number | null, reason: string}[]} */
  const problems = told.problems ?? [];
  const flagged = Object.entries(told.flagged ?? {});
  return html`
    <dl class="figures">
      ${["files", "entries", "papers", "encoded", "carried"].filter((one) => typeof told[one] === "number").map((one) => figure(one, number(told[one])))}
      ${flagged.map(([name, n]) => html`<div><dt>${flag(name)}</dt><dd>${number(n)}</dd></div>`)}
    </dl>
    <h4>${say("problems")}</h4>
    ${problems.length
      ? html`<ul>${problems.map((one) => html`<li><code>${one.file}${one.line ? `:${one.line}` : ""}</code> <span lang="en">${one.reason}</span></li>`)}</ul>`
      : html`<p>${say("noProblems")}</p>`}
  `;
}
