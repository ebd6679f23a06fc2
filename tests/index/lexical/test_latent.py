"""The latent space against a singular value decomposition written out in numpy."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from index.lexical import LatentSpace
from index.lexical.latent import TITLE, joined

Doubles = npt.NDArray[np.float64]

K1 = 1.2
HALF = 2e-3  # what the terms' vectors lose in half precision

# Two subjects; "rotary" stands with "로터리", which no paper has alone.
TEXTS = [
    "이미지 확산 잡음 생성 이미지",
    "이미지 확산 단계 생성 화가",
    "확산 잡음 단계 이미지 격자",
    "생성 이미지 잡음 확산 확산 확산",
    "이미지 단계 잡음 생성",
    "언어 모델 위치 로터리 문장",
    "언어 문장 위치 번역 로터리",
    "모델 언어 번역 문장",
    "위치 로터리 언어 모델 모델",
    "번역 문장 언어 모델 사전",
]
TITLES = [
    "diffus imag",
    "imag painter",
    "diffus step",
    "diffus imag",
    "imag",
    "rotari languag",
    "languag translat",
    "languag translat",
    "rotari posit",
    "languag",
]


def split(lines: Sequence[str]) -> list[list[str]]:
    return [line.split() for line in lines]


@pytest.fixture(scope="module")
def space() -> LatentSpace:
    return learned(split(TEXTS), split(TITLES))


def learned(texts: list[list[str]], titles: list[list[str]]) -> LatentSpace:
    found = LatentSpace.learn(texts, titles)
    assert found is not None
    return found


def by_hand(
    texts: list[list[str]], titles: list[list[str]], asked: Sequence[Sequence[str]]
) -> Doubles:
    """Where some texts lie, from the papers' whole decomposition: (asked, dimension)."""
    papers = [[*text, *title * TITLE] for text, title in zip(texts, titles, strict=True)]
    having = Counter(term for paper in papers for term in set(paper))
    terms = sorted(term for term, count in having.items() if count >= 2)
    rarity = [math.log((len(papers) + 1) / (having[term] + 0.5)) for term in terms]

    def rows(documents: Sequence[Sequence[str]]) -> Doubles:
        matrix = np.zeros((len(documents), len(terms)))
        for row, document in enumerate(documents):
            counts = Counter(document)
            for column, term in enumerate(terms):
                matrix[row, column] = counts[term] / (counts[term] + K1) * rarity[column]
        return unit(matrix)

    _, _, axes = np.linalg.svd(rows(papers), full_matrices=False)
    dimension = min(300, len(papers) // 2, len(terms) // 2)
    return unit(rows(asked) @ axes[:dimension].T)


def unit(matrix: Doubles) -> Doubles:
    made: Doubles = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
    return made


def cosine(space: LatentSpace, one: str, other: str) -> float:
    return float(space.vector(one.split()) @ space.vector(other.split()))


class TestVectors:
    def test_papers_lie_as_the_decomposition_says(self, space: LatentSpace) -> None:
        texts, titles = split(TEXTS), split(TITLES)
        papers = [joined(*pair) for pair in zip(texts, titles, strict=True)]
        found, wanted = space.vectors(papers), by_hand(texts, titles, papers)
        assert found.shape == wanted.shape
        # The axes may be turned, so that cosines are compared.
        np.testing.assert_allclose(found @ found.T, wanted @ wanted.T, atol=HALF)

    def test_queries_lie_as_the_decomposition_says(self, space: LatentSpace) -> None:
        texts, titles = split(TEXTS), split(TITLES)
        asked = split(["확산", "언어 모델 모델", "imag 로터리 없는말", "사전 번역", "rotari"])
        papers = [joined(*pair) for pair in zip(texts, titles, strict=True)]
        wanted = by_hand(texts, titles, [*papers, *asked])
        found = space.vectors([*papers, *asked])
        np.testing.assert_allclose(found @ found.T, wanted @ wanted.T, atol=HALF)

    def test_many_random_papers_lie_as_the_decomposition_says(self) -> None:
        random = np.random.default_rng(0)
        words = [f"w{i}" for i in range(60)]
        # A few subjects, so that the first dimensions say nearly all.
        subjects = random.dirichlet(np.full(60, 0.05), 5)
        texts = [random.choice(words, 40, p=subjects[row % 5]).tolist() for row in range(20)]
        titles = [random.choice(words, 3, p=subjects[row % 5]).tolist() for row in range(20)]
        papers = [joined(*pair) for pair in zip(texts, titles, strict=True)]
        found = learned(texts, titles).vectors(papers)
        wanted = by_hand(texts, titles, papers)
        np.testing.assert_allclose(found @ found.T, wanted @ wanted.T, atol=HALF)

    def test_vectors_have_the_length_one(self, space: LatentSpace) -> None:
        found = space.vectors(split(TEXTS))
        assert found.dtype == np.float32
        assert found.shape == (len(TEXTS), space.dimension)
        assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)

    def test_words_that_stand_together_come_to_lie_near_each_other(
        self, space: LatentSpace
    ) -> None:
        assert cosine(space, "잡음", "확산") > 0.8
        assert cosine(space, "문장", "언어") > 0.8
        assert abs(cosine(space, "잡음", "언어")) < 0.1
        assert abs(cosine(space, "확산", "번역")) < 0.1

    def test_words_that_never_stand_together_are_near_by_what_they_share(self) -> None:
        # "car" and "auto" never meet, but both go with an engine; five terms make two dimensions.
        texts = split(["car engine"] * 3 + ["auto engine"] * 3 + ["soup salt"] * 4)
        space = learned(texts, [[] for _ in texts])
        assert cosine(space, "car", "auto") > 0.5
        assert abs(cosine(space, "car", "soup")) < 0.05

    def test_a_word_is_near_its_translation(self, space: LatentSpace) -> None:
        assert cosine(space, "로터리", "rotari") > 0.8
        assert cosine(space, "diffus", "확산") > 0.8
        assert abs(cosine(space, "diffus", "로터리")) < 0.2

    def test_the_order_of_words_does_not_count(self, space: LatentSpace) -> None:
        one = space.vector(["언어", "모델", "확산"])
        assert space.vector(["확산", "언어", "모델"]) == pytest.approx(one, abs=1e-6)

    def test_a_repeated_word_counts_more_but_less_each_time(self, space: LatentSpace) -> None:
        likeness = [cosine(space, "확산 언어 " + "확산 " * times, "확산") for times in range(6)]
        gains = np.diff(likeness)
        assert (gains > 0).all()
        assert (np.diff(gains) < 0).all()


