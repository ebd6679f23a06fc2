"""Wording that no summary of a paper has: one table, with a reason for each entry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

STRONG = 3  # enough by itself; a weak pattern counts 1


class Kind(StrEnum):
    """What stands where a summary should, in words for evidence."""

    FORMATTING = "about how to format or submit a paper"
    PLACEHOLDER = "a placeholder was not filled in"
    REFUSAL = "a language model says that it could not summarise"
    LEAK = "words of the prompt or of the answer's format"


# A paper whose title has one of these may talk so: it is about such things.
EXCUSED_TITLES = {
    Kind.FORMATTING: re.compile(
        r"latex|\btex\b|templat|typeset|typograph|format|\bfont|layout|document|\bpdf|\bocr\b|"
        r"\bpapers?\b|review|manuscript|scientific|scholar|academic|writing|writer|submission|"
        r"citation|publication|conference|poster|arxiv|\bdesign|print",
        re.IGNORECASE,
    ),
    Kind.PLACEHOLDER: re.compile(
        r"templat|placeholder|prompt|slot|\bfill|infill|mask|anonymi|latex|document|form\b|"
        r"lorem|\bxyz\b|\babc\b|macro",
        re.IGNORECASE,
    ),
    Kind.REFUSAL: re.compile(
        r"refus|reject|apolog|sorry|safe|harm|jailbreak|align|abst(?:ain|ention)|honest|"
        r"unanswerable|unknown|uncertain|hallucinat|persona|identity|disclaimer|toxic",
        re.IGNORECASE,
    ),
    Kind.LEAK: re.compile(
        r"json|markdown|structured|schema|format|prompt|\bcode|coding|coder|program|parsing|"
        r"chat templat|special token|control token|summari[sz]|translat|\bapi\b|function call|"
        r"tool",
        re.IGNORECASE,
    ),
}


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of wording: where it is found, what it means, and how much it counts."""

    kind: Kind
    reason: str
    regex: re.Pattern[str]
    weight: int = STRONG


def _pattern(kind: Kind, reason: str, regex: str, weight: int = STRONG) -> Pattern:
    return Pattern(kind, reason, re.compile(regex), weight)


