"""A glossary: what is found in a text, what a query gets, what stays as it was on disk."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.glossary import Entry, Glossary

GLOSSARY = Glossary(
    [
        Entry("reinforcement learning", ("강화 학습",), ("RL",), 9),
        Entry("learning", ("학습",), (), 20),
        Entry("self-attention", ("자기 주의", "셀프 어텐션"), (), 5),
        Entry("attention", ("주의",), (), 8),
        Entry("fine-tuning", ("미세 조정",), (), 4),
        Entry("3D Gaussian", ("3D 가우시안",), (), 3),
        Entry("image transformer", ("이미지 변환기",), ("IT",), 3),
        Entry("training", ("훈련", "학습"), (), 6),
        Entry("study", ("연구", "학습"), (), 1),
    ]
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("강화 학습은 무엇인가", ["reinforcement learning", "RL"]),
        ("강화학습기반", ["reinforcement learning", "RL"]),
        ("What is Reinforcement-Learning?", ["RL", "강화 학습"]),
        ("rl", ["reinforcement learning", "강화 학습"]),
        ("RL in reinforcement learning", ["강화 학습"]),
        ("RL 강화학습", ["reinforcement learning"]),
        ("self attentions", ["자기 주의", "셀프 어텐션"]),
        ("finetuning", ["미세 조정"]),
        ("Fine Tuning", ["미세 조정"]),
        ("자기주의와 주의", ["self-attention", "attention"]),
        ("3D 가우시안", ["3D Gaussian"]),
        ("is it good?", []),
        ("IT systems", ["image transformer", "이미지 변환기"]),
        ("학습", ["learning", "training"]),
        ("reinforcement. learning", ["학습"]),
        ("재강화 학습", ["learning", "training"]),
        ("inattention", []),
        ("機械学習", []),
        ("", []),
    ],
)
def test_translations_of_a_query(query: str, expected: list[str]) -> None:
    assert GLOSSARY.translations(query) == expected


def test_search_gives_each_entry_once_in_the_order_of_the_text() -> None:
    found = GLOSSARY.search("주의, 강화 학습, attention, RL")
    assert [entry.english for entry in found] == ["attention", "reinforcement learning"]


def test_entries_come_with_the_best_supported_first() -> None:
    assert [entry.count for entry in GLOSSARY.entries] == [20, 9, 8, 6, 5, 4, 3, 3, 1]


def test_what_is_opened_is_what_was_written(tmp_path: Path) -> None:
    GLOSSARY.write(tmp_path / "glossary.json")
    assert Glossary.open(tmp_path / "glossary.json").entries == GLOSSARY.entries


@pytest.mark.parametrize("papers", [[], [[]], [[""], [" "]]], ids=str)
def test_no_text(papers: list[list[str]]) -> None:
    glossary = Glossary.mine(papers)
    assert glossary.entries == []
    assert glossary.translations("강화 학습 with RL") == []


@pytest.mark.parametrize(
    "text",
    [
        "(" * 200_000,
        "가(" * 100_000 + "RL" + ")" * 100_000,
        "(a" * 100_000,
        "가" * 200_000 + "(RL)",
        "가 " * 100_000 + "(RL)",
        "A-" * 100_000 + "(AA)",
        "(" + "a-" * 100_000 + ")",
        "(" + "a, " * 100_000 + ")",
    ],
    ids=lambda text: text[:4],
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    began = time.perf_counter()
    Glossary.mine([[text], [text]])
    GLOSSARY.translations(text)
    assert time.perf_counter() - began < 5  # hours where it is quadratic


PIECES = [
    "강화",
    "학습",
    "(",
    ")",
    "（",
    "RL",
    "Reinforcement Learning",
    " ",
    ";",
    ",",
    "을",
    "-",
    "\n",
]


@given(
    st.lists(
        st.lists(
            st.text() | st.lists(st.sampled_from(PIECES), max_size=12).map("".join), max_size=3
        ),
        max_size=6,
    ),
    st.text() | st.lists(st.sampled_from(PIECES)).map("".join),
)
def test_any_texts_can_be_mined_saved_and_asked(papers: list[list[str]], query: str) -> None:
    glossary = Glossary.mine(papers)
    with TemporaryDirectory() as folder:
        glossary.write(Path(folder) / "glossary.json")
        opened = Glossary.open(Path(folder) / "glossary.json")
    assert opened.entries == glossary.entries
    assert Glossary.mine(reversed(papers)).entries == glossary.entries
    assert all(2 <= entry.count <= len(papers) for entry in glossary.entries)
    added = glossary.translations(query)
    assert len(added) == len(set(added))
    assert opened.translations(query) == added
