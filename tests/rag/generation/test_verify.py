"""What holds of a sentence: its citations, numbers, names and terms are in what it cites."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.generation import Kept, Numbered, check
from rag.generation.names import normalise
from rag.generation.numbers import find_numbers
from rag.generation.verify import LEAST_SUPPORT, cited_numbers
from tests.rag.generation.made_up import ENGLISH, KOREAN, PAIR, always, holds, never, numbered


class TestCitations:
    @pytest.mark.parametrize(
        ("marks", "numbers"),
        [
            ("[1]", (1,)),
            ("[1][2]", (1, 2)),
            ("[2, 1]", (2, 1)),
            ("[1，2]", (1, 2)),
            ("【1】", (1,)),
            ("［２］", (2,)),
            ("[1-2]", (1, 2)),
            ("[1–2] [1]", (1, 2)),
            ("[^2]", (2,)),
        ],
    )
    def test_every_way_to_cite(self, marks: str, numbers: tuple[int, ...]) -> None:
        assert check(f"구름을 읽는다 {marks}.", PAIR, always) == Kept("구름을 읽는다.", numbers)
        assert check(f"구름을 읽는다. {marks}", PAIR, always) == Kept("구름을 읽는다.", numbers)

    @pytest.mark.parametrize(
        "marks",
        ["", "[3]", "[12]", "[0]", "[1][3]", "[1-3]", "[2-1]", "[1-2-1]", "[1-99999999999]"],
    )
    def test_without_a_citation_or_with_a_wrong_one_it_does_not_hold(self, marks: str) -> None:
        assert check(f"구름을 읽는다 {marks}.", PAIR, always) is None

    def test_an_endless_range_is_no_citation(self) -> None:
        many = [numbered(n, "구름을 읽는다.") for n in range(1, 60)]
        assert check("구름을 읽는다. [1-59]", many, always) is None

    def test_a_citation_alone_is_no_sentence(self) -> None:
        assert check("[1]", PAIR, always) is None
        assert check("- [1].", PAIR, always) is None

    def test_the_citation_is_no_number_of_the_sentence(self) -> None:
        assert check("구름을 읽는다. [2]", [numbered(2, "구름을 읽는다.")], always)

    def test_the_marked_text_cites_at_its_end(self) -> None:
        assert Kept("구름.", (1, 3)).marked == "구름. [1][3]"


class TestSupport:
    def test_what_is_not_meant_by_any_cited_passage_does_not_hold(self) -> None:
        assert check("구름을 읽는다. [1]", PAIR, never) is None

    def test_the_threshold(self) -> None:
        assert check("구름. [1]", PAIR, lambda text, passage: LEAST_SUPPORT)
        assert not check("구름. [1]", PAIR, lambda text, passage: LEAST_SUPPORT - 0.01)
        assert check("구름. [1]", PAIR, lambda text, passage: 0.1, least=0.1)

    def test_only_passages_that_mean_it_stay_cited(self) -> None:
        kept = check("구름. [1][2]", PAIR, lambda text, passage: float(passage.number == 2))
        assert kept == Kept("구름.", (2,))

    def test_facts_have_to_be_in_the_passages_that_stay_cited(self) -> None:
        assert check("정확도는 84.2%다. [1][2]", PAIR, always)
        assert not check("정확도는 84.2%다. [1][2]", PAIR, lambda t, p: float(p.number == 2))

    def test_the_sentence_is_judged_without_its_marks(self) -> None:
        seen: list[str] = []

        def supports(text: str, passage: Numbered) -> float:
            seen.append(text)
            return 1.0

        check("- **구름**을 [1] 읽는다 [1].", PAIR, supports)
        assert seen == ["구름을 읽는다."]


class TestNumbers:
    @pytest.mark.parametrize(
        ("said", "text"),
        [
            ("48000", "48,000"),
            ("48,000", "4.8만"),
            ("4만 8천", "48k"),
            ("48K", "48 thousand"),
            ("70억", "7B"),
            ("70억", "LLaMA-7B"),
            ("1억 2천만", "120 million"),
            ("1만 2,000", "12,000"),
            ("1万2000", "12000"),
            ("5백", "500"),
            ("84.2%", "84.2 퍼센트"),
            ("84.2퍼센트", "84.2 percent"),
            ("84.20%", "84.2%p"),
            ("84.2", "84.2%"),
            ("８４．２％", "84.2%"),
            (".85", "0.85"),
            ("12배", "12x"),
            ("32", "32GB"),
            ("1.2.3", "1.2.3"),
            ("−3.2", "-3.2"),
            ("10²", "10²"),
        ],
    )
    def test_the_same_value_holds(self, said: str, text: str) -> None:
        assert holds(f"값은 {said} 이다. [1]", f"값은 {text} 이다.")

    @pytest.mark.parametrize(
        ("said", "text"),
        [
            ("4.7", "14.7"),
            ("4.7", "4.71"),
            ("4.7", "4"),
            ("4", "4.7"),
            ("7", "4.7"),
            ("48", "48,000"),
            ("48", "48k"),
            ("48000", "48"),
            ("000", "48,000"),
            ("84.2%", "84.2"),
            ("4", "GPT-4"),
            ("3", "3D"),
            ("10000", "1만 2,000"),
            ("85", ".85"),
            ("102", "10²"),
            ("1.2", "1.2.3"),
            ("7B", "7"),
            ("12ms", "12s"),
            ("5억", "5만"),
        ],
    )
    def test_another_value_does_not(self, said: str, text: str) -> None:
        assert not holds(f"값은 {said} 이다. [1]", f"값은 {text} 이다.")

    def test_a_number_may_be_in_the_title(self) -> None:
        assert holds("값은 42 이다. [1]", "값.", "The 42 of Life")

    def test_the_number_of_a_list_item_is_none_of_the_sentence(self) -> None:
        assert check("3. 구름을 읽는다. [1]", PAIR, always) == Kept("구름을 읽는다.", (1,))

    @given(st.integers(0, 10**9), st.sampled_from(["{}", "{:,}"]), st.sampled_from(["", "개", "%"]))
    def test_values_are_read_as_python_reads_them(self, value: int, form: str, unit: str) -> None:
        (found,) = find_numbers(normalise(f"값 {form.format(value)}{unit}."))
        assert (found.value, found.percent) == (Decimal(value), unit == "%")

    @given(st.decimals(0, 10**6, places=2), st.lists(st.decimals(0, 10**6, places=2), max_size=5))
    def test_a_number_holds_just_where_its_value_is_there(
        self, said: Decimal, held: list[Decimal]
    ) -> None:
        text = ", ".join(map(str, held))
        assert holds(f"값은 {said} 이다. [1]", f"값은 {text} 이다.") == (said in held)


class TestNames:
    @pytest.mark.parametrize(
        ("sentence", "text"),
        [
            ("GPT-4는 빠르다. [1]", "gpt-4가 빠르다"),
            ("GPT‑4는 빠르다. [1]", "GPT-4가 빠르다"),  # noqa: RUF100 - another hyphen
            ("LLaMA는 빠르다. [1]", "LLaMA-7B가 빠르다"),
            ("BERT는 빠르다. [1]", "BERT-based model"),
            ("LLM은 빠르다. [1]", "LLMs are fast"),
            ("The model uses BERT-based vectors. [1]", "BERT vectors"),
            ("It beats OpenAI's model. [1]", "OpenAI 모델"),
            ("They use BERT/GPT there. [1]", "BERT and GPT"),
            ("Models are fast. [1]", "모델은 빠르다"),
            ("This uses attention heads. [1]", "어텐션을 쓴다"),
            ("attention을 쓴다. [1]", "Attention is used"),
            ("We and I don't know, e.g. that. [1]", "모른다"),
            ("It is a cloud (구름) reader. [1]", "구름을 읽는다"),
        ],
    )
    def test_a_name_that_is_there_holds(self, sentence: str, text: str) -> None:
        assert holds(sentence, text)

    @pytest.mark.parametrize(
        ("sentence", "text"),
        [
            ("GPT-4o는 빠르다. [1]", "GPT-4가 빠르다"),
            ("GPT-4는 빠르다. [1]", "GPT-4o가 빠르다"),
            ("GPT-4는 빠르다. [1]", "GPT-4-Turbo가 빠르다"),
            ("GPT-4는 빠르다. [1]", "GPT와 4"),
            ("The model beats GPT-4o. [1]", "GPT-4 is beaten"),
            ("It is like Gemini in that. [1]", "모델"),
            ("It is like iPhone apps. [1]", "모델"),
            ("It is like llama2 there. [1]", "llama"),
            ("It has RAM. [1]", "It has ROM"),
            ("GPT-5 is fast. [1]", "The model is fast"),
            ("attention을 쓴다. [1]", "어텐션을 쓴다"),
            ("これは attention だ。[1]", "これ"),
            ("这是 attention。[1]", "这"),
            ("It is BERT-like. [1]", "It is like RoBERTa"),
            ("See evil.com for more. [1]", "See more"),
        ],
    )
    def test_a_name_that_is_not_there_does_not(self, sentence: str, text: str) -> None:
        assert not holds(sentence, text)

    def test_a_name_may_be_in_the_title(self) -> None:
        assert holds("GPT-4는 빠르다. [1]", "빠르다.", "On GPT-4")

    @given(
        st.from_regex(r"\A[A-Z]{2,5}(-[0-9]{1,2}[a-z]?)?\Z"), st.sampled_from(["x", "9", "-9", "X"])
    )
    def test_a_longer_name_is_another(self, name: str, more: str) -> None:
        assert holds(f"{name}은 빠르다. [1]", f"{name}은 빠르다")
        assert not holds(f"{name}{more}은 빠르다. [1]", f"{name}은 빠르다")

    def test_a_hostile_passage_costs_no_time(self) -> None:
        assert not holds("GPT-4는 빠르다. [1]", "a-" * 3000 + "1" * 3000 + "@" * 3000)


_SOUP = st.lists(
    st.sampled_from(
        [
            "구름",
            "84.2%",
            "99",
            "GPT-4",
            "GPT-4o",
            "HaneulNet",
            "[1]",
            "[2]",
            "[7]",
            "。",
            ".",
            " ",
            "<b>",
        ]
    ),
    max_size=12,
).map(" ".join)


@given(_SOUP)
def test_what_holds_cites_what_there_is_and_says_what_is_there(sentence: str) -> None:
    kept = check(sentence, PAIR, always)
    if kept is None:
        return
    assert kept.numbers
    assert set(kept.numbers) <= {1, 2}
    cited = " ".join(p.title + " " + p.text for p in PAIR if p.number in kept.numbers)
    assert set(re.findall(r"\d+(?:\.\d+)?", kept.text)) <= set(re.findall(r"\d+(?:\.\d+)?", cited))
    assert "GPT-4o" not in kept.text
    assert "<" not in kept.text


def test_passages_know_their_numbers_only() -> None:
    assert cited_numbers("[1] 구름 [2]") == [1, 2]
    assert check("61.5점이다. [2]", [KOREAN, ENGLISH], always)
    assert not check("61.5점이다. [1]", [KOREAN, ENGLISH], always)
