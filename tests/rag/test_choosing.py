"""Which of the papers with the best scores come back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from index.build import build
from index.quality import Flag
from index.scoring import Allowed
from index.settings import BuildSettings
from index.snapshot import Snapshot
from index.store import Store
from rag.choosing import choose, diversify, likeness
from tests.quick_encoder import use_quick_encoder
from tests.rag.tiny import build_tiny, doubt, number

RIVERS = (
    "강바닥의 조약돌을 소리로 나누어 크기 순서대로 줄을 세우는 새로운 장치를 소개합니다."
    " 물살이 빠른 곳에서도 돌 하나에 십 분의 일 초면 충분합니다."
)
LAMPS = "등대의 불빛이 안개 속에서 얼마나 멀리 가는지 열두 해 동안 날마다 재어 기록했습니다."
PAPERS = [
    ("Pebbles in Order: Sorting by Sound", RIVERS),
    ("Lighthouses in Fog", LAMPS),
    (
        "pebbles in order - sorting by sound!",
        "같은 논문을 다른 이름으로 다시 올린 것으로 글은 다릅니다.",
    ),
    ("Bread and Yeast", "빵을 굽는 온도와 효모의 종류를 비교하였습니다."),
    ("Sails in the Wind", RIVERS),
    ("Kites over Harbours", RIVERS),
    ("Ladders", "사다리를 기대는 각도를 안전하게 고르는 방법입니다."),
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_tiny(tmp_path_factory.mktemp("choosing"), PAPERS)


@pytest.fixture(scope="module")
def copied(plain: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The same, but that the three papers about rivers are known to be copies."""
    folder = tmp_path_factory.mktemp("copied") / "own"
    copies = [number(place) for place, (_, text) in enumerate(PAPERS) if text == RIVERS]
    return doubt(plain, folder, *copies, flag=Flag.DUPLICATE_SUMMARY)


def _scores(snapshot: Snapshot) -> npt.NDArray[np.float32]:
    """The papers as they stand in the digest, the first the best."""
    places = {number(place): place for place in range(len(PAPERS))}
    return np.array([-places[name] for name in snapshot.ids], np.float32)


def _choose(snapshot: Snapshot, known: Sequence[int] = (), top_k: int = 10) -> list[int]:
    """The places of the papers that are chosen."""
    places = {snapshot.row_of(number(place)): place for place in range(len(PAPERS))}
    rows = [row for row, place in places.items() if place in known and row is not None]
    allowed = np.ones(len(snapshot), np.bool_)
    allowed[rows] = False
    mask = Allowed(allowed, allowed[snapshot.owners])
    return [places[row] for row in choose(snapshot, _scores(snapshot), rows, top_k, mask)]


def test_the_same_paper_under_another_id_comes_once(plain: Snapshot) -> None:
    assert _choose(plain) == [0, 1, 3, 4, 5, 6]
    assert _choose(plain, [0]) == [1, 3, 4, 5, 6]
    assert _choose(plain, [2]) == [1, 3, 4, 5, 6]


def test_a_paper_of_the_same_title_and_other_authors_is_another(tmp_path: Path) -> None:
    def entry(place: int, author: str) -> str:
        return (
            f"### [A Survey](https://arxiv.org/abs/{number(place)})\n\n"
            f"Authors: {author}\n\n- **What's New**: {place}번째 글을 요약합니다.\n\n"
        )

    (tmp_path / "2024-01-01.md").write_text(
        entry(0, "Kim Nari") + entry(1, "Lee Bora") + entry(2, "Lee Bora, Kim Nari"), "utf-8"
    )
    with pytest.MonkeyPatch.context() as patch:
        use_quick_encoder(patch)
        store = Store(tmp_path / "data")
        build([tmp_path / "2024-01-01.md"], store, BuildSettings())
        snapshot = store.open_live()
    assert all(snapshot.paper(row).authors for row in range(3))
    scores = np.zeros(3, np.float32)
    chosen = [snapshot.ids[row] for row in choose(snapshot, scores, [], 3, None)]
    assert chosen == [number(2)]
    first = snapshot.row_of(number(0))
    assert first is not None
    known = np.arange(3) != first
    mask = Allowed(known, known[snapshot.owners])
    chosen = [snapshot.ids[row] for row in choose(snapshot, scores, [first], 3, mask)]
    assert chosen == [number(1)]


def test_copies_come_once_and_not_for_each_other(copied: Snapshot) -> None:
    assert _choose(copied) == [0, 1, 3, 6]
    assert _choose(copied, [4]) == [1, 2, 3, 6]
    assert len(set(copied.families.values())) == 1
    assert len(copied.families) == 3


@pytest.mark.parametrize("top_k", [1, 2, 3, 4])
def test_others_take_the_places_of_copies(copied: Snapshot, top_k: int) -> None:
    assert _choose(copied, top_k=top_k) == [0, 1, 3, 6][:top_k]


def _mmr(
    scores: npt.NDArray[np.float64], alike: npt.NDArray[np.float64], top_k: int, weight: float
) -> list[int]:
    """Carbonell and Goldstein 1998, as it stands there, with lambda = 1 - weight."""
    good = (scores - scores.min()) / (scores.max() - scores.min())
    chosen: list[int] = []
    while len(chosen) < top_k:
        left = [place for place in range(len(scores)) if place not in chosen]
        chosen.append(
            max(
                left,
                key=lambda one: (
                    (1 - weight) * good[one]
                    - weight * max((alike[one, other] for other in chosen), default=0.0)
                ),
            )
        )
    return chosen


@pytest.mark.parametrize("weight", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_different_papers_are_chosen_by_marginal_relevance(weight: float) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.random((30, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores, alike = rng.normal(size=30).astype(np.float32), vectors @ vectors.T
    wanted = _mmr(scores.astype(np.float64), alike.astype(np.float64), 10, weight)
    assert list(diversify(scores, alike, 10, weight)) == wanted
    assert list(diversify(scores, alike, 99, 0)) == np.argsort(-scores).tolist()


def test_papers_that_are_all_as_good_are_chosen_by_what_is_new() -> None:
    alike = np.array([[1, 1, 0.1], [1, 1, 0.1], [0.1, 0.1, 1]], np.float32)
    assert list(diversify(np.zeros(3, np.float32), alike, 3, 0.5)) == [0, 2, 1]


def test_likeness_is_a_cosine_with_and_without_a_latent_space(snapshot: Snapshot) -> None:
    rows = list(range(0, len(snapshot), 3))
    bare = snapshot.without_titles(latent=False)
    assert snapshot.latent is not None
    assert bare.latent is None
    means = np.stack([bare.vectors.vectors[list(bare.passages_of(row))].mean(0) for row in rows])
    for one, vectors in ((snapshot, snapshot.latent.papers[rows]), (bare, means)):
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        np.testing.assert_allclose(likeness(one, rows), np.clip(unit @ unit.T, 0, 1), atol=1e-5)


def test_diversity_looks_beyond_the_best(snapshot: Snapshot) -> None:
    assert snapshot.latent is not None
    scores = snapshot.latent.papers @ snapshot.latent.papers[0]
    straight = choose(snapshot, scores, [], 5, None)
    spread = choose(snapshot, scores, [], 5, None, 0.6)
    alike = likeness(snapshot, list(range(len(snapshot))))

    def sameness(rows: list[int]) -> float:
        return float(sum(alike[a, b] for a in rows for b in rows if a < b))

    assert spread[0] == straight[0] == 0
    assert sameness(spread) < sameness(straight)
