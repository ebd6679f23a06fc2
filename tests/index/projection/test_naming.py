"""What regions are called: what is said there and not elsewhere, as the texts write it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from index.content import Content
from index.digests import read_digests
from index.glossary import Entry, Glossary
from index.lexical import TermLists
from index.papers import Paper
from index.progress import Silent
from index.projection.empty_words import says_nothing
from index.projection.naming import Name, class_weights, name_topics
from index.projection.phrases import Phrases, english_phrases, korean_phrases
from index.projection.runs import Texts

SPEECH = (
    ("Speech Recognition in Noisy Streets", "거리에서 음성 인식을 한다. 음성 인식이 더 낫다."),
    ("Streaming Speech Recognition for Phones", "전화기에서 음성 인식(speech recognition)을 한다."),
    ("Faster Speech Recognition", "음성 인식을 더 빠르게 하려고 소리를 묶는다."),
    ("A Corpus for Speech Recognition", "음성 인식에 쓸 말뭉치를 모은다."),
    ("Robust Speech Recognition of Children", "아이들의 음성 인식(speech recognition)을 한다."),
    ("Speech Recognition with LoRA", "음성 인식을 LoRA로 배운다."),
)  # fmt: skip
MAPS = (
    ("Depth Maps from One Photo", "사진 한 장에서 깊이를 읽는다. 3D 모형을 얻는다."),
    ("3D Reconstruction of Rooms", "방을 3D로 되살린다."),
    ("3D Reconstruction of Faces", "얼굴을 3D로 되살린다. LoRA를 쓴다."),
    ("Reading Depth in 3D Scenes", "장면의 깊이를 3D로 읽는다."),
)
DIGEST = """### [{title}](https://arxiv.org/abs/2405.{number:05})

Authors: Kim

- **Summary**: {text}

