"""Queries that wait together are encoded together, and nobody can tell."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from index.adapt import AdaptedEncoder, LinearMap
from index.encoders.base import Basis, Encoder, Vectors
from index.encoders.kept import Kept
from index.encoders.sentence_transformers import SentenceTransformersEncoder
from index.encoders.universal import (
    LEAST_TOGETHER,
    QUERIES_AT_ONCE,
    QUERIES_KEPT,
    UniversalEncoder,
)
from index.encoders.universal_arithmetic import UniversalArithmetic
from index.threads import one_blas_thread

LONG = [
    "강화 학습에서 사람의 선호를 보상 모델 없이 바로 학습하는 방법은 무엇인가?",
    "How can I fine-tune a large model by training only small low-rank matrices?",
    "拡散モデルで画像を生成するときの計算量を減らす方法はありますか",
    "Wie erkennt man Sprache in einem lauten Raum mit wenigen Daten?",
    "알 수 없는 글자 \u0e4f\U0001f9ff\U0001f9ff 뒤의 글과 GPT-4o, LLaMA 3.1의 비교 결과",
    "긴 질문입니다. " * 15,
]
SHORT = ["LoRA", "a", "", "  ", "DPO란"]
BASIS = Basis(
    np.random.default_rng(0).normal(size=512).astype(np.float32),
    np.random.default_rng(1).normal(size=(512, 32)).astype(np.float32),
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with one_blas_thread():
        yield


def answers(encoder: UniversalEncoder, text: str) -> tuple[bytes, ...]:
    tokens = encoder.encode_query_tokens(text, BASIS)
    plain = encoder.encode_query_tokens(text)
    arrays = (tokens.vectors, tokens.ids, tokens.spans, tokens.lengths, plain.vectors)
    return (encoder.encode_query([text]).tobytes(), *(array.tobytes() for array in arrays))


@pytest.fixture(scope="module")
def alone() -> dict[str, tuple[bytes, ...]]:
    texts = [*SHORT, *(f"{text} {n}" for n in range(8) for text in LONG)]
    with one_blas_thread():
        encoder = make_encoder()
        return {text: answers(encoder, text) for text in texts}


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The lengths of the texts whose features were computed together."""
    seen: list[list[int]] = []
    compute = UniversalArithmetic.features

    def features(self: UniversalArithmetic, ids: object, lengths: object) -> Vectors:
        seen.append(np.asarray(lengths).tolist())
        return compute(self, np.asarray(ids), np.asarray(lengths))

    monkeypatch.setattr(UniversalArithmetic, "features", features)
    return seen


ARITHMETIC = UniversalArithmetic()


def make_encoder(*, together: bool | None = None) -> UniversalEncoder:
    """One that knows no query yet; whether it encodes some together is up to the processor."""
    encoder = UniversalEncoder()
    encoder.__dict__["_arithmetic"] = ARITHMETIC  # the weights take a while to load
    if together is not None:
        encoder.__dict__["_alike_together"] = together
    return encoder


def test_queries_encoded_together_have_the_same_bytes(alone: dict[str, tuple[bytes, ...]]) -> None:
    # As it is on this processor: where they would not, they are encoded one by one.
    choose = random.Random(0)
    for _ in range(25):
        encoder = make_encoder()
        texts = choose.sample(sorted(alone), choose.randint(1, 20))
        encoder.prepare_queries(texts)
        for text in texts:
            assert answers(encoder, text) == alone[text]


def test_what_was_prepared_is_not_encoded_again(batches: list[list[int]]) -> None:
    encoder = make_encoder(together=True)
    texts = [f"{text} {n}" for n in range(2) for text in LONG]
    encoder.prepare_queries(texts)
    assert list(map(len, batches)) == [QUERIES_AT_ONCE, len(texts) - QUERIES_AT_ONCE]
    batches.clear()
    encoder.prepare_queries(texts)
    for text in texts:
        encoder.encode_query([text])
        encoder.encode_query_tokens(text, BASIS)
    assert batches == []


