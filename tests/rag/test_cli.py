"""The command: what it prints, and that a mistake is one line and an exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from index.store import Store
from rag import cli
from rag.service.schemas import AskReply, SearchReply, SimilarReply

DPO = "2305.18290"
QUESTION = "보상 모델 없이 선호를 학습하는 방법은?"


class Run:
    """Runs the command in this process; `out` and `err` are what it printed."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self._patch, self._capture = patch, capture
        self.out = self.err = ""

    def __call__(self, *words: object) -> int:
        self._patch.setattr(sys, "argv", ["nonmun", *map(str, words)])
        self._capture.readouterr()
        try:
            cli.main()
            status = 0
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
        self.out, self.err = self._capture.readouterr()
        assert "Traceback" not in self.err
        return status


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("NONMUN_PROFILE", "")
    monkeypatch.setenv("COLUMNS", "200")
    return Run(monkeypatch, capsys)


@pytest.fixture
def digest(tmp_path: Path) -> Path:
    path = tmp_path / "digests" / "2024-05-01.md"
    path.parent.mkdir()
    path.write_text(
        "### [A Paper](https://arxiv.org/abs/2405.00001)\n\n"
        "- **What's New**: 강화 학습을 다룬다.\n",
        encoding="utf-8",
    )
    return path


class TestQuestions:
    def test_search_prints_papers_and_passages(self, run: Run, store: Store) -> None:
        assert run("search", QUESTION, "--data", store.folder, "--top-k", 2) == 0
        assert run.out.startswith("1.  Direct Preference Optimization")
        assert "[What's New]" in run.out
        assert f"https://arxiv.org/abs/{DPO}" in run.out
        assert "\n2.  " in run.out
        assert "\n3.  " not in run.out

    def test_ask_prints_an_answer_with_its_source(self, run: Run, store: Store) -> None:
        assert run("ask", QUESTION, "--data", store.folder) == 0
        assert "[1] Direct Preference Optimization" in run.out
        assert "2025-03-03.md, characters " in run.out

    def test_ask_says_that_nothing_answers(self, run: Run, store: Store) -> None:
        assert run("ask", "김치찌개는 어떻게 끓이나요?", "--data", store.folder) == 0
        assert run.out.startswith("여기 있는 논문에는 이 질문에 대한 답이 없습니다.")
        assert "The nearest papers:" in run.out
        assert run("ask", "how do I boil pasta?", "--data", store.folder) == 0
        assert run.out.startswith("Nothing here answers that.")

    def test_fewer_papers_may_be_wanted_than_answer(self, run: Run, store: Store) -> None:
        assert run("ask", "attention", "--data", store.folder, "--top-k", 1) == 0
        assert "\n  [1] Efficient Streaming Language Models" in run.out
        assert "\n  [3] (1706.03762)" in run.out
        assert "\n1.  " in run.out
        assert "\n2.  " not in run.out

    def test_similar_prints_papers_and_reasons(self, run: Run, store: Store) -> None:
        assert run("similar", DPO, "--data", store.folder, "--top-k", 3) == 0
        assert "shares " in run.out
        assert run("similar", "--text", "확산 모델", "--data", store.folder, "--top-k", 1) == 0
        assert run("similar", DPO, "--not", "2106.09685", "--data", store.folder) == 0
        assert "2106.09685" not in run.out

    def test_json_is_what_the_service_replies(self, run: Run, store: Store) -> None:
        assert run("search", QUESTION, "--data", store.folder, "--json") == 0
        assert SearchReply.model_validate_json(run.out).papers[0].id == DPO
        assert run("ask", QUESTION, "--data", store.folder, "--json") == 0
        assert AskReply.model_validate_json(run.out).answerable
        assert run("similar", DPO, "--data", store.folder, "--json") == 0
        assert SimilarReply.model_validate_json(run.out).papers

    def test_eval_prints_scores(self, run: Run, store: Store, tmp_path: Path) -> None:
        path = tmp_path / "questions.jsonl"
        path.write_text(json.dumps({"query": QUESTION, "paper": DPO, "lang": "ko"}), "utf-8")
        assert run("eval", path, "--data", store.folder) == 0
        assert "RR@10" in run.out
        assert run("eval", path, "--data", store.folder, "--json") == 0
        assert json.loads(run.out)["known_item"]["ko"]["RR@10"] == 1.0
        assert run("eval", tmp_path / "gone.jsonl", "--data", store.folder) == 1
        assert "gone.jsonl" in run.err

    def test_filters_are_options(self, run: Run, store: Store) -> None:
        words = ["search", "모델", "--data", store.folder, "--json", "--top-k", 100]
        assert run(*words, "--since", "2025-03-04", "--min-votes", "1") == 0
        papers = SearchReply.model_validate_json(run.out).papers
        assert papers
        assert all(str(one.date) == "2025-03-04" and one.votes for one in papers)
        assert run(*words, "--section", "What's New", "--until", "2025-03-03") == 0
        sections = {
            passage.section
            for one in SearchReply.model_validate_json(run.out).papers
            for passage in one.passages
        }
        assert sections == {"What's New"}
        assert run(*words, "--author", "edward j. hu") == 0
        assert [one.id for one in SearchReply.model_validate_json(run.out).papers] == ["2106.09685"]

    def test_what_nothing_passes_is_said(self, run: Run, store: Store) -> None:
        assert run("search", "모델", "--data", store.folder, "--author", "nobody") == 0
        assert run.out == "No paper passes the filters.\n"


