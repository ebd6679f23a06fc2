"""What texts teach a glossary: what is a pair, where its Korean begins, what is an acronym."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.glossary import Glossary


def mined(*texts: str) -> Glossary:
    """A glossary of papers with one text each."""
    return Glossary.mine([text] for text in texts)


def pairs(glossary: Glossary) -> dict[str, tuple[str, ...]]:
    return {entry.english: entry.korean for entry in glossary.entries}


# Other terms, so that no word stands before everything.
OTHERS = (
    "날씨를 위한 기상 예보(weather forecast)를 쓴다.",
    "이는 기상 예보(weather forecast)이다.",
    "우리는 은하 지도(galaxy map)를 그린다.",
    "먼저 은하 지도(galaxy map)를 본다.",
    "새로운 벌집(beehive)을 짓는다.",
    "이것은 벌집(beehive)이다.",
    "그래서 단백질 접힘(protein folding)을 푼다.",
    "드디어 단백질 접힘(protein folding)이 풀렸다.",
)
MODELS = (
    *OTHERS,
    "우리는 대규모 언어 모델(LLM)을 쓴다.",
    "이 글은 대규모 언어 모델(Large Language Model; LLM)을 다룬다.",
    "값싼 대규모 언어 모델(large language models, LLMs)도 있다.",
    "최근 거대 언어 모델(Large Language Models)이 늘었다.",
    "이러한 거대 언어 모델(LLMs)은 느리다.",
    "먼저 강화 학습 (Reinforcement Learning, RL)을 한다.",
    "그 뒤에 강화학습(RL)을 한다.",
    "로봇은 강화 학습(reinforcement learning)으로 배운다.",
)


@pytest.mark.parametrize("others", [OTHERS, ()], ids=["among others", "alone"])
def test_one_paper_is_not_enough(others: tuple[str, ...]) -> None:
    one = "먼저 석양 감지(sunset detection)를 한다. 다시 석양 감지(sunset detection)를 한다."
    assert "sunset detection" not in pairs(mined(*others, one))
    two = "그는 석양 감지(sunset detection)를 한다."
    assert pairs(mined(*OTHERS, one, two))["sunset detection"] == ("석양 감지",)


def test_support_counts_papers_not_mentions() -> None:
    texts = ["우리는 벌집(beehive)을 본다. 큰 벌집(beehive)이다.", "이 벌집(beehive)이다."]
    glossary = Glossary.mine(
        [texts, ["새 벌집(beehive)이다."], *([text] for text in OTHERS if "벌집" not in text)]
    )
    assert [e.count for e in glossary.entries if e.english == "beehive"] == [2]


def test_a_term_begins_where_its_words_do() -> None:
    found = pairs(mined(*MODELS))
    assert found["Large Language Model"] == ("대규모 언어 모델", "거대 언어 모델")
    assert found["Reinforcement Learning"] == ("강화 학습",)
    assert found["protein folding"] == ("단백질 접힘",)


@pytest.mark.parametrize(
    "before", ["새로운", "논문에서는", "로봇을", "학습을 위한", "본", "1) ", "'"]
)
def test_words_outside_of_a_term_are_left_out(before: str) -> None:
    texts = [f"{start} {before} 석양 감지(sunset detection)" for start in ("먼저", "다음", "끝")]
    assert pairs(mined(*OTHERS, *texts))["sunset detection"] == ("석양 감지",)


def test_a_word_that_looks_outside_may_be_inside() -> None:
    texts = [f"{start} 인간의 피드백 수집(human feedback collection)" for start in ("먼저", "끝에")]
    assert pairs(mined(*OTHERS, *texts))["human feedback collection"] == ("인간의 피드백 수집",)


def test_a_latin_word_of_the_english_belongs_to_the_term() -> None:
    inside = [f"{start} 3D 안개 상자(3D cloud chamber)" for start in ("먼저", "끝에")]
    texts = [*inside, *["GPT 안개 상자(cloud chamber)를"] * 2]
    found = pairs(mined(*OTHERS, *texts))
    assert found["3D cloud chamber"] == ("3D 안개 상자",)
    assert found["cloud chamber"] == ("안개 상자",)


def test_a_part_of_a_term_is_no_translation() -> None:
    kinds = ("얇은판", "두꺼운판", "둥근판", "네모판", "세모판")
    texts = [f"{kind} 거리(plate shape distance)" for kind in kinds]
    assert "plate shape distance" not in pairs(mined(*OTHERS, *texts))


def test_what_many_terms_share_is_no_translation() -> None:
    products = ("alpha", "beta", "gamma", "delta", "zeta", "theta", "kappa")
    texts = [f"이 모형({name.upper()})을 쓴다." for name in products for _ in range(2)]
    assert not pairs(mined(*OTHERS, *texts)).keys() & {name.upper() for name in products}


@pytest.mark.parametrize(
    "text",
    [
        "석양 감지 (sunset detection)",
        "**석양 감지**(sunset detection)",
        "'석양 감지'(sunset detection)",
        "석양 감지(Sunset Detection)",
        "석양 감지(sunset-detections)",
        "석양감지들(sunset detection)",
        "sunset detection(석양 감지)",
        "석양 감지（sunset detection）",
    ],
)
def test_forms_of_one_pair(text: str) -> None:
    known = "석양 감지(sunset detection)"
    counts = {e.english: e.count for e in mined(*OTHERS, known, known, text).entries}
    assert counts["sunset detection"] == 3


@pytest.mark.parametrize(
    "inside",
    [
        "Kim et al., 2023",
        "e.g., sunset",
        "https://example.org/sunset",
        "2",
        "iii",
        "70B",
        "sunset 2021",
        "sunset.detect()",
        "sunset, moonrise, daybreak, nightfall",
        "예: 석양",
        "석양이 보인다",
    ],
)
def test_what_is_no_term(inside: str) -> None:
    glossary = mined(*OTHERS, *[f"우리는 석양 감지({inside})를 한다."] * 3)
    assert pairs(glossary) == pairs(mined(*OTHERS))


@pytest.mark.parametrize(
    ("text", "long", "short"),
    [
        ("이는 large sunset model(LSM)이다.", "large sunset model", "LSM"),
        ("이는 LSM(large sunset model)이다.", "large sunset model", "LSM"),
        ("이는 석양(large sunset models; LSMs)이다.", "large sunset models", "LSM"),
        ("이는 Model of Large Sunset (MLS)이다.", "Model of Large Sunset", "MLS"),
        ("이는 Low-Rank Adaptation(LoRA)이다.", "Low-Rank Adaptation", "LoRA"),
        ("이는 sunset-to-image(S2I)이다.", "sunset-to-image", "S2I"),
        ("이는 pretty new sunset model(SM)이다.", "sunset model", "SM"),
    ],
)
def test_acronyms_with_their_long_forms(text: str, long: str, short: str) -> None:
    (entry,) = mined(text, text).entries
    assert (entry.english, entry.acronyms) == (long, (short,))


@pytest.mark.parametrize("text", ["large sunset model(LXM)", "model(LM)", "Large Sunset(LARGE)"])
def test_letters_that_do_not_fit_are_no_acronym(text: str) -> None:
    assert mined(text, text).entries == []


def test_an_acronym_takes_the_meaning_that_its_korean_fits() -> None:
    glossary = mined(
        *OTHERS,
        *["이는 자동 요약(automatic resume, AR)이다."] * 3,
        *["이는 증강 현실(augmented reality; AR)이다."] * 2,
        "이는 증강 현실(AR)이다.",
    )
    counts = {entry.english: entry.count for entry in glossary.entries}
    assert counts["augmented reality"] == 3
    assert counts["automatic resume"] == 3
    assert {e.english for e in glossary.search("AR")} == {"augmented reality", "automatic resume"}


def test_the_singular_is_shown_but_for_what_is_always_plural() -> None:
    glossary = mined(
        *OTHERS,
        *["이는 석양 모형(sunset models)이다."] * 3,
        "이는 석양 모형(sunset model)이다.",
        *["이는 벌의 무리(swarm of bees)이다."] * 3,
        "이는 벌의 무리(swarm of bee)이다.",
    )
    assert {"sunset model", "swarm of bees"} <= set(pairs(glossary))


def test_the_same_papers_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    mined(*MODELS).write(one)
    mined(*reversed(MODELS)).write(two)
    assert one.read_bytes() == two.read_bytes()
    Glossary.open(one).write(two)
    assert one.read_bytes() == two.read_bytes()