def test_what_is_known_or_asked_twice_is_encoded_once(batches: list[list[int]]) -> None:
    encoder = make_encoder(together=True)
    encoder.encode_query([LONG[0]])
    encoder.prepare_queries([LONG[0], LONG[1], LONG[2], LONG[1]])
    assert list(map(len, batches)) == [1, 2]


@pytest.mark.parametrize("texts", [[], LONG[:1], SHORT])
def test_one_query_and_short_ones_wait_until_they_are_asked(
    texts: list[str], batches: list[list[int]]
) -> None:
    make_encoder(together=True).prepare_queries(texts)
    assert batches == []


def test_short_queries_are_not_encoded_beside_others(batches: list[list[int]]) -> None:
    make_encoder(together=True).prepare_queries([*SHORT, *LONG])
    assert sum(map(len, batches)) == len(LONG)
    assert all(length >= LEAST_TOGETHER for batch in batches for length in batch)


def test_where_company_changes_a_query_each_is_encoded_alone(
    alone: dict[str, tuple[bytes, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = UniversalArithmetic.features

    def features(
        self: UniversalArithmetic,
        ids: np.ndarray[tuple[int], np.dtype[np.int64]],
        lengths: np.ndarray[tuple[int], np.dtype[np.int64]],
    ) -> Vectors:
        found = compute(self, ids, lengths)
        return found if len(lengths) == 1 else np.nextafter(found, np.float32(9))

    monkeypatch.setattr(UniversalArithmetic, "features", features)
    encoder = make_encoder()
    texts = sorted(alone)[:20]
    encoder.prepare_queries(texts)
    for text in texts:
        assert answers(encoder, text) == alone[text]


def test_more_than_are_kept_do_no_harm(alone: dict[str, tuple[bytes, ...]]) -> None:
    encoder = make_encoder()
    encoder.prepare_queries([f"{LONG[0]} {n}" for n in range(QUERIES_KEPT + 9)])
    text = f"{LONG[0]} 1"
    assert answers(encoder, text) == alone[text]


def test_a_map_goes_over_what_was_prepared(batches: list[list[int]]) -> None:
    inner = make_encoder(together=True)
    values = np.random.default_rng(0).normal(size=(512, 512)).astype(np.float32)
    adapted = AdaptedEncoder(inner, LinearMap(np.zeros(512, np.float32), values))
    wanted = AdaptedEncoder(make_encoder(), LinearMap(np.zeros(512, np.float32), values))
    expected = wanted.encode_query([LONG[1]])
    batches.clear()
    adapted.prepare_queries(LONG[:3])
    assert list(map(len, batches)) == [3]
    if make_encoder()._alike_together:
        assert adapted.encode_query([LONG[1]]).tobytes() == expected.tobytes()


def test_an_encoder_that_pads_prepares_nothing() -> None:
    assert SentenceTransformersEncoder.prepare_queries is Encoder.prepare_queries


def test_threads_that_ask_for_the_same_queries_all_get_them(
    alone: dict[str, tuple[bytes, ...]],
) -> None:
    encoder, texts = make_encoder(), sorted(alone)
    wrong: list[str] = []

    def work(seed: int) -> None:
        choose = random.Random(seed)
        for _ in range(6):
            some = choose.sample(texts, 6)
            encoder.prepare_queries(some)
            wrong.extend(text for text in some if answers(encoder, text) != alone[text])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


class TestKept:
    @pytest.mark.parametrize(
        ("asked", "kept"),
        [([], "bcd"), (["a"], "acd"), (["a", "b"], "abd"), (["x"], "bcd")],
    )
    def test_what_nobody_asked_for_longest_goes(self, asked: Sequence[str], kept: str) -> None:
        some: Kept[str, int] = Kept(3)
        for number, key in enumerate("abc"):
            some.put(key, number)
        for key in asked:
            some.get(key)
        some.put("d", 3)
        known = {key for key in "abcdx" if some.get(key) is not None}
        assert known == set(kept)

    def test_a_value_put_again_replaces_the_first(self) -> None:
        some: Kept[str, int] = Kept(2)
        some.put("a", 1)
        some.put("b", 2)
        some.put("a", 3)
        some.put("c", 4)
        assert (some.get("a"), some.get("b"), some.get("c")) == (3, None, 4)
