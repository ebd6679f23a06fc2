"""The settings by what they are for, but for the service's own."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from index.batch import BatchKind, BatchSettings
from index.encoders import EncoderKind, EncoderSettings, LateKind, LateSettings
from index.settings import CheckSettings, LearnSettings, VectorSettings, Weights
from rag.bounds import MAX_PASSAGES, MAX_TOP_K

if TYPE_CHECKING:  # most commands have no use for it
    from index.cluster.base import ClusterSettings
    from rag.generation.settings import WriterSettings


class Group(BaseModel):
    """Settings that belong together; one that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class EncoderGroup(Group):
    """What turns texts into vectors."""

    kind: EncoderKind = Field(
        EncoderKind.UNIVERSAL, description="`universal` (no download) or `sentence-transformers`"
    )
    model: str = Field("", description="A hub name or local path, for sentence-transformers")
    query_prompt: str | None = Field(None, description="Put before queries, such as `query: `")
    document_prompt: str | None = Field(None, description="Put before passages")
    batch_size: int = Field(32, ge=1, le=4096, description="Passages a batch, where it matters")

    def settings(self) -> EncoderSettings:
        """The same as the index knows it."""
        return EncoderSettings(**self.model_dump())


class LateGroup(Group):
    """Late interaction: every token of a question finds its best token in a paper."""

    kind: LateKind = Field(
        LateKind.UNIVERSAL,
        description="`universal` (no download), `sentence-transformers` or `off`",
    )
    model: str = Field("", description="A `MultiVectorEncoder`'s hub name or local path")

    @field_validator("kind", mode="before")
    @classmethod
    def _no_is_off(cls, kind: object) -> object:
        # YAML reads a bare `off` as false.
        return LateKind.OFF if kind is False else kind

    batch_size: int = Field(32, ge=1, le=4096, description="Passages a batch, where it matters")

    def settings(self) -> LateSettings:
        """The same as the index knows it."""
        return LateSettings(**self.model_dump())


class LearnGroup(Group):
    """What a build learns of its corpus."""

    budget_s: float = Field(
        60,
        ge=0,
        le=3600,
        description="Seconds for the map on two cores; above 10 nothing changes, 0 is off",
    )
    held_out: float = Field(
        0.1, gt=0, lt=1, description="The share of papers that only tell whether it helped"
    )

    def settings(self) -> LearnSettings:
        """The same as the index knows it."""
        return LearnSettings(**self.model_dump())


class VectorsGroup(Group):
    """How vectors are searched: each by each, or, where there are many, in lists."""

    index: Literal["auto", "exact", "sq8", "rabitq"] = Field(
        "auto",
        description="`exact`; `sq8`, lists with a byte a dimension; `rabitq`, with a bit; `auto`",
    )
    exact_rows: int = Field(
        100_000, ge=0, le=10**9, description="Vectors up to which `auto` searches each by each"
    )
    memory_mb: int = Field(
        2_000, ge=1, le=10**7, description="What `sq8` may take before `auto` chooses `rabitq`"
    )
    recall: float = Field(
        0.98, gt=0, le=1, description="The share of the nearest ten that a search in lists finds"
    )

    def settings(self) -> VectorSettings:
        """The same as the index knows it."""
        return VectorSettings(**self.model_dump())


class WeightsGroup(Group):
    """What a standard deviation of each leg's scores is worth; null is what the build learned.

    A leg whose weights are 0 is not run.
    """

    lexical: float | None = Field(None, ge=0, le=100, description="Shared words")
    native: float | None = Field(
        None, ge=0, le=100, description="Shared words, where the query is in Korean"
    )
    dense: float | None = Field(None, ge=0, le=100, description="Meaning of the best passage")
    title: float | None = Field(None, ge=0, le=100, description="Meaning of the title")
    latent: float | None = Field(None, ge=0, le=100, description="Words that go together here")
    late: float | None = Field(None, ge=0, le=100, description="Meaning, token by token")
    feedback: float | None = Field(None, ge=0, le=100, description="Likeness to the first found")

    def over(self, learned: Weights) -> Weights:
        """What was learned, but for what is set here."""
        return replace(learned, **self.model_dump(exclude_none=True))


class SimilarGroup(Group):
    """How similar papers are ranked; a leg whose weight is 0 is not run."""

    lexical: float = Field(0.4, ge=0, le=100, description="Shared words, the rarer the more")
    dense: float = Field(0.4, ge=0, le=100, description="Meaning of title and passages")
    latent: float = Field(0.2, ge=0, le=100, description="Words that go together in this corpus")
    feedback: float = Field(
        1.0, ge=0, le=100, description="Likeness to the papers that come first, beside all above"
    )
    away: float = Field(
        0.5, ge=0, le=100, description="Likeness to papers to stay away from, which is taken off"
    )
    diversity: float = Field(
        0.0, ge=0, le=1, description="How much a paper loses for likeness to those before it"
    )

    @model_validator(mode="after")
    def _some_leg(self) -> Self:
        if not (self.lexical or self.dense or self.latent):
            raise ValueError("every leg is turned off; leave one of them above 0")
        return self


