"""Which summaries are copies, and which only use the same stock words."""

from __future__ import annotations

import random
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.papers import Paper
from index.quality import Flag, duplicates, find_duplicates, shingles
from index.quality.duplicates import MIN_EQUAL, MIN_SHARE, STOCK_PAPERS, find_families
from index.quality.findings import in_place
from index.quality.shingles import SIZE, hash_shingles, read_letters
from tests.index.quality.made import HOSTILE, corpus, own_text, paper

STOCK = (
    "본 연구에서는 기존 방식이 가진 한계를 극복하기 위한 새로운 틀을 제안하고 "
    "여러 시험에서 그 효과를 보입니다."
)


def flagged(papers: list[Paper]) -> list[str]:
    return [finding.paper for finding in find_duplicates(papers)]


def test_papers_that_share_nothing_are_not_flagged() -> None:
    assert find_duplicates(corpus()) == []
    assert find_duplicates([]) == []


def test_a_copied_summary_is_flagged_in_both_papers() -> None:
    copied = own_text(1), own_text(2)
    findings = find_duplicates([*corpus(), paper(1, *copied), paper(2, *copied)])
    assert [(f.paper, f.flag, f.section, f.start, f.end) for f in findings] == [
        ("2405.00001", Flag.DUPLICATE_SUMMARY, "", 0, 0),
        ("2405.00002", Flag.DUPLICATE_SUMMARY, "", 0, 0),
    ]
    assert "100%" in findings[0].evidence
    assert "2405.00002" in findings[0].evidence
    assert copied[0][:20] in findings[0].evidence
    assert "2405.00001" in findings[1].evidence


def test_a_copy_with_words_changed_is_flagged() -> None:
    text = own_text(1, 20)
    changed = text.replace("번째", "번째", 1).replace(". ", ".\n- ").replace("옆의 36번째", "뒤의")
    assert changed != text
    findings = find_duplicates([*corpus(), paper(1, text), paper(2, changed)])
    assert [finding.paper for finding in findings] == ["2405.00001", "2405.00002"]
    assert "100%" not in findings[0].evidence


def test_the_share_is_that_of_the_letters_in_long_runs() -> None:
    text, rest = own_text(1, 20), own_text(2, 20)
    one, two = paper(1, f"{text} {rest}"), paper(2, f"{text} {own_text(3, 20)}")
    findings = find_duplicates([*corpus(), one, two])
    letters = [sum(map(str.isalnum, part)) for part in (text, rest)]
    share = letters[0] / sum(letters)
    assert share > MIN_SHARE
    found = int(findings[0].evidence.split("%")[0])
    assert found == pytest.approx(100 * share, abs=2)  # a run may go on by chance


def test_a_shared_part_that_is_small_is_not_flagged() -> None:
    text = own_text(1, 8)
    assert flagged([paper(1, text, own_text(2, 40)), paper(2, text + own_text(3, 40))]) == []


def test_a_short_summary_is_not_flagged_for_a_stock_sentence() -> None:
    share = len(STOCK) / len(STOCK + own_text(1, 3))
    assert share > MIN_SHARE
    papers = [paper(n, f"{STOCK} {own_text(n, 3)}") for n in (1, 2)]
    assert flagged([*corpus(), *papers]) == []


def test_what_many_papers_have_is_the_digest_own_wording() -> None:
    notice = own_text(999, 9)
    papers = [paper(n, f"{own_text(n)} {notice}") for n in range(1, STOCK_PAPERS + 2)]
    assert flagged(papers) == []
    assert len(flagged(papers[:STOCK_PAPERS])) == STOCK_PAPERS


def test_stock_text_is_no_part_of_the_share() -> None:
    notice = own_text(999, 40)
    papers = [paper(n, f"{own_text(n)} {notice}") for n in range(1, STOCK_PAPERS + 2)]
    text = f"{own_text(500, 16)} {notice}"
    findings = find_duplicates([*papers, paper(501, text), paper(502, f"{text} 강이 흐른다.")])
    assert [finding.paper for finding in findings] == ["2405.00501", "2405.00502"]
    assert findings[0].evidence.startswith("100%")


def test_a_summary_that_very_many_papers_have_is_flagged_in_all() -> None:
    text = own_text(1)
    papers = [paper(n, text) for n in range(1, 5 * STOCK_PAPERS)]
    assert flagged(papers) == [one.id for one in papers]


