"""Summaries that don't describe their paper: which are found, and how it is decided."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, cast

import numpy as np
import pytest

from index.build import build
from index.confidence import Calibration
from index.paper_index import PaperIndex
from index.quality import mismatch
from index.quality.findings import Finding, Flag
from index.quality.mismatch import FEWEST, Fit, Judged, judge, judge_all
from index.quality.style import Style
from index.settings import BuildSettings, LearnSettings
from index.snapshot import Snapshot
from index.store import Store
from tests.index.quality.mismatched import (
    BilingualEncoder,
    Kind,
    number_of,
    title_of,
    write_digests,
)

KINDS = {Kind.REAL: 100, Kind.OBLIQUE: 6, Kind.MADE_UP: 36, Kind.GUESSED: 10}
MADE_UP = (Kind.MADE_UP, Kind.GUESSED)
NEW = (
    *((number, Kind.REAL) for number in range(152, 160)),
    *((number, Kind.MADE_UP) for number in range(160, 164)),
)


class Corpus(NamedTuple):
    """A corpus whose mismatches are known."""

    snapshot: Snapshot
    kinds: dict[str, Kind]

    def having(self, *kinds: Kind) -> set[str]:
        return {name for name, kind in self.kinds.items() if kind in kinds}

    def rows(self, names: Collection[str]) -> list[int]:
        return [row for row, name in enumerate(self.snapshot.ids) if name in names]


@pytest.fixture(scope="module", autouse=True)
def bilingual() -> Iterator[None]:
    """All builds and snapshots here use this encoder, and learn nothing that nobody looks at."""
    encoder = BilingualEncoder()
    with pytest.MonkeyPatch.context() as patch:
        for module in ("index.build", "index.snapshot"):
            patch.setattr(f"{module}.open_encoder", lambda _: encoder)
            patch.setattr(f"{module}.open_multi_vector_encoder", lambda *_: encoder)
        patch.setattr("index.build.calibrate", lambda *_: Calibration())
        yield


def built(digests: Path, store: Path) -> Snapshot:
    build([digests], Store(store), BuildSettings(learn=LearnSettings(budget_s=0)))
    return Store(store).open_live()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("mismatched")
    papers = list(enumerate(kind for kind, count in KINDS.items() for _ in range(count)))
    Random(0).shuffle(papers)
    write_digests(folder / "digests", papers)
    kinds = {number_of(paper): kind for paper, kind in papers}
    return Corpus(built(folder / "digests", folder / "data"), kinds)


@pytest.fixture(scope="module")
def grown(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The same corpus with a few new papers, built anew."""
    folder = tmp_path_factory.mktemp("grown")
    papers = [(int(name[5:]), kind) for name, kind in corpus.kinds.items()]
    write_digests(folder / "digests", papers)
    write_digests(folder / "digests", NEW, first_day=28)
    kinds = {number_of(paper): kind for paper, kind in NEW}
    return Corpus(built(folder / "digests", folder / "data"), corpus.kinds | kinds)


@pytest.fixture(scope="module")
def judged(corpus: Corpus) -> Judged:
    return judge_all(corpus.snapshot)


def found(findings: Collection[Finding]) -> set[str]:
    return {finding.paper for finding in findings}


def style_of(judged: Judged) -> Style:
    assert judged.style is not None
    return judged.style


