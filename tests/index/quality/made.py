"""Papers that are made up, for the tests of what looks for doubtful summaries."""

from __future__ import annotations

import datetime as dt

from index.papers import Paper, Run, Section, Source

DAY = dt.date(2024, 5, 1)


def paper(
    number: int,
    *texts: str,
    title: str = "Rivers of Glass: Sorting Pebbles by Sound",
    file: str = "day.md",
    names: tuple[str, ...] = ("What's New", "Technical Details", "Performance Highlights"),
) -> Paper:
    sections = []
    start = 1_000_000_000 + number * 10_000
    for name, text in zip(names, texts, strict=False):
        source = Source(file, start, start + max(len(text), 1))
        sections.append(Section(name, text, source, (Run(0, start, len(text)),)))
        start += 1
    return Paper(
        id=f"2405.{number:05}",
        title=title,
        url=f"https://arxiv.org/abs/2405.{number:05}",
        date=DAY,
        dates=(DAY,),
        votes=1,
        authors=(),
        more_authors=False,
        thumbnail=None,
        sections=tuple(sections),
    )


NOUNS = (
    *("강", "조약돌", "등대", "나침반", "돛배", "감자", "벽돌", "우체통", "기차", "사다리"),
    *("고래", "단추", "물레", "풍차", "항아리", "종소리"),
)
ENDS = ("를 센다", "를 닦는다", "를 옮긴다", "를 그린다", "를 녹인다", "를 묶는다", "를 잰다")


def own_text(number: int, sentences: int = 5) -> str:
    """Korean text that no other number has."""
    made = []
    for place in range(sentences):
        first = NOUNS[(number * 7 + place * 3) % len(NOUNS)]
        second = NOUNS[(number + place * 5) % len(NOUNS)]
        end = ENDS[(number + place) % len(ENDS)]
        made.append(f"{first} 옆의 {number * 31 + place}번째 {second}{end}.")
    return " ".join(made)


def corpus(size: int = 20) -> list[Paper]:
    """Papers about nothing that share no text."""
    return [paper(n, own_text(3 * n), own_text(3 * n + 1)) for n in range(100, 100 + size)]


HOSTILE = (
    "",
    " \n\t ",
    "?!…。...---***",
    "가" * 1_000_000,
    "a" * 1_000_000,
    "." * 1_000_000,
    "a." * 300_000,
    "(" * 500_000,
    "`" * 300_001,
    "$a" * 200_000,
    "http://" * 100_000,
    '{"' * 200_000,
    "the is " * 100_000,
    "\n- " * 200_000,
    "\ud800 \udfff\ud800",
    "\x00" * 1_000,
    "가나다\x00라마바\ud83d. 사아자차",
    "\u0301" * 100_000,
    "İ" * 1_000,
    "논문의 " * 100_000,
    "본문이 " + "가" * 200_000,
    "arxiv" * 50_000,
    "죄송하지만 " * 50_000,
)
