"""What the corpus asks itself, and the weights that follow from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from index import weighing
from index.adapt import without_name
from index.scoring import (
    Candidates,
    Query,
    score_dense,
    score_late,
    score_latent,
    score_lexical,
    specificity,
)
from index.settings import Weights
from index.snapshot import Snapshot
from index.trials import Asked, ask_rare_terms, ask_titles
from index.weighing import LEARNED, learn_weights

Doubles = npt.NDArray[np.float64]
Example = weighing._Example


def start() -> Doubles:
    """The default weights of those that are learned."""
    return np.array([getattr(Weights(), name) for name in LEARNED])


def learned(weights: Weights) -> Doubles:
    return np.array([getattr(weights, name) for name in LEARNED])


def questions(count: int, deciding: str, seed: int = 0, candidates: int = 20) -> list[Example]:
    """Questions whose right answer is the one with most of one feature; the rest is noise."""
    random = np.random.default_rng(seed)
    examples = []
    for _ in range(count):
        features = random.normal(size=(candidates, len(LEARNED)))
        examples.append(Example(features, int(features[:, LEARNED.index(deciding)].argmax())))
    return examples


def best_by_search(examples: list[Example]) -> Doubles:
    """The most probable weights, question by question and without slopes."""

    def loss(weights: Doubles) -> float:
        total = 600 * float(((weights - start()) ** 2).sum())
        for features, right in examples:
            scores = features @ weights
            total += float(np.logaddexp.reduce(scores) - scores[right])
        return total

    found: Doubles = minimize(loss, start(), bounds=[(0, None)] * len(LEARNED)).x
    return found


class TestFit:
    @pytest.mark.parametrize("deciding", LEARNED)
    def test_the_weight_of_what_decides_grows(self, deciding: str) -> None:
        grown = learned(weighing._fit(questions(600, deciding))) - start()
        assert LEARNED[int(grown.argmax())] == deciding
        assert grown.max() > 0.1
        # What is only noise is worth less than was thought.
        assert (np.delete(grown, LEARNED.index(deciding)) < 0).all()

    @pytest.mark.parametrize("deciding", ["dense", "latent"])
    def test_weights_are_the_most_probable_ones(self, deciding: str) -> None:
        examples = questions(60, deciding)
        found = learned(weighing._fit(examples))
        assert found == pytest.approx(best_by_search(examples), abs=2e-3)
        assert not np.allclose(found, start(), atol=1e-2)

    def test_of_two_candidates_it_is_logistic_regression(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def from_zero(**values: float) -> Weights:
            return Weights.from_json({**dict.fromkeys(Weights().as_json(), 0.0), **values})

        monkeypatch.setattr(weighing, "Weights", from_zero)  # scikit-learn has its prior there
        random = np.random.default_rng(3)
        truth = np.array([0.2, 1.2, 0.4, 1.6])
        features = random.normal(size=(3_000, 2, len(LEARNED)))
        differences = features[:, 0] - features[:, 1]
        first = random.random(3_000) < 1 / (1 + np.exp(-differences @ truth))
        examples = [Example(pair, int(not one)) for pair, one in zip(features, first, strict=True)]
        # Its penalty is |w|^2 / 2C, ours 600 |w|^2.
        model = LogisticRegression(C=1 / 1200, fit_intercept=False, tol=1e-8)
        model.fit(differences, first)
        assert (model.coef_[0] > 0).all()
        assert learned(weighing._fit(examples)) == pytest.approx(model.coef_[0], abs=1e-3)

    def test_no_weight_is_below_zero(self) -> None:
        # The right answer always has the least of it, and no question says anything else.
        random = np.random.default_rng(1)
        column = LEARNED.index("latent")
        examples = []
        for _ in range(600):
            features = np.zeros((20, len(LEARNED)))
            features[:, column] = random.normal(size=20)
            examples.append(Example(features, int(features[:, column].argmin())))
        found = weighing._fit(examples)
        assert found.latent == 0.0
        assert np.delete(learned(found), column) == pytest.approx(
            np.delete(start(), column), abs=1e-3
        )

    def test_without_examples_the_defaults_stay(self) -> None:
        assert weighing._fit([]) == Weights()

    def test_questions_that_say_nothing_change_nothing(self) -> None:
        examples = [Example(np.ones((5, len(LEARNED))), 2)] * 200
        assert learned(weighing._fit(examples)) == pytest.approx(start(), abs=1e-3)

    def test_more_questions_lead_farther_from_the_defaults(self) -> None:
        ways = [
            np.linalg.norm(learned(weighing._fit(questions(count, "dense"))) - start())
            for count in (10, 50, 250)
        ]
        assert 0 < ways[0] < ways[1] < ways[2]

    def test_what_is_not_learned_stays(self) -> None:
        found = weighing._fit(questions(100, "dense")).as_json()
        assert {name: found[name] for name in found if name not in LEARNED} == {
            name: value for name, value in Weights().as_json().items() if name not in LEARNED
        }

    def test_scores_that_are_far_apart_do_not_overflow(self) -> None:
        features = np.zeros((4, len(LEARNED)))
        features[0] = 5_000
        found = learned(weighing._fit([Example(features, 0), Example(features, 3)]))
        assert np.isfinite(found).all()
        assert (found >= 0).all()


class TestTitles:
    def test_every_paper_is_asked_about_once_without_its_name(self, snapshot: Snapshot) -> None:
        rows = [0, 16, 31, 44]
        asked = ask_titles(snapshot, rows)
        assert [one.paper for one in asked] == rows
        assert [one.text for one in asked] == [
            "Pre-training of Deep Bidirectional Transformers for Language Understanding",
            "Attention Is All You Need",
            "Low-Rank Adaptation of Large Language Models",
            "Efficient Streaming Language Models with Attention Sinks",
        ]
        for row in range(len(snapshot)):
            (one,) = ask_titles(snapshot, [row])
            assert one.text == without_name(snapshot.paper(row).title)
            assert one.text

    def test_without_papers_nothing_is_asked(self, snapshot: Snapshot) -> None:
        assert ask_titles(snapshot, []) == []
        assert ask_rare_terms(snapshot, []) == []


def made_of(text: str, parts: Collection[str], count: int) -> bool:
    """Whether a text is so many of the parts with a space between."""
    if count == 1:
        return text in parts
    return any(
        text.startswith(f"{part} ") and made_of(text[len(part) + 1 :], parts, count - 1)
        for part in parts
    )


class TestRareTerms:
    def test_what_is_asked_is_rare_and_stands_in_the_paper(self, snapshot: Snapshot) -> None:
        having = Counter(word for row in range(len(snapshot)) for word in snapshot.words_of(row))
        asked = ask_rare_terms(snapshot, range(len(snapshot)))
        assert len(asked) > 40
        for one in asked:
            written = set()
            for passage in snapshot.passages_of(one.paper):
                text = snapshot.passage(passage).text
                for term in snapshot.lexicon.passage_terms(passage):
                    if having[term.text] <= 3 and len(term.text) > 1:
                        written.add(text[term.start : term.end])
            assert made_of(one.text, written, 3), one

    def test_a_paper_is_asked_about_at_most_once(self, snapshot: Snapshot) -> None:
        rows = list(range(len(snapshot)))
        papers = [one.paper for one in ask_rare_terms(snapshot, rows)]
        assert papers == sorted(set(papers))
        assert [one.paper for one in ask_rare_terms(snapshot, [7, 3])] == [7, 3]

    def test_what_is_asked_is_the_same_each_time(self, snapshot: Snapshot) -> None:
        rows = range(len(snapshot))
        assert ask_rare_terms(snapshot, rows) == ask_rare_terms(snapshot, rows)

    def test_the_lexical_leg_finds_nearly_all_of_them(self, snapshot: Snapshot) -> None:
        asked = ask_rare_terms(snapshot, range(len(snapshot)))
        found = [
            int(score_lexical(snapshot, Query(one.text), None).scores.argmax()) == one.paper
            for one in asked
        ]
        assert np.mean(found) > 0.9


class TestFeatures:
    @pytest.mark.parametrize("text", ["low-rank adaptation", "선호 데이터로 언어 모델을 정렬"])
    def test_they_are_what_each_leg_says_of_each_candidate(
        self, snapshot: Snapshot, text: str
    ) -> None:
        found = weighing._features(snapshot, Asked(text, 31))
        assert found is not None
        query = Query(text)
        lexical = score_lexical(snapshot, query, None)
        every = Candidates(np.arange(len(snapshot)), np.ones(len(snapshot), np.bool_))
        late = score_late(snapshot, query, every, None)
        latent = score_latent(snapshot, query)
        assert late is not None
        assert latent is not None
        wanted = {
            "lexical": lexical.share * lexical.scores,
            "dense": score_dense(snapshot, query, None, 1_000).scores,
            "latent": latent,
            "late": specificity(snapshot, query.words) * late,
        }
        assert found.right == 31  # all papers are candidates
        for column, name in enumerate(LEARNED):
            assert found.features[:, column] == pytest.approx(wanted[name], abs=1e-4)


class TestLearnWeights:
    @pytest.mark.parametrize("count", [0, 1, 45])
    def test_from_too_few_papers_nothing_is_learned(self, snapshot: Snapshot, count: int) -> None:
        done: list[int] = []
        found = learn_weights(snapshot, range(count), done.append)
        assert found == (Weights(), 0)
        assert done == []

    def test_every_title_and_every_set_of_rare_terms_counts(
        self, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(weighing, "FEWEST", 10)
        rows = list(range(0, len(snapshot), 2))
        done: list[int] = []
        weights, count = learn_weights(snapshot, rows, done.append)
        asked = len(ask_titles(snapshot, rows)) + len(ask_rare_terms(snapshot, rows))
        assert count == sum(done) == asked
        assert (learned(weights) >= 0).all()
        assert weights != Weights()
        assert weights.title == Weights().title
        assert learn_weights(snapshot, rows) == (weights, count)
