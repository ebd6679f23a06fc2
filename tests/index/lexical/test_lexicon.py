"""The lexical index of a snapshot: what finds a paper, where terms stand, what is carried over."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.arrays import Ragged
from index.lexical import Lexicon, Term, Vocabulary, analyzer
from index.lexical import lexicon as lexicon_module
from index.lexical.bm25 import K1, B
from index.moments import Moments
from index.spans import tuples

# Two papers; the second has two passages.
TEXTS = [
    "확산 모델로 이미지를 생성한다. 모델이 빠르다.",
    "언어 모델 GPT-4o를 평가한다.",
    "평가 데이터와 코드를 공개한다.",
]
OWNERS = [0, 1, 1]
TITLES = [["fast", "diffus", "공개"], ["evalu", "gpt", "4o", "gpt4o", "evalu"]]
NAMES = [["2401.00001"], ["2402.00002", "2402"]]


def write(
    folder: Path,
    titles: Sequence[Sequence[str]],
    names: Sequence[Sequence[str]],
    passages: Sequence[Sequence[Term]],
    owners: Sequence[int],
) -> list[str]:
    vocabulary = Vocabulary()
    return Lexicon.write(
        folder,
        vocabulary.terms,
        vocabulary.word_lists(titles),
        vocabulary.word_lists(names),
        vocabulary.lists(passages),
        np.array(owners, np.int64),
    )


def terms_of(text: str) -> list[Term]:
    return list(analyzer().analyze(text).terms)


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> Lexicon:
    folder = tmp_path_factory.mktemp("lexicon")
    write(folder, TITLES, NAMES, [terms_of(text) for text in TEXTS], OWNERS)
    return Lexicon.open(folder)


def bm25(documents: Sequence[Sequence[str]], query: Sequence[str]) -> list[float]:
    """The "Lucene" row of Kamphuis et al. 2020, a document after another."""
    average = sum(map(len, documents)) / len(documents)
    scores = []
    for document in documents:
        score = 0.0
        for term in query:
            df = sum(term in other for other in documents)
            idf = math.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
            tf = document.count(term)
            score += idf * tf / (tf + K1 * (1 - B + B * len(document) / average))
        scores.append(score)
    return scores


PASSAGES = [[term.text for term in terms_of(text)] for text in TEXTS]
PAPERS = [
    [*TITLES[0], *NAMES[0], *PASSAGES[0]],
    [*TITLES[1], *NAMES[1], *PASSAGES[1], *PASSAGES[2]],
]
QUERIES = [
    ["모델"],
    ["평가", "모델"],
    ["diffus"],  # in a title alone
    ["2402.00002"],  # in a name alone
    ["gpt4o", "코드", "평가", "evalu"],
]


@pytest.mark.parametrize("query", QUERIES, ids=" ".join)
def test_a_paper_is_matched_as_its_title_names_and_passages(
    lexicon: Lexicon, query: list[str]
) -> None:
    scores = lexicon.score_papers(lexicon.numbers(query))
    np.testing.assert_allclose(scores, bm25(PAPERS, query), rtol=1e-5)
    assert scores.any()


@pytest.mark.parametrize("query", QUERIES, ids=" ".join)
def test_a_passage_is_matched_as_its_own_terms(lexicon: Lexicon, query: list[str]) -> None:
    scores = lexicon.score_passages(lexicon.numbers(query))
    np.testing.assert_allclose(scores, bm25(PASSAGES, query), rtol=1e-5)


@pytest.mark.parametrize("many", [0, 100_000], ids=["among many", "among few"])
@pytest.mark.parametrize("query", QUERIES, ids=" ".join)
def test_some_passages_are_matched_as_among_all(
    lexicon: Lexicon, query: list[str], many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexicon_module, "_MANY", many)
    numbers = lexicon.numbers(query)
    rows = np.array([2, 0])
    own, moments = lexicon.score_some_passages(numbers, rows)
    whole = lexicon.score_passages(numbers)
    assert own.tolist() == whole[rows].tolist()
    assert moments == Moments.of(whole)


def test_a_query_is_analysed_as_the_passages_were(lexicon: Lexicon) -> None:
    numbers = lexicon.numbers(lexicon.words_of("모델들을 gpt4o로 평가했다"))
    assert sorted(numbers) == sorted(lexicon.numbers(["모델", "gpt", "gpt4o", "4o", "평가"]))
    assert len(numbers) == 5


def test_unknown_terms_are_left_out_and_the_order_is_kept(lexicon: Lexicon) -> None:
    known = lexicon.numbers(["모델", "평가"])
    assert len(set(known)) == 2
    assert lexicon.numbers(["모델", "없는말", "평가"]) == known
    assert lexicon.numbers(["평가", "모델", "평가"]) == [known[1], known[0], known[1]]
    assert lexicon.numbers(lexicon.words_of("없는말뿐 xylophone")) == []
    assert lexicon.numbers(lexicon.words_of("")) == []


def test_spans_stand_on_the_matched_words(lexicon: Lexicon) -> None:
    def matched(passage: int, query: str) -> list[str]:
        spans = spans_of(lexicon, passage, lexicon.numbers(lexicon.words_of(query)))
        return [TEXTS[passage][start:end] for start, end in spans]

    assert matched(0, "모델의 이미지") == ["모델", "이미지", "모델"]
    assert matched(1, "gpt 4o 모델") == ["모델", "GPT-4o"]  # gpt, 4o and gpt4o are one span
    assert matched(1, "4o") == ["4o"]
    assert matched(2, "이미지") == []
    assert matched(2, "") == []


def test_rarest_terms_come_first(lexicon: Lexicon) -> None:
    words = ["모델", "평가", "이미지", "diffus"]
    frequency = {word: sum(word in passage for passage in PASSAGES) for word in words}
    assert frequency == {"모델": 2, "평가": 2, "이미지": 1, "diffus": 0}
    common, title, image = lexicon.numbers(["모델", "diffus", "이미지"])
    for numbers in ([common, image, title], [image, title, common], {title, image, common}):
        assert lexicon.rarest(numbers, 2) == [title, image]
        assert lexicon.rarest(numbers, 9) == [title, image, common]
        assert lexicon.rarest(numbers, 0) == []
    # The title of one paper and a passage of the other; both passages of one paper.
    title_too, passages_only = lexicon.numbers(["공개", "평가"])
    assert lexicon.rarest([passages_only, title_too], 2) == [title_too, passages_only]
    tied = lexicon.numbers(["모델", "평가"])
    assert lexicon.rarest(tied, 9) == lexicon.rarest(tied[::-1], 9)
    assert lexicon.rarest([], 3) == []


def test_a_term_is_as_rare_by_its_number_as_by_its_name(lexicon: Lexicon) -> None:
    for term in ("공개", "evalu", "gpt4o", "2402"):
        (number,) = lexicon.numbers([term])
        assert lexicon.rarity_of(number) == lexicon.rarity(term)
    (both,) = lexicon.numbers(["공개"])
    (one,) = lexicon.numbers(["gpt4o"])
    # ln(1 + (2 - n + 0.5) / (n + 0.5)) for n of two papers
    assert lexicon.rarity_of(both) == pytest.approx(math.log(1.2))
    assert lexicon.rarity_of(one) == pytest.approx(math.log(2))
    assert lexicon.rarity_of(None) == lexicon.rarity("없는말") == pytest.approx(math.log(6))


def test_titles_and_passages_keep_their_terms(lexicon: Lexicon) -> None:
    assert [lexicon.title_terms(row) for row in range(2)] == TITLES
    assert [list(lexicon.passage_terms(row)) for row in range(3)] == list(map(terms_of, TEXTS))


def test_spans_inside_and_beside_others_are_merged(tmp_path: Path) -> None:
    terms = [Term("a", 0, 12), Term("b", 2, 4), Term("c", 12, 15), Term("a", 16, 18)]
    write(tmp_path, [[]], [[]], [terms], [0])
    lexicon = Lexicon.open(tmp_path)
    assert spans_of(lexicon, 0, lexicon.numbers("ab")) == [(0, 12), (16, 18)]
    assert spans_of(lexicon, 0, lexicon.numbers("abc")) == [(0, 15), (16, 18)]
    assert spans_of(lexicon, 0, lexicon.numbers("bc")) == [(2, 4), (12, 15)]
    assert spans_of(lexicon, 0, []) == []


def test_marked_spans_stand_for_the_whole_terms_that_they_are_part_of(tmp_path: Path) -> None:
    first = [Term("a", 0, 3), Term("b", 3, 9), Term("c", 10, 12), Term("b", 20, 24)]
    second = [Term("c", 0, 4), Term("a", 5, 9)]
    write(tmp_path, [[]], [[]], [first, second], [0, 0])
    lexicon = Lexicon.open(tmp_path)

    def marked(*spans: list[tuple[int, int]]) -> list[tuple[tuple[int, int], ...]]:
        rows = [np.array(some, np.uint16).reshape(-1, 2) for some in spans]
        by = Ragged.of(rows, np.zeros((0, 2), np.uint16))
        return tuples(lexicon.spans(np.array([0, 1]), lexicon.numbers(["c"]), by))

    assert marked([], []) == [((10, 12),), ((0, 4),)]
    assert marked([(4, 5)], [(4, 5)]) == [((3, 9), (10, 12)), ((0, 4),)]  # of none: left out
    assert marked([(9, 10), (22, 30)], [(8, 9)]) == [((10, 12), (20, 24)), ((0, 4), (5, 9))]
    assert marked([(2, 4)], []) == [((0, 9), (10, 12)), ((0, 4),)]  # two terms that touch


def spans_of(lexicon: Lexicon, passage: int, terms: Iterable[int]) -> list[tuple[int, int]]:
    (spans,) = tuples(lexicon.spans(np.array([passage]), terms))
    return list(spans)


def reference_spans(terms: Sequence[Term], wanted: set[str]) -> list[tuple[int, int]]:
    """Mark characters one by one; a span is a stretch of marks."""
    marked = {n for term in terms if term.text in wanted for n in range(term.start, term.end)}
    starts = sorted(n for n in marked if n - 1 not in marked)
    ends = sorted(n + 1 for n in marked if n + 1 not in marked)
    return list(zip(starts, ends, strict=True))


WORD = st.sampled_from(["가", "나", "gpt", "4o", "é", '"\\', "\x00", "𝐋"])
TERM = st.tuples(WORD, st.integers(0, 30), st.integers(1, 6)).map(
    lambda one: Term(one[0], one[1], one[1] + one[2])
)


@settings(max_examples=40, deadline=None)
@given(
    papers=st.lists(
        st.tuples(
            st.lists(WORD, max_size=4),
            st.lists(WORD, max_size=2),
            st.lists(st.lists(TERM, max_size=8), max_size=3),
        ),
        min_size=1,
        max_size=4,
    ),
    query=st.lists(WORD, max_size=4),
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # an average length of 0 in bm25s
def test_any_terms_are_written_and_opened_again(
    papers: list[tuple[list[str], list[str], list[list[Term]]]], query: list[str]
) -> None:
    titles = [title for title, _, _ in papers]
    passages = [terms for _, _, held in papers for terms in held]
    owners = [row for row, (_, _, held) in enumerate(papers) for _ in held]
    with TemporaryDirectory() as folder:
        write(Path(folder), titles, [names for _, names, _ in papers], passages, owners)
        lexicon = Lexicon.open(Path(folder))
        assert [lexicon.title_terms(row) for row in range(len(papers))] == titles
        assert [list(lexicon.passage_terms(row)) for row in range(len(passages))] == passages
        numbers = lexicon.numbers(query)
        spans = lexicon.spans(np.arange(len(passages)), numbers)
        assert list(map(list, tuples(spans))) == [
            reference_spans(terms, set(query)) for terms in passages
        ]
        whole = [
            [*title, *names, *(term.text for terms in held for term in terms)]
            for title, names, held in papers
        ]
        known = [term for term in query if any(term in document for document in whole)]
        scores = lexicon.score_papers(numbers)
        expected = bm25(whole, known) if known else [0.0] * len(papers)
        np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)
        assert lexicon.score_passages(numbers).shape == (len(passages),)
