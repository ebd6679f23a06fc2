"""The contract of the vector indexes, against brute force: every kind keeps it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from index.settings import VectorSettings
from index.vectors import FaissIndex, IndexFacts, Kind, VectorIndex
from index.vectors.recall import recall_of

Floats = npt.NDArray[np.float32]

ROWS, DIMENSION, GROUPS = 3_000, 24, 60
LISTED = [Kind.SQ8, Kind.RABITQ]


def unit(vectors: npt.NDArray[np.floating]) -> Floats:
    made: Floats = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return made


def grouped(seed: int, rows: int, dimension: int = DIMENSION) -> Floats:
    """Vectors in groups, as those of texts are; the groups are always the same."""
    middles = np.random.default_rng(0).normal(size=(GROUPS, dimension))
    random = np.random.default_rng(seed)
    chosen = middles[random.integers(0, GROUPS, rows)]
    return unit(chosen + 0.7 * random.normal(size=chosen.shape))


VECTORS = grouped(1, ROWS)
QUERIES = grouped(2, 40)


class Written:
    """An index that was written, and what was said of it."""

    def __init__(self, folder: Path, vectors: Floats, settings: VectorSettings) -> None:
        self.file, self.folder = folder / "vectors.npy", folder / "lists"
        np.save(self.file, vectors)
        self.facts = FaissIndex.write(self.file, self.folder, settings)

    def open(self, facts: IndexFacts | None = None) -> FaissIndex:
        return FaissIndex.open(self.file, facts or self.facts, self.folder)


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Written]:
    made: dict[str, Written] = {}

    def make(kind: str) -> Written:
        if kind not in made:
            settings = VectorSettings(kind, recall=0.95)
            made[kind] = Written(tmp_path_factory.mktemp(kind), VECTORS, settings)
        return made[kind]

    return make


@pytest.fixture(params=list(Kind))
def index(request: pytest.FixtureRequest, make: Callable[[str], Written]) -> VectorIndex:
    return make(request.param).open()


@pytest.fixture
def exact(make: Callable[[str], Written]) -> VectorIndex:
    return make(Kind.EXACT).open()


def brute_force(queries: Floats, allowed: npt.NDArray[np.bool_] | None = None) -> Floats:
    scores: Floats = queries @ VECTORS.T
    return scores if allowed is None else np.where(allowed, scores, -np.inf).astype(np.float32)


def nearest(queries: Floats, k: int, allowed: npt.NDArray[np.bool_] | None = None) -> np.ndarray:
    order: np.ndarray = np.argsort(-brute_force(queries, allowed), axis=1, kind="stable")[:, :k]
    return order


def best(queries: Floats, k: int, allowed: npt.NDArray[np.bool_] | None = None) -> Floats:
    scores: Floats = -np.sort(-brute_force(queries, allowed), axis=1)[:, :k]
    return scores


def share_of(found: np.ndarray, wanted: np.ndarray) -> float:
    hits = [len({*one} & {*other}) for one, other in zip(found, wanted, strict=True)]
    return sum(hits) / wanted.size


class TestEveryKind:
    def test_its_name_says_whether_it_is_exact(self, make: Callable[[str], Written]) -> None:
        found = {kind: make(kind).open().is_exact for kind in Kind}
        assert found == {Kind.EXACT: True, Kind.SQ8: False, Kind.RABITQ: False}

    @pytest.mark.parametrize("queries", [QUERIES, QUERIES[:1]], ids=["many", "one"])
    @pytest.mark.parametrize("k", [1, 10, 500])
    def test_scores_are_dot_products_to_the_last_digit_and_descend(
        self, index: VectorIndex, queries: Floats, k: int
    ) -> None:
        found = index.search(queries, k)
        assert found.rows.shape == found.scores.shape == (len(queries), k)
        exact = np.take_along_axis(brute_force(queries), found.rows, 1)
        assert found.scores == pytest.approx(exact, abs=1e-6)
        assert (np.diff(found.scores, axis=1) <= 0).all()
        assert all(len(set(rows)) == k for rows in found.rows.tolist())

    @pytest.mark.parametrize("k", [1, 10, 100])
    def test_nearly_all_of_the_nearest_are_found(self, index: VectorIndex, k: int) -> None:
        found = recall_of(index.search(QUERIES, k).scores, best(QUERIES, k))
        assert found == 1.0 if index.is_exact else found >= 0.9

    @pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
    def test_only_allowed_rows_are_found(self, index: VectorIndex, share: float) -> None:
        allowed = np.random.default_rng(2).random(ROWS) < share
        found = index.search(QUERIES, 10, allowed)
        assert allowed[found.rows].all()
        recall = recall_of(found.scores, best(QUERIES, 10, allowed))
        assert recall >= (1.0 if index.is_exact else 0.9)

    @pytest.mark.parametrize("count", [0, 1, 3])
    def test_no_more_come_back_than_are_allowed(self, index: VectorIndex, count: int) -> None:
        allowed = np.zeros(ROWS, np.bool_)
        allowed[[7, 300, ROWS - 1][:count]] = True
        found = index.search(QUERIES, 10, allowed)
        assert found.rows.shape == (len(QUERIES), count)
        assert (found.rows == nearest(QUERIES, count, allowed)).all()

    def test_no_more_come_back_than_there_are(self, index: VectorIndex) -> None:
        found = index.search(QUERIES[:3], ROWS + 10)
        assert found.rows.shape == (3, ROWS)
        assert all(sorted(rows) == list(range(ROWS)) for rows in found.rows.tolist())

    def test_no_queries_find_nothing(self, index: VectorIndex) -> None:
        assert index.search(QUERIES[:0], 10).rows.shape == (0, 10)

    def test_queries_of_another_dimension_are_refused(self, index: VectorIndex) -> None:
        with pytest.raises(ValueError, match=r"queries \(40, 23\) for vectors"):
            index.search(QUERIES[:, 1:], 10)

    def test_the_same_query_finds_the_same_to_the_bit(self, index: VectorIndex) -> None:
        for queries in (QUERIES, QUERIES[:1]):
            one, other = index.search(queries, 50), index.search(queries.copy(), 50)
            assert one.rows.tobytes() == other.rows.tobytes()
            assert one.scores.tobytes() == other.scores.tobytes()

    def test_the_vectors_come_back_and_cannot_be_written_to(self, index: VectorIndex) -> None:
        assert (index.vectors == VECTORS).all()
        with pytest.raises(ValueError, match="read-only"):
            index.vectors[0, 0] = 1

    def test_the_vectors_are_mapped_not_read(self, index: VectorIndex) -> None:
        base: object = index.vectors
        while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
            base = base.base
        assert isinstance(base, np.memmap)


def test_exact_finds_what_brute_force_finds(exact: VectorIndex) -> None:
    allowed = np.random.default_rng(2).random(ROWS) < 0.1
    found = exact.search(QUERIES, 500)
    assert found.scores == pytest.approx(-np.sort(-brute_force(QUERIES), axis=1)[:, :500], abs=1e-6)
    assert (exact.search(QUERIES, 10).rows == nearest(QUERIES, 10)).all()
    assert (exact.search(QUERIES, 10, allowed).rows == nearest(QUERIES, 10, allowed)).all()


@pytest.mark.parametrize("kind", LISTED)
class TestLists:
    def test_all_that_pass_a_filter_are_found_where_they_are_few(
        self, make: Callable[[str], Written], kind: Kind
    ) -> None:
        """Where a filter leaves few rows in each list, a search of some lists would miss most."""
        allowed = np.arange(ROWS) % 50 == 0
        found = make(kind).open().search(QUERIES, 30, allowed).rows
        assert (found == nearest(QUERIES, 30, allowed)).all()

    def test_more_lists_are_visited_where_a_filter_leaves_less_in_each(
        self, make: Callable[[str], Written], kind: Kind, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("index.vectors.faiss._FEW", 0)
        allowed = np.random.default_rng(5).random(ROWS) < 0.05
        found = make(kind).open().search(QUERIES, 100, allowed)
        assert allowed[found.rows].all()
        assert recall_of(found.scores, best(QUERIES, 100, allowed)) >= 0.9

    def test_what_is_measured_is_what_is_found(
        self, make: Callable[[str], Written], kind: Kind
    ) -> None:
        written = make(kind)
        assert written.facts.kind is kind
        assert written.facts.recall >= 0.95
        queries = grouped(9, 400)
        found = recall_of(written.open().search(queries, 10).scores, best(queries, 10))
        assert found == pytest.approx(written.facts.recall, abs=0.04)

    def test_the_more_lists_are_visited_the_more_is_found(
        self, make: Callable[[str], Written], kind: Kind
    ) -> None:
        lists = make(kind).open().lists
        assert lists is not None
        random = unit(np.random.default_rng(3).normal(size=(200, DIMENSION)))  # in no group
        wanted = nearest(random, 10)
        found = [share_of(lists.search(random, 400, probes), wanted) for probes in (1, 8, 64)]
        assert found[0] < found[1] < found[2]
        assert found[2] > 0.97

    def test_the_same_vectors_make_the_same_files_to_the_bit(
        self, make: Callable[[str], Written], kind: Kind, tmp_path: Path
    ) -> None:
        one, other = make(kind), Written(tmp_path, VECTORS, VectorSettings(kind, recall=0.95))
        assert one.facts == other.facts
        files = sorted(path.name for path in one.folder.iterdir())
        assert files == sorted(path.name for path in other.folder.iterdir())
        assert len(files) > 3
        for name in files:
            assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes()


@pytest.mark.parametrize("kind", LISTED)
class TestBadFiles:
    """FAISS is given addresses; what it finds beyond a file's end, it would take for vectors."""

    @pytest.fixture
    def written(self, tmp_path: Path, kind: Kind) -> Written:
        return Written(tmp_path, VECTORS, VectorSettings(kind, recall=0.5))

    @pytest.mark.parametrize(
        "name", ["codes.bin", "sizes.npy", "centroids.npy", "rotation.npy", "ranges.npy"]
    )
    def test_a_file_that_is_missing(self, written: Written, name: str) -> None:
        (written.folder / name).unlink()
        with pytest.raises(FileNotFoundError, match=name):
            written.open()

    @pytest.mark.parametrize("by", [-1, 1, 4096])
    def test_codes_that_are_longer_or_shorter(self, written: Written, by: int) -> None:
        codes = (written.folder / "codes.bin").read_bytes()
        (written.folder / "codes.bin").write_bytes(codes[:by] if by < 0 else codes + bytes(by))
        with pytest.raises(ValueError, match=r"codes.bin should have \d+ bytes"):
            written.open()

    @pytest.mark.parametrize(
        ("name", "change", "message"),
        [
            ("sizes", lambda sizes: sizes[:-1], "sizes should be those"),
            ("sizes", lambda sizes: sizes.astype(np.int32), "sizes should be those"),
            ("sizes", lambda sizes: sizes * np.where(np.arange(len(sizes)), 1, -1), "below 0"),
            ("sizes", lambda sizes: sizes * 2**40, "bytes"),
            ("centroids", lambda points: points[:, :-1], "should be|lists of"),
            ("centroids", lambda points: points.astype(np.float64), "centroids should be"),
            ("centroids", lambda points: points[0], "centroids"),
            ("rotation", lambda rotation: np.zeros((3, 3), np.float32), "rotation should be"),
            ("ranges", lambda ranges: np.zeros(5, np.float32), "ranges should be"),
        ],
    )
    def test_arrays_of_another_form(
        self,
        written: Written,
        name: str,
        change: Callable[[np.ndarray], np.ndarray],
        message: str,
    ) -> None:
        path = written.folder / f"{name}.npy"
        np.save(path, np.ascontiguousarray(change(np.load(path))))
        with pytest.raises(ValueError, match=message):
            written.open()

    def test_other_vectors(self, written: Written) -> None:
        np.save(written.file, VECTORS[:-1])
        with pytest.raises(ValueError, match="lists of"):
            written.open()

    @pytest.mark.parametrize(
        "change", [{"probes": 0}, {"probes": 10**6}, {"lists": 7}, {"rescored": 0}]
    )
    def test_facts_that_do_not_fit(
        self, written: Written, kind: Kind, change: dict[str, int]
    ) -> None:
        facts = {**written.facts.as_json(), **change}
        with pytest.raises(ValueError, match=r"lists|compared"):
            written.open(IndexFacts.from_json(facts))

    def test_rows_that_are_none(self, written: Written) -> None:
        """Whatever stands in the lists, no row but those of the vectors comes back."""
        path = written.folder / "codes.bin"
        codes = np.fromfile(path, np.uint8)
        codes[:] = 0x07
        codes.tofile(path)
        with pytest.raises(IndexError):
            written.open().search(QUERIES, 10)


def test_facts_of_no_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="hnsw"):
        IndexFacts.from_json({**IndexFacts().as_json(), "kind": "hnsw"})


def test_lists_without_files_are_refused() -> None:
    with pytest.raises(ValueError, match="has files"):
        FaissIndex(VECTORS, IndexFacts(Kind.SQ8, 16, 1, 10))
