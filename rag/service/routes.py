"""The routes of v1 and those that operators use. A route validates, calls, returns."""

from __future__ import annotations

import hmac
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from index.errors import NonmunError
from rag.answer import Asked, Listener, Looked, ask
from rag.bounds import MAX_TOP_K
from rag.citing import Said
from rag.clock import Clock
from rag.composing import Composer
from rag.doubts import findings_of
from rag.errors import UnknownPaperError
from rag.legs import Status
from rag.search import Searcher
from rag.service import replies, schemas
from rag.service.builds import Builds
from rag.service.live import Live
from rag.service.problems import MEDIA_TYPE, problem
from rag.service.streaming import stream
from rag.settings import Settings
from rag.similar import similar

_PROBLEM: dict[str, Any] = {
    "model": schemas.Problem,
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
REFUSED: dict[int | str, dict[str, Any]] = {
    400: {**_PROBLEM, "description": "The body is not JSON"},
    422: {**_PROBLEM, "description": "A field has a value it can't have"},
    503: {**_PROBLEM, "description": "No index can be served"},
}
STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The reply, or its events where `stream` is true",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {**_PROBLEM, "description": "There is no such paper, version or build"}
}
NOT_ALLOWED: dict[int | str, dict[str, Any]] = {
    401: {**_PROBLEM, "description": "The admin key is missing or wrong"},
    403: {**_PROBLEM, "description": "The service was started without an admin key"},
}

v1 = APIRouter(prefix="/v1", responses=REFUSED)
operations = APIRouter(tags=["operations"])


def _live(request: Request) -> Live:
    live: Live = request.app.state.live
    return live


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _composer(request: Request) -> Composer | None:
    composer: Composer | None = request.app.state.composer
    return composer


def _builds(request: Request) -> Builds:
    builds: Builds = request.app.state.builds
    return builds


def _searcher(live: Annotated[Live, Depends(_live)]) -> Searcher:
    return live.searcher


Searching = Annotated[Searcher, Depends(_searcher)]
_bearer = HTTPBearer(auto_error=False, description="The admin key")


