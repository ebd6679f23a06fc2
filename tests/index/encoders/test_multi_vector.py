"""One contract, every multi-vector adapter; and what that of sentence-transformers promises."""

from __future__ import annotations

import string
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sentence_transformers import MultiVectorEncoder as Library
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.multi_vector_encoder.modules import (
    HierarchicalTokenPooling,
    MultiVectorMask,
)
from tokenizers import Tokenizer

from index.encoders.base import Basis, LateKind, LateSettings, MultiVectorEncoder, Tokens
from index.encoders.multi_vector import SentenceTransformersTokens
from index.encoders.registry import open_multi_vector_encoder
from index.encoders.universal import UniversalEncoder
from index.errors import EncoderError

TEXTS = [
    "강화 학습으로 언어 모델을 사람의 선호에 맞춘다.",
    "Contrastive learning of visual representations",
    "검색 증강 생성(Retrieval-Augmented Generation)은 문서를 찾아 답한다.",
    "確率的な拡散モデルで画像を生成する。",
    "짧다",
    "알 수 없는 글자 \u0e4f\U0001f9ff\U0001f9ff 뒤의 글",
    "  두 칸을  띄고\n줄도 바꾼다  ",
]
LONG = "긴 글은 어디에선가 잘린다. " * 100
PROMPTS = {"query": "query: ", "document": "passage: "}
Make = Callable[[], MultiVectorEncoder]


def save_colbert(folder: Path, bert: Path, kind: str) -> Path:
    """Save a model of random parameters.

    Args:
        folder: Where to.
        bert: Its transformer.
        kind: `plain`; `expanded`: as ColBERT has it, with prompts, queries filled up to 24 tokens
            and punctuation skipped; `lengthened`: queries of at least 24 tokens; `pooled`.
    """
    expansion = {"expanded": "fixed", "lengthened": "min"}.get(kind)
    expanded = {"strategy": expansion, "attend": False, "length": 24}
    transformer = Transformer(
        str(bert),
        document_length=48,
        query_expansion=expanded if expansion else None,
    )
    torch.manual_seed(1)
    modules = [
        transformer,
        Dense(32, 16, bias=False, activation_function=None, module_input_name="token_embeddings"),
        MultiVectorMask(list(string.punctuation) if kind == "expanded" else None),
        Normalize("token_embeddings"),
    ]
    if kind == "pooled":
        modules.append(HierarchicalTokenPooling(2.0))
    prompts = PROMPTS if kind == "expanded" else None
    Library(modules=modules, prompts=prompts, device="cpu").save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="module")
def colbert(
    tmp_path_factory: pytest.TempPathFactory, make_bert: Callable[..., Path]
) -> Callable[[str], Path]:
    """The folder of a model of some kind, made once."""
    bert, made = make_bert(), dict[str, Path]()

    def of(kind: str) -> Path:
        if kind not in made:
            made[kind] = save_colbert(tmp_path_factory.mktemp(kind), bert, kind)
        return made[kind]

    return of


def opened(model: Path | str, batch_size: int = 32) -> SentenceTransformersTokens:
    return SentenceTransformersTokens(
        LateSettings(LateKind.SENTENCE_TRANSFORMERS, str(model), batch_size)
    )


def parts(tokens: Tokens) -> list[Tokens]:
    """The tokens of each text."""
    ends = np.cumsum(tokens.lengths)
    return [
        Tokens(tokens.vectors[a:b], tokens.ids[a:b], tokens.spans[a:b], tokens.lengths[i : i + 1])
        for i, (a, b) in enumerate(zip(ends - tokens.lengths, ends, strict=True))
    ]


def documents(
    encoder: MultiVectorEncoder, texts: list[str], basis: Basis | None = None
) -> list[Tokens]:
    """The tokens of each text, in the texts' order."""
    found: dict[int, Tokens] = {}
    for rows, tokens in encoder.encode_document_tokens(texts, basis):
        assert len(rows) == len(tokens.lengths)
        assert not found.keys() & set(rows)
        found.update(zip(rows, parts(tokens), strict=True))
    assert sorted(found) == list(range(len(texts)))
    return [found[row] for row in range(len(texts))]


def assert_same(one: Tokens, other: Tokens) -> None:
    assert one.ids.tolist() == other.ids.tolist()
    assert one.spans.tolist() == other.spans.tolist()
    assert one.vectors == pytest.approx(other.vectors, abs=1e-4)


