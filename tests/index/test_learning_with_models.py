"""Builds with models of others: what is learned, kept and used is the same for every adapter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import MultiVectorEncoder
from sentence_transformers.base.modules import Dense, Transformer
from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
from sentence_transformers.sentence_transformer.modules import Normalize

from index import adapt as adapting
from index.build import build
from index.encoders import EncoderKind, EncoderSettings, LateKind, LateSettings
from index.passages import plain as plain_text
from index.scoring import Leg
from index.settings import BuildSettings, LearnSettings
from index.store import Store
from rag.legs import Status
from rag.search import Searcher


@pytest.fixture(scope="module")
def tokens_model(tmp_path_factory: pytest.TempPathFactory, make_bert: Callable[..., Path]) -> Path:
    """A multi-vector model of random parameters."""
    folder = tmp_path_factory.mktemp("tokens")
    modules = [
        Transformer(str(make_bert()), document_length=64),
        Dense(32, 16, bias=False, activation_function=None, module_input_name="token_embeddings"),
        MultiVectorMask(None),
        Normalize("token_embeddings"),
    ]
    MultiVectorEncoder(modules=modules, device="cpu").save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="module")
def settings(tiny_model: Path, tokens_model: Path) -> BuildSettings:
    return BuildSettings(
        EncoderSettings(EncoderKind.SENTENCE_TRANSFORMERS, str(tiny_model)),
        LateSettings(LateKind.SENTENCE_TRANSFORMERS, str(tokens_model)),
        LearnSettings(held_out=0.3),
    )


@pytest.fixture(scope="module")
def few(samples: Path, tmp_path_factory: pytest.TempPathFactory, settings: BuildSettings) -> Store:
    """The samples, few as they are enough to learn from."""
    store = Store(tmp_path_factory.mktemp("store"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapting, "FEWEST", 20)
        patch.setattr(adapting, "_SURE", -9.0)  # random models have nothing to gain
        patch.setattr("index.weighing.FEWEST", 5)
        build([samples], store, settings)
    return store


def test_models_by_name_build_and_answer(few: Store) -> None:
    snapshot = few.open_live()
    assert snapshot.late is not None
    assert snapshot.late.encoder.token_dimension == 16
    found = Searcher(snapshot).search("저랭크 행렬로 미세 조정")
    assert found.hits
    ran = {leg for leg, status in found.legs.items() if status is Status.OK}
    assert ran == {Leg.LEXICAL, Leg.DENSE, Leg.LATENT, Leg.LATE}
    assert all(one.highlights for one in found.hits[0].passages[:1])


def test_the_map_is_of_any_encoder(few: Store) -> None:
    snapshot = few.open_live()
    linear = snapshot.learned.map
    assert linear is not None
    assert snapshot.learned.facts.map_before > 0
    text = plain_text(snapshot.passage(0).text)
    plain = snapshot.plain_encoder.encode_document([text])
    assert snapshot.encoder.encode_document([text]) == pytest.approx(linear(plain), abs=1e-6)
    assert snapshot.vectors.vectors[0] == pytest.approx(linear(plain)[0], abs=1e-4)


def test_the_weights_are_learned_from_its_own_questions(few: Store) -> None:
    learned = few.open_live().learned
    assert learned.facts.weights_from >= 5
    assert learned.weights.lexical >= 0


def test_a_new_digest_uses_what_was_learned(
    few: Store, samples: Path, tmp_path: Path, settings: BuildSettings
) -> None:
    store = Store(tmp_path / "store")
    part = tmp_path / "digests"
    part.mkdir()
    files = sorted(samples.glob("*.md"))
    for file in files[:-1]:
        (part / file.name).write_bytes(file.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapting, "FEWEST", 20)
        patch.setattr(adapting, "_SURE", -9.0)  # random models have nothing to gain
        build([part], store, settings)
        before = store.open_live()
        (part / files[-1].name).write_bytes(files[-1].read_bytes())
        built = build([part], store, settings)
    after = store.open_live()
    assert built.report.carried == before.manifest.passages
    assert built.report.encoded > 0
    one, other = before.learned.map, after.learned.map
    assert one is not None
    assert other is not None
    assert np.array_equal(one.matrix, other.matrix)
    assert np.array_equal(one.mean, other.mean)
    row = after.manifest.passages - 1
    fresh = after.encoder.encode_document([plain_text(after.passage(row).text)])[0]
    assert after.vectors.vectors[row] == pytest.approx(fresh, abs=1e-4)