def test_an_equal_section_is_flagged_with_its_span() -> None:
    text = own_text(1, 3)
    assert sum(map(str.isalnum, text)) >= MIN_EQUAL
    papers = [paper(1, own_text(2, 40), text), paper(2, f"{text}\n", own_text(3, 40))]
    first, second = find_duplicates([*corpus(), *papers])
    assert (first.paper, first.section, first.start, first.end) == (
        "2405.00001",
        "Technical Details",
        0,
        len(text),
    )
    assert "2405.00002" in first.evidence
    assert (second.paper, second.section) == ("2405.00002", "What's New")


def test_a_section_that_many_papers_have_is_the_digest_own_wording() -> None:
    papers = [paper(n, own_text(n, 40), own_text(999, 3)) for n in range(1, STOCK_PAPERS + 2)]
    assert flagged(papers) == []
    assert len(flagged(papers[1:])) == STOCK_PAPERS


def test_a_trivially_short_section_may_be_equal() -> None:
    papers = [paper(n, own_text(n, 20), "코드는 곧 공개됩니다.") for n in (1, 2)]
    assert flagged(papers) == []


def test_a_paper_that_repeats_itself_is_no_duplicate() -> None:
    assert flagged([*corpus(), paper(1, own_text(1), own_text(1))]) == []


def test_a_paper_that_repeats_a_copy_is_compared_with_the_other_paper() -> None:
    text = own_text(1, 20)
    (finding,) = find_duplicates(
        [*corpus(), paper(1, text * 9), paper(2, f"{text} {own_text(2, 99)}")]
    )
    assert finding.paper == "2405.00001"
    assert "2405.00002" in finding.evidence


def test_papers_with_parts_of_a_copied_text_do_not_hide_the_copy() -> None:
    text = own_text(1, 60)
    step = len(text) // 5
    parts = [
        paper(n + 2, f"{text[n * step : (n + 1) * step + 2 * SIZE]} {own_text(n + 2, 99)}")
        for n in range(5)
    ]
    ends = [paper(1, text), paper(9, f"{text} 끝.")]
    assert flagged([*parts, *ends]) == ["2405.00001", "2405.00009"]


def test_case_and_spacing_do_not_hide_a_copy() -> None:
    text = "Pebble Sorter 방식은 " + own_text(1)
    assert flagged([paper(1, text), paper(2, text.upper().replace(" ", "  "))]) == [
        "2405.00001",
        "2405.00002",
    ]