@pytest.fixture(scope="module", params=["universal", "plain", "expanded", "lengthened"])
def make(request: pytest.FixtureRequest) -> Make:
    """Opens an adapter afresh."""
    if request.param == "universal":
        return UniversalEncoder
    folder = request.getfixturevalue("colbert")(request.param)
    return lambda: opened(folder, batch_size=4)


@pytest.fixture(scope="module")
def encoder(make: Make) -> MultiVectorEncoder:
    return make()


class TestContract:
    def test_there_is_a_vector_an_id_and_a_span_for_every_token(
        self, encoder: MultiVectorEncoder
    ) -> None:
        batches = [tokens for _, tokens in encoder.encode_document_tokens(TEXTS)]
        for tokens in [*batches, *map(encoder.encode_query_tokens, TEXTS)]:
            count = tokens.lengths.sum()
            assert tokens.vectors.shape == (count, encoder.token_dimension)
            assert tokens.ids.shape == (count,)
            assert tokens.spans.shape == (count, 2)
            assert tokens.vectors.dtype == np.float32
            assert tokens.ids.dtype == np.int64
            assert tokens.lengths.dtype == np.int64
            assert tokens.spans.dtype == np.int32
            assert (tokens.lengths > 0).all()

    def test_ids_are_of_the_vocabulary(self, encoder: MultiVectorEncoder) -> None:
        for tokens in documents(encoder, TEXTS):
            assert tokens.ids.min() >= 0
            assert tokens.ids.max() < encoder.vocabulary

    def test_spans_are_in_the_text_and_in_its_order(self, encoder: MultiVectorEncoder) -> None:
        for text, tokens in zip(TEXTS, documents(encoder, TEXTS), strict=True):
            for one in (tokens, encoder.encode_query_tokens(text)):
                starts, ends = filled(one).T
                assert len(starts)
                assert starts.min() >= 0
                assert ends.max() <= len(text)
                assert (np.diff(starts) >= 0).all()

    def test_every_word_is_covered(self, encoder: MultiVectorEncoder) -> None:
        for text, tokens in zip(TEXTS, documents(encoder, TEXTS), strict=True):
            for one in (tokens, encoder.encode_query_tokens(text)):
                covered = {i for start, end in filled(one) for i in range(start, end)}
                wanted = {i for i, character in enumerate(text) if character.isalnum()}
                assert wanted <= covered

    def test_the_same_piece_of_text_has_the_same_id(self, encoder: MultiVectorEncoder) -> None:
        text = "모델 모델 모델"
        (tokens,) = documents(encoder, [text])
        for one in (tokens, encoder.encode_query_tokens(text)):
            inside = one.spans[:, 1] > one.spans[:, 0]
            ids, (starts, ends) = one.ids[inside], one.spans[inside].T
            words = [tuple(ids[(ends > at) & (starts < at + 2)]) for at in (0, 3, 6)]
            assert len(set(words)) == 1

    def test_a_text_has_the_same_tokens_in_any_company_and_order(
        self, encoder: MultiVectorEncoder
    ) -> None:
        texts = [*TEXTS, LONG] * 12
        together = documents(encoder, texts)
        backwards = documents(encoder, texts[::-1])[::-1]
        for row, text in enumerate([*TEXTS, LONG]):
            (alone,) = documents(encoder, [text])
            assert_same(together[row], alone)
            assert_same(together[-len(TEXTS) - 1 + row], alone)
            assert_same(backwards[row], alone)

    def test_a_basis_lays_the_vectors_down(self, encoder: MultiVectorEncoder) -> None:
        random = np.random.default_rng(0)
        width = encoder.token_dimension
        basis = Basis(
            random.normal(size=width).astype(np.float32),
            random.normal(size=(width, 8)).astype(np.float32),
        )
        pairs = zip(documents(encoder, TEXTS), documents(encoder, TEXTS, basis), strict=True)
        for full, few in pairs:
            assert few.vectors.dtype == np.float32
            assert few.vectors == pytest.approx((full.vectors - basis.mean) @ basis.axes, abs=1e-3)
            assert few.ids.tolist() == full.ids.tolist()

    def test_no_texts_have_no_tokens(self, encoder: MultiVectorEncoder) -> None:
        assert list(encoder.encode_document_tokens([])) == []

    @pytest.mark.parametrize("text", ["", " ", "\n", "\0", "🤗", "e\u0301", "a" * 5000])
    def test_any_text_has_finite_vectors(self, encoder: MultiVectorEncoder, text: str) -> None:
        for tokens in (encoder.encode_query_tokens(text), *documents(encoder, [text, "글"])):
            assert np.isfinite(tokens.vectors).all()
            assert tokens.vectors.shape == (len(tokens.ids), encoder.token_dimension)

    def test_every_text_is_counted_once_as_done(self, encoder: MultiVectorEncoder) -> None:
        done: list[int] = []
        for _ in encoder.encode_document_tokens(TEXTS * 200, on_batch=done.append):
            pass
        assert sum(done) == len(TEXTS) * 200
        assert len(done) > 1

    def test_queries_from_several_threads_come_out_alike(self, encoder: MultiVectorEncoder) -> None:
        wanted = [encoder.encode_query_tokens(text) for text in TEXTS]
        with ThreadPoolExecutor(4) as pool:
            passages = pool.submit(documents, encoder, TEXTS * 4)
            found = list(pool.map(encoder.encode_query_tokens, TEXTS * 4))
            assert len(passages.result()) == len(TEXTS) * 4
        for one, other in zip(found, wanted * 4, strict=True):
            assert_same(one, other)

    def test_the_fingerprint_stays_when_nothing_changes(self, make: Make) -> None:
        assert make().token_fingerprint == make().token_fingerprint

    def test_the_fingerprint_stays_when_the_encoder_is_used(self, make: Make) -> None:
        used, unused = make(), make()
        documents(used, TEXTS)
        used.encode_query_tokens(TEXTS[0])
        assert used.token_fingerprint == unused.token_fingerprint


