"""The legs, one by one, over the sample digests: against sums and maxima over all passages."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.arrays import Ragged
from index.labels import fold_name
from index.moments import Moments, standardise
from index.scoring import (
    Allowed,
    Candidates,
    Lexical,
    Query,
    best_of_papers,
    score_dense,
    score_late,
    score_latent,
    score_lexical,
    specificity,
)
from index.snapshot import Snapshot

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

QUERIES = [
    "확산 모델로 이미지를 생성하는 방법",
    "quantization of large language models",
    "검색 증강 생성",
    "RoPE",
    "ノイズを取り除く拡散モデル",
]


def pick_papers(snapshot: Snapshot) -> Allowed:
    """Every third paper, with all its passages."""
    papers = np.arange(len(snapshot)) % 3 == 0
    return Allowed(papers, papers[snapshot.owners])


def pick_section(snapshot: Snapshot) -> Allowed:
    """Passages of one section, and the papers that have any; they have others too."""
    passages = snapshot.sections.rows_named({fold_name("Technical Details")})
    papers = np.zeros(len(snapshot), np.bool_)
    papers[snapshot.owners[passages]] = True
    assert 0 < passages.sum() < len(passages)
    return Allowed(papers, passages)


def cosines(snapshot: Snapshot, text: str) -> Floats:
    """Of all passages."""
    found: Floats = snapshot.vectors.vectors @ snapshot.encoder.encode_query([text])[0]
    return found


def best_by_paper(snapshot: Snapshot, scores: Floats, passages: Mask | None = None) -> Floats:
    """The best of each paper's passages, paper by paper; nan where none is allowed."""
    best = []
    for row in range(len(snapshot)):
        own = [one for one in snapshot.passages_of(row) if passages is None or passages[one]]
        best.append(max((float(scores[one]) for one in own), default=math.nan))
    return np.array(best, np.float32)


class TestStandardise:
    def test_scores_become_standard_deviations(self) -> None:
        # mean 4, standard deviation 2
        found = standardise(np.array([2, 6, 2, 6], np.float32))
        assert found.tolist() == [-1, 1, -1, 1]
        assert found.dtype == np.float32

    @given(st.lists(st.floats(-100, 100, width=32), min_size=2, max_size=30))
    def test_any_scores_have_mean_zero_and_deviation_one(self, values: list[float]) -> None:
        scores = np.array(values, np.float32)
        found = standardise(scores)
        if scores.std() > 1e-2:
            assert found.mean() == pytest.approx(0, abs=1e-2)
            assert found.std() == pytest.approx(1, abs=1e-2)
            assert (np.diff(found[np.argsort(scores)]) >= 0).all()

    def test_scores_that_are_all_equal_say_nothing(self) -> None:
        assert standardise(np.full(4, 7, np.float32)).tolist() == [0, 0, 0, 0]
        assert standardise(np.zeros(1, np.float32)).tolist() == [0]


class TestMoments:
    def test_they_are_the_mean_and_the_standard_deviation(self) -> None:
        moments = Moments.of(np.array([2, 6, 2, 6], np.float32))
        assert moments == Moments(4.0, 2.0)
        assert moments.standardise(np.array([4, 8, 1], np.float32)).tolist() == [0, 2, -1.5]

    def test_equal_scores_have_a_deviation_to_divide_by(self) -> None:
        moments = Moments.of(np.full(3, 0.25, np.float32))
        assert moments == Moments(0.25, 1.0)
        assert moments.standardise(np.array([0.25, 1.25], np.float32)).tolist() == [0, 1]

    @pytest.mark.parametrize("text", QUERIES)
    def test_a_snapshot_knows_those_of_all_cosines(self, snapshot: Snapshot, text: str) -> None:
        query = snapshot.encoder.encode_query([text])[0]
        found, all_of_them = snapshot.moments(query), cosines(snapshot, text)
        assert found.mean == pytest.approx(all_of_them.mean(), abs=1e-4)
        assert found.deviation == pytest.approx(all_of_them.std(), rel=1e-2)


