"""Errors as `application/problem+json` (RFC 9457): what is wrong, and what is allowed."""

from __future__ import annotations

import logging
import os
import reprlib
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import Scope

from index.cluster.telling import tell
from index.errors import (
    BuildRunningError,
    ClusterError,
    NonmunError,
    SnapshotError,
    UnknownBuildError,
    UnknownVersionError,
)
from rag.errors import (
    BuildNotRunningError,
    BuildNotStartedError,
    LegsFailedError,
    NoSourcesError,
    QueryError,
    UnknownPaperError,
)
from rag.service.observing import Metrics
from rag.service.observing import Refusal as Reason
from rag.service.observing.requests import CLIENT_LEFT
from rag.service.pool import FullError, LateError, LeftError
from rag.service.schemas import Problem, Refusal

MEDIA_TYPE = "application/problem+json"
CLUSTER_FAILS = "the cluster does not do what is asked; see the log"
_SHOWN = 100
_REFUSALS = 20  # that one reply tells of; a body can have a field wrong for every few bytes

log = logging.getLogger(__name__)

_STATUS: dict[type[Exception], HTTPStatus] = {
    QueryError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownPaperError: HTTPStatus.NOT_FOUND,
    UnknownBuildError: HTTPStatus.NOT_FOUND,
    BuildRunningError: HTTPStatus.CONFLICT,
    BuildNotRunningError: HTTPStatus.CONFLICT,
    BuildNotStartedError: HTTPStatus.SERVICE_UNAVAILABLE,
    NoSourcesError: HTTPStatus.CONFLICT,
    UnknownVersionError: HTTPStatus.NOT_FOUND,
    SnapshotError: HTTPStatus.SERVICE_UNAVAILABLE,
    ClusterError: HTTPStatus.SERVICE_UNAVAILABLE,
    LegsFailedError: HTTPStatus.SERVICE_UNAVAILABLE,
    LateError: HTTPStatus.GATEWAY_TIMEOUT,
}


def problem(
    status: int,
    detail: str,
    errors: list[Refusal] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """An error reply."""
    body = _problem(status, detail, errors)
    return JSONResponse(body.model_dump(), status, headers=headers, media_type=MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """What an error is told as."""
    status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), None)
    if status is None:
        return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here; see the log")
    if isinstance(error, ClusterError):  # it names the store, which is nobody's business
        tell(error)
        return _problem(status, CLUSTER_FAILS)
    return _problem(status, str(error))


def discreet(text: str, folder: Path) -> str:
    """A text without where the data folder is: that is nobody's business."""
    return text.replace(f"{folder}{os.sep}", "").replace(str(folder), "the data folder")


def _problem(status: int, detail: str, errors: list[Refusal] | None = None) -> Problem:
    title = HTTPStatus(status).phrase
    return Problem(title=title, status=status, detail=detail, errors=errors or [])


def install(
    app: FastAPI, metrics: Metrics, allowed: Callable[[Scope], Sequence[str]], folder: Path
) -> None:
    """Make every error of an app such a reply.

    Args:
        app: The service.
        metrics: Told what is refused.
        allowed: The methods that a path has.
        folder: The data folder.
    """

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        if any(one["type"] == "json_invalid" for one in found):
            reason = found[0].get("ctx", {}).get("error", "")
            return problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {reason}")
        if any(isinstance(one.get("input"), bytes) for one in found):
            detail = "the body should be JSON, sent with “content-type: application/json”"
            return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
        refusals = [_refusal(one) for one in found[:_REFUSALS]]
        detail = "; ".join(map(_sentence, refusals))
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, refusals)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers) if error.headers else None
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers = {"Allow": ", ".join(allowed(request.scope))}
        return problem(error.status_code, str(error.detail), headers=headers)

    @app.exception_handler(NonmunError)
    async def domain(request: Request, error: NonmunError) -> JSONResponse:
        told = problem_of(error)
        if told.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            return await unexpected(request, error)
        return problem(told.status, discreet(told.detail, folder))

    @app.exception_handler(FullError)
    async def full(request: Request, error: FullError) -> JSONResponse:
        metrics.refused(Reason.QUEUE_FULL)
        headers = {"Retry-After": str(error.seconds)}
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers=headers)

    @app.exception_handler(LateError)
    async def late(request: Request, error: LateError) -> JSONResponse:
        metrics.refused(Reason.DEADLINE)
        return problem(HTTPStatus.GATEWAY_TIMEOUT, str(error))

    @app.exception_handler(LeftError)
    async def left(request: Request, error: LeftError) -> Response:
        metrics.refused(Reason.CLIENT_LEFT)
        return Response(status_code=CLIENT_LEFT)  # nobody reads it

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here; see the log")


def _refusal(error: dict[str, Any]) -> Refusal:
    field = ".".join(str(part)[:_SHOWN] for part in error["loc"][1:]) or str(error["loc"][0])
    allowed = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        allowed = "no such field"
    return Refusal(field=field, value=_shown(error.get("input")), allowed=allowed)


def _sentence(refusal: Refusal) -> str:
    value = "" if refusal.value is None else f" (it is {refusal.value!r})"
    return f"{refusal.field}: {refusal.allowed}{value}"


def _shown(value: Any) -> Any:
    """A value short and safe enough to be sent back."""
    if value is None or isinstance(value, bool | int | float):
        # JSON has no infinity, and its readers no integers of a thousand digits.
        return value if value is None or abs(value) < 1e15 else ascii(value)[:_SHOWN]
    text = value[: _SHOWN + 1] if isinstance(value, str) else reprlib.repr(value)
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
