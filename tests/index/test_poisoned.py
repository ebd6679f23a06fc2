"""A snapshot that somebody else wrote: nothing in it is executed, waited for or believed.

Who can write the folder can also write checksums that are right; so they are here.
"""

from __future__ import annotations

import ast
import json
import os
import pickle
import shutil
import signal
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import index
import rag
from index.arrays import load_mapped
from index.errors import SnapshotError
from index.lexical.bm25 import Bm25
from index.manifest import FileFacts, read_manifest
from index.snapshot import Snapshot
from index.store import Store
from rag.search import Searcher

UNREAD = {  # bm25s writes them; the vocabulary is kept once, for all indexes
    "lexical/papers/vocab.index.json",
    "lexical/passages/vocab.index.json",
}
LIMIT_S = 10  # that opening may take, however busy the machine is
QUERY = "사람의 선호를 보상 모델 없이 바로 학습하는 방법"


class Hanging(BaseException):
    """No error that what is tested could take for one of its own."""


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    def stop(_: int, frame: FrameType | None) -> None:
        raise Hanging(f"still busy after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def folder(store: Store, tmp_path: Path) -> Path:
    """A copy of the live snapshot, to poison; what is replaced in it is a file of its own."""
    copy = tmp_path / "copy"
    shutil.copytree(store.open_live().folder, copy, copy_function=os.link)
    (copy / "manifest.json").unlink()
    shutil.copy(store.open_live().folder / "manifest.json", copy)
    return copy


def say(folder: Path, **values: Any) -> None:
    """Make the manifest say something else, by the version that belongs to it."""
    manifest = replace(read_manifest(folder), **values).named()
    (folder / "manifest.json").write_text(json.dumps(asdict(manifest)), encoding="utf-8")


def poison(folder: Path, name: str, data: bytes) -> None:
    """Put other bytes in the place of a file, with the checksum that they have."""
    path = folder / name
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    facts: FileFacts = {"bytes": len(data), "sha256": sha256(data).hexdigest()}
    say(folder, files={**read_manifest(folder).files, name: facts})


def names(folder: Path, suffix: str) -> list[str]:
    """The files of a suffix, but for those that are not checked by a checksum."""
    files = {path.relative_to(folder).as_posix() for path in folder.rglob(f"*{suffix}")}
    return sorted(files - {"manifest.json", "report.json"})


def outcome(folder: Path) -> str:
    """What comes of opening a snapshot: `refused` is what should."""
    begin = time.monotonic()
    try:
        with at_most(LIMIT_S):
            Snapshot.open(folder)
    except SnapshotError:
        return "refused" if time.monotonic() - begin < LIMIT_S else "slow"
    except BaseException as error:
        return repr(error)[:100]
    return "opened"


def outcomes(folder: Path, suffix: str, change: Callable[[bytes], bytes]) -> dict[str, str]:
    """What comes of changing each file of a suffix, one at a time, where it is not refused."""
    found = {}
    for name in names(folder, suffix):
        whole = (folder / name).read_bytes()
        poison(folder, name, change(whole))
        if (came := outcome(folder)) != "refused":
            found[name] = came
        poison(folder, name, whole)
    return found


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.marker),)


def npy(header: str, body: bytes = bytes(64)) -> bytes:
    written = header.encode("latin-1")
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(written)) + written + body


def described(descr: str, shape: str) -> bytes:
    return npy(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}")


def saved(array: Any, **options: Any) -> bytes:
    out = BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


