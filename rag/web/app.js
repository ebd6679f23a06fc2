// The page: reads the address, asks the service for what it names, draws.

import * as api from "./api.js";
import { onKey } from "./keyboard.js";
import { MapCanvas } from "./map/canvas.js";
import { asked, filters, HOME, read, write } from "./place.js";
import { render } from "./vendor/lit.js";
import { page } from "./views/page.js";
import { say } from "./words.js";

/** @typedef {import("./types").State} State */
/** @typedef {import("./types").Place} Place */

// Papers that are lit on the map and counted by week: of few papers few are near.
const NEAREST = { share: 0.05, least: 10, most: 100 };
const POLL_MS = 1000;
const WIDE = matchMedia("(min-width: 1100px)");

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const map = new MapCanvas({ open: (paper) => go({ paper, cite: "" }) });

/** @returns {import("./types").Loaded<any>} */
const nothing = () => ({ key: "", value: null, trouble: null, busy: false });

/** @type {State} */
const state = {
  place: read(location.search),
  draft: "",
  asked: nothing(),
  nearest: nothing(),
  paper: nothing(),
  similar: nothing(),
  chart: nothing(),
  served: nothing(),
  overview: nothing(),
  wide: WIDE.matches,
  copied: null,
  colour: "topic",
  go,
  leave,
  to: (change) => write({ ...state.place, ...change }),
  retry,
  enter,
  redraw: draw,
};
state.draft = state.place.q;

/** @type {Record<string, AbortController>} */
const running = {};

/**
 * Load something once; what is asked for meanwhile instead takes its place.
 * @param {"asked" | "nearest" | "paper" | "similar" | "chart" | "served" | "overview"} name
 * @param {string} key what it is of; empty is nothing
 * @param {(signal: AbortSignal) => Promise<any>} ask
 */
