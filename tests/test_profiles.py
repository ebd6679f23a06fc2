"""The profiles that come with nonmun: they load, and an index is built and searched with each."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import CrossEncoder

from index.build import build
from index.encoders import Encoder, EncoderKind, open_encoder
from index.scoring import Leg
from index.store import Store
from rag.legs import Status
from rag.search import Found, Searcher
from rag.settings import Settings, load_settings

PROFILES = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))
NAMES = [path.stem for path in PROFILES]
LENGTH = 1024  # tokens that the stand-in reads: more than any profile's prompt has
DIGEST = """## Daily Papers (2024-05-01)

### [Learning from Human Preferences](https://arxiv.org/abs/2405.00001)

Vote: 3

Authors: A. One, B. Two

- ***What's New***: 강화 학습으로 언어 모델을 사람의 선호에 맞춘다.

### [Retrieval for Generation](https://arxiv.org/abs/2405.00002)

Vote: 2

Authors: C. Three

- ***What's New***: 검색 증강 생성은 문서를 찾아 답한다.

### [Diffusion Models](https://arxiv.org/abs/2405.00003)

Vote: 1

Authors: D. Four

- ***What's New***: 그림을 그리는 확산 모델은 잡음을 조금씩 걷어 낸다.
"""
QUERY = "강화 학습으로 언어 모델을 사람의 선호에 맞춘다."


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("NONMUN_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NONMUN_PROFILE", "")  # load_settings sets it; this takes it back


@pytest.fixture(scope="module")
def stand_in(make_tiny_model: Callable[..., Path]) -> Path:
    """An encoder small enough for a test, for the one that a profile names."""
    return make_tiny_model(length=LENGTH)


@pytest.fixture(scope="module")
def stand_in_reranker(
    tmp_path_factory: pytest.TempPathFactory, make_bert: Callable[..., Path]
) -> Path:
    folder = tmp_path_factory.mktemp("reranker")
    bert = make_bert("BertForSequenceClassification", num_labels=1)
    CrossEncoder(str(bert), device="cpu").save_pretrained(str(folder))
    return folder


@pytest.fixture
def load(stand_in: Path, stand_in_reranker: Path) -> Callable[..., Settings]:
    """The settings of a profile, with stand-ins for its models and nothing else changed."""

    def loaded(name: str, **encoder: str) -> Settings:
        settings = profile(name)
        if settings.encoder.model:
            changed = {"model": str(stand_in), **encoder}
            settings = settings.model_copy(
                update={"encoder": settings.encoder.model_copy(update=changed)}
            )
        if settings.rerank.model:
            reranker = settings.rerank.model_copy(update={"model": str(stand_in_reranker)})
            settings = settings.model_copy(update={"rerank": reranker})
        return settings

    return loaded


def profile(name: str) -> Settings:
    return load_settings(PROFILES[NAMES.index(name)])


def encoder_of(settings: Settings) -> Encoder:
    return open_encoder(settings.encoder.settings())


def search(settings: Settings, folder: Path) -> Found:
    """Build an index of three papers, open it anew, and search it."""
    digest = folder / "2024-05-01.md"
    digest.write_text(DIGEST, encoding="utf-8")
    store = Store(folder / "data")
    build([digest], store, settings.building())
    searcher = Searcher(store.open_live(), settings.search, settings.rerank)
    deadline = time.monotonic() + 60
    while True:
        found = searcher.search(QUERY)
        # The first questions don't wait for the reranker's model.
        if found.legs[Leg.RERANK] is not Status.SLOW or time.monotonic() > deadline:
            return found


def test_there_are_the_profiles_that_are_tested_here() -> None:
    assert NAMES == ["default", "e5", "few-shot", "quality"]


def test_the_profiles_name_their_models() -> None:
    assert {name: (profile(name).encoder.model, profile(name).rerank.model) for name in NAMES} == {
        "default": ("", ""),
        "e5": ("intfloat/multilingual-e5-base", ""),
        "few-shot": ("BAAI/bge-en-icl", ""),
        "quality": ("BAAI/bge-m3", "BAAI/bge-reranker-v2-m3"),
    }
    for name in NAMES:
        settings = profile(name).encoder
        assert (settings.kind is EncoderKind.SENTENCE_TRANSFORMERS) == bool(settings.model)


@pytest.mark.parametrize("name", NAMES)
def test_an_index_is_built_and_searched_with_it(
    name: str, load: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = load(name)
    found = search(settings, tmp_path)
    assert sorted(hit.paper.id for hit in found.hits) == ["2405.00001", "2405.00002", "2405.00003"]
    assert found.legs[Leg.DENSE] is Status.OK
    assert found.legs[Leg.LEXICAL] is Status.OK
    assert found.legs[Leg.LATE] is Status.OK
    assert found.legs[Leg.LATENT] is Status.OFF  # three papers teach nothing
    assert (found.legs[Leg.RERANK] is Status.OK) == bool(settings.rerank.model)


def test_an_index_remembers_the_prompts_of_its_profile(
    load: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = load("e5")
    found = search(settings, tmp_path)
    assert found.query.vector is not None
    bare = encoder_of(load("e5", query_prompt="", document_prompt=""))
    snapshot = Store(tmp_path / "data").open_live()
    wanted = bare.encode_query([f"query: {QUERY}"])
    assert snapshot.encoder.encode_query([QUERY]) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("name", ["e5", "few-shot", "quality"])
def test_its_prompts_stand_before_queries_and_passages(
    name: str, load: Callable[..., Settings]
) -> None:
    settings = load(name)
    query_prompt = settings.encoder.query_prompt or ""
    document_prompt = settings.encoder.document_prompt or ""
    prompted = encoder_of(settings)
    bare = encoder_of(load(name, query_prompt="", document_prompt=""))
    wanted = bare.encode_query([query_prompt + QUERY])
    assert prompted.encode_query([QUERY]) == pytest.approx(wanted, abs=1e-5)
    wanted = bare.encode_query([document_prompt + QUERY])
    assert prompted.encode_document([QUERY]) == pytest.approx(wanted, abs=1e-5)


def test_e5s_prompts_end_in_a_space() -> None:
    settings = profile("e5").encoder
    assert (settings.query_prompt, settings.document_prompt) == ("query: ", "passage: ")


class TestFewShot:
    def test_it_changes_queries_and_not_passages(self, load: Callable[..., Settings]) -> None:
        few, none = encoder_of(load("few-shot")), encoder_of(load("few-shot", query_prompt=""))
        assert few.encode_document([QUERY]) == pytest.approx(none.encode_document([QUERY]))
        cosine = (few.encode_query([QUERY]) * none.encode_query([QUERY])).sum()
        assert cosine < 0.99
        assert few.fingerprint != none.fingerprint

    def test_it_leaves_room_for_the_question(self, load: Callable[..., Settings]) -> None:
        # Cut off, all questions would have the same vector.
        one, other = encoder_of(load("few-shot")).encode_query([QUERY, "그림을 그리는 확산 모델"])
        assert np.abs(one - other).max() > 1e-3

    def test_it_has_the_form_that_the_model_was_trained_on(self) -> None:
        prompt = profile("few-shot").encoder.query_prompt
        assert prompt is not None
        *examples, last = prompt.split("\n\n")
        assert len(examples) == 2
        for example in examples:
            assert re.fullmatch(r"<instruct>.+\n<query>.+\n<response>.+", example)
        assert re.fullmatch(r"<instruct>.+\n<query>", last)
        instructions = {block.split("\n")[0] for block in (*examples, last)}
        assert len(instructions) == 1
