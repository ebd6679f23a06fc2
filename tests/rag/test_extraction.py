"""The sentences that answer: the best ones, of sound papers, whatever order passages come in."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index.errors import EncoderError
from index.passages import plain
from index.scoring import Allowed, Query
from index.snapshot import Snapshot
from rag.answer import ask
from rag.citing import AnswerKind
from rag.extraction import Sentence, _says_the_same, answering, extract
from rag.search import Hit, Searcher
from rag.settings import AnswerGroup, SearchGroup
from tests.rag.tiny import WITHOUT_TOKENS, build_tiny, doubt, number

ALWAYS = AnswerGroup(min_confidence=0)
QUESTIONS = [
    "보상 모델 없이 선호를 학습하는 방법은?",
    "화면의 아무 물체나 분할하는 모델은?",
    "What does the paper on tree of thoughts search over?",
    "音声認識のために弱い教師データを使う研究は?",
    "검색 증강 생성은 문서를 어떻게 찾나?",
    "언어 모델을 사람의 피드백으로 정렬하는 방법",
    "Wie kann man ein Sprachmodell mit wenig Speicher feinabstimmen?",
    "LoRA",
    "attention",
    "diffusion models",
]
PASSAGES_OF = Searcher.passages_of

Tiny = Callable[..., Searcher]
Place = tuple[str, int, int]


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    """Searches a corpus of these summaries, in the order of their papers' numbers."""

    def make(*summaries: str, tokens: bool = True) -> Searcher:
        papers = [(f"Paper {place}", text) for place, text in enumerate(summaries)]
        settings = None if tokens else WITHOUT_TOKENS
        return Searcher(build_tiny(tmp_path, papers, settings))

    return make


def _quotes(searcher: Searcher, question: str) -> list[str]:
    return [one.quote for one in ask(searcher, question, settings=ALWAYS).answer.citations]


def _places(sentences: Sequence[Sentence]) -> list[Place]:
    return [(one.passage.id, one.start, one.end) for one in sentences]