class TestSpecificity:
    @given(st.data())
    @settings(max_examples=60, deadline=None)
    def test_it_is_the_sum_of_rarities_up_to_one(
        self, snapshot: Snapshot, data: st.DataObject
    ) -> None:
        known = sorted(snapshot.words_of(3) | snapshot.words_of(20))
        words = data.draw(st.lists(st.sampled_from([*known, "없는말", "xylophone"]), max_size=9))
        rarity = sum(snapshot.lexicon.rarity(word) for word in set(words))
        wanted = min(1.0, rarity / (5 * math.log(1 + len(snapshot)))) if words else 1.0
        assert specificity(snapshot, words) == pytest.approx(wanted, abs=1e-6)

    @given(st.data())
    @settings(max_examples=60, deadline=None)
    def test_a_word_more_never_says_less(self, snapshot: Snapshot, data: st.DataObject) -> None:
        known = sorted(snapshot.words_of(3) | snapshot.words_of(20))
        words = data.draw(st.lists(st.sampled_from(known), max_size=9))
        said = [specificity(snapshot, words[:count]) for count in range(1, len(words) + 1)]
        assert said == sorted(said)
        assert all(0 < one <= 1 for one in said)

    def test_a_word_said_twice_is_said_once(self, snapshot: Snapshot) -> None:
        assert 0 < specificity(snapshot, ["확산"]) < 1
        assert specificity(snapshot, ["확산"] * 9) == specificity(snapshot, ["확산"])

    def test_a_rare_word_says_more_than_a_common_one(self, snapshot: Snapshot) -> None:
        lexicon = snapshot.lexicon
        (common,), (rare,) = lexicon.numbers(["모델"]), lexicon.numbers(["mamba"])
        assert lexicon.papers_with(common) > 10 > lexicon.papers_with(rare)
        assert specificity(snapshot, ["mamba"]) > 2 * specificity(snapshot, ["모델"])

    def test_enough_rare_words_say_all_there_is_to_say(self, snapshot: Snapshot) -> None:
        words = [f"없는말{i}" for i in range(9)]
        assert specificity(snapshot, words) == 1.0
        assert specificity(snapshot, []) == 1.0  # no words are known, which says nothing


class TestLexical:
    @pytest.mark.parametrize("text", QUERIES)
    def test_a_paper_has_its_words_and_half_of_their_translations(
        self, snapshot: Snapshot, text: str
    ) -> None:
        query = Query(text)
        found = score_lexical(snapshot, query, None)
        assert query.words == snapshot.lexicon.words_of(text)
        assert query.terms == snapshot.lexicon.numbers(query.words)
        bm25 = snapshot.lexicon.score_papers(query.terms)
        bm25 = bm25 + 0.5 * snapshot.lexicon.score_papers(query.translations)
        wanted = (bm25 - bm25.mean()) / bm25.std() if bm25.any() else bm25
        assert found.scores == pytest.approx(wanted, abs=1e-4)

    def test_translations_are_others_than_the_words(self, snapshot: Snapshot) -> None:
        query = Query("contrastive learning")
        score_lexical(snapshot, query, None)
        assert query.translations
        assert not set(query.translations) & set(query.terms)

    @pytest.mark.parametrize("text", QUERIES)
    def test_a_filter_on_papers_changes_no_score(self, snapshot: Snapshot, text: str) -> None:
        free = score_lexical(snapshot, Query(text), None)
        filtered = score_lexical(snapshot, Query(text), pick_papers(snapshot))
        assert filtered.scores.tolist() == free.scores.tolist()
        assert filtered.share == free.share

    @pytest.mark.parametrize("text", QUERIES[:3])
    def test_with_a_filter_on_sections_a_paper_is_its_best_passage(
        self, snapshot: Snapshot, text: str
    ) -> None:
        query, allowed = Query(text), pick_section(snapshot)
        found = score_lexical(snapshot, query, allowed)
        lexicon = snapshot.lexicon
        parts = [
            np.nan_to_num(best_by_paper(snapshot, lexicon.score_passages(terms), allowed.passages))
            for terms in (query.terms, query.translations)
        ]
        bm25 = parts[0] + 0.5 * parts[1]
        assert bm25.any()
        assert found.scores == pytest.approx((bm25 - bm25.mean()) / bm25.std(), abs=1e-4)

    def test_the_share_is_of_what_the_best_paper_has(self, snapshot: Snapshot) -> None:
        text = "확산 모델 xylophone"
        query = Query(text)
        found = score_lexical(snapshot, query, None)
        best = int(snapshot.lexicon.score_papers(query.terms).argmax())
        rarity = {word: snapshot.lexicon.rarity(word) for word in query.words}
        held = [rarity[word] for word in rarity if word in snapshot.words_of(best)]
        assert set(query.words) == {"확산", "모델", "xylophon"}
        assert found.share == pytest.approx(sum(held) / sum(rarity.values()), abs=1e-6)
        assert 0 < found.share < 1

    def test_a_query_in_a_papers_own_words_has_all_of_them(self, snapshot: Snapshot) -> None:
        found = score_lexical(snapshot, Query("Mamba: selective state spaces"), None)
        assert found.share == pytest.approx(1, abs=1e-6)
        assert snapshot.ids[int(found.scores.argmax())] == "2312.00752"

    @pytest.mark.parametrize("text", ["", "  ", "xylophone zyzzyva", "?!"])
    def test_a_query_of_unknown_words_finds_nothing(self, snapshot: Snapshot, text: str) -> None:
        found = score_lexical(snapshot, Query(text), None)
        assert not found.scores.any()
        assert found.share == 0.0


