"""A forgotten paper is as if it were not there, and the command that forgets it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from index.forgotten import Forgotten
from index.fusion import FEEDBACK_FROM, rank
from index.language import Language
from index.questions import read_questions
from index.scoring import Query
from index.store import Store
from rag import cli, printing
from rag.answer import ask
from rag.errors import UnknownPaperError
from rag.evaluation import evaluate
from rag.filters import Filters
from rag.refusals import NOTHING
from rag.search import Found, Searcher
from rag.service.live import Live
from rag.settings import SearchGroup, Settings
from rag.similar import similar

DPO, LORA, QLORA, RAG = "2305.18290", "2106.09685", "2305.14314", "2005.11401"
TRI_DAO = ["2205.14135", "2312.00752"]
QUESTION = "보상 모델 없이 선호를 학습하는 방법은?"


def _without(searcher: Searcher, *ids: str, authors: tuple[str, ...] = ()) -> Searcher:
    return searcher.with_forgotten(Forgotten(frozenset(ids), frozenset(authors)))


def _ids(found: Found) -> list[str]:
    return [hit.paper.id for hit in found.hits]


class TestSearch:
    def test_a_forgotten_paper_is_not_found_and_all_others_are(self, searcher: Searcher) -> None:
        assert _ids(searcher.search(QUESTION))[0] == DPO
        found = _ids(_without(searcher, DPO).search(QUESTION, 100))
        assert set(found) == set(searcher.snapshot.ids) - {DPO}

    def test_all_papers_of_an_author_are_gone(self, searcher: Searcher) -> None:
        found = _ids(_without(searcher, authors=("TRI DAO",)).search("attention", 100))
        assert set(found) == set(searcher.snapshot.ids) - set(TRI_DAO)

    @pytest.mark.parametrize("query", [DPO, f"{DPO} 와 {LORA}", f"arXiv:{DPO}v2"])
    def test_naming_its_number_does_not_bring_it_back(self, searcher: Searcher, query: str) -> None:
        assert DPO in _ids(searcher.search(query, 2))
        found = _ids(_without(searcher, DPO).search(query, 100))
        assert DPO not in found
        assert (found[0] == LORA) == (LORA in query)

    @pytest.mark.parametrize(
        "filters", [Filters(ids=(DPO, LORA)), Filters(min_votes=1), Filters(sections=("Summary",))]
    )
    def test_filters_choose_among_the_rest(self, searcher: Searcher, filters: Filters) -> None:
        passing = _ids(searcher.search("모델", 100, filters=filters))
        found = _ids(_without(searcher, DPO, LORA).search("모델", 100, filters=filters))
        assert set(found) == set(passing) - {DPO, LORA}

    def test_it_leaves_the_order_of_the_others(self, searcher: Searcher) -> None:
        settings = SearchGroup.model_validate({"weights": {"feedback": 0}})
        plain = Searcher(searcher.snapshot, settings)
        before = _ids(plain.search(QUESTION, 100))
        assert _ids(_without(plain, DPO).search(QUESTION, 100)) == [i for i in before if i != DPO]

    def test_what_it_is_like_is_not_put_first_for_its_sake(self, searcher: Searcher) -> None:
        """The feedback trusts the first papers that are not forgotten; computed by hand."""
        snapshot, weight = searcher.snapshot, searcher.weights.feedback
        assert snapshot.latent is not None
        forgetting = _without(searcher, DPO)
        settings = SearchGroup.model_validate({"weights": {"feedback": 0}})
        scores = rank(snapshot, Query(QUESTION), Searcher(snapshot, settings).weights)
        assert scores is not None
        kept = np.array([row for row, name in enumerate(snapshot.ids) if name != DPO])
        first = kept[np.argsort(-scores[kept])[:FEEDBACK_FROM]]
        trust = np.exp(scores[first] - scores[first].max())
        likeness = snapshot.latent.papers @ (trust / trust.sum() @ snapshot.latent.papers[first])
        wanted = scores + weight * (likeness - likeness.mean()) / likeness.std()
        for hit in forgetting.search(QUESTION, 100).hits:
            assert hit.score == pytest.approx(wanted[hit.row], abs=2e-3)

    def test_a_question_is_answered_from_the_rest(self, searcher: Searcher) -> None:
        asked = ask(_without(searcher, DPO), QUESTION)
        assert DPO not in {one.paper for one in asked.answer.citations}
        assert DPO not in _ids(asked.found)

    def test_where_all_is_forgotten_nothing_is_found(self, searcher: Searcher) -> None:
        nothing = _without(searcher, *searcher.snapshot.ids)
        for query in (QUESTION, DPO):
            assert nothing.search(query).hits == ()
            assert nothing.search(query, filters=Filters(min_votes=1)).hits == ()
        asked = ask(nothing, QUESTION)
        refusal = NOTHING[Language.KOREAN]
        assert (asked.answerable, asked.confidence, asked.answer.text) == (False, 0.0, refusal)
        assert similar(nothing, text="확산 모델").hits == ()
        assert nothing.newest() is None

    def test_what_no_paper_has_changes_nothing(self, searcher: Searcher) -> None:
        forgetting = _without(searcher, "9999.99999", authors=("Nobody",))
        assert forgetting.allowed() is None
        assert forgetting.search(QUESTION).hits == searcher.search(QUESTION).hits

    def test_a_paper_that_is_not_forgotten_any_more_is_back(self, searcher: Searcher) -> None:
        again = _without(_without(searcher, DPO))
        assert again.search(QUESTION).hits == searcher.search(QUESTION).hits

    def test_a_question_that_wants_it_wants_a_paper_that_is_not_here(
        self, searcher: Searcher, tmp_path: Path
    ) -> None:
        path = tmp_path / "q.jsonl"
        path.write_text(json.dumps({"query": QUESTION, "paper": DPO}), encoding="utf-8")
        questions = read_questions([path])
        assert evaluate(searcher, questions).missing == []
        assert evaluate(_without(searcher, DPO), questions).missing == [DPO]


class TestSimilar:
    def test_it_is_like_nothing(self, searcher: Searcher) -> None:
        assert QLORA in [one.hit.paper.id for one in similar(searcher, [LORA]).hits]
        found = [
            one.hit.paper.id for one in similar(_without(searcher, QLORA), [LORA], top_k=99).hits
        ]
        assert set(found) == set(searcher.snapshot.ids) - {LORA, QLORA}

    @pytest.mark.parametrize("name", [LORA, f"{LORA}v1", f"https://arxiv.org/abs/{LORA}"])
    def test_nothing_is_like_it_or_unlike_it(self, searcher: Searcher, name: str) -> None:
        forgetting = _without(searcher, LORA)
        with pytest.raises(UnknownPaperError, match=r"2106\.09685"):
            similar(forgetting, [name])
        with pytest.raises(UnknownPaperError, match=r"2106\.09685"):
            similar(forgetting, [DPO], [name])


class TestNewest:
    def test_it_is_the_newest_that_is_left(self, searcher: Searcher) -> None:
        ids = searcher.snapshot.ids
        newest = [searcher.newest(), _without(searcher, ids[-1], ids[-2], ids[0]).newest()]
        assert [paper.id for paper in newest if paper] == [ids[-1], ids[-3]]

    def test_the_request_to_try_does_not_quote_a_forgotten_one(
        self, own: Store, capsys: pytest.CaptureFixture[str]
    ) -> None:
        live = Live(own, Settings(data=own.folder))
        live.refresh()
        snapshot = live.searcher.snapshot
        title = snapshot.paper(len(snapshot) - 1).title
        printing.serving("http://x", live.searcher.snapshot.manifest, live.searcher.newest())
        assert title in capsys.readouterr().out
        own.forgotten.add([snapshot.ids[-1]])
        printing.serving("http://x", live.searcher.snapshot.manifest, live.searcher.newest())
        said = capsys.readouterr().out
        assert title not in said
        assert snapshot.paper(len(snapshot) - 2).title in said
        own.forgotten.add(snapshot.ids)
        printing.serving("http://x", live.searcher.snapshot.manifest, live.searcher.newest())
        assert "curl" not in capsys.readouterr().out


# The command


class Run:
    """Runs the command in this process; `out` and `err` are what it printed."""

    def __init__(
        self, store: Store, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self._store, self._patch, self._capture = store, patch, capture
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        self._patch.setattr(sys, "argv", ["nonmun", *words, "--data", str(self._store.folder)])
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
def own(store: Store, tmp_path: Path) -> Store:
    """A store of its own, to forget in."""
    shutil.copytree(store.folder, tmp_path / "own")
    return Store(tmp_path / "own")


@pytest.fixture
def run(own: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("NONMUN_PROFILE", "")
    monkeypatch.setenv("COLUMNS", "200")
    return Run(own, monkeypatch, capsys)


class TestForget:
    def test_a_paper_is_gone_from_what_the_commands_find(self, run: Run) -> None:
        assert run("search", QUESTION) == 0
        assert DPO in run.out
        assert run("forget", DPO) == 0
        assert run.out.startswith(
            f"{DPO}: forgotten; 1 paper of the live version hidden at once\n"
            "What is forgotten is left out by the next build, and by all that follow."
        )
        assert "still have the text on disk" in run.out
        for command in ("search", "ask"):
            assert run(command, QUESTION) == 0
            assert run.out
            assert DPO not in run.out
        assert run("similar", DPO) == 1
        assert f"no paper '{DPO}' here" in run.err

    def test_an_author_goes_with_all_papers(self, run: Run) -> None:
        assert run("forget", "--author", "tri  DAO") == 0
        assert run.out.startswith("tri DAO: forgotten; 2 papers of the live version hidden at once")
        assert run("search", "attention", "--top-k", "100") == 0
        assert not [name for name in TRI_DAO if name in run.out]

    def test_each_name_is_told_of(self, run: Run) -> None:
        run("forget", LORA)
        words = [f"https://arxiv.org/abs/{LORA}v2", DPO, f"{DPO}v1", "9999.99999"]
        assert run("forget", *words, "--author", "Nobody", "--author", "nobody") == 0
        assert run.out.splitlines()[:4] == [
            f"{LORA}: forgotten already; 1 paper of the live version hidden at once",
            f"{DPO}: forgotten; 1 paper of the live version hidden at once",
            "9999.99999: forgotten; no paper of the live version, the list keeps it for later ones",
            "nobody: forgotten; no paper of the live version, the list keeps it for later ones",
        ]
        assert run("forget", "9999.99999") == 0
        assert run.out.startswith("9999.99999: forgotten already; no paper of the live version\n")

    def test_it_can_be_taken_back(self, run: Run) -> None:
        run("forget", DPO, "9999.99999", "--author", "Tri Dao")
        assert run("forget", "--undo", f"{DPO}v3", "9999.99999", "--author", "tri dao") == 0
        assert run.out.splitlines() == [
            f"{DPO}: not forgotten any more; 1 paper of the live version back at once",
            "9999.99999: not forgotten any more; no paper of the live version,"
            " so back with the next build that reads it",
            "tri dao: not forgotten any more; 2 papers of the live version back at once",
        ]
        assert run("search", QUESTION) == 0
        assert DPO in run.out

    def test_what_something_else_hides_stays_hidden(self, run: Run) -> None:
        run("forget", TRI_DAO[0], "--author", "Tri Dao")
        assert run("forget", "--undo", "--author", "Tri Dao") == 0
        assert run.out == (
            "Tri Dao: not forgotten any more; 1 paper of the live version back at once,"
            " 1 paper still hidden by other names on the list\n"
        )
        assert run("similar", TRI_DAO[0]) == 1

    def test_the_list_says_what_and_since_when(self, run: Run, own: Store) -> None:
        assert run("forget", "--list") == 0
        assert run.out == "Nothing is forgotten here.\n"
        run("forget", LORA, "--author", "Tri Dao")
        assert run("forget", "--list") == 0
        day = own.forgotten.entries().papers[LORA].isoformat()
        assert run.out == f"papers:\n  {day}  {LORA}\nauthors:\n  {day}  Tri Dao\n"
        assert run("forget", "--list", "--json") == 0
        assert json.loads(run.out) == {
            "papers": [{"name": LORA, "since": day}],
            "authors": [{"name": "Tri Dao", "since": day}],
        }

    def test_json_has_the_same(self, run: Run) -> None:
        assert run("forget", LORA, "--author", "Tri Dao", "--json") == 0
        author = {"kind": "author", "name": "Tri Dao"}
        paper = {"kind": "paper", "name": LORA}
        assert json.loads(run.out) == {
            "forgotten": [
                {**paper, "new": True, "papers": 1},
                {**author, "new": True, "papers": 2},
            ]
        }
        run("forget", TRI_DAO[0])
        assert run("forget", "--undo", "--author", "Tri Dao", "--json") == 0
        assert json.loads(run.out) == {"taken_back": [{**author, "papers": 1, "hidden": 1}]}

    def test_before_the_first_build_the_list_is_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        store = Store(tmp_path / "empty")
        run = Run(store, monkeypatch, capsys)
        assert run("forget", LORA) == 0
        assert "no version is live that could be read" in run.out
        assert store.forgotten.read().papers == {LORA}
        assert run("forget", "--undo", LORA) == 0
        assert "no version is live that could be read" in run.out

    def test_a_broken_version_does_not_keep_it_from_being_forgotten(
        self, run: Run, own: Store
    ) -> None:
        (own.open_live().folder / "votes.npy").unlink()
        assert run("forget", LORA, "--json") == 0
        assert json.loads(run.out)["forgotten"][0]["papers"] is None
        assert own.forgotten.read().papers == {LORA}


class TestMistakes:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ([], "give the id of a paper or --author NAME"),
            (["--undo"], "give the id of a paper or --author NAME"),
            (["--undo", LORA], f"not forgotten: {LORA}; nonmun forget --list"),
            (["--undo", "--author", "Tri Dao"], "not forgotten: Tri Dao"),
            (["--list", LORA], "--list goes without"),
            (["--list", "--undo"], "--list goes without"),
            (["--list", "--author", "Tri Dao"], "--list goes without"),
            ([LORA, ""], "the id of a paper should not be empty"),
            ([LORA, " \u3000"], "the id of a paper should not be empty"),
            ([LORA, "--author", " "], "the name of an author should not be empty"),
            ([LORA, "2407\n10058"], r"no control characters, '2407\n10058' has"),
            ([LORA, "\x1b[31m"], r"no control characters, '\x1b[31m' has"),
            ([LORA, "--author", "Tri\x00Dao"], r"no control characters, 'Tri\x00Dao' has"),
            ([LORA, "a\udcea"], r"no control characters, 'a\udcea' has"),
            ([LORA, "x" * 301], "up to 300 characters"),
            ([LORA, "--author", "x" * 1_000_000], "has 1,000,000"),
        ],
    )
    def test_each_is_told_in_a_line_and_changes_nothing(
        self, run: Run, own: Store, words: list[str], message: str
    ) -> None:
        assert run("forget", *words) == 1
        assert message in run.err
        assert run.err.count("\n") == 1
        assert len(run.err) < 300
        assert not own.forgotten.read()

    def test_of_several_to_take_back_all_have_to_be_there(self, run: Run, own: Store) -> None:
        run("forget", LORA)
        assert run("forget", "--undo", LORA, DPO) == 1
        assert DPO in run.err
        assert LORA not in run.err
        assert own.forgotten.read().papers == {LORA}

    @pytest.mark.parametrize(
        "words", [["search", QUESTION], ["forget", LORA], ["forget", "--list"]]
    )
    def test_a_broken_list_is_an_error_that_names_it(
        self, run: Run, own: Store, words: list[str]
    ) -> None:
        own.forgotten.path.write_text("{", encoding="utf-8")
        assert run(*words) == 1
        assert "forgotten.json is broken" in run.err
        assert own.forgotten.path.read_text(encoding="utf-8") == "{"

    def test_names_of_300_characters_are_taken(self, run: Run, own: Store) -> None:
        assert run("forget", "x" * 300) == 0
        assert own.forgotten.read().papers == {"x" * 300}
