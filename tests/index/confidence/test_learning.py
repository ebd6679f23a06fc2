"""What a build learns of its corpus about confidence, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.optimize import minimize

from index.adapt import Adapted, LinearMap, hold_out, without_name
from index.build import build
from index.confidence import Calibration, Evidence, gather, learning
from index.confidence.calibration import logistic
from index.confidence.learning import FEWEST, MOST, calibrate, questions_of
from index.confidence.off_topic import QUESTIONS
from index.fusion import rank
from index.scoring import Query
from index.settings import BuildSettings, LearnSettings, Weights
from index.snapshot import Snapshot
from index.store import Store
from tests.quick_encoder import QuickEncoder, use_quick_encoder

# About nothing that any paper of the samples is about, and not asked while learning.
ELSEWHERE = (
    "How do I prune an old apple tree in winter?",
    "Which bus goes from the station to the harbour at night?",
    "What is the best way to season a cast iron pan?",
    "김치를 오래 두고 먹으려면 어떻게 보관하나요?",
    "세탁기에서 나는 냄새를 없애는 방법",
    "Wie reinigt man einen alten Holzboden?",
    "¿A qué hora cierra el mercado los domingos?",
    "お風呂のカビをきれいに落とすには",
)


class Sample(NamedTuple):
    """Confidences in the samples: of their papers' titles, and of questions about other things."""

    titles: list[float]
    elsewhere: list[float]


def evidence(snapshot: Snapshot, text: str) -> Evidence:
    query = Query(text)
    scores = rank(snapshot, query, Weights())
    assert scores is not None
    return gather(snapshot, query, np.argsort(-scores, kind="stable")[:10].tolist())


@pytest.fixture(scope="module")
def bare(snapshot: Snapshot) -> Snapshot:
    return snapshot.without_titles()


@pytest.fixture(scope="module")
def sample(snapshot: Snapshot, bare: Snapshot) -> Sample:
    calibration = snapshot.learned.calibration
    titles = [snapshot.paper(row).title for row in range(len(snapshot))]
    found = [evidence(bare, without_name(title))._replace(absent=0) for title in titles]
    return Sample(
        [calibration.confidence(one) for one in found],
        [calibration.confidence(evidence(snapshot, text)) for text in ELSEWHERE],
    )