def zipped(member: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("arr_0.npy", member)
    return out.getvalue()


@pytest.mark.parametrize("form", ["array", "fields", "bare", "zipped"])
def test_no_array_is_unpickled(folder: Path, tmp_path: Path, form: str) -> None:
    marker = tmp_path / "executed"
    payload = Payload(marker)
    data = {
        "array": saved(np.array([payload], object), allow_pickle=True),
        "fields": saved(np.array([(payload,)], [("a", object)]), allow_pickle=True),
        "bare": pickle.dumps(payload),
        "zipped": zipped(saved(np.array([payload], object), allow_pickle=True)),
    }[form]
    assert outcomes(folder, ".npy", lambda _: data) == {}
    assert not marker.exists()
    with pytest.raises(FileNotFoundError):  # the payload does work
        pickle.loads(pickle.dumps(Payload(tmp_path / "no" / "folder")))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x93NUMPY", id="cut off"),
        pytest.param(b"\x93NUMPY\x09\x00", id="of no version"),
        pytest.param(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", id="lying about its header"),
        pytest.param(npy("-" * 9_000 + "1"), id="minus upon minus"),
        pytest.param(npy("(" * 9_000), id="nested without an end"),
        pytest.param(npy("[" * 190 + "]" * 190), id="nested"),
        pytest.param(npy("'''"), id="quoted without an end"),
        pytest.param(npy("{" + "'a': 1, " * 100_000 + "}"), id="a long header"),
        pytest.param(npy("__import__('os').mkdir('executed')"), id="a call"),
        pytest.param(described("'<f4'", f"({10**30},)"), id="past all integers"),
        pytest.param(described("'<f8'", f"({2**33}, {2**31})"), id="past all memory"),
        pytest.param(described("'<f4'", "(-1, -4)"), id="negative"),
        pytest.param(described("'<f4'", "(True, 4)"), id="a shape of no integers"),
        pytest.param(described("'<f4'", "(1000,)"), id="longer than the file"),
        pytest.param(described("'<f4'", "()"), id="a number"),
        pytest.param(described("{'a': 1}", "(4,)"), id="of no type"),
        pytest.param(described("[('a', '<f4')]", "(4,)"), id="of fields"),
        pytest.param(described("'|S4'", "(4,)"), id="of text"),
        pytest.param(described("'>f4'", "(4, 4)"), id="of the other byte order"),
        pytest.param(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (4, 4)}"), id="askew"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_what_is_no_array_is_refused(
    folder: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    assert outcomes(folder, ".npy", lambda _: data) == {}
    (folder.parent / "a.npy").write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.npy"):
        load_mapped(folder.parent / "a.npy")
    assert not Path("executed").exists()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe\0", id="no UTF-8"),
        pytest.param(b"[" * 100_000, id="nested without an end"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="nested too deeply"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="objects, nested too deeply"),
        pytest.param(b"1" * 100_000, id="a number without an end"),
        pytest.param(b"7", id="a number"),
        pytest.param(b"null", id="nothing"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(b'{"a": 1}', id="an object"),
        pytest.param(b"[[1], null, 2.5]", id="a list"),
        pytest.param(b"[" + b"[],\n" * 300_000 + b"[]]", id="huge"),
    ],
)
def test_json_of_another_form_is_refused(folder: Path, data: bytes) -> None:
    assert outcomes(folder, ".json", lambda _: data).keys() <= UNREAD


@pytest.mark.parametrize(("at", "by"), [(1, 1_000_000), (-1, 1_000_000), (-1, -1), (0, -1)])
def test_rows_that_stand_elsewhere_are_refused(folder: Path, at: int, by: int) -> None:
    def change(data: bytes) -> bytes:
        offsets = np.load(BytesIO(data))
        offsets[at] += by
        return saved(offsets)

    assert outcomes(folder, ".offsets.npy", change) == {}


def test_records_without_any_bytes_are_refused(folder: Path) -> None:
    poison(folder, "papers.bin", b"")
    assert outcome(folder) == "refused"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda array: array[:, :-1], id="narrower"),
        pytest.param(lambda array: array.astype(np.float16), id="of half the size"),
        pytest.param(lambda array: array.astype(np.int64), id="of integers"),
        pytest.param(lambda array: array.ravel(), id="flat"),
        pytest.param(lambda array: array[:-1], id="shorter"),
        pytest.param(lambda array: array[:, None], id="deeper"),
    ],
)
def test_vectors_that_faiss_would_read_past_their_end_are_never_searched(
    folder: Path, change: Callable[[Any], Any]
) -> None:
    """It is given addresses, and what it finds there it takes for vectors."""
    poison(
        folder, "vectors.npy", saved(np.ascontiguousarray(change(np.load(folder / "vectors.npy"))))
    )
    try:
        snapshot = Snapshot.open(folder)
    except SnapshotError:
        return
    query = np.ones((1, snapshot.manifest.dimension), np.float32)
    with pytest.raises(ValueError, match="queries"):
        snapshot.vectors.search(query, 3)


