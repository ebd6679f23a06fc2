"""Directories, files and globs -> the digest files in them, each once and by a stable name."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from index.digests.problems import Problem, Severity

MARKDOWN = frozenset({".md", ".markdown"})
JSON_LINES = frozenset({".jsonl", ".ndjson"})
SUFFIXES = MARKDOWN | JSON_LINES
GOLDEN = "golden.jsonl"  # no digest: questions about the papers (`index.checking`)


class DigestFile(NamedTuple):
    """A file to read, and the name that everything read from it carries."""

    name: str
    path: Path

    @property
    def state(self) -> tuple[int, ...]:
        """What is another when the file has been written to or replaced; nothing if it is gone."""
        return state_of_file(self.path)


def state_of_file(path: Path) -> tuple[int, ...]:
    """What is another when a file has been written to or replaced; nothing if it is gone."""
    try:
        info = path.stat()
    except OSError:
        return ()
    return (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns)


def find_files(sources: Iterable[str | Path]) -> tuple[list[DigestFile], list[Problem]]:
    """Find the digest files of all sources, sorted by name.

    A file is named by its path below the directory it was found in, so that a snapshot does
    not depend on where one stands; where two would share a name, by more of their paths.
    Links are followed, each directory once.
    """
    found: dict[tuple[int, int], tuple[str, Path]] = {}
    problems: list[Problem] = []
    for source in sources:
        for name, path in _expand(str(source), problems):
            try:
                info = path.stat()
            except OSError as error:
                problems.append(Problem(_printable(name), None, _reason(error)))
                continue
            if not stat.S_ISREG(info.st_mode):
                problems.append(Problem(_printable(name), None, "not a regular file"))
                continue
            found.setdefault((info.st_dev, info.st_ino), (name, path))
    return sorted(_unique_names(list(found.values()))), problems


def find_beside(sources: Iterable[str | Path], name: str) -> list[Path]:
    """The files of one name that lie in or below a source's folder, or beside its files.

    Each once, sorted; what is wrong with the sources themselves `find_files` has to say.
    """
    found: dict[Path, Path] = {}
    for source in sources:
        for _, match in _matches(str(source), []):
            if match.is_dir():
                paths = [path for path in _files_below(match, []) if path.name == name]
            else:
                paths = [match.with_name(name)]
            found.update((path.resolve(), path) for path in paths if path.is_file())
    return sorted(found.values())


def missing_sources(sources: Iterable[str | Path]) -> list[Problem]:
    """The sources that name nothing that is there, such as a share that is not mounted."""
    missing: list[Problem] = []
    for source in sources:
        found = [path for _, path in _matches(str(source), missing)]
        if len(found) == 1 and not found[0].exists():
            name = _printable(str(source))
            missing.append(Problem(name, None, "no such file or directory"))
    return missing


def _expand(source: str, problems: list[Problem]) -> Iterator[tuple[str, Path]]:
    for named, path in _matches(source, problems):
        yield from _expand_path(path, named, problems)


def _matches(source: str, problems: list[Problem]) -> Iterator[tuple[str, Path]]:
    """The path that a source is, or all that match it, as they are named; one may be missing."""
    if not source.strip() or "\0" in source:
        problems.append(Problem(repr(source), None, "not a path"))
        return
    try:
        path = Path(source).expanduser()
        exists = path.exists()
    except OSError as error:
        problems.append(Problem(_printable(source), None, _reason(error)))
        return
    except RuntimeError:
        problems.append(Problem(_printable(source), None, "no such home directory"))
        return
    if exists or not any(c in source for c in "*?["):
        yield source, path
        return
    matches = sorted(glob.glob(str(path), recursive=True))
    if not matches:
        problems.append(Problem(_printable(source), None, "no file matches"))
    yield from ((match, Path(match)) for match in matches)


def _expand_path(path: Path, source: str, problems: list[Problem]) -> Iterator[tuple[str, Path]]:
    if path.is_dir():
        yield from _walk(path, problems)
    elif not path.exists():
        problems.append(Problem(_printable(source), None, "no such file or directory"))
    elif path.suffix.lower() in SUFFIXES:
        if path.name != GOLDEN:  # a shell's glob may name it among the digests
            yield path.name, path
    else:
        kinds = ", ".join(sorted(SUFFIXES))
        problems.append(Problem(_printable(source), None, f"not a digest by its name ({kinds})"))


def _walk(root: Path, problems: list[Problem]) -> Iterator[tuple[str, Path]]:
    for path in _files_below(root, problems):
        if path.suffix.lower() in SUFFIXES and path.name != GOLDEN:
            yield path.relative_to(root).as_posix(), path


def _files_below(root: Path, problems: list[Problem]) -> Iterator[Path]:
    """All files of a folder and the folders below it but for hidden ones."""
    seen: set[tuple[int, int]] = set()

    def complain(error: OSError) -> None:
        name = os.path.relpath(error.filename or root, root)
        problems.append(Problem(_printable(name), None, _reason(error)))

    for folder, folders, names in os.walk(root, onerror=complain, followlinks=True):
        try:
            info = Path(folder).stat()
        except OSError as error:  # gone meanwhile
            complain(error)
            continue
        if (info.st_dev, info.st_ino) in seen:
            where = os.path.relpath(folder, root)
            reason = "this folder was read already, by another link to it"
            problems.append(Problem(_printable(where), None, reason, Severity.NOTE))
            folders.clear()
            continue
        seen.add((info.st_dev, info.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _unique_names(found: list[tuple[str, Path]]) -> Iterator[DigestFile]:
    parents = {path: path.resolve().parts for _, path in found}
    names = {path: name for name, path in found}
    while True:
        owners: dict[str, list[Path]] = {}
        for path, name in names.items():
            owners.setdefault(name, []).append(path)
        shared = [path for paths in owners.values() if len(paths) > 1 for path in paths]
        if not shared:
            return (DigestFile(_printable(name), path) for path, name in names.items())
        for path in shared:
            parts = parents[path]
            depth = min(names[path].count("/") + 2, len(parts))
            names[path] = "/".join(parts[-depth:])


def _printable(name: str) -> str:
    """A name whose bytes are not UTF-8 can't be written as it is."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _reason(error: OSError) -> str:
    return (error.strerror or "can't be read").lower()
