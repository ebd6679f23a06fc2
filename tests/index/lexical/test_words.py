"""Words in Latin, Greek and Cyrillic letters: spellings that have to meet, and their places."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from Stemmer import Stemmer

from index.lexical.words import latin_terms


def terms(text: str) -> list[str]:
    return [term.text for term in latin_terms(text)]


def placed(text: str) -> set[tuple[str, str]]:
    """Each term with the characters that it stands for."""
    return {(term.text, text[term.start : term.end]) for term in latin_terms(text)}


@pytest.mark.parametrize(
    ("spellings", "shared"),
    [
        (["GPT-4o", "gpt4o", "GPT 4o", "GPT_4o", "Gpt-4O"], {"gpt", "4o", "gpt4o"}),
        (
            ["Llama-3.1", "Llama 3.1", "llama3.1", "LLaMA3.1", "LLAMA_3.1"],
            {"llama", "3.1", "llama3.1"},
        ),
        (["Qwen2.5-VL", "Qwen-2.5-VL", "qwen2.5 vl"], {"qwen", "2.5", "qwen2.5", "vl"}),
        (["Phi-3", "phi3", "Phi 3"], {"phi", "3", "phi3"}),
        (["LLM", "LLMs", "llm", "LLM들이", "LLM의"], {"llm"}),
        (["ImageNet-1k", "imagenet1k", "ImageNet 1k"], {"imagenet", "1k", "imagenet1k"}),
        (["pre-training", "pretraining", "Pre-Trained", "pretrain"], {"pretrain"}),
        (["multi-modal", "multimodal", "Multi-Modal"], {"multimod"}),
        (["1,000", "1000", "1,000개"], {"1000"}),
        (["1,234,567", "1234567"], {"1234567"}),
    ],
)
def test_spellings_meet(spellings: list[str], shared: set[str]) -> None:
    for spelling in spellings:
        assert shared <= set(terms(spelling)), spelling


def stem(word: str) -> str:
    return str(Stemmer("english").stemWord(word))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GPT-4o", {("gpt", "GPT"), ("4o", "4o"), ("gpt4o", "GPT-4o")}),
        ("새 gpt4o는", {("gpt", "gpt"), ("4o", "4o"), ("gpt4o", "gpt4o")}),
        ("GPT 4o", {("gpt", "GPT"), ("4o", "4o"), ("gpt4o", "GPT 4o")}),
        ("Llama-3.1", {("llama", "Llama"), ("3.1", "3.1"), ("llama3.1", "Llama-3.1")}),
        ("Llama 3.1", {("llama", "Llama"), ("3.1", "3.1"), ("llama3.1", "Llama 3.1")}),
        ("llama3.1.", {("llama", "llama"), ("3.1", "3.1"), ("llama3.1", "llama3.1")}),
        ("LLM들이", {("llm", "LLM")}),
        ("여러 LLMs를", {("llm", "LLMs")}),
        ("1,000개", {("1000", "1,000")}),
        ("3.14.", {("3.14", "3.14")}),
        ("2, 3", {("2", "2"), ("3", "3")}),
        (
            "state-of-the-art",
            {("state", "state"), ("art", "art"), ("stateoftheart", "state-of-the-art")},
        ),
        (
            "Llama-3-8B",
            {
                ("llama", "Llama"),
                ("3", "3"),
                ("8b", "8B"),
                ("llama3", "Llama-3"),
                ("38b", "3-8B"),
                ("llama38b", "Llama-3-8B"),
            },
        ),
        ("2407.10058", {("2407.10058", "2407.10058")}),
        ("and/or input/output", {("input", "input"), ("output", "output")}),
        ("GPT  4o", {("gpt", "GPT"), ("4o", "4o")}),  # two spaces: no name
        ("GPT, 4o", {("gpt", "GPT"), ("4o", "4o")}),
    ],
)
def test_terms_stand_for_their_characters(text: str, expected: set[tuple[str, str]]) -> None:
    assert placed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("café naïve", {("cafe", "café"), ("naiv", "naïve")}),
        ("Schrödinger ŁÓDŹ", {("schroding", "Schrödinger"), ("łodz", "ŁÓDŹ")}),
        ("Straße STRASSE", {("strass", "Straße"), ("strasse", "STRASSE")}),
        ("Nguyễn Đặng", {("nguyen", "Nguyễn"), ("đang", "Đặng")}),
        ("Ελληνικά λόγος", {("ελληνικα", "Ελληνικά"), ("λογοσ", "λόγος")}),
        ("Тест МОДЕЛЬ", {("тест", "Тест"), ("модель", "МОДЕЛЬ")}),
    ],
)
def test_letters_beyond_ascii_are_folded(text: str, expected: set[tuple[str, str]]) -> None:
    assert placed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("«Attention»", {("attent", "Attention")}),
        ("GPT·BERT", {("gpt", "GPT"), ("bert", "BERT")}),
        ("10×20", {("10", "10"), ("20", "20")}),
        ("±3° ÷", {("3", "3")}),
        ("λόγος\u0387 μέτρο\u037e", {("λογοσ", "λόγος"), ("μετρο", "μέτρο")}),
    ],
)
def test_signs_among_the_letters_are_no_letters(text: str, expected: set[tuple[str, str]]) -> None:
    assert placed(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "the of and how does a what is are with THE",
        "der die das und ist nicht für über Wie",
        "le la les et est dans pour à été où ÉTÉ",
        "el los las y que para está también qué",
    ],
)
def test_function_words_are_left_out(text: str) -> None:
    assert terms(text) == []
    assert terms(f"{text} transformer") == ["transform"]


@pytest.mark.parametrize("text", ["AI", "ai", "AI가"])
def test_ai_is_no_french_verb(text: str) -> None:
    assert terms(text) == ["ai"]


@pytest.mark.parametrize(
    "word",
    ["models", "learning", "learned", "studies", "networks", "efficiently", "retrieval", "classes"],
)
def test_english_words_are_stemmed(word: str) -> None:
    assert terms(word) == terms(word.capitalize()) == [stem(word)] != [word]


@pytest.mark.parametrize(
    ("one", "many"), [("model", "models"), ("GPU", "GPUs"), ("study", "studies")]
)
def test_a_plural_is_its_singular(one: str, many: str) -> None:
    assert terms(one) == terms(many)


@pytest.mark.parametrize("name", ["BLEURT", "ELECTRES", "LORAS"])
def test_names_in_capitals_are_not_stemmed(name: str) -> None:
    assert terms(name) == [name.lower()]


@pytest.mark.parametrize(
    "text", ["", " ", "한국어 문장이다.", "日本語の文", "... --- ''", "\x00\ud800"]
)
def test_a_text_without_such_words_has_no_terms(text: str) -> None:
    assert terms(text) == []


@given(st.text(st.sampled_from("aBé4.,-_' 가/+’ßλж\n"), max_size=40))
def test_every_term_has_a_place_and_every_number_a_term(text: str) -> None:
    found = list(latin_terms(text))
    covered = {n for term in found for n in range(term.start, term.end)}
    assert all(0 <= term.start < term.end <= len(text) and term.text for term in found)
    assert {n for n, char in enumerate(text) if char.isdigit()} <= covered
    assert not any(text[n] in "가\n" for n in covered)


@given(st.lists(st.from_regex(re.compile(r"[B-Zb-z]{2,8}[0-9]{1,3}", re.ASCII), fullmatch=True)))
def test_a_name_is_found_however_it_is_joined(names: list[str]) -> None:
    for name in names:
        letters = name.rstrip("0123456789")
        number = name[len(letters) :]
        for joined in (name, f"{letters}-{number}", f"{letters} {number}"):
            assert {number, name.lower()} <= set(terms(joined))


def test_acronyms_that_look_like_foreign_function_words_stay() -> None:
    assert terms("MIT OS SE") == ["mit", "os", "se"]
    assert terms("mit os se") == []


def test_a_title_in_capitals_has_the_terms_of_the_title() -> None:
    title = "Efficient Memory Management for Large Language Models"
    assert terms(title.upper()) == terms(title)
