"""A build's projection: who was laid out stays there, who is new lies among their like."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from index.build import build
from index.errors import SnapshotError
from index.manifest import FORMAT, LAYOUT, read_manifest
from index.projection import Name, Projection, Topic
from index.projection import making as making_module
from index.projection.layout import lay_out
from index.projection.naming import name_topics
from index.projection.runs import Texts
from index.settings import BuildOptions
from index.snapshot import Snapshot
from index.store import Store

pytestmark = pytest.mark.usefixtures("quick")

KINDS = (
    ("Speech Recognition", "음성 인식(speech recognition)을 소음 속에서 한다."),
    ("Image Editing", "이미지 편집(image editing)을 글로 시킨다."),
    ("Graph Retrieval", "그래프에서 검색(graph retrieval)을 한다."),
)
EACH = 8
PAPER = """### [{title}](https://arxiv.org/abs/2405.{number:05})

Vote: {votes}

Authors: Kim

- **What's New**: {text}

"""

Places = dict[str, tuple[float, float]]


def write(folder: Path, number: int, kind: int | None = None, votes: int = 1) -> None:
    """A digest of one paper; the kind is that of its number, unless another is named."""
    folder.mkdir(exist_ok=True)
    title, text = KINDS[number % len(KINDS) if kind is None else kind]
    said = PAPER.format(title=f"{title} {number}", number=number, votes=votes, text=text * 3)
    path = folder / f"2024-05-{number:02}.md"
    path.write_text(f"## Daily Papers (2024-05-{number:02})\n\n{said}", encoding="utf-8")


@pytest.fixture
def digests(tmp_path: Path) -> Path:
    for number in range(1, EACH * len(KINDS) + 1):
        write(tmp_path / "digests", number)
    return tmp_path / "digests"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def places(snapshot: Snapshot) -> Places:
    x, y = snapshot.projection.places.T.tolist()
    return dict(zip(snapshot.ids, zip(x, y, strict=True), strict=True))


def regions(snapshot: Snapshot) -> dict[str, Topic]:
    projection = snapshot.projection
    found = (projection.topics[number] for number in projection.regions.tolist())
    return dict(zip(snapshot.ids, found, strict=True))


def kind_of(name: str) -> int:
    return int(name[-5:]) % len(KINDS)


def test_papers_lie_among_their_like(store: Store, digests: Path) -> None:
    build([digests], store)
    snapshot = store.open_live()
    found = snapshot.projection.places
    apart = ((found[:, None] - found[None]) ** 2).sum(2)
    np.fill_diagonal(apart, np.inf)
    kinds = np.array(list(map(kind_of, snapshot.ids)))
    assert (kinds[apart.argmin(1)] == kinds).mean() > 0.9
    assert np.abs(found).max() == 1


def test_regions_have_names_and_labels_of_their_own(store: Store, digests: Path) -> None:
    build([digests], store)
    topics = store.open_live().projection.topics
    for level in (0, 1):
        terms = [name for topic in topics if topic.level == level for name in topic.terms]
        assert len(terms) == len(set(terms))
    assert Name("image editing", "이미지 편집") in [t for topic in topics for t in topic.terms]


def test_a_day_moves_nobody(store: Store, digests: Path) -> None:
    build([digests], store)
    before = store.open_live()
    for number in (25, 26, 27):
        write(digests, number)
    build([digests], store)
    after = store.open_live()
    moved = places(after)
    for name, place in places(before).items():
        assert moved[name] == place
        assert regions(after)[name] == regions(before)[name]
    new = {name: place for name, place in moved.items() if name not in places(before)}
    assert len(new) == 3
    assert len(set(moved.values())) == len(moved)
    for name, place in new.items():
        nearest = min(places(before), key=lambda old: np.hypot(*np.subtract(moved[old], place)))
        assert kind_of(nearest) == kind_of(name)
        assert regions(after)[name] == regions(before)[nearest]


def test_a_paper_that_says_something_else_is_placed_anew(store: Store, digests: Path) -> None:
    build([digests], store)
    before = places(store.open_live())
    write(digests, 3, kind=1)
    build([digests], store)
    after = places(store.open_live())
    changed = "2405.00003"
    assert {name for name in after if after[name] != before[name]} == {changed}
    others = [name for name in after if name != changed]
    nearest = min(others, key=lambda one: np.hypot(*np.subtract(after[one], after[changed])))
    assert kind_of(nearest) == 1


def test_new_votes_move_nobody(store: Store, digests: Path) -> None:
    build([digests], store)
    before = places(store.open_live())
    write(digests, 3, votes=77)
    assert build([digests], store).new
    assert places(store.open_live()) == before


def test_papers_that_go_take_their_regions_with_them(store: Store, digests: Path) -> None:
    build([digests], store)
    before = store.open_live()
    first = before.projection.regions[0]
    gone = {
        name
        for name, region in zip(before.ids, before.projection.regions, strict=True)
        if region == first
    }
    for name in gone:
        (digests / f"2024-05-{int(name[-5:]):02}.md").unlink()
    build([digests], store)
    after = store.open_live()
    assert places(after) == {n: place for n, place in places(before).items() if n not in gone}
    left = [topic for topic in before.projection.topics if topic.level]
    del left[int(first) - (len(before.projection.topics) - len(left))]
    kept = [topic for topic in after.projection.topics if topic.level]
    assert [(t.x, t.y) for t in kept] == [(t.x, t.y) for t in left]
    used = set(after.projection.regions.tolist())
    assert used == {n for n, topic in enumerate(after.projection.topics) if topic.level}


def test_terms_that_nobody_says_any_more_are_gone(store: Store, digests: Path) -> None:
    build([digests], store)
    named = {name.english for t in store.open_live().projection.topics for name in t.terms}
    assert "image editing" in named
    for number in range(1, EACH * len(KINDS) + 1):
        if number % len(KINDS) == 1:
            write(digests, number, kind=0)
    build([digests], store)
    named = {name.english for t in store.open_live().projection.topics for name in t.terms}
    assert named
    assert not any("editing" in name for name in named)


def test_a_full_build_lays_out_anew_and_as_if_nothing_had_been(
    store: Store, digests: Path, tmp_path: Path
) -> None:
    build([digests], store)
    for number in (25, 26, 27):
        write(digests, number)
    grown = build([digests], store)
    full = build([digests], store, options=BuildOptions(full=True))
    fresh = build([digests], Store(tmp_path / "fresh"))
    assert full.version == fresh.version != grown.version


def test_steps_give_the_same_version_each_time(digests: Path, tmp_path: Path) -> None:
    last = [digests / f"2024-05-{number}.md" for number in (22, 23, 24)]
    texts = [path.read_text("utf-8") for path in last]
    versions = []
    for name in ("one", "two"):
        for path in last:
            path.unlink()
        store = Store(tmp_path / name)
        build([digests], store)
        for path, text in zip(last, texts, strict=True):
            path.write_text(text, encoding="utf-8")
        versions.append(build([digests], store).version)
    assert versions[0] == versions[1]


def test_a_day_lays_out_nothing(
    store: Store, digests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build([digests], store)
    write(digests, 25)

    def never(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        raise AssertionError(vectors.shape)

    monkeypatch.setattr(making_module, "lay_out", never)
    monkeypatch.setattr(making_module, "name_topics", never)
    assert build([digests], store).new


def test_nobody_loads_what_lays_out_before_it_is_needed() -> None:
    script = (
        "import sys, rag.cli, rag.service.app, index.build;"
        "print([m for m in ('sklearn.manifold', 'sklearn.cluster') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


class TestManyPapers:
    """Of more than LANDMARKS some are laid out, and the others placed among them."""

    @pytest.fixture(autouse=True)
    def few_landmarks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(making_module, "LANDMARKS", 15)
        monkeypatch.setattr(making_module, "_PLACED", 4)

    def _is_in_order(self, projection: Projection, papers: int) -> None:
        assert projection.places.shape == (papers, 2)
        assert len(np.unique(projection.places, axis=0)) == papers
        small = {number for number, one in enumerate(projection.topics) if one.level}
        assert set(projection.regions.tolist()) == small

    def test_only_some_are_laid_out_and_name_the_topics(
        self, store: Store, digests: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        laid_out: list[int] = []
        named: list[list[str]] = []

        def lay(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            laid_out.append(len(vectors))
            return lay_out(vectors)

        def name(texts: Texts, *rest: Any) -> list[list[tuple[Name, ...]]]:
            named.append([paper.id for paper in texts.papers])
            assert len(texts.terms) == len(texts.table)
            for terms, (paper, section, _, start, end) in zip(
                map(texts.terms.words, range(len(texts.terms))), texts.table.tolist(), strict=True
            ):
                text = texts.papers[paper].sections[section].text[start:end]
                assert "검색" not in terms or "검색" in text
            return name_topics(texts, *rest)

        monkeypatch.setattr(making_module, "lay_out", lay)
        monkeypatch.setattr(making_module, "name_topics", name)
        build([digests], store)
        snapshot = store.open_live()
        assert laid_out == [15]
        rows = np.round(np.linspace(0, 23, 15)).astype(int).tolist()
        assert named == [[snapshot.ids[row] for row in rows]]
        self._is_in_order(snapshot.projection, 24)

    def test_each_lies_among_its_like(self, store: Store, digests: Path) -> None:
        build([digests], store)
        snapshot = store.open_live()
        places = snapshot.projection.places
        kinds = np.array([int(name[5:]) % len(KINDS) for name in snapshot.ids])
        apart = ((places[:, None] - places[None]) ** 2).sum(2)
        np.fill_diagonal(apart, np.inf)
        assert np.mean(kinds[apart.argmin(1)] == kinds) > 0.8

    def test_a_new_day_is_placed_among_some_of_the_known(self, store: Store, digests: Path) -> None:
        build([digests], store)
        before = store.open_live()
        for number in (25, 26, 27):
            write(digests, number)
        build([digests], store)
        after = store.open_live()
        assert (after.projection.places[:24] == before.projection.places).all()
        self._is_in_order(after.projection, 27)
        kinds = np.array([int(name[5:]) % len(KINDS) for name in after.ids])
        apart = ((after.projection.places[24:, None] - after.projection.places[:24]) ** 2).sum(2)
        assert (kinds[apart.argmin(1)] == kinds[24:]).sum() >= 2

    def test_the_same_papers_lie_in_the_same_places(
        self, store: Store, digests: Path, tmp_path: Path
    ) -> None:
        other = Store(tmp_path / "other")
        for one in (store, other):
            build([digests], one)
        assert store.live() == other.live()


@pytest.mark.parametrize("count", [1, 2, 3, 5, 15])
def test_few_papers_have_a_projection_too(store: Store, tmp_path: Path, count: int) -> None:
    for number in range(1, count + 1):
        write(tmp_path / "few", number)
    build([tmp_path / "few"], store)
    projection = store.open_live().projection
    assert projection.places.shape == (count, 2)
    assert np.isfinite(projection.places).all()
    write(tmp_path / "few", count + 1)
    build([tmp_path / "few"], store)
    assert len(store.open_live().projection.places) == count + 1


def test_a_snapshot_of_the_format_before_is_to_be_built_again(store: Store, digests: Path) -> None:
    built = build([digests], store)
    manifest = built.folder / LAYOUT.manifest
    said = manifest.read_text("utf-8").replace(f'"format": {FORMAT}', f'"format": {FORMAT - 1}')
    manifest.write_text(said, encoding="utf-8")
    with pytest.raises(SnapshotError, match=rf"format {FORMAT - 1}.*build again"):
        read_manifest(built.folder)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    projection = Projection(
        np.array([[0.5, -1], [1, 0]], np.float32),
        np.array([1, 1], np.int32),
        (
            Topic(0, None, 0.1, 0.2, (Name("speech", "음성"),)),
            Topic(1, 0, 0.1, 0.2, ()),
        ),
    )
    projection.write(tmp_path / "p")
    read = Projection.open(tmp_path / "p")
    assert read.topics == projection.topics
    assert (read.places == projection.places).all()
    assert (read.regions == projection.regions).all()
