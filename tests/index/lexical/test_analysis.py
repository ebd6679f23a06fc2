"""Korean-aware analysis: which terms a text has, where, and its sentences."""

from __future__ import annotations

import os
import signal
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.lexical import Analysis, Analyzer, analyzer


@pytest.fixture(scope="module")
def kiwi() -> Analyzer:
    return analyzer()


def terms(text: str) -> list[str]:
    return [term.text for term in analyzer().analyze(text).terms]


def placed(text: str) -> list[tuple[str, str]]:
    """Each term with the characters that it stands for."""
    return [(t.text, text[t.start : t.end]) for t in analyzer().analyze(text).terms]


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in analyzer().analyze(text).sentences]


EITHER = ["에서", "로", "의", "들이", "들을", "에게는", "까지도", "만", "이다."]
PARTICLES = {
    "모델": ["은", "이", "을", "과", *EITHER],
    "데이터": ["는", "가", "를", "와", *EITHER],
    "이미지": ["는", "가", "를", "와", *EITHER],
}


@pytest.mark.parametrize("noun", PARTICLES)
def test_particles_leave_the_noun(noun: str) -> None:
    assert placed(f"새로운 {noun}") == [("새롭", "새로운"), (noun, noun)]
    for particle in PARTICLES[noun]:
        text = f"새로운 {noun}{particle}"
        assert placed(text) == [("새롭", "새로운"), (noun, noun)], text


@pytest.mark.parametrize(
    ("forms", "term"),
    [
        (["학습합니다", "학습했다", "학습하는 방법", "학습된 모델", "학습을 한다"], "학습"),
        (["배웁니다", "배웠다", "배우는 방법", "배운 모델", "배워서"], "배우"),
        (["빠릅니다", "빨랐다", "빠른 모델", "빨라서 좋다"], "빠르"),
    ],
)
def test_endings_leave_the_verb(forms: list[str], term: str) -> None:
    for form in forms:
        assert term in terms(form), form


def test_a_sentence_keeps_its_content_words_in_order() -> None:
    text = "대조 학습으로 문장 임베딩을 개선하는 방법을 제안합니다."
    words = ["대조", "학습", "문장", "임베딩", "개선", "방법", "제안"]
    assert placed(text) == [(word, word) for word in words]


@pytest.mark.parametrize("text", ["LLM들이", "LLM은 무엇인가", "여러 LLM에서", "LLMs"])
def test_particles_leave_a_latin_name(text: str) -> None:
    assert terms("LLM") == ["llm"]
    assert "llm" in terms(text)


def test_latin_words_and_korean_words_come_in_the_order_of_the_text() -> None:
    text = "모델 GPT-4o는 이미지 생성에서 Llama 3.1보다 빠르다."
    assert placed(text) == [
        ("모델", "모델"),
        ("gpt", "GPT"),
        ("gpt4o", "GPT-4o"),
        ("4o", "4o"),
        ("이미지", "이미지"),
        ("생성", "생성"),
        ("llama", "Llama"),
        ("llama3.1", "Llama 3.1"),
        ("3.1", "3.1"),
        ("빠르", "빠르"),
    ]


KOREAN = "확산 모델로 영상을 생성한다. GPT-4o보다 빠르다! 코드는 공개했다."


def test_decomposed_hangul_gives_the_same_terms_and_sentences() -> None:
    decomposed = unicodedata.normalize("NFD", KOREAN)
    assert len(decomposed) > len(KOREAN)

    def composed(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [(term, unicodedata.normalize("NFC", text)) for term, text in pairs]

    assert composed(placed(decomposed)) == placed(KOREAN)
    assert [unicodedata.normalize("NFC", one) for one in sentences(decomposed)] == sentences(KOREAN)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("ＧＰＴ－４ｏ는 모델이다", "GPT-4o는 모델이다"),
        ("𝐋𝐋𝐌 모델의 𝟏𝟎배", "LLM 모델의 10배"),
        ("𝓛𝓛𝓜s", "LLMs"),
        ("ﬁne-tuning", "fine-tuning"),
        ("cafe\u0301", "café"),
        ("모델　학습", "모델 학습"),
    ],
)
def test_compatible_characters_are_read_as_plain_ones(text: str, plain: str) -> None:
    assert terms(text) == terms(plain) != []
    folded = [(term, unicodedata.normalize("NFKC", where)) for term, where in placed(text)]
    assert folded == [(term, unicodedata.normalize("NFKC", where)) for term, where in placed(plain)]


@pytest.mark.parametrize(
    "unseen",
    ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200e", "\u202e", "\u2066"],
    ids=ascii,
)
def test_what_cannot_be_seen_is_left_out(unseen: str) -> None:
    text = f"대규모 언{unseen}어 모델 trans{unseen}former를 학습"
    seen = text.replace(unseen, "")
    assert [(term, where.replace(unseen, "")) for term, where in placed(text)] == placed(seen)
    assert ("언어", f"언{unseen}어") in placed(text)


def test_a_character_made_several_is_not_parted() -> None:
    assert ("주", "㈜") in placed("㈜모델의 학습")
    assert placed("½") == [("1", "½"), ("2", "½")]


def test_characters_beyond_the_first_plane_shift_nothing() -> None:
    assert placed("😀 모델을 😀😀 학습") == [("모델", "모델"), ("학습", "학습")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" \n\t ", []),
        ("\x00", []),
        ("\ud800", []),
        ("\u200b", []),
        ("모델\x00학습", ["모델", "학습"]),
        ("\ud83d모델 \udc00학습\ud800", ["모델", "학습"]),
        ("\x1c", []),
    ],
    ids=ascii,
)
def test_odd_texts_are_read(text: str, found: list[str]) -> None:
    assert terms(text) == found
    assert all(sentences(text))


