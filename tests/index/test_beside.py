"""The process beside a build: the same results, and it never outlives the build."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from index import beside as beside_module
from index.beside import Beside, pays
from index.build import build
from index.digests import read_digests
from index.glossary import Glossary
from index.lexical import analyzer
from index.papers import Paper, Section, Source, oldest_first
from index.quality import find_duplicates
from index.store import Store
from tests.quick_encoder import use_quick_encoder

TEXTS = ["확산 모형을 다룬다. GPT-4o와 견준다.", "", "Retrieval of papers", "말\x00을 ㈜ ½ 옮긴다."]


@pytest.fixture(scope="module")
def beside() -> Iterator[Beside]:
    with Beside() as process:
        yield process


def test_it_analyses_as_this_process_does(beside: Beside) -> None:
    assert beside.analyze(TEXTS).result() == list(analyzer().analyze_all(TEXTS))
    assert beside.analyze([]).result() == []


_SECTION = Section("What's New", "긴 글(long text)", Source("a.md", 0, 0), ())
LONG = [
    Paper(f"{number}", "", "", None, (), None, (), False, None, (_SECTION,))
    for number in range(100_000)
]


def _twins(samples: Path) -> list[Paper]:
    papers = read_digests([samples]).papers
    last = papers[-1]
    place = replace(last.sections[0].source, file="9999.md")
    twin = replace(last.sections[0], source=place), *last.sections[1:]
    return list(oldest_first([*papers, replace(last, id="2405.99999", sections=twin)]))


def test_it_reads_as_this_process_does(beside: Beside, samples: Path) -> None:
    papers = _twins(samples)
    texts = [[section.text for section in paper.sections] for paper in papers]
    read = beside.read(papers)
    assert read.glossary.result().entries == Glossary.mine(texts).entries != []
    found = read.duplicates.result()
    assert found == find_duplicates(papers)
    assert {one.paper for one in found} == {papers[-1].id, papers[-2].id}


def test_what_was_asked_first_is_answered_first(beside: Beside) -> None:
    asked = [beside.analyze([text]) for text in TEXTS] * 2
    assert [one.result()[0].terms for one in asked] == [
        analyzer().analyze(text).terms for text in TEXTS
    ] * 2


def test_where_it_is_ended_the_work_is_done_here(caplog: pytest.LogCaptureFixture) -> None:
    with Beside() as process:
        os.kill(process._process.pid, signal.SIGKILL)
        found = process.analyze(TEXTS).result()
    assert found == list(analyzer().analyze_all(TEXTS))
    assert "has ended" in caplog.text


def test_it_is_ended_with_the_block_whatever_it_does() -> None:
    with Beside() as process:
        pending = process.read(LONG).glossary
    assert process._process.poll() is not None
    assert pending.done() or pending.cancelled()


def test_it_is_ended_though_it_does_not_answer() -> None:
    process = Beside()
    os.kill(process._process.pid, signal.SIGSTOP)
    pending = process.read(LONG).glossary  # more than a pipe holds
    closing = threading.Thread(target=process.close, daemon=True)
    closing.start()
    closing.join(timeout=20)
    ended = not closing.is_alive()
    process._process.kill()
    closing.join()
    assert ended
    assert pending.done()


def test_ctrl_c_is_for_the_build_and_not_for_it() -> None:
    with Beside() as process:
        assert len(process.analyze(["준비"]).result()) == 1  # it is up
        process._process.send_signal(signal.SIGINT)
        assert process.analyze(TEXTS).result() == list(analyzer().analyze_all(TEXTS))
        assert process._process.poll() is None


def test_it_ends_when_the_build_is_killed(tmp_path: Path) -> None:
    code = (
        "import time; from index.beside import Beside\n"
        "held = Beside(); print(held._process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{child}").exists():
        state = Path(f"/proc/{child}/stat").read_text(encoding="utf-8").split()[2]
        if state == "Z":
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_build_with_it_makes_the_same_version(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: Beside
) -> None:
    use_quick_encoder(monkeypatch)
    first, *others = sorted(samples.glob("*.md"))
    versions = []
    for name, helper in (("alone", None), ("beside", beside)):
        store = Store(tmp_path / name)
        build([first], store)
        versions.append(build([first, *others], store, beside=helper).version)
    assert versions[0] == versions[1]


def test_it_pays_for_large_versions_only(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not pays(store.folder)
    monkeypatch.setattr(beside_module, "_LARGE", 10_000)
    assert pays(store.folder)
    monkeypatch.setattr(beside_module, "cpu_count", lambda: 1)
    assert not pays(store.folder)
    monkeypatch.undo()
    assert not pays(tmp_path)
    for pointer in (b"", b"\xff", b"../x", b"\0"):
        (tmp_path / "live").write_bytes(pointer)
        assert not pays(tmp_path)
