"""How alike papers are to some things: every part against its formula, and doubts and feedback."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from index.moments import standardise
from index.scoring import Floats, Leg
from index.snapshot import Snapshot
from rag.legs import Legs
from rag.likeness import Likeness
from rag.representations import (
    TITLE,
    DenseRepresentation,
    LatentRepresentation,
    LexicalRepresentation,
    Named,
    Notes,
    Representation,
    Thing,
    representation_of,
)
from rag.search import Searcher
from rag.settings import SearchGroup, SimilarGroup
from rag.similar import similar
from tests.rag.tiny import build_tiny, doubt, number

LORA, RAG = "2106.09685", "2005.11401"


def _row(snapshot: Snapshot, paper: str) -> int:
    row = snapshot.row_of(paper)
    assert row is not None
    return row


def _weights(snapshot: Snapshot, text: list[str], title: list[str]) -> dict[int, float]:
    """Saturated counts times rarity, of length 1, one by one."""
    lexicon = snapshot.lexicon
    counts = Counter(text)
    counts.update({word: TITLE * times for word, times in Counter(title).items()})
    weights = {}
    for word, count in counts.items():
        (place,) = lexicon.numbers([word]) or (None,)
        if place is None or len(word) == 1 or word[0].isdigit():
            continue
        if lexicon.papers_with(place) <= max(3, 0.3 * len(snapshot)):
            weights[place] = count / (count + 2.4) * lexicon.rarity(word)
    length = math.sqrt(sum(weight**2 for weight in weights.values()))
    return {place: weight / length for place, weight in weights.items()}


def _words(snapshot: Snapshot, row: int) -> list[str]:
    passages = snapshot.passages_of(row)
    return [term.text for one in passages for term in snapshot.lexicon.passage_terms(one)]


@pytest.mark.parametrize("trusted", [True, False])
def test_terms_weigh_by_how_often_they_occur_and_how_rare_they_are(
    snapshot: Snapshot, trusted: bool
) -> None:
    row = _row(snapshot, LORA)
    leg = LexicalRepresentation(snapshot)
    found = representation_of(leg, Named(row, trusted))
    text = _words(snapshot, row) if trusted else []
    wanted = _weights(snapshot, text, snapshot.lexicon.title_terms(row))
    assert found.numbers.tolist() == sorted(wanted)
    np.testing.assert_allclose(found.weights, [wanted[n] for n in sorted(wanted)], rtol=1e-5)
    each = [w * snapshot.lexicon.score_papers([n]).astype(float) for n, w in wanted.items()]
    scores = np.sum(each, axis=0).astype(np.float32)
    np.testing.assert_allclose(leg.scores([found])[0], standardise(scores), rtol=1e-4, atol=1e-5)


def test_a_centre_of_terms_has_their_mean_weights(snapshot: Snapshot) -> None:
    leg = LexicalRepresentation(snapshot)
    representations = [leg.paper(row) for row in (0, 1, 2)]
    sums: Counter[int] = Counter()
    for one in representations:
        sums.update(dict(zip(one.numbers.tolist(), one.weights.tolist(), strict=True)))
    length = math.sqrt(sum(weight**2 for weight in sums.values()))
    found = leg.centre(representations)
    assert found.numbers.tolist() == sorted(sums)
    wanted = [sums[n] / length for n in sorted(sums)]
    np.testing.assert_allclose(found.weights, wanted, rtol=1e-5)


def test_vectors_are_means_of_titles_and_passages(snapshot: Snapshot) -> None:
    assert snapshot.titles is not None
    leg = DenseRepresentation(snapshot)
    wanted = []
    for row in range(len(snapshot)):
        mean = snapshot.vectors.vectors[list(snapshot.passages_of(row))].mean(0)
        both = mean / np.linalg.norm(mean) + snapshot.titles[row]
        wanted.append(both / np.linalg.norm(both))
        np.testing.assert_allclose(leg.paper(row), wanted[-1], atol=1e-5)
    title = leg.title(3)
    np.testing.assert_allclose(title, snapshot.titles[3], atol=1e-5)
    cosines = np.stack(wanted) @ title
    np.testing.assert_allclose(leg.scores([title])[0], standardise(cosines), atol=1e-4)


def test_a_text_is_the_mean_of_its_pieces(snapshot: Snapshot) -> None:
    text = "확산 모델로 이미지를 만든다.\n" * 60
    notes = Notes(snapshot, text)
    assert len(notes.spans) > 1
    assert "".join(text[a:b] for a, b in notes.spans).count("확산") == 60
    assert all(b - a <= 600 for a, b in notes.spans)
    mean = notes.vectors.mean(0)
    found = representation_of(DenseRepresentation(snapshot), notes)
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-6)
    assert snapshot.latent is not None
    latent = representation_of(LatentRepresentation(snapshot), notes)
    words = snapshot.lexicon.words_of(text)
    np.testing.assert_allclose(latent, snapshot.latent.space.vector(words), atol=1e-6)


def test_a_text_is_looked_for_by_what_the_corpus_calls_its_terms(snapshot: Snapshot) -> None:
    leg = LexicalRepresentation(snapshot)
    found = leg.notes(Notes(snapshot, "reward model"))
    names = snapshot.glossary.translations("reward model")
    translated = {n for name in names for n in snapshot.lexicon.numbers(name.split())}
    assert translated & set(found.numbers.tolist())


def _likeness(snapshot: Snapshot, **settings: float) -> Likeness:
    group = SimilarGroup.model_validate(settings)
    return Likeness(snapshot, group, Legs(), np.ones(len(snapshot), np.bool_))


def _legs(snapshot: Snapshot, group: SimilarGroup) -> list[tuple[float, Representation[Any]]]:
    return [
        (group.lexical, LexicalRepresentation(snapshot)),
        (group.dense, DenseRepresentation(snapshot)),
        (group.latent, LatentRepresentation(snapshot)),
    ]


def _fused(snapshot: Snapshot, thing: Thing, group: SimilarGroup) -> Floats:
    legs = _legs(snapshot, group)
    parts = [
        weight * standardise(leg.scores([representation_of(leg, thing)])[0]) for weight, leg in legs
    ]
    return standardise(np.sum(parts, axis=0, dtype=np.float32))


def test_scores_are_a_weighted_sum_of_standard_scores(snapshot: Snapshot) -> None:
    thing = Named(_row(snapshot, LORA), trusted=True)
    found = _likeness(snapshot).scores([thing], feedback=False)
    np.testing.assert_allclose(found, _fused(snapshot, thing, SimilarGroup()), atol=1e-4)


def test_several_things_count_by_a_soft_maximum(snapshot: Snapshot) -> None:
    things = [Named(row, trusted=True) for row in range(40)]  # more than are scored at once
    each = [_likeness(snapshot).scores([one], feedback=False) for one in things]
    found = _likeness(snapshot).scores(things, feedback=False)
    wanted = 2 * np.log(np.mean(np.exp(np.stack(each).astype(np.float64) / 2), axis=0))
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_each_of_two_interests_is_served(searcher: Searcher) -> None:
    both = [one.hit.paper.id for one in similar(searcher, [LORA, RAG], top_k=6).hits]
    for paper in (LORA, RAG):
        alone = [one.hit.paper.id for one in similar(searcher, [paper], top_k=2).hits]
        assert alone[0] in both


def _corpus() -> list[tuple[str, str]]:
    """Eight topics with fifteen papers each; only neighbours share words with each other."""
    topics = ["조약돌", "등대", "감자", "나침반", "돛배", "우체통", "사다리", "기차"]
    return [
        (
            f"Study {place} of Topic{place % 8}",
            f"{topics[place % 8]} 연구 {place}번째 글은 낱말{place // 8} 그리고"
            f" 낱말{place // 8 + 1} 사이의 관계를 살핍니다.",
        )
        for place in range(120)
    ]


@pytest.fixture(scope="module")
def topics(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_tiny(tmp_path_factory.mktemp("topics"), _corpus())


def test_what_comes_first_is_fed_back(topics: Snapshot) -> None:
    trusted = np.ones(len(topics), np.bool_)
    thing, group = Named(3, trusted=True), SimilarGroup(feedback=0.5)
    plain = _fused(topics, thing, group)
    untrusted = int(np.argsort(-plain, kind="stable")[1])
    trusted[untrusted] = False
    best = np.argsort(-plain, kind="stable").tolist()
    order = [row for row in best if trusted[row] and row != 3]
    first = sorted(order[:2])  # of 119, two: one of each 50
    parts: list[npt.NDArray[np.float32]] = []
    for weight, leg in _legs(topics, group):
        centre = leg.centre([leg.paper(row) for row in first])
        parts.append(weight * standardise(leg.scores([centre])[0]))
    fed = standardise(np.sum(parts, axis=0, dtype=np.float32))
    found = Likeness(topics, group, Legs(), trusted).scores([thing], feedback=True)
    np.testing.assert_allclose(found, (plain + 0.5 * fed) / 1.5, atol=1e-3)
    assert not np.allclose(found, plain, atol=0.01)


def test_a_few_papers_feed_nothing_back(snapshot: Snapshot) -> None:
    trusted = np.zeros(len(snapshot), np.bool_)
    trusted[:40] = True
    thing = Named(3, trusted=True)
    likeness = Likeness(snapshot, SimilarGroup(), Legs(), trusted)
    fed, plain = (likeness.scores([thing], feedback=one) for one in (True, False))
    np.testing.assert_array_equal(fed, plain)


def test_a_leg_that_failed_is_left_out_from_then_on(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    legs = Legs()
    likeness = Likeness(snapshot, SimilarGroup(), legs, np.ones(len(snapshot), np.bool_))
    with monkeypatch.context() as patch:
        patch.setattr(LatentRepresentation, "scores", None)
        likeness.scores([Named(0, trusted=True)], feedback=False)
    assert legs[Leg.LATENT] == "failed"
    found = likeness.scores([Named(0, trusted=True)], feedback=False)
    assert legs[Leg.LATENT] == "failed"
    wanted = _likeness(snapshot, latent=0).scores([Named(0, trusted=True)], feedback=False)
    np.testing.assert_array_equal(found, wanted)


ABOUT = [
    ("Sorting Pebbles by Sound", "감자를 굽는 온도와 시간을 비교하고 감자 껍질의 두께를 잽니다."),
    ("Pebbles and their Sound", "조약돌 소리를 듣고 조약돌 크기를 나누는 장치입니다."),
    ("Baking Potatoes Slowly", "감자를 굽는 온도와 시간을 재고 감자 껍질을 벗깁니다."),
    *((f"Ladder {n}", f"사다리 {n}번째 이야기와 나침반 {n}번째 이야기입니다.") for n in range(6)),
]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_tiny(tmp_path_factory.mktemp("mixed"), ABOUT)


@pytest.fixture(scope="module")
def doubted(mixed: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The same, but that the first paper's summary is known to be another's."""
    return doubt(mixed, tmp_path_factory.mktemp("doubted") / "own", number(0))


