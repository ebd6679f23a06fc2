"""Reranking: a slower, more exact model reads the query with each of the first texts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from queue import SimpleQueue
from threading import Condition, Lock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import numpy as np

from index.errors import EncoderError
from index.scoring import Floats
from rag.legs import Status
from rag.settings import RerankGroup

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

WORKERS = 2

T = TypeVar("T")
log = logging.getLogger(__name__)


class Reranker(Protocol):
    """Reads a query and a text together, and says how well they fit."""

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        """How well each text fits the query, on any scale, higher is better: (texts,).

        Raises:
            EncoderError: There is no model; the log says why.
        """


class Reranked(NamedTuple):
    """An order of some texts.

    Attributes:
        order: Their numbers, best first; as given where the reranker did not say.
        scores: (texts,) as the texts were given; `None` where the reranker did not say.
        status: `ok`, or why the order is the one given: `failed` or `slow`.
    """

    order: list[int]
    scores: Floats | None
    status: Status


class CrossEncoderReranker:
    """`Reranker` over a `CrossEncoder` of sentence-transformers.

    The model is loaded when it is first used, in the thread that uses it: through `rerank` that
    is a worker, and queries are `slow` until the model is there. One that can't be loaded is
    logged once and not tried again before the service is started anew.
    """

    def __init__(self, model: str, batch_size: int = 32, max_chars: int = 2000) -> None:
        self._name = model
        self._batch_size = batch_size
        self._max_chars = max_chars
        self._model: CrossEncoder | None = None
        self._error = ""
        # The model takes all cores for one query; two at once would only slow each other.
        self._lock = Lock()

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        """As the model gives them, mostly 0..1: (texts,).

        Raises:
            EncoderError: The model can't be loaded.
        """
        with self._lock:
            if self._error:
                raise EncoderError(self._error)
            self._model = self._model or self._load()
            found = self._model.predict(
                [(query, text[: self._max_chars]) for text in texts],
                batch_size=self._batch_size,
                show_progress_bar=False,
            )
        return np.asarray(found, np.float32)

    def _load(self) -> CrossEncoder:
        # The import alone costs 400 MB and seconds.
        from sentence_transformers import CrossEncoder

        from index.encoders.hub import load_model

        try:
            model: CrossEncoder = load_model(
                CrossEncoder, self._name, setting="rerank.model", example="BAAI/bge-reranker-v2-m3"
            )
            if model.num_labels != 1:
                raise EncoderError(
                    f"the model {self._name!r} gives {model.num_labels} scores for a text, and a"
                    " reranker has one; set rerank.model to a reranker, or to nothing"
                )
        except EncoderError as error:
            self._error = str(error)
            log.error("nothing is reranked until the service is started anew: %s", error)
            raise
        return model


def open_reranker(settings: RerankGroup) -> Reranker | None:
    """The reranker that the settings name; `None` where they name none. Nothing is loaded yet."""
    if not settings.model:
        return None
    return CrossEncoderReranker(settings.model, settings.batch_size, settings.max_chars)


class Workers:
    """A few threads that do one job each at a time.

    A job that never ends keeps its thread, and there are never more threads than these. They
    don't keep the process from ending.
    """

    def __init__(self, count: int = WORKERS) -> None:
        self._count = count
        self._threads = 0
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any], float]] = SimpleQueue()
        self._deadlines: list[float] = []  # of the jobs that have not ended
        self._ended = Condition()

    def run(self, job: Callable[[], T], seconds: float) -> Future[T] | None:
        """Do a job in one of the threads, and wait for its end.

        Args:
            job: What to do.
            seconds: How long to wait, for a free thread and for the job together.

        Returns:
            How the job ended; `None` if it did not in time, or was not begun because every
            thread is at a job that should have ended already.
        """
        deadline = time.monotonic() + seconds
        if not self._take(deadline):
            return None
        future: Future[T] = Future()
        self._jobs.put((future, job, deadline))
        wait([future], max(0.0, deadline - time.monotonic()))
        return future if future.done() else None

    def _take(self, deadline: float) -> bool:
        """Wait for a free thread; whether there is one."""
        with self._ended:
            while len(self._deadlines) >= self._count:
                # Once the last of them is overdue, none can be expected to end soon.
                patience = min(deadline, max(self._deadlines)) - time.monotonic()
                if patience <= 0:
                    return False
                self._ended.wait(patience)
            self._deadlines.append(deadline)
            if self._threads < len(self._deadlines):
                self._threads += 1
                Thread(target=self._work, name=f"worker-{self._threads}", daemon=True).start()
            return True

    def _work(self) -> None:
        while True:
            future, job, deadline = self._jobs.get()
            try:
                future.set_result(job())
            # Whatever it is, it is the caller's; the thread goes on.
            except BaseException as error:
                future.set_exception(error)
            with self._ended:
                self._deadlines.remove(deadline)
                self._ended.notify_all()


_WORKERS = Workers()


def rerank(
    reranker: Reranker,
    query: str,
    texts: Sequence[str],
    timeout_ms: int,
    workers: Workers = _WORKERS,
) -> Reranked:
    """Put texts in the order of a reranker's scores, of equal ones in the order given.

    Args:
        reranker: Whatever it does, raise or hang, the texts come back in some order.
        query: What the texts should fit.
        texts: Best first as far as is known.
        timeout_ms: How long to wait before the order given is kept.
        workers: The threads the reranker runs in.
    """
    given = list(range(len(texts)))
    if not given:
        return Reranked([], np.zeros(0, np.float32), Status.OK)
    ended = workers.run(lambda: _scores(reranker, query, texts), timeout_ms / 1000)
    if ended is None:
        return Reranked(given, None, Status.SLOW)
    error = ended.exception()
    if error:
        if not isinstance(error, EncoderError):  # that is in the log already
            log.error("the reranker failed", exc_info=error)
        return Reranked(given, None, Status.FAILED)
    scores = ended.result()
    order = np.argsort(-scores, kind="stable")
    return Reranked(order.tolist(), scores, Status.OK)


def _scores(reranker: Reranker, query: str, texts: Sequence[str]) -> Floats:
    """What the reranker says, if it makes sense."""
    scores = np.asarray(reranker.scores(query, texts), np.float32)
    if scores.shape != (len(texts),):
        raise ValueError(f"scores of shape {scores.shape} for {len(texts)} texts")
    if not np.isfinite(scores).all():
        raise ValueError(f"scores that are no numbers: {scores[~np.isfinite(scores)].tolist()}")
    return scores
