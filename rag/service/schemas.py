"""The HTTP contract of v1: what is asked and what is replied, in both directions."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from index.checking import Quality
from index.journal import BuildState
from index.papers import MAX_VOTES, Source
from index.quality import Flag
from index.scoring import Leg
from rag.because import Because
from rag.bounds import MAX_PASSAGES, MAX_TOP_K
from rag.citing import Answer, Citation
from rag.filters import Filters as FilterValues
from rag.legs import Status
from rag.search import has_word

MAX_QUERY = 2_000
MAX_TEXT = 20_000
MAX_LIST = 100
TOP_K = "Papers in the reply; left out: as the service is set, usually 10"

DIVERSITY = (
    "How much a paper loses for likeness to those before it, 0 to 1;"
    " left out: as the service is set, usually 0"
)


def _wordy(text: str) -> str:
    if not has_word(text):
        raise ValueError("should have a word in it")
    return text


def _iso(day: object) -> object:
    if not isinstance(day, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", day):
        raise ValueError("should be a date such as 2024-07-16")
    return day


def _whole(value: object) -> object:
    # JSON has one kind of number: 2.0 is an integer.
    return int(value) if isinstance(value, float) and value.is_integer() else value


QueryText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_QUERY),
    AfterValidator(_wordy),
]
Notes = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Names = Annotated[list[Name], Field(max_length=MAX_LIST)]
TopK = Annotated[int, Field(strict=True, ge=1, le=MAX_TOP_K), BeforeValidator(_whole)]
Passages = Annotated[int, Field(strict=True, ge=0, le=MAX_PASSAGES), BeforeValidator(_whole)]
Diversity = Annotated[float, Field(strict=True, ge=0, le=1)]
Votes = Annotated[int, Field(strict=True, ge=0, le=MAX_VOTES), BeforeValidator(_whole)]
Day = Annotated[dt.date, BeforeValidator(_iso)]


class Request(BaseModel):
    """A field that is not known is an error, not ignored."""

    model_config = ConfigDict(extra="forbid")


class Filters(Request):
    """Which papers and passages; all optional."""

    since: Day | None = Field(None, description="Appeared on this day or later")
    until: Day | None = Field(None, description="Appeared on this day or earlier")
    min_votes: Votes | None = None
    authors: Names = Field([], description="Any of these authors, whole names in any case")
    sections: Names = Field([], description="Passages of these sections, such as What's New")
    ids: Names = Field([], description="Among these papers")
    exclude_flags: Names = Field([], description="Papers without these flags")

    def values(self) -> FilterValues:
        """As the search knows them."""
        return FilterValues(
            self.since,
            self.until,
            self.min_votes,
            tuple(self.authors),
            tuple(self.sections),
            tuple(self.ids),
            tuple(self.exclude_flags),
        )


class SearchRequest(Request):
    """What to look for."""

    query: QueryText = Field(examples=["검색한 문서를 참고해 답하는 모델"])
    top_k: TopK | None = Field(None, description=TOP_K)
    passages_per_paper: Passages | None = Field(
        None, description="Left out: as the service is set, usually 3"
    )
    filters: Filters = Filters()


class AskRequest(Request):
    """What to answer."""

    question: QueryText = Field(examples=["How can a model be fine-tuned with few parameters?"])
    top_k: TopK | None = Field(None, description=TOP_K)
    filters: Filters = Filters()
    stream: bool = Field(
        False, strict=True, description="Reply with server-sent events: found, sentence, ..., reply"
    )


class SimilarRequest(Request):
    """Papers to be like, and unlike."""

    ids: Names = Field([], description="What is much like one of these is found")
    not_ids: Names = Field([], description="None of these may be in `ids` too")
    text: Notes | None = Field(None, examples=["밀집 벡터로 문서를 찾는다"])
    top_k: TopK | None = Field(None, description=TOP_K)
    filters: Filters = Filters()
    diversity: Diversity | None = Field(None, description=DIVERSITY)


class SimilarQuery(Request):
    """How many papers like one."""

    top_k: int | None = Field(None, ge=1, le=MAX_TOP_K, description=TOP_K)
    diversity: float | None = Field(None, ge=0, le=1, description=DIVERSITY)


class PassageHit(BaseModel):
    """A passage that was found; `highlights` are spans of `text`."""

    id: str
    section: str
    text: str
    score: float
    highlights: list[tuple[int, int]]
    source: Source


class Paper(BaseModel):
    """A paper, without its summary. `dates` are all the days it appeared on."""

    id: str
    title: str
    url: str
    date: dt.date | None
    dates: list[dt.date]
    votes: int | None
    authors: list[str]
    more_authors: bool = Field(description="The digest lists only some of the authors")
    thumbnail: str | None
    flags: list[str]


class Hit(Paper):
    """A paper that was found, its best passage first."""

    score: float
    passages: list[PassageHit]


class Section(BaseModel):
    """A section of a summary, and where its text stands."""

    name: str
    text: str
    source: Source


class Finding(BaseModel):
    """Why a paper is flagged; `source` is the text in question in the digest file."""

    flag: Flag
    evidence: str
    section: str
    start: int
    end: int
    source: Source


class PaperReply(Paper):
    """A paper with its whole summary."""

    sections: list[Section]
    findings: list[Finding]
    index_version: str


class SearchReply(BaseModel):
    """What was found, best first."""

    papers: list[Hit]
    legs: dict[Leg, Status]
    index_version: str
    took_ms: float


class FoundReply(SearchReply):
    """What was found for a question, and whether that answers it."""

    answerable: bool
    confidence: float = Field(ge=0, le=1)


class AskReply(FoundReply):
    """An answer, or that there is none, and what was found."""

    answer: Answer


class SaidReply(BaseModel):
    """A sentence of an answer that is streamed."""

    text: str
    citations: list[Citation]


class SimilarHit(Hit):
    """A similar paper, and why."""

    because: Because


class SimilarReply(BaseModel):
    """Similar papers, the most similar first."""

    papers: list[SimilarHit]
    legs: dict[Leg, Status]
    index_version: str
    took_ms: float


class MapPapers(BaseModel):
    """Papers, one column a field, oldest first; the same place in each is the same paper."""

    ids: list[str]
    titles: list[str]
    dates: list[dt.date | None]
    votes: list[int | None]
    x: list[float] = Field(description="From -1 to 1, to the right; of one scale with y")
    y: list[float] = Field(description="From -1 to 1, upwards")
    topics: list[int] = Field(description="The place of its small topic among all topics")


class MapTopic(BaseModel):
    """A region of the map; the large ones come first, and after them the small ones."""

    level: int = Field(ge=0, le=1, description="0 for a large one, 1 for a small one in it")
    parent: int | None = Field(description="The place of the large one among all topics")
    x: float = Field(description="Where its label stands")
    y: float
    korean: str = Field(description="Its label; empty where nothing tells it from others")
    english: str
    papers: int = Field(description="How many lie in it")


class MapReply(BaseModel):
    """Where papers lie among those that say alike, and what is said where."""

    index_version: str
    papers: MapPapers
    topics: list[MapTopic]
    total: int = Field(
        description="How many papers lie in all topics; of more than 50,000 `papers` has the newest"
        " 5,000 and a part of the others"
    )


class BuildRequest(Request):
    """How to build; what is read is a setting."""

    full: bool = Field(False, description="Compute everything anew, carry nothing over")
    force: bool = Field(False, description="Publish a version even if it fails its checks")


class BuildProgress(BaseModel):
    """How far a stage of a build is, in steps."""

    done: int
    total: int
    rate: float | None = Field(description="Steps a second; null before the first")
    left_s: float | None = Field(description="Seconds left of the stage; null before the first")


class BuildRow(BaseModel):
    """A build in the list of all."""

    id: str
    state: BuildState
    started: dt.datetime
    finished: dt.datetime | None
    stage: str | None = Field(description="The current one, or the last")
    progress: BuildProgress | None = Field(description="Of the stage; null where it is one step")
    index_version: str | None = Field(description="What it has published")
    error: str | None = Field(description="Why it failed or died")


class BuildProblem(BaseModel):
    """What could not be read, and why."""

    file: str
    line: int | None
    reason: str


class Build(BuildRow):
    """A build and how far it is."""

    problems: list[BuildProblem] = Field(description="As far as the digests were read")
    report: dict[str, Any] | None = Field(description="Of one that is done")


class BuildsReply(BaseModel):
    """The last builds, newest first."""

    builds: list[BuildRow]


class Changes(BaseModel):
    """How many papers a build added, changed and removed."""

    added: int
    changed: int
    removed: int


class Version(BaseModel):
    """A published version of the index."""

    version: str
    live: bool
    number: int = Field(description="Of the build; newer versions have greater ones")
    built: dt.datetime | None
    papers: int
    passages: int
    changes: Changes | None
    bytes: int
    encoder: str
    quality: Quality | None = Field(description="What the build asked it, and how it did")
    forced: list[str] = Field(description="The checks that it failed when it was published")


class IndexReply(BaseModel):
    """What is served, and what else is published."""

    index_version: str
    versions: list[Version]
    sections: list[str] = Field(description="To filter by, those of the most passages first")
    since: dt.date | None = Field(description="The first day of a paper; null where none has one")
    until: dt.date | None = Field(description="The last one")
    generates: bool = Field(description="Whether a language model writes answers")


class Health(BaseModel):
    """How the service is."""

    status: str
    index_version: str | None = None
    trouble: str | None = Field(
        None,
        description="Why another version than the live one is served, if one is, or what is"
        " damaged in the one that is",
    )


class Refusal(BaseModel):
    """One thing wrong with a request."""

    field: str
    value: Any = None
    allowed: str


class Problem(BaseModel):
    """An error, as RFC 9457 has it; `errors` name the fields."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[Refusal] = []
