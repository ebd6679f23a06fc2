// The map: a canvas that zooms, says what is under the pointer, and opens papers.

import { quadtree, select, zoom, zoomIdentity } from "../vendor/d3.js";
import { language, say } from "../words.js";
import { colour } from "./colours.js";
import { paint, radius } from "./painting.js";

/** @typedef {import("../types").Chart} Chart */

const MOST = 60; // how much it can be enlarged
const REACH = 12; // pixels from a point within which it is meant
const EDGE = 24;
const STRETCH = 1.6;
const STEP = 60;

export class MapCanvas {
  /** @param {{open: (paper: string) => void}} callbacks */
  constructor({ open }) {
    this.open = open;
    /** @type {Chart | null} */
    this.chart = null;
    /** @type {import("./painting.js").Scene | null} */
    this.scene = null;
    this.view = { ...plain(zoomIdentity), width: 0, height: 0 };
    this.large = false;
    this.by = /** @type {"topic" | "month"} */ ("topic");
    this.selected = -1;
    this.litIds = "";
    this.painting = false;
    this.tree = null;

    this.element = document.createElement("div");
    this.element.className = "chart";
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.tip = document.createElement("div");
    this.tip.className = "tip";
    this.tip.hidden = true;
    this.tip.setAttribute("role", "status");
    this.tip.addEventListener("click", () => this.#openSelected());
    this.buttons = document.createElement("div");
    this.buttons.className = "zoom";
    this.#button("+", "zoomIn", () => this.#scale(1.6));
    this.#button("−", "zoomOut", () => this.#scale(1 / 1.6));
    this.#button("⤢", "whole_map", () => this.#reset());
    this.element.append(this.canvas, this.tip, this.buttons);

    this.surface = select(this.canvas);
    this.zoom = zoom()
      .scaleExtent([1, MOST])
      // Beside the results, the wheel moves the page.
      .filter((/** @type {any} */ event) => !event.button && (event.type !== "wheel" || this.large || event.ctrlKey))
      .on("zoom", (/** @type {any} */ { transform }) => {
        Object.assign(this.view, plain(transform));
        this.#place();
        this.repaint();
      });
    this.surface.call(this.zoom).on("dblclick.zoom", null);
    this.canvas.addEventListener("pointermove", (event) => this.#hover(event));
    this.canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.#select(-1));
    this.canvas.addEventListener("click", (event) => this.#click(/** @type {PointerEvent} */ (event)));
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.fit()).observe(this.element);
  }

  /**
   * What is to be shown.
   * @param {Chart | null} chart
   * @param {{id: string}[]} found the papers of the question, best first
   * @param {"topic" | "month"} by
   * @param {boolean} large whether it has the page for itself
   */
  show(chart, found, by, large) {
    const ids = found.map((one) => one.id).join(" ");
    const said = language();
    const same = chart === this.chart && ids === this.litIds && by === this.by && said === this.scene?.language;
    if (large !== this.large) {
      this.large = large;
      this.#reset();
    }
    if (same) return;
    const isNew = chart !== this.chart;
    Object.assign(this, { chart, litIds: ids, by });
    if (!chart) {
      this.scene = null;
      return;
    }
    if (isNew) {
      this.rows = new Map(chart.papers.ids.map((id, row) => [id, row]));
      this.selected = -1;
    }
    const lit = found.map((one) => this.rows?.get(one.id) ?? -1).filter((row) => row >= 0);
    this.scene = this.#scene(chart, lit);
    this.#labels();
    this.repaint();
  }

  /** Take the size that the page gives it. */
  fit() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height || (width === this.view.width && height === this.view.height)) return;
    Object.assign(this.view, { width, height });
    const scale = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.zoom.translateExtent([[0, 0], [width, height]]).extent([[0, 0], [width, height]]);
    if (this.scene) this.scene = this.#scene(this.scene.chart, this.scene.lit);
    this.#reset();
  }

