"""Reranking: the model's order, and the order given whenever the model does not answer."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from sentence_transformers import CrossEncoder

from index.scoring import Floats
from rag.legs import Status
from rag.rerank import CrossEncoderReranker, Workers, open_reranker, rerank
from rag.settings import RerankGroup

QUERY = "강화 학습"
TEXTS = [
    "Contrastive learning of visual representations",
    "강화 학습으로 언어 모델을 사람의 선호에 맞춘다.",
    "검색 증강 생성은 문서를 찾아 답한다.",
    "번역은 문장을 다른 언어로 옮긴다.",
    "",
]
LONG = 30_000  # milliseconds; no test waits so long


class Fake:
    """Gives the scores it was made with."""

    def __init__(self, *scores: float) -> None:
        self.wanted = np.array(scores, np.float32)

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        return self.wanted


class Hanging:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.begun = 0

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        self.begun += 1
        self.let.wait(60)
        return np.arange(len(texts), dtype=np.float32)


class Raising:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        raise self.error


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    one = Hanging()
    yield one
    one.let.set()


@pytest.fixture
def workers() -> Workers:
    return Workers(2)


@pytest.fixture(scope="module")
def tiny_reranker(tmp_path_factory: pytest.TempPathFactory, make_bert: Callable[..., Path]) -> Path:
    folder = tmp_path_factory.mktemp("reranker")
    bert = make_bert("BertForSequenceClassification", num_labels=1)
    CrossEncoder(str(bert), device="cpu").save_pretrained(str(folder))
    return folder


def seconds(act: Callable[[], object]) -> float:
    begin = time.monotonic()
    act()
    return time.monotonic() - begin


class TestOrder:
    def test_texts_come_in_the_order_of_their_scores(self) -> None:
        found = rerank(Fake(0.1, 0.9, -3, 0.5), QUERY, TEXTS[:4], LONG)
        assert found.order == [1, 3, 0, 2]
        assert found.scores == pytest.approx([0.1, 0.9, -3, 0.5])
        assert found.status is Status.OK

    def test_equal_scores_keep_the_order_given(self) -> None:
        assert rerank(Fake(1, 2, 1, 2, 1), QUERY, TEXTS, LONG).order == [1, 3, 0, 2, 4]
        many = rerank(Fake(*[1, 2] * 50), QUERY, ["글"] * 100, LONG)
        assert many.order == [*range(1, 100, 2), *range(0, 100, 2)]

    def test_no_texts_need_no_reranker(self) -> None:
        found = rerank(Raising(RuntimeError()), QUERY, [], LONG)
        assert (found.order, found.status) == ([], Status.OK)


class TestFailure:
    @pytest.mark.parametrize(
        "error", [RuntimeError("no memory"), TimeoutError(), SystemExit(1), KeyboardInterrupt()]
    )
    def test_one_that_raises_leaves_the_order_given(
        self, workers: Workers, caplog: pytest.LogCaptureFixture, error: BaseException
    ) -> None:
        for _ in range(5):  # more than there are threads: none is lost
            found = rerank(Raising(error), QUERY, TEXTS, LONG, workers)
            assert found == ([0, 1, 2, 3, 4], None, Status.FAILED)
        assert "the reranker failed" in caplog.text
        assert rerank(Fake(1, 2), QUERY, TEXTS[:2], LONG, workers).order == [1, 0]

    @pytest.mark.parametrize(
        "scores",
        [
            [1, 2, 3, float("nan")],
            [1, 2, 3, float("inf")],
            [float("-inf"), 2, 3, 4],
            [1, 2, 3],
            [1, 2, 3, 4, 5],
            [],
        ],
    )
    def test_scores_that_make_no_sense_leave_the_order_given(self, scores: list[float]) -> None:
        found = rerank(Fake(*scores), QUERY, TEXTS[:4], LONG)
        assert found == ([0, 1, 2, 3], None, Status.FAILED)

    def test_scores_of_another_shape_leave_the_order_given(self) -> None:
        table = Fake()
        table.wanted = np.ones((4, 1), np.float32)
        assert rerank(table, QUERY, TEXTS[:4], LONG).status is Status.FAILED


class TestSlowness:
    def test_one_that_hangs_leaves_the_order_given_when_time_is_up(
        self, hanging: Hanging, workers: Workers
    ) -> None:
        begin = time.monotonic()
        found = rerank(hanging, QUERY, TEXTS, 200, workers)
        assert found == ([0, 1, 2, 3, 4], None, Status.SLOW)
        assert 0.2 <= time.monotonic() - begin < 2

    def test_while_all_threads_hang_queries_are_slow_at_once_and_start_none(
        self, hanging: Hanging, workers: Workers
    ) -> None:
        for _ in range(2):
            rerank(hanging, QUERY, TEXTS, 50, workers)
        before = threading.active_count()

        def ask() -> None:
            for _ in range(50):
                assert rerank(hanging, QUERY, TEXTS, LONG, workers).status is Status.SLOW

        assert seconds(ask) < 1
        assert threading.active_count() == before
        assert hanging.begun == 2

    def test_a_query_waits_for_a_thread_that_is_not_overdue(
        self, hanging: Hanging, workers: Workers
    ) -> None:
        busy = [
            threading.Thread(target=rerank, args=(hanging, QUERY, TEXTS, LONG, workers))
            for _ in range(2)
        ]
        for one in busy:
            one.start()
        while hanging.begun < 2:
            time.sleep(0.01)
        threading.Timer(0.2, hanging.let.set).start()
        assert rerank(Fake(1, 2), QUERY, TEXTS[:2], LONG, workers).order == [1, 0]
        for one in busy:
            one.join()

    def test_a_query_that_waits_for_a_thread_waits_no_longer_than_its_time(
        self, hanging: Hanging
    ) -> None:
        single = Workers(1)
        busy = threading.Thread(target=rerank, args=(hanging, QUERY, TEXTS, LONG, single))
        busy.start()
        while not hanging.begun:
            time.sleep(0.01)
        begin = time.monotonic()
        assert rerank(Fake(1), QUERY, TEXTS[:1], 200, single).status is Status.SLOW
        assert 0.2 <= time.monotonic() - begin < 2
        hanging.let.set()
        busy.join()

    def test_all_is_well_again_once_the_hanging_ones_end(
        self, hanging: Hanging, workers: Workers
    ) -> None:
        for _ in range(3):
            rerank(hanging, QUERY, TEXTS, 20, workers)
        hanging.let.set()
        deadline = time.monotonic() + 10
        while rerank(Fake(1, 2), QUERY, TEXTS[:2], LONG, workers).status is not Status.OK:
            assert time.monotonic() < deadline
        assert rerank(Fake(1, 2), QUERY, TEXTS[:2], LONG, workers).order == [1, 0]

    def test_many_queries_at_once_are_all_answered(self, workers: Workers) -> None:
        found: list[list[int]] = []

        def ask() -> None:
            found.append(rerank(Fake(1, 2), QUERY, TEXTS[:2], LONG, workers).order)

        before = threading.active_count()
        threads = [threading.Thread(target=ask) for _ in range(40)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert found == [[1, 0]] * 40
        assert threading.active_count() <= before + 2

    def test_a_thread_that_hangs_does_not_keep_the_process(self) -> None:
        code = (
            "import time\n"
            "from rag.rerank import rerank\n"
            "class Hanging:\n"
            "    def scores(self, query, texts):\n"
            "        time.sleep(600)\n"
            "print(rerank(Hanging(), 'q', ['a'], 10).status)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout.strip() == "slow"


class TestCrossEncoder:
    def test_scores_and_order_are_those_of_the_library(self, tiny_reranker: Path) -> None:
        library = CrossEncoder(str(tiny_reranker), device="cpu")
        wanted = library.predict([(QUERY, text) for text in TEXTS])
        assert len(set(wanted.tolist())) == len(TEXTS)
        reranker = CrossEncoderReranker(str(tiny_reranker), batch_size=2)
        found = rerank(reranker, QUERY, TEXTS, LONG)
        assert found.scores == pytest.approx(wanted, abs=1e-6)
        ranked = [one["corpus_id"] for one in library.rank(QUERY, TEXTS)]
        assert found.order == ranked

    def test_a_text_is_read_up_to_its_limit(self, tiny_reranker: Path) -> None:
        library = CrossEncoder(str(tiny_reranker), device="cpu")
        wanted = library.predict([(QUERY, text[:5]) for text in TEXTS])
        reranker = CrossEncoderReranker(str(tiny_reranker), max_chars=5)
        assert reranker.scores(QUERY, TEXTS) == pytest.approx(wanted, abs=1e-6)

    @pytest.mark.parametrize("name", ["/no/such/model", "nobody/has-this-model"])
    def test_a_model_that_is_not_there_is_a_failure_that_is_logged_once(
        self, caplog: pytest.LogCaptureFixture, name: str
    ) -> None:
        reranker = CrossEncoderReranker(name)
        for _ in range(3):
            found = rerank(reranker, QUERY, TEXTS, LONG)
            assert found == ([0, 1, 2, 3, 4], None, Status.FAILED)
        logged = [record.getMessage() for record in caplog.records if record.name == "rag.rerank"]
        assert len(logged) == 1
        assert name in logged[0]
        assert "rerank.model" in logged[0]

    def test_a_model_with_several_scores_a_text_is_a_failure_that_says_so(
        self, make_bert: Callable[..., Path], caplog: pytest.LogCaptureFixture
    ) -> None:
        bert = make_bert("BertForSequenceClassification", num_labels=3)
        reranker = CrossEncoderReranker(str(bert))
        assert rerank(reranker, QUERY, TEXTS, LONG).status is Status.FAILED
        assert "3 scores" in caplog.text

    def test_queries_are_slow_while_the_model_is_loaded_and_reranked_afterwards(
        self, tiny_reranker: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        let, loaded = threading.Event(), list[int]()
        model: CrossEncoder = CrossEncoder(str(tiny_reranker), device="cpu")

        def slowly(*args: object, **options: object) -> CrossEncoder:
            let.wait(60)
            loaded.append(1)
            return model

        monkeypatch.setattr("index.encoders.hub.load_model", slowly)
        reranker = CrossEncoderReranker("some/model")
        waited = seconds(lambda: rerank(reranker, QUERY, TEXTS, 100, workers))
        assert 0.1 <= waited < 2
        assert rerank(reranker, QUERY, TEXTS, 100, workers).status is Status.SLOW
        let.set()
        deadline = time.monotonic() + 30
        while rerank(reranker, QUERY, TEXTS, LONG, workers).status is not Status.OK:
            assert time.monotonic() < deadline
        assert len(loaded) == 1

    def test_nothing_is_imported_before_it_is_used(self) -> None:
        code = (
            "import sys\n"
            "from rag.rerank import CrossEncoderReranker\n"
            "CrossEncoderReranker('some/model')\n"
            "print('sentence_transformers' in sys.modules, 'torch' in sys.modules)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout.split() == ["False", "False"]


class TestSettings:
    def test_nothing_is_reranked_unless_a_model_is_named(self) -> None:
        assert open_reranker(RerankGroup()) is None

    def test_the_settings_reach_the_reranker(self, tiny_reranker: Path) -> None:
        settings = RerankGroup(model=str(tiny_reranker), batch_size=2, max_chars=5)
        opened = open_reranker(settings)
        assert opened is not None
        by_hand = CrossEncoderReranker(str(tiny_reranker), 2, 5)
        assert opened.scores(QUERY, TEXTS) == pytest.approx(by_hand.scores(QUERY, TEXTS))

    @pytest.mark.parametrize(
        "values",
        [
            {"candidates": 0},
            {"candidates": 10_000},
            {"timeout_ms": 0},
            {"max_chars": 0},
            {"top": 3},
        ],
    )
    def test_a_wrong_setting_is_refused(self, values: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            RerankGroup.model_validate(values)
