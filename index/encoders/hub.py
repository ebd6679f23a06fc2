"""What adapters of models from the hub share: loading one by name, and telling two apart."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import torch
from huggingface_hub.utils import enable_progress_bars  # type: ignore[attr-defined]
from transformers.utils import logging as transformers_logging

from index.errors import EncoderError
from index.threads import cpu_count


class HubModel(Protocol):
    """What every class of sentence-transformers has."""

    @property
    def tokenizer(self) -> Any:
        """The model's own, of whatever kind."""

    def state_dict(self) -> dict[str, Any]:
        """The parameters, by name."""


Model = TypeVar("Model", bound=HubModel)


def load_model(load: Callable[[str], Model], name: str, setting: str, example: str) -> Model:
    """Load a model by hub name or local path.

    Args:
        load: The class of sentence-transformers that the model is of, or what loads one and
            raises an `EncoderError` where it won't do.
        name: The hub name or local path.
        setting: Where the name is set, such as `encoder.model`; errors point at it.
        example: A name that would do.

    Raises:
        EncoderError: No model is named, or it can't be loaded.
    """
    if not name:
        raise EncoderError(
            f"no model is named; set {setting} to a hub name or a local path, such as {example}"
        )
    torch.set_num_threads(cpu_count())
    for library in ("huggingface_hub", "sentence_transformers", "transformers"):
        logging.getLogger(library).setLevel(logging.ERROR)  # of each of its retries
    # Reading the parameters takes a moment, downloading them minutes; this ends the bars of both.
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    enable_progress_bars()
    try:
        return load(name)
    except EncoderError:
        raise
    # The library raises what its many parts raise: OSError, ValueError, HTTP errors.
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise EncoderError(
            f"can't load the model {name!r}: {reason}; without a network, download it elsewhere"
            f" and set {setting} to its folder"
        ) from error


def fingerprint(model: HubModel, *more: object) -> str:
    """The parameters, the vocabulary, and whatever else decides what comes out, hashed.

    Args:
        model: Loaded.
        *more: What else: prompts, lengths; everything by its `repr`.
    """
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(
            value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        )
    digest.update(repr((_vocabulary(model.tokenizer), *more)).encode())
    return digest.hexdigest()[:16]


def _vocabulary(tokenizer: Any) -> str:
    """A tokenizer in writing, as it is before it is used."""
    tokenizer = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(tokenizer, "to_str"):
        return repr(tokenizer)
    # How it cuts and fills is set anew by every use: that is no part of the model.
    written = json.loads(tokenizer.to_str())
    return json.dumps({**written, "truncation": None, "padding": None}, sort_keys=True)
