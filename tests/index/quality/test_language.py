"""What was left untranslated, and what only has names and terms in other languages."""

from __future__ import annotations

import random
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.papers import Paper
from index.quality import Finding, Flag, find_untranslated
from tests.index.quality.made import HOSTILE, corpus, own_text, paper

ENGLISH = (
    "Pebbles are sorted by the sound that they make when a river carries them over glass. "
    "We show that a listener can tell them apart, and that it takes only a few seconds."
)
CHINESE = (
    "本文提出一种新的方法根据鹅卵石在河流中发出的声音对其进行分类"
    "并且证明听者能够在几秒钟之内将它们区分开来而无需任何训练"
)
SENTENCE = "Experiments show that the sorted pebbles are smoother than those of all other rivers."


def found(*texts: str, others: list[Paper] | None = None) -> list[Finding]:
    return find_untranslated([*(corpus() if others is None else others), paper(1, *texts)])


def test_korean_sections_are_not_flagged() -> None:
    assert find_untranslated(corpus()) == []
    assert find_untranslated([]) == []


@pytest.mark.parametrize("text", [ENGLISH, f"- {ENGLISH}", CHINESE])
def test_a_section_in_another_language_is_flagged(text: str) -> None:
    (finding,) = found(own_text(1), text)
    assert (finding.paper, finding.flag) == ("2405.00001", Flag.UNTRANSLATED)
    assert (finding.section, finding.start, finding.end) == ("Technical Details", 0, len(text))
    assert text.removeprefix("- ")[:40] in finding.evidence
    assert "0%" in finding.evidence


def test_a_paper_without_any_korean_has_a_finding_a_section() -> None:
    assert [f.section for f in found(ENGLISH, ENGLISH)] == ["What's New", "Technical Details"]


@pytest.mark.parametrize("before", ["", "- ", f"{own_text(1)} ", f"{own_text(1)}\n- "])
def test_a_sentence_left_in_english_is_flagged_with_its_span(before: str) -> None:
    text = f"{before}{SENTENCE} {own_text(2)}"
    (finding,) = found(text)
    assert text[finding.start : finding.end] == SENTENCE
    assert SENTENCE[:40] in finding.evidence


@pytest.mark.parametrize(
    "text",
    [
        "이 모형은 GlassNet (Generative Listening And Sound Sorting Network), RiverFormer (River "
        "Flow Transformer), PebbleBench 등과 비교되었습니다.",
        "소스: https://example.org/the-sound-of-a-river-that-is-made-of-glass/and/of/pebbles",
        "자갈 분류(pebble sorting), 유리 연마(glass polishing), 강물(river water)을 다룹니다.",
        "식 $the sum of all that is in the set of which we are a part$ 을 최소화합니다.",
        "명령 `show that the river is in the list of all that we have` 로 실행합니다.",
        '물음이 있다. "Which of the rivers is the one that we have to hear?" 답은 하나다.',
        "Rivers of Glass, Pebble Sorting by Sound, Listening in the Dark, A Study of Stones.\n"
        + own_text(1),
        "GlassNet RiverFormer PebbleBench StoneEval SoundSort QuartzLM MarbleQA GraniteVL.",
        "코드 공개: GitHub",
        "see the code on the web",
        "그들의 말은 이렇다. We do as they do. 그뿐이다.",
        "GlassNet is RiverNet is StoneNet is SoundNet is QuartzNet.",
        "Rivers of Glass is Listening Dark Study Stones Sorting Pebbles Night Music Old Roads New "
        "Maps Green Lamps.",
        "Qwen2 72B, Llama 3 8B, Gemma 2 2B",
    ],
)
def test_names_terms_and_examples_are_not_flagged(text: str) -> None:
    assert found(text) == []


def test_a_corpus_that_is_not_korean_has_nothing_to_translate() -> None:
    english = [paper(n, ENGLISH) for n in range(100, 120)]
    assert found(ENGLISH, others=english) == []
    assert found(own_text(1), others=english) == []
    assert found(f"{SENTENCE} {own_text(1)}", others=english) == []


def test_a_corpus_of_single_papers_is_judged_as_a_whole() -> None:
    english = [paper(n, ENGLISH, file=f"{n}.md") for n in range(100, 120)]
    assert found(ENGLISH, others=english) == []


def test_a_digest_that_is_not_korean_has_nothing_to_translate() -> None:
    english = [paper(n, ENGLISH, file="english.md") for n in range(1, 6)]
    assert find_untranslated([*corpus(), *english]) == []


def test_a_small_digest_is_judged_by_all_papers() -> None:
    (finding,) = find_untranslated([*corpus(), paper(1, ENGLISH, file="other.md")])
    assert finding.paper == "2405.00001"


def test_decomposed_korean_is_korean() -> None:
    text = unicodedata.normalize("NFD", own_text(1, 20))
    assert text != own_text(1, 20)
    assert found(text) == []


@given(st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_the_order_of_papers_does_not_matter(order: random.Random) -> None:
    papers = [
        *corpus(6),
        paper(1, ENGLISH, own_text(1), ENGLISH),
        paper(2, own_text(2), f"{own_text(3)} {SENTENCE} {own_text(4)} {SENTENCE}"),
    ]
    expected = find_untranslated(papers)
    assert [f.paper for f in expected] == ["2405.00001"] * 2 + ["2405.00002"] * 2
    shuffled = list(papers)
    order.shuffle(shuffled)
    assert find_untranslated(shuffled) == expected


def test_hostile_texts_are_read_too() -> None:
    hostile = [paper(n, text, title=text[:200]) for n, text in enumerate(HOSTILE)]
    papers = [*corpus(60), *hostile, paper(900)]
    for finding in find_untranslated(papers):
        assert len(finding.evidence) < 200
        assert "\n" not in finding.evidence
        finding.evidence.encode()
