"""Builds: what is published, what is carried over, what is refused."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from index import build as build_module
from index.build import build
from index.digests import read_digests
from index.encoders import EncoderSettings
from index.encoders.universal import UniversalEncoder
from index.errors import SnapshotError, SourceError
from index.plan import make_plan
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
    built = build([digests], store, EncoderSettings())
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
    build([digests], store, EncoderSettings())
    snapshot = store.open_live()
    texts = [snapshot.passage(row).text for row in range(snapshot.manifest.passages)]
    wanted = UniversalEncoder().encode_query(texts)
    assert snapshot.vectors.vectors == pytest.approx(wanted, abs=1e-5)
    titles = [snapshot.paper(row).title for row in range(len(snapshot))]
    assert snapshot.titles == pytest.approx(UniversalEncoder().encode_query(titles), abs=1e-5)


def test_moments_are_the_mean_and_deviation_of_all_cosines(store: Store, samples: Path) -> None:
    build([samples], store, EncoderSettings())
    snapshot = store.open_live()
    query = snapshot.titles[3]
    cosines = snapshot.vectors.vectors @ query
    moments = snapshot.moments(query)
    assert moments.mean == pytest.approx(cosines.mean(), abs=1e-4)
    assert moments.deviation == pytest.approx(cosines.std(), abs=1e-4)


def test_the_same_input_gives_the_same_bytes(samples: Path, tmp_path: Path) -> None:
    stores = [Store(tmp_path / name) for name in ("one", "two")]
    built = [build([samples], store, EncoderSettings()) for store in stores]
    assert built[0].version == built[1].version
    assert _bytes(built[0].folder) == _bytes(built[1].folder)


def test_where_one_stands_changes_nothing(
    digests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = build([digests], Store(tmp_path / "one"), EncoderSettings())
    monkeypatch.chdir(digests.parent)
    other = build(["digests"], Store(tmp_path / "two"), EncoderSettings())
    assert one.version == other.version


class _CountingEncoder(UniversalEncoder):
    encoded: list[str]

    def encode_document(self, texts: Sequence[str], on_batch: object = None) -> np.ndarray:
        type(self).encoded = list(texts)
        return super().encode_document(texts)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> type[_CountingEncoder]:
    monkeypatch.setattr(build_module, "open_encoder", lambda _: _CountingEncoder())
    return _CountingEncoder


def test_only_new_texts_are_encoded(
    store: Store, digests: Path, encoded: type[_CountingEncoder]
) -> None:
    build([digests], store, EncoderSettings())
    _write(digests, 2, "이 문장만 바뀌었다.")
    built = build([digests], store, EncoderSettings())
    assert encoded.encoded == ["이 문장만 바뀌었다."]
    assert (built.report.encoded, built.report.carried) == (1, 5)
    build([digests], store, EncoderSettings(), full=True)
    # The second sections of all three say the same; it is encoded once, and shared.
    assert len(encoded.encoded) == 3 + 1 + 3


def test_a_build_on_top_of_another_equals_a_full_one(digests: Path, tmp_path: Path) -> None:
    step, full = Store(tmp_path / "step"), Store(tmp_path / "full")
    build([digests], step, EncoderSettings())
    _write(digests, 4, "새 논문이 더해졌다. 확산 모형을 다룬다.", "New")
    _write(digests, 2, "둘째 논문의 글이 바뀌었다.", "Renamed")
    (digests / "2024-05-01.md").unlink()
    build([digests], step, EncoderSettings())
    build([digests], full, EncoderSettings())
    one, other = step.open_live(), full.open_live()
    assert _contents(one) == _contents(other)
    assert one.vectors.vectors == pytest.approx(other.vectors.vectors, abs=1e-6)
    assert one.titles == pytest.approx(other.titles, abs=1e-6)


def test_a_plan_names_what_was_added_changed_and_removed(store: Store, digests: Path) -> None:
    build([digests], store, EncoderSettings())
    live = store.open_live()
    unchanged = make_plan(read_digests([digests]).papers, live)
    assert (unchanged.added, unchanged.changed, unchanged.removed) == ((), (), ())
    assert unchanged.unchanged == 3
    _write(digests, 4, "새 논문")
    _write(digests, 2, "바뀐 글")
    (digests / "2024-05-01.md").unlink()
    plan = make_plan(read_digests([digests]).papers, live)
    assert plan.added == ("2405.00004",)
    assert plan.changed == ("2405.00002",)
    assert plan.removed == ("2405.00001",)
    assert plan.unchanged == 1


def test_moving_a_paper_within_its_file_is_no_change(store: Store, digests: Path) -> None:
    build([digests], store, EncoderSettings())
    path = digests / "2024-05-02.md"
    path.write_text("\n\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    plan = make_plan(read_digests([digests]).papers, store.open_live())
    assert plan.changed == ()
    build([digests], store, EncoderSettings())
    section = store.open_live().paper(1).sections[0]
    text = path.read_text(encoding="utf-8")
    assert text[section.source.start : section.source.end] == section.text


def test_strict_publishes_nothing_when_something_could_not_be_read(
    store: Store, digests: Path
) -> None:
    (digests / "broken.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match=r"broken\.md"):
        build([digests], store, EncoderSettings(), strict=True)
    assert store.live() is None
    built = build([digests], store, EncoderSettings())
    assert len(built.reading.problems) == 1
    assert built.report.problems[0]["file"] == "broken.md"


def test_no_papers_at_all_is_an_error_and_the_live_version_stays(
    store: Store, digests: Path, tmp_path: Path
) -> None:
    built = build([digests], store, EncoderSettings())
    with pytest.raises(SourceError, match="no such file"):
        build([tmp_path / "nowhere"], store, EncoderSettings())
    assert store.live() == built.version


def test_a_failed_build_leaves_nothing_behind(
    store: Store, digests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(build_module, "write_snapshot", fail)
    with pytest.raises(SnapshotError, match="no space left"):
        build([digests], store, EncoderSettings())
    assert [path.name for path in store.folder.iterdir()] == ["build.lock"]


def test_a_broken_live_snapshot_is_built_over(store: Store, digests: Path) -> None:
    built = build([digests], store, EncoderSettings())
    (built.folder / "votes.npy").write_bytes(b"")
    again = build([digests], store, EncoderSettings())
    assert again.version == built.version
    assert store.open_live().votes.tolist() == [1, 2, 3]


def test_leftovers_of_a_killed_build_are_cleared(store: Store, digests: Path) -> None:
    left = store.folder / "staging-left"
    left.mkdir(parents=True)
    (left / "vectors.npy").write_bytes(b"half")
    build([digests], store, EncoderSettings())
    assert not left.exists()


def test_vectors_that_are_not_finite_are_never_published(
    store: Store, digests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(UniversalEncoder):
        def encode_document(self, texts: Sequence[str], on_batch: object = None) -> np.ndarray:
            return np.full((len(texts), 512), np.nan, np.float32)

    monkeypatch.setattr(build_module, "open_encoder", lambda _: Broken())
    with pytest.raises(Exception, match="not finite"):
        build([digests], store, EncoderSettings())
    assert store.live() is None


def test_a_store_can_be_moved(store: Store, digests: Path, tmp_path: Path) -> None:
    built = build([digests], store, EncoderSettings())
    shutil.move(store.folder, tmp_path / "moved")
    assert Store(tmp_path / "moved").open_live().version == built.version


def test_the_report_of_a_build_with_nothing_new_is_kept(store: Store, digests: Path) -> None:
    one = build([digests], store, EncoderSettings())
    (digests / "broken.md").write_bytes(b"\xff\xfe\x00")
    other = build([digests], store, EncoderSettings())
    assert one.version == other.version
    (version,) = store.versions()
    assert [problem["file"] for problem in version.report["problems"]] == ["broken.md"]


def test_a_name_finds_the_papers_of_an_author(store: Store, samples: Path) -> None:
    build([samples], store, EncoderSettings())
    snapshot = store.open_live()
    scores = snapshot.lexicon.score_papers(snapshot.lexicon.numbers(["vaswani"]))
    assert [snapshot.ids[int(row)] for row in np.flatnonzero(scores)] == ["1706.03762"]


def test_texts_cut_by_other_rules_are_not_carried_over(
    store: Store, digests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build([digests], store, EncoderSettings())
    monkeypatch.setattr("index.build.ANALYSIS", "of another version")
    assert build([digests], store, EncoderSettings()).report.carried == 0
