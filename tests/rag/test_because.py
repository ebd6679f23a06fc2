"""Why a paper is like what was asked about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from index.glossary import Entry, Glossary
from index.scoring import Query
from index.snapshot import Snapshot
from rag.because import Because, Name, Reasons
from rag.filters import Filters
from rag.representations import LexicalRepresentation, Named, Notes, Thing, representation_of
from rag.search import Searcher
from rag.similar import similar
from tests.rag.tiny import build_tiny, number

PAPERS = [
    (
        "Pebble Grading by Sound",
        "조약돌 분류(pebble grading)를 소리로 합니다. 나침반 눈금도 함께 읽습니다.",
    ),
    (
        "Grading Gravel",
        "조약돌 분류를 물속에서 합니다. 여기서는 마이크 두 개와 자료 묶음을 씁니다.",
    ),
    ("Pebble grading at night", "밤에는 등불 옆에서 자료 묶음을 씁니다."),
    ("Storage of Rags", "헝겊을 창고에 쌓아 두는 방법과 자료 묶음입니다."),
    *((f"Ladder {n}", f"사다리 {n}번째 이야기와 자료 묶음입니다.") for n in range(8)),
]
GLOSSARY = Glossary(
    [
        Entry("pebble grading", ("조약돌 분류",), ("PG",), 9),
        Entry("data set", ("자료 묶음",), (), 9),
        Entry("compass", ("나침반",), (), 5),
        Entry("rag", ("헝겊",), ("RAG",), 5),
    ]
)


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    snapshot = build_tiny(tmp_path_factory.mktemp("because"), PAPERS)
    snapshot.glossary = GLOSSARY
    return snapshot


def _because(snapshot: Snapshot, paper: int, *things: Thing) -> Because:
    """The reasons for the paper of a place in the digest."""
    searcher = Searcher(snapshot)
    row = snapshot.row_of(number(paper))
    assert row is not None
    (hit,) = searcher.make_hits([row], np.zeros(len(snapshot), np.float32), Query(), 1, None)
    leg = LexicalRepresentation(snapshot)
    terms = leg.centre([representation_of(leg, one) for one in things])
    return Reasons(snapshot, things, terms).of(hit)


def _named(snapshot: Snapshot, paper: int, *, trusted: bool = True) -> Named:
    row = snapshot.row_of(number(paper))
    assert row is not None
    return Named(row, trusted)


def test_terms_that_both_have_are_shown_in_both_languages(papers: Snapshot) -> None:
    because = _because(papers, 1, _named(papers, 0))
    assert because.names == (Name("조약돌 분류", "pebble grading"),)
    assert "조약돌" in because.terms


def test_a_term_counts_where_each_side_has_it_in_its_own_language(papers: Snapshot) -> None:
    because = _because(papers, 1, _named(papers, 2))
    assert Name("조약돌 분류", "pebble grading") in because.names
    because = _because(papers, 1, Notes(papers, "A device for Pebble-Grading under water"))
    assert Name("조약돌 분류", "pebble grading") in because.names


def test_a_term_that_says_nothing_of_its_own_is_no_reason(papers: Snapshot) -> None:
    because = _because(papers, 1, _named(papers, 2))
    assert "data set" not in {one.english for one in because.names}
    assert _because(papers, 5, _named(papers, 2)).names == ()


def test_a_short_name_has_to_be_a_word(papers: Snapshot) -> None:
    because = _because(papers, 0, Notes(papers, "RAG with compass"))
    assert [one.english for one in because.names] == ["compass"]
    storage = _because(papers, 3, Notes(papers, "what RAG is"))
    assert [one.english for one in storage.names] == ["rag"]


def test_a_title_speaks_for_a_paper_whose_text_is_doubted(papers: Snapshot) -> None:
    because = _because(papers, 0, _named(papers, 2, trusted=False))
    assert because.like is None
    assert because.like_text == "Pebble grading at night"
    assert because.like_paper == number(2)
    assert all("등불" not in term for term in because.terms)


def test_the_text_that_is_closest_is_told_with_its_place(papers: Snapshot) -> None:
    text = "사다리 이야기입니다. " * 40 + "\n" + "조약돌 분류를 물속에서 합니다. " * 30
    because = _because(papers, 1, Notes(papers, text))
    assert because.like_span is not None
    start, end = because.like_span
    assert text[start:end] == because.like_text
    assert "조약돌" in because.like_text
    assert "사다리" not in because.like_text
    assert because.passage == f"{number(1)}#0.0"
    assert because.passage_text == PAPERS[1][1]


def test_the_closest_of_several_things_is_named(searcher: Searcher) -> None:
    snapshot, vectors = searcher.snapshot, searcher.snapshot.vectors.vectors
    asked = [snapshot.ids[row] for row in (0, 7, 20)]
    rows = [one for row in (0, 7, 20) for one in snapshot.passages_of(row)]
    for one in similar(searcher, asked, top_k=20).hits:
        own = list(snapshot.passages_of(one.hit.row))
        _, a, b = max((float(vectors[a] @ vectors[b]), a, b) for a in own for b in rows)
        because = one.because
        assert because.passage_text == snapshot.passage(a).text
        assert because.like_text == snapshot.passage(b).text
        assert because.like_paper == snapshot.ids[snapshot.passage_row(b).paper]


def test_a_filter_on_sections_holds_for_reasons_too(searcher: Searcher) -> None:
    section = "Performance Highlights"
    filters = Filters(sections=(section,))
    for one in similar(searcher, [searcher.snapshot.ids[0]], filters=filters).hits:
        shown = {hit.passage.id for hit in one.hit.passages}
        assert {hit.passage.section for hit in one.hit.passages} == {section}
        assert one.because.passage in shown


def test_shared_words_are_the_heaviest_as_the_paper_has_them(searcher: Searcher) -> None:
    snapshot = searcher.snapshot
    leg, row = LexicalRepresentation(snapshot), 5
    asked = leg.paper(row)
    weights = dict(zip(asked.numbers.tolist(), asked.weights.tolist(), strict=True))
    for one in similar(searcher, [snapshot.ids[row]], top_k=10).hits:
        found: dict[int, str] = {}
        for passage in snapshot.passages_of(one.hit.row):
            text = snapshot.passage(passage).text
            for term in snapshot.lexicon.passage_terms(passage):
                (place,) = snapshot.lexicon.numbers([term.text])
                found.setdefault(place, text[term.start : term.end])
        heavy = {n: weights.get(n, 0) * float(snapshot.lexicon.telling[n]) for n in found}
        best = sorted((n for n in heavy if heavy[n] > 0), key=lambda n: (-heavy[n], n))[:8]
        best = [n for n in best if heavy[n] >= 0.3 * heavy[best[0]]]
        assert list(one.because.terms) == list(dict.fromkeys(found[n] for n in best))


def test_a_reason_has_no_vectors_where_nothing_could_be_encoded(papers: Snapshot) -> None:
    notes = Notes(papers, "조약돌")
    row = papers.row_of(number(1))
    assert row is not None
    scores = np.zeros(len(papers), np.float32)
    (hit,) = Searcher(papers).make_hits([row], scores, Query(), 1, None)
    because = Reasons(papers, [notes], None, has_vectors=False).of(hit)
    assert because == replace(Because(f"{number(1)}#0.0", None, (), ()), passage_text=PAPERS[1][1])