def test_runs_do_not_reach_over_sections() -> None:
    text = own_text(1, 9)
    pieces = [text[i : i + SIZE // 2] for i in range(0, len(text), SIZE // 2)]
    pieces.reverse()  # or the summaries would be equal
    names = tuple(f"part {n}" for n in range(len(pieces)))
    assert flagged([paper(1, text), paper(2, *pieces, names=names)]) == []


def test_shingles_are_the_runs_of_letters() -> None:
    papers = [paper(1, "가나, 다! " * 20, "짧다"), paper(2, "x" * SIZE), paper(3)]
    letters = read_letters(papers)
    hashes, starts = map(np.concatenate, zip(*hash_shingles(letters), strict=True))
    folded = ["가나다" * 20, "짧다", "x" * SIZE]
    joined = "".join(folded)
    runs = [
        joined[start : start + SIZE]
        for bound, text in zip(letters.bounds, folded, strict=False)
        for start in range(int(bound), int(bound) + len(text) - SIZE + 1)
    ]
    assert "".join(map(chr, letters.codes)) == joined
    assert [joined[start : start + SIZE] for start in starts] == runs
    assert len(set(hashes.tolist())) == len(set(runs))
    by_run = dict(zip(runs, hashes.tolist(), strict=True))
    assert [by_run[run] for run in runs] == hashes.tolist()


@given(st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_the_order_of_papers_does_not_matter(order: random.Random) -> None:
    text = own_text(1, 9)
    papers = [
        *corpus(8),
        *(paper(n, text, own_text(n)) for n in (1, 2, 3)),
        paper(4, own_text(40, 30), text),
        paper(5, f"{text} {own_text(5, 7)}"),
    ]
    expected = find_duplicates(papers)
    assert {finding.section for finding in expected} == {"", "Technical Details"}
    shuffled = list(papers)
    order.shuffle(shuffled)
    assert find_duplicates(shuffled) == expected
    places = [one.id for one in in_place(shuffled)]
    assert [places.index(f.paper) for f in expected] == sorted(
        places.index(f.paper) for f in expected
    )


def test_hostile_texts_are_read_too() -> None:
    papers = [paper(n, text, title=text[:200]) for n, text in enumerate(HOSTILE)]
    assert flagged(papers) == []
    assert flagged([*papers, paper(900), paper(901, HOSTILE[3])]) == ["2405.00003", "2405.00901"]


def test_a_text_that_all_papers_have_gives_few_pairs() -> None:
    """Half a million pairs of papers, if all were compared: it would take minutes."""
    text = own_text(1, 40)
    papers = [paper(n, f"{text} {own_text(n, 2)}") for n in range(1_000)]
    assert find_duplicates(papers) == []
    few = [paper(n, f"{own_text(n % 90, 40)} {n}") for n in range(1_000)]
    assert len(find_duplicates(few)) == 1_000


def test_papers_that_share_their_text_are_a_family() -> None:
    whole, part, section = own_text(1, 20), own_text(2, 20), own_text(3)
    papers = [
        paper(1, whole),
        paper(2, part, section),
        paper(3, own_text(4)),
        paper(4, whole),
        paper(5, f"{part} {own_text(5, 20)}"),
        paper(6, own_text(6, 20), section),
        paper(7, whole),
    ]
    assert find_families(papers) == [[0, 3, 6], [1, 4, 5]]
    assert find_families([papers[6], papers[2], papers[0]]) == [[0, 2]]
    assert find_families([]) == []


def test_families_are_what_the_findings_name() -> None:
    papers = [*corpus(), *(paper(n, own_text(n % 4, 12), own_text(n)) for n in range(900, 912))]
    named = {f.paper: f.evidence for f in find_duplicates(papers)}
    flagged_ones = [one for one in papers if one.id in named]
    families = [[flagged_ones[n].id for n in family] for family in find_families(flagged_ones)]
    assert sorted(name for family in families for name in family) == sorted(named)
    for family in families:
        for name in family:
            assert any(other in named[name] for other in family if other != name)


class TestInParts:
    """What is read, hashed and sorted at once makes no difference."""

    @pytest.fixture
    def papers(self) -> list[Paper]:
        text = own_text(900, 12)
        papers = corpus()
        papers += [paper(900 + n, own_text(950 + n, 3) + text[n * 20 :]) for n in range(5)]
        papers += [paper(910, text), paper(911, text), paper(912), paper(913, own_text(913), text)]
        return papers

    @pytest.mark.parametrize(("read", "hashed", "sorted_"), [(1, 1, 50), (3, 700, 1_000)])
    def test_the_findings_are_the_same(
        self,
        papers: list[Paper],
        monkeypatch: pytest.MonkeyPatch,
        read: int,
        hashed: int,
        sorted_: int,
    ) -> None:
        whole, letters = find_duplicates(papers), read_letters(papers)
        assert len(whole) > 5
        shared = duplicates._shared_shingles(letters)
        assert len(shared.hashes) > 100
        monkeypatch.setattr(shingles, "_READ", read)
        monkeypatch.setattr(shingles, "_HASHED", hashed)
        monkeypatch.setattr(duplicates, "_SORTED", sorted_)
        assert find_duplicates(papers) == whole
        again = read_letters(papers)
        for field in fields(letters):
            one, other = getattr(letters, field.name), getattr(again, field.name)
            assert one.dtype == other.dtype
            assert one.tolist() == other.tolist()
        again_shared = duplicates._shared_shingles(again)
        for field in fields(shared):
            one, other = getattr(shared, field.name), getattr(again_shared, field.name)
            assert one.tolist() == other.tolist()

    def test_no_more_is_hashed_at_once_but_for_a_longer_section(
        self, papers: list[Paper], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        letters = read_letters(papers)
        monkeypatch.setattr(shingles, "_HASHED", 700)
        sizes = [len(hashes) for hashes, _ in hash_shingles(letters)]
        assert len(sizes) > 5
        assert max(sizes) <= max(700, int(np.diff(letters.bounds).max()))