@pytest.mark.parametrize("file", ["authors", "dates", "sections"])
@pytest.mark.parametrize("pairs", [[[0, 10**6]], [[10**6, 0]], [[-1, 0]], [0, 0], [[0, 0, 0]]])
def test_labels_of_no_row_are_refused(folder: Path, file: str, pairs: list[Any]) -> None:
    poison(folder, f"{file}.npy", saved(np.array(pairs, np.int32)))
    assert outcome(folder) == "refused"
    poison(folder, f"{file}.npy", saved(np.zeros((1, 2), np.float64)))
    assert outcome(folder) == "refused"


@pytest.mark.parametrize(
    "learned",
    [
        {"weights": {"lexical": "much"}},
        {"weights": []},
        {"calibration": {"cosine": [0.1]}},
        {"calibration": {"cosine": [0.1, "wide"]}},
        {"facts": {"papers": 1.5}},
        {"facts": None},
    ],
)
def test_what_was_learned_is_numbers(folder: Path, learned: dict[str, Any]) -> None:
    values = json.loads((folder / "learned" / "learned.json").read_bytes())
    poison(folder, "learned/learned.json", json.dumps({**values, **learned}).encode())
    assert outcome(folder) == "refused"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda places: places[:-1], id="shorter"),
        pytest.param(lambda places: places[:, :1], id="of one side"),
        pytest.param(lambda places: places.ravel(), id="flat"),
        pytest.param(lambda places: places.astype(np.float64), id="of another type"),
        pytest.param(lambda places: places * 1.5, id="outside"),
        pytest.param(lambda places: places * np.float32("nan"), id="not a number"),
        pytest.param(lambda places: places + np.float32("inf"), id="endless"),
    ],
)
def test_papers_that_lie_nowhere_are_refused(folder: Path, change: Callable[[Any], Any]) -> None:
    name = "projection/places.npy"
    places = np.load(folder / name)
    poison(folder, name, saved(np.ascontiguousarray(change(places))))
    assert outcome(folder) == "refused"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda regions: regions[:-1], id="shorter"),
        pytest.param(lambda regions: regions[:, None], id="deeper"),
        pytest.param(lambda regions: regions.astype(np.int64), id="of another type"),
        pytest.param(lambda regions: regions * 0, id="large ones"),
        pytest.param(lambda regions: regions * 0 - 1, id="none"),
        pytest.param(lambda regions: regions + 10**6, id="past all"),
    ],
)
def test_papers_in_no_region_are_refused(folder: Path, change: Callable[[Any], Any]) -> None:
    name = "projection/regions.npy"
    regions = np.load(folder / name)
    poison(folder, name, saved(np.ascontiguousarray(change(regions))))
    assert outcome(folder) == "refused"


@pytest.mark.parametrize(
    "values",
    [
        {"level": 2},
        {"level": -1},
        {"level": "0"},
        {"parent": 0},
        {"parent": 10**9},
        {"parent": -1},
        {"x": 1.5},
        {"x": None},
        {"y": "up"},
        {"terms": [["speech"]]},
        {"terms": [["speech", 5]]},
        {"terms": None},
        {"more": 1},
    ],
)
def test_topics_of_another_form_are_refused(folder: Path, values: dict[str, Any]) -> None:
    name = "projection/topics.json"
    topics = json.loads((folder / name).read_bytes())
    at = -1 if values.get("parent") else 0
    topics[at] = {**topics[at], **values}
    poison(folder, name, json.dumps(topics).encode())
    assert outcome(folder) == "refused"
    poison(folder, name, json.dumps(topics[1:]).encode())
    assert outcome(folder) == "refused"


def test_parameters_of_bm25_choose_no_other_code(folder: Path) -> None:
    """What numba compiles reads past the end of its arrays where numbers in them say so."""
    name = "lexical/papers/params.index.json"
    values = json.loads((folder / name).read_bytes())
    for more in ({"method": "bm25+"}, {"backend": "numba"}, {"compile": "import os"}):
        poison(folder, name, json.dumps({**values, **more}).encode())
        try:
            opened = Snapshot.open(folder)
        except SnapshotError:
            continue
        papers = opened.lexicon._papers
        assert isinstance(papers, Bm25)
        model = papers._model
        assert (model.method, model.backend) == ("lucene", "numpy"), more


# Names and kinds of files


