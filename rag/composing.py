"""Answers that a language model writes over what was found, checked before anybody reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from index.language import language_of
from index.passages import plain
from index.snapshot import Snapshot
from rag.citing import Answer, AnswerKind, Citations, Said, say
from rag.extraction import answering
from rag.generation import Kept, Numbered, OpenAIWriter, Writer, WriterSettings, generate
from rag.refusals import ENGLISH_NAMES
from rag.search import Hit, PassageHit
from rag.support import Support


@dataclass(frozen=True, slots=True)
class Composer:
    """Who writes, and how long that may take."""

    writer: Writer
    seconds: float


def open_composer(settings: WriterSettings | None) -> Composer | None:
    """The composer that the settings name; `None` where they name none. Nothing is sent yet.

    Raises:
        SettingsError: A setting can't be used, or a package is missing; it is named.
    """
    return Composer(OpenAIWriter(settings), settings.timeout_s) if settings else None


def compose(
    snapshot: Snapshot,
    question: str,
    hits: Sequence[Hit],
    composer: Composer,
    on_said: Callable[[Said], None] | None = None,
) -> Answer:
    """Have an answer written from the passages of the papers that may supply one.

    Args:
        snapshot: Of the papers.
        question: In any language; the answer is in the same.
        hits: Best first.
        composer: Who writes.
        on_said: Is given every sentence that holds, as soon as it does.

    Raises:
        GenerationError: No sentence is left, or none was written.
    """
    shown = [passage for hit in answering(hits) for passage in hit.passages]
    titles = {hit.paper.id: hit.paper.title for hit in hits}
    numbered = [
        Numbered(
            number,
            titles[one.passage.paper],
            one.passage.section,
            one.passage.text,
            one.passage.sentences,
        )
        for number, one in enumerate(shown, 1)
    ]
    support, citations = Support(snapshot), Citations()
    said: list[Said] = []

    def take(kept: Kept) -> None:
        said.append(_say(kept, shown, support, citations))
        if on_said:
            on_said(said[-1])

    generated = generate(
        composer.writer,
        question,
        numbered,
        ENGLISH_NAMES[language_of(question)],
        lambda text, passage: support.share(text, shown[passage.number - 1].row),
        composer.seconds,
        take,
    )
    return Answer(
        AnswerKind.GENERATED,
        " ".join(one.text for one in said),
        citations.all,
        generated.unsupported,
        generated.cut,
    )


def _say(kept: Kept, shown: Sequence[PassageHit], support: Support, citations: Citations) -> Said:
    """Cite, of each passage, the sentence that says most of it."""
    cited = []
    for number in kept.numbers:
        hit = shown[number - 1]
        spans = list(hit.passage.sentences)
        best = support.best_span(kept.text, hit.row, spans)
        cited.append(citations.cite(hit.passage, *spans[best]))
    return say(plain(kept.text), cited)
