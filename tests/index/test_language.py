"""The language of a question."""

from __future__ import annotations

import time

import pytest

from index.language import Language, language_of

QUESTIONS = {
    Language.KOREAN: ["확산 모델은 어떻게 학습하나요?", "작은 자료로 언어 모델을 가르치는 법"],
    Language.ENGLISH: [
        "How do language models learn to use tools?",
        "training a small model on little data",
    ],
    Language.JAPANESE: ["少ないデータで言語モデルを学習する方法は何ですか", "モデルはどう学ぶのか"],
    Language.CHINESE: ["如何用少量数据训练语言模型？", "扩散模型怎样生成清晰的图像"],
    Language.GERMAN: [
        "Wie lernt ein Sprachmodell aus wenigen Daten?",
        "Warum werden größere Modelle nicht immer besser?",
    ],
    Language.SPANISH: [
        "¿Cómo se entrena un modelo de lenguaje con pocos datos?",
        "¿Qué métodos reducen la memoria que necesita un modelo?",
    ],
    Language.FRENCH: [
        "Comment entraîner un modèle de langue avec peu de données ?",
        "Quelles méthodes réduisent la mémoire des grands modèles ?",
    ],
}
OTHERS = [
    "Come si allena un modello linguistico con pochi dati?",
    "Как обучить языковую модель на малом количестве данных?",
    "Como treinar um modelo de linguagem com poucos dados?",
    "Hoe train je een taalmodel met weinig gegevens?",
    "Jak wytrenować model językowy na małej ilości danych?",
    "كيف يتم تدريب نموذج اللغة على بيانات قليلة؟",
    "Πώς εκπαιδεύεται ένα γλωσσικό μοντέλο;",
]
NAMES = ["LoRA", "vLLM", "GPT-4o", "BERT", "Llama 3", "LoRA QLoRA", "RLHF DPO", "Mamba", "CLIP"]


@pytest.mark.parametrize(
    ("text", "language"), [(text, one) for one, texts in QUESTIONS.items() for text in texts]
)
def test_a_question_is_in_its_language(text: str, language: Language) -> None:
    assert language_of(text) is language


def test_there_are_seven_languages() -> None:
    assert set(QUESTIONS) == set(Language)
    assert {language.value for language in Language} == {"ko", "en", "ja", "zh", "de", "es", "fr"}


@pytest.mark.parametrize("text", OTHERS)
def test_any_other_language_counts_as_english(text: str) -> None:
    assert language_of(text) is Language.ENGLISH


@pytest.mark.parametrize("text", NAMES)
def test_a_name_tells_no_language(text: str) -> None:
    assert language_of(text) is Language.ENGLISH


@pytest.mark.parametrize(
    "text",
    [
        "LoRA와 QLoRA",
        "How does 어텐션 differ from state space models in long documents?",
        "拡散モデル와 그림",
        "what is ㅋㅋ",
        "\u1112\u1161\u11ab\u1100\u1173\u11af",  # 한글, taken apart
        "Wie lernt ein Sprachmodell 한",
        "what is \u1112\u1161 in a long question that is asked in English?",
        "what is ㅎ in a long question that is asked in English?",
    ],
)
def test_a_question_with_any_korean_is_korean(text: str) -> None:
    assert language_of(text) is Language.KOREAN


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "\n\t", "?!…", "42", "\x00", "\ufeff", "🙂" * 50, "\u0301" * 100),
        *("\ud800", "\udfff\ud800", "what \ud83d is this?"),
        *("x" * 100_000, "ab " * 33_000, "¿" * 100_000, "." * 100_000),
    ],
    ids=lambda text: ascii(text[:8]),
)
def test_what_is_no_question_is_english(text: str) -> None:
    begun = time.perf_counter()
    assert language_of(text) is Language.ENGLISH
    assert time.perf_counter() - begun < 5


def test_a_long_question_is_read_too() -> None:
    assert language_of("Wie lernt das Modell aus so wenigen Daten? " * 2_500) is Language.GERMAN
    assert language_of("a" * 100_000 + "가") is Language.KOREAN
    assert language_of("\ud800 확산 모델") is Language.KOREAN