class TestOneText:
    @pytest.mark.parametrize(
        "text",
        [
            "확산",
            "언어 모델 모델",
            "imag 로터리 없는말",
            "없는말",
            "",
            "확산 확산 확산 언어",
            TEXTS[3],
        ],
    )
    def test_one_text_lies_where_it_lies_among_others(self, space: LatentSpace, text: str) -> None:
        terms = text.split()
        alone = space.vector(terms)
        assert alone.dtype == np.float32
        assert alone.shape == (space.dimension,)
        assert alone == pytest.approx(space.vectors([["언어"], terms])[1], abs=1e-6)

    def test_unknown_words_say_nothing(self, space: LatentSpace) -> None:
        assert not space.vector(["없는말", "xylophone"]).any()
        assert not space.vector([]).any()
        found = space.vectors([["없는말"], [], ["언어"], ["xylophone"]])
        assert found.any(1).tolist() == [False, False, True, False]
        assert not space.vectors([["없는말"], []]).any()

    def test_unknown_words_beside_known_ones_change_nothing(self, space: LatentSpace) -> None:
        known = space.vector(["언어", "확산"])
        assert space.vector(["언어", "없는말", "확산"]).tolist() == known.tolist()

    def test_a_word_that_one_paper_alone_has_is_unknown(self, space: LatentSpace) -> None:
        assert not space.vector(["사전"]).any()
        assert not space.vector(["painter"]).any()

    def test_no_texts_have_no_vectors(self, space: LatentSpace) -> None:
        assert space.vectors([]).shape == (0, space.dimension)


class TestLearn:
    def test_a_title_counts_as_often_as_it_is_said_to(self) -> None:
        assert joined(["a", "b"], ["c", "d"]).count("c") == TITLE
        assert sorted(set(joined(["a", "b"], ["c", "d"]))) == ["a", "b", "c", "d"]
        titled = learned(split(TEXTS), split(TITLES))
        spelt_out = learned(
            [joined(*pair) for pair in zip(split(TEXTS), split(TITLES), strict=True)],
            [[] for _ in TEXTS],
        )
        found, wanted = titled.vectors(split(TEXTS)), spelt_out.vectors(split(TEXTS))
        assert found == pytest.approx(wanted, abs=1e-6)

    def test_a_title_that_is_held_out_teaches_nothing(self) -> None:
        titles = split(TITLES)
        held_out = [[] if row in (5, 8) else title for row, title in enumerate(titles)]
        space = learned(split(TEXTS), held_out)
        assert not space.vector(["rotari"]).any()
        assert space.vector(["languag"]).any()

    def test_learning_again_gives_the_same_to_the_bit(self, space: LatentSpace) -> None:
        again = learned(split(TEXTS), split(TITLES))
        papers = split(TEXTS)
        assert again.vectors(papers).tobytes() == space.vectors(papers).tobytes()

    @pytest.mark.parametrize(
        "texts",
        [
            [],
            ["언어 모델 문장 번역"],
            ["언어 모델 문장 번역"] * 3,  # three papers
            ["언어 모델", "언어 모델", "언어 모델", "언어 모델"],  # two terms
            ["가", "나", "다", "라", "마", "바"],  # nothing stands in two papers
            ["", "", "", "", ""],
        ],
    )
    def test_from_too_little_nothing_is_learned(self, texts: list[str]) -> None:
        assert LatentSpace.learn(split(texts), [[] for _ in texts]) is None

    def test_four_papers_of_four_terms_are_enough(self) -> None:
        texts = split(["가 나", "가 나", "다 라", "다 라"])
        space = learned(texts, [[], [], [], []])
        assert space.dimension == 2
        assert cosine(space, "가", "나") == pytest.approx(1, abs=HALF)
        assert cosine(space, "가", "다") == pytest.approx(0, abs=HALF)

    def test_a_word_of_every_paper_still_has_a_place(self) -> None:
        texts = split(["가 나 모두", "가 나 모두", "다 라 모두", "다 라 모두"])
        space = learned(texts, [[], [], [], []])
        assert np.isfinite(space.vector(["모두"])).all()
        assert np.linalg.norm(space.vector(["모두"])) == pytest.approx(1, abs=1e-5)


def test_a_space_comes_back_as_it_was_written(space: LatentSpace, tmp_path: Path) -> None:
    space.write(tmp_path / "latent")
    found = LatentSpace.open(tmp_path / "latent")
    assert found.dimension == space.dimension
    for text in (*split(TEXTS), ["rotari"], ["없는말"]):
        assert found.vector(text).tolist() == space.vector(text).tolist()
        assert found.vectors([text]).tolist() == space.vectors([text]).tolist()
