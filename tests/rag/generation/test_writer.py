"""The adapter: every way in which a server fails is told apart, in time, and no key is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from rag.generation import (
    Fallback,
    Generated,
    GenerationError,
    generate,
)
from tests.rag.generation.asking import KEY, MESSAGES, SECONDS, fail, write, writer_for
from tests.rag.generation.conftest import Serve
from tests.rag.generation.fake_server import (
    Conversation,
    Script,
    answer_status,
    break_off,
    closed_port,
    drip,
    endless,
    event,
    hang,
    raw,
    say,
    slow,
)
from tests.rag.generation.made_up import PAIR, always

SLACK = 1.0  # of a busy machine


class TestGood:
    def test_the_pieces_come_as_they_were_sent(self, fake: Serve) -> None:
        assert write(fake(say("구름", "을 ", "읽는다.")).url) == ["구름", "을 ", "읽는다."]

    def test_the_first_piece_comes_before_the_last_is_sent(self, fake: Serve) -> None:
        may_end = threading.Event()

        def script(to: Conversation) -> None:
            to.begin()
            to.send(event({"content": "구름"}))
            may_end.wait(10)
            to.send(event({"content": "강"}, "stop"))

        pieces = writer_for(fake(script).url).write(MESSAGES, 10)
        assert next(pieces) == "구름"
        may_end.set()
        assert list(pieces) == ["강"]

    def test_what_is_asked(self, fake: Serve) -> None:
        server = fake(say("구름"))
        write(server.url)
        (seen,) = server.seen
        assert seen.path == "/v1/chat/completions"
        assert seen.headers["Authorization"] == f"Bearer {KEY}"
        assert seen.body == {
            "model": "a-model",
            "messages": MESSAGES,
            "temperature": 0,
            "max_tokens": 400,
            "stream": True,
        }

    @pytest.mark.parametrize(
        "body",
        [
            event({"role": "assistant"}) + event({"content": "구름"}) + event(finish="stop"),
            event(choices=[]) + event({"content": "구름"}, "length") + event(choices=[]),
            ": a comment\n\n" + event({"content": "구름"}, "stop").replace("\n", "\r\n"),
            event({"reasoning_content": "음"}) + event({"content": "구름"}, "stop"),
            event({"content": ""}) + event({"content": "구름"}, "content_filter"),
        ],
    )
    def test_chunks_without_text_are_no_harm(self, fake: Serve, body: str) -> None:
        assert write(fake(raw(body + "data: [DONE]\n\n")).url) == ["구름"]

    def test_a_late_first_piece_is_in_time(self, fake: Serve) -> None:
        assert write(fake(slow(0.3, "구름")).url) == ["구름"]

    def test_an_empty_answer_has_no_pieces(self, fake: Serve) -> None:
        assert write(fake(say()).url) == []

    def test_several_threads_write_at_once_with_one_client(self, fake: Serve) -> None:
        def echo(to: Conversation) -> None:
            said = to.server.fake.seen[-1]
            to.wait(0.1)
            say(said.body["messages"][0]["content"])(to)

        writer = writer_for(fake(say(*"구름과강")).url)
        found: list[str] = []

        def ask() -> None:
            found.append("".join(writer.write(MESSAGES, 10)))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert found == ["구름과강"] * 8


class TestFailure:
    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            (302, Fallback.REFUSED),
            (400, Fallback.REFUSED),
            (401, Fallback.REFUSED),
            (403, Fallback.REFUSED),
            (404, Fallback.REFUSED),
            (429, Fallback.RATE_LIMITED),
            (500, Fallback.FAILED),
            (503, Fallback.FAILED),
        ],
    )
    def test_an_error_status_is_told_at_once_and_not_tried_again(
        self, fake: Serve, status: int, reason: Fallback
    ) -> None:
        server = fake(answer_status(status))
        found, seconds = fail(server.url, 5)
        assert found == reason
        assert seconds < SLACK
        assert len(server.seen) == 1

    def test_nobody_listens(self) -> None:
        found, seconds = fail(closed_port(), 5)
        assert found == Fallback.UNREACHABLE
        assert seconds < SLACK

    def test_a_name_that_nobody_has(self) -> None:
        assert fail("http://nobody.invalid/v1", 5)[0] in (Fallback.UNREACHABLE, Fallback.TIMED_OUT)

    def test_a_connection_that_ends_before_the_answer(self, fake: Serve) -> None:
        assert fail(fake(lambda to: None).url, 5)[0] == Fallback.UNREACHABLE

    @pytest.mark.parametrize(
        "script",
        [
            raw("data: {not json}\n\n"),
            raw("data: \xff\n\n"),
            raw('data: "구름"\n\n'),
            raw("data: [1, 2]\n\n"),
            raw("data: null\n\n"),
            raw(event(choices=[{"delta": {"content": 5}, "finish_reason": "stop"}])),
            raw(event(choices="구름")),
            raw(event(choices=[None])),
            raw("<html>Sign in</html>"),
            raw(""),
            raw(event({"content": "구름"}, "stop"), kind="application/json"),
            raw("<html>Sign in</html>", kind="text/html"),
            say("구름", finish=None),
            say("구름", finish=None, done=False),
            break_off("구름"),
        ],
    )
    def test_what_is_no_whole_stream_is_malformed(self, fake: Serve, script: Script) -> None:
        found, seconds = fail(fake(script).url, 5)
        assert found == Fallback.MALFORMED
        assert seconds < SLACK

    def test_an_error_amid_the_stream_is_the_server_s(self, fake: Serve) -> None:
        body = event({"content": "구름"}) + 'data: {"error": {"message": "no memory"}}\n\n'
        assert fail(fake(raw(body)).url, 5)[0] == Fallback.FAILED

    @pytest.mark.parametrize(
        "script",
        [
            hang(after_head=False),
            hang(after_head=True),
            slow(20, "구름"),
            drip(event({"content": "구름"}), 0.05),
            drip(": nothing yet\n", 0.05),
            drip("a", 0.05, status_line=True),
            endless(["구름 "], 0.02),
            endless(["구름 "]),
        ],
    )
    def test_the_deadline_holds_and_the_connection_ends(self, fake: Serve, script: Script) -> None:
        threads = threading.active_count()
        server = fake(script)
        found, seconds = fail(server.url)
        assert found == Fallback.TIMED_OUT
        assert SECONDS * 0.9 < seconds < SECONDS + SLACK
        wait_for(lambda: not any(one.name == "writer" for one in threading.enumerate()))
        assert threading.active_count() <= threads + 2  # those of the fake server

    def test_a_reader_that_leaves_ends_the_connection(self, fake: Serve) -> None:
        server = fake(endless(["구름 "]))
        pieces = writer_for(server.url).write(MESSAGES, 60)
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
        wait_for(server.hung_up.is_set)
        wait_for(lambda: not any(one.name == "writer" for one in threading.enumerate()))

    def test_every_call_has_a_connection_of_its_own_that_can_be_ended(self, fake: Serve) -> None:
        ports: list[int] = []

        def script(to: Conversation) -> None:
            ports.append(to.client_address[1])
            body = event({"content": "구름"}, "stop") + "data: [DONE]\n\n"
            to.send_response(200)
            to.send_header("Content-Type", "text/event-stream")
            to.send_header("Content-Length", str(len(body.encode())))
            to.end_headers()
            to.send(body)
            to.close_connection = False

        writer = writer_for(fake(script).url)
        for _ in range(3):
            assert list(writer.write(MESSAGES, 5)) == ["구름"]
        assert len(set(ports)) == 3

    def test_a_broken_server_is_no_lasting_harm(self, fake: Serve) -> None:
        server = fake(hang(after_head=True))
        writer = writer_for(server.url)
        for _ in range(3):
            with pytest.raises(GenerationError):
                list(writer.write(MESSAGES, 0.1))
        server.script = say("구름")
        assert list(writer.write(MESSAGES, 5)) == ["구름"]


class TestGenerate:
    GOOD = "RiverBench는 14개의 강을 본다. [2] "

    def ask(self, url: str, seconds: float = 5) -> Generated:
        return generate(writer_for(url), "무엇인가?", PAIR, "Korean", always, seconds)

    @pytest.mark.parametrize(
        ("script", "cut"),
        [
            (say(GOOD), None),
            (say(GOOD, "그리고", finish="length"), None),
            (break_off(GOOD, "그"), Fallback.MALFORMED),
            (endless([GOOD]), None),
        ],
    )
    def test_what_came_and_holds_is_the_answer(
        self, fake: Serve, script: Script, cut: Fallback | None
    ) -> None:
        found = self.ask(fake(script).url)
        assert [kept.marked for kept in found.sentences] == [self.GOOD.strip()]
        assert found.cut == cut

    def test_what_came_before_the_deadline_is_the_answer(self, fake: Serve) -> None:
        def script(to: Conversation) -> None:
            to.begin()
            to.send(event({"content": self.GOOD + "그"}))
            to.wait(20)

        begin = time.monotonic()
        found = self.ask(fake(script).url, SECONDS)
        assert time.monotonic() - begin < SECONDS + SLACK
        assert (len(found.sentences), found.cut) == (1, Fallback.TIMED_OUT)

    def test_an_empty_answer(self, fake: Serve) -> None:
        with pytest.raises(GenerationError) as caught:
            self.ask(fake(say("", " ")).url)
        assert caught.value.reason == Fallback.EMPTY


def wait_for(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
