"""Answers over the sample digests: cited word for word, or none."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from index.confidence.evidence import LOOKED_AT
from index.errors import EncoderError
from index.passages import plain
from index.scoring import Leg
from index.snapshot import Snapshot
from index.store import Store
from rag.answer import Asked, Listener, Looked, ask
from rag.citing import AnswerKind, Said
from rag.errors import LegsFailedError, QueryError
from rag.extraction import MOST_PAPERS
from rag.filters import Filters
from rag.legs import Status
from rag.refusals import NOTHING
from rag.search import Searcher
from rag.settings import AnswerGroup, SearchGroup
from tests.rag.tiny import doubt

QUESTIONS = [
    "보상 모델 없이 선호를 학습하는 방법은?",
    "how is a low rank update added to frozen weights for fine-tuning?",
    "화면의 아무 물체나 분할하는 모델은?",
    "What does the paper on tree of thoughts search over?",
    "音声認識のために弱い教師データを使う研究は?",
    "검색 증강 생성은 문서를 어떻게 찾나?",
    "언어 모델을 사람의 피드백으로 정렬하는 방법",
    "LoRA",
    "attention",
]
SEVERAL = QUESTIONS[3]  # papers answer, with several sentences
FOREIGN = "김치찌개를 끓일 때 돼지고기를 먼저 볶아야 하나요?"
DPO = "2305.18290"
LEGS = ["lexical", "dense", "latent", "late"]
ALWAYS = AnswerGroup(min_confidence=0)


@pytest.fixture(scope="module")
def texts(samples: Path) -> dict[str, str]:
    return {path.name: path.read_bytes().decode("utf-8") for path in samples.glob("*.md")}


def _check(asked: Asked, snapshot: Snapshot, texts: dict[str, str]) -> None:
    """Every word of an extractive answer is a passage's and a file's, under its number."""
    assert asked.answerable
    assert asked.answer.kind is AnswerKind.EXTRACTIVE
    assert (asked.answer.unsupported, asked.answer.fallback) == (0, None)
    cited = asked.answer.citations
    assert [one.number for one in cited] == list(range(1, len(cited) + 1))
    for one in cited:
        row = snapshot.row_of(one.paper)
        assert row is not None
        passages = {p.id: p for p in map(snapshot.passage, snapshot.passages_of(row))}
        passage = passages[one.passage]
        assert one.quote == passage.text[one.start : one.end]
        assert (one.start, one.end) in passage.sentences
        assert texts[one.source.file][one.source.start : one.source.end] == one.quote
    said = " ".join(f"{plain(one.quote)} [{one.number}]" for one in cited)
    assert asked.answer.text == said


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_quote_is_exactly_the_passages_and_the_files(
    searcher: Searcher, texts: dict[str, str], question: str
) -> None:
    _check(ask(searcher, question), searcher.snapshot, texts)


def test_so_it_is_for_the_title_of_every_paper(searcher: Searcher, texts: dict[str, str]) -> None:
    snapshot = searcher.snapshot
    first = several = 0
    for row in range(len(snapshot)):
        paper = snapshot.paper(row)
        asked = ask(searcher, paper.title, settings=ALWAYS)
        _check(asked, snapshot, texts)
        cited = [one.paper for one in asked.answer.citations]
        first += cited[0] == paper.id
        several += len(cited) > 1
        assert len(set(cited)) <= MOST_PAPERS
        found = [hit.paper.id for hit in asked.found.hits]
        assert [*dict.fromkeys(cited)] == [one for one in found if one in cited]
        assert len(set(asked.answer.citations)) == len(cited)
    assert first == len(snapshot)
    assert several > 5


def test_the_sentence_that_answers_is_chosen(searcher: Searcher) -> None:
    asked = ask(searcher, "직접 선호 최적화(DPO)는 보상 모델을 어떻게 다루나?")
    assert asked.answer.citations[0].paper == DPO
    assert "보상" in asked.answer.text


def test_up_to_three_papers_answer_with_citations_numbered_through(searcher: Searcher) -> None:
    asked = ask(searcher, "attention")
    assert len(asked.answer.citations) == 3
    assert len({one.paper for one in asked.answer.citations}) == 2
    assert re.findall(r"\[(\d+)\]", asked.answer.text) == ["1", "2", "3"]


REFUSED = [
    ("김치찌개를 끓일 때 돼지고기를 먼저 볶아야 하나요?", "ko"),
    ("what time does the pharmacy near the station close on Sundays", "en"),
    ("味噌汁のだしは何から取りますか", "ja"),
    ("饺子皮怎样和面才能不破？", "zh"),
    ("Wie hoch ist der Eiffelturm?", "de"),
    ("¿Cómo se quita el óxido de una sartén de hierro?", "es"),
    ("Combien de temps faut-il laisser reposer une pâte à crêpes ?", "fr"),
    ("Quanto tempo deve bollire la pasta fresca?", "en"),
    ("Сколько времени варить борщ с говядиной?", "en"),
]
WORDING = {
    "ko": "여기 있는 논문에는 이 질문에 대한 답이 없습니다.",
    "en": "Nothing here answers that.",
    "ja": "ここにある論文には、この質問への答えがありません。",
    "zh": "这里的论文没有回答这个问题。",
    "de": "Hier beantwortet kein Artikel diese Frage.",
    "es": "Ningún artículo de aquí responde a esta pregunta.",
    "fr": "Aucun article ici ne répond à cette question.",
}


def test_a_refusal_has_a_wording_in_every_language() -> None:
    assert {str(language): text for language, text in NOTHING.items()} == WORDING


@pytest.mark.parametrize(("question", "language"), REFUSED)
def test_what_these_papers_are_not_about_is_refused_in_the_questions_language(
    searcher: Searcher, question: str, language: str
) -> None:
    asked = ask(searcher, question)
    assert not asked.answerable
    assert asked.answer.kind is AnswerKind.NONE
    assert asked.answer.text == WORDING[language]
    assert asked.answer.citations == ()
    assert len(asked.found.hits) == searcher.settings.top_k  # the nearest papers still come
    assert asked.found.hits == searcher.search(question).hits


class TestHowManyAreWanted:
    @pytest.mark.parametrize("question", [*QUESTIONS, FOREIGN])
    def test_it_changes_nothing_but_the_number_of_papers(
        self, searcher: Searcher, question: str
    ) -> None:
        usual = ask(searcher, question, 10)
        for top_k in (1, 2, 25):
            asked = ask(searcher, question, top_k)
            assert len(asked.found.hits) == top_k
            assert (asked.confidence, asked.answerable) == (usual.confidence, usual.answerable)
            assert asked.answer == usual.answer
        assert ask(searcher, question).found.hits == usual.found.hits

    def test_the_settings_say_how_many_where_nobody_does(self, snapshot: Snapshot) -> None:
        few = Searcher(snapshot, SearchGroup(top_k=4))
        assert len(ask(few, SEVERAL).found.hits) == 4
        assert ask(few, SEVERAL).answer == ask(few, SEVERAL, 20).answer

    def test_not_even_where_all_that_is_looked_at_is_doubted(
        self, snapshot: Snapshot, tmp_path: Path
    ) -> None:
        first = [hit.paper.id for hit in Searcher(snapshot).search(SEVERAL, LOOKED_AT).hits]
        doubted = Searcher(doubt(snapshot, tmp_path / "own", *first), SearchGroup(flag_penalty=0))
        for top_k in (1, 10, 45):
            asked = ask(doubted, SEVERAL, top_k)
            assert {hit.paper.id for hit in asked.found.hits[:LOOKED_AT]} <= set(first)
            assert not asked.answerable


class TestWhenToAnswer:
    def test_the_build_has_learned_when(
        self, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        searcher = Searcher(snapshot)
        confidence = ask(searcher, SEVERAL).confidence
        assert 0 < confidence < 1
        calibration = snapshot.learned.calibration
        for threshold, answered in ((confidence, True), (confidence + 1e-4, False)):
            learned = replace(
                snapshot.learned, calibration=replace(calibration, threshold=threshold)
            )
            monkeypatch.setattr(snapshot, "learned", learned)
            assert ask(searcher, SEVERAL).answerable is answered
            assert ask(searcher, SEVERAL, settings=AnswerGroup()).answerable is answered

    @pytest.mark.parametrize("question", [SEVERAL, FOREIGN])
    def test_a_setting_wins_over_that(self, searcher: Searcher, question: str) -> None:
        usual = ask(searcher, question)
        for least, answered in ((0.0, True), (usual.confidence, True), (1.0, False)):
            asked = ask(searcher, question, settings=AnswerGroup(min_confidence=least))
            assert asked.answerable is answered
            assert asked.confidence == usual.confidence
            assert (asked.answer.kind is AnswerKind.NONE) is not answered

    def test_confidence_is_what_the_calibration_makes_of_the_first_papers(
        self, searcher: Searcher
    ) -> None:
        from index.confidence import gather

        for question in (*QUESTIONS, FOREIGN):
            asked = ask(searcher, question, 20)
            rows = [hit.row for hit in asked.found.hits[:LOOKED_AT]]
            evidence = gather(searcher.snapshot, asked.found.query, rows)
            calibration = searcher.snapshot.learned.calibration
            assert asked.confidence == calibration.confidence(evidence)

    def test_a_question_without_a_word_is_no_question(self, searcher: Searcher) -> None:
        with pytest.raises(QueryError):
            ask(searcher, "?!")


class TestFilters:
    def test_what_nothing_passes_leaves_nothing_to_answer_with(self, searcher: Searcher) -> None:
        asked = ask(searcher, QUESTIONS[0], filters=Filters(ids=("x",)))
        assert asked.answer.kind is AnswerKind.NONE
        assert (asked.confidence, asked.found.hits) == (0.0, ())
        asked = ask(searcher, QUESTIONS[0], filters=Filters(ids=("x",)), settings=ALWAYS)
        assert (asked.answerable, asked.answer.citations) == (False, ())

    def test_only_what_passes_is_quoted(self, searcher: Searcher, texts: dict[str, str]) -> None:
        filters = Filters(ids=("2305.10601", "2210.03629"))
        asked = ask(searcher, SEVERAL, filters=filters)
        _check(asked, searcher.snapshot, texts)
        assert {one.paper for one in asked.answer.citations} <= set(filters.ids)

    def test_only_sections_that_pass_are_quoted(self, searcher: Searcher) -> None:
        snapshot = searcher.snapshot
        for question in QUESTIONS:
            sections = set()
            for name in ("Technical Details", "Performance Highlights"):
                asked = ask(searcher, question, filters=Filters(sections=(name,)), settings=ALWAYS)
                for one in asked.answer.citations:
                    row = snapshot.row_of(one.paper)
                    assert row is not None
                    passages = map(snapshot.passage, snapshot.passages_of(row))
                    sections |= {p.section for p in passages if p.id == one.passage}
                assert sections == {name}
                sections.clear()


def _break(leg: str, patch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken for the test")

    patch.setattr(f"index.fusion.score_{leg}", fail)


class BrokenEncoder:
    """Can't be loaded, as it were."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.fingerprint = snapshot.manifest.fingerprint
        self.token_fingerprint = snapshot.manifest.late_fingerprint

    def __getattr__(self, name: str) -> object:
        raise EncoderError("no such model")


