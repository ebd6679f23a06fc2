"""How the legs are added up: against sums by hand, and over the sample digests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.fusion import (
    CANDIDATES,
    FEEDBACK_FROM,
    add_feedback,
    add_late,
    choose_candidates,
    first_stage,
    rank,
)
from index.greatest import top_rows
from index.paper_index import PaperIndex
from index.scoring import (
    Allowed,
    Candidates,
    Dense,
    Leg,
    Lexical,
    Query,
    score_dense,
    score_late,
    score_latent,
    score_lexical,
    specificity,
)
from index.settings import Weights
from index.snapshot import Snapshot

Floats = npt.NDArray[np.float32]
T = TypeVar("T")

QUERIES = [
    "확산 모델로 이미지를 생성하는 방법",
    "quantization of large language models",
    "검색 증강 생성",
    "RoPE",
]
LEXICAL = {"lexical": 0.7, "native": 0.4}


def only(**weights: float) -> Weights:
    """These weights, and nothing else."""
    return Weights.from_json({**dict.fromkeys(Weights().as_json(), 0.0), **weights})


def floats(*values: float) -> Floats:
    return np.array(values, np.float32)


def allow(papers: list[int], count: int) -> Allowed:
    mask = np.isin(np.arange(count), papers)
    return Allowed(mask, mask)


class TestFirstStage:
    LEXICAL = Lexical(floats(1, -1, 0), 0.75, korean=False)
    DENSE = Dense(floats(0, 2, 1), floats(1, 0, -1))
    LATENT = floats(3, 0, 1)
    WEIGHTS = only(lexical=2, dense=10, title=100, latent=1000)

    def test_it_is_the_weighted_sum(self) -> None:
        found = first_stage(self.WEIGHTS, self.LEXICAL, self.DENSE, self.LATENT)
        # BM25 counts 2 times the share of 0.75.
        assert found is not None
        assert found.tolist() == [1.5 + 0 + 100 + 3000, -1.5 + 20 + 0, 0 + 10 - 100 + 1000]
        assert found.dtype == np.float32

    @pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.6, 1.0])
    def test_bm25_counts_by_how_much_of_the_query_is_found(self, share: float) -> None:
        lexical = self.LEXICAL._replace(share=share)
        found = first_stage(self.WEIGHTS, lexical, None, None)
        assert found is not None
        weight = 2 * share
        assert found == pytest.approx(weight * lexical.scores, abs=1e-6)

    def test_for_a_korean_query_bm25_counts_more(self) -> None:
        korean = self.LEXICAL._replace(korean=True)
        weights = only(native=8)
        for lexical, weight in ((self.LEXICAL, 0.0), (korean, 8 * (0.75 - 0.2) / 0.8)):
            found = first_stage(weights, lexical, None, None)
            assert found is not None
            assert found == pytest.approx(weight * lexical.scores, abs=1e-5)

    def test_a_leg_that_is_missing_adds_nothing(self) -> None:
        lexical, dense, latent = self.LEXICAL, self.DENSE, self.LATENT
        whole = first_stage(self.WEIGHTS, lexical, dense, latent)
        parts = [
            first_stage(self.WEIGHTS, lexical, None, None),
            first_stage(self.WEIGHTS, None, dense, None),
            first_stage(self.WEIGHTS, None, None, latent),
        ]
        assert whole is not None
        assert whole == pytest.approx(sum(part for part in parts if part is not None), abs=1e-3)
        assert all(part is not None for part in parts)

    def test_without_titles_only_passages_count(self) -> None:
        found = first_stage(self.WEIGHTS, None, self.DENSE._replace(titles=None), None)
        assert found is not None
        assert found.tolist() == [0, 20, 10]

    def test_without_any_leg_there_are_no_scores(self) -> None:
        assert first_stage(self.WEIGHTS, None, None, None) is None


def of(*rows: int) -> Candidates:
    """Candidates that any search would look at."""
    return Candidates(np.array(rows, np.int64), np.ones(len(rows), np.bool_))


class TestCandidates:
    @given(st.lists(st.integers(-50, 50), max_size=40), st.integers(1, 50))
    def test_the_top_rows_are_the_highest(self, values: list[int], count: int) -> None:
        scores = floats(*values)
        found = top_rows(scores, count)
        assert len(set(found.tolist())) == len(found) == min(count, len(scores))
        assert sorted(scores[found].tolist()) == sorted(values)[-len(found) :][: len(found)]

    def test_the_best_are_chosen_in_the_order_of_their_rows(self) -> None:
        scores = floats(5, 1, 9, 3, 7)
        assert choose_candidates(scores, None, 3).rows.tolist() == [0, 2, 4]
        assert choose_candidates(scores, None, 1).rows.tolist() == [2]
        assert choose_candidates(scores, None, 9).rows.tolist() == [0, 1, 2, 3, 4]

    def test_with_a_filter_the_best_of_what_passes_are_chosen_too(self) -> None:
        scores = floats(5, 1, 9, 3, 7, 0)
        allowed = allow([1, 3, 5], 6)
        assert choose_candidates(scores, allowed, 2).rows.tolist() == [1, 2, 3, 4]
        assert choose_candidates(scores, allow([2, 4], 6), 2).rows.tolist() == [2, 4]
        assert choose_candidates(scores, allow([], 6), 2).rows.tolist() == [2, 4]

    @given(st.data(), st.integers(1, 12))
    def test_whatever_the_filter_the_best_that_pass_are_there(
        self, data: st.DataObject, count: int
    ) -> None:
        size = data.draw(st.integers(1, 30))
        scores = floats(*data.draw(st.permutations(range(size))))
        mask = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
        chosen = choose_candidates(scores, Allowed(mask, mask), count)
        found = chosen.rows.tolist()
        assert found == sorted(set(found))
        best = sorted(range(size), key=lambda row: -scores[row])
        own = [row for row in best if mask[row]]
        assert set(found) == {*best[:count], *own[:count]}
        assert set(chosen.rows[chosen.anyway].tolist()) == set(best[:count])


class TestAddLate:
    def test_what_a_filter_added_is_not_the_worst(self) -> None:
        candidates = Candidates(np.array([0, 2]), np.array([True, False]))
        assert add_late(floats(1, 2, 3), candidates, floats(5, -9), 1.0).tolist() == [6, 7, -6]

    def test_a_paper_that_was_not_looked_at_counts_as_the_worst_that_was(self) -> None:
        scores = floats(10, 20, 30, 40)
        found = add_late(scores, of(1, 3), floats(-2, 5), 0.5)
        assert found.tolist() == [10 - 1, 20 - 1, 30 - 1, 40 + 2.5]
        assert found.dtype == np.float32

    def test_papers_that_were_all_looked_at_have_their_own(self) -> None:
        found = add_late(floats(1, 2), of(0, 1), floats(3, -3), 2.0)
        assert found.tolist() == [7, -4]

    def test_where_none_was_looked_at_nothing_changes(self) -> None:
        found = add_late(floats(1, 2), of(), floats(), 2.0)
        assert found.tolist() == [1, 2]

    def test_the_scores_that_came_in_stay_as_they_were(self) -> None:
        scores = floats(1, 2)
        add_late(scores, of(0), floats(3), 2.0)
        assert scores.tolist() == [1, 2]


def latent_only(papers: Floats | None) -> Snapshot:
    """A snapshot of which only the latent space is asked."""
    latent = None if papers is None else SimpleNamespace(index=PaperIndex.of(papers))
    return cast(Snapshot, SimpleNamespace(latent=latent))


class TestAddFeedback:
    def test_it_is_likeness_to_what_stands_first(self) -> None:
        random = np.random.default_rng(0)
        papers = random.normal(size=(12, 4)).astype(np.float32)
        papers /= np.linalg.norm(papers, axis=1, keepdims=True)
        scores = random.permutation(np.linspace(-2, 4, 12)).astype(np.float32)
        first = sorted(range(12), key=lambda row: -scores[row])[:FEEDBACK_FROM]
        trust = [float(np.exp(scores[row])) for row in first]
        pairs = zip(trust, first, strict=True)
        centre = sum(one * papers[row].astype(np.float64) for one, row in pairs) / sum(trust)
        likeness = papers @ centre
        wanted = scores + 0.75 * (likeness - likeness.mean()) / likeness.std()
        found = add_feedback(latent_only(papers), scores, 0.75)
        assert found == pytest.approx(wanted, abs=1e-4)
        assert found.dtype == np.float32

    def test_a_paper_like_the_first_rises_above_one_that_is_not(self) -> None:
        papers = np.eye(2, dtype=np.float32)[[0, 0, 0, 0, 0, 0, 1]]
        scores = floats(9, 8, 8, 8, 8, 1, 1.1)
        found = add_feedback(latent_only(papers), scores, 1.0)
        assert scores[6] > scores[5]
        assert found[5] > found[6]

    def test_high_scores_do_not_overflow(self) -> None:
        papers = np.eye(7, dtype=np.float32)
        found = add_feedback(latent_only(papers), np.linspace(0, 5_000, 7, dtype=np.float32), 1.0)
        assert np.isfinite(found).all()

    @pytest.mark.parametrize(
        ("papers", "count", "weight"), [(None, 9, 1.0), (2, 9, 0.0), (2, FEEDBACK_FROM, 1.0)]
    )
    def test_without_a_space_a_weight_or_enough_papers_nothing_changes(
        self, papers: int | None, count: int, weight: float
    ) -> None:
        scores = np.arange(count, dtype=np.float32)
        space = None if papers is None else np.ones((count, papers), np.float32)
        assert add_feedback(latent_only(space), scores, weight).tolist() == scores.tolist()

    def test_papers_without_a_place_change_nothing(self) -> None:
        scores = np.arange(9, dtype=np.float32)
        found = add_feedback(latent_only(np.zeros((9, 3), np.float32)), scores, 1.0)
        assert found.tolist() == scores.tolist()


@dataclass
class Recorder:
    """Runs the legs and says which; those that are to fail give nothing."""

    failing: frozenset[Leg] = frozenset()
    ran: list[Leg] = field(default_factory=list)

    def __call__(self, leg: Leg, score: Callable[[], T]) -> T | None:
        self.ran.append(leg)
        return None if leg in self.failing else score()


def ranked(
    snapshot: Snapshot, text: str, weights: Weights, allowed: Allowed | None = None
) -> Floats:
    found = rank(snapshot, Query(text), weights, allowed)
    assert found is not None
    return found


class TestRank:
    @pytest.mark.parametrize(
        ("weights", "legs"),
        [
            (Weights(), [Leg.LEXICAL, Leg.DENSE, Leg.LATENT, Leg.LATE]),
            (only(lexical=1), [Leg.LEXICAL]),
            (only(native=1), [Leg.LEXICAL]),
            (only(dense=1), [Leg.DENSE]),
            (only(title=1), [Leg.DENSE]),
            (only(latent=1), [Leg.LATENT]),
            (only(late=1), [Leg.LATE]),
            (only(dense=1, late=1), [Leg.DENSE, Leg.LATE]),
            (only(lexical=1, latent=1, feedback=1), [Leg.LEXICAL, Leg.LATENT]),
            (only(), []),
            (only(feedback=1), []),
        ],
    )
    def test_a_leg_without_weight_is_not_run(
        self, snapshot: Snapshot, weights: Weights, legs: list[Leg]
    ) -> None:
        run = Recorder()
        found = rank(snapshot, Query(QUERIES[0]), weights, run=run)
        assert run.ran == legs
        assert (found is None) == (not legs)

    @pytest.mark.parametrize("text", QUERIES)
    def test_one_leg_alone_has_its_own_scores(self, snapshot: Snapshot, text: str) -> None:
        every = np.arange(len(snapshot))
        lexical = score_lexical(snapshot, Query(text), None)
        dense = score_dense(snapshot, Query(text), None, 1_000)
        latent = score_latent(snapshot, Query(text))
        late = score_late(snapshot, Query(text), of(*every), None)
        assert dense.titles is not None
        assert latent is not None
        assert late is not None
        for weights, wanted in (
            (only(lexical=2), 2 * lexical.share * lexical.scores),
            (only(native=2), 2 * lexical.nativeness * lexical.scores),
            (only(dense=2), 2 * dense.scores),
            (only(title=2), 2 * dense.titles),
            (only(latent=2), 2 * latent),
            (only(late=2), 2 * late),  # alone, it counts whole
        ):
            assert ranked(snapshot, text, weights) == pytest.approx(wanted, abs=1e-4)

    @pytest.mark.parametrize("text", QUERIES)
    def test_together_they_are_the_sum_of_each_alone(self, snapshot: Snapshot, text: str) -> None:
        weights = {**LEXICAL, "dense": 1.2, "title": 0.5, "latent": 0.3, "late": 1.8}
        alone = {name: ranked(snapshot, text, only(**{name: w})) for name, w in weights.items()}
        # Late interaction counts as far as the query says something.
        alone["late"] = alone["late"] * specificity(snapshot, snapshot.lexicon.words_of(text))
        wanted = np.sum(list(alone.values()), axis=0)
        assert ranked(snapshot, text, only(**weights)) == pytest.approx(wanted, abs=1e-3)

    @pytest.mark.parametrize("text", QUERIES)
    def test_feedback_comes_last(self, snapshot: Snapshot, text: str) -> None:
        weights = {**LEXICAL, "dense": 1.2, "late": 1.8}
        before = ranked(snapshot, text, only(**weights))
        wanted = add_feedback(snapshot, before, 0.6)
        found = ranked(snapshot, text, only(**weights, feedback=0.6))
        assert found == pytest.approx(wanted, abs=1e-3)
        assert not np.allclose(found, before, atol=1e-2)

    @pytest.mark.parametrize("text", QUERIES)
    def test_a_filter_does_not_change_the_scores_of_what_passes(
        self, snapshot: Snapshot, text: str
    ) -> None:
        weights = Weights.from_json({**Weights().as_json(), "feedback": 0.0})
        free = ranked(snapshot, text, weights)
        for seed in range(3):
            mask = np.random.default_rng(seed).random(len(snapshot)) < 0.4
            allowed = Allowed(mask, mask[snapshot.owners])
            filtered = ranked(snapshot, text, weights, allowed)
            assert filtered[mask] == pytest.approx(free[mask], abs=1e-4)

    def test_the_late_leg_looks_at_the_candidates_alone(self, snapshot: Snapshot) -> None:
        text = QUERIES[1]
        weights = only(**LEXICAL, dense=1.2, late=1.8)
        first = ranked(snapshot, text, only(**LEXICAL, dense=1.2))
        rows = np.sort(np.argsort(-first)[:8])
        late = score_late(snapshot, Query(text), of(*rows), None)
        assert late is not None
        weight = 1.8 * specificity(snapshot, snapshot.lexicon.words_of(text))
        wanted = first + weight * late.min()
        wanted[rows] = first[rows] + weight * late
        found = rank(snapshot, Query(text), weights, candidates=8)
        assert found == pytest.approx(wanted, abs=1e-3)
        assert len(snapshot) <= CANDIDATES
        assert not np.allclose(wanted, ranked(snapshot, text, weights), atol=1e-2)

    def test_what_passes_a_filter_is_a_candidate_whatever_stands_before_it(
        self, snapshot: Snapshot
    ) -> None:
        text, weights = QUERIES[0], only(dense=1, late=1, lexical=1)
        first = ranked(snapshot, text, only(dense=1, lexical=1))
        mask = first <= np.sort(first)[5]  # the last of all
        query = Query(text)
        allowed = Allowed(mask, mask[snapshot.owners])
        found = rank(snapshot, query, weights, allowed, candidates=6)
        assert found is not None
        anyway = np.argsort(-first)[:6]
        rows = np.union1d(np.flatnonzero(mask), anyway)
        late = score_late(snapshot, Query(text), Candidates(rows, np.isin(rows, anyway)), allowed)
        assert late is not None
        weight = specificity(snapshot, query.words)
        wanted = first[mask] + weight * late[mask[rows]]
        assert found[mask] == pytest.approx(wanted, abs=1e-3)

    @pytest.mark.parametrize(
        ("failing", "left"),
        [
            (Leg.DENSE, {**LEXICAL, "latent": 0.3, "late": 1.8}),
            (Leg.LATENT, {**LEXICAL, "dense": 1.2, "title": 0.5, "late": 1.8}),
            (Leg.LATE, {**LEXICAL, "dense": 1.2, "title": 0.5, "latent": 0.3}),
        ],
    )
    def test_a_leg_that_fails_is_as_one_without_weight(
        self, snapshot: Snapshot, failing: Leg, left: dict[str, float]
    ) -> None:
        weights = only(**LEXICAL, dense=1.2, title=0.5, latent=0.3, late=1.8)
        run = Recorder(frozenset({failing}))
        found = rank(snapshot, Query(QUERIES[1]), weights, run=run)
        assert failing in run.ran
        assert found == pytest.approx(ranked(snapshot, QUERIES[1], only(**left)), abs=1e-4)

    def test_where_all_legs_fail_there_are_no_scores(self, snapshot: Snapshot) -> None:
        run = Recorder(frozenset(Leg))
        assert rank(snapshot, Query(QUERIES[0]), Weights(), run=run) is None
        assert len(run.ran) == 4

    def test_what_the_legs_compute_is_kept_in_the_query(self, snapshot: Snapshot) -> None:
        query = Query(QUERIES[0])
        rank(snapshot, query, Weights())
        assert query.words == snapshot.lexicon.words_of(QUERIES[0])
        assert query.vector == pytest.approx(
            snapshot.encoder.encode_query([QUERIES[0]])[0], abs=1e-6
        )
        assert query.tokens is not None
        assert query.moments is not None
        assert query.late_moments is not None
        assert query.best_cosine is not None

    @pytest.mark.parametrize("text", ["", "?!", "xylophone zyzzyva"])
    def test_a_query_that_says_nothing_known_has_finite_scores(
        self, snapshot: Snapshot, text: str
    ) -> None:
        assert np.isfinite(ranked(snapshot, text, Weights())).all()

    @pytest.mark.parametrize(
        ("text", "paper"),
        [(QUERIES[0], "2006.11239"), ("RoPE", "2104.09864"), ("Mamba", "2312.00752")],
    )
    def test_the_paper_that_is_meant_comes_first(
        self, snapshot: Snapshot, text: str, paper: str
    ) -> None:
        best = np.argsort(-ranked(snapshot, text, Weights()))[:3]
        assert paper in [snapshot.ids[row] for row in best]
