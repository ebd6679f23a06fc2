"""Similar papers over the sample digests."""

from __future__ import annotations

import numpy as np
import pytest

from index.scoring import Leg
from rag.errors import LegsFailedError, QueryError, UnknownPaperError
from rag.filters import Filters
from rag.legs import Status
from rag.search import Searcher
from rag.settings import SearchGroup, SimilarGroup
from rag.similar import Similar, similar

DPO, LORA, QLORA, RAG, DPR = "2305.18290", "2106.09685", "2305.14314", "2005.11401", "2004.04906"


LEGS = {Leg.LEXICAL, Leg.DENSE, Leg.LATENT}


def _only(searcher: Searcher, *legs: Leg, **settings: float) -> Searcher:
    """The same searcher, but that these legs alone have a weight."""
    weights = {leg.value: 0.0 for leg in LEGS - set(legs)}
    group = SimilarGroup.model_validate({**weights, **settings})
    return Searcher(searcher.snapshot, SearchGroup(similar=group))


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


def test_unknown_ids_are_named_together(searcher: Searcher) -> None:
    with pytest.raises(UnknownPaperError) as raised:
        similar(searcher, ["9999.1", LORA], [f"8888.{n}" for n in range(6)])
    assert str(raised.value) == (
        "no paper '9999.1', '8888.0', '8888.1', '8888.2', '8888.3' and 2 more here"
    )


@pytest.mark.parametrize("name", [LORA, f"https://arxiv.org/abs/{LORA}v2"])
def test_a_paper_to_be_near_and_far_is_refused(searcher: Searcher, name: str) -> None:
    with pytest.raises(QueryError, match=f"both in ids and in not_ids: {LORA}"):
        similar(searcher, [DPO, LORA], [name])


def test_a_text_of_no_encoding_is_refused(searcher: Searcher) -> None:
    with pytest.raises(QueryError, match="UTF-8"):
        similar(searcher, text="a\udcea")


def test_scores_are_finite_when_near_and_away_are_alike(searcher: Searcher) -> None:
    text = searcher.snapshot.paper(0).sections[0].text
    found = similar(searcher, [], [searcher.snapshot.ids[0]], text, top_k=100)
    assert np.isfinite([one.hit.score for one in found.hits]).all()


@pytest.mark.parametrize("leg", sorted(LEGS))
def test_a_leg_of_no_weight_is_off(searcher: Searcher, leg: Leg) -> None:
    found = similar(_only(searcher, *LEGS - {leg}), [LORA])
    assert found.legs == {
        **dict.fromkeys(Leg, Status.OFF),
        **dict.fromkeys(LEGS - {leg}, Status.OK),
    }
    assert len(found.hits) == 10


REPRESENTATIONS = {
    Leg.LEXICAL: "LexicalRepresentation",
    Leg.DENSE: "DenseRepresentation",
    Leg.LATENT: "LatentRepresentation",
}


@pytest.mark.parametrize(
    ("leg", "method"),
    [(leg, method) for leg in sorted(LEGS) for method in ("__init__", "scores")]
    + [(Leg.LEXICAL, "centre"), (Leg.DENSE, "centre")],
)
def test_a_leg_that_fails_is_told_and_the_others_answer(
    searcher: Searcher, leg: Leg, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"rag.representations.{REPRESENTATIONS[leg]}.{method}", _fail)
    found = similar(searcher, [LORA], top_k=5)
    assert found.legs == {
        **dict.fromkeys(Leg, Status.OFF),
        **dict.fromkeys(LEGS, Status.OK),
        leg: Status.FAILED,
    }
    assert all(one.hit.passages and one.because.passage for one in found.hits)
    monkeypatch.undo()
    if method != "centre":  # which the scores of so few papers can do without
        assert _ids(found) == _ids(similar(_only(searcher, *LEGS - {leg}), [LORA], top_k=5))


def test_without_any_leg_there_is_an_error(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in REPRESENTATIONS.values():
        monkeypatch.setattr(f"rag.representations.{name}.scores", _fail)
    with pytest.raises(LegsFailedError, match="no leg"):
        similar(searcher, [LORA])


def test_a_text_that_cannot_be_encoded_is_looked_for_by_its_words(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(searcher.snapshot.encoder), "encode_query", _fail)
    found = similar(searcher, text="선호를 직접 학습하는 방법", top_k=5)
    assert found.legs[Leg.DENSE] is Status.FAILED
    assert DPO in _ids(found)
    assert all(one.because.passage and one.because.like_text is None for one in found.hits)


def _fail(*_: object, **__: object) -> None:
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
