"""Search over the sample digests."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from index.build import build
from index.encoders import LateKind, LateSettings
from index.errors import EncoderError
from index.moments import standardise
from index.scoring import Leg, Query, best_of_papers, score_dense, specificity
from index.settings import BuildSettings
from index.snapshot import Snapshot
from index.store import Store
from rag.errors import LegsFailedError, QueryError
from rag.filters import Filters
from rag.legs import Status
from rag.search import Found, Searcher, best_rows
from rag.settings import SearchGroup

WEIGHTS = {
    Leg.LEXICAL: ("lexical", "native"),
    Leg.DENSE: ("dense", "title"),
    Leg.LATENT: ("latent",),
    Leg.LATE: ("late",),
}
LEGS = tuple(WEIGHTS)  # that the samples have
GO = "바둑과 체스를 스스로 배우는 강화 학습"


def _searcher(snapshot: Snapshot, **weights: float) -> Searcher:
    """Some weights set, the others as the build has learned them."""
    return Searcher(snapshot, SearchGroup.model_validate({"weights": weights}))


def _only(snapshot: Snapshot, **weights: float) -> Searcher:
    """Some weights set, the others 0."""
    others = dict.fromkeys((*(name for names in WEIGHTS.values() for name in names), "feedback"), 0)
    return _searcher(snapshot, **{**others, **weights})


def _scores(searcher: Searcher, text: str, filters: Filters | None = None) -> dict[int, float]:
    found = searcher.search(text, len(searcher.snapshot), 0, filters or Filters())
    return {hit.row: hit.score for hit in found.hits}


def _ids(found: Found) -> list[str]:
    return [hit.paper.id for hit in found.hits]


@pytest.mark.parametrize(
    ("query", "paper"),
    [
        ("보상 모델을 따로 학습하지 않고 선호 데이터로 언어 모델을 정렬하는 방법", "2305.18290"),
        (
            "how can attention be computed without writing the whole matrix to GPU memory?",
            "2205.14135",
        ),
        ("저랭크 행렬만 학습하는 미세 조정", "2106.09685"),
        ("Which benchmark asks models to fix real GitHub issues?", "2310.06770"),
        ("ノイズを少しずつ取り除いて画像を生成する拡散モデル", "2006.11239"),
        ("Spracherkennung mit sehr viel schwach beschrifteten Audiodaten", "2212.04356"),
        ("RoPE", "2104.09864"),
        ("QLoRA", "2305.14314"),
        ("Segment Anything", "2304.02643"),
        ("SWE-bench", "2310.06770"),
        ("swe bench", "2310.06770"),
    ],
)
def test_the_paper_that_answers_is_among_the_first_three(
    searcher: Searcher, query: str, paper: str
) -> None:
    assert paper in _ids(searcher.search(query, top_k=3))


@pytest.mark.parametrize(
    "query",
    [
        "2004.04906",
        "arXiv:2004.04906v3",
        "https://arxiv.org/abs/2004.04906",
        "https://arxiv.org/pdf/2004.04906.pdf",
        "2004.04906의 핵심은 무엇인가?",
    ],
)
def test_a_paper_that_is_named_by_its_number_comes_first(searcher: Searcher, query: str) -> None:
    assert _ids(searcher.search(query))[0] == "2004.04906"
    scores = [hit.score for hit in searcher.search(query).hits]
    assert scores == sorted(scores, reverse=True)


def test_several_papers_named_by_number_come_before_all_others(searcher: Searcher) -> None:
    found = searcher.search("LoRA와 2004.04906, 2106.09685 그리고 9999.99999를 비교하면?")
    assert set(_ids(found)[:2]) == {"2004.04906", "2106.09685"}


def test_hits_and_their_passages_come_best_first(searcher: Searcher) -> None:
    found = searcher.search("검색 증강 생성은 문서를 어떻게 찾나?", 20, 5)
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    assert len(set(_ids(found))) == 20
    for hit in found.hits:
        passages = [one.score for one in hit.passages]
        assert passages == sorted(passages, reverse=True)
        assert {one.passage.paper for one in hit.passages} == {hit.paper.id}


@pytest.mark.parametrize(("top_k", "passages"), [(1, 0), (3, 1), (7, 2), (100, 20)])
def test_as_many_come_back_as_are_asked_for(
    searcher: Searcher, snapshot: Snapshot, top_k: int, passages: int
) -> None:
    found = searcher.search("언어 모델", top_k, passages)
    assert len(found.hits) == min(top_k, len(snapshot))
    for hit in found.hits:
        assert len(hit.passages) == min(passages, len(snapshot.passages_of(hit.row)))


def test_a_passage_stands_where_its_source_says(searcher: Searcher, samples: Path) -> None:
    found = searcher.search("확산 모형", 45, 20)
    for hit in found.hits:
        for one in hit.passages:
            source = one.passage.source
            text = (samples / source.file).read_bytes().decode("utf-8")
            if one.passage.runs[0].length == len(one.passage.text):
                assert text[source.start : source.end] == one.passage.text


@pytest.mark.parametrize("query", ["", " ", "?!", "...", "\n", "🤗"])
def test_a_query_without_a_word_is_refused(searcher: Searcher, query: str) -> None:
    with pytest.raises(QueryError, match="a word"):
        searcher.search(query)


def test_the_same_query_gives_the_same_reply(searcher: Searcher) -> None:
    query = "transformer 구조에서 위치를 어떻게 나타내나?"
    assert searcher.search(query).hits == searcher.search(query).hits
    assert searcher.search(query).hits == Searcher(searcher.snapshot).search(query).hits


def test_a_decomposed_query_finds_what_a_composed_one_does(searcher: Searcher) -> None:
    import unicodedata

    query = "강화 학습으로 바둑을 두는 모델"
    composed = searcher.search(unicodedata.normalize("NFC", query))
    decomposed = searcher.search(unicodedata.normalize("NFD", query))
    assert _ids(composed)[:3] == _ids(decomposed)[:3]


def test_what_one_paper_alone_has_finds_it(searcher: Searcher, snapshot: Snapshot) -> None:
    """Every term and every number of the samples that stands in one paper only."""
    lexicon = snapshot.lexicon
    asked = numbers = 0
    for row in range(len(snapshot)):
        telling: dict[str, str] = {}
        for passage in snapshot.passages_of(row):
            text = snapshot.passage(passage).text
            for term in lexicon.passage_terms(passage):
                (number,) = lexicon.numbers([term.text])
                word = text[term.start : term.end]
                alone = len(term.text) > 1 and lexicon.papers_with(number) == 1
                if alone and lexicon.words_of(word) == [term.text]:
                    telling[term.text] = word
        assert telling
        digits = [word for word in telling.values() if any(c.isdigit() for c in word)]
        numbers += len(digits)
        words = list(telling.values())
        for query in (*words[::6], *digits, " ".join(words[:3])):
            asked += 1
            assert searcher.search(query, 1, 0).hits[0].row == row, query
    assert asked > 200
    assert numbers > 30


class TestFusion:
    def test_the_dense_leg_is_the_best_cosine_in_standard_deviations(
        self, snapshot: Snapshot
    ) -> None:
        vector = snapshot.encoder.encode_query([GO])[0]
        cosines = snapshot.vectors.vectors @ vector
        best = [cosines[list(snapshot.passages_of(row))].max() for row in range(len(snapshot))]
        wanted = 0.7 * (np.array(best) - cosines.mean()) / cosines.std()
        found = _scores(_only(snapshot, dense=0.7), GO)
        assert [found[row] for row in range(len(snapshot))] == pytest.approx(wanted, abs=1e-3)

    def test_titles_are_scored_by_their_own_cosines(self, snapshot: Snapshot) -> None:
        assert snapshot.titles is not None
        cosines = snapshot.titles @ snapshot.encoder.encode_query([GO])[0]
        wanted = 0.4 * (cosines - cosines.mean()) / cosines.std()
        found = _scores(_only(snapshot, dense=1e-9, title=0.4), GO)
        assert [found[row] for row in range(len(snapshot))] == pytest.approx(wanted, abs=1e-4)

    def test_the_lexical_leg_is_bm25_times_the_share_of_the_words(self, snapshot: Snapshot) -> None:
        searcher, text = _only(snapshot, lexical=0.8), f"{GO} xylophone"
        query = searcher.search(text).query
        score = snapshot.lexicon.score_papers
        own = score(query.terms)
        raw = own + 0.5 * score(query.translations)
        words = set(query.words)
        held = words & snapshot.words_of(int(own.argmax()))
        rarity = snapshot.lexicon.rarity
        share = sum(map(rarity, held)) / sum(map(rarity, words))
        assert 0 < share < 1
        wanted = 0.8 * share * (raw - raw.mean()) / raw.std()
        found = _scores(searcher, text)
        assert [found[row] for row in range(len(snapshot))] == pytest.approx(wanted, abs=1e-4)

    def test_the_latent_leg_is_the_cosine_in_the_latent_space(self, snapshot: Snapshot) -> None:
        assert snapshot.latent is not None
        words = snapshot.lexicon.words_of(GO)
        (place,) = snapshot.latent.space.vectors([words])
        cosines = snapshot.latent.papers @ place
        wanted = 0.3 * (cosines - cosines.mean()) / cosines.std()
        found = _scores(_only(snapshot, latent=0.3), GO)
        assert [found[row] for row in range(len(snapshot))] == pytest.approx(wanted, abs=1e-4)

    @pytest.mark.parametrize(
        "text", [GO, "how is a diffusion model conditioned on an edge map?", "QLoRA 4비트"]
    )
    def test_a_score_is_the_sum_of_the_legs(self, snapshot: Snapshot, text: str) -> None:
        learned = snapshot.learned.weights.as_json()
        wanted = np.zeros(len(snapshot))
        words = snapshot.lexicon.words_of(text)
        for leg, names in WEIGHTS.items():
            found = _scores(_only(snapshot, **{name: learned[name] for name in names}), text)
            # Alone, the late leg has nothing to make room for.
            share = specificity(snapshot, words) if leg is Leg.LATE else 1
            wanted += share * np.array([found[row] for row in range(len(snapshot))])
        fused = _scores(_searcher(snapshot, feedback=0), text)
        assert [fused[row] for row in range(len(snapshot))] == pytest.approx(wanted, abs=1e-3)

    def test_feedback_adds_likeness_to_what_stands_first(self, snapshot: Snapshot) -> None:
        assert snapshot.latent is not None
        without = _scores(_searcher(snapshot, feedback=0), GO)
        fed = _scores(_searcher(snapshot, feedback=0.5), GO)
        scores = np.array([without[row] for row in range(len(snapshot))])
        first = np.argsort(-scores)[:5]
        trust = np.exp(scores[first] - scores[first].max())
        papers = snapshot.latent.papers
        likeness = papers @ (trust / trust.sum() @ papers[first])
        wanted = scores + 0.5 * (likeness - likeness.mean()) / likeness.std()
        assert [fed[row] for row in range(len(snapshot))] == pytest.approx(wanted, abs=1e-3)

    @pytest.mark.parametrize("leg", LEGS)
    def test_a_leg_of_no_weight_is_off_and_not_run(
        self, snapshot: Snapshot, leg: Leg, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun = _break(monkeypatch, leg)
        searcher = _searcher(snapshot, **dict.fromkeys(WEIGHTS[leg], 0))
        found = searcher.search("강화 학습")
        assert begun == []
        others = dict.fromkeys(LEGS, Status.OK)
        assert found.legs == {**others, leg: Status.OFF, Leg.RERANK: Status.OFF}
        assert len(found.hits) == 10
        assert all(hit.passages for hit in found.hits)

    @pytest.mark.parametrize(
        ("leg", "name"), [(leg, name) for leg, names in WEIGHTS.items() for name in names]
    )
    def test_a_leg_runs_for_any_of_its_weights(
        self, snapshot: Snapshot, leg: Leg, name: str
    ) -> None:
        found = _only(snapshot, **{name: 1}).search("강화 학습")
        assert found.legs == {**dict.fromkeys(Leg, Status.OFF), leg: Status.OK}

    @pytest.mark.parametrize("leg", LEGS)
    def test_a_leg_that_fails_is_told_and_the_others_answer(
        self, snapshot: Snapshot, leg: Leg, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun = _break(monkeypatch, leg)
        found = Searcher(snapshot).search("대조 학습으로 시각 표현을 배우기", 5)
        assert begun == [leg]
        others = dict.fromkeys(LEGS, Status.OK)
        assert found.legs == {**others, leg: Status.FAILED, Leg.RERANK: Status.OFF}
        assert "2002.05709" in _ids(found)
        assert all(hit.passages for hit in found.hits)

    @pytest.mark.parametrize("leg", LEGS)
    def test_any_leg_answers_alone(
        self, snapshot: Snapshot, leg: Leg, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for other in LEGS:
            if other is not leg:
                _break(monkeypatch, other)
        found = Searcher(snapshot).search("대조 학습으로 시각 표현을 배우기", 5)
        failed = dict.fromkeys(LEGS, Status.FAILED)
        assert found.legs == {**failed, leg: Status.OK, Leg.RERANK: Status.OFF}
        assert "2002.05709" in _ids(found)
        assert all(hit.passages for hit in found.hits)

    def test_without_any_leg_there_is_an_error(
        self, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for leg in LEGS:
            _break(monkeypatch, leg)
        with pytest.raises(LegsFailedError, match="no leg"):
            Searcher(snapshot).search("대조 학습")

    def test_an_encoder_that_is_gone_leaves_the_words(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def gone(*_: object) -> None:
            raise EncoderError("no such model")

        monkeypatch.setattr("index.snapshot.open_encoder", gone)
        found = Searcher(store.open_live()).search("대조 학습으로 시각 표현을 배우기", 5)
        assert (found.legs[Leg.LEXICAL], found.legs[Leg.LATENT]) == (Status.OK, Status.OK)
        assert (found.legs[Leg.DENSE], found.legs[Leg.LATE]) == (Status.FAILED, Status.FAILED)
        assert "2002.05709" in _ids(found)

    def test_the_late_leg_counts_as_much_without_the_lexical_leg(self, snapshot: Snapshot) -> None:
        late = _scores(_only(snapshot, late=1), GO)
        dense = _scores(_only(snapshot, dense=1), GO)
        both = _scores(_only(snapshot, late=1, dense=1), GO)
        for row, score in both.items():
            assert score == pytest.approx(dense[row] + late[row], abs=1e-3)

    def test_candidates_beyond_the_last_are_given_its_score(self, snapshot: Snapshot) -> None:
        assert snapshot.titles is not None
        query = Query(vector=snapshot.titles[0])
        few = score_dense(snapshot, query, None, 10).scores
        every = score_dense(snapshot, query, None, 10_000).scores
        found = snapshot.vectors.search(snapshot.titles[:1], 10)
        rows = np.unique(snapshot.owners[found.rows[0]])
        assert few[rows] == pytest.approx(every[rows])
        others = np.setdiff1d(np.arange(len(snapshot)), rows)
        assert few[others] == pytest.approx(few.min())
        assert (every[others] <= few.min() + 1e-6).all()

    def test_a_paper_that_the_late_leg_did_not_see_counts_as_its_worst(
        self, snapshot: Snapshot
    ) -> None:
        settings = {"weights": {"feedback": 0}, "late_candidates": 10}
        few = _scores(Searcher(snapshot, SearchGroup.model_validate(settings)), GO)
        first = _scores(_searcher(snapshot, feedback=0, late=0), GO)
        seen = sorted(first, key=lambda row: -first[row])[:10]
        worst = min(few[row] - first[row] for row in seen)
        for row in first.keys() - set(seen):
            assert few[row] - first[row] == pytest.approx(worst, abs=1e-4)


def _break(monkeypatch: pytest.MonkeyPatch, leg: Leg) -> list[Leg]:
    """Make a leg fail; the list says how often it was run."""
    begun: list[Leg] = []

    def fail(*_: object, **__: object) -> None:
        begun.append(leg)
        raise RuntimeError("broken for the test")

    monkeypatch.setattr(f"index.fusion.score_{leg}", fail)
    return begun


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Searcher:
    """Of an index without late interaction."""
    store = Store(tmp_path_factory.mktemp("bare"))
    build([samples], store, BuildSettings(late=LateSettings(LateKind.OFF)))
    return Searcher(store.open_live())


class TestWithoutLateInteraction:
    def test_the_other_legs_answer(self, bare: Searcher) -> None:
        found = bare.search("how is attention computed without writing the whole matrix?", 3)
        others = dict.fromkeys(LEGS, Status.OK)
        assert found.legs == {**others, Leg.LATE: Status.OFF, Leg.RERANK: Status.OFF}
        assert "2205.14135" in _ids(found)
        assert all(hit.passages for hit in found.hits)

    def test_the_scores_are_those_of_a_search_without_that_leg(
        self, bare: Searcher, snapshot: Snapshot
    ) -> None:
        wanted = _scores(_searcher(snapshot, late=0), GO)
        assert _scores(bare, GO) == pytest.approx(wanted, abs=1e-4)

    def test_words_are_highlighted_all_the_same(self, bare: Searcher) -> None:
        passage = bare.search("강화 학습", 1, 1).hits[0].passages[0]
        shown = {passage.passage.text[start:end] for start, end in passage.highlights}
        assert shown & {"강화 학습", "강화", "학습"}


def test_scores_that_are_all_equal_standardise_to_zero() -> None:
    assert standardise(np.full(5, 3.0, np.float32)).tolist() == [0] * 5


def test_the_best_of_a_papers_passages_counts(snapshot: Snapshot) -> None:
    scores = np.random.default_rng(0).random(snapshot.manifest.passages).astype(np.float32)
    wanted = [scores[list(snapshot.passages_of(row))].max() for row in range(len(snapshot))]
    assert best_of_papers(snapshot, scores).tolist() == wanted


def test_equal_scores_put_the_newer_paper_first() -> None:
    scores = np.array([1, 2, 2, 0, 2], np.float32)
    assert best_rows(scores, 2, None) == [4, 2]
    assert best_rows(scores, 10, None) == [4, 2, 1, 0, 3]


class TestFilters:
    def _found(self, searcher: Searcher, filters: Filters) -> list[int]:
        return sorted(hit.row for hit in searcher.search("모델", 100, 3, filters).hits)

    @pytest.mark.parametrize(
        "filters",
        [
            Filters(since=date(2025, 3, 4)),
            Filters(until=date(2023, 12, 31)),
            Filters(since=date(2025, 3, 3), until=date(2025, 3, 3)),
            Filters(min_votes=20),
            Filters(authors=("edward j. hu",)),
            Filters(ids=("2305.18290", "2106.09685", "0000.00000")),
            Filters(since=date(2025, 3, 4), min_votes=20),
            Filters(exclude_flags=("summary-mismatch",)),
        ],
    )
    def test_only_papers_that_pass_are_found(self, searcher: Searcher, filters: Filters) -> None:
        snapshot = searcher.snapshot
        papers = [snapshot.paper(row) for row in range(len(snapshot))]
        wanted = [
            row
            for row, paper in enumerate(papers)
            if (not filters.since or any(day >= filters.since for day in paper.dates))
            and (not filters.until or any(day <= filters.until for day in paper.dates))
            and (filters.min_votes is None or (paper.votes or -1) >= filters.min_votes)
            and (
                not filters.authors
                or {name.lower() for name in paper.authors} & set(filters.authors)
            )
            and (not filters.ids or paper.id in filters.ids)
        ]
        assert wanted
        assert self._found(searcher, filters) == wanted

    def test_a_section_chooses_passages(self, searcher: Searcher) -> None:
        filters = Filters(sections=("what’s new",))
        found = searcher.search("강화 학습", 100, 20, filters)
        sections = {one.passage.section for hit in found.hits for one in hit.passages}
        assert sections == {"What's New"}
        assert all(hit.passages for hit in found.hits)

    @pytest.mark.parametrize("section", ["What's New", "Technical Details", "Summary"])
    def test_no_passage_of_another_section_is_shown(self, searcher: Searcher, section: str) -> None:
        for query in (GO, "how is a reward model trained?"):
            found = searcher.search(query, 100, 20, Filters(sections=(section,)))
            shown = [one.passage for hit in found.hits for one in hit.passages]
            assert {passage.section for passage in shown} == {section}
            having = {
                int(searcher.snapshot.owners[row])
                for row in range(searcher.snapshot.manifest.passages)
                if searcher.snapshot.passage(row).section == section
            }
            assert {hit.row for hit in found.hits} == having

    @pytest.mark.parametrize(
        "search",
        [
            {"weights": {"feedback": 0}},
            {},
        ],
        ids=["no feedback", "feedback"],
    )
    def test_a_filter_on_papers_changes_no_score(
        self, snapshot: Snapshot, search: dict[str, object]
    ) -> None:
        searcher = Searcher(snapshot, SearchGroup.model_validate(search))
        for query in (GO, "how is a reward model trained?", "QLoRA"):
            every = _scores(searcher, query)
            for filters in (
                Filters(min_votes=20),
                Filters(since=date(2025, 3, 4)),
                Filters(ids=("1707.06347", "2305.14314", "1706.03762")),
            ):
                chosen = _scores(searcher, query, filters)
                assert 0 < len(chosen) < len(every)
                assert chosen == pytest.approx({row: every[row] for row in chosen}, abs=1e-5)

    def test_of_few_candidates_those_of_any_search_keep_their_scores(
        self, snapshot: Snapshot
    ) -> None:
        some = {"weights": {"feedback": 0}, "late_candidates": 10}
        searcher = Searcher(snapshot, SearchGroup.model_validate(some))
        first = _scores(_searcher(snapshot, late=0, feedback=0), GO)
        anyway = set(sorted(first, key=lambda row: -first[row])[:10])
        every, chosen = (_scores(searcher, GO, f) for f in (Filters(), Filters(min_votes=20)))
        both = anyway & chosen.keys()
        assert len(both) >= 2
        for row in both:
            assert chosen[row] == pytest.approx(every[row], abs=1e-5)

    @pytest.mark.parametrize(
        "filters",
        [Filters(authors=("nobody",)), Filters(ids=("x",)), Filters(sections=("none",))],
    )
    def test_what_nothing_passes_finds_nothing(self, searcher: Searcher, filters: Filters) -> None:
        assert self._found(searcher, filters) == []