class TestJudgeAll:
    def test_nearly_all_made_up_summaries_are_found_and_hardly_any_other(
        self, corpus: Corpus, judged: Judged
    ) -> None:
        lies = corpus.having(*MADE_UP)
        names = found(judged.findings)
        assert len(names & lies) >= 0.95 * len(lies)
        assert len(names & lies) >= 0.95 * len(names)

    def test_what_fits_badly_is_told_by_how_it_reads(self, corpus: Corpus, judged: Judged) -> None:
        """The title fits these two kinds about as well."""
        names = found(judged.findings)
        assert len(names & corpus.having(Kind.GUESSED)) >= 9
        assert not names & corpus.having(Kind.OBLIQUE)

    def test_without_a_style_only_what_hardly_fits_at_all_is_found(
        self, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mismatch, "_EXAMPLES", len(corpus.snapshot))
        unread = judge_all(corpus.snapshot)
        assert unread.style is None
        names = found(unread.findings)
        assert len(names) >= 30
        assert names <= corpus.having(Kind.MADE_UP)

    def test_without_a_style_what_fits_at_all_is_not_found(
        self, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mismatch, "_EXAMPLES", len(corpus.snapshot))
        before = found(judge_all(corpus.snapshot).findings)
        # However little is needed to doubt: a title that fits somewhat is left alone.
        monkeypatch.setattr(mismatch, "_DOUBT_UNREAD", -100.0)
        assert found(judge_all(corpus.snapshot).findings) == before
        monkeypatch.setattr(mismatch, "_DOUBT_UNREAD", 1.2)
        fewer = found(judge_all(corpus.snapshot).findings)
        assert fewer < before
        assert fewer

    def test_a_finding_is_about_the_whole_summary(self, judged: Judged) -> None:
        assert judged.findings
        for one in judged.findings:
            assert one.flag is Flag.SUMMARY_MISMATCH
            assert (one.section, one.start, one.end) == ("", 0, 0)

    def test_the_evidence_is_what_anybody_can_count(self, corpus: Corpus, judged: Judged) -> None:
        snapshot = corpus.snapshot
        assert snapshot.titles is not None
        for one in judged.findings:
            row = snapshot.row_of(one.paper)
            assert row is not None
            best = [
                max(float(snapshot.titles[row] @ snapshot.vectors.vectors[p]) for p in passages)
                for passages in map(snapshot.passages_of, range(len(snapshot)))
            ]
            told = re.match(r"(\d+) of (\d+) other summaries fit the title better", one.evidence)
            assert told
            better = sum(value > best[row] + 1e-5 for value in best)
            assert abs(int(told[1]) - better) <= 1  # where two are as good as equal
            assert int(told[2]) == len(snapshot) - 1
            name = title_of(int(one.paper[5:])).partition(": ")[0]
            rest = one.evidence.removeprefix(told[0])
            assert rest == (f"; its name “{name}” is not in the text" if "Qorvex" in name else "")

    def test_findings_come_in_the_order_of_the_papers(self, corpus: Corpus, judged: Judged) -> None:
        places = [corpus.snapshot.row_of(one.paper) for one in judged.findings]
        assert places == sorted(row for row in places if row is not None)

    def test_it_is_the_same_each_time(self, corpus: Corpus, judged: Judged) -> None:
        again = judge_all(corpus.snapshot)
        assert again.findings == judged.findings
        assert style_of(again).weights.tobytes() == style_of(judged).weights.tobytes()
        assert style_of(again).offset == style_of(judged).offset

    def test_the_build_writes_down_what_was_found_and_learned(
        self, corpus: Corpus, judged: Judged
    ) -> None:
        kept = [one for one in corpus.snapshot.findings if one.flag is Flag.SUMMARY_MISMATCH]
        assert kept == judged.findings
        style = corpus.snapshot.learned.style
        assert style is not None
        assert style.weights.tolist() == style_of(judged).weights.tolist()
        assert style.offset == style_of(judged).offset

    def test_few_papers_are_never_judged(
        self, corpus: Corpus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        assert FEWEST >= 50
        papers = [(n, Kind.REAL) for n in range(19)] + [(n, Kind.MADE_UP) for n in range(110, 140)]
        write_digests(tmp_path / "digests", papers)
        few = built(tmp_path / "digests", tmp_path / "data")
        assert len(few) == FEWEST - 1
        assert judge_all(few) == Judged([], None)
        assert judge(few, range(len(few)), corpus.snapshot.learned.style) == []
        assert not [one for one in few.findings if one.flag is Flag.SUMMARY_MISMATCH]
        # Whatever is found there.
        monkeypatch.setattr(mismatch, "_is_unfit", lambda *_: True)
        assert judge_all(few) == Judged([], None)
        monkeypatch.setattr(mismatch, "FEWEST", len(few))
        assert judge_all(few).findings
        assert judge(few, range(len(few)), corpus.snapshot.learned.style)

    def test_without_titles_nothing_is_found(self, corpus: Corpus, judged: Judged) -> None:
        bare = corpus.snapshot.without_titles()
        assert judge_all(bare) == Judged([], None)
        assert judge(bare, range(len(bare)), judged.style) == []


class TestJudge:
    def test_new_papers_are_judged_by_what_was_learned_before(
        self, grown: Corpus, judged: Judged
    ) -> None:
        new = {number_of(paper) for paper, _ in NEW}
        findings = judge(grown.snapshot, grown.rows(new), judged.style)
        assert found(findings) == grown.having(Kind.MADE_UP) & new

    def test_only_those_that_are_asked_for_are_judged(self, corpus: Corpus, judged: Judged) -> None:
        lies = corpus.rows(corpus.having(Kind.MADE_UP))
        for rows in (lies[:1], lies[5:9], []):
            findings = judge(corpus.snapshot, rows, judged.style)
            assert found(findings) == {corpus.snapshot.ids[row] for row in rows}

    def test_all_papers_are_judged_nearly_as_at_first(self, corpus: Corpus, judged: Judged) -> None:
        findings = judge(corpus.snapshot, range(len(corpus.snapshot)), judged.style)
        # Now the examples are known by heart.
        assert len(found(findings) ^ found(judged.findings)) <= 1
        told = {one.paper: one for one in judged.findings}
        assert all(told.get(one.paper, one) == one for one in findings)

    def test_what_needs_no_second_look_would_not_be_found_by_one(
        self, grown: Corpus, judged: Judged, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked: list[int] = []
        fit, ranks = mismatch._fit, mismatch._ranks

        def counting(bare: Snapshot, row: int, better: int, standard: float) -> Fit:
            looked.append(row)
            return fit(bare, row, better, standard)

        def never_clear(snapshot: Snapshot, rows: mismatch.Rows) -> mismatch._Ranks:
            found = ranks(snapshot, rows)
            return found._replace(better=np.maximum(found.better, 5))

        monkeypatch.setattr(mismatch, "_fit", counting)
        monkeypatch.setattr(mismatch, "_ranks", never_clear)
        rows = range(len(grown.snapshot))
        short = judge(grown.snapshot, rows, judged.style)
        assert short
        assert len(looked) < len(rows)
        looked.clear()
        monkeypatch.setattr(mismatch, "_MOST_DOUBT", 1e9)
        assert judge(grown.snapshot, rows, judged.style) == short
        assert len(looked) == len(rows)

    def test_without_a_style_only_what_hardly_fits_at_all_is_found(self, corpus: Corpus) -> None:
        rows = range(len(corpus.snapshot))
        names = found(judge(corpus.snapshot, rows, None))
        assert len(names) >= 30
        assert names <= corpus.having(Kind.MADE_UP)

    def test_a_second_look_is_taken_where_it_could_still_find_something(
        self, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What reading tells, less how well the title fits, and at most 4 more."""
        looked: list[int] = []
        standards = np.array([0.0, 0.0, 3.0, 3.0])
        monkeypatch.setattr(
            mismatch, "_ranks", lambda *_: mismatch._Ranks(np.full(4, 60), standards)
        )

        def fits(_: Snapshot, rows: mismatch.Rows, __: mismatch._Ranks) -> dict[int, Fit]:
            looked.extend(rows.tolist())
            return {}

        monkeypatch.setattr(mismatch, "_fits", fits)
        reading = cast(Style, lambda _: np.array([-6.9, -7.1, -3.9, -4.1]))
        assert judge(corpus.snapshot, [5, 6, 7, 8], reading) == []
        assert looked == [5, 7]
        looked.clear()  # a form is always looked at
        assert judge(corpus.snapshot, [5, 6, 7, 8], reading, {corpus.snapshot.ids[8]}) == []
        assert looked == [5, 7, 8]


class TestFindings:
    FIT = Fit(60, 0.0, 0.0, 0.0, None)

    @pytest.mark.parametrize(
        ("fit", "odds", "is_found"),
        [
            (FIT, -2.9, True),
            (FIT, -3.1, False),
            (FIT._replace(dense=4.0), 1.1, True),
            (FIT._replace(dense=4.0), 0.9, False),
            (FIT._replace(dense=-2.0), -4.9, True),
            (FIT._replace(dense=-2.0), -5.1, False),
        ],
    )
    def test_fitting_and_reading_decide_together(
        self, corpus: Corpus, fit: Fit, odds: float, is_found: bool
    ) -> None:
        findings = mismatch._findings(corpus.snapshot, {7: fit}, {7: odds}, ())
        assert found(findings) == ({corpus.snapshot.ids[7]} if is_found else set())

    @pytest.mark.parametrize(("dense", "is_found"), [(0.9, True), (1.1, False)])
    def test_of_a_form_the_title_decides_alone(
        self, corpus: Corpus, dense: float, is_found: bool
    ) -> None:
        """It reads like nothing else, so how it reads says that it is real."""
        fit, name = self.FIT._replace(dense=dense), corpus.snapshot.ids[7]
        for odds in ({7: -9.0}, None):
            findings = mismatch._findings(corpus.snapshot, {7: fit}, odds, {name})
            assert found(findings) == ({name} if is_found else set())
        assert not mismatch._findings(corpus.snapshot, {7: fit}, {7: -9.0}, {"2401.99999"})


class TestRanks:
    @pytest.mark.parametrize("block", [1, 7, 256])
    def test_they_count_the_summaries_that_fit_better(
        self, corpus: Corpus, monkeypatch: pytest.MonkeyPatch, block: int
    ) -> None:
        monkeypatch.setattr(mismatch, "_BLOCK", block)
        snapshot = corpus.snapshot
        rows = np.array([3, 0, 151, 40, 41, 42, 43, 44, 90])
        ranks = mismatch._ranks(snapshot, rows)
        assert snapshot.titles is not None
        for at, row in enumerate(rows.tolist()):
            best = np.array(
                [
                    max(float(snapshot.titles[row] @ snapshot.vectors.vectors[p]) for p in passages)
                    for passages in map(snapshot.passages_of, range(len(snapshot)))
                ]
            )
            assert abs(int(ranks.better[at]) - int((best > best[row] + 1e-5).sum())) <= 1
            standard = (best[row] - best.mean()) / best.std()
            assert ranks.standard[at] == pytest.approx(standard, abs=1e-4)

    def test_a_paper_without_passages_is_left_alone(
        self, corpus: Corpus, judged: Judged, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its passages are given to the paper before it."""
        snapshot = replace_owners(corpus, gone := corpus.rows(corpus.having(Kind.MADE_UP))[4])
        assert len(snapshot.passages_of(gone)) == 0
        ranks = mismatch._ranks(snapshot, np.array([gone, gone + 1]))
        assert (ranks.better[0], ranks.standard[0]) == (0, 0.0)
        assert ranks.better[1] == mismatch._ranks(snapshot, np.array([gone + 1])).better[0]
        again = judge_all(snapshot)
        assert snapshot.ids[gone] not in found(again.findings)
        assert len(found(again.findings) ^ found(judged.findings)) <= 2
        assert snapshot.ids[gone] not in found(judge(snapshot, [gone], judged.style))
        assert (mismatch._summaries(snapshot, np.array([gone])) == 0).all()

    def test_of_the_last_paper_too(self, corpus: Corpus, judged: Judged) -> None:
        last = len(corpus.snapshot) - 1
        snapshot = replace_owners(corpus, last)
        ranks = mismatch._ranks(snapshot, np.array([last, 0]))
        assert ranks.better[0] == 0
        assert judge(snapshot, [last], judged.style) == []


class TestManyPapers:
    """Of more papers than EXACT, ranks are estimated from a sample."""

    @pytest.fixture
    def many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mismatch, "EXACT", 100)
        monkeypatch.setattr(mismatch, "SAMPLE", 140)

    @pytest.mark.usefixtures("many")
    def test_from_a_sample_of_all_the_ranks_are_exact(
        self, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = np.arange(len(corpus.snapshot))[::3]
        monkeypatch.setattr(mismatch, "SAMPLE", len(corpus.snapshot))
        sampled = mismatch._ranks(corpus.snapshot, rows)
        monkeypatch.setattr(mismatch, "EXACT", len(corpus.snapshot))
        exact = mismatch._ranks(corpus.snapshot, rows)
        assert sampled.better.tolist() == exact.better.tolist()
        assert sampled.standard == pytest.approx(exact.standard, abs=1e-4)

    def test_the_estimates_are_within_their_error(
        self, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        papers = len(corpus.snapshot)
        exact = mismatch._ranks(corpus.snapshot, np.arange(papers))
        monkeypatch.setattr(mismatch, "EXACT", 0)
        monkeypatch.setattr(mismatch, "SAMPLE", 50)
        sampled = mismatch._ranks(corpus.snapshot, np.arange(papers))
        share = exact.better / (papers - 1)
        # A share of 50 that are drawn, and no finer than one of them.
        error = 3 * np.sqrt(share * (1 - share) / 50) * papers + papers / 50
        away = sampled.better - exact.better
        assert (np.abs(away) <= error).all()
        assert np.abs(away).max() > 0
        assert abs(away.mean()) < 0.02 * papers
        assert np.abs(sampled.standard - exact.standard).mean() < 0.3

    @pytest.mark.usefixtures("many")
    def test_the_same_summaries_are_doubted_but_for_a_few(
        self, corpus: Corpus, judged: Judged
    ) -> None:
        estimated = judge_all(corpus.snapshot)
        assert estimated.style is not None
        assert len(found(judged.findings)) > 30
        assert len(found(estimated.findings) ^ found(judged.findings)) <= 3
        for one in estimated.findings:
            assert re.match(r"about \d+ of 151 other summaries fit the title better", one.evidence)

    @pytest.mark.usefixtures("many")
    def test_not_every_title_is_looked_at_again(
        self, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked: list[int] = []
        inner = mismatch._fit

        def fit(bare: Snapshot, row: int, better: int, standard: float) -> Fit:
            looked.append(row)
            return inner(bare, row, better, standard)

        monkeypatch.setattr(mismatch, "_fit", fit)
        names = found(judge_all(corpus.snapshot).findings)
        assert len(set(looked)) == len(looked)
        assert {corpus.snapshot.ids[row] for row in looked} >= names

    @pytest.mark.usefixtures("many")
    def test_a_paper_without_a_passage_is_left_alone(self, corpus: Corpus) -> None:
        snapshot = replace_owners(corpus, 40)
        ranks = mismatch._ranks(snapshot, np.array([40, 41, 39]))
        assert ranks.better[0] == 0
        assert ranks.standard[0] == 0.0
        assert (ranks.standard[1:] != 0).all()

    def test_an_estimate_says_so_with_two_digits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fit = Fit(12_345, -0.5, -1.5, 0.5, None)
        told = mismatch._evidence("A Title", fit, 400_000)
        assert told == "about 12,000 of 399,999 other summaries fit the title better"
        monkeypatch.setattr(mismatch, "EXACT", 400_000)
        assert mismatch._evidence("A Title", fit, 400_000).startswith("12,345 of 399,999 other")


def replace_owners(corpus: Corpus, gone: int) -> Snapshot:
    """The same snapshot, but the passages of a paper are those of the one before it."""
    old = corpus.snapshot
    snapshot = Snapshot.open_unsealed(old.folder, old.manifest)
    bare = snapshot.without_titles()
    table = np.array(old.table)
    table[table[:, 0] == gone, 0] = gone - 1
    for one in (snapshot, bare):
        one._table, one.owners = table, table[:, 0].astype(np.int64)
        one._first = np.searchsorted(one.owners, np.arange(len(one) + 1))
    snapshot.without_titles = lambda **_: bare  # type: ignore[method-assign]
    return snapshot


class TestTitles:
    def test_papers_without_a_title_break_nothing(self, tmp_path: Path) -> None:
        papers = [(n, Kind.REAL) for n in range(60)]
        write_digests(tmp_path / "digests", papers)
        snapshot = built(tmp_path / "digests", tmp_path / "data")
        assert snapshot.titles is not None
        titles = np.array(snapshot.titles)
        titles[:3] = 0
        snapshot.title_index = PaperIndex.of(titles)
        read = snapshot.paper

        def untitled(row: int) -> object:
            return replace(read(row), title="") if row < 3 else read(row)

        bare = snapshot.without_titles()
        bare.paper = snapshot.paper = untitled  # type: ignore[method-assign, assignment]
        snapshot.without_titles = lambda **_: bare  # type: ignore[method-assign]
        for one in judge_all(snapshot).findings:
            assert one.evidence


class TestFit:
    FIT = Fit(30, -0.5, -1.5, 0.5, None)

    @pytest.mark.parametrize("name", ["dense", "late", "lexical"])
    def test_what_fits_better_is_doubted_less(self, name: str) -> None:
        fits: list[dict[str, Any]] = [{name: value} for value in (-2.0, 0.0, 1.0, 4.0)]
        doubts = [self.FIT._replace(**values).doubt for values in fits]
        assert doubts == sorted(doubts, reverse=True)
        assert len(set(doubts)) == 4

    def test_its_own_name_speaks_for_it(self) -> None:
        doubts = {name: self.FIT._replace(named=name).doubt for name in (None, False, True)}
        assert doubts[None] == doubts[False] > doubts[True]

    def test_no_count_of_equal_words_outweighs_everything(self) -> None:
        least = self.FIT._replace(lexical=10.0).doubt
        assert self.FIT._replace(lexical=1_000.0).doubt == least
        assert self.FIT._replace(lexical=9.0).doubt > least

    @pytest.mark.parametrize(
        ("fit", "unfit"),
        [
            (FIT, True),
            (FIT._replace(named=False), True),
            (FIT._replace(named=True), False),
            (FIT._replace(better=17), False),  # of 300 papers, 6%
            (FIT._replace(better=18), True),
            (FIT._replace(late=-1.0), False),
            (FIT._replace(lexical=1.5), False),
        ],
    )
    def test_an_example_fits_by_no_measure(self, fit: Fit, unfit: bool) -> None:
        assert mismatch._is_unfit(fit, 300) is unfit

    def test_in_a_small_corpus_an_example_is_worse_than_a_dozen(self) -> None:
        assert not mismatch._is_unfit(self.FIT._replace(better=11), 60)
        assert mismatch._is_unfit(self.FIT._replace(better=12), 60)

    def test_a_name_is_in_the_text_or_it_is_not(self, corpus: Corpus) -> None:
        bare = corpus.snapshot.without_titles()
        for row, name in enumerate(corpus.snapshot.ids):
            fit = mismatch._fit(bare, row, 1, 0.0)
            expected: bool | None = None
            if int(name[5:]) % 3 == 0:
                expected = corpus.kinds[name] is Kind.REAL
            assert fit.named is expected, name

    def test_a_summary_is_compared_with_the_nearest_though_it_is_none_of_them(
        self, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bare = corpus.snapshot.without_titles()
        monkeypatch.setattr(mismatch, "_CANDIDATES", 9)
        for row in corpus.rows(corpus.having(Kind.MADE_UP))[:12]:
            assert mismatch._fit(bare, row, 60, -1.0).late < -2
        for row in corpus.rows(corpus.having(Kind.REAL))[:12]:
            assert mismatch._fit(bare, row, 0, 3.0).late > 0.5


class TestLearn:
    def test_an_example_is_read_by_what_was_learned_from_others(self) -> None:
        # Nothing tells these apart, but there are many dimensions to know them by heart.
        random = np.random.default_rng(0)
        summaries = random.normal(size=(200, 400)).astype(np.float32)
        rows = random.permutation(200)
        made_up, clear = rows[:80], rows[80:160]
        style, odds = mismatch._learn(summaries, made_up, clear)
        own = style(summaries)
        assert own[made_up].min() > own[clear].max()
        assert odds.shape == (200,)
        right = [odds[row] > 0 for row in made_up.tolist()]
        assert 0.2 < np.mean(right) < 0.8
        others = rows[160:].tolist()
        assert odds[others].tolist() == own[others].tolist()

    def test_what_differs_is_learned(self) -> None:
        random = np.random.default_rng(1)
        summaries = random.normal(size=(200, 8)).astype(np.float32)
        summaries[:100, 2] += 4
        _, odds = mismatch._learn(summaries, np.arange(0, 80), np.arange(100, 180))
        assert min(odds[row] for row in range(100)) > max(odds[row] for row in range(100, 200)) - 6
        assert np.mean([odds[row] > 0 for row in range(100)]) > 0.95
        assert np.mean([odds[row] < 0 for row in range(100, 200)]) > 0.95

    def test_a_summary_is_the_mean_of_its_passages(self, corpus: Corpus) -> None:
        rows = np.array([5, 2])
        found = mismatch._summaries(corpus.snapshot, rows)
        for at, row in enumerate(rows.tolist()):
            passages = [
                corpus.snapshot.vectors.vectors[p] for p in corpus.snapshot.passages_of(row)
            ]
            mean = np.mean(passages, 0)
            assert found[at] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