  /** Take the colours of another theme. */
  recolour() {
    if (!this.scene) return;
    this.scene = this.#scene(this.scene.chart, this.scene.lit);
    this.repaint();
  }

  /** Draw with the next frame. */
  repaint() {
    if (this.painting || !this.scene) return;
    this.painting = true;
    requestAnimationFrame(() => {
      this.painting = false;
      const context = this.canvas.getContext("2d");
      if (!context || !this.scene || !this.view.width) return;
      const scale = devicePixelRatio || 1;
      context.setTransform(scale, 0, 0, scale, 0, 0);
      this.scene.selected = this.selected;
      paint(context, this.scene, this.view);
      if (!this.element.dataset.drawn) performance.mark("nonmun:map");
      this.element.dataset.drawn = String(this.scene.x.length);
      this.element.dataset.lit = String(this.scene.lit.length);
      this.element.dataset.scale = this.view.k.toFixed(2);
    });
  }

  /**
   * @param {Chart} chart
   * @param {number[]} lit
   * @returns {import("./painting.js").Scene}
   */
  #scene(chart, lit) {
    const { papers } = chart;
    const { width, height } = this.view;
    const ends = extent(papers.x, papers.y);
    const fits = [(width - 2 * EDGE) / ends.width, (height - 2 * EDGE) / ends.height];
    // Where there is room to one side it is used: names need it, and near stays near.
    const [wide, high] = fits.map((one) => Math.min(one, STRETCH * Math.min(...fits)));
    const at = (/** @type {number} */ x, /** @type {number} */ y) => [
      (x - ends.x) * wide + width / 2,
      (ends.y - y) * high + height / 2,
    ];
    const x = Float32Array.from(papers.x, (one, i) => at(one, papers.y[i])[0]);
    const y = Float32Array.from(papers.y, (one, i) => at(papers.x[i], one)[1]);
    const style = getComputedStyle(document.documentElement);
    const get = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const chosen = document.documentElement.dataset.theme;
    const isDark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    const { numbers, colours } = colour(chart, this.by, isDark);
    const order = Uint32Array.from(numbers.keys()).sort((a, b) => numbers[a] - numbers[b] || a - b);
    this.tree = quadtree(order, (/** @type {number} */ row) => x[row], (/** @type {number} */ row) => y[row]);
    const theme = { ink: get("--ink"), ground: get("--ground"), accent: get("--lit") };
    return { chart, x, y, at, order, numbers, colours, lit, selected: this.selected, language: language(), theme };
  }

  /**
   * The paper at a place of the canvas; -1 where there is none.
   * @param {number} px
   * @param {number} py
   */
  #row(px, py) {
    if (!this.scene || !this.tree) return -1;
    const { scene } = this;
    const { x, y, k } = this.view;
    const reach = Math.max(REACH, radius(this.view, scene.x.length)) / k;
    const [at, to] = [(px - x) / k, (py - y) / k];
    // What is lit stands above the others.
    const near = (/** @type {number} */ row) => Math.hypot(scene.x[row] - at, scene.y[row] - to);
    const lit = scene.lit.filter((row) => near(row) <= reach).sort((a, b) => near(a) - near(b));
    return lit[0] ?? this.tree.find(at, to, reach) ?? -1;
  }

  /** @param {PointerEvent} event */
  #hover(event) {
    if (event.pointerType !== "mouse" || event.buttons) return;
    this.#select(this.#row(event.offsetX, event.offsetY));
  }

  /** @param {PointerEvent} event */
  #click(event) {
    const row = this.#row(event.offsetX, event.offsetY);
    // A finger has no place to hover: the first touch says what is there, the second opens it.
    const opens = event.pointerType === "mouse" || row === this.selected;
    this.#select(row);
    if (row >= 0 && opens) this.#openSelected();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => this.#move(STEP, 0),
      ArrowRight: () => this.#move(-STEP, 0),
      ArrowUp: () => this.#move(0, STEP),
      ArrowDown: () => this.#move(0, -STEP),
      "+": () => this.#scale(1.6),
      "=": () => this.#scale(1.6),
      "-": () => this.#scale(1 / 1.6),
      0: () => this.#reset(),
      Enter: () => this.#next(),
      " ": () => this.#openSelected(),
    };
    const does = keys[event.key];
    if (!does || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    does();
  }

  /** Go to the next paper of the question. */
  #next() {
    const { scene } = this;
    if (!scene?.lit.length) return;
    const row = scene.lit[(scene.lit.indexOf(this.selected) + 1) % scene.lit.length];
    this.zoom.translateTo(this.surface, scene.x[row], scene.y[row]);
    this.#select(row);
  }

  /** @param {number} row */
  #select(row) {
    if (row === this.selected) return;
    this.selected = row;
    this.canvas.classList.toggle("over", row >= 0);
    this.tip.hidden = row < 0;
    if (row >= 0 && this.chart) {
      const { titles, dates, votes, topics } = this.chart.papers;
      const topic = this.chart.topics[topics[row]];
      const named = topic && ((language() === "ko" && topic.korean) || topic.english || topic.korean);
      const title = document.createElement("strong");
      title.textContent = titles[row];
      const facts = document.createElement("span");
      facts.textContent = [dates[row], votes[row] === null ? "" : `▲ ${votes[row]}`, named].filter(Boolean).join(" · ");
      this.tip.replaceChildren(title, facts);
      this.#place();
    }
    this.repaint();
  }

  /** Put what is said of a paper beside it. */
  #place() {
    if (this.selected < 0 || !this.scene) return;
    const px = this.scene.x[this.selected] * this.view.k + this.view.x;
    const py = this.scene.y[this.selected] * this.view.k + this.view.y;
    const wide = this.tip.offsetWidth;
    const high = this.tip.offsetHeight;
    this.tip.style.left = `${Math.min(Math.max(px - wide / 2, 4), Math.max(4, this.view.width - wide - 4))}px`;
    this.tip.style.top = `${py - high - 14 > 0 ? py - high - 14 : py + 14}px`;
  }

  #openSelected() {
    if (this.selected >= 0 && this.chart) this.open(this.chart.papers.ids[this.selected]);
  }

  /** @param {number} by */
  #scale(by) {
    this.zoom.scaleBy(this.surface, by);
  }

  /** @param {number} x @param {number} y */
  #move(x, y) {
    this.zoom.translateBy(this.surface, x / this.view.k, y / this.view.k);
  }

  #reset() {
    this.zoom.transform(this.surface, zoomIdentity);
    this.repaint();
  }

  #labels() {
    this.canvas.setAttribute("aria-label", say("mapTitle"));
    this.canvas.setAttribute("aria-description", say("mapHelp"));
    for (const button of this.buttons.children) {
      button.setAttribute("aria-label", say(/** @type {HTMLElement} */ (button).dataset.says ?? ""));
      button.setAttribute("title", say(/** @type {HTMLElement} */ (button).dataset.says ?? ""));
    }
  }

  /**
   * @param {string} sign
   * @param {string} says
   * @param {() => void} does
   */
  #button(sign, says, does) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = sign;
    button.dataset.says = says;
    button.addEventListener("click", does);
    this.buttons.append(button);
  }
}

/** @param {{x: number, y: number, k: number}} transform */
const plain = ({ x, y, k }) => ({ x, y, k });

/**
 * The middle of some points and how far they reach.
 * @param {number[]} x
 * @param {number[]} y
 */
function extent(x, y) {
  const [left, right] = ends(x);
  const [low, high] = ends(y);
  return { x: (left + right) / 2, y: (low + high) / 2, width: right - left || 1, height: high - low || 1 };
}

/** @param {number[]} values */
function ends(values) {
  let least = Infinity;
  let most = -Infinity;
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return values.length ? [least, most] : [0, 0];
}
