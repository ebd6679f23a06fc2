"""Fixtures that make models of two layers with random parameters, saved as real ones are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# What the vocabulary is learned from; characters that are not in it are unknown to the models.
LINES = [
    "강화 학습으로 언어 모델을 사람의 선호에 맞춘다.",
    "검색 증강 생성(Retrieval-Augmented Generation)은 문서를 찾아 답한다.",
    "그림을 그리는 확산 모델은 잡음을 조금씩 걷어 낸다. 번역은 문장을 다른 언어로 옮긴다.",
    "確率的な拡散モデルで画像を生成する。",
    "Contrastive learning of visual representations! The quick brown fox jumps over a lazy dog?",
    "<query> <instruct> <response>: passage, 0123456789 ABCDEFGHIJKLMNOPQRSTUVWXYZ",
]


@pytest.fixture(scope="session")
def make_bert(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a folder with a BERT for some task and its tokenizer.

    Its parameters: `kind`, a class of transformers such as `BertModel`; `length`, how many tokens
    it reads; and whatever the class's configuration takes.
    """

    def make(kind: str = "BertModel", length: int = 64, **config: Any) -> Path:
        import torch
        import transformers

        folder = tmp_path_factory.mktemp("bert")
        torch.manual_seed(0)
        tokenizer = _tokenizer(length)
        settings = transformers.BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=length,
            initializer_range=0.5,  # so that different texts come out clearly different
            **config,
        )
        getattr(transformers, kind)(settings).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def make_tiny_model(
    tmp_path_factory: pytest.TempPathFactory, make_bert: Callable[..., Path]
) -> Callable[..., Path]:
    """Makes a `SentenceTransformer`; `length` is how many tokens it reads."""

    def make(length: int = 64) -> Path:
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

        folder = tmp_path_factory.mktemp("tiny")
        modules = [Transformer(str(make_bert(length=length))), Pooling(32)]
        SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder))
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_model(make_tiny_model: Callable[..., Path]) -> Path:
    """A `SentenceTransformer` that reads 64 tokens."""
    return make_tiny_model()


def _tokenizer(length: int) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=list("abcdefghijklmnopqrstuvwxyz")
    )
    tokenizer.train_from_iterator(LINES, trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=length,
    )
