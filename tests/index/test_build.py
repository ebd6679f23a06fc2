"""Builds: what is published, what is carried over, what is refused."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from index import build as build_module
from index.build import Built, build
from index.checking import Checked, Quality
from index.digests import read_digests
from index.encoders import Basis, LateKind, LateSettings, Tokens, Vectors
from index.encoders.universal import UniversalEncoder
from index.errors import EncoderError, SnapshotError, SourceError
from index.fusion import rank
from index.learned import Facts
from index.manifest import LAYOUT
from index.plan import make_plan
from index.scoring import Query
from index.settings import BuildOptions, BuildSettings, LearnSettings, Weights
from index.snapshot import Snapshot
from index.store import Store

DAY = """## Daily Papers (2024-05-0{day})

### [{title}](https://arxiv.org/abs/2405.0000{day})

Vote: {day}

Authors: Kim, Lee

- **What's New**: {text}
- **Technical Details**: 두 번째 절은 방법을 말한다. 수식과 표도 있다.
"""


@pytest.fixture
def digests(tmp_path: Path) -> Path:
    folder = tmp_path / "digests"
    folder.mkdir()
    for day in (1, 2, 3):
        _write(folder, day, f"논문 {day}은 강화 학습을 다룬다. 새로운 보상을 제안한다.")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def _write(folder: Path, day: int, text: str, title: str = "A Paper") -> None:
    digest = DAY.format(day=day, title=f"{title} {day}", text=text)
    (folder / f"2024-05-0{day}.md").write_text(digest, encoding="utf-8")


def _bytes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "report.json"
    }


def _contents(snapshot: Snapshot) -> dict[str, object]:
    passages = [snapshot.passage(row) for row in range(snapshot.manifest.passages)]
    return {
        "papers": [snapshot.paper(row) for row in range(len(snapshot))],
        "passages": passages,
        "terms": [list(snapshot.lexicon.passage_terms(row)) for row in range(len(passages))],
    }


def test_everything_that_was_read_is_in_the_snapshot(store: Store, digests: Path) -> None:
    built = build([digests], store)
    snapshot = store.open_live()
    assert snapshot.version == built.version
    papers = list(read_digests([digests]).papers)
    assert [snapshot.paper(row) for row in range(len(snapshot))] == papers
    for row, paper in enumerate(papers):
        assert snapshot.row_of(paper.id) == row
        texts = [snapshot.passage(one).text for one in snapshot.passages_of(row)]
        assert texts == [section.text for section in paper.sections]
    assert snapshot.votes.tolist() == [1, 2, 3]


def test_vectors_are_those_of_the_passages(store: Store, digests: Path) -> None:
    build([digests], store)
    snapshot = store.open_live()
    texts = [snapshot.passage(row).text for row in range(snapshot.manifest.passages)]
    wanted = UniversalEncoder().encode_query(texts)
    assert snapshot.vectors.vectors == pytest.approx(wanted, abs=1e-5)
    titles = [snapshot.paper(row).title for row in range(len(snapshot))]
    assert snapshot.titles == pytest.approx(UniversalEncoder().encode_query(titles), abs=1e-5)


def test_moments_are_the_mean_and_deviation_of_all_cosines(store: Store, samples: Path) -> None:
    build([samples], store)
    snapshot = store.open_live()
    assert snapshot.titles is not None
    query = snapshot.titles[3]
    cosines = snapshot.vectors.vectors @ query
    moments = snapshot.moments(query)
    assert moments.mean == pytest.approx(cosines.mean(), abs=1e-4)
    assert moments.deviation == pytest.approx(cosines.std(), abs=1e-4)


def test_the_same_input_gives_the_same_bytes(samples: Path, tmp_path: Path) -> None:
    stores = [Store(tmp_path / name) for name in ("one", "two")]
    built = [build([samples], store) for store in stores]
    assert built[0].version == built[1].version
    assert _bytes(built[0].folder) == _bytes(built[1].folder)


def test_where_one_stands_changes_nothing(
    digests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = build([digests], Store(tmp_path / "one"))
    monkeypatch.chdir(digests.parent)
    other = build(["digests"], Store(tmp_path / "two"))
    assert one.version == other.version


class _CountingEncoder(UniversalEncoder):
    """Keeps every passage and title that is encoded, but for those that a space is learned from."""

    def __init__(self) -> None:
        super().__init__()
        self.encoded: list[str] = []

    def encode_document(
        self, texts: Sequence[str], on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        self.encoded += texts
        return super().encode_document(texts, on_batch)

    def encode_document_tokens(
        self,
        texts: Sequence[str],
        basis: Basis | None = None,
        on_batch: Callable[[int], None] | None = None,
    ) -> Iterator[tuple[Sequence[int], Tokens]]:
        if basis is not None:
            self.encoded += texts
        return super().encode_document_tokens(texts, basis, on_batch)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> _CountingEncoder:
    """The encoder of builds whose checks ask nothing."""
    encoder = _CountingEncoder()
    monkeypatch.setattr(build_module, "check", lambda *_: Checked(Quality(), ()))
    monkeypatch.setattr(build_module, "open_encoder", lambda _: encoder)
    return encoder


@pytest.mark.parametrize("late", [LateKind.UNIVERSAL, LateKind.OFF])
def test_only_new_texts_are_encoded(
    store: Store, digests: Path, counting: _CountingEncoder, late: LateKind
) -> None:
    settings = BuildSettings(late=LateSettings(late))
    build([digests], store, settings)
    # The second sections of all three say the same; it is encoded once, and shared.
    assert sorted(counting.encoded) == sorted(set(counting.encoded))
    assert len(counting.encoded) == 3 + 1 + 3
    counting.encoded.clear()
    _write(digests, 2, "이 문장만 바뀌었다.")
    built = build([digests], store, settings)
    assert counting.encoded == ["이 문장만 바뀌었다."]
    assert (built.report.encoded, built.report.carried) == (1, 5)
    counting.encoded.clear()
    build([digests], store, settings, BuildOptions(full=True))
    assert len(counting.encoded) == 3 + 1 + 3


def test_a_build_on_top_of_another_equals_a_full_one(digests: Path, tmp_path: Path) -> None:
    step, full = Store(tmp_path / "step"), Store(tmp_path / "full")
    build([digests], step)
    _write(digests, 4, "새 논문이 더해졌다. 확산 모형을 다룬다.", "New")
    _write(digests, 2, "둘째 논문의 글이 바뀌었다.", "Renamed")
    (digests / "2024-05-01.md").unlink()
    build([digests], step)
    build([digests], full)
    one, other = step.open_live(), full.open_live()
    assert _contents(one) == _contents(other)
    assert one.vectors.vectors == pytest.approx(other.vectors.vectors, abs=1e-6)
    assert one.titles == pytest.approx(other.titles, abs=1e-6)


def test_a_build_in_steps_finds_the_same_papers_as_a_full_one(
    samples: Path, tmp_path: Path
) -> None:
    step, full = Store(tmp_path / "step"), Store(tmp_path / "full")
    first, *others = sorted(samples.glob("*.md"))
    build([first, others[0]], step)
    build([first, *others], step)
    build([first, *others], full)
    one, other = step.open_live(), full.open_live()
    assert _contents(one) == _contents(other)
    for row in range(0, len(one), 5):
        query = f"{one.paper(row).title}: {one.paper(row).sections[0].text[:80]}"
        for snapshot in (one, other):
            scores = rank(snapshot, Query(query), snapshot.learned.weights)
            assert scores is not None
            assert int(scores.argmax()) == row


def test_a_plan_names_what_was_added_changed_and_removed(store: Store, digests: Path) -> None:
    build([digests], store)
    live = store.open_live()
    unchanged = make_plan(read_digests([digests]).papers, live.papers())
    assert (unchanged.added, unchanged.changed, unchanged.removed) == ((), (), ())
    assert unchanged.unchanged == 3
    _write(digests, 4, "새 논문")
    _write(digests, 2, "바뀐 글")
    (digests / "2024-05-01.md").unlink()
    plan = make_plan(read_digests([digests]).papers, live.papers())
    assert plan.added == ("2405.00004",)
    assert plan.changed == ("2405.00002",)
    assert plan.removed == ("2405.00001",)
    assert plan.unchanged == 1


def test_moving_a_paper_within_its_file_is_no_change(store: Store, digests: Path) -> None:
    build([digests], store)
    path = digests / "2024-05-02.md"
    path.write_text("\n\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    plan = make_plan(read_digests([digests]).papers, store.open_live().papers())
    assert plan.changed == ()
    build([digests], store)
    section = store.open_live().paper(1).sections[0]
    text = path.read_text(encoding="utf-8")
    assert text[section.source.start : section.source.end] == section.text


def test_strict_publishes_nothing_when_something_could_not_be_read(
    store: Store, digests: Path
) -> None:
    (digests / "broken.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match=r"broken\.md"):
        build([digests], store, options=BuildOptions(strict=True))
    assert store.live() is None
    built = build([digests], store)
    assert len(built.reading.problems) == 1
    assert built.report.problems[0]["file"] == "broken.md"


def test_no_papers_at_all_is_an_error_and_the_live_version_stays(
    store: Store, digests: Path, tmp_path: Path
) -> None:
    built = build([digests], store)
    with pytest.raises(SourceError, match="no such file"):
        build([tmp_path / "nowhere"], store)
    assert store.live() == built.version


@pytest.mark.parametrize("writer", ["write_files", "seal"])
def test_a_failed_build_leaves_nothing_behind(
    store: Store, digests: Path, monkeypatch: pytest.MonkeyPatch, writer: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(build_module, writer, fail)
    with pytest.raises(SnapshotError, match="no space left"):
        build([digests], store)
    assert [path.name for path in store.folder.iterdir()] == ["build.lock"]


def test_a_broken_live_snapshot_is_built_over(store: Store, digests: Path) -> None:
    built = build([digests], store)
    (built.folder / "votes.npy").write_bytes(b"")
    again = build([digests], store)
    assert again.version == built.version
    assert store.open_live().votes.tolist() == [1, 2, 3]


def test_leftovers_of_a_killed_build_are_cleared(store: Store, digests: Path) -> None:
    left = store.folder / "staging-left"
    left.mkdir(parents=True)
    (left / "vectors.npy").write_bytes(b"half")
    build([digests], store)
    assert not left.exists()


class _NotFinite(UniversalEncoder):
    """Gives vectors that are no numbers, alone and beside the tokens."""

    def encode_document(
        self, texts: Sequence[str], on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        return np.full((len(texts), self.dimension), np.nan, np.float32)

    def encode_document_tokens(
        self,
        texts: Sequence[str],
        basis: Basis | None = None,
        on_batch: Callable[[int], None] | None = None,
    ) -> Iterator[tuple[Sequence[int], Tokens]]:
        for rows, tokens in super().encode_document_tokens(texts, basis, on_batch):
            part = [texts[row] for row in rows]
            yield rows, tokens._replace(texts=self.encode_document(part))


@pytest.mark.parametrize("late", [LateKind.UNIVERSAL, LateKind.OFF])
def test_vectors_that_are_not_finite_are_never_published(
    store: Store, digests: Path, monkeypatch: pytest.MonkeyPatch, late: LateKind
) -> None:
    monkeypatch.setattr(build_module, "open_encoder", lambda _: _NotFinite())
    with pytest.raises(EncoderError, match="not finite"):
        build([digests], store, BuildSettings(late=LateSettings(late)))
    assert store.live() is None


def test_a_store_can_be_moved(store: Store, digests: Path, tmp_path: Path) -> None:
    built = build([digests], store)
    shutil.move(store.folder, tmp_path / "moved")
    assert Store(tmp_path / "moved").open_live().version == built.version


def test_a_build_with_nothing_new_leaves_the_version_and_its_report(
    store: Store, digests: Path, counting: _CountingEncoder
) -> None:
    first = build([digests], store)
    files = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}
    counting.encoded.clear()
    (digests / "broken.md").write_bytes(b"\xff\xfe\x00")
    again = build([digests], store)
    assert (first.new, again.new) == (True, False)
    assert again.version == first.version
    assert {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")} == files
    assert counting.encoded == []
    assert [problem["file"] for problem in again.report.problems] == ["broken.md"]
    assert (again.report.encoded, again.report.carried) == (0, first.report.passages)
    assert (again.report.papers, again.report.learned) == (3, first.report.learned)


def test_a_name_finds_the_papers_of_an_author(store: Store, samples: Path) -> None:
    build([samples], store)
    snapshot = store.open_live()
    scores = snapshot.lexicon.score_papers(snapshot.lexicon.numbers(["vaswani"]))
    assert [snapshot.ids[int(row)] for row in np.flatnonzero(scores)] == ["1706.03762"]


def test_texts_cut_by_other_rules_are_not_carried_over(
    store: Store, digests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build([digests], store)
    monkeypatch.setattr("index.build.ANALYSIS", "of another version")
    assert build([digests], store).report.carried == 0


class TestLearning:
    """What a build learns of its corpus, and when it learns anew."""

    @pytest.fixture
    def corpus(self, tmp_path: Path) -> Path:
        folder = tmp_path / "corpus"
        folder.mkdir()
        _write_many(folder, 8)
        return folder

    def _learned(self, built: Built) -> dict[str, str]:
        return _bytes(built.folder / LAYOUT.learned)

    def test_the_report_says_what_was_learned(self, store: Store, corpus: Path) -> None:
        built = build([corpus], store)
        said = built.report.learned
        assert said["papers"] == 8
        assert said["weights"] == store.open_live().learned.weights.as_json()
        assert set(said) == {"weights", "map", *asdict(Facts())}
        (version,) = store.versions()
        assert version.report
        assert version.report.learned == said
        assert not version.report.relearning_pays

    def test_few_papers_leave_the_weights_and_the_vectors_alone(
        self, store: Store, corpus: Path
    ) -> None:
        said = build([corpus], store).report.learned
        assert (said["map"], said["weights_from"]) == (False, 0)
        assert said["weights"] == Weights().as_json()

    def test_papers_that_are_added_leave_what_was_learned(self, store: Store, corpus: Path) -> None:
        first = build([corpus], store)
        learned = self._learned(first)
        assert {name.split("/")[0] for name in learned} == {"learned.json", "tokens", "latent"}
        _write_many(corpus, 9)
        second = build([corpus], store)
        assert second.version != first.version
        assert self._learned(second) == learned
        assert second.report.learned == first.report.learned
        assert second.report.carried > 0
        assert not second.report.relearning_pays

    def test_it_says_when_learning_anew_pays(self, store: Store, corpus: Path) -> None:
        learned = self._learned(build([corpus], store))
        _write_many(corpus, 10)  # a quarter more
        built = build([corpus], store)
        assert built.report.relearning_pays
        assert self._learned(built) == learned
        assert built.report.learned["papers"] == 8
        (version, _) = sorted(store.versions(), key=lambda one: not one.live)
        assert version.report
        assert version.report.relearning_pays

    def test_a_full_build_learns_anew(self, store: Store, corpus: Path) -> None:
        learned = self._learned(build([corpus], store))
        _write_many(corpus, 10)
        built = build([corpus], store, options=BuildOptions(full=True))
        assert self._learned(built) != learned
        assert (built.report.carried, built.report.learned["papers"]) == (0, 10)
        assert not built.report.relearning_pays

    @pytest.mark.parametrize(
        "settings",
        [
            BuildSettings(learn=LearnSettings(budget_s=1)),
            BuildSettings(learn=LearnSettings(held_out=0.3)),
            BuildSettings(late=LateSettings(LateKind.OFF)),
        ],
        ids=["budget", "held out", "late"],
    )
    def test_with_other_settings_everything_is_computed_anew(
        self, store: Store, corpus: Path, settings: BuildSettings
    ) -> None:
        first = build([corpus], store)
        second = build([corpus], store, settings)
        assert second.version != first.version
        assert (second.report.carried, second.report.encoded) == (0, 16)
        third = build([corpus], store, settings)
        assert (third.report.carried, third.report.encoded) == (16, 0)
        assert third.version == second.version

    def test_without_a_budget_only_the_tokens_space_is_learned(
        self, store: Store, corpus: Path
    ) -> None:
        built = build([corpus], store, BuildSettings(learn=LearnSettings(budget_s=0)))
        snapshot = store.open_live()
        assert snapshot.latent is None
        assert snapshot.learned.map is None
        assert snapshot.learned.weights == Weights()
        assert not (built.folder / LAYOUT.latent).exists()
        assert built.report.learned["weights_from"] == 0
        assert snapshot.late is not None
        scores = rank(snapshot, Query("논문 5"), snapshot.learned.weights)
        assert scores is not None

    def test_without_a_budget_nor_late_interaction_nothing_is(
        self, store: Store, corpus: Path
    ) -> None:
        settings = BuildSettings(late=LateSettings(LateKind.OFF), learn=LearnSettings(budget_s=0))
        built = build([corpus], store, settings)
        assert set(self._learned(built)) == {"learned.json"}
        assert not (built.folder / LAYOUT.late).exists()
        snapshot = store.open_live()
        assert (snapshot.late, snapshot.latent) == (None, None)

    def test_the_tokens_of_papers_that_are_carried_over_are_those_of_a_full_build(
        self, store: Store, corpus: Path, tmp_path: Path
    ) -> None:
        build([corpus], store)
        before = store.open_live()
        _write_many(corpus, 9)
        build([corpus], store)
        after = store.open_live()
        for row in range(len(before)):
            assert after.row_of(before.ids[row]) == row
            pairs = list(zip(before.passages_of(row), after.passages_of(row), strict=True))
            pairs.append((before.manifest.passages + row, after.manifest.passages + row))
            old, new = before.token_texts, after.token_texts
            assert old is not None
            assert new is not None
            for one, other in pairs:
                assert old.row(one).tolist() == new.row(other).tolist()

    def test_weights_that_were_learned_are_kept_too(
        self, store: Store, corpus: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("index.weighing.FEWEST", 2)  # questions
        settings = BuildSettings(learn=LearnSettings(held_out=0.6))
        first = build([corpus], store, settings)
        weights = store.open_live().learned.weights
        assert first.report.learned["weights_from"] > 0
        assert weights != Weights()
        _write_many(corpus, 9)
        second = build([corpus], store, settings)
        assert store.open_live().learned.weights == weights
        assert self._learned(second) == self._learned(first)

    def test_a_broken_file_is_named_when_the_snapshot_is_opened(
        self, store: Store, corpus: Path
    ) -> None:
        built = build([corpus], store)
        for folder in (LAYOUT.learned, LAYOUT.late):
            paths = [path for path in sorted((built.folder / folder).rglob("*")) if path.is_file()]
            assert len(paths) > 2
            for path in paths:
                good = path.read_bytes()
                for bad in (good[:-1] + bytes([good[-1] ^ 1]), good[:-1], b"", None):
                    if bad is None:
                        path.unlink()
                    else:
                        path.write_bytes(bad)
                    with pytest.raises(SnapshotError, match=re.escape(str(path))):
                        store.open_live()
                path.write_bytes(good)
        assert store.open_live().version == built.version


def _write_many(folder: Path, count: int) -> None:
    """A digest of some papers, each with two passages of its own."""
    lines = ["## Daily Papers (2024-06-01)"]
    for number in range(count):
        lines += [
            f"### [Paper {number}: Learning Rewards](https://arxiv.org/abs/2406.{number:05d})",
            f"- **What's New**: 논문 {number}은 강화 학습의 보상을 {number}번 배운다.",
            f"- **Technical Details**: 방법 {number}은 확산 모형과 검색을 잇는다.",
        ]
    (folder / "2024-06-01.md").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
