"""Answers as server-sent events: found, sentence by sentence, and the whole reply."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from index.errors import EncoderError
from index.snapshot import Snapshot
from rag.composing import Composer
from rag.errors import LegsFailedError
from rag.extraction import answering
from rag.search import Searcher
from rag.settings import Settings
from tests.rag.generation.fake_server import Conversation, Fake, answer_status, event, serve
from tests.rag.tiny import app_of

QUESTION = "검색 증강 생성은 문서를 어떻게 찾나?"
FOREIGN = "김치찌개를 끓일 때 돼지고기를 먼저 볶아야 하나요?"
SECONDS = 10  # that anything may take here

Event = tuple[str, dict[str, Any]]
Generating = Callable[..., FastAPI]


def _events(text: str) -> list[Event]:
    found = []
    for block in text.split("\n\n")[:-1]:
        name, data = block.split("\n")
        assert name.startswith("event: ")
        assert data.startswith("data: ")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    assert text.endswith("\n\n")
    return found


def _stream(client: TestClient, question: str = QUESTION, **more: Any) -> list[Event]:
    reply = client.post("/v1/ask", json={"question": question, "stream": True, **more})
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["cache-control"] == "no-store"
    return _events(reply.text)


def _timeless(body: dict[str, Any]) -> dict[str, Any]:
    assert body.pop("took_ms") > 0
    return body


def _writing_threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "writer"]


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class TestEvents:
    @pytest.mark.parametrize("question", [QUESTION, "LoRA", "화면의 아무 물체나 분할하는 모델은?"])
    def test_they_come_in_order_and_the_last_is_the_whole_reply(
        self, client: TestClient, question: str
    ) -> None:
        events = _stream(client, question, top_k=4)
        names = [name for name, _ in events]
        sentences = [body for name, body in events if name == "sentence"]
        assert names == ["found", *["sentence"] * len(sentences), "reply"]
        found, reply = _timeless(events[0][1]), _timeless(events[-1][1])
        plainly = client.post("/v1/ask", json={"question": question, "top_k": 4}).json()
        assert reply == _timeless(plainly)
        answer = reply.pop("answer")
        assert found == reply
        assert len(sentences) > 1
        assert " ".join(one["text"] for one in sentences) == answer["text"]
        assert [c for one in sentences for c in one["citations"]] == answer["citations"]

    def test_a_refusal_is_what_was_found_and_the_reply(self, client: TestClient) -> None:
        (first, found), (last, reply) = _stream(client, FOREIGN)
        assert (first, last) == ("found", "reply")
        assert found["answerable"] is reply["answerable"] is False
        assert len(found["papers"]) == 10
        assert reply["answer"]["kind"] == "none"
        assert reply["answer"]["citations"] == []
        plainly = client.post("/v1/ask", json={"question": FOREIGN}).json()
        assert _timeless(reply) == _timeless(plainly)

    @pytest.mark.parametrize("stream", [False, None])
    def test_nobody_gets_them_who_does_not_ask(self, client: TestClient, stream: Any) -> None:
        body = {"question": QUESTION} if stream is None else {"question": QUESTION, "stream": False}
        reply = client.post("/v1/ask", json=body)
        assert reply.headers["content-type"] == "application/json"
        assert set(reply.json()) >= {"papers", "answer", "answerable", "confidence", "legs"}

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"question": "?!"}, "question"),
            ({"question": ""}, "question"),
            ({"question": QUESTION, "top_k": 0}, "top_k"),
            ({"question": QUESTION, "stream": "yes"}, "stream"),
            ({"question": QUESTION, "stream": 1}, "stream"),
        ],
    )
    def test_what_is_no_question_is_a_problem_and_no_stream(
        self, client: TestClient, body: dict[str, Any], field: str
    ) -> None:
        reply = client.post("/v1/ask", json={"stream": True, **body})
        assert reply.status_code == 422
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json()["errors"][0]["field"] == field

    def test_what_fails_before_anything_is_found_is_a_problem_too(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for error, status in ((LegsFailedError("no leg works"), 503), (RuntimeError("x"), 500)):

            def fail(*_: object, raised: Exception = error, **__: object) -> None:
                raise raised

            monkeypatch.setattr("rag.search.Searcher.search", fail)
            reply = client.post("/v1/ask", json={"question": QUESTION, "stream": True})
            assert reply.status_code == status
            assert reply.headers["content-type"] == "application/problem+json"

    @pytest.mark.parametrize(
        ("error", "status", "detail"),
        [
            (RuntimeError("an inner secret"), 500, "something went wrong here; see the log"),
            (EncoderError("an inner secret"), 500, "something went wrong here; see the log"),
            (LegsFailedError("no leg is working"), 503, "no leg is working"),
        ],
    )
    def test_what_fails_later_is_told_as_an_error(
        self,
        client: TestClient,
        error: Exception,
        status: int,
        detail: str,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr("rag.answer._answer", fail)
        with caplog.at_level(logging.ERROR):
            (first, found), (last, problem) = _stream(client)
        assert (first, last) == ("found", "error")
        assert found["answerable"] is True
        assert (problem["status"], problem["detail"]) == (status, detail)
        assert set(problem) == {"type", "title", "status", "detail", "errors"}
        assert ("an inner secret" in caplog.text) == (status == 500)  # the log, as it says

    def test_the_docs_tell_of_it(self, client: TestClient) -> None:
        post = client.get("/openapi.json").json()["paths"]["/v1/ask"]["post"]
        content = post["responses"]["200"]["content"]
        assert {"application/json", "text/event-stream"} <= set(content)
        assert content["application/json"]["schema"]["$ref"].endswith("/AskReply")

    def test_nothing_goes_on_when_all_is_said(self, client: TestClient) -> None:
        _stream(client)
        _wait_until(lambda: not _writing_threads())


@pytest.fixture
def generating(searcher: Searcher, tmp_path: Path) -> Generating:
    def make(fake: Fake, seconds: float = SECONDS) -> FastAPI:
        generate = {"base_url": fake.url, "model": "m", "timeout_s": seconds}
        return app_of(searcher, tmp_path, Settings.model_validate({"generate": generate}))

    return make


@contextmanager
def _running(app: FastAPI) -> Iterator[int]:
    """The app behind a port of its own, as a client at a distance sees it."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(SECONDS)