@pytest.mark.parametrize(
    "name",
    [
        "../../secret",
        "learned/../../secret",
        "./votes.npy",
        "learned//learned.json",
        "/etc/hostname",
        "/dev/zero",
        "..",
        ".",
        "",
        "a\0b",
        "..\\secret",
    ],
)
def test_no_name_leads_out_of_the_folder(folder: Path, name: str) -> None:
    (folder.parent / "secret").write_bytes(b"secret")
    manifest = read_manifest(folder)
    facts: FileFacts = {"bytes": 6, "sha256": sha256(b"secret").hexdigest()}
    if name == "/dev/zero":
        facts = {"bytes": 0, "sha256": ""}
    say(folder, files={**manifest.files, name: facts})
    with at_most(LIMIT_S), pytest.raises(SnapshotError, match="no file of a snapshot"):
        Snapshot.open(folder)


def test_no_link_leads_out_of_the_folder(folder: Path) -> None:
    for name in ("votes.npy", "lexical"):
        outside = folder.parent / f"outside-{Path(name).name}"
        (folder / name).rename(outside)
        (folder / name).symlink_to(outside)
        with pytest.raises(SnapshotError, match="no file of its own folder"):
            Snapshot.open(folder)
        (folder / name).unlink()
        outside.rename(folder / name)
    assert outcome(folder) == "opened"


def test_a_folder_that_is_reached_by_a_link_is_opened(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder, target_is_directory=True)
    assert outcome(folder.parent / "link") == "opened"


@pytest.mark.parametrize(
    "name", ["manifest.json", "votes.npy", "papers.bin", "learned/learned.json"]
)
@pytest.mark.parametrize("kind", ["pipe", "silent pipe", "device", "folder", "loop"])
def test_nobody_waits_for_what_is_no_file(
    folder: Path, name: str, kind: str, request: pytest.FixtureRequest
) -> None:
    if name != "manifest.json":  # with the size that it is going to have
        facts: FileFacts = {"bytes": 0, "sha256": sha256().hexdigest()}
        say(folder, files={**read_manifest(folder).files, name: facts})
    path = folder / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "silent pipe":  # somebody has it open and writes nothing
        os.mkfifo(path)
        request.addfinalizer(partial(os.close, os.open(path, os.O_RDWR)))
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)
    assert outcome(folder) == "refused"


# The manifest and what points at it


@pytest.mark.parametrize(
    "values",
    [
        {"papers": -1},
        {"papers": 10**30},
        {"papers": "45"},
        {"dimension": None},
        {"encoder": []},
        {"forced": {}},
        {"version": ["a"]},
        {"files": []},
        {"files": {"votes.npy": None}},
        {"files": {"votes.npy": {}}},
        {"files": {"votes.npy": {"bytes": "1", "sha256": ""}}},
        {"files": {"votes.npy": {"bytes": 1}}},
        {"files": {"votes.npy": {"bytes": 1, "sha256": 5}}},
    ],
)
def test_a_manifest_of_other_types_is_refused(folder: Path, values: dict[str, Any]) -> None:
    said = {**json.loads((folder / "manifest.json").read_bytes()), **values}
    content = {name: value for name, value in said.items() if name != "version"}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    said = {**said, "version": sha256(text.encode()).hexdigest()[:12], **values}
    (folder / "manifest.json").write_text(json.dumps(said), encoding="utf-8")
    assert outcome(folder) == "refused"


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"format": ' * 50_000,
        b'{"format": 4, "files": {}' + b" " * 2_000_000 + b"}",
        b'{"format": ' + b"4" * 50_000 + b"}",
        b'{"format": 4, "version": "\\ud800"}',
    ],
)
def test_a_manifest_without_an_end_is_refused(folder: Path, data: bytes) -> None:
    (folder / "manifest.json").write_bytes(data)
    assert outcome(folder) == "refused"


def test_a_manifest_that_is_only_too_long_is_refused(folder: Path) -> None:
    with (folder / "manifest.json").open("ab") as file:
        file.write(b" " * 2_000_000)
    assert outcome(folder) == "refused"


@pytest.fixture
def data(store: Store, tmp_path: Path) -> Store:
    shutil.copytree(store.folder, tmp_path / "data", copy_function=os.link)
    (tmp_path / "data" / "live").unlink()
    return Store(tmp_path / "data")