def _ids(snapshot: Snapshot, paper: str) -> list[str]:
    return [one.hit.paper.id for one in similar(Searcher(snapshot), [paper], top_k=8).hits]


def test_the_text_of_a_flagged_paper_does_not_drive_the_search(
    mixed: Snapshot, doubted: Snapshot
) -> None:
    assert _ids(mixed, number(0))[0] == number(2)
    assert _ids(doubted, number(0))[0] == number(1)
    for one in similar(Searcher(doubted), [number(0)], top_k=8).hits:
        because = one.because
        assert not any("감자" in term for term in because.terms)
        assert because.like is None
        assert because.like_paper == number(0)
        assert because.like_text == "Sorting Pebbles by Sound"
        assert because.passage is not None
        assert all(
            "감자" not in hit.passage.text[a:b]
            for hit in one.hit.passages
            for a, b in hit.highlights
        )


def test_the_text_of_a_flagged_paper_keeps_nothing_away(mixed: Snapshot, doubted: Snapshot) -> None:
    def gap(snapshot: Snapshot) -> float:
        """How far the paper on potatoes stands above the one on pebbles."""
        found = similar(Searcher(snapshot), [number(5)], [number(0)], top_k=8).hits
        scores = {one.hit.paper.id: one.hit.score for one in found}
        return scores[number(2)] - scores[number(1)]

    assert gap(doubted) > gap(mixed)


def test_a_flagged_paper_feeds_nothing_back(topics: Snapshot, tmp_path: Path) -> None:
    searcher = Searcher(topics, SearchGroup(flag_penalty=0))
    first = similar(searcher, [topics.ids[3]], top_k=2).hits
    flagged = doubt(topics, tmp_path / "own", *(one.hit.paper.id for one in first))
    seen = Searcher(flagged, SearchGroup(flag_penalty=0))
    assert seen.trusted().sum() == len(topics) - 2
    found = {one.hit.paper.id: one.hit.score for one in similar(seen, [topics.ids[3]]).hits}
    assert found != {
        one.hit.paper.id: one.hit.score for one in similar(searcher, [topics.ids[3]]).hits
    }