class TestSamples:
    """A real small corpus."""

    def test_questions_about_other_things_get_less_confidence(self, sample: Sample) -> None:
        assert np.median(sample.titles) > 0.6
        assert max(sample.elsewhere) < np.quantile(sample.titles, 0.1)

    def test_the_threshold_refuses_one_title_in_twenty(
        self, snapshot: Snapshot, sample: Sample
    ) -> None:
        threshold = snapshot.learned.calibration.threshold
        refused = np.mean(np.array(sample.titles) < threshold)
        assert 0 < threshold < 1
        assert refused <= 0.1
        assert np.quantile(sample.titles, 0.2) > threshold
        assert np.mean(np.array(sample.elsewhere) < threshold) > 0.8

    def test_it_is_learned_from_every_title(self, snapshot: Snapshot) -> None:
        calibration = snapshot.learned.calibration
        assert calibration.questions == len(snapshot) == 45
        default = Calibration()
        for name in ("cosine", "tokens", "slope", "offset"):
            assert getattr(calibration, name) != getattr(default, name)

    def test_scales_are_those_of_the_titles_asked_without_titles(
        self, snapshot: Snapshot, bare: Snapshot
    ) -> None:
        found = [
            evidence(bare, without_name(snapshot.paper(row).title)) for row in range(len(snapshot))
        ]
        calibration = snapshot.learned.calibration
        for name in ("cosine", "tokens"):
            values = [getattr(one, name) for one in found]
            learned = getattr(calibration, name)
            assert learned == pytest.approx((np.mean(values), np.std(values)), abs=1e-4)

    def test_it_is_the_same_each_time(self, snapshot: Snapshot) -> None:
        done: list[int] = []
        rows = range(len(snapshot))
        found = calibrate(snapshot, rows, snapshot.learned.weights, done.append)
        assert found == snapshot.learned.calibration
        assert done == [1] * questions_of(rows)

    def test_from_few_titles_nothing_is_learned(self, snapshot: Snapshot) -> None:
        done: list[int] = []
        assert calibrate(snapshot, range(FEWEST - 1), Weights(), done.append) == Calibration()
        assert calibrate(snapshot, [], Weights()) == Calibration()
        assert done == []

    @pytest.fixture
    def three(self, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> learning._Asked:
        monkeypatch.setattr(learning, "QUESTIONS", ELSEWHERE[:1])
        return learning._ask(snapshot, self.ROWS, Weights(), lambda _: None)

    ROWS = (0, 16, 31)  # BERT: ..., Attention ..., LoRA: ...

    def test_three_kinds_of_questions_are_asked(
        self, snapshot: Snapshot, bare: Snapshot, three: learning._Asked
    ) -> None:
        assert [len(kind) for kind in three] == [3, 3, 1]
        for row, one in zip(self.ROWS, three.answered, strict=True):
            wanted = evidence(bare, without_name(snapshot.paper(row).title))._replace(absent=0)
            assert one == pytest.approx(wanted, abs=1e-5)
        assert three.off_topic[0] == pytest.approx(evidence(bare, ELSEWHERE[0]), abs=1e-5)

    def test_a_paper_that_is_left_out_answers_nothing(
        self, snapshot: Snapshot, bare: Snapshot, three: learning._Asked
    ) -> None:
        for row, one in zip(self.ROWS, three.left_out, strict=True):
            query = Query(without_name(snapshot.paper(row).title))
            scores = rank(bare, query, Weights())
            assert scores is not None
            first = [r for r in np.argsort(-scores, kind="stable")[:11].tolist() if r != row]
            assert one[:2] == pytest.approx(gather(bare, query, first)[:2], abs=1e-5)
            assert one.held == pytest.approx(gather(bare, query, first).held)
        names = [snapshot.paper(row).title.partition(":")[0] for row in self.ROWS]
        others = [
            any(names[at].lower() in snapshot.words_of(r) for r in range(45) if r != row)
            for at, row in enumerate(self.ROWS)
        ]
        wanted = [0 if at == 1 or others[at] else 1 for at in range(3)]
        assert [one.absent for one in three.left_out] == wanted

    def test_the_name_of_a_paper_that_is_left_out_is_absent(
        self, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(learning, "QUESTIONS", ())
        named = replace(snapshot.paper(0), title="Zzyzx9: A Study of Zzyzx8")
        monkeypatch.setattr(snapshot, "paper", lambda _: named)
        asked = learning._ask(snapshot, [0], Weights(), lambda _: None)
        assert asked.answered[0].absent == 0
        assert asked.left_out[0].absent == 1  # what stands after the colon is no name

    def test_a_name_that_only_its_own_paper_has_is_absent_without_it(
        self, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(learning, "QUESTIONS", ())
        others = {word for row in range(1, len(snapshot)) for word in snapshot.words_of(row)}
        alone = next(
            word
            for word in sorted(snapshot.words_of(0) - others)
            if word.isascii() and word.isalpha() and len(word) > 3
        )
        named = replace(snapshot.paper(0), title=f"{alone.upper()}: A Study of Pebbles")
        monkeypatch.setattr(snapshot, "paper", lambda _: named)
        asked = learning._ask(snapshot, [0, 1], Weights(), lambda _: None)
        assert [one.absent for one in asked.left_out] == [1, 0]


class TestRows:
    @pytest.mark.parametrize("count", [0, 1, 20, 249, 250, 251, 499, 501, 4_000])
    def test_some_papers_stand_for_very_many(self, count: int) -> None:
        rows = list(learning._some(range(count)))
        assert len(rows) <= MOST
        assert len(rows) >= 0.45 * min(count, MOST)
        assert len(set(np.diff(rows).tolist())) <= 1
        if count > MOST:
            assert rows[-1] > 0.9 * count

    def test_questions_are_counted_before_they_are_asked(self) -> None:
        assert questions_of(range(FEWEST - 1)) == 0
        assert questions_of(range(FEWEST)) == FEWEST + len(QUESTIONS)
        assert questions_of(range(10 * MOST)) == MOST + len(QUESTIONS)

    def test_questions_about_other_things_are_in_all_languages_and_differ(self) -> None:
        from index.language import Language, language_of

        assert {language_of(text) for text in QUESTIONS} == set(Language)
        assert len(set(QUESTIONS)) == len(QUESTIONS) >= 60


def evidences(
    count: int, cosine: float, tokens: float, seed: int, absent: int = 0
) -> list[Evidence]:
    random = np.random.default_rng(seed)
    cosines, best = random.normal(cosine, 0.1, count), random.normal(tokens, 0.05, count)
    return [Evidence(float(a), float(b), absent, 0.0) for a, b in zip(cosines, best, strict=True)]


Learn = Callable[..., Calibration]


@pytest.fixture
def learn(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> Learn:
    """Learns from evidence that is given."""

    def learn(
        answered: Sequence[Evidence], left_out: Sequence[Evidence], off_topic: Sequence[Evidence]
    ) -> Calibration:
        asked = learning._Asked(list(answered), list(left_out), list(off_topic))
        monkeypatch.setattr(learning, "_ask", lambda *_: asked)
        return calibrate(snapshot, range(len(answered)), Weights())

    return learn


class TestCalibrate:
    def test_the_threshold_is_what_all_but_a_twentieth_of_the_titles_reach(
        self, learn: Learn
    ) -> None:
        answered = evidences(4_000, 0.4, 0.7, seed=0)
        found = learn(answered, evidences(4_000, 0.3, 0.65, 1), evidences(70, 0.1, 0.5, 2))
        refused = [found.confidence(one) < found.threshold for one in answered]
        assert np.mean(refused) == pytest.approx(0.05, abs=0.01)

    def test_scales_are_mean_and_deviation_of_what_has_an_answer(self, learn: Learn) -> None:
        answered = evidences(500, 0.4, 0.7, seed=0)
        found = learn(answered, evidences(500, 0.3, 0.65, 1), evidences(70, 0.1, 0.5, 2))
        for name in ("cosine", "tokens"):
            values = [getattr(one, name) for one in answered]
            expected = (np.mean(values), np.std(values))
            assert getattr(found, name) == pytest.approx(expected, abs=1e-6)
        assert found.questions == 500

    def test_what_has_an_answer_gets_more_confidence(self, learn: Learn) -> None:
        kinds = (
            evidences(500, 0.4, 0.7, 0),
            evidences(500, 0.3, 0.65, 1),
            evidences(70, 0.1, 0.5, 2),
        )
        found = learn(*kinds)
        means = [np.mean([found.confidence(one) for one in kind]) for kind in kinds]
        assert means[0] > means[1] > means[2]
        assert found.slope > 0

    def test_what_the_corpus_is_about_after_all_is_left_out(self, learn: Learn) -> None:
        answered, left_out = evidences(500, 0.4, 0.7, 0), evidences(500, 0.3, 0.65, 1)
        off_topic = evidences(70, 0.1, 0.5, 2)
        about_it = [Evidence(0.6, 0.85, 0, 0.0)] * 35
        assert learn(answered, left_out, [*off_topic, *about_it]) == learn(
            answered, left_out, off_topic
        )
        doubtful = [Evidence(0.38, 0.69, 0, 0.0)] * 35
        assert learn(answered, left_out, [*off_topic, *doubtful]) != learn(
            answered, left_out, off_topic
        )

    def test_all_questions_may_be_about_it(self, learn: Learn) -> None:
        found = learn(
            evidences(200, 0.4, 0.7, 0), evidences(200, 0.3, 0.65, 1), [Evidence(0.9, 0.9, 0, 0.0)]
        )
        assert found.slope > 0
        assert 0 < found.threshold < 1

    @pytest.mark.parametrize("name", ["cosine", "tokens"])
    def test_a_leg_that_is_not_there_keeps_its_default(self, learn: Learn, name: str) -> None:
        missing: dict[str, Any] = {name: None}
        kinds = [
            [one._replace(**missing) for one in kind]
            for kind in (
                evidences(200, 0.4, 0.7, 0),
                evidences(200, 0.2, 0.6, 1),
                evidences(70, 0.1, 0.5, 2),
            )
        ]
        found = learn(*kinds)
        assert getattr(found, name) == getattr(Calibration(), name)
        assert found.slope > 0

    def test_without_any_leg_it_does_not_fail(self, learn: Learn) -> None:
        nothing = [Evidence(None, None, 0, 0.0)] * 30
        found = learn(nothing, nothing, nothing)
        assert (found.cosine, found.tokens) == (Calibration().cosine, Calibration().tokens)
        assert 0 <= found.confidence(Evidence(None, None, 0, 0.0)) <= 1

    def test_titles_that_are_all_alike_do_not_divide_by_nothing(self, learn: Learn) -> None:
        alike = [Evidence(0.5, 0.5, 0, 0.0)] * 30
        found = learn(alike, evidences(30, 0.2, 0.4, 1), evidences(30, 0.1, 0.3, 2))
        assert found.cosine == (0.5, 0.001)
        assert 0 <= found.confidence(Evidence(0.2, 0.2, 0, 0.0)) < found.confidence(alike[0]) <= 1


class TestFit:
    @staticmethod
    def kinds(*counts: int) -> list[learning.Floats]:
        random = np.random.default_rng(0)
        return [random.normal(-1.2 * at, 1, count) for at, count in enumerate(counts)]

    def test_it_is_the_curve_of_least_loss(self) -> None:
        kinds = self.kinds(300, 300, 70)

        def loss(values: learning.Floats) -> float:
            total = 0.0
            for share, side, kind in zip((0.5, 0.25, 0.25), (1, 0, 0), kinds, strict=True):
                chances = 1 / (1 + np.exp(-(values[0] * kind + values[1])))
                total -= share * float(np.log(chances if side else 1 - chances).mean())
            return total

        best = minimize(loss, np.zeros(2)).x
        assert learning._fit(*kinds) == pytest.approx(best, abs=5e-3)

    def test_more_of_a_kind_counts_no_more(self) -> None:
        answered, left_out, off_topic = self.kinds(200, 200, 60)
        once = learning._fit(answered, left_out, off_topic)
        often = learning._fit(answered, np.tile(left_out, 5), np.tile(off_topic, 3))
        assert often == pytest.approx(once, abs=5e-3)

    def test_of_sides_that_are_alike_nothing_is_sure(self) -> None:
        answered, *_ = self.kinds(200, 1, 1)
        slope, offset = learning._fit(answered, answered, answered)
        assert slope == pytest.approx(0, abs=1e-3)
        assert logistic(offset) == pytest.approx(0.5, abs=1e-3)


class TestBuild:
    """Whom a build asks."""

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> QuickEncoder:
        return use_quick_encoder(monkeypatch)

    @pytest.fixture
    def digests(self, tmp_path: Path) -> Path:
        folder = tmp_path / "digests"
        folder.mkdir()
        for number in range(1, 31):
            (folder / f"2024-05-{number:02}.md").write_text(
                f"### [Model {number}](https://arxiv.org/abs/2405.{number:05})\n\n"
                f"- **Summary**: {number}번 모형은 조약돌 {number * 7}개를 센다.\n",
                encoding="utf-8",
            )
        return folder

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
        """The rows of the papers that are asked about, build by build."""
        asked: list[list[int]] = []

        def pretend(snapshot: Snapshot, rows: Sequence[int], *_: object) -> Calibration:
            asked.append(list(rows))
            return Calibration(threshold=0.123, questions=len(rows))

        monkeypatch.setattr("index.build.calibrate", pretend)
        return asked

    @pytest.mark.parametrize("budget", [0.0, 10.0])
    def test_where_no_map_was_learned_all_titles_are_unseen(
        self, digests: Path, tmp_path: Path, asked: list[list[int]], budget: float
    ) -> None:
        settings = BuildSettings(learn=LearnSettings(budget_s=budget))
        build([digests], Store(tmp_path / "data"), settings)
        assert asked == [list(range(30))]

    def test_what_a_map_was_learned_from_is_not_asked(
        self,
        digests: Path,
        tmp_path: Path,
        asked: list[list[int]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        linear = LinearMap(np.zeros(32, np.float32), np.eye(32, dtype=np.float32))
        monkeypatch.setattr("index.computing.adapt", lambda *_: Adapted(linear, 0.1, 0.2))
        settings = BuildSettings(learn=LearnSettings(budget_s=10, held_out=0.3))
        build([digests], store := Store(tmp_path / "data"), settings)
        ids = store.open_live().ids
        held = np.flatnonzero(hold_out(ids, 0.3)).tolist()
        assert asked == [held]
        assert 0 < len(held) < 20

    def test_it_is_carried_over_and_learned_anew_with_everything_else(
        self, digests: Path, tmp_path: Path, asked: list[list[int]]
    ) -> None:
        store = Store(tmp_path / "data")
        build([digests], store)
        path = digests / "2024-05-03.md"
        path.write_text(path.read_text("utf-8").replace("조약돌", "돛배"), encoding="utf-8")
        build([digests], store)
        assert len(asked) == 1
        calibration = store.open_live().learned.calibration
        assert (calibration.threshold, calibration.questions) == (0.123, 30)

    def test_the_stage_has_as_many_steps_as_questions(self, digests: Path, tmp_path: Path) -> None:
        stages: list[tuple[str, int]] = []
        done: dict[str, int] = {}

        class Watching:
            def stage(self, name: str, total: int) -> None:
                stages.append((name, total))

            def advance(self, steps: int) -> None:
                name = stages[-1][0]
                done[name] = done.get(name, 0) + steps

        settings = BuildSettings(learn=LearnSettings(budget_s=0))
        build([digests], Store(tmp_path / "data"), settings, progress=Watching())
        assert dict(stages)["calibrate"] == done["calibrate"] == 30 + len(QUESTIONS)
