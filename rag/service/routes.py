"""The routes of v1 and those that operators use. A route validates, calls, returns."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.routing import Match
from starlette.types import Scope as Connection

from rag.answer import Asked, Listener, ask
from rag.citing import Said
from rag.clock import Clock
from rag.doubts import findings_of
from rag.errors import UnknownPaperError
from rag.search import Searcher
from rag.service import page, replies, schemas
from rag.service.builds import Builds
from rag.service.keys import Caller, known_keys
from rag.service.live import Live
from rag.service.observing import Metrics
from rag.service.observing import Refusal as Refused
from rag.service.pool import Job
from rag.service.problems import MEDIA_TYPE
from rag.service.ready import Readiness
from rag.service.streaming import Step, stream
from rag.service.work import Turned, Work
from rag.settings import Settings
from rag.settings.server import Scope as KeyScope
from rag.similar import similar

_PROBLEM: dict[str, Any] = {
    "model": schemas.Problem,
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
REFUSED: dict[int | str, dict[str, Any]] = {
    400: {**_PROBLEM, "description": "The body is not JSON"},
    401: {**_PROBLEM, "description": "A key is missing, or wrong"},
    408: {**_PROBLEM, "description": "The body did not come in time"},
    413: {**_PROBLEM, "description": "The body is too large"},
    415: {**_PROBLEM, "description": "The body is no plain JSON"},
    422: {**_PROBLEM, "description": "A field has a value it can't have"},
    429: {**_PROBLEM, "description": "More was asked than is allowed; Retry-After says when"},
    503: {**_PROBLEM, "description": "No index can be served, or too many requests wait"},
    504: {**_PROBLEM, "description": "It was not done in time"},
}
STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The reply, or its events where `stream` is true",
        "content": {
            "text/event-stream": {
                "itemSchema": {
                    "type": "object",
                    "required": ["event", "data"],
                    "properties": {
                        "event": {"enum": ["found", "sentence", "reply", "error"]},
                        "data": {"type": "string", "contentMediaType": "application/json"},
                    },
                }
            }
        },
    }
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {**_PROBLEM, "description": "There is no such paper, version or build"}
}
NOT_ALLOWED: dict[int | str, dict[str, Any]] = {
    403: {**_PROBLEM, "description": "The key has not the scope admin, or no key here has"},
}

v1 = APIRouter(prefix="/v1", responses=REFUSED)
operations = APIRouter(tags=["operations"])


async def _live(request: Request) -> Live:
    live: Live = request.app.state.work.live
    return live


async def _builds(request: Request) -> Builds:
    builds: Builds = request.app.state.builds
    return builds


Serving = Annotated[Live, Depends(_live)]
Building = Annotated[Builds, Depends(_builds)]
# What is shown was looked at before the route is reached (`Keys`); this tells the documents.
_bearer = HTTPBearer(auto_error=False, description="A key")


async def _admin(request: Request) -> None:
    caller: Caller = request.state.caller
    if caller.may(KeyScope.ADMIN):
        return
    metrics: Metrics = request.app.state.work.metrics
    metrics.refused(Refused.FORBIDDEN)
    settings: Settings = request.app.state.work.settings
    if not any(KeyScope.ADMIN in key.scopes for key in known_keys(settings.server)):
        raise HTTPException(403, "the service was started without a key of scope admin")
    if caller.name is None:
        detail = "show a key of scope admin as “Authorization: Bearer KEY”"
        raise HTTPException(401, detail, {"WWW-Authenticate": "Bearer"})
    raise HTTPException(403, f"the key {caller.name} has not the scope admin")


@v1.post("/search", tags=["questions"], response_model=schemas.SearchReply)
async def post_search(asked: schemas.SearchRequest, turn: Turned) -> Response:
    """Find papers and passages."""

    def look(searcher: Searcher, clock: Clock, job: Job[bytes]) -> schemas.SearchReply:
        found = searcher.search(
            asked.query, asked.top_k, asked.passages_per_paper, asked.filters.values()
        )
        return replies.search_reply(found, searcher.snapshot.version, clock.ms())

    return await turn.search("search", asked, asked.query, look)


@v1.post("/ask", tags=["questions"], response_model=schemas.AskReply, responses=STREAMED)
async def post_ask(asked: schemas.AskRequest, turn: Turned) -> Response:
    """Answer a question with citations, or say that nothing here answers it."""
    settings = turn.work.settings

    def answer(searcher: Searcher, job: Job[Any], listener: Listener | None = None) -> Asked:
        return ask(
            searcher,
            asked.question,
            asked.top_k,
            asked.filters.values(),
            settings.answer,
            turn.composer(job),
            listener,
        )

    def look(searcher: Searcher, clock: Clock, job: Job[bytes]) -> schemas.AskReply:
        found = answer(searcher, job)
        return replies.ask_reply(found, searcher.snapshot.version, clock.ms())

    def show(step: Step, searcher: Searcher, clock: Clock) -> BaseModel:
        version = searcher.snapshot.version
        if isinstance(step, Said):
            return replies.said_reply(step)
        if isinstance(step, Asked):
            return replies.ask_reply(step, version, clock.ms())
        return replies.found_reply(step, version, clock.ms())

    if asked.stream:
        return await stream(turn, asked.question, answer, show)
    if turn.work.composer:
        return await turn.write(look)
    return await turn.search("ask", asked, asked.question, look)


@v1.post("/similar", tags=["questions"], response_model=schemas.SimilarReply, responses=NOT_FOUND)
async def post_similar(asked: schemas.SimilarRequest, turn: Turned) -> Response:
    """Find papers like some papers or a text, and unlike others."""

    def look(searcher: Searcher, clock: Clock, job: Job[bytes]) -> schemas.SimilarReply:
        found = similar(
            searcher,
            asked.ids,
            asked.not_ids,
            asked.text,
            asked.top_k,
            asked.filters.values(),
            asked.diversity,
        )
        return replies.similar_reply(found, searcher.snapshot.version, clock.ms())

    # A text may be an abstract: what a search for it would need is not needed here.
    return await turn.search("similar", asked, None, look)


@v1.get(
    "/papers/{paper:path}/similar",
    tags=["papers"],
    response_model=schemas.SimilarReply,
    responses=NOT_FOUND,
)
async def get_similar(
    paper: str,
    turn: Turned,
    asked: Annotated[schemas.SimilarQuery, Query()],
) -> Response:
    """Find papers like one paper."""

    def look(searcher: Searcher, clock: Clock, job: Job[bytes]) -> schemas.SimilarReply:
        found = similar(searcher, [paper], top_k=asked.top_k, diversity=asked.diversity)
        return replies.similar_reply(found, searcher.snapshot.version, clock.ms())

    kind = f"similar {asked.top_k} {asked.diversity}"
    return await turn.search(kind, paper, None, look)


@v1.get("/papers/{paper:path}", tags=["papers"], responses=NOT_FOUND)
async def get_paper(paper: str, turn: Turned) -> schemas.PaperReply:
    """Read a paper's whole summary."""

    def read(job: Job[schemas.PaperReply]) -> schemas.PaperReply:
        searcher = turn.work.live.searcher.holding([paper])
        row = searcher.row_of(paper)
        if row is None:
            raise UnknownPaperError(f"no paper {paper[:100]!r} here")
        found = searcher.snapshot.paper(row)
        return replies.paper_reply(found, findings_of(searcher, found), searcher.snapshot.version)

    return await turn.take(turn.work.searching, read, turn.seconds())


