"""Snapshots whose vectors lie in lists, against the same that are searched each by each."""

from __future__ import annotations

import errno
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import IO

import numpy as np
import pytest

from index import ahead
from index.build import Built, build
from index.errors import SnapshotError
from index.manifest import LAYOUT, read_manifest, seal
from index.paper_index import Floats, PaperIndex
from index.settings import BuildOptions, BuildSettings, CheckSettings, LearnSettings, VectorSettings
from index.snapshot import Snapshot
from index.store import Store
from index.vectors.recall import recall_of
from rag.filters import Filters
from rag.search import Searcher
from rag.similar import similar
from tests.quick_encoder import use_quick_encoder

PAPERS = 280  # with fewer than 256 of anything there are no lists
TOPICS = [
    ("Diffusion for Images", "확산 모형으로 그림을 만든다", "잡음을 단계마다 줄인다"),
    ("Graphs of Molecules", "그래프 신경망으로 분자를 본다", "결합을 변으로 나타낸다"),
    ("Speech without Text", "말을 글 없이 배운다", "음성의 단위를 스스로 찾는다"),
    ("Retrieval in Korean", "한국어 문서를 찾는다", "형태소로 나누어 견준다"),
    ("Robots that Grasp", "로봇이 물건을 집는다", "손끝의 힘을 느낀다"),
    ("Agents with Tools", "도구를 쓰는 에이전트를 다룬다", "계획을 세우고 고친다"),
]
WORDS = [f"낱말{number}" for number in range(120)]
EXACT = VectorSettings("exact")
LISTED = VectorSettings("sq8", recall=0.95)


def write_day(folder: Path, day: int, numbers: range) -> None:
    """A digest; a paper says the same whenever it is written."""
    folder.mkdir(exist_ok=True)
    papers = []
    for number in numbers:
        random = Random(number)
        title, first, second = TOPICS[number % len(TOPICS)]
        said = " ".join(random.sample(WORDS, 4))
        more = " ".join(random.sample(WORDS, 4))
        papers.append(
            f"### [{title} {number}](https://arxiv.org/abs/2405.{number:05})\n\n"
            f"Authors: Ada {number % 7}\n\n"
            f"- **What's New**: {first}. {said} 이야기이다.\n"
            f"- **Technical Details**: {second}. {more} 방법을 쓴다.\n"
        )
    (folder / f"2024-05-{day:02}.md").write_text("\n".join(papers), encoding="utf-8")


def settings(vectors: VectorSettings) -> BuildSettings:
    return BuildSettings(
        learn=LearnSettings(budget_s=0.5, held_out=0.02),
        checks=CheckSettings(least_kept=0.0),
        vectors=vectors,
    )


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        use_quick_encoder(patch)
        yield