@pytest.mark.parametrize(
    "expected",
    [
        ["모델을 제안한다.", "속도가 빠르다!", "정말 좋은가?", "그렇다."],
        ["Llama 3.1을 쓴다.", "정확도는 98.5%이다."],
        ["모델을 학습합니다.", "We release the code."],
        ["이 방법은 간단하다."],
    ],
)
def test_sentences_end_where_they_end(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected
    assert sentences("\n" + "\n\n".join(expected) + "\n") == expected


def test_line_ends_at_the_start_lose_no_sentence() -> None:
    assert sentences("\n\n모델을 학습했다. 결과가 좋다.") == ["모델을 학습했다.", "결과가 좋다."]


def test_an_elided_verb_is_no_term_without_a_place() -> None:
    for text in ("했다였다했다", "했다였다했다 ½", "했다였다입니다"):
        assert placed(text)
        assert all(where for _, where in placed(text))


ODD = "모델학습했였다이.!?을는가 \n\t-GPTLlms4,'½㈜①ㅋ𝐋😀"
UNSEEN = "\u200b\u0301\u1100\u1161\u11a8\ud800\x00\x1c"


@given(
    st.text(
        st.one_of(st.sampled_from(ODD + UNSEEN), st.characters(exclude_categories=())), max_size=60
    )
)
def test_terms_and_sentences_of_any_text_have_their_places(text: str) -> None:
    found = analyzer().analyze(text)
    for term in found.terms:
        assert term.text
        assert 0 <= term.start < term.end <= len(text)
    assert [t.start for t in found.terms] == sorted(t.start for t in found.terms)
    covered: set[int] = set()
    before = 0
    for start, end in found.sentences:
        assert before <= start < end <= len(text)
        before = end
        covered.update(range(start, end))
    for n, char in enumerate(text):
        if unicodedata.category(char)[0] in "LNP":
            assert n in covered, (n, char)


TEXTS = [
    f"{n}번째 논문은 {noun}{particle} 다룬다. GPT-{n}보다 {adverb} 빠르다."
    for n in range(40)
    for noun, particle in (("모델", "을"), ("데이터", "를"), ("\u1112\u1161\u11ab글", "을"))
    for adverb in ("훨씬", "조금")
]


def test_many_texts_are_analysed_in_order_as_one_is(kiwi: Analyzer) -> None:
    one_by_one = [kiwi.analyze(text) for text in TEXTS]
    assert list(kiwi.analyze_all(TEXTS)) == one_by_one
    assert list(kiwi.analyze_all(iter(TEXTS))) == one_by_one
    assert len({analysis.terms for analysis in one_by_one}) == len(TEXTS)


def test_a_process_that_was_forked_can_analyse_a_text(kiwi: Analyzer) -> None:
    text = "확산 모델로 이미지를 생성한다."
    wanted = kiwi.analyze(text)
    list(kiwi.analyze_all([text, text]))  # Kiwi has its threads by now; a child has none of them
    child = os.fork()
    if not child:
        signal.alarm(20)
        os._exit(0 if kiwi.analyze(text) == wanted else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_no_texts_have_no_analyses(kiwi: Analyzer) -> None:
    assert list(kiwi.analyze_all([])) == []


def test_threads_find_what_one_finds(kiwi: Analyzer) -> None:
    expected = list(kiwi.analyze_all(TEXTS))

    def analyse(thread: int) -> list[Analysis]:
        if thread % 2:
            return list(kiwi.analyze_all(TEXTS))
        return [kiwi.analyze(text) for text in TEXTS]

    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found in pool.map(analyse, range(8)))


def test_the_process_has_one_analyser() -> None:
    assert analyzer() is analyzer()


def test_endless_words_are_read_in_parts_and_keep_their_places(
    kiwi: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "가나다라마바사" * 3_000 + " 대조 학습 " + "x" * 5_000
    seen: list[str] = []
    tokenize = kiwi._kiwi.tokenize

    def watched(block: str) -> list[Any]:
        seen.append(block)
        found: list[Any] = tokenize(block)
        return found

    monkeypatch.setattr(kiwi._kiwi, "tokenize", watched)
    analysis = kiwi.analyze(text)
    assert max(map(len, seen[0].split())) == 1_000  # Kiwi takes quadratic time for longer ones
    assert ("대조", "대조") in [(t.text, text[t.start : t.end]) for t in analysis.terms]
    assert all(0 <= t.start < t.end <= len(text) for t in analysis.terms)
    assert analysis.sentences[-1][1] == len(text)


@pytest.mark.parametrize(
    "sentence",
    [
        "키-값 캐시가 필요 없어 같은 크기의 모델보다 빠릅니다.",
        "점수는 각각 (54.14 대 53.90), 오차는 작다.",
    ],
)
def test_a_clause_is_no_sentence(sentence: str) -> None:
    assert sentences(f"{sentence} 다음 문장이다!") == [sentence, "다음 문장이다!"]


def test_a_very_long_text_is_read_in_blocks_that_lose_nothing(
    kiwi: Analyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = " ".join(f"{n}번째 문장은 대조 학습을 다룬다." for n in range(2_000))
    whole = kiwi.analyze(text[:9_000])
    parts = kiwi.analyze(text)
    assert len(text) > 40_000
    same = [term for term in parts.terms if term.end <= 8_900]
    assert same == [term for term in whole.terms if term.end <= 8_900]
    assert len(parts.sentences) == 2_000
    assert [text[s:e] for s, e in parts.sentences][1_999] == "1999번째 문장은 대조 학습을 다룬다."
    assert sum(term.text == "대조" for term in parts.terms) == 2_000