def _admin(
    settings: Annotated[Settings, Depends(_settings)],
    shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> None:
    key = settings.server.admin_key
    if key is None:
        raise HTTPException(403, "the service was started without NONMUN_SERVER__ADMIN_KEY")
    wanted = key.get_secret_value().encode()
    if shown is None or not hmac.compare_digest(shown.credentials.encode(), wanted):
        raise HTTPException(
            401, "show the admin key as “Authorization: Bearer KEY”", {"WWW-Authenticate": "Bearer"}
        )


@v1.post("/search", tags=["questions"])
def post_search(asked: schemas.SearchRequest, searcher: Searching) -> schemas.SearchReply:
    """Find papers and passages."""
    clock = Clock()
    found = searcher.search(
        asked.query, asked.top_k, asked.passages_per_paper, asked.filters.values()
    )
    return replies.search_reply(found, searcher.snapshot.version, clock.ms())


@v1.post("/ask", tags=["questions"], response_model=schemas.AskReply, responses=STREAMED)
def post_ask(
    asked: schemas.AskRequest,
    searcher: Searching,
    settings: Annotated[Settings, Depends(_settings)],
    composer: Annotated[Composer | None, Depends(_composer)],
) -> Any:
    """Answer a question with citations, or say that nothing here answers it."""
    clock, version = Clock(), searcher.snapshot.version

    def answer(listener: Listener | None = None) -> Asked:
        filters, wanted = asked.filters.values(), asked.top_k
        return ask(searcher, asked.question, wanted, filters, settings.answer, composer, listener)

    def show(event: Looked | Said | Asked) -> BaseModel:
        if isinstance(event, Said):
            return replies.said_reply(event)
        if isinstance(event, Asked):
            return replies.ask_reply(event, version, clock.ms())
        return replies.found_reply(event, version, clock.ms())

    return stream(answer, show) if asked.stream else show(answer())


@v1.post("/similar", tags=["questions"], responses=NOT_FOUND)
def post_similar(asked: schemas.SimilarRequest, searcher: Searching) -> schemas.SimilarReply:
    """Find papers like some papers or a text, and unlike others."""
    clock = Clock()
    found = similar(
        searcher, asked.ids, asked.not_ids, asked.text, asked.top_k, asked.filters.values()
    )
    return replies.similar_reply(found, searcher.snapshot.version, clock.ms())


@v1.get("/papers/{paper:path}/similar", tags=["papers"], responses=NOT_FOUND)
def get_similar(
    paper: str,
    searcher: Searching,
    top_k: Annotated[int | None, Query(ge=1, le=MAX_TOP_K, description=schemas.TOP_K)] = None,
) -> schemas.SimilarReply:
    """Find papers like one paper."""
    clock = Clock()
    found = similar(searcher, [paper], top_k=top_k)
    return replies.similar_reply(found, searcher.snapshot.version, clock.ms())


@v1.get("/papers/{paper:path}", tags=["papers"], responses=NOT_FOUND)
def get_paper(paper: str, searcher: Searching) -> schemas.PaperReply:
    """Read a paper's whole summary."""
    row = searcher.row_of(paper)
    if row is None:
        raise UnknownPaperError(f"no paper {paper[:100]!r} here")
    found = searcher.snapshot.paper(row)
    return replies.paper_reply(found, findings_of(searcher, found), searcher.snapshot.version)


@v1.get("/index", tags=["index"])
def get_index(searcher: Searching, live: Annotated[Live, Depends(_live)]) -> schemas.IndexReply:
    """Tell which version is served and which are published."""
    versions = [replies.version(one) for one in live.store.versions()]
    return schemas.IndexReply(index_version=searcher.snapshot.version, versions=versions)


@v1.post(
    "/index/versions/{version}/activate",
    tags=["index"],
    dependencies=[Depends(_admin)],
    responses={**NOT_FOUND, **NOT_ALLOWED},
)
def post_activate(version: str, live: Annotated[Live, Depends(_live)]) -> schemas.IndexReply:
    """Serve another published version."""
    live.store.activate(version)
    live.refresh()
    return get_index(live.searcher, live)


@v1.post(
    "/index/builds",
    tags=["index"],
    status_code=202,
    dependencies=[Depends(_admin)],
    responses={
        **NOT_ALLOWED,
        409: {**_PROBLEM, "description": "One is running, or no sources"},
        503: {**_PROBLEM, "description": "It can't be started, such as on a full disk"},
    },
)
def post_build(
    builds: Annotated[Builds, Depends(_builds)],
    live: Annotated[Live, Depends(_live)],
    response: Response,
    asked: schemas.BuildRequest | None = None,
) -> schemas.Build:
    """Build the sources that the settings name; the service goes on meanwhile."""
    asked = asked or schemas.BuildRequest()
    build = builds.start(asked.full, asked.force)
    response.headers["Location"] = f"/v1/index/builds/{build.id}"
    return replies.build_reply(build, live.store.forgotten)


@v1.get("/index/builds", tags=["index"])
def get_builds(
    builds: Annotated[Builds, Depends(_builds)], live: Annotated[Live, Depends(_live)]
) -> schemas.BuildsReply:
    """List the last builds, newest first."""
    return replies.builds_reply(builds.all(), live.store.forgotten)


@v1.get("/index/builds/{build}", tags=["index"], responses=NOT_FOUND)
def get_build(
    build: str,
    builds: Annotated[Builds, Depends(_builds)],
    live: Annotated[Live, Depends(_live)],
) -> schemas.Build:
    """Tell how far a build is."""
    return replies.build_reply(builds.get(build), live.store.forgotten)


@v1.post(
    "/index/builds/{build}/cancel",
    tags=["index"],
    dependencies=[Depends(_admin)],
    responses={**NOT_FOUND, **NOT_ALLOWED, 409: {**_PROBLEM, "description": "It is not running"}},
)
def post_cancel(
    build: str,
    builds: Annotated[Builds, Depends(_builds)],
    live: Annotated[Live, Depends(_live)],
) -> schemas.Build:
    """Stop a build; what is served stays."""
    return replies.build_reply(builds.cancel(build), live.store.forgotten)


@operations.get("/healthz")
def get_health() -> schemas.Health:
    """Tell that the process lives."""
    return schemas.Health(status="ok")


@operations.get("/readyz", responses={503: {**_PROBLEM, "description": "It can't answer"}})
def get_ready(live: Annotated[Live, Depends(_live)]) -> Any:
    """Tell whether a search works, by searching."""
    try:
        searcher = live.searcher
        live.store.forgotten.read()  # requests go on with what was known
        found = searcher.search("ready?", 1, 1)
    except NonmunError as error:
        return problem(503, str(error))
    failed = sorted(leg for leg, status in found.legs.items() if status is Status.FAILED)
    if failed:
        return problem(503, f"legs that failed: {', '.join(failed)}")
    version = searcher.snapshot.version
    return schemas.Health(status="ready", index_version=version, trouble=live.trouble)


@operations.get("/", include_in_schema=False)
def get_root() -> RedirectResponse:
    """Show what can be asked."""
    return RedirectResponse("/docs")


for _route in (*v1.routes, *operations.routes):
    if isinstance(_route, APIRoute):  # the docs show what a route does, not its function's name
        _route.summary = _route.description.split("\n")[0].rstrip(".")
