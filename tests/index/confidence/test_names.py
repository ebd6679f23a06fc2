"""The names that a question asks for."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.confidence import names_in


@pytest.mark.parametrize(
    ("text", "names"),
    [
        # A capital or a digit inside.
        ("how fast is vLLM on 72B models", ["vLLM", "72B"]),
        ("what does gpt4o cost", ["gpt4o"]),
        ("LoRA for low-rank adaptation", ["LoRA"]),
        # A capital within a sentence.
        ("which data was used for Gemini and Claude", ["Gemini", "Claude"]),
        ("the authors of Mamba", ["Mamba"]),
        # At the beginning of one everything has a capital.
        ("What is attention?", []),
        ("Attention is useful. Why is it slow?", []),
        ("is it slow? Because of Mamba", ["Mamba"]),
        ("¿Cómo funciona?", []),
        ("he asked: Where is it (Here it is)", []),
        ("“Attention” is a word, and 'Mamba' too", []),
        # What a number alone is, no name is.
        ("12 layers, 3.5 seconds, 2024", []),
        ("", []),
        ("a b C", []),
        # Parts are names each, and each name counts once.
        ("the OSWorld-Korea set", ["OSWorld", "Korea"]),
        ("is BERT like BERT or RoBERTa like BERT", ["BERT", "RoBERTa"]),
    ],
)
def test_names_in_english(text: str, names: list[str]) -> None:
    assert names_in(text) == names


def test_a_version_is_a_part_of_its_name() -> None:
    assert names_in("how good is Qwen2.5 at maths") == ["Qwen2.5"]
    assert names_in("is it Llama3.1 or what") == ["Llama3.1"]
    assert names_in("the authors of Notepad++ and others") == ["Notepad++"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("mamba와 transformer의 차이", ["mamba", "transformer"]),
        ("확산 모델", []),
        ("whisperで音声を書き起こす", ["whisper"]),
        ("whisperってなに", ["whisper"]),
        ("用 pytorch 训练 72B 模型", ["pytorch", "72B"]),
        ("モデル x", []),
    ],
)
def test_between_other_scripts_all_latin_words_are_names(text: str, names: list[str]) -> None:
    assert names_in(text) == names


def test_german_nouns_are_no_names() -> None:
    text = "Wie lernt ein Sprachmodell aus den wenigen Daten, die das Labor von vLLM hat?"
    assert names_in(text) == ["vLLM"]
    assert names_in("Comment le modèle de Mistral apprend-il avec peu de données ?") == ["Mistral"]


@pytest.mark.parametrize(
    "text",
    ["A" * 100_000, "Ab " * 30_000, "a+" * 50_000, "1." * 50_000, "\ud800Ab\udfff", "aB" * 50_000],
    ids=lambda text: ascii(text[:6]),
)
def test_hostile_text_is_read_in_no_time(text: str) -> None:
    begun = time.perf_counter()
    names_in(text)
    assert time.perf_counter() - begun < 5


@given(st.text(alphabet="aBé가モ1 .?-+“", max_size=30))
def test_every_name_stands_in_the_text_in_order_and_once(text: str) -> None:
    names = names_in(text)
    assert len(set(names)) == len(names)
    assert all(len(name) >= 2 and any(map(str.isalpha, name)) for name in names)
    assert all(name.isascii() and name in text for name in names)
    rest = text
    for name in names:  # each begins after the one before
        rest = rest[rest.index(name) + 1 :]