class TestKorean:
    @pytest.mark.parametrize(
        ("text", "korean"),
        [
            ("확산 모델", True),
            ("RoPE는 무엇인가?", True),
            ("DPO와 PPO의 차이를 알려줘", True),
            ("What is RoPE?", False),
            ("SWE-bench 논문", False),
            ("ノイズを取り除く拡散モデル", False),
            ("", False),
            ("2312.00752", False),
        ],
    )
    def test_a_good_part_of_a_korean_query_is_korean(
        self, snapshot: Snapshot, text: str, korean: bool
    ) -> None:
        assert score_lexical(snapshot, Query(text), None).korean is korean

    def test_nativeness_is_what_is_beyond_a_fifth_for_korean_alone(self) -> None:
        none = np.zeros(0, np.float32)
        shares = (0.0, 0.1, 0.2, 0.6, 1.0)
        native = [Lexical(none, share, korean=True).nativeness for share in shares]
        assert native == pytest.approx([0, 0, 0, 0.5, 1], abs=1e-9)
        assert not any(Lexical(none, share, korean=False).nativeness for share in shares)


class TestDense:
    @pytest.mark.parametrize("text", QUERIES)
    def test_a_paper_is_its_best_passage(self, snapshot: Snapshot, text: str) -> None:
        query = Query(text)
        found = score_dense(snapshot, query, None, 1_000)
        all_of_them = cosines(snapshot, text)
        best = best_by_paper(snapshot, all_of_them)
        wanted = (best - all_of_them.mean()) / all_of_them.std()
        assert found.scores == pytest.approx(wanted, rel=2e-2, abs=1e-2)
        assert query.best_cosine == pytest.approx(all_of_them.max(), abs=1e-5)
        assert query.vector == pytest.approx(snapshot.encoder.encode_query([text])[0], abs=1e-6)

    def test_titles_are_standardised_among_themselves(self, snapshot: Snapshot) -> None:
        found = score_dense(snapshot, Query(QUERIES[0]), None, 1_000)
        assert snapshot.titles is not None
        own = snapshot.titles @ snapshot.encoder.encode_query([QUERIES[0]])[0]
        assert found.titles == pytest.approx((own - own.mean()) / own.std(), abs=1e-4)

    def test_no_paper_beyond_the_candidates_exceeds_the_last_of_them(
        self, snapshot: Snapshot
    ) -> None:
        few = score_dense(snapshot, Query(QUERIES[1]), None, 7).scores
        every = score_dense(snapshot, Query(QUERIES[1]), None, 1_000).scores
        top = np.argsort(-cosines(snapshot, QUERIES[1]))[:7]
        found = sorted(set(snapshot.owners[top].tolist()))
        assert few[found] == pytest.approx(every[found], abs=1e-5)
        rest = np.delete(few, found)
        assert len(set(rest.tolist())) == 1
        assert rest[0] <= few[found].min()
        assert rest[0] >= np.delete(every, found).max() - 1e-5

    @pytest.mark.parametrize("pick", [pick_papers, pick_section])
    def test_what_passes_a_filter_is_scored_by_what_passes(
        self, snapshot: Snapshot, pick: Callable[[Snapshot], Allowed]
    ) -> None:
        allowed = pick(snapshot)
        query = Query(QUERIES[0])
        found = score_dense(snapshot, query, allowed, 1_000)
        all_of_them = cosines(snapshot, QUERIES[0])
        best = best_by_paper(snapshot, all_of_them, allowed.passages)[allowed.papers]
        assert query.moments is not None
        wanted = query.moments.standardise(best)
        assert found.scores[allowed.papers] == pytest.approx(wanted, abs=1e-4)
        assert query.best_cosine == pytest.approx(all_of_them[allowed.passages].max(), abs=1e-5)

    def test_where_nothing_passes_there_is_no_best(self, snapshot: Snapshot) -> None:
        none = Allowed(np.zeros(len(snapshot), np.bool_), np.zeros(len(snapshot.owners), np.bool_))
        query = Query(QUERIES[0])
        found = score_dense(snapshot, query, none, 1_000)
        free = score_dense(snapshot, Query(QUERIES[0]), None, 1_000)
        assert found.scores.tolist() == free.scores.tolist()
        assert query.best_cosine is None

    def test_a_vector_that_is_there_is_not_computed_again(self, snapshot: Snapshot) -> None:
        vector = snapshot.encoder.encode_query([QUERIES[1]])[0]
        found = score_dense(snapshot, Query("something else", vector=vector), None, 1_000)
        wanted = score_dense(snapshot, Query(QUERIES[1]), None, 1_000)
        assert found.scores == pytest.approx(wanted.scores, abs=1e-5)


