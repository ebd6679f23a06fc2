"""Encoding by a pool of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from index.batch.base import Pool
from index.encoders import (
    Encoder,
    EncoderKind,
    EncoderSettings,
    LateKind,
    LateSettings,
    MultiVectorEncoder,
    open_encoder,
    open_multi_vector_encoder,
)
from index.encoding import Done, Encoded, LocalEncoding
from index.errors import EncoderError
from index.late import TokenSpace

TEXTS = 512  # a block: a second or two of work on a CPU, 2 MB of vectors and tokens


@dataclass(frozen=True, slots=True)
class Encoders:
    """The encoders of a build, opened anew wherever they are needed."""

    encoder: EncoderSettings
    late: LateSettings

    @property
    def on_gpu(self) -> bool:
        """Whether one of them uses a GPU where there is one."""
        return (
            self.encoder.kind is EncoderKind.SENTENCE_TRANSFORMERS
            or self.late.kind is LateKind.SENTENCE_TRANSFORMERS
        )

    def open(self) -> LocalEncoding:
        """Open them in this process.

        Raises:
            EncoderError: One can't be loaded.
        """
        encoder = open_encoder(self.encoder)
        return LocalEncoding(encoder, open_multi_vector_encoder(self.late, encoder))


class SpreadEncoding:
    """`Encoding` by a pool of workers.

    Vectors are those of `LocalEncoding` within 1e-6: a sum of single-precision products differs
    in its last bits with the number of threads and from processor to processor. For the same
    reason a token to which two centroids are equally near may get the other one.
    """

    def __init__(
        self,
        pool: Pool,
        encoders: Encoders,
        encoder: Encoder,
        late_encoder: MultiVectorEncoder | None,
    ) -> None:
        """Spread the work over a pool.

        Args:
            pool: Its workers.
            encoders: Opened in each of them.
            encoder: The same, open in this process.
            late_encoder: The same, open in this process.
        """
        self.encoder = encoder
        self.late_encoder = late_encoder
        self._pool = pool
        self._encoders = encoders

    def encode(
        self, texts: Sequence[str], space: TokenSpace | None, on_done: Done
    ) -> Iterator[Encoded]:
        """Encode TEXTS texts at a time; see `Encoding`."""
        begins = range(0, len(texts), TEXTS)
        blocks = (
            [texts[row] for row in range(begin, min(begin + TEXTS, len(texts)))] for begin in begins
        )
        work = Encode(self._encoders, space, _fingerprints(self))
        for number, block in self._pool.map(work, blocks):
            for found in block:
                on_done(len(found.rows))
                yield found._replace(rows=found.rows + begins[number])


@dataclass(frozen=True, slots=True)
class Encode:
    """`Work`: texts -> what `LocalEncoding` gives of them.

    Attributes:
        encoders: Opened once in each worker.
        space: Where tokens are laid down and coded; `None` where there are to be none.
        fingerprints: The encoders', as the build has them: of texts, and of tokens.
    """

    encoders: Encoders
    space: TokenSpace | None
    fingerprints: tuple[str, str]

    @property
    def on_gpu(self) -> bool:
        """As the encoders."""
        return self.encoders.on_gpu

    def begin(self) -> Callable[[Sequence[str]], list[Encoded]]:
        """Open the encoders.

        Raises:
            EncoderError: One can't be loaded, or is not the build's.
        """
        encoding = self.encoders.open()
        for own, wanted in zip(_fingerprints(encoding), self.fingerprints, strict=True):
            if own != wanted:
                raise EncoderError(
                    f"the encoder of a worker is {own or 'none'}, that of the build"
                    f" {wanted or 'none'}; install the same packages and models for both"
                )
        return lambda texts: list(encoding.encode(texts, self.space, lambda _: None))


def _fingerprints(encoding: LocalEncoding | SpreadEncoding) -> tuple[str, str]:
    late = encoding.late_encoder
    return encoding.encoder.fingerprint, "" if late is None else late.token_fingerprint
