"""Lines of the log: whole, of one record each, with the id of the request."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from rag.service.observing.logs import REQUEST_ID, request_id, set_up_logging
from rag.settings.server import LogFormat

log = logging.getLogger("rag.something")

Lines = Callable[[], list[str]]
Records = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """What the process logs to is as it was."""
    root, ours = logging.getLogger(), logging.getLogger("rag")
    kept = root.handlers, root.level, ours.level
    root.handlers = []
    yield
    root.handlers = kept[0]
    root.setLevel(kept[1])
    ours.setLevel(kept[2])


@pytest.fixture
def request_a1() -> Iterator[None]:
    token = REQUEST_ID.set("a1")
    yield
    REQUEST_ID.reset(token)


def _lines(format: LogFormat) -> Lines:
    """Set up the log, and read what has been logged since."""
    set_up_logging(format)
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stderr
    written = io.StringIO()
    handler.setStream(written)
    return lambda: written.getvalue().split("\n")[:-1]


@pytest.fixture
def console() -> Lines:
    return _lines(LogFormat.CONSOLE)


@pytest.fixture
def records() -> Records:
    lines = _lines(LogFormat.JSON)
    return lambda: [json.loads(line) for line in lines()]


def test_console_lines_are_as_they_were(console: Lines) -> None:
    log.info("build %s: %s", "b1", "done")
    (line,) = console()
    day, time, rest = line.split(" ", 2)
    assert datetime.fromisoformat(f"{day} {time.replace(',', '.')}")
    assert rest == "INFO build b1: done"


@pytest.mark.usefixtures("request_a1")
def test_console_names_the_request(console: Lines) -> None:
    log.warning("slow")
    assert console()[0].endswith(" WARNING [a1] slow")
    assert request_id() == "a1"


def test_ours_are_logged_from_info_on_and_others_from_warning_on(console: Lines) -> None:
    log.debug("1")
    log.info("2")
    logging.getLogger("uvicorn.error").info("3")
    logging.getLogger("uvicorn.error").warning("4")
    assert [line[-1] for line in console()] == ["2", "4"]


def test_setting_up_twice_does_not_log_twice() -> None:
    set_up_logging(LogFormat.CONSOLE)
    _lines(LogFormat.JSON)


FORGED = "2030-01-01 00:00:00,000 INFO all is well"


@pytest.mark.parametrize(
    ("end", "shown"),
    [
        ("\n", r"\n"),
        ("\r\n", r"\r\n"),
        ("\x1b[2K\r", r"\x1b[2K\r"),
        ("\x85", r"\x85"),
        ("\u2028", r"\u2028"),
        ("\u202e", r"\u202e"),
        ("\x00", r"\x00"),
    ],
)
def test_no_message_ends_its_line(console: Lines, end: str, shown: str) -> None:
    log.error("no paper %s", f"한글{end}{FORGED}")
    (line,) = console()
    assert line.endswith(f"ERROR no paper 한글{shown}{FORGED}")
    assert line.splitlines() == [line]


def _fail() -> None:
    try:
        raise ValueError(f"bad\n{FORGED}\x1b[31m\r{FORGED}")
    except ValueError:
        log.exception("failed")


def test_no_error_ends_its_lines(console: Lines) -> None:
    _fail()
    first, *trace = console()
    assert first.endswith("ERROR failed")
    assert trace[0] == "  Traceback (most recent call last):"
    assert f"  {FORGED}\\x1b[31m\\r{FORGED}" in trace
    assert all(line.startswith("  ") and line.splitlines() == [line] for line in trace)


def test_another_handler_keeps_its_form_of_a_trace(console: Lines) -> None:
    formed: list[str] = []

    class Plain(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            formed.append(self.format(record))

    (ours, *_) = logging.getLogger().handlers
    logging.getLogger().handlers = [Plain(), ours, Plain()]
    _fail()
    assert formed[0] == formed[1]
    assert "failed\nTraceback" in formed[0]
    assert console()[1].startswith("  Traceback")


@pytest.mark.usefixtures("request_a1")
def test_json_lines_have_their_fields(records: Records) -> None:
    log.warning("질문 %d\n%s", 1, FORGED, extra={"route": "/v1/ask", "color_message": "x"})
    (record,) = records()
    time = datetime.fromisoformat(record.pop("time"))
    assert time.utcoffset() == UTC.utcoffset(None)
    assert abs((datetime.now(UTC) - time).total_seconds()) < 60
    assert record == {
        "level": "WARNING",
        "logger": "rag.something",
        "message": f"질문 1\n{FORGED}",
        "request_id": "a1",
        "route": "/v1/ask",
    }


def test_json_lines_hold_a_whole_error(records: Records) -> None:
    _fail()
    root = logging.getLogger()
    # What pytest captures it sends to another process, as UTF-8.
    root.handlers = [one for one in root.handlers if type(one) is logging.StreamHandler]
    log.info("\ud800\u2028")
    failed, other = records()
    assert failed["exception"].startswith("Traceback (most recent call last):\n")
    assert f"ValueError: bad\n{FORGED}" in failed["exception"]
    assert "request_id" not in failed
    assert other["message"] == "\ud800\u2028"
    assert "exception" not in other