class TestLatent:
    def test_scores_are_cosines_with_the_papers(self, snapshot: Snapshot) -> None:
        assert snapshot.latent is not None
        words = snapshot.lexicon.words_of(QUERIES[0])
        (place,) = snapshot.latent.space.vectors([words])
        own = snapshot.latent.papers @ place
        found = score_latent(snapshot, Query(QUERIES[0]))
        assert found == pytest.approx((own - own.mean()) / own.std(), abs=1e-3)

    def test_words_that_the_lexical_leg_left_are_used(self, snapshot: Snapshot) -> None:
        words = snapshot.lexicon.words_of(QUERIES[0])
        found = score_latent(snapshot, Query("something else", words=words))
        wanted = score_latent(snapshot, Query(QUERIES[0]))
        assert found is not None
        assert wanted is not None
        assert found.tolist() == wanted.tolist()

    def test_unknown_words_say_nothing(self, snapshot: Snapshot) -> None:
        found = score_latent(snapshot, Query("xylophone"))
        assert found is not None
        assert not found.any()

    def test_without_a_space_there_is_no_leg(self) -> None:
        assert score_latent(cast(Snapshot, SimpleNamespace(latent=None)), Query("언어")) is None


def of(rows: npt.NDArray[np.int64]) -> Candidates:
    """Candidates that any search would look at."""
    return Candidates(rows, np.ones(len(rows), np.bool_))


class TestLate:
    def test_what_a_filter_added_moves_no_mean(self, snapshot: Snapshot) -> None:
        rows = np.arange(20)
        anyway = score_late(snapshot, Query(QUERIES[0]), of(rows[:12]), None)
        more = score_late(snapshot, Query(QUERIES[0]), Candidates(rows, rows < 12), None)
        assert anyway is not None
        assert more is not None
        assert more[:12] == pytest.approx(anyway, abs=1e-5)

    @pytest.mark.parametrize("text", QUERIES)
    def test_scores_are_of_the_whole_and_of_the_best_passage(
        self, snapshot: Snapshot, text: str
    ) -> None:
        late = snapshot.late
        assert late is not None
        rows = np.arange(0, len(snapshot), 2)
        query = Query(text)
        found = score_late(snapshot, query, of(rows), None)
        tokens = late.space.query(late.encoder.encode_query_tokens(text, late.space.basis))
        assert tokens is not None
        groups = snapshot.passages_of_all(rows)
        whole, best = late.tokens.scores(tokens, groups, len(snapshot.owners) + rows)
        wanted = (
            2 / 3 * (whole - whole.mean()) / whole.std() + (best - best.mean()) / best.std() / 3
        )
        assert found == pytest.approx(wanted, abs=1e-4)
        assert query.tokens is not None
        assert query.late_moments is not None
        assert query.late_moments.mean == pytest.approx(best.mean(), abs=1e-5)

    @pytest.mark.parametrize("text", QUERIES)
    def test_a_filter_on_papers_changes_no_score_of_what_passes(
        self, snapshot: Snapshot, text: str
    ) -> None:
        rows, allowed = np.arange(len(snapshot)), pick_papers(snapshot)
        free = score_late(snapshot, Query(text), of(rows), None)
        filtered = score_late(snapshot, Query(text), of(rows), allowed)
        assert free is not None
        assert filtered is not None
        assert filtered[allowed.papers] == pytest.approx(free[allowed.papers], abs=1e-5)

    def test_with_a_filter_on_sections_only_what_passes_is_compared(
        self, snapshot: Snapshot
    ) -> None:
        late, allowed = snapshot.late, pick_section(snapshot)
        assert late is not None
        rows = np.arange(len(snapshot))
        query = Query(QUERIES[0])
        found = score_late(snapshot, query, of(rows), allowed)
        assert found is not None
        assert query.tokens is not None
        kept = [
            [
                one
                for one in snapshot.passages_of(row)
                if allowed.passages[one] or not allowed.papers[row]
            ]
            for row in rows.tolist()
        ]
        groups = Ragged.of([np.array(some, np.int64) for some in kept], rows[:0])
        whole, best = late.tokens.scores(query.tokens, groups, rows + len(snapshot.owners))
        wanted = (
            2 / 3 * (whole - whole.mean()) / whole.std() + (best - best.mean()) / best.std() / 3
        )
        assert found[allowed.papers] == pytest.approx(wanted[allowed.papers], abs=1e-4)

    def test_without_tokens_there_is_no_leg(self) -> None:
        bare = cast(Snapshot, SimpleNamespace(late=None))
        assert score_late(bare, Query("언어"), of(np.arange(3)), None) is None

    def test_no_candidates_have_no_scores(self, snapshot: Snapshot) -> None:
        found = score_late(snapshot, Query("언어"), of(np.zeros(0, np.int64)), None)
        assert found is not None
        assert found.shape == (0,)


