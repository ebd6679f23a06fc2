"""Similar papers over the sample digests."""

from __future__ import annotations

import numpy as np
import pytest

from index.scoring import Leg
from rag.errors import LegsFailedError, QueryError, UnknownPaperError
from rag.filters import Filters
from rag.legs import Status
from rag.search import Searcher
from rag.settings import SearchGroup
from rag.similar import Similar, similar

DPO, LORA, QLORA, RAG, DPR = "2305.18290", "2106.09685", "2305.14314", "2005.11401", "2004.04906"


def _ids(found: Similar) -> list[str]:
    return [one.hit.paper.id for one in found.hits]


@pytest.mark.parametrize(("paper", "like"), [(LORA, QLORA), (QLORA, LORA), (DPR, RAG)])
def test_papers_on_the_same_matter_are_near(searcher: Searcher, paper: str, like: str) -> None:
    assert like in _ids(similar(searcher, [paper], top_k=3))


def test_the_papers_asked_about_do_not_come_back(searcher: Searcher) -> None:
    found = _ids(similar(searcher, [LORA, DPR], [DPO], top_k=100))
    assert len(found) == len(searcher.snapshot) - 3
    assert not {LORA, DPR, DPO} & set(found)


def test_a_paper_to_stay_away_from_pushes_its_like_down(searcher: Searcher) -> None:
    near = _ids(similar(searcher, [LORA], top_k=100))
    away = _ids(similar(searcher, [LORA], [DPR], top_k=100))
    assert away.index(RAG) > near.index(RAG)


def test_a_text_in_any_language_is_enough(searcher: Searcher) -> None:
    for text in ("검색한 문서를 참고하여 답을 생성한다", "retrieve documents and generate answers"):
        assert RAG in _ids(similar(searcher, text=text, top_k=5))


def test_the_reason_is_the_closest_pair_of_passages(searcher: Searcher) -> None:
    snapshot = searcher.snapshot
    row = snapshot.row_of(LORA)
    assert row is not None
    vectors = snapshot.vectors.vectors
    theirs = list(snapshot.passages_of(row))
    for one in similar(searcher, [LORA], top_k=5).hits:
        own = list(snapshot.passages_of(one.hit.row))
        pairs = [(float(vectors[a] @ vectors[b]), a, b) for a in own for b in theirs]
        _, a, b = max(pairs)
        assert one.because.passage == snapshot.passage(a).id
        assert one.because.like == snapshot.passage(b).id
        assert one.because.terms


def test_shared_authors_are_a_reason(searcher: Searcher) -> None:
    snapshot = searcher.snapshot
    authors = {p.id: set(p.authors) for p in map(snapshot.paper, range(len(snapshot)))}
    pairs = [(a, b) for a in authors for b in authors if a != b and authors[a] & authors[b]]
    assert pairs
    a, b = pairs[0]
    hits = similar(searcher, [a], top_k=100).hits
    because = next(one.because for one in hits if one.hit.paper.id == b)
    assert set(because.authors) == authors[a] & authors[b]


def test_filters_choose_what_is_found(searcher: Searcher) -> None:
    found = similar(searcher, [LORA], filters=Filters(ids=(DPO, RAG)))
    assert set(_ids(found)) == {DPO, RAG}


def test_an_unknown_id_is_named(searcher: Searcher) -> None:
    with pytest.raises(UnknownPaperError, match=r"9999\.99999"):
        similar(searcher, [LORA, "9999.99999"])
    with pytest.raises(UnknownPaperError, match=r"9999\.99999"):
        similar(searcher, [LORA], ["9999.99999"])


@pytest.mark.parametrize("text", [None, "", " ?"])
def test_neither_paper_nor_text_is_refused(searcher: Searcher, text: str | None) -> None:
    with pytest.raises(QueryError, match="name a paper"):
        similar(searcher, text=text)


def test_scores_are_finite_when_near_and_away_cancel_out(searcher: Searcher) -> None:
    found = similar(searcher, [LORA], [LORA], top_k=100)
    assert np.isfinite([one.hit.score for one in found.hits]).all()


@pytest.mark.parametrize(("weight", "leg"), [(0.0, Leg.LEXICAL), (1.0, Leg.DENSE)])
def test_a_leg_of_no_weight_is_off(searcher: Searcher, weight: float, leg: Leg) -> None:
    settings = SearchGroup(similar_lexical_weight=weight)
    found = similar(Searcher(searcher.snapshot, settings), [LORA])
    other = Leg.DENSE if leg is Leg.LEXICAL else Leg.LEXICAL
    assert found.legs == {**dict.fromkeys(Leg, Status.OFF), other: Status.OK}
    assert len(found.hits) == 10


BROKEN = {Leg.LEXICAL: "rag.similar._lexical", Leg.DENSE: "rag.similar.score_dense"}


@pytest.mark.parametrize("leg", BROKEN)
def test_a_leg_that_fails_is_told_and_the_other_answers(
    searcher: Searcher, leg: Leg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BROKEN[leg], _fail)
    found = similar(searcher, [LORA], top_k=5)
    other = Leg.DENSE if leg is Leg.LEXICAL else Leg.LEXICAL
    assert found.legs == {
        **dict.fromkeys(Leg, Status.OFF),
        leg: Status.FAILED,
        other: Status.OK,
    }
    settings = SearchGroup(similar_lexical_weight=1 if other is Leg.LEXICAL else 0)
    monkeypatch.undo()
    assert _ids(found) == _ids(similar(Searcher(searcher.snapshot, settings), [LORA], top_k=5))
    assert all(one.hit.passages and one.because.passage for one in found.hits)


def test_without_any_leg_there_is_an_error(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in BROKEN.values():
        monkeypatch.setattr(name, _fail)
    with pytest.raises(LegsFailedError, match="no leg"):
        similar(searcher, [LORA])


def _fail(*_: object) -> None:
    raise RuntimeError("broken for the test")


def test_hits_come_best_first(searcher: Searcher) -> None:
    for found in (similar(searcher, [LORA, DPO], top_k=50), similar(searcher, text="확산 모델")):
        scores = [one.hit.score for one in found.hits]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    "name", [f"https://arxiv.org/abs/{LORA}", f"https://arxiv.org/pdf/{LORA}v2", f"{LORA}v1"]
)
def test_a_paper_may_be_named_as_people_do(searcher: Searcher, name: str) -> None:
    assert _ids(similar(searcher, [name])) == _ids(similar(searcher, [LORA]))


def test_what_many_papers_say_is_no_reason(searcher: Searcher) -> None:
    for one in similar(searcher, [LORA], top_k=20).hits:
        assert all(len(word) > 1 and not word.isdigit() for word in one.because.terms)
