"""The log: a line a record, for people or for programs, with the id of the request."""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from rag.settings.server import LogFormat

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)

# Whatever ends a line, moves a terminal's cursor, or turns the order of what is read: control
# characters, separators of lines and paragraphs, marks and overrides of direction.
_UNSAFE = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_IN_MESSAGE = re.compile(f"[\x00-\x1f{_UNSAFE}]")
_IN_TRACE = re.compile(f"[\x00-\x09\x0b-\x1f{_UNSAFE}]")
_QUIET = "color_message"  # uvicorn's message once more, for its own formatter


def set_up_logging(format: LogFormat) -> None:
    """Send the log to standard error; a handler that was there before is replaced.

    What nonmun says of itself is logged from INFO on, and others from WARNING on.
    """
    handler = logging.StreamHandler()
    handler.addFilter(_name_request)
    handler.setFormatter(_Json() if format is LogFormat.JSON else _Console())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("rag").setLevel(logging.INFO)


def request_id() -> str | None:
    """The id of the request that is being answered here, if one is."""
    return REQUEST_ID.get()


def _name_request(record: logging.LogRecord) -> bool:
    """Give a record the id of its request. A handler does this in the thread that logs."""
    if name := REQUEST_ID.get():
        record.request_id = name
    return True


class _Console(logging.Formatter):
    """A line a record; no message can end it and begin one of its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        name = getattr(record, "request_id", None)
        # `message` is this formatter's own: `format` makes it anew for every handler.
        record.message = f"[{name}] " * bool(name) + _IN_MESSAGE.sub(_escape, record.message)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        # Another handler may have kept its form of the trace, and would be given this one's.
        kept = record.exc_text
        if record.exc_info:
            record.exc_text = None
        try:
            return super().format(record)
        finally:
            record.exc_text = kept

    def formatException(self, ei: logging._SysExcInfoType) -> str:  # noqa: N802
        # Indented, so that no line of an error's text can pass for a record.
        lines = _IN_TRACE.sub(_escape, super().formatException(ei)).split("\n")
        return "\n".join(f"  {line}" for line in lines)


class _Json(JsonFormatter):
    """A JSON object a record; the fields that a record was given besides are part of it."""

    def __init__(self) -> None:
        super().__init__(
            ["asctime", "levelname", "name", "message"],
            rename_fields={
                "asctime": "time",
                "levelname": "level",
                "name": "logger",
                "exc_info": "exception",
            },
            reserved_attrs=[*RESERVED_ATTRS, _QUIET],
        )

    def formatTime(  # noqa: N802
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
