"""Copies that a build has found don't come back for each other."""

from __future__ import annotations

import pytest

from index.build import build
from index.quality import Flag
from index.settings import BuildSettings
from index.snapshot import Snapshot
from index.store import Store
from rag.search import Searcher
from rag.similar import similar
from tests.quick_encoder import use_quick_encoder
from tests.rag.tiny import number, write_digest

KILN = (
    "가마의 온도를 십 분마다 재어 그릇이 언제 갈라지는지 미리 알려 주는 장치를 만들었습니다."
    " 흙의 종류가 다른 그릇 삼백 개로 시험하여 열에 아홉은 갈라지기 한 시간 전에 알았습니다."
)
TIDE = (
    "갯벌에 사는 게가 물때를 어떻게 아는지 알아보려고 빛과 소리를 바꾸어 가며 지켜보았습니다."
    " 달빛을 가리면 물때를 놓치고 소리는 아무 영향이 없다는 것을 두 해 동안 확인했습니다."
)
PAPERS = [
    ("Kilns that Warn", KILN),
    ("Pots and Fire", KILN),
    ("Crabs and the Moon", TIDE),
    ("Tides without Light", TIDE),
    ("Glaze in Winter", "겨울에 바른 유약이 가마 안에서 고르게 녹지 않는 까닭을 다룹니다."),
]


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("copies")
    write_digest(folder / "digests", PAPERS)
    with pytest.MonkeyPatch.context() as patch:
        use_quick_encoder(patch)
        store = Store(folder / "data")
        build([folder / "digests"], store, BuildSettings())
        return store.open_live()


def _ids(snapshot: Snapshot, paper: int, top_k: int = 10) -> set[str]:
    found = similar(Searcher(snapshot), [number(paper)], top_k=top_k)
    return {one.hit.paper.id for one in found.hits}


def test_the_build_has_found_them(copies: Snapshot) -> None:
    flagged = copies.flagged({Flag.DUPLICATE_SUMMARY})
    assert {name for name, one in zip(copies.ids, flagged, strict=True) if one} == {
        number(n) for n in range(4)
    }


@pytest.mark.parametrize("paper", [0, 1])
def test_a_copy_of_the_paper_asked_about_does_not_come_back(copies: Snapshot, paper: int) -> None:
    found = _ids(copies, paper)
    assert not found & {number(0), number(1)}
    assert number(4) in found


def test_of_two_copies_one_comes(copies: Snapshot) -> None:
    for paper in (0, 4):
        assert len(_ids(copies, paper) & {number(2), number(3)}) == 1
    assert len(_ids(copies, 4) & {number(0), number(1)}) == 1
    assert len(_ids(copies, 4, top_k=2)) == 2


def test_copies_of_what_to_stay_away_from_do_not_come(copies: Snapshot) -> None:
    found = similar(Searcher(copies), [number(4)], [number(0)])
    assert number(1) not in {one.hit.paper.id for one in found.hits}