class TestBuild:
    def test_it_reads_encodes_and_publishes(self, run: Run, digest: Path, tmp_path: Path) -> None:
        assert run("build", digest.parent, "--data", tmp_path / "data") == 0
        assert "1 paper, 1 passage (1 encoded, 0 carried over)" in run.out
        assert "1 added, 0 changed, 0 removed, 0 unchanged" in run.out
        for stage in ("read", "analyse", "encode", "publish"):
            assert stage in run.err
        assert run("build", digest.parent, "--data", tmp_path / "data") == 0
        assert "nothing new: version" in run.out

    def test_a_plan_changes_nothing(self, run: Run, digest: Path, tmp_path: Path) -> None:
        assert run("build", digest.parent, "--data", tmp_path / "data", "--plan") == 0
        assert "1 added" in run.out
        assert "+ 2405.00001" in run.out
        assert not (tmp_path / "data").exists()

    def test_a_plan_as_json_has_the_problems_too(
        self, run: Run, digest: Path, tmp_path: Path
    ) -> None:
        (digest.parent / "broken.md").write_text("### no link\n", encoding="utf-8")
        assert run("build", digest.parent, "--data", tmp_path / "data", "--plan", "--json") == 0
        plan = json.loads(run.out)
        assert plan["added"] == ["2405.00001"]
        assert [one["file"] for one in plan["problems"]] == ["broken.md"]

    def test_a_plan_is_made_beside_a_broken_live_version(
        self, run: Run, digest: Path, tmp_path: Path
    ) -> None:
        data = tmp_path / "data"
        run("build", digest.parent, "--data", data)
        (data / "versions" / str(Store(data).live()) / "votes.npy").unlink()
        assert run("build", digest.parent, "--data", data, "--plan") == 0
        assert "1 added" in run.out

    def test_the_report_is_json_on_demand(self, run: Run, digest: Path, tmp_path: Path) -> None:
        assert run("build", digest.parent, "--data", tmp_path / "data", "--json") == 0
        report = json.loads(run.out)
        assert (report["papers"], report["entries"], report["files"]) == (1, 1, 1)
        assert report["plan"]["added"] == ["2405.00001"]

    def test_problems_are_listed_by_file_and_line(
        self, run: Run, digest: Path, tmp_path: Path
    ) -> None:
        (digest.parent / "broken.md").write_text("### no link\n", encoding="utf-8")
        assert run("build", digest.parent, "--data", tmp_path / "data") == 0
        assert "1 problem:" in run.out
        assert "broken.md:1: a paper's heading should be" in run.out
        assert run("build", digest.parent, "--data", tmp_path / "other", "--strict") == 1
        assert "broken.md:1" in run.err
        assert not (tmp_path / "other" / "live").exists()

    def test_losing_most_papers_says_how_to_go_back(
        self, run: Run, digest: Path, tmp_path: Path, samples: Path
    ) -> None:
        data = tmp_path / "data"
        run("build", samples, "--data", data)
        before = Store(data).live()
        assert run("build", digest, "--data", data) == 1
        assert "1 paper, the live version has 45" in run.err
        assert "--force" in run.err
        assert Store(data).live() == before
        assert run("build", digest, "--data", data, "--force") == 0
        assert f"nonmun rollback {before}" in run.out
        assert run("build", digest, "--data", data) == 0
        assert "rollback" not in run.out
        assert "nothing new" in run.out

    def test_a_corpus_that_has_outgrown_what_was_learned_is_told(
        self, run: Run, digest: Path, tmp_path: Path, samples: Path
    ) -> None:
        data = tmp_path / "data"
        assert run("build", digest, "--data", data) == 0
        assert "--full" not in run.out
        assert run("build", samples, digest, "--data", data) == 0
        assert "grown from 1 paper to 46" in run.out
        assert "nonmun build --full" in run.out
        assert run("build", samples, digest, "--data", data, "--full") == 0
        assert "--full" not in run.out

    def test_a_missing_source_beside_a_good_one_takes_no_papers_away(
        self, run: Run, digest: Path, tmp_path: Path
    ) -> None:
        for missing in ("nowhere", "nowhere/*.md"):
            assert run("build", digest, missing, "--data", tmp_path / "data") == 1
            assert f"{missing}: no " in run.err
            assert "--keep-missing" in run.err
        assert run("build", digest, "nowhere", "--data", tmp_path / "data", "--keep-missing") == 0
        assert "nowhere: no such file or directory" in run.out