def _connect(port: int) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    body = json.dumps({"question": QUESTION, "stream": True})
    connection.request("POST", "/v1/ask", body, {"content-type": "application/json"})
    return connection.getresponse()


def _next(reply: http.client.HTTPResponse) -> Event:
    lines = []
    while (line := reply.readline()) not in (b"\n", b""):
        lines.append(line.decode().rstrip("\n"))
    return _events("\n".join(lines) + "\n\n")[0]


@pytest.fixture(scope="module")
def sentences(searcher: Searcher) -> list[str]:
    """Of the first passages of the prompt, each with its citation."""
    shown = [one for hit in answering(searcher.search(QUESTION).hits) for one in hit.passages]
    found = []
    for number, one in enumerate(shown, 1):
        start, end = one.passage.sentences[0]
        found.append(f"{one.passage.text[start:end].rstrip('.')} [{number}].\n")
    assert len(found) >= 3
    return found


class Pausing:
    """A server that writes a sentence each time that it is let."""

    def __init__(self, sentences: list[str], ended: bool = True) -> None:
        self.sentences, self.ended = sentences, ended
        self.let = threading.Semaphore(0)

    def __call__(self, to: Conversation) -> None:
        to.begin()
        for sentence in self.sentences:
            while not self.let.acquire(timeout=0.02):
                if to.server.fake.over.is_set():
                    return
                to.send(": nothing yet\n\n")
            to.send(event({"content": sentence + "그"}))
        if self.ended:
            to.send(event(finish="stop"))
            to.send("data: [DONE]\n\n")
        else:
            to.wait(SECONDS)


