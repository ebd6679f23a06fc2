"""What a snapshot's folder holds, by name, size and checksum: written, read, verified."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from index.durable import sync
from index.errors import SnapshotError
from index.threads import cpu_count

FORMAT = 4


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
    titles: str = "titles.npy"
    moments: str = "moments.npy"
    lexical: str = "lexical"
    learned: str = "learned"
    late: str = "late"
    latent: str = "latent.npy"
    glossary: str = "glossary.json"
    findings: str = "findings.json"

    @staticmethod
    def labels(name: str) -> tuple[str, str]:
        """The two files of `authors`, `dates` or `sections`."""
        return f"{name}.json", f"{name}.npy"


LAYOUT = Layout()
# Of the folder that holds all snapshots: their own folder, and the file that names the live one.
VERSIONS, LIVE = "versions", "live"


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
    analysis: str
    forced: list[str]
    files: dict[str, dict[str, Any]]

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
        values = json.loads(path.read_bytes())
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
    return manifest


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Compare every file with its size and checksum.

    Raises:
        SnapshotError: One differs; the message names it.
    """
    paths = [folder / name for name in manifest.files]
    try:
        for path, wanted in zip(paths, manifest.files.values(), strict=True):
            size = path.stat().st_size
            if size != wanted["bytes"]:
                raise SnapshotError(f"{path} is broken: {size} bytes, not {wanted['bytes']}")
        found = zip(paths, _checksums(paths), manifest.files.values(), strict=True)
        for path, checksum, wanted in found:
            if checksum != wanted["sha256"]:
                raise SnapshotError(f"{path} is broken: its checksum differs")
    except OSError as error:
        raise SnapshotError(f"{error.filename} can't be read: {error.strerror}") from None


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Checksum the files of a snapshot under construction and write its manifest, durably."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    unlisted = {LAYOUT.manifest, LAYOUT.report}
    paths = [path for path in paths if path.relative_to(folder).as_posix() not in unlisted]
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": checksum}
        for path, checksum in zip(paths, _checksums(paths), strict=True)
    }
    sealed = replace(manifest, files=files).named()
    text = json.dumps(asdict(sealed), ensure_ascii=False, indent=1, sort_keys=True)
    (folder / LAYOUT.manifest).write_text(text + "\n", encoding="utf-8")
    for path in (*paths, folder / LAYOUT.manifest, *(p for p in folder.rglob("*") if p.is_dir())):
        sync(path)
    sync(folder)
    return sealed


def _checksums(paths: Sequence[Path]) -> list[str]:
    """On all CPUs: they are compared whenever a snapshot is opened."""
    with ThreadPoolExecutor(cpu_count()) as threads:
        return list(threads.map(_checksum, paths))


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