class TestVersions:
    def test_they_are_listed_and_gone_back_to(self, run: Run, digest: Path, tmp_path: Path) -> None:
        data = tmp_path / "data"
        assert run("versions", "--data", data) == 0
        assert run.out == "Nothing is published here.\n"
        run("build", digest, "--data", data)
        digest.write_text(digest.read_text(encoding="utf-8") + "\n- 더한 글.\n", encoding="utf-8")
        run("build", digest, "--data", data)
        assert run("versions", "--data", data, "--json") == 0
        listed = json.loads(run.out)
        assert [one["live"] for one in listed].count(True) == 1
        old = next(one["version"] for one in listed if not one["live"])
        assert run("rollback", old, "--data", data) == 0
        assert Store(data).live() == old
        assert run("versions", "--data", data) == 0
        line = next(line for line in run.out.splitlines() if old in line)
        assert line.endswith("live")

    @pytest.mark.parametrize("named", [False, True])
    def test_a_version_is_compared_with_what_was_published(
        self,
        run: Run,
        digest: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        named: bool,
    ) -> None:
        monkeypatch.setattr("index.verifying.WHOLE", 0)
        monkeypatch.setattr("index.verifying.SMALL", 0)
        data = tmp_path / "data"
        run("build", digest, "--data", data)
        live = Store(data).open_live()
        words = ("verify", *([live.version] if named else []), "--data", data)
        assert run(*words) == 0
        size = Store(data).version(live.version).size
        files = len(live.manifest.files)
        told = f"{live.version}: {files} files of {size:,} bytes are as they were published\n"
        assert run.out == told
        path = live.folder / "vectors.npy"
        path.write_bytes(path.read_bytes()[:-1] + b"\1")
        assert run(*words) == 1
        assert "vectors.npy is broken: its checksum differs" in run.err
        assert run("search", "강화 학습", "--data", data) == 0


