"""What a snapshot's folder holds, by name, size and checksum: written and read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypedDict

import msgspec

from index.durable import sync
from index.errors import SnapshotError
from index.regular import read_regular
from index.threads import cpu_count

FORMAT = 6
MAX_BYTES = 1_000_000  # of a manifest; one has 7,000


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of a snapshot, by name; said nowhere else."""

    manifest: str = "manifest.json"
    report: str = "report.json"
    ids: str = "ids.json"
    papers: str = "papers.bin"
    paper_offsets: str = "papers.offsets.npy"
    votes: str = "votes.npy"
    passages: str = "passages.npy"
    sentences: str = "sentences.npy"
    sentence_offsets: str = "sentences.offsets.npy"
    vectors: str = "vectors.npy"
    titles: str = "titles.npy"
    moments: str = "moments.npy"
    lexical: str = "lexical"
    learned: str = "learned"
    late: str = "late"
    latent: str = "latent.npy"
    glossary: str = "glossary.json"
    findings: str = "findings.json"
    projection: str = "projection"
    lists: str = "lists"
    centres: str = "centres.npy"

    def lists_of(self, folder: Path, name: str) -> Path:
        """The folder of the lists of an array of vectors, in that of a snapshot."""
        return folder / self.lists / Path(name).stem

    @staticmethod
    def labels(name: str) -> tuple[str, str, str, str]:
        """The files of `authors`, `dates` or `sections`, as `LabelFiles` has them."""
        names = f"{name}.names.bin", f"{name}.names.offsets.npy"
        return *names, f"{name}.npy", f"{name}.offsets.npy"


LAYOUT = Layout()
SETTINGS = "settings"  # the key of the settings among what a manifest says of the indexes
# Of the folder that holds all snapshots: their own folder, and the file that names the live one.
VERSIONS, LIVE = "versions", "live"


class FileFacts(TypedDict):
    """What a manifest says of a file."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot is.

    Attributes:
        version: The index version: a hash of everything below.
        format: Of the files; another format can't be read.
        papers: How many.
        passages: How many.
        encoder: Which encoder made the vectors.
        fingerprint: Of that encoder.
        dimension: Of the vectors.
        late: Which multi-vector encoder made the token codes.
        late_fingerprint: Of that encoder; empty where there is none.
        learning: What the corpus was learned with.
        vectors: Which indexes were made of the vectors: `settings`, and by name what
            `IndexFacts` says of each.
        analysis: Which analysis made the terms.
        forced: What was wrong with it when somebody published it all the same.
        files: Name -> size and SHA-256 of every file but this one and the report.
    """

    version: str
    format: int
    papers: int
    passages: int
    encoder: dict[str, Any]
    fingerprint: str
    dimension: int
    late: dict[str, Any]
    late_fingerprint: str
    learning: dict[str, Any]
    vectors: dict[str, dict[str, Any]]
    analysis: str
    forced: list[str]
    files: dict[str, FileFacts]

    def named(self) -> Manifest:
        """The same with the version that its contents have."""
        content = {name: value for name, value in asdict(self).items() if name != "version"}
        text = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return replace(self, version=hashlib.sha256(text.encode()).hexdigest()[:12])


def read_manifest(folder: Path) -> Manifest:
    """Read what a snapshot says of itself, and check that nobody changed it.

    Raises:
        SnapshotError: There is none, it is broken, or of another format.
    """
    path = folder / LAYOUT.manifest
    try:
        values = json.loads(read_regular(path, MAX_BYTES))
        if values.get("format") != FORMAT:
            raise SnapshotError(
                f"{path} has format {values.get('format')}, this nonmun reads {FORMAT};"
                " build again, or install the nonmun that made it"
            )
        manifest = msgspec.convert(values, Manifest)
        named = manifest.named()
    except FileNotFoundError:
        raise SnapshotError(f"{path} is missing") from None
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise SnapshotError(f"{path} is broken: {error}") from None
    if named != manifest:
        raise SnapshotError(f"{path} is broken: its contents are not those of {manifest.version}")
    for name in manifest.files:
        if not _is_inside(name):
            raise SnapshotError(f"{path} is broken: {name[:100]!r} is no file of a snapshot")
    return manifest


def _is_inside(name: str) -> bool:
    """Whether a name is that of a file in the folder, as `seal` writes it."""
    path = PurePosixPath(name)
    plain = path.parts and not path.is_absolute() and str(path) == name
    return bool(plain) and not {"..", "\0", "\\"} & {*path.parts, *name}


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Checksum the files of a snapshot under construction and write its manifest, durably."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    unlisted = {LAYOUT.manifest, LAYOUT.report}
    paths = [path for path in paths if path.relative_to(folder).as_posix() not in unlisted]
    files: dict[str, FileFacts] = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": checksum}
        for path, checksum in zip(paths, checksums(paths), strict=True)
    }
    sealed = replace(manifest, files=files).named()
    text = json.dumps(asdict(sealed), ensure_ascii=False, indent=1, sort_keys=True)
    (folder / LAYOUT.manifest).write_text(text + "\n", encoding="utf-8")
    for path in (*paths, folder / LAYOUT.manifest, *(p for p in folder.rglob("*") if p.is_dir())):
        sync(path)
    sync(folder)
    return sealed


def checksums(paths: Sequence[Path]) -> list[str]:
    """The SHA-256 of files, on all CPUs: small snapshots are compared whenever they are opened."""
    with ThreadPoolExecutor(cpu_count()) as threads:
        return list(threads.map(_checksum, paths))


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