@pytest.mark.parametrize(
    "live",
    [
        b"../../secret",
        b"/etc",
        b".",
        b"..",
        b"a/b",
        b"a\0b",
        b"\xff\xfe",
        b"a" * 500,
        b"a" * 10_000_000,
        "버전".encode(),
        b"deadbeef0000\nfeedbeef0000",
    ],
)
def test_the_live_version_is_a_name_and_no_path(data: Store, live: bytes) -> None:
    (data.folder / "live").write_bytes(live)
    with pytest.raises(SnapshotError):
        data.open_live()
    assert data.folder.exists()


def test_nobody_waits_for_a_pipe_in_the_place_of_the_live_version(data: Store) -> None:
    os.mkfifo(data.folder / "live")
    with at_most(LIMIT_S), pytest.raises(SnapshotError):
        data.open_live()


@pytest.mark.parametrize("name", ["manifest.json", "report.json"])
def test_nobody_waits_for_a_pipe_to_list_the_versions(data: Store, name: str) -> None:
    (data.folder / "versions" / "000000000000").mkdir()
    os.mkfifo(data.folder / "versions" / "000000000000" / name)
    with at_most(LIMIT_S):
        assert len(data.versions()) == 1
        assert data.next_number() == 2


def test_no_version_is_deleted_outside_of_the_folder(data: Store, tmp_path: Path) -> None:
    """A link among the versions: what it leads to stays."""
    outside = tmp_path / "outside"
    shutil.copytree(next((data.folder / "versions").glob("*")), outside)
    (data.folder / "versions" / "000000000000").symlink_to(outside, target_is_directory=True)
    data.retire(0)
    assert len(list(outside.rglob("*.npy"))) > 10


# The code

FORBIDDEN = {
    "dill", "joblib", "marshal", "shelve", "cloudpickle", "eval", "exec", "compile", "__import__",
    "os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "torch.load",
    "numpy.load", "np.load", "pickle.load", "pickle.loads", "pickle.Unpickler",
}  # fmt: skip
ALLOWED = {
    ("index/batch/ray.py", "pickle.loads"),  # between a build and its workers
    ("index/beside.py", "pickle.load"),  # between a build and a process that it has started
    ("index/encoders/universal_weights.py", "np.load"),  # of a package that is installed
}
UNSAFE_OPTIONS = {
    "allow_pickle": True, "trust_remote_code": True, "weights_only": False, "shell": True,
}  # fmt: skip


def unsafe(tree: ast.Module) -> Iterator[str]:
    """What a module uses that can execute what it reads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from (n for a in node.names if (n := f"{module}.{a.name}") in FORBIDDEN)
            if module.partition(".")[0] in FORBIDDEN:
                yield module
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.partition(".")[0] in FORBIDDEN)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in FORBIDDEN:
            yield ast.unparse(node.func)
        elif isinstance(node, ast.keyword) and node.arg in UNSAFE_OPTIONS:
            given = node.value
            if not isinstance(given, ast.Constant) or given.value is UNSAFE_OPTIONS[node.arg]:
                yield f"{node.arg}={ast.unparse(given)}"


def test_no_code_executes_what_it_reads() -> None:
    found = set()
    for package in (index, rag):
        [root] = map(Path, package.__path__)
        for path in sorted(root.rglob("*.py")):
            name = path.relative_to(root.parent).as_posix()
            found |= {(name, one) for one in unsafe(ast.parse(path.read_text(encoding="utf-8")))}
    assert found == ALLOWED


@pytest.mark.parametrize(
    "code",
    [
        "import numpy as np\nnp.load(path, mmap_mode='r')",
        "import torch\ntorch.load(path)",
        "model.load(path, allow_pickle=True)",
        "model.load(path, trust_remote_code=trusted)",
        "from pickle import loads",
        "import joblib",
        "eval(text)",
    ],
)
def test_code_that_does_is_found(code: str) -> None:
    assert list(unsafe(ast.parse(code)))


def test_the_copy_is_whole_where_nobody_poisoned_it(folder: Path) -> None:
    """So that all the others are refused for what was done to them."""
    poison(folder, "votes.npy", (folder / "votes.npy").read_bytes())
    found = Searcher(Snapshot.open(folder)).search(QUERY)
    assert found.hits
