"""What is spread over workers is what one process does; here the workers are in this process."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index.batch import BatchKind, BatchSettings, Work
from index.batch import encoding as batch_encoding
from index.batch import reading as batch_reading
from index.batch.base import Given, Result
from index.batch.doubting import SpreadTemplates
from index.batch.encoding import SpreadEncoding
from index.batch.reading import SpreadReading
from index.build import build
from index.digests import read_digests
from index.encoding import LocalEncoding
from index.errors import BatchError, EncoderError
from index.late import TokenSpace
from index.passages import plain
from index.progress import Silent
from index.quality import find_templates
from index.settings import BuildSettings
from index.store import Store
from tests.index.batch.works import QuickEncoders
from tests.quick_encoder import use_quick_encoder

TEXTS = [f"- 문장 {number} 이다\n  그리고 {'말 ' * (number % 7)}" for number in range(40)]


class Shuffled:
    """A `Pool` whose blocks come back in any order, and through pickles as over a network."""

    sees_files = True

    def __init__(self) -> None:
        self.begun = self.blocks = 0

    def map(
        self, work: Work[Given, Result], given: Iterable[Given]
    ) -> Iterator[tuple[int, Result]]:
        do = pickle.loads(pickle.dumps(work)).begin()
        self.begun += 1
        done = [pickle.dumps(do(pickle.loads(pickle.dumps(block)))) for block in given]
        self.blocks += len(done)
        numbers = list(range(len(done)))
        random.Random(0).shuffle(numbers)
        return ((number, pickle.loads(done[number])) for number in numbers)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_encoding, "TEXTS", 7)
    monkeypatch.setattr(batch_reading, "FILES", 2)
    monkeypatch.setattr("index.batch.doubting.PAPERS", 3)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("tokens", [True, False])
def test_texts_get_what_they_get_here(tokens: bool) -> None:
    local = QuickEncoders().open()
    late = local.late_encoder
    assert late is not None
    space = TokenSpace.learn(late, [plain(text) for text in TEXTS]) if tokens else None
    spread = SpreadEncoding(Shuffled(), QuickEncoders(), local.encoder, late)
    ours, ours_done = _encode(spread, space)
    theirs, theirs_done = _encode(local, space)
    assert ours_done == theirs_done == len(TEXTS)
    for row in range(len(TEXTS)):
        for own, wanted in zip(ours[row], theirs[row], strict=True):
            np.testing.assert_array_equal(own, wanted)


def _encode(
    encoding: LocalEncoding | SpreadEncoding, space: TokenSpace | None
) -> tuple[dict[int, list[np.ndarray[tuple[int, ...], np.dtype[np.generic]]]], int]:
    found, done = {}, list[int]()
    for block in encoding.encode(TEXTS, space, done.append):
        for at, row in enumerate(block.rows.tolist()):
            assert row not in found
            found[row] = [block.vectors[at]]
            if block.tokens is not None and block.seen is not None:
                found[row] += [block.tokens.row(at), block.seen.row(at)]
    return found, sum(done)


def test_a_worker_with_another_encoder_is_an_error() -> None:
    local = QuickEncoders().open()
    spread = SpreadEncoding(Shuffled(), QuickEncoders(fingerprint="another"), local.encoder, None)
    with pytest.raises(EncoderError, match="encoder of a worker is another, that of the build qui"):
        list(spread.encode(TEXTS, None, lambda _: None))


@pytest.fixture
def digests(tmp_path: Path) -> Path:
    """Digests with all sorts of problems."""
    folder = tmp_path / "digests"
    folder.mkdir()
    for day in range(1, 8):
        (folder / f"2024-05-0{day}.md").write_text(
            f"### [Paper {day}](https://arxiv.org/abs/2405.0000{day})\n\n"
            f"- **What's New**: 이 논문은 {day}번째 방법을 제안한다.\n\n"
            "### [Twice](https://arxiv.org/abs/2405.00099)\n\n"
            f"- **What's New**: [여기에 요약을 입력하세요] {day}.\n",
            encoding="utf-8",
        )
    (folder / "empty.md").write_text("")
    (folder / "utf16.md").write_bytes("없음".encode("utf-16"))
    (folder / "binary.jsonl").write_bytes(b"{}\n\0\n")
    (folder / "broken.jsonl").write_text('{"id": \n', encoding="utf-8")
    return folder


@pytest.mark.usefixtures("small_blocks")
def test_files_are_read_as_they_are_here(digests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(digests.parent)
    told: list[tuple[int, int]] = []
    pool = Shuffled()
    sources = ["digests", "nowhere"]
    found = read_digests(sources, lambda *done: told.append(done), read=SpreadReading(pool))
    assert found == read_digests(sources)
    assert len(found.papers) == 8
    assert len(found.problems) == 5
    assert pool.blocks == 6
    assert told == [(done, 11) for done in range(12)]


def test_a_file_that_is_written_meanwhile_is_read_again(digests: Path) -> None:
    changed = digests / "2024-05-03.md"

    class Late(Shuffled):
        def map(
            self, work: Work[Given, Result], given: Iterable[Given]
        ) -> Iterator[tuple[int, Result]]:
            if not self.begun:
                changed.write_text(
                    changed.read_text("utf-8").replace("3번째", "아주 새로운"), encoding="utf-8"
                )
            return super().map(work, given)

    pool = Late()
    found = read_digests([digests], read=SpreadReading(pool))
    assert pool.begun == 2
    assert found == read_digests([digests])
    assert "아주 새로운" in next(p for p in found.papers if p.id == "2405.00003").sections[0].text


@pytest.mark.parametrize("there", [True, False])
def test_a_worker_that_sees_other_files_is_an_error(
    digests: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    class Elsewhere(Shuffled):
        def map(
            self, work: Work[Given, Result], given: Iterable[Given]
        ) -> Iterator[tuple[int, Result]]:
            for number, found in super().map(work, given):
                size = 7 if there else None
                yield number, [one._replace(size=size) for one in found]  # type: ignore

    with pytest.raises(BatchError, match=r"sees .* file.*shared_files to false"):
        read_digests([digests], read=SpreadReading(Elsewhere()))


@pytest.mark.usefixtures("small_blocks")
def test_templates_are_found_as_they_are_here(digests: Path) -> None:
    papers = read_digests([digests]).papers[::-1]
    found = SpreadTemplates(Shuffled())(papers)
    assert found
    assert found == find_templates(papers)


class _Told(Silent):
    """Each stage, its steps, and how many of them were done."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int, int]] = []

    def stage(self, name: str, total: int) -> None:
        self.stages.append((name, total, 0))

    def advance(self, steps: int) -> None:
        name, total, done = self.stages[-1]
        self.stages[-1] = name, total, done + steps


