"""What a new version has to pass: the sound ones do, and each fault keeps one back."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import ir_measures
import numpy as np
import numpy.typing as npt
import pytest
from ir_measures import RR

from index.adapt import LinearMap
from index.build import build
from index.checking import checks
from index.checking.checks import Checked, GoldenQuality, Quality, check, titles_asked, titles_mrr
from index.checking.golden import score_golden
from index.encoders import EncoderSettings, LateKind, LateSettings
from index.errors import EncoderError
from index.questions import Question
from index.settings import BuildSettings, CheckSettings, LearnSettings, Weights
from index.snapshot import Snapshot
from index.store import Store
from index.trials import unseen

DPO, LORA, RAG = "2305.18290", "2106.09685", "2005.11401"
SETTINGS = CheckSettings()
IDENTITY = LinearMap(np.zeros(512, np.float32), np.eye(512, dtype=np.float32))
Floats = npt.NDArray[np.float32]

ONE = """## Daily Papers (2024-05-01)

### [Robots That Wash Dishes](https://arxiv.org/abs/2405.00001)

- **What's New**: 설거지를 하는 로봇을 소개한다. 그릇을 깨지 않는다.
"""


def question(text: str, *papers: str) -> Question:
    return Question(text, "ko", dict.fromkeys(papers, 1), None, True, None)


QUESTIONS = [
    question("보상 모델 없이 선호로 정렬하기", DPO),
    question("저랭크 행렬로 미세 조정", LORA),
    question("검색한 문서를 참고하여 답하기", RAG),
]


def changed(
    snapshot: Snapshot, folder: Path, name: str, row: int, value: float | Floats
) -> Snapshot:
    """A copy, one row of an array set to something else; its encoder is that of the original."""
    shutil.copytree(snapshot.folder, folder)
    array = np.load(folder / name)
    array[row] = value
    np.save(folder / name, array)
    return Snapshot(folder, snapshot.manifest, snapshot.plain_encoder)


def reopened(snapshot: Snapshot) -> Snapshot:
    return Snapshot(snapshot.folder, snapshot.manifest, snapshot.plain_encoder)


@pytest.fixture(scope="module")
def lone(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """An index of one paper with one passage."""
    folder = tmp_path_factory.mktemp("one")
    (folder / "2024-05-01.md").write_text(ONE, encoding="utf-8")
    store = Store(folder / "data")
    build([folder / "2024-05-01.md"], store)
    return store.open_live()


class TestSound:
    def test_the_sample_index(self, snapshot: Snapshot) -> None:
        checked = check(snapshot, None, SETTINGS)
        assert checked.failures == ()
        quality = checked.quality
        assert (quality.texts_asked, quality.texts_found) == (16, 16)
        assert quality.titles_asked == 45
        assert 0.3 < quality.titles_mrr < 1
        assert quality.golden is None

    def test_an_index_without_late_interaction_and_learning(
        self, samples: Path, tmp_path: Path
    ) -> None:
        store = Store(tmp_path)
        late, learn = LateSettings(kind=LateKind.OFF), LearnSettings(budget_s=0)
        build([samples], store, BuildSettings(late=late, learn=learn))
        bare = store.open_live()
        assert not bare.has_late
        assert bare.latent is None
        checked = check(bare, bare, SETTINGS, QUESTIONS)
        assert checked.failures == ()
        assert checked.quality.texts_found == 16
        assert checked.quality.golden is not None

    def test_an_index_of_one_paper(self, lone: Snapshot) -> None:
        checked = check(lone, lone, SETTINGS, [question("설거지", "2405.00001")])
        golden = GoldenQuality(1, 1.0, 1.0, 1.0, 1.0)
        assert checked == Checked(Quality(1, 1, 1, 1.0, golden), ())

    def test_the_report_is_json(self, snapshot: Snapshot, lone: Snapshot) -> None:
        for one in (snapshot, lone):
            text = json.dumps(asdict(check(one, None, SETTINGS).quality), allow_nan=False)
            assert set(json.loads(text)) == {
                "texts_asked",
                "texts_found",
                "titles_asked",
                "titles_mrr",
                "golden",
            }


class TestFaults:
    def test_a_fault_is_a_failure_and_nothing_is_asked(
        self, snapshot: Snapshot, tmp_path: Path
    ) -> None:
        broken = changed(snapshot, tmp_path / "copy", "vectors.npy", 3, math.nan)
        name = snapshot.passage(3).id
        failure = f"1 of 110 vectors of passages are not finite: {name}"
        assert check(broken, snapshot, SETTINGS, QUESTIONS) == Checked(Quality(), (failure,))

    def test_a_text_that_is_not_found_is_a_failure(
        self, snapshot: Snapshot, tmp_path: Path
    ) -> None:
        other = snapshot.vectors.vectors[109]
        broken = changed(snapshot, tmp_path / "copy", "vectors.npy", 0, other)
        checked = check(broken, None, SETTINGS)
        name = snapshot.passage(0).id
        failure = f"1 of 16 passages have a vector that is not their text's: {name}"
        assert failure in checked.failures
        assert (checked.quality.texts_asked, checked.quality.texts_found) == (16, 15)

    def test_an_encoder_that_is_gone_is_an_error(self, snapshot: Snapshot) -> None:
        gone = replace(snapshot.manifest, encoder=EncoderSettings(model="gone").as_json())
        with pytest.raises(EncoderError, match="gone"):
            check(Snapshot(snapshot.folder, gone), None, SETTINGS)


class TestTooFew:
    FAILURE = (
        "1 paper, the live version has 45: is a folder of digests missing?"
        " build.least_kept allows fewer"
    )

    def test_fewer_than_half(self, snapshot: Snapshot, lone: Snapshot) -> None:
        assert check(lone, snapshot, SETTINGS).failures == (self.FAILURE,)
        assert check(snapshot, lone, SETTINGS).failures == ()

    def test_the_least_is_a_setting(self, snapshot: Snapshot, lone: Snapshot) -> None:
        for least, failures in [(1 / 45, ()), (0.03, (self.FAILURE,)), (0, ())]:
            assert check(lone, snapshot, CheckSettings(least_kept=least)).failures == failures

    def test_what_is_left_out_on_purpose_does_not_count(
        self, snapshot: Snapshot, lone: Snapshot
    ) -> None:
        settings = CheckSettings(least_kept=0.5)
        most = [*snapshot.ids[:43], "2405.00001", "9999.99999"]
        assert check(lone, snapshot, settings, (), most).failures == ()
        fewer = [f"https://arxiv.org/abs/{paper}v2" for paper in snapshot.ids[:42]]
        fewer.append("9999.99999")
        assert check(lone, snapshot, settings, (), fewer).failures == (
            "1 paper, the live version has 45, 42 of them left out on purpose:"
            " is a folder of digests missing? build.least_kept allows fewer",
        )

    def test_a_paper_left_out_by_two_names_counts_once(
        self, snapshot: Snapshot, lone: Snapshot
    ) -> None:
        twice = [*snapshot.ids[:42], *(f"{paper}v1" for paper in snapshot.ids[:42])]
        assert check(lone, snapshot, SETTINGS, (), twice).failures != ()

    def test_it_is_told_beside_faults(
        self, snapshot: Snapshot, lone: Snapshot, tmp_path: Path
    ) -> None:
        broken = changed(lone, tmp_path / "copy", "vectors.npy", 0, math.nan)
        failures = check(broken, snapshot, SETTINGS).failures
        assert len(failures) == 2
        assert failures[0] == self.FAILURE


class TestTitles:
    def test_mrr_is_that_of_ir_measures(self, snapshot: Snapshot) -> None:
        assert snapshot.titles is not None
        cosines = snapshot.titles @ snapshot.vectors.vectors.T
        run = {
            str(paper): {
                name: float(cosines[paper, list(snapshot.passages_of(row))].max())
                for row, name in enumerate(snapshot.ids)
            }
            for paper in range(45)
        }
        wanted = {str(paper): {name: 1} for paper, name in enumerate(snapshot.ids)}
        mrr = ir_measures.calc_aggregate([RR @ 10], wanted, run)[RR @ 10]
        assert titles_mrr(snapshot, range(45)) == pytest.approx(mrr, abs=1e-4)
        assert check(snapshot, None, SETTINGS).quality.titles_mrr == pytest.approx(mrr, abs=1e-4)

    def test_all_where_no_map_was_learned(self, snapshot: Snapshot) -> None:
        assert snapshot.learned.map is None
        assert titles_asked(snapshot) == list(range(45))

    def test_those_held_out_where_a_map_was_learned(self, snapshot: Snapshot) -> None:
        other = reopened(snapshot)
        other.learned = replace(snapshot.learned, map=IDENTITY)
        assert titles_asked(other) == unseen(snapshot)
        assert 0 < len(unseen(snapshot)) < 45

    def test_some_of_very_many(self, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checks, "_TITLES", 5)
        assert titles_asked(snapshot) == [0, 11, 22, 33, 44]

    def test_a_paper_without_a_passage_is_not_asked_for(
        self, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = reopened(snapshot)
        bare = unseen(snapshot)[0]
        rows = np.where(snapshot.owners == bare, bare + 1, snapshot.owners)
        monkeypatch.setattr(other, "owners", rows)
        assert titles_asked(other) == [row for row in range(45) if row != bare]
        other.learned = replace(snapshot.learned, map=IDENTITY)
        assert titles_asked(other) == unseen(snapshot)[1:]

    def test_nothing_is_zero(self, snapshot: Snapshot) -> None:
        assert titles_mrr(snapshot, []) == 0
        assert titles_mrr(snapshot.without_titles(), [1]) == 0


class TestGolden:
    def test_as_good_as_the_live_version(self, snapshot: Snapshot) -> None:
        checked = check(snapshot, reopened(snapshot), SETTINGS, QUESTIONS)
        assert checked.failures == ()
        golden = checked.quality.golden
        assert golden is not None
        assert golden.questions == 3
        score = score_golden(snapshot, QUESTIONS)
        assert golden.mrr == golden.before_mrr == pytest.approx(score.mrr, abs=1e-4)
        assert golden.recall == golden.before_recall == pytest.approx(score.recall, abs=1e-4)

    def test_worse_than_the_live_version(self, snapshot: Snapshot) -> None:
        worse = reopened(snapshot)
        worst = Weights(**dict.fromkeys(Weights().as_json(), 0.0) | {"lexical": -1.0})
        worse.learned = replace(snapshot.learned, weights=worst)
        before, after = score_golden(snapshot, QUESTIONS), score_golden(worse, QUESTIONS)
        assert after.mrr < before.mrr - 0.02
        (failure,) = check(worse, snapshot, SETTINGS, QUESTIONS).failures
        assert f"MRR@10 fell from {before.mrr:.3f} to {after.mrr:.3f} (3 questions)" in failure
        assert check(snapshot, worse, SETTINGS, QUESTIONS).failures == ()
        patient = CheckSettings(golden_tolerance=1)
        quality = check(worse, snapshot, patient, QUESTIONS).quality.golden
        assert check(worse, snapshot, patient, QUESTIONS).failures == ()
        assert quality == GoldenQuality(
            3,
            round(after.recall, 4),
            round(after.mrr, 4),
            round(before.recall, 4),
            round(before.mrr, 4),
        )

    def test_a_paper_that_is_gone(self, snapshot: Snapshot, lone: Snapshot) -> None:
        settings = CheckSettings(least_kept=0)
        (failure,) = check(lone, snapshot, settings, QUESTIONS).failures
        assert "from rank 1 to none at all" in failure
        gone = [DPO, LORA, RAG]
        checked = check(lone, snapshot, settings, QUESTIONS, gone)
        assert checked.failures == ()
        assert checked.quality.golden is None

    def test_without_a_live_version(self, snapshot: Snapshot) -> None:
        checked = check(snapshot, None, SETTINGS, QUESTIONS)
        assert checked.failures == ()
        golden = checked.quality.golden
        assert golden is not None
        assert (golden.before_recall, golden.before_mrr) == (None, None)

    def test_a_live_version_that_can_not_be_asked_is_as_good_as_none(
        self, snapshot: Snapshot
    ) -> None:
        gone = replace(snapshot.manifest, encoder=EncoderSettings(model="gone").as_json())
        checked = check(snapshot, Snapshot(snapshot.folder, gone), SETTINGS, QUESTIONS)
        assert checked == check(snapshot, None, SETTINGS, QUESTIONS)

    def test_no_question_loads_no_live_encoder(self, snapshot: Snapshot) -> None:
        live = Snapshot(snapshot.folder, snapshot.manifest)
        check(snapshot, live, SETTINGS)
        assert "plain_encoder" not in vars(live)