class TestGenerated:
    def test_sentences_come_before_the_last_is_written(
        self, generating: Generating, sentences: list[str]
    ) -> None:
        script = Pausing(sentences[:2])
        with serve(script) as fake, _running(generating(fake)) as port:
            reply = _connect(port)
            assert _next(reply)[0] == "found"  # before anything is written
            said = []
            for number, _ in enumerate(sentences[:2], 1):
                script.let.release()
                name, body = _next(reply)
                assert name == "sentence"
                assert [one["number"] for one in body["citations"]] == [number]
                said.append(body["text"])
            name, body = _next(reply)
            assert name == "reply"
            assert body["answer"]["kind"] == "generated"
            assert body["answer"]["text"] == " ".join(said)
            assert body["answer"]["fallback"] is None
            assert reply.read() == b""

    def test_what_was_verified_in_time_stays(
        self, generating: Generating, sentences: list[str]
    ) -> None:
        script = Pausing(sentences[:2], ended=False)
        script.let.release()
        script.let.release()
        with serve(script) as fake:
            begin = time.monotonic()
            events = _stream(TestClient(generating(fake, seconds=0.8)))
            assert time.monotonic() - begin < 5
        assert [name for name, _ in events] == ["found", "sentence", "sentence", "reply"]
        answer = events[-1][1]["answer"]
        assert (answer["kind"], answer["fallback"]) == ("generated", "timed-out")
        assert answer["text"] == " ".join(body["text"] for _, body in events[1:3])

    def test_where_none_is_written_the_papers_own_sentences_are_streamed(
        self, generating: Generating, client: TestClient
    ) -> None:
        with serve(answer_status(503)) as fake:
            events = _stream(TestClient(generating(fake)))
        usual = _stream(client)
        assert [name for name, _ in events] == [name for name, _ in usual]
        assert events[1:-1] == usual[1:-1]
        answer = events[-1][1]["answer"]
        assert answer == {**usual[-1][1]["answer"], "fallback": "failed"}

    def test_the_reply_is_the_one_without_a_stream(
        self, generating: Generating, sentences: list[str]
    ) -> None:
        script = Pausing([*sentences[:2], "화성의 고양이 9,731마리 [1].\n"])
        with serve(script) as fake:
            client = TestClient(generating(fake))
            for _ in range(6):
                script.let.release()
            streamed = _stream(client)[-1][1]
            plainly = client.post("/v1/ask", json={"question": QUESTION}).json()
        assert streamed["answer"]["unsupported"] == 2  # and the bit that breaks off
        assert _timeless(streamed) == _timeless(plainly)

    def test_who_goes_away_ends_the_writing(
        self, generating: Generating, sentences: list[str]
    ) -> None:
        script = Pausing(sentences * 50)
        with serve(script) as fake, _running(generating(fake, seconds=60)) as port:
            reply = _connect(port)
            assert _next(reply)[0] == "found"
            script.let.release()
            assert _next(reply)[0] == "sentence"
            assert _writing_threads()
            reply.close()
            for _ in sentences[2:]:  # it is seen with one of those that come next
                script.let.release()
                if fake.hung_up.wait(0.5):
                    break
            assert fake.hung_up.is_set()
            _wait_until(lambda: not _writing_threads())


class Endless:
    """`Writer` that goes on as long as somebody reads."""

    def __init__(self, sentences: list[str]) -> None:
        self.sentences, self.closed = sentences, threading.Event()

    def write(self, messages: object, seconds: float) -> Iterator[str]:
        try:
            for sentence in self.sentences * 1000:
                yield sentence
                time.sleep(0.05)
        finally:
            self.closed.set()


def test_who_goes_away_is_not_written_for(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much there is to say: here every sentence holds."""
    monkeypatch.setattr("rag.support.Support.share", lambda *_: 1.0)
    for name in ("MAX_SENTENCES", "MAX_CHARS", "MAX_REPEATS"):
        monkeypatch.setattr(sys.modules["rag.generation.generate"], name, 10**9)
    app = app_of(Searcher(snapshot), tmp_path)
    words = snapshot.passage(0).text.split()
    writer = Endless([f"{' '.join(words[:n])} 검색한다 [1].\n" for n in range(1, 12)])
    app.state.work.composer = Composer(writer, 600)
    with _running(app) as port:
        reply = _connect(port)
        assert _next(reply)[0] == "found"
        reply.close()
        assert writer.closed.wait(SECONDS)
        _wait_until(lambda: not _writing_threads())