@v1.get(
    "/map",
    tags=["papers"],
    response_model=schemas.MapReply,
    responses={304: {"description": "The map is the one that If-None-Match names"}},
)
async def get_map(live: Serving, turn: Turned) -> Response:
    """Tell where every paper lies among those that say alike."""
    kept = await turn.operate(lambda: turn.work.maps.of(live.searcher))
    return kept.response(turn.request.headers)


def _index(work: Work) -> schemas.IndexReply:
    versions = work.live.store.versions()
    return replies.index_reply(work.live.searcher, versions, generates=work.composer is not None)


@v1.get("/index", tags=["index"])
async def get_index(turn: Turned) -> schemas.IndexReply:
    """Tell which version is served and which are published."""
    return await turn.operate(lambda: _index(turn.work))


@v1.post(
    "/index/versions/{version}/activate",
    tags=["index"],
    dependencies=[Depends(_bearer), Depends(_admin)],
    responses={**NOT_FOUND, **NOT_ALLOWED},
)
async def post_activate(version: str, live: Serving, turn: Turned) -> schemas.IndexReply:
    """Serve another published version."""

    def activate() -> schemas.IndexReply:
        live.store.activate(version)
        live.refresh()
        return _index(turn.work)

    return await turn.operate(activate)


@v1.post(
    "/index/builds",
    tags=["index"],
    status_code=202,
    dependencies=[Depends(_bearer), Depends(_admin)],
    responses={
        **NOT_ALLOWED,
        202: {"headers": {"Location": {"schema": {"type": "string"}, "description": "The build"}}},
        409: {**_PROBLEM, "description": "One is running, or no sources"},
        503: {**_PROBLEM, "description": "It can't be started, such as on a full disk"},
    },
)
async def post_build(
    builds: Building,
    live: Serving,
    turn: Turned,
    response: Response,
    asked: schemas.BuildRequest | None = None,
) -> schemas.Build:
    """Build the sources that the settings name; the service goes on meanwhile."""
    wanted = asked or schemas.BuildRequest()
    build = await turn.operate(lambda: builds.start(wanted.full, wanted.force))
    response.headers["Location"] = f"/v1/index/builds/{build.id}"
    return await turn.operate(lambda: replies.build_reply(build, live.store.forgotten))


