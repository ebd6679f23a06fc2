"""A corpus in which some summaries do not describe the paper of their title.

With an encoder that costs nothing and knows which Korean words stand for those of the titles.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from enum import Enum
from itertools import product
from pathlib import Path
from random import Random

from tests.quick_encoder import QuickEncoder

# What a title names, in English and as the summary says it.
MANNERS = (("Frugal", "알뜰한"), ("Patient", "끈질긴"), ("Curious", "궁금한"), ("Gentle", "상냥한"))
METHODS = (
    ("Sparse Attention", "희소 어텐션"),
    ("Contrastive Learning", "대조 학습"),
    ("Graph Networks", "그래프 신경망"),
    ("Diffusion Models", "확산 모델"),
)
THINGS = (
    ("Weather Forecasting", "날씨 예보"),
    ("Speech Translation", "음성 번역"),
    ("Robot Grasping", "로봇 집기"),
    ("Chess Endgames", "체스 종반전"),
)
PLACES = (("Deserts", "사막"), ("Harbours", "항구"), ("Libraries", "도서관"), ("Caves", "동굴"))
_TOPICS = tuple(product(MANNERS, METHODS, THINGS, PLACES))

_SAYS = (
    "{place} 쪽 {thing} 문제를 {manner} {method} 기법으로 푼다.",
    "{manner} {method}: {place} 안의 {thing} 분야에서 이것이 통하는지 살폈다.",
    "사람들은 {place} 옆 {thing} 일에 {manner} {method} 방식을 쓰지 않았다.",
    "왜 {manner} {method} 없이는 {place} 앞 {thing} 작업이 느릴까?",
)
_TELLS = (
    "{number}시간 배운 뒤에 멈춘다.",
    "자료는 모두 {number}만 건이다.",
    "{number}명이 표시를 달았다.",
)

# What a model writes that was not given the paper: it could stand under any title.
_NEWS = (
    "이 연구는 인공지능 모델의 성능을 높이는 새로운 프레임워크를 제안합니다.",
    "본 연구에서는 기존 방식의 한계를 넘어서는 혁신적인 접근법을 소개합니다.",
    "이 논문은 딥러닝 모델의 효율성과 정확도를 함께 개선하는 방법을 제시합니다.",
    "최신 연구 동향을 반영하여 더욱 발전된 알고리즘을 선보입니다.",
)
_DETAILS = (
    "제안된 모델은 여러 층의 신경망과 최적화 알고리즘을 사용하여 학습을 진행합니다.",
    "대규모 데이터셋으로 사전 학습을 한 뒤 미세 조정을 통해 성능을 극대화합니다.",
    "모듈식 구조를 채택하여 다양한 작업에 유연하게 적용할 수 있도록 설계되었습니다.",
    "하이퍼파라미터를 체계적으로 조정하여 안정적인 수렴을 보장합니다.",
)
_RESULTS = (
    "실험 결과 제안된 방법은 기존 모델보다 우수한 성능을 보여 주었습니다.",
    "여러 벤치마크에서 최고 수준의 정확도를 달성하며 뛰어난 결과를 입증했습니다.",
    "다양한 실험을 통해 모델의 효과성과 일반화 능력을 확인하였습니다.",
    "계산 비용을 크게 줄이면서도 높은 정확도를 유지하였습니다.",
)


class Kind(Enum):
    """How a summary came to be."""

    REAL = "it says what the title says"
    OBLIQUE = "it says half of what the title says"
    MADE_UP = "it says nothing of any paper"
    GUESSED = "it is made up, from half of the title"


def number_of(paper: int) -> str:
    """The arXiv number of a paper."""
    return f"2405.{paper:05}"


def title_of(paper: int) -> str:
    """The topic; every third paper has a name before it."""
    manner, method, thing, place = (english for english, _ in _topic(paper))
    name = f"Qorvex{paper}: " if paper % 3 == 0 else ""
    return f"{name}{manner} {method} for {thing} in {place}"


def sections_of(paper: int, kind: Kind) -> tuple[str, str]:
    """What the digest says of it."""
    manner, method, thing, place = (korean for _, korean in _topic(paper))
    if kind in (Kind.MADE_UP, Kind.GUESSED):
        return _made_up(
            paper, f"{method} 기술은 {thing} 작업에 유용합니다." if kind is Kind.GUESSED else ""
        )
    if kind is Kind.OBLIQUE:
        manner, place = f"나사{paper}", f"굴대{paper}"
    name = f"Qorvex{paper} 논문이다. " if paper % 3 == 0 and kind is Kind.REAL else ""
    says = _SAYS[paper % len(_SAYS)].format(manner=manner, method=method, thing=thing, place=place)
    tells = _TELLS[paper % len(_TELLS)].format(number=paper + 2)
    return name + says, f"{tells} {method} 덕분에 {thing} 결과가 {paper + 3}점 올랐다."


def write_digests(folder: Path, papers: Iterable[tuple[int, Kind]], first_day: int = 1) -> None:
    """Write papers into digests of a dozen each, in this order."""
    folder.mkdir(exist_ok=True)
    papers = list(papers)
    for begin in range(0, len(papers), 12):
        entries = []
        for paper, kind in papers[begin : begin + 12]:
            new, details = sections_of(paper, kind)
            entries.append(
                f"### [{title_of(paper)}](https://arxiv.org/abs/{number_of(paper)})\n\n"
                f"- **What's New**: {new}\n- **Technical Details**: {details}\n"
            )
        path = folder / f"2024-05-{first_day + begin // 12:02}.md"
        path.write_text("\n".join(entries), encoding="utf-8")


class BilingualEncoder(QuickEncoder):
    """A word of a topic has one vector in both languages."""

    dimension = token_dimension = 256
    fingerprint = token_fingerprint = "bilingual"
    vocabulary = 9973

    def __init__(self) -> None:
        super().__init__()
        self._english = {
            word: same
            for english, korean in (*MANNERS, *METHODS, *THINGS, *PLACES)
            for word, same in zip(korean.split(), english.lower().split(), strict=True)
        }

    def _ids(self, text: str) -> list[int]:
        words = [self._english.get(word, word) for word in re.findall(r"\w+", text.lower())]
        telling = [word for word in words if word not in ("for", "in")] or [""]
        return [zlib.crc32(word.encode()) % self.vocabulary for word in telling]


def _made_up(paper: int, guess: str) -> tuple[str, str]:
    chance = Random(paper)
    news = chance.choice(_NEWS)
    details = (chance.choice(_DETAILS), guess, chance.choice(_RESULTS))
    return news, " ".join((*details, f"{chance.randrange(2, 90)}% 향상되었습니다."))


def _topic(paper: int) -> tuple[tuple[str, str], ...]:
    return _TOPICS[paper * 37 % len(_TOPICS)]
