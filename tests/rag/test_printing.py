"""What the commands print of values that no small corpus brings about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from index.build import Built
from index.digests import Reading
from index.glossary import Entry
from index.report import Report
from index.scoring import Leg, Query
from rag import printing, printing_building
from rag.legs import Legs, Status
from rag.search import Found

Capture = pytest.CaptureFixture[str]

LEARNED: dict[str, Any] = {
    "weights": {"lexical": 0.5},
    "papers": 4342,
    "map_before": 0.3441,
    "map_after": 0.4519,
    "weights_from": 0,
    "map": True,
}


class TestLearned:
    @pytest.mark.parametrize(
        ("learned", "expected"),
        [
            (
                LEARNED,
                "learned from 4,342 papers:"
                " titles find their paper at mean reciprocal rank .45 (.34 before)",
            ),
            (
                {**LEARNED, "weights_from": 812},
                "learned from 4,342 papers:"
                " titles find their paper at mean reciprocal rank .45 (.34 before);"
                " the legs' weights come from 812 questions",
            ),
            (
                {**LEARNED, "weights_from": 812, "map": False},
                "learned from 4,342 papers: the legs' weights come from 812 questions",
            ),
            ({**LEARNED, "map": False}, None),
            ({}, None),
        ],
    )
    def test_what_was_learned_is_a_line(
        self, capsys: Capture, learned: dict[str, Any], expected: str | None
    ) -> None:
        _, *lines = _built(capsys, Report(papers=4400, learned=learned))
        assert lines == ([expected] if expected else [])

    def test_a_corpus_that_has_grown_is_told_how_to_learn_again(self, capsys: Capture) -> None:
        report = Report(papers=6000, learned=LEARNED, relearning_pays=True)
        *_, learned, grown = _built(capsys, report)
        assert learned.startswith("learned from 4,342 papers: ")
        assert grown == (
            "The corpus has grown from 4,342 papers to 6,000 since it was learned;"
            " to learn it again would pay: nonmun build --full"
        )


def _built(capsys: Capture, report: Report) -> list[str]:
    reading = Reading(files=1, entries=1, papers=(), remarks=())
    printing_building.built(Built("v", Path(), report, reading, new=True), as_json=False)
    return capsys.readouterr().out.splitlines()


class TestLegs:
    @pytest.mark.parametrize(
        ("statuses", "expected"),
        [
            ({Leg.LEXICAL: Status.OK, Leg.DENSE: Status.OK}, []),
            ({Leg.DENSE: Status.FAILED}, ["These legs failed: dense"]),
            ({Leg.RERANK: Status.SLOW}, ["These legs were too slow and were left out: rerank"]),
            (
                {Leg.LATE: Status.FAILED, Leg.DENSE: Status.FAILED, Leg.RERANK: Status.SLOW},
                [
                    "These legs failed: dense, late",
                    "These legs were too slow and were left out: rerank",
                ],
            ),
        ],
    )
    def test_those_that_are_missing_are_told(
        self, capsys: Capture, statuses: dict[Leg, Status], expected: list[str]
    ) -> None:
        legs = Legs()
        legs.update(statuses)
        printing.found(Found((), Query("모델"), legs), "v", 1.0, as_json=False)
        assert capsys.readouterr().out.splitlines() == [*expected, "No paper passes the filters."]


class TestTerms:
    @pytest.mark.parametrize("width", range(60, 81))
    def test_long_ones_are_wrapped_and_lose_nothing(
        self, capsys: Capture, monkeypatch: pytest.MonkeyPatch, width: int
    ) -> None:
        # Wide letters take two columns; wherever a line is broken, all of it has to be there.
        korean = ("흐린 날의 석양 감지", "구름 낀 날씨 석양 검출", "흐린 날 해넘이를 알아채기")
        entry = Entry("sunset detection on a cloudy day", korean, ("SDCD", "SDC"), 1234)
        monkeypatch.setenv("COLUMNS", str(width))
        printing.terms([entry], 50, 1, "v", as_json=False)
        *table, _ = capsys.readouterr().out.splitlines()
        assert max(map(cell_len, table)) <= width
        shown = " ".join(table).split()
        wanted = " ".join((entry.english, ", ".join(entry.acronyms), ", ".join(korean))).split()
        assert sorted(shown) == sorted(
            ["English", "Acronyms", "Korean", "Papers", *wanted, "1,234"]
        )
