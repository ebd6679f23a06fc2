// What went wrong, said plainly, and what can be done.

import { html, nothing } from "../vendor/lit.js";
import { say } from "../words.js";

/** @typedef {import("../types").State} State */
/** @typedef {import("../types").Trouble} Trouble */

/**
 * @param {State} state
 * @param {Trouble} trouble
 */
export function trouble(state, trouble) {
  if (trouble.kind === "key") return keyForm(state, trouble);
  const more = trouble.kind === "offline" ? say("offlineMore") : trouble.detail;
  return html`
    <div class="notice ${trouble.kind}" role="alert">
      <p><strong>${say(trouble.kind)}</strong></p>
      ${more ? html`<p>${more}</p>` : nothing}
      ${trouble.kind === "refused" || trouble.kind === "missing"
        ? nothing
        : html`<p><button type="button" @click=${state.retry}>${say("again")}</button></p>`}
    </div>
  `;
}

/**
 * Asks for a key where the service wants one.
 * @param {State} state
 * @param {Trouble} [trouble]
 */
export function keyForm(state, trouble) {
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    state.enter(String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("key")));
  };
  const detail = trouble?.detail ?? state.served.trouble?.detail;
  return html`
    <form class="notice key" @submit=${submit}>
      <div role="alert">
        <p><strong>${say("keyNeeded")}</strong></p>
        ${detail ? html`<p>${detail}</p>` : nothing}
      </div>
      <p>
        <label>${say("keyLabel")} <input name="key" type="password" autocomplete="off" required></label>
        <button>${say("keyEnter")}</button>
      </p>
      <p class="facts">${say("keyKept")}</p>
    </form>
  `;
}
