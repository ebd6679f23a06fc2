"""Forms, prompts and excuses are found, and papers about such things are left alone."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.quality import Finding, Flag, find_templates
from index.quality.patterns import PATTERNS, STRONG
from tests.index.quality.made import HOSTILE, corpus, own_text, paper

GUIDE = (
    "본문 글꼴은 Times Roman 9포인트를 쓰고 좌우 여백은 20mm로 맞춥니다. "
    "각주는 되도록 줄이고, 그림은 단의 위쪽에 배치되어야 합니다."
)

# The reason of each strong pattern, and a text that has it.
SAMPLES = {
    "camera-ready copy": "채택된 뒤에는 Camera-ready 판을 보내면 됩니다.",
    "a LaTeX style file": "첨부된 river2031.sty 파일을 불러옵니다.",
    "commands of a LaTeX manuscript": r"그림은 \includegraphics 명령으로 넣습니다.",
    "the template itself": "이 논문 템플릿은 두 단으로 되어 있습니다.",
    "instructions to authors": "자세한 것은 저자 지침을 보면 됩니다.",
    "filler text": "Lorem ipsum dolor sit amet.",
    "a gap in brackets": "핵심 기여는 [Insert contribution here] 입니다.",
    "a request to fill in": "여기에 논문의 성과를 입력하세요.",
    "a made-up model's name": "새로운 XYZ-Net 구조를 소개합니다.",
    "a macro that stands for a name": r"우리는 \modelname 을 소개합니다.",
    "circles in place of a name": "○○ 모델을 제안합니다.",
    "speaks as a language model": "As an AI language model, I do not have access to it.",
    "excuses itself": "죄송하지만 주신 글만으로는 요약해 낼 수가 없네요.",
    "had no paper": "논문의 본문이 제공되지 않아 알 길이 없습니다.",
    "asks for the paper": "논문을 공유해 주시면 다시 정리합니다.",
    "announces a summary": "다음은 이 논문의 세 줄 요약입니다.",
    "speaks to whoever asked": "핵심만 추려 요약해 드리겠습니다.",
    "an instruction to summarise": "한국어로 세 문장으로 요약해 주세요.",
    "a glossary's format": "그림(Korean: 이미지)을 나눕니다.",
    "a code fence": "```json\n조약돌을 나눕니다.\n```",
    "remnants of JSON": '{"summary": "조약돌을 나눕니다."}',
    "a chat's markers": "<|assistant|> 조약돌을 나눕니다.",
}


def found(text: str, title: str = "Rivers of Glass: Sorting Pebbles by Sound") -> list[Finding]:
    return find_templates([*corpus(4), paper(1, own_text(1), text, title=title)])


def test_summaries_are_not_flagged() -> None:
    assert find_templates(corpus()) == []
    assert find_templates([]) == []


def test_every_strong_pattern_has_a_sample() -> None:
    assert {p.reason for p in PATTERNS if p.weight >= STRONG} == set(SAMPLES)


@pytest.mark.parametrize("reason", SAMPLES)
def test_each_pattern_is_found_with_its_span(reason: str) -> None:
    text = SAMPLES[reason]
    (finding,) = [f for f in found(text) if reason in f.evidence]
    assert (finding.paper, finding.flag) == ("2405.00001", Flag.TEMPLATE_TEXT)
    assert finding.section == "Technical Details"
    assert 0 <= finding.start < finding.end <= len(text)
    regex = next(p.regex for p in PATTERNS if p.reason == reason)
    match = regex.search(text.lower())
    assert match is not None
    assert finding.start <= match.start() < match.end() <= finding.end


def test_a_formatting_guide_is_found_by_several_weak_signs() -> None:
    (finding,) = found(GUIDE)
    assert "fonts, paper and columns, parts of a manuscript" in finding.evidence
    assert "본문 글꼴" in finding.evidence


@pytest.mark.parametrize(
    "text",
    [
        "다양한 폰트의 간판에서 글자를 읽어 냅니다.",
        "글꼴과 여백을 함께 배우는 간판 인식기를 제안합니다.",
        "입력은 최대 10 페이지의 문서이며, 참고문헌은 빼고 읽습니다.",
        "코드를 작성해야 하는 과제에서 높은 정확도를 보입니다.",
        "머리 모양 템플릿을 변형하여 얼굴을 만듭니다.",
        "소리가 제공되지 않아도 그림을 그립니다.",
        "제공된 문서에 답이 없으면 대답을 거절하도록 배웁니다.",
        "다음은 세 단계로 나뉩니다.",
        "집합 {1, 2}와 기호 $x_{3}$, <eos> 토큰을 씁니다.",
        "자세한 것은 [여기](https://example.org)에 있습니다.",
        "사용자에게 미안하다고 말하는 대화가 줄었습니다.",
        "음악을 ABC 표기로 바꿉니다.",
        "구성 요소는 다음과 같습니다: 귀, 강, 조약돌입니다.",
        "강의 구조는 다음과 같은 세 부분으로 되어 있습니다:",
        "이렇게 나뉩니다:",
        "“논문의 본문이 제공되지 않았습니다”라는 말이 나옵니다.",
        '"죄송하지만 논문을 요약할 수 없습니다"라는 대답을 모았습니다.',
        "답은 '한국어로 요약해 주세요'라는 말에 달려 있습니다.",
    ],
)
def test_what_only_looks_like_it_is_not_flagged(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("reason", "title"),
    [
        ("commands of a LaTeX manuscript", "Converting Images to LaTeX"),
        ("camera-ready copy", "Camera-Ready Robots"),
        ("the template itself", "What Conference Templates Cost"),
        ("a gap in brackets", "Filling Slots in Dialogue"),
        ("a made-up model's name", "XYZ-Net: Coordinates as Colours"),
        ("excuses itself", "Why Models Refuse: A Study of Refusals"),
        ("speaks as a language model", "Jailbreaks and Safety"),
        ("an instruction to summarise", "Prompting in Many Tongues"),
        ("remnants of JSON", "Structured Outputs with JSON Schema"),
        ("a code fence", "Reading Code Aloud"),
    ],
)
def test_papers_about_such_things_are_left_alone(reason: str, title: str) -> None:
    assert found(SAMPLES[reason])
    assert found(SAMPLES[reason], title) == []


@pytest.mark.parametrize(
    "text",
    [
        '그는 "이렇다\n- Lorem ipsum',
        '"Lorem ipsum"이라는 글이 있습니다. Lorem ipsum dolor sit amet.',
        '- 요약: "조약돌을 나눕니다." }',
        "Ours isn't it. Lorem ipsum dolor",
    ],
)
def test_a_quotation_that_ended_does_not_hide_what_follows(text: str) -> None:
    assert len(found(text)) == 1


def test_evidence_begins_near_what_was_found() -> None:
    (finding,) = found(own_text(1, 30) + " Lorem ipsum")
    assert "Lorem ipsum" in finding.evidence


def test_a_title_excuses_its_own_kind_only() -> None:
    assert found(SAMPLES["filler text"], "A Study of Peer Review")


@pytest.mark.parametrize(
    "text", ["**Technical Details**", "## 기술적 세부", "결과:", "---", "technical details"]
)
def test_a_heading_without_content_is_flagged(text: str) -> None:
    (finding,) = found(text)
    assert "a heading without content" in finding.evidence


LETTER = "최근 arXiv에 오른 논문은 새로운 딥러닝 모델을 소개하고, 여러 과제에서 좋은 성과를 냅니다."


def test_a_form_letter_that_names_nothing_of_the_title_is_flagged() -> None:
    papers = [*corpus(4), paper(1, LETTER, "모델은 잘 배웁니다.")]
    (finding,) = find_templates(papers)
    assert "form letter" in finding.evidence
    assert (finding.section, finding.start) == ("What's New", 0)


@pytest.mark.parametrize(
    ("texts", "title"),
    [
        ((LETTER, "Pebbles를 나눕니다."), "Rivers of Glass: Sorting Pebbles by Sound"),
        ((LETTER, "pebble을 나눕니다."), "Rivers of Glass: Sorting Pebbles by Sound"),
        ((LETTER,), "유리의 강"),
        ((LETTER,), "Learning Deep Networks for Image Data"),
        (("조약돌을 나눕니다. arXiv 논문으로 딥러닝 모델을 가르칩니다.",), "Rivers of Glass"),
    ],
)
def test_a_letter_that_may_be_about_the_paper_is_not_flagged(
    texts: tuple[str, ...], title: str
) -> None:
    assert find_templates([*corpus(4), paper(1, *texts, title=title)]) == []


def test_case_that_changes_the_length_of_a_text_does_not_move_the_span() -> None:
    text = "İ" * 50 + " 그림 Lorem Ipsum 입니다."
    (finding,) = found(text)
    assert text[finding.start : finding.end] == "Lorem Ipsum"


@given(st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_the_order_of_papers_does_not_matter(order: random.Random) -> None:
    papers = [*corpus(4), *(paper(n, t, GUIDE) for n, t in enumerate(SAMPLES.values()))]
    expected = find_templates(papers)
    assert len(expected) >= 2 * len(SAMPLES)
    shuffled = list(papers)
    order.shuffle(shuffled)
    assert find_templates(shuffled) == expected


def test_hostile_texts_are_read_too() -> None:
    hostile = [paper(n, text, title=text[:200]) for n, text in enumerate(HOSTILE)]
    for finding in find_templates([*hostile, paper(900)]):
        assert len(finding.evidence) < 300
        assert "\n" not in finding.evidence
        finding.evidence.encode()


def test_no_repetition_in_a_pattern_is_unbounded() -> None:
    for pattern in PATTERNS:
        plain = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "x", pattern.regex.pattern)
        assert not re.search(r"[*+]|\{\d+,\}", plain), pattern.reason