async function load(name, key, ask) {
  if (state[name].key === key) return;
  running[name]?.abort();
  const stop = (running[name] = new AbortController());
  // What was there stays in sight until the new is here, but for another paper's.
  const kept = ["paper", "similar"].includes(name) ? null : state[name].value;
  const mine = /** @type {import("./types").Loaded<any>} */ ({
    key,
    value: key ? kept : null,
    trouble: null,
    busy: key !== "",
  });
  state[name] = mine;
  if (!key) return;
  draw();
  try {
    mine.value = await ask(stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return;
    mine.value = null;
    mine.trouble = api.isTrouble(error) ? error : { kind: "failed", detail: String(error), status: 0 };
  }
  if (state[name] !== mine) return;
  mine.busy = false;
  drawNow();
  // What else is asked for takes the processor from the papers until they are on the screen.
  if (name === "asked") requestAnimationFrame(() => setTimeout(update));
  else update();
}

/** Ask for all that the place shows. */
function update() {
  const { place } = state;
  const question = place.q.trim();
  const looksAtQuestion = place.view !== "index" && (!place.paper || place.cite);
  if (!state.served.trouble) load("served", "index", (signal) => api.get("index", signal));
  if (state.served.trouble?.kind === "key") return; // the rest would be refused as well
  if (!question) load("asked", "", askQuestion);
  // How to ask depends on whether somebody writes answers.
  else if (looksAtQuestion && !state.served.busy) load("asked", asked(place), askQuestion);
  load("paper", place.paper, (signal) => api.get(`papers/${path(place.paper)}`, signal));
  const there = place.paper !== "" && state.paper.value !== null;
  load("similar", there ? place.paper : "", (signal) =>
    api.get(`papers/${path(place.paper)}/similar`, signal),
  );
  const explores = place.view === "map" || place.view === "timeline";
  const found = question !== "" && !state.asked.trouble;
  const beside = state.wide && found && !place.paper && place.view === "papers";
  // After the answer: it matters most.
  const answered = question === "" || (state.asked.key !== "" && !state.asked.busy);
  if ((explores || beside) && answered) {
    if (!state.chart.trouble) load("chart", chartKey(), (signal) => api.get("map", signal));
    const key = question && JSON.stringify([question, filters(place)]);
    load("nearest", key, (signal) =>
      api.post(
        "search",
        { query: question, top_k: near(), passages_per_paper: 0, filters: filters(place) },
        signal,
      ),
    );
  }
  if (place.view === "index") load("overview", "index", overview);
  else state.overview = nothing();
}

function near() {
  const { share, least, most } = NEAREST;
  const papers = state.served.value?.versions.find((one) => one.live)?.papers ?? 0;
  return Math.min(most, Math.max(least, Math.round(share * papers)));
}

/** The map is asked for again where the papers are of another version: once, as it may be newer. */
function chartKey() {
  const { asked, chart } = state;
  const version = asked.value?.index_version;
  const fits = !version || !chart.value || chart.value.index_version === version;
  return fits ? chart.key || "map" : version;
}

/** @param {string} id */
const path = (id) => id.split("/").map(encodeURIComponent).join("/");

/** @param {AbortSignal} signal */
async function askQuestion(signal) {
  const { place, asked: mine } = state;
  const body = {
    question: place.q.trim(),
    filters: filters(place),
    ...(place.n && { top_k: Number(place.n) }),
  };
  if (!state.served.value?.generates) return api.post("ask", body, signal);
  /** @type {any} */
  let value = null;
  await api.stream(
    "ask",
    { ...body, stream: true },
    (event, data) => {
      if (event === "found") value = { ...data, said: [] };
      else if (event === "sentence") value = { ...value, said: [...(value?.said ?? []), data] };
      else value = data;
      mine.value = value;
      if (state.asked === mine) drawNow();
    },
    signal,
  );
  // Whoever stands between may end a stream that the service did not.
  if (!value?.answer) throw { kind: "offline", detail: "", status: 0 };
  return value;
}

/** @param {AbortSignal} [signal] */
async function overview(signal) {
  const [index, { builds }] = await Promise.all([
    api.get("index", signal),
    api.get("index/builds", signal).catch((error) => {
      if (api.isTrouble(error) && error.kind === "missing") return { builds: [] }; // a proxy keeps them
      throw error;
    }),
  ]);
  const done = builds.find((/** @type {any} */ one) => one.state === "done");
  const last = done ? await api.get(`index/builds/${encodeURIComponent(done.id)}`, signal) : null;
  return { index, builds, last };
}

let ticks = 0;

/** What is shown of the index is kept up to date, more often while something is built. */
async function follow() {
  const mine = state.overview;
  ticks += 1;
  const runs = mine.value?.builds.some((one) => one.state === "running");
  if (!mine.value || document.hidden || !(runs || ticks % 5 === 0)) return;
  const value = await overview().catch(() => null);
  if (!value || state.overview !== mine) return;
  mine.value = value;
  draw();
}

/**
 * Go to a place; the browser's back button comes back to this one.
 * @param {Partial<Place>} change
 * @param {{replace?: boolean}} [how]
 */
function go(change, { replace = false } = {}) {
  const place = { ...HOME, ...state.place, ...change };
  if (write(place) === write(state.place)) {
    retry();
    return arrive();
  }
  const focused = document.activeElement?.closest("[data-paper]")?.getAttribute("data-paper");
  if (!replace) history.replaceState({ ...history.state, focused, top: scrollY }, "");
  root.classList.remove("returned");
  history[replace ? "replaceState" : "pushState"]({ inside: true }, "", write(place));
  move(place);
  arrive();
}

/** Leave a paper, or whatever else is looked at, for where it was opened. */
function leave() {
  if (history.state?.inside) history.back();
  else go({ paper: "", cite: "", view: "papers" });
}

/** @param {Place} place */
function move(place) {
  if (place.paper !== state.place.paper) state.copied = null;
  if (place.q !== state.place.q) state.draft = place.q; // else what is being written stays
  state.place = place;
  update();
  drawNow();
}

/** Show where one has come to: a citation, or the top of a paper. */
function arrive() {
  const { cite, paper } = state.place;
  waiting = cite ? "cite" : paper ? "paper" : "";
  if (!waiting) scrollTo({ top: 0 });
  settle();
}

/** @type {"" | "cite" | "paper"} */
let waiting = "";

/** What is to be shown may have to be loaded first. */
function settle() {
  const found = {
    cite: () => root.querySelector("mark.cited"),
    paper: () => root.querySelector(".paper h1"),
    "": () => null,
  }[waiting]?.();
  if (!(found instanceof HTMLElement)) return;
  waiting = "";
  found.focus({ preventScroll: true });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (found.tagName === "MARK") found.scrollIntoView({ block: "center", behavior: still ? "auto" : "smooth" });
  else scrollTo({ top: 0 });
}

/** What failed is asked for anew. */
function retry() {
  forget((one) => one.trouble !== null);
}

/**
 * Use a key, and ask for everything anew: what is under way carries the one before.
 * @param {string} key
 */
function enter(key) {
  api.enter(key);
  forget(() => true);
}

/** @param {(one: import("./types").Loaded<any>) => boolean} is what is asked for anew */
function forget(is) {
  for (const name of /** @type {const} */ (["asked", "nearest", "paper", "similar", "chart", "served", "overview"])) {
    if (is(state[name])) state[name] = nothing();
  }
  update();
  draw();
}

let drawing = false;

function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(drawNow);
}

function drawNow() {
  drawing = false;
  map.show(state.chart.value, state.nearest.value?.papers ?? [], state.colour, state.place.view === "map");
  render(page(state, map.element), root);
  map.fit();
  document.title = title();
  settle();
  if (state.asked.value) performance.mark("nonmun:drawn");
}

function title() {
  const { place, paper } = state;
  const said = place.paper ? paper.value?.title : place.view === "index" ? say("indexTitle") : place.q;
  return said ? `${said} · nonmun` : `nonmun · ${say("tagline")}`;
}

addEventListener("popstate", (event) => {
  root.classList.add("returned"); // every card as high as it was
  move(read(location.search));
  arrive();
  const { focused, top } = event.state ?? {};
  if (state.place.paper || state.place.cite) return;
  const card = focused && root.querySelector(`[data-paper="${CSS.escape(focused)}"]`);
  if (card instanceof HTMLElement) card.focus({ preventScroll: true });
  scrollTo({ top: top ?? 0 });
});

// A link within the page changes the place, unless another tab is wanted.
addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[data-go]") : null;
  const address = link?.getAttribute("href"); // a bar of the timeline is a link in a drawing
  if (!address || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(read(new URL(address, document.baseURI).search));
});

addEventListener("keydown", (event) => onKey(event, state, root));
WIDE.addEventListener("change", () => {
  state.wide = WIDE.matches;
  update();
  draw();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => map.recolour());
addEventListener("online", retry);
addEventListener("nonmun:theme", () => map.recolour());

setInterval(follow, POLL_MS);
update();
drawNow();
arrive();