class Shuffled:
    """`Searcher.passages_of`, in another order each time."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        def passages_of(own: Searcher, row: int, allowed: Allowed | None) -> list[int]:
            rows = PASSAGES_OF(own, row, allowed)
            return self.random.sample(rows, len(rows))

        patch.setattr(Searcher, "passages_of", passages_of)

    def hit(self, hit: Hit) -> Hit:
        return replace(hit, passages=tuple(self.random.sample(hit.passages, len(hit.passages))))


class TestOrder:
    """In whatever order a paper's passages come, its sentences are the same."""

    @pytest.mark.parametrize("question", QUESTIONS)
    def test_of_the_samples(
        self, searcher: Searcher, question: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = searcher.search(question, passages_per_paper=20)
        usual = extract(searcher, found.query, found.hits, None)
        assert usual
        for seed in range(15):
            shuffled = Shuffled(seed)
            shuffled.install(monkeypatch)
            hits = [*map(shuffled.hit, found.hits)]
            assert extract(searcher, found.query, hits, None) == usual
            asked = ask(searcher, question, settings=ALWAYS)
            assert [one.quote for one in asked.answer.citations] == [one.quote for one in usual]

    def test_of_sentences_that_score_the_same(
        self, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The same sentence in three sections: the first one is quoted."""
        same, other = "보상 모델 선호 정렬 방법이다.", "그래프 신경망 구조를 다룬다."
        summary = "".join(f"- **Part {n}**: {other} {same}\n" for n in range(3))
        searcher = tiny(summary, "확산 모델은 잡음을 제거한다.")
        for seed in range(15):
            Shuffled(seed).install(monkeypatch)
            (citation,) = ask(searcher, same, settings=ALWAYS).answer.citations
            assert (citation.quote, citation.passage) == (same, f"{number(0)}#0.0")


class Reference:
    """The same choice, by the book: over all sentences of the first papers."""

    def __init__(self, searcher: Searcher, query: Query) -> None:
        self.searcher, self.query = searcher, query
        self.lexicon = searcher.snapshot.lexicon

    def terms(self, row: int, start: int, end: int) -> set[str]:
        terms = self.lexicon.passage_terms(row)
        return {term.text for term in terms if start <= term.start < end}

    def score(self, row: int, span: tuple[int, int]) -> float:
        snapshot, query = self.searcher.snapshot, self.query
        assert snapshot.late is not None
        assert query.tokens is not None
        codes, places = snapshot.late.tokens.coded(row)
        inside = (places[:, 0] >= span[0]) & (places[:, 0] < span[1])
        cosines = query.tokens.table[codes[inside]].max(0) / 127.5 - 1
        asked = self.lexicon.numbers(query.words)
        wanted = {*asked, *query.translations}
        held = wanted & {*self.lexicon.numbers(sorted(self.terms(row, *span)))}
        total = sum(self.lexicon.rarity(word) for word in set(query.words))
        share = sum(map(self.lexicon.rarity_of, held)) / total
        return float(cosines @ query.tokens.weights) + share

    def choose(self, hits: Sequence[Hit]) -> list[Place]:
        snapshot = self.searcher.snapshot
        chosen: list[tuple[Place, set[str]]] = []
        best = 0.0
        near = [hit for hit in hits if hit.score >= hits[0].score - 4][:3]
        for hit in near:
            rated = []
            for row in snapshot.passages_of(hit.row):
                passage = snapshot.passage(row)
                for start, end in passage.sentences:
                    terms = self.terms(row, start, end)
                    if len(terms) >= 2 and passage.is_verbatim(start, end):
                        score = self.score(row, (start, end))
                        rated.append((score, (passage.id, start, end), terms))
            rated.sort(key=lambda one: -one[0])
            own: list[tuple[Place, set[str]]] = []
            for score, place, terms in rated:
                if len(own) == (2 if hit is near[0] else 1):
                    break
                if score < 0.7 * best:
                    break
                best = max(best, score)
                others = [other for _, other in (*chosen, *own)]
                if all(len(terms & o) <= 0.6 * min(len(terms), len(o)) for o in others):
                    own.append((place, terms))
            chosen += sorted(own, key=lambda one: one[0])
        return [place for place, _ in chosen]


def test_the_sentences_are_those_of_a_search_over_all(searcher: Searcher) -> None:
    titles = [searcher.snapshot.paper(row).title for row in range(len(searcher.snapshot))]
    counts = set()
    for question in (*QUESTIONS, *titles):
        found = searcher.search(question)
        got = _places(extract(searcher, found.query, found.hits, None))
        assert got == Reference(searcher, found.query).choose(found.hits), question
        counts.add(len(got))
    assert counts == {1, 2, 3}


class TestAnswering:
    @pytest.fixture
    def hits(self, searcher: Searcher) -> list[Hit]:
        found = searcher.search(QUESTIONS[0], 6).hits
        return [replace(hit, score=10 - 0.5 * place) for place, hit in enumerate(found)]

    def test_it_is_three_papers_at_most(self, hits: list[Hit]) -> None:
        assert answering(hits) == hits[:3]
        assert answering(hits[:2]) == hits[:2]
        assert answering([]) == []

    def test_it_is_those_near_the_first(self, hits: list[Hit]) -> None:
        apart = [replace(hits[1], score=6.0), replace(hits[2], score=5.99)]
        assert answering([hits[0], *apart]) == [hits[0], apart[0]]

    def test_it_is_no_paper_whose_summary_is_doubted(self, hits: list[Hit]) -> None:
        doubted = [
            replace(hit, paper=replace(hit.paper, flags=("summary-mismatch",)))
            if place in (0, 2)
            else hit
            for place, hit in enumerate(hits)
        ]
        assert answering(doubted) == [hits[1], hits[3], hits[4]]
        # What is far behind a doubted one is about something else.
        for score, near in ((13.5, [hits[1]]), (30.0, [])):
            assert answering([replace(doubted[0], score=score), *doubted[1:]]) == near
        flagged = [replace(one, paper=doubted[0].paper) for one in hits]
        assert answering(flagged) == []


class TestSayingTheSame:
    SAME = "보상 모델 선호 정렬 방법을 제안한다."

    def test_what_a_better_paper_says_is_not_said_again(self, tiny: Tiny) -> None:
        new = "보상 선호 정렬 데이터가 학습을 끝낸다."
        searcher = tiny(
            f"{self.SAME} 그래프 신경망이다.", f"{self.SAME} {new}", "확산 잡음 이미지."
        )
        found = searcher.search("보상 모델 선호 정렬")
        hits = {hit.paper.id: replace(hit, score=5) for hit in found.hits}
        first, second = hits[number(0)], hits[number(1)]
        said = extract(searcher, found.query, [first, second], None)
        assert [(one.passage.paper, one.quote) for one in said] == [
            (number(0), self.SAME),
            (number(1), new),
        ]

    def test_a_paper_that_says_nothing_else_is_left_out(self, tiny: Tiny) -> None:
        searcher = tiny(self.SAME, self.SAME, "확산 잡음 이미지 생성이다.")
        found = searcher.search(self.SAME)
        hits = [replace(hit, score=5) for hit in found.hits if hit.paper.id != number(2)]
        (one,) = extract(searcher, found.query, hits, None)
        assert (one.passage.paper, one.quote) == (hits[0].paper.id, self.SAME)

    def test_a_paper_does_not_repeat_itself(self, tiny: Tiny) -> None:
        again = "그러므로 보상 모델 선호 정렬 방법을 제안한다."
        searcher = tiny(f"{self.SAME} {again} 보상 모델 강화 학습 정책이다.")
        assert _quotes(searcher, self.SAME) == [self.SAME]


class TestDoubted:
    QUESTION = "보상 모델 선호 정렬"

    @pytest.fixture
    def three(self, tiny: Tiny) -> Searcher:
        return tiny(
            "보상 모델 선호 정렬 방법이다.",
            "보상 모델 학습을 하지 않는다.",
            "확산 모델 잡음을 제거한다.",
        )

    def test_a_doubted_paper_supplies_no_sentence_though_it_is_the_best(
        self, three: Searcher, tmp_path: Path
    ) -> None:
        plainly = ask(three, self.QUESTION, settings=ALWAYS)
        assert plainly.answer.citations[0].paper == number(0)
        settings = SearchGroup(flag_penalty=0)
        one = Searcher(doubt(three.snapshot, tmp_path / "one", number(0)), settings)
        asked = ask(one, self.QUESTION, settings=ALWAYS)
        assert asked.found.hits[0].paper.id == number(0)
        assert asked.found.hits[0].paper.flags == ("summary-mismatch",)
        # The others are far behind it: what they say answers something else.
        assert not asked.answerable
        assert asked.answer.citations == ()
        near = [replace(hit, score=5) for hit in asked.found.hits]
        said = extract(one, asked.found.query, near, None)
        assert said[0].passage.paper == number(1)
        assert number(0) not in {sentence.passage.paper for sentence in said}

    def test_where_all_are_doubted_there_is_no_answer(
        self, three: Searcher, tmp_path: Path
    ) -> None:
        every = Searcher(doubt(three.snapshot, tmp_path / "all", *three.snapshot.ids))
        for settings in (None, ALWAYS):
            asked = ask(every, self.QUESTION, settings=settings)
            assert not asked.answerable
            assert asked.answer.kind is AnswerKind.NONE
            assert asked.answer.citations == ()
            assert len(asked.found.hits) == 3
        assert asked.confidence > 0.9  # the papers are about it all the same

    def test_a_doubted_paper_of_the_samples(self, snapshot: Snapshot, tmp_path: Path) -> None:
        dpo = "2305.18290"
        doubted = Searcher(doubt(snapshot, tmp_path / "own", dpo))
        asked = ask(doubted, f"{QUESTIONS[0]} {dpo}", settings=ALWAYS)
        assert asked.found.hits[0].paper.id == dpo  # by its number
        assert dpo not in {one.paper for one in asked.answer.citations}


class TestSentences:
    def test_one_that_the_digest_has_as_it_is_comes_before_a_better_one(self, tiny: Tiny) -> None:
        """Escapes in the list were resolved, so that sentence stands in no file."""
        rewritten, verbatim = "It\\'s 보상 모델 선호 정렬 방법이다.", "보상 학습 정책을 다룬다."
        searcher = tiny(
            f"- **What's New**: ['{rewritten}', '{verbatim}', '그래프 신경망 구조를 다룬다.']",
            "확산 잡음 이미지 생성이다.",
        )
        quotes = _quotes(searcher, "보상 모델 선호 정렬 방법")
        assert verbatim in quotes
        assert not any("방법이다" in one for one in quotes)

    def test_where_the_digest_has_none_as_it_is_one_comes_all_the_same(self, tiny: Tiny) -> None:
        searcher = tiny(
            "- **What's New**: ['It\\'s 보상 모델 선호 정렬 방법이다.']", "확산 잡음이다."
        )
        assert _quotes(searcher, "보상 모델 선호 정렬") == ["It's 보상 모델 선호 정렬 방법이다."]

    def test_a_heading_or_a_number_is_no_answer(self, tiny: Tiny) -> None:
        searcher = tiny("보상! 정렬! 보상 모델 학습을 다룬다.", "확산 잡음이다.")
        quotes = _quotes(searcher, "보상 정렬")
        assert quotes[0] == "보상 모델 학습을 다룬다."
        assert not {"보상!", "정렬!"} & set(quotes)

    def test_where_there_is_nothing_else_there_is_no_answer(self, tiny: Tiny) -> None:
        asked = ask(tiny("보상!\n정렬!"), "보상 정렬")
        assert asked.confidence > 0.9
        assert (asked.answerable, asked.answer.kind) == (False, AnswerKind.NONE)

    def test_a_second_one_has_to_be_worth_it(self, tiny: Tiny) -> None:
        first, second = "보상 모델 선호 정렬 방법이다.", "선호 정렬 데이터 품질 평가를 다룬다."
        far = "그래프 신경망 구조 노드 분류 과제이다."
        searcher = tiny(f"{far} {second} {first}", "확산 잡음 이미지 생성이다.")
        found = searcher.search("보상 모델 선호 정렬 방법")
        hits = found.hits[:1]
        (best,) = extract(searcher, found.query, hits, None)
        assert best.quote == first
        found = searcher.search("선호 정렬 데이터 보상 품질")
        both = extract(searcher, found.query, found.hits[:1], None)
        assert [one.quote for one in both] == [second, first]  # as they stand in the paper
        assert min(one.score for one in both) >= 0.7 * max(one.score for one in both)

    def test_only_what_may_be_found_is_quoted(self, searcher: Searcher) -> None:
        found = searcher.search(QUESTIONS[0])
        snapshot, row = searcher.snapshot, found.hits[0].row
        papers = np.ones(len(snapshot), np.bool_)
        for kept in snapshot.passages_of(row):
            passages = np.zeros(len(snapshot.owners), np.bool_)
            passages[kept] = True
            allowed = Allowed(papers, passages)
            for one in extract(searcher, found.query, found.hits[:1], allowed):
                assert one.row == kept
        nothing = Allowed(papers, np.zeros(len(snapshot.owners), np.bool_))
        assert extract(searcher, found.query, found.hits, nothing) == []


class TestWithoutTokens:
    def test_the_encoder_compares_sentences_with_the_question(
        self, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By meaning alone: no words, no tokens."""

        def fail(*_: object) -> None:
            raise RuntimeError("broken for the test")

        monkeypatch.setattr("index.fusion.score_lexical", fail)
        searcher = Searcher(snapshot, SearchGroup.model_validate({"weights": {"late": 0}}))
        for question in QUESTIONS:
            found = searcher.search(question)
            assert found.query.tokens is None
            got = extract(searcher, found.query, found.hits[:1], None)
            row = found.hits[0].row
            passages = [snapshot.passage(one) for one in snapshot.passages_of(row)]
            texts = [plain(one.text[start:end]) for one in passages for start, end in one.sentences]
            vector = snapshot.encoder.encode_query([question])[0]
            cosines = dict(
                zip(texts, snapshot.encoder.encode_document(texts) @ vector, strict=True)
            )
            best = max(got, key=lambda one: one.score)
            assert best.score == pytest.approx(max(cosines.values()), abs=1e-5)
            for one in got:
                assert one.score == pytest.approx(cosines[plain(one.quote)], abs=1e-5)

    def test_a_version_that_was_built_without_any_answers(self, tiny: Tiny) -> None:
        searcher = tiny(
            "그래프 신경망 구조이다. 보상 모델 선호 정렬 방법이다.", "확산 잡음이다.", tokens=False
        )
        assert searcher.snapshot.late is None
        assert _quotes(searcher, "보상 모델 선호 정렬")[0] == "보상 모델 선호 정렬 방법이다."

    def test_words_are_left_where_the_encoder_is_broken(
        self, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        searcher = tiny(
            "그래프 신경망 구조이다. 보상 모델 선호 정렬 방법이다.", "확산 잡음이다.", tokens=False
        )

        def fail(*_: object) -> None:
            raise EncoderError("broken for the test")

        monkeypatch.setattr(type(searcher.snapshot.plain_encoder), "encode_document", fail)
        found = searcher.search("보상 모델 선호 정렬")
        assert found.query.vector is None
        (first, *_) = extract(searcher, found.query, found.hits, None)
        assert first.quote == "보상 모델 선호 정렬 방법이다."
        assert first.score == pytest.approx(1.0)  # it has all of the question's words


@pytest.mark.parametrize(
    ("own", "others", "same"),
    [
        (range(5), range(2, 7), False),  # 3 of 5
        (range(5), range(1, 6), True),  # 4 of 5
        (range(3), range(1, 20), True),  # 2 of the shorter one's 3
        (range(5), range(2, 30), False),
        (range(4), range(9, 12), False),
    ],
)
def test_what_has_more_than_three_fifths_of_the_shorter_ones_terms_is_the_same(
    snapshot: Snapshot, own: range, others: range, same: bool
) -> None:
    passage = snapshot.passage(0)
    one, other = (Sentence(passage, 0, 0, 1, 1.0, frozenset(terms)) for terms in (own, others))
    assert _says_the_same(one, other) is same
    assert _says_the_same(other, one) is same