# They are searched for in text in lower case. Every repetition is bounded, so that no text takes
# quadratic time. `\A` is the section's start.
PATTERNS = (
    # Conferences' author kits: the language model was given the template instead of the paper.
    _pattern(Kind.FORMATTING, "camera-ready copy", r"camera[- ]ready|카메라 ?레디"),
    _pattern(Kind.FORMATTING, "a LaTeX style file", r"(?<=\w)\.(?:sty|bst|cls)(?![\w.])"),
    _pattern(
        Kind.FORMATTING,
        "commands of a LaTeX manuscript",
        r"\\(?:documentclass|usepackage|bibliographystyle|maketitle|includegraphics)(?![a-z])|"
        r"(?<![a-z])(?:iclr|icml|neurips|nips|cvpr|iccv|eccv|acl|aaai)final(?:copy)?(?![a-z])",
    ),
    _pattern(
        Kind.FORMATTING,
        "the template itself",
        r"(?<!\w)(?:이|본) (?:논문|문서|원고|학회) ?(?:템플릿|양식|서식)(?:은|는|을|를)",
    ),
    _pattern(
        Kind.FORMATTING,
        "instructions to authors",
        r"author(?:'s|s'|s)? (?:kit|guidelines|instructions)|instructions (?:for|to) authors|"
        r"저자 ?(?:지침|안내문|가이드라인)|투고 ?(?:규정|지침|안내|요령)",
    ),
    _pattern(
        Kind.FORMATTING,
        "how papers are written or submitted",
        r"(?:논문|원고) ?(?:제출|투고|작성|형식|포맷|양식|서식)|(?:작성|형식|포맷팅) ?"
        r"(?:가이드|지침|규칙|사양|안내)",
        weight=1,
    ),
    _pattern(
        Kind.FORMATTING,
        "fonts",
        r"글꼴|폰트|서체|times(?: new)?[ -]roman|\d ?(?:포인트|-point(?!\w))|boldface",
        weight=1,
    ),
    _pattern(
        Kind.FORMATTING,
        "paper and columns",
        r"여백|용지|인쇄 ?(?:영역|물)|단 ?간격|(?:컬럼|행|줄) ?(?:간의? ?)?간격|열 ?너비|us letter|"
        r"레터 ?크기",
        weight=1,
    ),
    _pattern(
        Kind.FORMATTING,
        "a limit of pages",
        r"페이지 ?(?:수 ?)?제한|최대 \d{1,3} ?(?:페이지|쪽)",
        weight=1,
    ),
    _pattern(
        Kind.FORMATTING, "parts of a manuscript", r"각주|인용 ?문헌|참고 ?문헌|감사의 글", weight=1
    ),
    _pattern(
        Kind.FORMATTING,
        "what authors have to do",
        r"(?:작성|제출|준비|배치|설정|사용|유지|조정|적용|기재|포함)"
        r"(?:되어야|해야|하여야|하지 말아야) ?(?:하|합|한)|권장됩니다|권장된다",
        weight=1,
    ),
    # What a person or a program was to fill in.
    _pattern(Kind.PLACEHOLDER, "filler text", r"lorem ipsum"),
    _pattern(
        Kind.PLACEHOLDER,
        "a gap in brackets",
        r"[\[<{](?:insert|fill in|enter your|todo|tbd|여기에|내용을|제목을|"
        r"논문 ?(?:제목|내용|요약)|모델 ?(?:이름|명))(?![a-z])[^\]>}\n]{0,60}[\]>}](?!\()",
    ),
    _pattern(
        Kind.PLACEHOLDER,
        "a request to fill in",
        r"여기에 [^.\n]{0,30}(?:입력|삽입|작성|기재)(?:하세요|하십시오|해 ?주세요|해 ?주십시오)",
    ),
    _pattern(Kind.PLACEHOLDER, "a made-up model's name", r"\b(?:xyz|abc)[ -]?(?:net|model|모델)"),
    _pattern(
        Kind.PLACEHOLDER,
        "a macro that stands for a name",
        r"(?:\\|\\textbackslash(?:\{\})? ?)"
        r"(?:ours|(?:our)?(?:model|method|system|dataset|bench)name)(?![a-z])",
    ),
    _pattern(
        Kind.PLACEHOLDER, "circles in place of a name", r"[○〇◯]{2,3} ?(?:모델|논문|기법|방법|연구)"
    ),
    # A model that had nothing to summarise, and says so.
    _pattern(
        Kind.REFUSAL,
        "speaks as a language model",
        r"\bas an? (?:ai|artificial intelligence|(?:large )?language)(?: language)?"
        r"(?: model| assistant)?,? i(?:'m| am| can| do| don)|"
        r"(?:ai|인공지능|언어 ?모델)(?: 언어 ?모델| 어시스턴트)?로서,? (?:저는|제가)",
    ),
    _pattern(
        Kind.REFUSAL,
        "excuses itself",
        r"(?:\A|[.\n])[ \-*]{0,9}(?:죄송(?:하지만|합니다)|(?:i(?:'m| am) )?sorry,|"
        r"i apologi[sz]e|unfortunately, (?:the|i|no))[^.\n]{0,80}"
        r"(?:제공|요약|논문|텍스트|도와|도움|provide|summar|text|assist|help|access)",
    ),
    _pattern(
        Kind.REFUSAL,
        "had no paper",
        r"(?:논문|초록|원문)의? ?(?:내용|본문|전문|텍스트|정보)?(?:이|가|은|는|도)? ?"
        r"(?:제공|첨부|입력)되지 않(?:았습|았기|았으|아 |아서|으므로)|"
        r"(?:텍스트|논문|내용|본문|정보|초록|문서)[가-힣]{0,3} [^.\n]{0,40}"
        r"요약(?:할 수 없|하기 어렵|을 (?:제공|작성|생성)할 수 없)|"
        r"\bi (?:cannot|can't|can not|am unable to) (?:access|open|summari[sz]e|read) |"
        r"\b(?:no|the) (?:paper|abstract|text|content) (?:was|is|has been) not provided|"
        r"(?:provided|given) (?:text|document|content) (?:does not|doesn't) (?:contain|include)",
    ),
    _pattern(
        Kind.REFUSAL,
        "asks for the paper",
        r"(?:논문|텍스트|본문|초록|파일|링크)[가-힣]{0,2} (?:제공|공유|첨부|입력|업로드)해 ?"
        r"(?:주시면|주세요|주십시오)|please (?:provide|share|upload|paste) the ",
    ),
    # The prompt, or the answer's wrapping.
    _pattern(
        Kind.LEAK,
        "announces a summary",
        r"\A\W{0,9}(?:다음은|아래는|이하는)[^.\n]{0,60}(?:요약|번역|정리)본?(?:입니다|이다|한 )|"
        r"\A\W{0,9}(?:(?:sure|certainly|of course)[,!]|here(?:'s| is| are)) [^.\n]{0,60}"
        r"(?:summar|translat|korean)",
    ),
    _pattern(
        Kind.LEAK,
        "speaks to whoever asked",
        r"요약해 ?드(?:리|릴|립)|요약하겠습니다|번역해 ?드(?:리|릴|립)|답변(?:해 ?)?드(?:리|립)|"
        r"추가(?:적인)? (?:질문|요청)이 있으(?:시면|면)|let me know if you",
    ),
    _pattern(
        Kind.LEAK,
        "an instruction to summarise",
        r"(?:한국어|한글|korean)(?:로|으로)? [^.\n]{0,20}(?:요약|번역|작성|설명)"
        r"(?:해 ?주세요|하세요|하십시오|해 ?주십시오)|(?:summari[sz]e|translate) "
        r"(?:the (?:following|paper|text)|this)[^.\n]{0,40}(?:korean|sentences)",
    ),
    _pattern(Kind.LEAK, "a glossary's format", r"\((?:korean|한국어 ?번역): "),
    _pattern(
        Kind.LEAK,
        "a code fence",
        r"\A\s{0,9}```|```(?:json|markdown|md|text|plaintext)(?!\w)|```\s{0,9}\Z",
    ),
    _pattern(
        Kind.LEAK,
        "remnants of JSON",
        r"\A\s{0,9}\{\s{0,9}[\"'][^\"'\n]{1,40}[\"']\s{0,3}:|"
        r"[\"'](?:summary|what'?s[_ ]new|technical[_ ]details|performance[_ ]highlights|요약)[\"']"
        r"\s{0,3}:|[\"']\s{0,9}\}\s{0,9}\Z",
    ),
    _pattern(
        Kind.LEAK,
        "a chat's markers",
        r"\A\W{0,9}<\|?(?:im_start|im_end|endoftext|assistant|user|system|eot_id)\|?>|"
        r"<\|(?:im_end|endoftext|eot_id)\|>\s{0,9}\Z|\A\W{0,9}(?:assistant|어시스턴트) ?:",
    ),
)