class SearchGroup(Group):
    """How papers are found and ranked."""

    weights: WeightsGroup = WeightsGroup()
    similar: SimilarGroup = SimilarGroup()
    candidates: int = Field(1000, ge=10, le=100_000, description="Passages the dense leg finds")
    late_candidates: int = Field(
        200, ge=10, le=10_000, description="Papers of the other legs that the late leg looks at"
    )
    flag_penalty: float = Field(
        4.0, ge=0, le=100, description="What a flag costs a paper, in the weights' units"
    )
    top_k: int = Field(
        10, ge=1, le=MAX_TOP_K, description="Papers in a reply that asks for no number"
    )
    passages_per_paper: int = Field(
        3, ge=0, le=MAX_PASSAGES, description="Passages of each, where no number is asked for"
    )


class RerankGroup(Group):
    """Whether and how the first papers are put in order once more."""

    model: str = Field("", description="A cross-encoder's hub name or local path; empty is none")
    candidates: int = Field(20, ge=1, le=MAX_TOP_K, description="Papers that are read once more")
    timeout_ms: int = Field(
        2000, ge=1, le=60_000, description="After it, the papers stay in the order they were in"
    )
    batch_size: int = Field(32, ge=1, le=4096, description="Papers that are read at once")
    max_chars: int = Field(2000, ge=1, le=100_000, description="How much of a paper's text is read")


class AnswerGroup(Group):
    """When a question is answered."""

    min_confidence: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Below it, `ask` says that nothing here answers; null: as the build learned",
    )


class GenerateGroup(Group):
    """Who writes answers; without a server they are the papers' own sentences."""

    base_url: str = Field(
        "", description="Of a server that speaks OpenAI's protocol, up to /v1; empty is none"
    )
    model: str = Field("", description="As the server names it")
    api_key: SecretStr | None = Field(None, description="The server's key, if it wants one")
    max_tokens: int = Field(400, ge=1, le=8192, description="How long an answer may be")
    timeout_s: float = Field(
        20, gt=0, le=600, description="After it, the answer is the papers' own sentences"
    )
    concurrency: int = Field(
        4, ge=1, le=256, description="Answers that are written at a time in a worker"
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.base_url) != bool(self.model):
            raise ValueError("base_url and model belong together")
        return self

    def settings(self) -> WriterSettings | None:
        """The same as the writer knows it; `None` where none is named."""
        if not self.base_url:
            return None
        from rag.generation.settings import WriterSettings

        key = self.api_key.get_secret_value() if self.api_key else ""
        return WriterSettings(self.base_url, self.model, key, self.max_tokens, self.timeout_s)


class BuildGroup(Group):
    """What a build reads if it is started over HTTP, and what its version has to pass."""

    sources: tuple[str, ...] = Field(
        (), description="Directories, files and globs; a request can't name any"
    )
    keep: int = Field(5, ge=1, le=1000, description="Published versions that are kept")
    least_kept: float = Field(
        0.5, ge=0, le=1, description="The share of the live version's papers that has to be there"
    )
    golden: str = Field(
        "", description="A file of golden questions; empty takes golden.jsonl beside the digests"
    )
    golden_tolerance: float = Field(
        0.02,
        ge=0,
        le=1,
        description="How much recall@10 and MRR@10 may fall for the golden questions",
    )

    def checks(self) -> CheckSettings:
        """What a new version has to pass, as the index knows it."""
        return CheckSettings(self.least_kept, self.golden_tolerance, self.golden)


class BatchGroup(Group):
    """Where a build reads digests, encodes passages and looks for doubts."""

    kind: BatchKind = Field(
        BatchKind.LOCAL, description="`local`, in the process of the build, or `ray`"
    )
    address: str = Field(
        "", description="Of a Ray cluster, HOST:PORT; empty starts a Ray for the build alone"
    )
    workers: int | None = Field(
        None, ge=1, le=100_000, description="At most; null is one for each CPU, or GPU"
    )
    shared_files: bool = Field(
        False, description="Whether the cluster's machines have the digests at the same paths"
    )

    @field_validator("address")
    @classmethod
    def _host_and_port(cls, address: str) -> str:
        if address and not re.fullmatch(r"[^\s/]+:\d{1,5}", address):
            raise ValueError("a Ray cluster is named as HOST:PORT")
        return address

    def settings(self) -> BatchSettings:
        """The same as the index knows it."""
        return BatchSettings(**self.model_dump())


class ClusterGroup(Group):
    """The store of a cluster, where what is published here is published too."""

    uri: str = Field(
        "", description="Of Milvus, http://HOST:PORT, or a file *.db of Milvus Lite; empty is none"
    )
    token: SecretStr | None = Field(None, description="USER:PASSWORD or a key, if it wants one")
    database: str = Field("", description="Of the server; empty is its default")
    prefix: str = Field(
        "nonmun",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$",
        description="What the names of all collections begin with",
    )
    timeout_s: float = Field(
        5, gt=0, le=600, description="How long a question waits for a reply of the store"
    )
    keep: int = Field(3, ge=1, le=1000, description="Published versions that are kept there")
    standby: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="How many papers, the newest ones, a service keeps beside the cache of files to"
        " answer from by their words when the store is gone",
    )

    @field_validator("uri")
    @classmethod
    def _address_or_file(cls, uri: str) -> str:
        if uri and not re.fullmatch(r"https?://[^\s/@]+/?|\S.*\.db", uri):
            raise ValueError("a store is named as http://HOST:PORT, or as a file that ends in .db")
        return uri

    def settings(self) -> ClusterSettings | None:
        """The same as the index knows it; `None` where none is named."""
        if not self.uri:
            return None
        from index.cluster.base import ClusterSettings

        token = self.token.get_secret_value() if self.token else ""
        others = self.model_dump(exclude={"token"})
        return ClusterSettings(**others, token=token)
