// Asks the service. Every failure becomes a Trouble, with words for people where they are known.

/** @typedef {import("./types").Trouble} Trouble */

const KEY = "nonmun-key";
let given = "";

/** The key that was entered, as long as the tab is open. */
export function key() {
  try {
    return sessionStorage.getItem(KEY) ?? given;
  } catch {
    return given;
  }
}

/** @param {string} value */
export function enter(value) {
  given = value.trim();
  try {
    sessionStorage.setItem(KEY, given);
  } catch {
    // Storage may be forbidden: it is known until the page is left.
  }
}

/** @param {unknown} error @returns {error is Trouble} */
export const isTrouble = (error) => typeof error === "object" && error !== null && "kind" in error;

/** @param {number} status @returns {Trouble["kind"]} */
function kindOf(status) {
  if (status === 401 || status === 403) return "key";
  if (status === 429 || status === 503 || status === 504) return "busy";
  if (status === 404) return "missing";
  return status < 500 ? "refused" : "failed";
}

/**
 * A text in UTF-8, a character for each byte: a header can hold no others.
 * @param {string} text
 */
const bytes = (text) => Array.from(new TextEncoder().encode(text), (one) => String.fromCharCode(one)).join("");

/**
 * @param {string} path below /v1/
 * @param {{body?: object, signal?: AbortSignal, accept?: string}} [how]
 */
async function send(path, { body, signal, accept } = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (key()) headers.Authorization = `Bearer ${bytes(key())}`;
  if (body) headers["Content-Type"] = "application/json";
  if (accept) headers.Accept = accept;
  let response;
  try {
    response = await fetch(new URL(`v1/${path}`, document.baseURI), {
      method: body ? "POST" : "GET",
      body: body && JSON.stringify(body),
      headers,
      signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw { kind: "offline", detail: "", status: 0 };
  }
  if (response.ok) return response;
  // A proxy may have replied, in whatever form.
  const problem = (await response.json().catch(() => null)) ?? {};
  const errors = Array.isArray(problem.errors) ? problem.errors : [];
  const allowed = errors.map((/** @type {any} */ one) => `${one?.field}: ${one?.allowed}`);
  const detail = [problem.detail ?? response.statusText, ...allowed].join("; ");
  throw { kind: kindOf(response.status), detail, status: response.status };
}

/**
 * What is at an address.
 * @param {string} path
 * @param {AbortSignal} [signal]
 */
export async function get(path, signal) {
  return parsed(await send(path, { signal }));
}

/**
 * The reply to a question.
 * @param {string} path
 * @param {object} body
 * @param {AbortSignal} [signal]
 */
export async function post(path, body, signal) {
  return parsed(await send(path, { body, signal }));
}

/** @param {Response} response */
async function parsed(response) {
  const text = await response.text().catch(() => {
    throw { kind: "offline", detail: "", status: response.status };
  });
  performance.mark("nonmun:reply");
  return JSON.parse(text);
}

/**
 * The reply to a question, event by event.
 * @param {string} path
 * @param {object} body
 * @param {(event: string, data: any) => void} tell
 * @param {AbortSignal} [signal]
 */
export async function stream(path, body, tell, signal) {
  const response = await send(path, { body, signal, accept: "text/event-stream" });
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch((error) => {
      if (signal?.aborted) throw error;
      throw { kind: "offline", detail: "", status: 0 };
    });
    rest += decoder.decode(value, { stream: !done });
    const events = rest.replaceAll("\r\n", "\n").split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      const { name, data } = eventOf(event);
      if (data === "") continue; // a comment that keeps the connection
      if (name === "error") {
        const problem = JSON.parse(data);
        throw { kind: kindOf(problem.status), detail: problem.detail, status: problem.status };
      }
      performance.mark("nonmun:reply");
      tell(name, JSON.parse(data));
    }
    if (done) return;
  }
}

/** @param {string} event */
function eventOf(event) {
  let name = "message";
  const data = [];
  for (const line of event.split("\n")) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
  }
  return { name, data: data.join("\n") };
}