@pytest.mark.usefixtures("small_blocks")
def test_a_build_by_workers_is_the_same_to_the_bit(
    digests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_quick_encoder(monkeypatch)
    ours, theirs = _Told(), _Told()
    here = build([digests], Store(tmp_path / "here"), progress=theirs)
    pool = Shuffled()
    monkeypatch.setattr("index.build.open_pool", lambda _: nullcontext(pool))
    monkeypatch.setattr("index.build.Encoders", lambda *_: QuickEncoders())
    there = build([digests], Store(tmp_path / "there"), progress=ours)
    assert ours.stages == theirs.stages
    assert {"read", "encode"} <= {name for name, total, done in ours.stages if total == done}
    assert there.version == here.version
    assert pool.begun == 3  # to read, to encode, to look for templates
    written = sorted(path.relative_to(here.folder) for path in here.folder.rglob("*.npy"))
    assert written
    for name in written:
        assert (here.folder / name).read_bytes() == (there.folder / name).read_bytes()


@pytest.mark.usefixtures("small_blocks")
def test_workers_encode_what_is_new_alone(
    digests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_quick_encoder(monkeypatch)
    store = Store(tmp_path / "data")
    build([digests], store)
    path = digests / "2024-05-01.md"
    path.write_text(path.read_text("utf-8").replace("1번째", "다른"), encoding="utf-8")
    given: list[str] = []

    class Told(Shuffled):
        def map(
            self, work: Work[Given, Result], blocks: Iterable[Given]
        ) -> Iterator[tuple[int, Result]]:
            blocks = list(blocks)
            if isinstance(work, batch_encoding.Encode):
                given.extend(text for block in blocks for text in block)
            return super().map(work, blocks)

    monkeypatch.setattr("index.build.open_pool", lambda _: nullcontext(Told()))
    monkeypatch.setattr("index.build.Encoders", lambda *_: QuickEncoders())
    assert build([digests], store).report.encoded == 1
    assert given == ["이 논문은 다른 방법을 제안한다."]


def test_without_workers_nothing_of_ray_is_imported() -> None:
    code = """
import sys
from rag.cli import main
import index.build
from index.batch import BatchSettings, open_pool
with open_pool(BatchSettings()) as pool:
    assert pool is None
assert not {"ray", "pyarrow", "index.batch.ray"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_build_on_ray_says_what_to_install(
    digests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "index.batch.ray", raising=False)
    settings = replace(BuildSettings(), batch=BatchSettings(BatchKind.RAY))
    with pytest.raises(BatchError, match=r"pip install 'nonmun\[cluster\]'"):
        build([digests], Store(tmp_path / "data"), settings)
    assert not Store(tmp_path / "data").live()