class TestBrokenLegs:
    @pytest.mark.parametrize("leg", LEGS)
    def test_one_that_fails_leaves_an_answer(
        self, searcher: Searcher, texts: dict[str, str], leg: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _break(leg, monkeypatch)
        for question in (QUESTIONS[0], QUESTIONS[5], "DPO와 보상 모델"):
            asked = ask(searcher, question)
            _check(asked, searcher.snapshot, texts)
            assert asked.found.legs[Leg(leg)] is Status.FAILED
        assert DPO in {one.paper for one in ask(searcher, QUESTIONS[0]).answer.citations}

    @pytest.mark.parametrize("leg", LEGS)
    def test_one_that_fails_leaves_honest_refusals(
        self, searcher: Searcher, leg: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _break(leg, monkeypatch)
        for question, language in REFUSED:
            asked = ask(searcher, question)
            assert 0 <= asked.confidence <= 1
            assert asked.answerable == (asked.answer.kind is AnswerKind.EXTRACTIVE)
            assert asked.answerable == bool(asked.answer.citations)
            if not asked.answerable:
                assert asked.answer.text == WORDING[language]

    @pytest.mark.parametrize("leg", LEGS)
    def test_one_alone_is_enough(
        self, searcher: Searcher, texts: dict[str, str], leg: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for other in LEGS:
            if other != leg:
                _break(other, monkeypatch)
        for question in (*QUESTIONS, FOREIGN):
            _check(ask(searcher, question, settings=ALWAYS), searcher.snapshot, texts)
            ask(searcher, question)

    def test_without_any_it_is_the_searchs_error(
        self, searcher: Searcher, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for leg in LEGS:
            _break(leg, monkeypatch)
        with pytest.raises(LegsFailedError):
            ask(searcher, QUESTIONS[0])

    def test_without_an_encoder_words_answer(
        self, snapshot: Snapshot, texts: dict[str, str]
    ) -> None:
        broken = BrokenEncoder(snapshot)
        bare = Snapshot.open(snapshot.folder, broken, broken)  # type: ignore[arg-type]
        asked = ask(Searcher(bare), "DPO와 보상 모델")
        assert asked.found.legs[Leg.DENSE] is asked.found.legs[Leg.LATE] is Status.FAILED
        assert asked.confidence >= 0.6  # the words alone vouch for it
        _check(asked, snapshot, texts)

    def test_legs_that_are_off_are_not_missed(
        self, snapshot: Snapshot, texts: dict[str, str]
    ) -> None:
        for names in (("late",), ("dense", "title"), ("late", "dense", "title"), ("lexical",)):
            settings = SearchGroup.model_validate({"weights": dict.fromkeys(names, 0)})
            asked = ask(Searcher(snapshot, settings), QUESTIONS[0], settings=ALWAYS)
            _check(asked, snapshot, texts)


def test_what_is_shown_of_papers_does_not_change_the_answer(snapshot: Snapshot) -> None:
    for question in QUESTIONS:
        usual = ask(Searcher(snapshot), question)
        for shown in (0, 1):
            asked = ask(Searcher(snapshot, SearchGroup(passages_per_paper=shown)), question)
            assert (asked.answer, asked.confidence) == (usual.answer, usual.confidence)
            assert {len(hit.passages) for hit in asked.found.hits} == {shown}


class TestListener:
    @pytest.mark.parametrize("question", [SEVERAL, QUESTIONS[0]])
    def test_it_is_told_what_was_found_and_then_every_sentence(
        self, searcher: Searcher, question: str
    ) -> None:
        told: list[Looked | Said] = []
        asked = ask(searcher, question, 3, listener=Listener(told.append, told.append))
        assert told[0] == Looked(asked.found, asked.confidence, asked.answerable)
        said = [one for one in told[1:] if isinstance(one, Said)]
        assert len(said) == len(told) - 1 == len(asked.answer.citations)
        assert " ".join(one.text for one in said) == asked.answer.text
        assert tuple(c for one in said for c in one.citations) == asked.answer.citations

    def test_where_nothing_is_said_it_is_told_what_was_found(self, searcher: Searcher) -> None:
        told: list[Looked | Said] = []
        asked = ask(searcher, FOREIGN, listener=Listener(told.append, told.append))
        assert told == [Looked(asked.found, asked.confidence, False)]


def test_the_same_question_gets_the_same_answer(searcher: Searcher) -> None:
    for question in QUESTIONS:
        asked, again = ask(searcher, question), ask(Searcher(searcher.snapshot), question)
        assert (asked.answer, asked.confidence) == (again.answer, again.confidence)
        assert asked.found.hits == again.found.hits


_REPLIES = """
import re, sys
from pathlib import Path
from fastapi.testclient import TestClient
from index.store import Store
from rag.service.app import create_app
from rag.service.live import Live
from rag.settings import Settings
settings = Settings(data=Path(sys.argv[1]))
live = Live(Store(settings.data), settings)
live.refresh()
client = TestClient(create_app(live, settings), base_url="http://localhost")
for question in sys.argv[2:]:
    print(client.post("/v1/ask", json={"question": question}).text)
"""


def _without_time(replies: str) -> str:
    found, count = re.subn(r'"took_ms":[\d.]+', "", replies)
    assert count == replies.count("index_version")
    return found


@pytest.mark.slow
def test_another_process_replies_the_same_to_the_byte(store: Store, client: TestClient) -> None:
    questions = [*QUESTIONS, *(question for question, _ in REFUSED)]

    def start(seed: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _REPLIES, str(store.folder), *questions]
        variables = {**os.environ, "PYTHONHASHSEED": str(seed), "NONMUN_PROFILE": ""}
        return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True)

    running = [start(seed) for seed in (1, 2)]
    replies = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    own = [client.post("/v1/ask", json={"question": question}).text for question in questions]
    assert len(_lines(replies[0])) == len(questions)
    assert _without_time(replies[0]) == _without_time(replies[1])
    assert _lines(_without_time(replies[0])) == [*map(_without_time, own)]
    assert sum(json.loads(reply)["answerable"] for reply in own) == len(QUESTIONS)


def _lines(text: str) -> Sequence[str]:
    return text.rstrip("\n").split("\n")


class TestNumbered:
    """Questions that name a paper by its number."""

    def test_the_paper_answers_whatever_is_asked(self, searcher: Searcher) -> None:
        for question in ("1706.03762", "2305.18290 요약해줘", "What does arXiv 2004.04906 say?"):
            asked = ask(searcher, question)
            assert asked.confidence == 1.0
            assert {one.paper for one in asked.answer.citations} == {asked.found.hits[0].paper.id}
            assert asked.found.hits[0].paper.id in question

    def test_one_that_is_not_here_is_refused(self, searcher: Searcher) -> None:
        assert not ask(searcher, "2412.99999는 무엇을 제안하나?").answerable

    def test_one_that_the_filters_leave_out_does_not_vouch(self, searcher: Searcher) -> None:
        asked = ask(searcher, "2305.18290 요약해줘", filters=Filters(ids=("1706.03762",)))
        assert asked.confidence < 1