@pytest.fixture(scope="module")
def digests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digests")
    for day in range(1, 9):
        write_day(folder, day, range((day - 1) * PAPERS // 8, day * PAPERS // 8))
    return folder


@pytest.fixture(scope="module")
def exact(digests: Path, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    store = Store(tmp_path_factory.mktemp("exact"))
    build([digests], store, settings(EXACT))
    return store.open_live()


@pytest.fixture(scope="module")
def first(digests: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Built]:
    store = Store(tmp_path_factory.mktemp("listed"))
    return store, build([digests], store, settings(LISTED))


@pytest.fixture
def store(first: tuple[Store, Built], tmp_path: Path) -> Store:
    """A copy of the listed one, to build on."""
    return Store(Path(shutil.copytree(first[0].folder, tmp_path / "data")))


@pytest.fixture(scope="module")
def listed(first: tuple[Store, Built]) -> Snapshot:
    return first[0].open_live()


class TestBuild:
    def test_every_array_of_vectors_gets_lists(self, listed: Snapshot) -> None:
        facts = listed.manifest.vectors
        assert {name for name, one in facts.items() if one.get("kind") == "sq8"} == {
            LAYOUT.vectors,
            LAYOUT.titles,
            LAYOUT.latent,
            LAYOUT.centres,
        }
        assert not listed.vectors.is_exact
        assert facts["settings"] == LISTED.as_json()

    def test_small_ones_are_searched_each_by_each(self, exact: Snapshot) -> None:
        assert exact.vectors.is_exact
        assert {one.get("kind", "exact") for one in exact.manifest.vectors.values()} == {"exact"}
        assert not (exact.folder / LAYOUT.lists).exists()
        assert not (exact.folder / LAYOUT.centres).exists()

    def test_the_report_says_what_is_found(self, first: tuple[Store, Built]) -> None:
        _, built = first
        passages = built.report.indexes["vectors"]
        assert passages["kind"] == "sq8"
        assert passages["recall"] >= 0.95
        assert 0 < passages["probes"] <= passages["lists"]

    def test_the_recall_is_that_of_titles_that_search_passages(self, listed: Snapshot) -> None:
        assert listed.titles is not None
        found = listed.vectors.search(listed.titles, 10).scores
        wanted = -np.sort(-(listed.titles @ listed.vectors.vectors.T), axis=1)[:, :10]
        recall = listed.manifest.vectors[LAYOUT.vectors]["recall"]
        assert recall_of(found, wanted) == pytest.approx(recall, abs=0.03)

    def test_titles_are_searched_beside_passages(
        self, listed: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        vector = np.array(listed.vectors.vectors[7])
        monkeypatch.setattr(ahead, "cpu_count", lambda: 1)
        alone = ahead.near_vector(listed, vector, 5)
        monkeypatch.setattr(ahead, "cpu_count", lambda: 2)
        threads = set[int]()
        title_index = listed.title_index
        assert title_index is not None

        def scores(query: Floats, candidates: int) -> Floats:
            threads.add(threading.get_ident())
            return PaperIndex.scores(title_index, query, candidates)

        monkeypatch.setattr(title_index, "scores", scores)
        both = ahead.near_vector(listed, vector, 5)
        assert threading.get_ident() not in threads
        assert alone.titles is not None
        assert both.titles is not None
        assert both.titles.tobytes() == alone.titles.tobytes()
        assert both.passages.rows.tolist() == alone.passages.rows.tolist()

    def test_centres_are_written_as_they_are_computed(
        self, listed: Snapshot, exact: Snapshot
    ) -> None:
        np.testing.assert_allclose(
            listed.centre_index.vectors, exact.centre_index.vectors, atol=1e-6
        )

    def test_the_same_digests_are_nothing_new(
        self, first: tuple[Store, Built], digests: Path
    ) -> None:
        assert not build([digests], first[0], settings(LISTED)).new

    @pytest.mark.parametrize(
        "change", [{"index": "exact"}, {"index": "rabitq"}, {"recall": 0.9}, {"exact_rows": 7}]
    )
    def test_after_a_change_of_settings_only_lists_are_made(
        self, store: Store, digests: Path, change: dict[str, object]
    ) -> None:
        again = build([digests], store, settings(replace(LISTED, **change)))  # type: ignore[arg-type]
        assert again.new
        assert again.report.encoded == 0
        assert store.open_live().vectors.is_exact == (change == {"index": "exact"})


class TestAddedDays:
    @pytest.fixture
    def grown(
        self, store: Store, digests: Path, tmp_path: Path
    ) -> Callable[..., tuple[Snapshot, Snapshot]]:
        def grow(numbers: range, **options: bool) -> tuple[Snapshot, Snapshot]:
            """The version before, and the one with another day."""
            before = store.open_live()
            write_day(tmp_path / "more", 20, numbers)
            build([digests, tmp_path / "more"], store, settings(LISTED), BuildOptions(**options))
            return before, store.open_live()

        return grow

    def test_a_day_does_not_learn_the_clusters_anew(
        self, grown: Callable[..., tuple[Snapshot, Snapshot]]
    ) -> None:
        before, after = grown(range(PAPERS, PAPERS + 20))
        assert len(after) == PAPERS + 20
        for name in (LAYOUT.vectors, LAYOUT.titles, LAYOUT.latent, LAYOUT.centres):
            one, other = (
                np.load(LAYOUT.lists_of(snapshot.folder, name) / "centroids.npy")
                for snapshot in (before, after)
            )
            assert one.tobytes() == other.tobytes()
            learned = [s.manifest.vectors[name]["learned_from"] for s in (before, after)]
            assert learned[0] == learned[1]
        assert after.manifest.vectors[LAYOUT.vectors]["recall"] >= 0.95
        new = len(before.owners)
        found = after.vectors.search(after.vectors.vectors[new:], 1).rows[:, 0]
        assert (found >= new).mean() > 0.9

    def test_a_corpus_that_has_doubled_is_learned_anew(
        self, grown: Callable[..., tuple[Snapshot, Snapshot]]
    ) -> None:
        _, after = grown(range(PAPERS, 2 * PAPERS + 60))
        facts = after.manifest.vectors[LAYOUT.vectors]
        assert facts["learned_from"] == len(after.owners)

    def test_vectors_that_have_strayed_from_the_clusters_are_learned_anew(
        self,
        grown: Callable[..., tuple[Snapshot, Snapshot]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("index.vectors.faiss._STRAYED", 2.0)
        _, after = grown(range(PAPERS, PAPERS + 20))
        facts = after.manifest.vectors[LAYOUT.vectors]
        assert facts["learned_from"] == len(after.owners)

    def test_a_full_build_learns_anew(
        self, grown: Callable[..., tuple[Snapshot, Snapshot]]
    ) -> None:
        _, after = grown(range(PAPERS, PAPERS + 20), full=True)
        facts = after.manifest.vectors[LAYOUT.vectors]
        assert facts["learned_from"] == len(after.owners)


class TestSearch:
    QUERIES = (
        "확산 모형으로 그림을 만드는 방법",
        "graphs of molecules",
        "낱말17 낱말31",
        "도구를 쓰는 에이전트",
        "한국어 문서 찾기 낱말5",
    )

    def searcher(self, snapshot: Snapshot, exact: Snapshot) -> Searcher:
        snapshot.learned = replace(snapshot.learned, weights=exact.learned.weights)
        return Searcher(snapshot)

    @pytest.mark.parametrize(
        "filters",
        [
            Filters(),
            Filters(authors=("ada 3",)),
            Filters(sections=("Technical Details",)),
            Filters(ids=("2405.00007", "2405.00008", "2405.00123")),
        ],
        ids=["all", "authors", "sections", "ids"],
    )
    def test_it_finds_what_an_exact_search_finds(
        self, listed: Snapshot, exact: Snapshot, filters: Filters
    ) -> None:
        one, other = self.searcher(listed, exact), self.searcher(exact, exact)
        same, all_of_them = 0, 0
        for text in self.QUERIES:
            found, wanted = (
                [hit.paper.id for hit in s.search(text, 10, filters=filters).hits]
                for s in (one, other)
            )
            assert len(found) == len(wanted)
            same, all_of_them = same + len({*found} & {*wanted}), all_of_them + len(wanted)
        assert same >= 0.8 * all_of_them

    def test_what_a_filter_leaves_out_is_not_found(self, listed: Snapshot, exact: Snapshot) -> None:
        found = self.searcher(listed, exact).search(
            self.QUERIES[0], 50, filters=Filters(authors=("ada 3",))
        )
        assert found.hits
        assert all(hit.paper.authors == ("Ada 3",) for hit in found.hits)

    def test_similar_papers_are_those_of_an_exact_search(
        self, listed: Snapshot, exact: Snapshot
    ) -> None:
        one, other = self.searcher(listed, exact), self.searcher(exact, exact)
        same = 0
        for paper in ("2405.00007", "2405.00100", "2405.00231"):
            found, wanted = (
                {h.hit.paper.id for h in similar(s, [paper]).hits} for s in (one, other)
            )
            same += len(found & wanted)
        assert same >= 24


@pytest.mark.parametrize("name", ["codes.bin", LAYOUT.centres])
def test_a_disk_that_is_full_is_told_and_nothing_is_published(
    store: Store, digests: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A map whose pages can't be written back would end the process without a word."""

    def full(file: IO[bytes], size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if name == "codes.bin":
        monkeypatch.setattr("index.vectors.lists.reserve", full)
    else:
        monkeypatch.setattr("index.indexing.ArrayFile.write", full)
    before = store.live()
    with pytest.raises(SnapshotError, match=r"could not be written to .*: no space left on device"):
        build([digests], store, settings(replace(LISTED, recall=0.9)))
    assert store.live() == before


class TestPaperIndex:
    def test_the_nearest_have_their_own_cosines_and_the_rest_the_last_one(
        self, listed: Snapshot
    ) -> None:
        index = listed.title_index
        assert index is not None
        query = listed.vectors.vectors[5]
        cosines = index.vectors @ query
        moments = (cosines.mean(), cosines.std())
        scores = index.scores(query, 40) * moments[1] + moments[0]
        own = np.isclose(scores, cosines, atol=1e-4)
        assert 40 <= own.sum() <= 60
        floor = scores[~own]
        assert np.ptp(floor) < 1e-5
        assert floor[0] == pytest.approx(np.sort(cosines)[-40], abs=0.02)

    def test_each_of_several_is_scored_as_alone(self, listed: Snapshot, exact: Snapshot) -> None:
        for snapshot in (listed, exact):
            index = snapshot.title_index
            assert index is not None
            queries = snapshot.vectors.vectors[:4]
            alone = np.stack([index.scores(query, 60) for query in queries])
            np.testing.assert_allclose(index.scores_of_each(queries, 60), alone, atol=1e-4)


class TestBroken:
    @pytest.fixture
    def folder(self, listed: Snapshot, tmp_path: Path) -> Path:
        return Path(shutil.copytree(listed.folder, tmp_path / "copy"))

    @pytest.mark.parametrize(
        "name", ["codes.bin", "centroids.npy", "sizes.npy", "distribution.npy"]
    )
    def test_a_list_that_was_changed_is_named(self, folder: Path, name: str) -> None:
        path = LAYOUT.lists_of(folder, LAYOUT.titles) / name
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        with pytest.raises(SnapshotError, match=f"{name} is broken: its checksum differs"):
            Snapshot.open(folder)

    @pytest.mark.parametrize("name", [LAYOUT.vectors, LAYOUT.titles, LAYOUT.latent])
    @pytest.mark.parametrize(
        "facts", [{}, {"kind": "none"}, {"probes": 0}, {"lists": 3}, {"kind": "rabitq"}]
    )
    def test_a_manifest_that_says_otherwise_is_refused(
        self, folder: Path, name: str, facts: dict[str, object]
    ) -> None:
        manifest = read_manifest(folder)
        changed = {**manifest.vectors[name], **facts} if facts else {}
        seal(folder, replace(manifest, vectors={**manifest.vectors, name: changed}))
        with pytest.raises(SnapshotError, match="can't be opened"):
            Snapshot.open(folder)