class TestMistakes:
    @pytest.mark.parametrize(
        ("words", "status", "message"),
        [
            (["search", "q", "--data", "EMPTY"], 1, "nonmun build SOURCE"),
            (["ask", "q", "--data", "EMPTY"], 1, "nonmun build SOURCE"),
            (["similar", "x", "--data", "EMPTY"], 1, "nonmun build SOURCE"),
            (["serve", "--data", "EMPTY", "--port", "0"], 1, "nonmun build SOURCE"),
            (["search", "?!", "--data", "SAMPLES"], 1, "a word"),
            (["similar", "--data", "SAMPLES"], 1, "name a paper"),
            (["similar", "9999.99999", "--data", "SAMPLES"], 1, "9999.99999"),
            (["terms", "--data", "EMPTY"], 1, "nonmun build SOURCE"),
            (["terms", "--top-k", "0"], 2, "--top-k"),
            (["rollback", "none", "--data", "SAMPLES"], 1, "there are: "),
            (["verify", "--data", "EMPTY"], 1, "nonmun build SOURCE"),
            (["verify", "none", "--data", "SAMPLES"], 1, "there are: "),
            (["build", "nowhere", "--data", "EMPTY"], 1, "nowhere: no such file"),
            (["build"], 2, "Missing argument"),
            (["search"], 2, "Missing argument"),
            (["search", "q", "--top-k", "0"], 2, "--top-k"),
            (["search", "q", "--since", "soon"], 2, "soon"),
            (["search", "q", "--profile", "nowhere.yaml"], 2, "no such profile: nowhere.yaml"),
            (["serve", "--port", "70000"], 2, "--port"),
            (["nothing"], 2, "No such command"),
            (["search", "q", "--nothing"], 2, "No such option"),
        ],
    )
    def test_each_is_told_in_a_line(
        self,
        run: Run,
        store: Store,
        tmp_path: Path,
        words: list[str],
        status: int,
        message: str,
    ) -> None:
        named = {"EMPTY": str(tmp_path / "empty"), "SAMPLES": str(store.folder)}
        assert run(*(named.get(word, word) for word in words)) == status
        assert message in run.err

    def test_a_store_that_cannot_be_written_is_told(
        self, run: Run, digest: Path, tmp_path: Path
    ) -> None:
        data = tmp_path / "data"
        run("build", digest, "--data", data)
        version = Store(data).live()
        (data / "live").unlink()
        (data / "live").mkdir()
        assert run("rollback", version, "--data", data) == 1
        assert "can't " in run.err

    def test_half_a_character_of_another_encoding_is_told(self, run: Run, store: Store) -> None:
        assert run("search", "a\udcea", "--data", store.folder) == 1
        assert "UTF-8" in run.err

    def test_a_data_folder_that_is_a_file_is_told(
        self, run: Run, digest: Path, tmp_path: Path
    ) -> None:
        assert run("build", digest, "--data", digest) == 1
        assert "can't write" in run.err

    def test_a_port_in_use_is_told(self, run: Run, store: Store) -> None:
        import socket

        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            assert run("serve", "--data", store.folder, "--port", port) == 1
        assert f"port {port}: address already in use" in run.err


class TestHelp:
    def test_every_command_is_explained(self, run: Run) -> None:
        assert run("--help") == 0
        for command in (
            "build",
            "search",
            "ask",
            "similar",
            "terms",
            "serve",
            "eval",
            "versions",
            "rollback",
            "verify",
            "forget",
        ):
            assert f"\n  {command} " in run.out
            other = run.out
            assert run(command, "--help") == 0
            assert "--data" in run.out
            run.out = other

    def test_the_version_is_printed(self, run: Run) -> None:
        assert run("--version") == 0
        assert run.out.startswith("nonmun 0.")

    def test_help_imports_nothing_heavy(self) -> None:
        code = (
            "import sys; import rag.cli; "
            "heavy = {'torch', 'numpy', 'faiss', 'kiwipiepy', 'fastapi'} & set(sys.modules); "
            "sys.exit(repr(heavy) if heavy else 0)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def test_searching_does_not_import_torch(self, store: Store) -> None:
        code = (
            "import sys; sys.argv = ['nonmun', 'search', '강화 학습']\n"
            "from rag import cli\n"
            "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
            "sys.exit('torch' if 'torch' in sys.modules else 0)"
        )
        environment = {**os.environ, "NONMUN_DATA": str(store.folder)}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr
        assert "1. " in done.stdout
