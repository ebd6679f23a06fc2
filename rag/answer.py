"""Cited answers, and when not to answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from index.confidence import gather
from index.confidence.evidence import LOOKED_AT
from index.language import language_of
from index.scoring import Query
from index.stages import Stage, stage
from rag.citing import Answer, AnswerKind, Said, quote
from rag.composing import Composer, compose
from rag.extraction import extract
from rag.filters import Filters
from rag.generation import Fallback, GenerationError
from rag.refusals import NOTHING
from rag.search import NO_FILTERS, Found, Hit, Searcher
from rag.settings import AnswerGroup

_READ = 3  # passages of a paper that an answer is composed from, at least, however many are shown


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found for a question, before anything is said.

    Attributes:
        found: The papers.
        confidence: How probable it is that they answer, as the corpus's own questions have
            calibrated it.
        answerable: Whether that is enough, and a paper is there whose summary is not doubted.
    """

    found: Found
    confidence: float
    answerable: bool


@dataclass(frozen=True, slots=True)
class Asked(Looked):
    """The reply to a question: what was found, and the answer."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Listener:
    """Is told of a reply as it comes to be.

    Attributes:
        on_looked: Once, first.
        on_said: For every sentence.
    """

    on_looked: Callable[[Looked], None]
    on_said: Callable[[Said], None]


def ask(
    searcher: Searcher,
    question: str,
    top_k: int | None = None,
    filters: Filters = NO_FILTERS,
    settings: AnswerGroup | None = None,
    composer: Composer | None = None,
    listener: Listener | None = None,
) -> Asked:
    """Answer a question, or say that nothing here does.

    Args:
        searcher: Finds the papers.
        question: In any language.
        top_k: How many papers the reply has; `None` leaves it to the settings.
        filters: What papers and passages have to be.
        settings: When to answer; `None` takes the defaults.
        composer: Writes the answer; without one, or where it can't, the answer is the papers'
            own sentences.
        listener: Is told of each step.

    Raises:
        QueryError: There is no word in the question.
    """
    settings = settings or AnswerGroup()
    searcher = searcher.about(question, filters)
    wanted = top_k or searcher.settings.top_k
    shown = searcher.settings.passages_per_paper
    read = max(shown, _READ) if composer else shown
    # However many are wanted, the same papers tell whether there is an answer.
    found = searcher.search(question, max(wanted, LOOKED_AT), read, filters)
    looked_at = found.hits[:LOOKED_AT]
    with stage(Stage.ANSWER):
        confidence, said = _judge(searcher, question, found.query, looked_at, filters, settings)
    hits = tuple(replace(hit, passages=hit.passages[:shown]) for hit in found.hits[:wanted])
    looked = Looked(replace(found, hits=hits), confidence, bool(said))
    if listener:
        listener.on_looked(looked)
    if not said:
        answer = Answer(AnswerKind.NONE, NOTHING[language_of(question)], ())
    else:
        answer = _answer(searcher, question, looked_at, said, composer, listener)
    return Asked(looked.found, confidence, looked.answerable, answer)


def _judge(
    searcher: Searcher,
    question: str,
    query: Query,
    hits: Sequence[Hit],
    filters: Filters,
    settings: AnswerGroup,
) -> tuple[float, list[Said]]:
    """How probable it is that the hits answer, and what they say if that is enough."""
    calibration = searcher.snapshot.learned.calibration
    evidence = gather(searcher.snapshot, query, [hit.row for hit in hits])
    named = bool(hits) and hits[0].row in searcher.named(question)
    confidence = calibration.confidence(evidence._replace(named=named))
    least = settings.min_confidence
    if confidence < (calibration.threshold if least is None else least):
        return confidence, []
    return confidence, quote(extract(searcher, query, hits, searcher.allowed(filters)))


def _answer(
    searcher: Searcher,
    question: str,
    hits: Sequence[Hit],
    said: list[Said],
    composer: Composer | None,
    listener: Listener | None,
) -> Answer:
    """The composed answer where there is one, and else what was said word for word."""
    fallback: Fallback | None = None
    unsupported = 0
    on_said = listener.on_said if listener else None
    if composer:
        try:
            with stage(Stage.GENERATE):
                return compose(searcher.snapshot, question, hits, composer, on_said)
        except GenerationError as error:
            fallback, unsupported = error.reason, error.unsupported
    if on_said:
        for one in said:
            on_said(one)
    citations = tuple(citation for one in said for citation in one.citations)
    text = " ".join(one.text for one in said)
    return Answer(AnswerKind.EXTRACTIVE, text, citations, unsupported, fallback)