def test_the_best_of_a_papers_passages_counts(snapshot: Snapshot) -> None:
    scores = np.random.default_rng(0).random(len(snapshot.owners)).astype(np.float32)
    assert best_of_papers(snapshot, scores).tolist() == best_by_paper(snapshot, scores).tolist()


class TestWithoutTitles:
    @pytest.fixture(scope="class")
    @classmethod
    def bare(cls, snapshot: Snapshot) -> Snapshot:
        return snapshot.without_titles()

    @pytest.mark.parametrize(
        ("text", "paper"), [("Mamba", "2312.00752"), ("DreamBooth", "2208.12242")]
    )
    def test_a_word_of_a_title_alone_is_forgotten(
        self, snapshot: Snapshot, bare: Snapshot, text: str, paper: str
    ) -> None:
        row = snapshot.row_of(paper)
        assert row is not None
        texts = [snapshot.passage(one).text for one in range(len(snapshot.owners))]
        assert not any(text.lower() in one.lower() for one in texts)
        (word,) = snapshot.lexicon.words_of(text)
        titled = score_lexical(snapshot, Query(text), None)
        assert int(titled.scores.argmax()) == row
        assert titled.share == 1.0
        forgotten = score_lexical(bare, Query(text), None)
        assert not forgotten.scores.any()
        assert forgotten.share == 0.0
        assert word not in bare.words_of(row)
        assert bare.lexicon.rarity(word) > snapshot.lexicon.rarity(word)

    def test_papers_are_matched_as_their_passages(self, bare: Snapshot) -> None:
        for row in (0, 16, 44):
            own = [
                term.text
                for one in bare.passages_of(row)
                for term in bare.lexicon.passage_terms(one)
            ]
            assert bare.words_of(row) == set(own)
            assert bare.lexicon.title_terms(row) == []
            assert bare.latent is not None
            (place,) = bare.latent.space.vectors([own])
            assert bare.latent.papers[row] == pytest.approx(place, abs=1e-5)

    def test_titles_have_no_scores(self, snapshot: Snapshot, bare: Snapshot) -> None:
        text = "Attention Is All You Need"
        assert score_dense(bare, Query(text), None, 1_000).titles is None
        late = snapshot.late
        assert late is not None
        rows = np.arange(len(bare))
        query = Query(text)
        found = score_late(bare, query, of(rows), None)
        assert query.tokens is not None
        whole, best = late.tokens.scores(query.tokens, bare.passages_of_all(rows))
        wanted = (
            2 / 3 * (whole - whole.mean()) / whole.std() + (best - best.mean()) / best.std() / 3
        )
        assert found == pytest.approx(wanted, abs=1e-4)

    def test_what_passages_say_is_found_as_before(self, snapshot: Snapshot, bare: Snapshot) -> None:
        query, same = Query(QUERIES[0]), Query(QUERIES[0])
        before = score_dense(snapshot, query, None, 1_000)
        after = score_dense(bare, same, None, 1_000)
        assert after.scores == pytest.approx(before.scores, abs=1e-5)
        assert bare.ids == snapshot.ids
        assert bare.paper(0) == snapshot.paper(0)

    def test_the_snapshot_itself_keeps_its_titles(self, snapshot: Snapshot, bare: Snapshot) -> None:
        assert bare is not snapshot
        assert snapshot.titles is not None
        assert snapshot.lexicon.title_terms(0)
        assert snapshot.latent is not None
        assert bare.latent is not None
        assert not np.allclose(snapshot.latent.papers, bare.latent.papers)