"""


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    folder = tmp_path_factory.mktemp("digests")
    papers = [*SPEECH, *MAPS]
    written = "".join(
        DIGEST.format(title=title, number=number, text=text)
        for number, (title, text) in enumerate(papers, 1)
    )
    (folder / "2024-05-01.md").write_text(written, encoding="utf-8")
    return analysed(list(read_digests([folder]).papers))


def analysed(papers: Sequence[Paper]) -> Texts:
    content = Content()
    content.analyze(papers, Silent())
    rows = np.array([row for paper in papers for row in content.rows_of(paper)])
    table = [
        (number, section, 0, *content.spans(np.array([row]))[0])
        for number, paper in enumerate(papers)
        for section, one in enumerate(paper.sections)
        for row in content.section_rows(one.text)
    ]
    (terms,) = content.passage_lists(rows).blocks()
    return Texts(papers, TermLists(content.vocabulary.terms, terms), np.array(table, np.int32))


@pytest.fixture(scope="module")
def topics() -> np.ndarray:
    return np.array([0] * len(SPEECH) + [1] * len(MAPS))


def test_regions_are_called_by_what_is_said_there_in_both_languages(
    texts: Texts, topics: np.ndarray
) -> None:
    ((speech, depth),) = name_topics(texts, Glossary([]), [topics])
    assert speech[0] == Name("speech recognition", "음성 인식")
    assert depth[0].english in {"3D", "3D reconstruction"}


def test_a_glossary_says_what_a_term_is_in_korean(texts: Texts, topics: np.ndarray) -> None:
    glossary = Glossary([Entry("speech recognition", ("말소리 알아듣기",), (), 3)])
    ((speech, _),) = name_topics(texts, glossary, [topics])
    assert speech[0] == Name("speech recognition", "말소리 알아듣기")


def test_no_two_regions_of_a_level_share_a_term(texts: Texts) -> None:
    levels = [np.arange(10) % 3, np.arange(10) % 5, np.zeros(10, np.int64)]
    for level in name_topics(texts, Glossary([]), levels):
        terms = [name.english for terms in level for name in terms]
        assert len(terms) == len(set(terms))


def test_a_name_does_not_say_a_thing_in_full_and_in_short(texts: Texts) -> None:
    glossary = Glossary([Entry("3D reconstruction", (), ("depth",), 3)])
    for terms in name_topics(texts, glossary, [np.zeros(10, np.int64), np.arange(10) % 2])[1]:
        said = " ".join(name.english.lower() for name in terms)
        assert not ("depth" in said and "reconstruction" in said)


def test_where_papers_say_the_same_nothing_is_made_up(tmp_path: Path) -> None:
    (tmp_path / "2024-05-01.md").write_text(
        "".join(
            DIGEST.format(title="A Model", number=number, text="방법을 제안한다.")
            for number in range(4)
        ),
        encoding="utf-8",
    )
    texts = analysed(list(read_digests([tmp_path]).papers))
    assert name_topics(texts, Glossary([]), [np.array([0, 0, 1, 1])]) == [[(), ()]]


def test_korean_terms_serve_where_there_are_no_english_ones(tmp_path: Path) -> None:
    said = [
        "두더지 굴착기가 땅을 판다.",
        "두더지 굴착기를 만든다.",
        "고래 노래가 들린다.",
        "고래 노래를 적는다.",
    ]
    (tmp_path / "2024-05-01.md").write_text(
        "".join(
            DIGEST.format(title=f"논문 {number}", number=number, text=text)
            for number, text in enumerate(said)
        ),
        encoding="utf-8",
    )
    texts = analysed(list(read_digests([tmp_path]).papers))
    ((moles, whales),) = name_topics(texts, Glossary([]), [np.array([0, 0, 1, 1])])
    assert "두더지" in moles[0].korean
    assert moles[0].english == moles[0].korean
    assert "고래" in whales[0].korean


def test_weights_are_those_of_the_formula() -> None:
    """Three papers in two topics; the first title has the first phrase: it counts three times."""
    phrases = Phrases(
        ["a", "b"],
        ["a", "b"],
        [frozenset("a"), frozenset("b")],
        np.array([0, 1, 0, 2]),
        np.array([0, 0, 1, 1]),
        np.array([True, False, False, False]),
    )
    weights, shares = class_weights(phrases, np.array([0, 0, 1]))
    mean = (5 + 1) / 2
    np.testing.assert_allclose(
        weights,
        [
            [4 / 5 * math.log(1 + mean / 4), 1 / 5 * math.log(1 + mean / 2)],
            [0.0, math.log(1 + mean / 2)],
        ],
    )
    np.testing.assert_allclose(shares, [[1.0, 0.5], [0.0, 1.0]])


def test_phrases_are_counted_once_a_paper(texts: Texts) -> None:
    found = korean_phrases(texts)
    number = found.keys.index("음성인식")
    assert found.papers[found.numbers == number].tolist() == list(range(len(SPEECH)))
    assert found.spellings[number] == "음성 인식"
    found = english_phrases(texts, Glossary([]))
    number = found.keys.index("speechrecognition")
    assert found.papers[found.numbers == number].tolist() == list(range(len(SPEECH)))
    assert found.titled[found.numbers == number].all()
    assert found.spellings[found.keys.index("lora")] == "LoRA"


def test_a_part_of_a_korean_word_is_no_term(texts: Texts) -> None:
    for phrase in korean_phrases(texts).spellings:
        assert any(
            f" {phrase}" in f" {section.text}"
            for paper in texts.papers
            for section in paper.sections
        )


@pytest.mark.parametrize(
    "phrase", ["model", "모델", "New Method", "Large Language Models", "방법", "via diffusion"]
)
def test_what_any_paper_says_is_no_term(phrase: str) -> None:
    assert says_nothing(phrase)


@pytest.mark.parametrize("phrase", ["diffusion model", "확산 모델", "3D", "vision-language model"])
def test_what_tells_papers_apart_is_one(phrase: str) -> None:
    assert not says_nothing(phrase)
