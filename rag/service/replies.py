"""What the package found -> what v1 replies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from index import journal, papers, store
from index.cluster.store import PolledForgotten
from index.forgotten import DenyList
from rag.answer import Asked, Looked
from rag.chart import Chart
from rag.citing import Said
from rag.doubts import Doubted
from rag.search import Found, Hit, Searcher
from rag.service import schemas
from rag.similar import Similar

_SECTIONS = 50  # digests that name their sections as they like could have thousands
_DIGITS = 4  # of places: a ten-thousandth of the map is less than a pixel


def paper_fields(paper: papers.Paper) -> dict[str, Any]:
    """What all replies say of a paper."""
    return {
        "id": paper.id,
        "title": paper.title,
        "url": paper.url,
        "date": paper.date,
        "dates": list(paper.dates),
        "votes": paper.votes,
        "authors": list(paper.authors),
        "more_authors": paper.more_authors,
        "thumbnail": paper.thumbnail,
        "flags": list(paper.flags),
    }


def hit_fields(hit: Hit) -> dict[str, Any]:
    """What all replies say of a paper that was found."""
    passages = [
        schemas.PassageHit(
            id=one.passage.id,
            section=one.passage.section,
            text=one.passage.text,
            score=one.score,
            highlights=list(one.highlights),
            source=one.passage.source,
        )
        for one in hit.passages
    ]
    return {**paper_fields(hit.paper), "score": hit.score, "passages": passages}


def paper_reply(paper: papers.Paper, doubts: Iterable[Doubted], version: str) -> schemas.PaperReply:
    """A paper with its sections, and what is doubted in it."""
    findings = [
        schemas.Finding(
            flag=one.finding.flag,
            evidence=one.finding.evidence,
            section=one.finding.section,
            start=one.finding.start,
            end=one.finding.end,
            source=one.source,
        )
        for one in doubts
    ]
    sections = [
        schemas.Section(name=one.name, text=one.text, source=one.source) for one in paper.sections
    ]
    return schemas.PaperReply(
        **paper_fields(paper), sections=sections, findings=findings, index_version=version
    )


def search_reply(found: Found, version: str, took_ms: float) -> schemas.SearchReply:
    """The reply to a search."""
    return schemas.SearchReply(
        papers=[schemas.Hit(**hit_fields(hit)) for hit in found.hits],
        legs=found.legs,
        index_version=version,
        took_ms=took_ms,
    )


def found_reply(looked: Looked, version: str, took_ms: float) -> schemas.FoundReply:
    """What was found for a question."""
    return schemas.FoundReply(
        **dict(search_reply(looked.found, version, took_ms)),
        answerable=looked.answerable,
        confidence=looked.confidence,
    )


def ask_reply(asked: Asked, version: str, took_ms: float) -> schemas.AskReply:
    """The reply to a question."""
    return schemas.AskReply(**dict(found_reply(asked, version, took_ms)), answer=asked.answer)


def said_reply(said: Said) -> schemas.SaidReply:
    """A sentence of an answer."""
    return schemas.SaidReply(text=said.text, citations=list(said.citations))


def similar_reply(similar: Similar, version: str, took_ms: float) -> schemas.SimilarReply:
    """The reply to a request for similar papers."""
    return schemas.SimilarReply(
        papers=[
            schemas.SimilarHit(**hit_fields(one.hit), because=one.because) for one in similar.hits
        ],
        legs=similar.legs,
        index_version=version,
        took_ms=took_ms,
    )


def index_reply(
    searcher: Searcher, versions: Iterable[store.Version], *, generates: bool
) -> schemas.IndexReply:
    """What is served, what can be asked of it, and what else is published."""
    snapshot = searcher.snapshot
    days = sorted(day for day in snapshot.dates.names if day)
    return schemas.IndexReply(
        index_version=snapshot.version,
        versions=[version(one) for one in versions],
        sections=snapshot.sections.by_count()[:_SECTIONS],
        since=days[0] if days else None,
        until=days[-1] if days else None,
        generates=generates,
    )


def map_reply(chart: Chart, version: str) -> schemas.MapReply:
    """Where papers lie, one column a field."""
    papers = schemas.MapPapers(
        ids=[one.id for one in chart.headings],
        titles=[one.title for one in chart.headings],
        dates=[one.date for one in chart.headings],
        votes=[one.votes for one in chart.headings],
        x=[round(x, _DIGITS) for x, _ in chart.places],
        y=[round(y, _DIGITS) for _, y in chart.places],
        topics=list(chart.regions),
    )
    topics = [
        schemas.MapTopic(
            level=one.topic.level,
            parent=one.topic.parent,
            x=round(one.topic.x, _DIGITS),
            y=round(one.topic.y, _DIGITS),
            korean=one.korean,
            english=one.english,
            papers=one.papers,
        )
        for one in chart.legend
    ]
    return schemas.MapReply(index_version=version, papers=papers, topics=topics, total=chart.papers)


def version(record: store.Version) -> schemas.Version:
    """A published version."""
    plan = record.report.plan if record.report else None
    changes = None
    if plan:
        counts = {name: len(getattr(plan, name)) for name in ("added", "changed", "removed")}
        changes = schemas.Changes(**counts)
    return schemas.Version(
        version=record.version,
        live=record.live,
        number=record.number,
        built=record.built,
        papers=record.manifest.papers,
        passages=record.manifest.passages,
        changes=changes,
        bytes=record.size,
        encoder=record.manifest.fingerprint,
        quality=record.report.quality if record.report else None,
        forced=record.manifest.forced,
    )


def build_fields(build: journal.Build) -> dict[str, Any]:
    """What all replies say of a build."""
    progress = build.progress
    return {
        "id": build.id,
        "state": build.state,
        "started": build.started,
        "finished": build.finished,
        "stage": build.stage,
        "progress": progress and schemas.BuildProgress(**asdict(progress)),
        "index_version": build.index_version,
        "error": build.error,
    }


def build_reply(build: journal.Build, forgotten: DenyList | PolledForgotten) -> schemas.Build:
    """A build with all that is known of it and may be said."""
    build = _discreet(build, forgotten)
    problems = [schemas.BuildProblem.model_validate(one) for one in build.problems]
    return schemas.Build(**build_fields(build), problems=problems, report=build.report)


def builds_reply(
    builds: Sequence[journal.Build], forgotten: DenyList | PolledForgotten
) -> schemas.BuildsReply:
    """A list of builds."""
    rows = [schemas.BuildRow(**build_fields(_discreet(one, forgotten))) for one in builds]
    return schemas.BuildsReply(builds=rows)


def _discreet(build: journal.Build, forgotten: DenyList | PolledForgotten) -> journal.Build:
    """A build without what names or quotes papers, if something was forgotten since it began."""
    if not forgotten.changed_since(build.started):
        return build
    quoting = ("plan", "problems", "notes", "failures")
    report = {**build.report, **dict.fromkeys(quoting)} if build.report else None
    error = build.error and "left out: it may name papers that were forgotten since"
    return replace(build, problems=[], report=report, error=error)
