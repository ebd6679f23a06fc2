"""Stages: told of in order, also where they fail, and a way to give work up."""

from __future__ import annotations

import pytest

from index.stages import Stage, stage, watched
from rag.answer import ask
from rag.search import Searcher
from rag.similar import similar


class Notes:
    def __init__(self) -> None:
        self.told: list[tuple[str, Stage]] = []

    def begin(self, stage: Stage) -> None:
        self.told.append(("begin", stage))

    def end(self, stage: Stage, seconds: float) -> None:
        assert seconds >= 0
        self.told.append(("end", stage))

    def begun(self) -> list[Stage]:
        return [stage for what, stage in self.told if what == "begin"]


class GivenUp(BaseException):
    pass


class Impatient(Notes):
    def begin(self, stage: Stage) -> None:
        if stage is Stage.LATE:
            raise GivenUp
        super().begin(stage)


def test_a_stage_ends_also_where_it_fails() -> None:
    notes = Notes()
    with watched(notes), pytest.raises(ValueError, match="x"), stage(Stage.LATE):
        raise ValueError("x")
    assert notes.told == [("begin", Stage.LATE), ("end", Stage.LATE)]


def test_nobody_is_told_afterwards() -> None:
    notes = Notes()
    with watched(notes):
        pass
    with stage(Stage.LATE):
        pass
    assert notes.told == []


def test_a_search_goes_through_its_stages(searcher: Searcher) -> None:
    notes = Notes()
    with watched(notes):
        searcher.search("강화 학습")
    assert notes.begun() == [
        Stage.LEXICAL,
        Stage.DENSE,
        Stage.ENCODE,
        Stage.LATENT,
        Stage.FUSE,
        Stage.LATE,
        Stage.ENCODE,
        Stage.FUSE,
        Stage.READ,
    ]
    assert len(notes.told) == 2 * len(notes.begun())


def test_an_answer_and_similar_papers_are_stages_too(searcher: Searcher) -> None:
    notes = Notes()
    with watched(notes):
        ask(searcher, "강화 학습은 무엇인가?")
    assert notes.begun()[-1] is Stage.ANSWER
    notes = Notes()
    with watched(notes):
        similar(searcher, text="강화 학습")
    # The legs score; then the two that choose passages say by what.
    assert notes.begun() == [
        Stage.LEXICAL,
        Stage.DENSE,
        Stage.ENCODE,
        Stage.LATENT,
        Stage.LEXICAL,
        Stage.DENSE,
        Stage.READ,
    ]


def test_work_can_be_given_up_between_two_stages(searcher: Searcher) -> None:
    notes = Impatient()
    with watched(notes), pytest.raises(GivenUp):
        searcher.search("강화 학습")
    assert notes.begun()[-1] is Stage.FUSE
