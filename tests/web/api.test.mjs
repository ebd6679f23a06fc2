// What the page asks of the service, and what it makes of what comes back.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import * as api from "../../rag/web/api.js";

const ANY = /** @type {any} */ (globalThis);
const FOUND = { papers: [{ title: "한국어 🙂 é" }], legs: {} };
const EVENTS = [
  ["found", FOUND],
  ["sentence", { text: "문장\n\n둘 𝒙.", citations: [] }],
  ["reply", { answer: { text: "끝" } }],
];
const STREAM = EVENTS.map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join("");

/** @type {{url: string, init: any}[]} */
let requests = [];
/** @type {(init: any) => Promise<Response>} */
let reply;

beforeEach(() => {
  requests = [];
  ANY.document = { baseURI: "http://localhost/papers/?q=a" };
  ANY.fetch = async (/** @type {URL} */ url, /** @type {any} */ init) => {
    requests.push({ url: String(url), init });
    return reply(init);
  };
});
afterEach(() => api.enter(""));

/** @param {Uint8Array[]} chunks @param {{error?: unknown, hangs?: boolean}} [end] */
const body = (chunks, { error, hangs } = {}) => {
  const left = [...chunks];
  return new ReadableStream({
    pull(controller) {
      const next = left.shift();
      if (next) controller.enqueue(next);
      else if (error) controller.error(error);
      else if (hangs) return new Promise(() => {});
      else controller.close();
    },
  });
};

/** @param {Uint8Array[]} chunks @param {object} [end] */
async function told(chunks, end) {
  reply = async () => new Response(body(chunks, end), { headers: { "Content-Type": "text/event-stream" } });
  /** @type {any[]} */
  const events = [];
  await api.stream("ask", { question: "a" }, (name, data) => events.push([name, data]));
  return events;
}

/** @param {string} text */
const bytes = (text) => new TextEncoder().encode(text);
/** @param {unknown} data @param {number} status */
const problem = (data, status) => async () => new Response(JSON.stringify(data), { status, statusText: "Said" });

/** @param {Promise<unknown>} asked */
const trouble = (asked) =>
  asked.then(
    () => assert.fail("it did not fail"),
    (error) => error,
  );

test("events are told in order, with their data", async () => {
  assert.deepEqual(await told([bytes(STREAM)]), EVENTS);
});

test("a stream may be cut anywhere, inside of a character too", async () => {
  const whole = bytes(STREAM);
  for (let at = 0; at <= whole.length; at++) {
    assert.deepEqual(await told([whole.slice(0, at), whole.slice(at)].filter((one) => one.length)), EVENTS, `at ${at}`);
  }
  for (const size of [1, 2, 3, 7]) {
    const chunks = [];
    for (let at = 0; at < whole.length; at += size) chunks.push(whole.slice(at, at + size));
    assert.deepEqual(await told(chunks), EVENTS);
  }
});

test("lines may end as in HTTP, and be cut between CR and LF", async () => {
  const whole = bytes(STREAM.replaceAll("\n", "\r\n"));
  for (let at = 1; at < whole.length; at++) {
    assert.deepEqual(await told([whole.slice(0, at), whole.slice(at)]), EVENTS, `at ${at}`);
  }
});

test("comments and fields that are not known are passed over", async () => {
  const text = `: ping\n\nretry: 5\nid: 1\n\n: x\nevent:reply\n: y\ndata:{"a":1}\n\n:\n\n`;
  assert.deepEqual(await told([bytes(text)]), [["reply", { a: 1 }]]);
});

test("data of several lines is put together", async () => {
  assert.deepEqual(await told([bytes('event: reply\ndata: {"a":\ndata: 1}\n\n')]), [["reply", { a: 1 }]]);
});

test("an event that has not ended is not told", async () => {
  assert.deepEqual(await told([bytes(`${STREAM}event: reply\ndata: {"a"`)]), EVENTS);
});

test("an event of an error ends it with its problem", async () => {
  const text = `event: found\ndata: {}\n\nevent: error\ndata: {"status": 504, "detail": "too long"}\n\nevent: reply\ndata: {}\n\n`;
  reply = async () => new Response(body([bytes(text)]));
  /** @type {string[]} */
  const names = [];
  const error = await trouble(api.stream("ask", {}, (name) => names.push(name)));
  assert.deepEqual(error, { kind: "busy", detail: "too long", status: 504 });
  assert.deepEqual(names, ["found"]);
});

