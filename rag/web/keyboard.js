// Keys: / asks, arrows move through the papers, Enter opens one, Escape goes back.

/** @typedef {import("./types").State} State */

/**
 * @param {KeyboardEvent} event
 * @param {State} state
 * @param {HTMLElement} root
 */
export function onKey(event, state, root) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const target = event.target instanceof HTMLElement ? event.target : root;
  const find = () => /** @type {HTMLInputElement | null} */ (root.querySelector("#q"));
  const box = find();
  const typing = target.matches("input, select, textarea");
  if (event.key === "/" && !typing) {
    if (!box) state.go({ paper: "", cite: "" }); // a paper has none above it
    find()?.focus();
    find()?.select();
  } else if (event.key === "Escape") {
    if (target === box && !state.place.paper) box?.blur();
    else if (state.place.paper || state.place.view !== "papers") state.leave();
    else return;
  } else if (event.key === "ArrowDown" && (target === box || !typing) && !target.closest("canvas")) {
    if (!step(root, 1)) return;
  } else if (event.key === "ArrowUp" && !typing && !target.closest("canvas")) {
    if (!step(root, -1, box)) return;
  } else if (event.key === "Enter" && target.matches("[data-paper]")) {
    state.go({ paper: target.dataset.paper, cite: "" });
  } else {
    return;
  }
  event.preventDefault();
}

/**
 * Move to the next paper or the one before.
 * @param {HTMLElement} root
 * @param {1 | -1} by
 * @param {HTMLElement | null} [above] what is before the first
 */
function step(root, by, above) {
  const papers = /** @type {HTMLElement[]} */ ([...root.querySelectorAll("[data-paper]")]);
  const at = papers.indexOf(/** @type {HTMLElement} */ (document.activeElement?.closest("[data-paper]")));
  const next = at < 0 ? (by > 0 ? papers[0] : undefined) : papers[at + by];
  const to = next ?? (at === 0 && by < 0 ? above : undefined);
  to?.focus();
  if (next) next.scrollIntoView({ block: "nearest" });
  return to !== undefined && to !== null;
}