def filled(tokens: Tokens) -> npt.NDArray[np.int32]:
    """The spans that are not empty."""
    return tokens.spans[tokens.spans[:, 1] > tokens.spans[:, 0]]


class TestSentenceTransformers:
    @pytest.mark.parametrize("kind", ["plain", "expanded", "lengthened"])
    def test_vectors_are_those_of_the_library(
        self, colbert: Callable[[str], Path], kind: str
    ) -> None:
        library = Library(str(colbert(kind)), device="cpu")
        encoder = opened(colbert(kind))
        texts = [*TEXTS, LONG, ""]
        wanted = library.encode_document(texts, convert_to_numpy=True)
        for tokens, vectors in zip(documents(encoder, texts), wanted, strict=True):
            assert tokens.vectors == pytest.approx(vectors, abs=1e-5)
        for text in texts:
            (vectors,) = library.encode_query([text], convert_to_numpy=True)
            assert encoder.encode_query_tokens(text).vectors == pytest.approx(vectors, abs=1e-5)

    def test_a_token_is_the_text_of_its_span(self, colbert: Callable[[str], Path]) -> None:
        # The tokenizer alone, without the library, says which pieces the text has.
        tokenizer = Tokenizer.from_file(str(colbert("expanded") / "tokenizer.json"))
        encoder = opened(colbert("expanded"))
        for text, tokens in zip(TEXTS, documents(encoder, TEXTS), strict=True):
            alone = tokenizer.encode(text, add_special_tokens=False)
            skipped = {tokenizer.token_to_id(sign) for sign in string.punctuation} - {None}
            wanted = [
                (number, text[start:end])
                for number, (start, end) in zip(alone.ids, alone.offsets, strict=True)
                if number not in skipped
            ]
            found = [
                (number, text[start:end])
                for number, (start, end) in zip(tokens.ids.tolist(), tokens.spans, strict=True)
                if end > start
            ]
            assert found == wanted
            marks = tokens.ids[tokens.spans[:, 1] == 0]
            pieces = [tokenizer.id_to_token(number) for number in marks]
            prompt = "".join(piece or "" for piece in pieces[1:-1]).replace("##", "")
            assert (pieces[0], prompt, pieces[-1]) == ("[CLS]", "passage", "[SEP]")  # no colon

    def test_what_fills_a_query_up_has_no_span(self, colbert: Callable[[str], Path]) -> None:
        tokens = opened(colbert("expanded")).encode_query_tokens("모델")
        mask = Tokenizer.from_file(str(colbert("expanded") / "tokenizer.json")).token_to_id(
            "[MASK]"
        )
        assert len(tokens.ids) == 24
        assert (tokens.ids == mask).sum() > 10
        assert not tokens.spans[tokens.ids == mask].any()
        assert {"모델"[start:end] for start, end in filled(tokens)} <= {"모", "델", "모델"}

    def test_batches_have_the_size_that_is_set(self, colbert: Callable[[str], Path]) -> None:
        encoder = opened(colbert("plain"), batch_size=3)
        texts = [TEXTS[row % 7] + " 글" * row for row in range(50)]
        sizes = [len(rows) for rows, _ in encoder.encode_document_tokens(texts)]
        assert max(sizes) == 3
        assert sum(sizes) == 50

    def test_the_library_is_called_by_one_thread_at_a_time(
        self, colbert: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        encoder = opened(colbert("plain"))
        encode, inside, most = encoder._model.encode, list[int](), list[int]()

        def slow(*args: object, **options: object) -> object:
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            found = encode(*args, **options)  # type: ignore[call-overload]
            inside.pop()
            return found

        monkeypatch.setattr(encoder._model, "encode", slow)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(encoder.encode_query_tokens, TEXTS))
        assert max(most) == 1

    def test_the_fingerprint_changes_with_parameters_prompts_and_lengths(
        self, colbert: Callable[[str], Path], tmp_path: Path
    ) -> None:
        known = {opened(colbert(kind)).token_fingerprint for kind in ("plain", "expanded")}
        model = Library(str(colbert("plain")), device="cpu")
        model.prompts["query"] = "query: "
        model.save_pretrained(str(tmp_path / "prompt"))
        transformer = model[0]
        assert isinstance(transformer, Transformer)
        transformer.document_length = 32
        model.save_pretrained(str(tmp_path / "length"))
        with torch.no_grad():
            next(model.parameters())[0, 0] += 1
        model.save_pretrained(str(tmp_path / "parameter"))
        for name in ("prompt", "length", "parameter"):
            known.add(opened(tmp_path / name).token_fingerprint)
        assert len(known) == 5

    def test_it_is_opened_by_its_settings(self, colbert: Callable[[str], Path]) -> None:
        settings = LateSettings(LateKind.SENTENCE_TRANSFORMERS, str(colbert("plain")))
        encoder = open_multi_vector_encoder(settings)
        assert isinstance(encoder, SentenceTransformersTokens)
        assert encoder.token_dimension == 16

    @pytest.mark.parametrize("name", ["/no/such/model", "nobody/has-this-model"])
    def test_a_model_that_is_not_there_is_an_error_that_names_it(self, name: str) -> None:
        with pytest.raises(EncoderError, match=rf"{name}.*late\.model"):
            opened(name)

    def test_no_model_at_all_is_an_error_that_says_what_to_set(self) -> None:
        with pytest.raises(EncoderError, match=r"late\.model"):
            opened("")

    def test_a_model_of_one_vector_a_text_is_refused(
        self, tiny_model: Path, make_bert: Callable[..., Path]
    ) -> None:
        # The library would load both, with a projection of random numbers.
        for folder in (tiny_model, make_bert()):
            with pytest.raises(EncoderError, match=r"not a late-interaction.*late\.model"):
                opened(folder)

    def test_a_model_that_pools_its_tokens_is_refused(self, colbert: Callable[[str], Path]) -> None:
        with pytest.raises(EncoderError, match="pools"):
            opened(colbert("pooled"))

    def test_vectors_without_tokens_of_their_own_are_an_error(
        self, colbert: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        encoder = opened(colbert("plain"))
        encode = encoder._model.encode

        def shortened(*args: object, **options: object) -> object:
            found = encode(*args, **options)  # type: ignore[call-overload]
            return [{**one, "token_embeddings": one["token_embeddings"][1:]} for one in found]

        monkeypatch.setattr(encoder._model, "encode", shortened)
        with pytest.raises(EncoderError, match="vectors"):
            encoder.encode_query_tokens(TEXTS[0])

    def test_a_model_that_says_no_places_is_an_error(
        self, colbert: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        encoder = opened(colbert("plain"))
        encode = encoder._model.encode

        def placeless(*args: object, **options: object) -> object:
            found = encode(*args, **options)  # type: ignore[call-overload]
            return [{k: v for k, v in one.items() if k != "offset_mapping"} for one in found]

        monkeypatch.setattr(encoder._model, "encode", placeless)
        with pytest.raises(EncoderError, match="where in a text"):
            encoder.encode_query_tokens(TEXTS[0])