test("a stream that breaks off is a service that can't be reached", async () => {
  const error = await trouble(told([bytes("event: found\ndata: {}\n\n")], { error: new TypeError("network error") }));
  assert.equal(error.kind, "offline");
});

test("who gives a stream up is told so, and nothing else", async () => {
  const stop = new AbortController();
  reply = async ({ signal }) => {
    const stream = body([bytes("event: found\ndata: {}\n\n")], { hangs: true });
    const { readable, writable } = new TransformStream();
    stream.pipeTo(writable, { signal }).catch(() => {});
    return new Response(readable);
  };
  const error = await trouble(api.stream("ask", {}, () => stop.abort(), stop.signal));
  assert.equal(api.isTrouble(error), false);
  assert.equal(error.name, "AbortError");
});

test("who gives a request up is told so, and nothing else", async () => {
  const stop = new AbortController();
  stop.abort();
  reply = async ({ signal }) => {
    throw signal.reason;
  };
  assert.equal((await trouble(api.get("index", stop.signal))).name, "AbortError");
});

test("a request goes below the page's own address", async () => {
  reply = async () => new Response("{}");
  await api.get("papers/2407.10058/similar");
  assert.equal(requests[0].url, "http://localhost/papers/v1/papers/2407.10058/similar");
  assert.equal(requests[0].init.method, "GET");
  assert.equal(requests[0].init.body, undefined);
});

test("a question goes as JSON, and only a stream asks for events", async () => {
  reply = async () => new Response(STREAM);
  await trouble(api.post("ask", { question: "한국어" })); // what came is no JSON
  await api.stream("ask", { question: "한국어" }, () => {});
  for (const { init } of requests) {
    assert.equal(init.method, "POST");
    assert.equal(init.headers["Content-Type"], "application/json");
    assert.deepEqual(JSON.parse(init.body), { question: "한국어" });
  }
  assert.deepEqual(requests.map(({ init }) => init.headers.Accept), [undefined, "text/event-stream"]);
});

test("a key is shown from when it was entered, without spaces around it", async () => {
  reply = async () => new Response("{}");
  await api.get("index");
  api.enter("  nonmun_abc \n");
  await api.get("index");
  assert.deepEqual(requests.map(({ init }) => init.headers.Authorization), [undefined, "Bearer nonmun_abc"]);
});

test("a key of other letters is shown as UTF-8, which headers can hold", async () => {
  reply = async () => new Response("{}");
  api.enter("열쇠🙂");
  await api.get("index");
  const shown = requests[0].init.headers.Authorization;
  assert.doesNotThrow(() => new Headers({ Authorization: shown }));
  assert.equal(Buffer.from(shown, "latin1").toString("utf8"), "Bearer 열쇠🙂");
});

test("a refusal has its kind, its words and what is allowed", async () => {
  const kinds = { 400: "refused", 401: "key", 403: "key", 404: "missing", 422: "refused", 429: "busy", 500: "failed", 502: "failed", 503: "busy", 504: "busy" };
  for (const [status, kind] of Object.entries(kinds)) {
    reply = problem({ detail: "so", errors: [{ field: "top_k", value: 0, allowed: "1 to 100" }] }, Number(status));
    const error = await trouble(api.get("index"));
    assert.deepEqual(error, { kind, detail: "so; top_k: 1 to 100", status: Number(status) });
    assert.equal(api.isTrouble(error), true);
  }
});

test("a refusal by whoever stands between is one too", async () => {
  reply = async () => new Response("<html>Bad Gateway</html>", { status: 502, statusText: "Bad Gateway" });
  assert.deepEqual(await trouble(api.get("index")), { kind: "failed", detail: "Bad Gateway", status: 502 });
  for (const data of [null, [], "no", { errors: "no", detail: 1 }]) {
    reply = problem(data, 503);
    const error = await trouble(api.get("index"));
    assert.equal(error.kind, "busy", JSON.stringify(data));
    assert.equal(error.status, 503);
  }
});

test("a service that is not there can't be reached", async () => {
  reply = async () => {
    throw new TypeError("fetch failed");
  };
  assert.deepEqual(await trouble(api.post("ask", {})), { kind: "offline", detail: "", status: 0 });
});

test("a reply that breaks off is a service that can't be reached", async () => {
  reply = async () => new Response(body([bytes('{"a"')], { error: new TypeError("terminated") }));
  assert.equal((await trouble(api.get("index"))).kind, "offline");
});