@v1.get("/index/builds", tags=["index"])
async def get_builds(builds: Building, live: Serving, turn: Turned) -> schemas.BuildsReply:
    """List the last builds, newest first."""
    return await turn.operate(lambda: replies.builds_reply(builds.all(), live.store.forgotten))


@v1.get("/index/builds/{build}", tags=["index"], responses=NOT_FOUND)
async def get_build(build: str, builds: Building, live: Serving, turn: Turned) -> schemas.Build:
    """Tell how far a build is."""
    return await turn.operate(lambda: replies.build_reply(builds.get(build), live.store.forgotten))


@v1.post(
    "/index/builds/{build}/cancel",
    tags=["index"],
    dependencies=[Depends(_bearer), Depends(_admin)],
    responses={**NOT_FOUND, **NOT_ALLOWED, 409: {**_PROBLEM, "description": "It is not running"}},
)
async def post_cancel(build: str, builds: Building, live: Serving, turn: Turned) -> schemas.Build:
    """Stop a build; what is served stays."""
    return await turn.operate(
        lambda: replies.build_reply(builds.cancel(build), live.store.forgotten)
    )


@operations.head("/healthz", include_in_schema=False)
@operations.get("/healthz")
async def get_health() -> schemas.Health:
    """Tell that the process lives."""
    return schemas.Health(status="ok")


@operations.head("/readyz", include_in_schema=False)
@operations.get("/readyz", responses={503: {**_PROBLEM, "description": "It can't answer"}})
async def get_ready(request: Request) -> schemas.Health:
    """Tell whether a search works, by searching."""
    readiness: Readiness = request.app.state.readiness
    return await readiness.tell()


@operations.get("/metrics", include_in_schema=False)
async def get_metrics(turn: Turned) -> Response:
    """Tell what was counted, as Prometheus reads it."""
    told = await turn.operate(turn.work.metrics.render)
    return Response(told.content, headers={"Content-Type": told.content_type})


_ALL = (*v1.routes, *operations.routes, *page.router.routes)


def allowed_methods(scope: Connection) -> list[str]:
    """The methods that the path of a request has.

    Where several routes share a path, starlette names those of the first.
    """
    routes = [one for one in _ALL if isinstance(one, APIRoute)]
    fitting = [one for one in routes if one.matches(scope)[0] is not Match.NONE]
    return sorted({method for one in fitting for method in one.methods or ()})


for _route in (*v1.routes, *operations.routes):
    if isinstance(_route, APIRoute):  # the docs show what a route does, not its function's name
        _route.summary = _route.description.split("\n")[0].rstrip(".")
