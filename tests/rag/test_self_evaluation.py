"""The corpus asks itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from index.passages import plain
from index.snapshot import Snapshot
from index.store import Store
from index.trials import ask_rare_terms, ask_sentences, ask_titles, unseen
from rag.cli import main
from rag.search import Searcher
from rag.self_evaluation import Trial, own_questions, score_own
from rag.settings import SearchGroup


def test_only_papers_that_nothing_was_learned_from_are_asked_about(snapshot: Snapshot) -> None:
    rows = unseen(snapshot)
    with own_questions(snapshot) as trials:
        for questions in trials.values():
            assert {one.paper for one in questions.asked} <= set(rows)
        assert len(trials[Trial.TITLES].asked) == len(rows) > 0


def test_most_bounds_the_questions(snapshot: Snapshot) -> None:
    with own_questions(snapshot, most=2) as trials:
        assert all(len(questions.asked) <= 2 for questions in trials.values())


def test_titles_are_asked_without_names_of_an_index_without_titles(snapshot: Snapshot) -> None:
    for one in ask_titles(snapshot, range(len(snapshot))):
        title = snapshot.paper(one.paper).title
        assert title.endswith(one.text)
        assert len(one.text) == len(title) or title[: -len(one.text)].rstrip().endswith(":")


def test_a_sentence_is_asked_of_an_index_without_its_passage(
    snapshot: Snapshot, tmp_path: Path
) -> None:
    lacking, asked = ask_sentences(snapshot, range(len(snapshot)), tmp_path)
    assert len(asked) > 30
    assert len(lacking) == len(snapshot)
    assert lacking.manifest.passages == snapshot.manifest.passages - len(asked)
    for one in asked:
        texts = [plain(lacking.passage(row).text) for row in lacking.passages_of(one.paper)]
        assert texts
        assert not any(one.text in text for text in texts)
        before = [plain(snapshot.passage(row).text) for row in snapshot.passages_of(one.paper)]
        assert any(one.text in text for text in before)


def test_what_is_left_over_is_as_it_was(snapshot: Snapshot, tmp_path: Path) -> None:
    lacking, asked = ask_sentences(snapshot, [0], tmp_path)
    for row in range(1, len(snapshot)):
        ours = [lacking.passage(one).text for one in lacking.passages_of(row)]
        assert ours == [snapshot.passage(one).text for one in snapshot.passages_of(row)]
    vectors = lacking.vectors.vectors[1 - len(snapshot) :]
    assert np.array_equal(vectors, snapshot.vectors.vectors[1 - len(snapshot) :])
    assert len(asked) == 1


def test_rare_terms_stand_in_their_paper(snapshot: Snapshot) -> None:
    asked = ask_rare_terms(snapshot, range(len(snapshot)))
    assert asked
    for one in asked:
        text = " ".join(snapshot.passage(row).text for row in snapshot.passages_of(one.paper))
        assert all(term in text for term in one.text.split())


def test_the_scores_are_those_of_the_search(snapshot: Snapshot) -> None:
    with own_questions(snapshot) as trials:
        questions = trials[Trial.TITLES]
        scores = score_own(questions, SearchGroup())
        searcher = Searcher(questions.snapshot)
        ranks = []
        for one in questions.asked:
            ids = [hit.paper.id for hit in searcher.search(one.text, 10, 0).hits]
            wanted = snapshot.ids[one.paper]
            ranks.append(1 / (ids.index(wanted) + 1) if wanted in ids else 0.0)
    assert scores.values["RR@10"] == pytest.approx(ranks)


def test_eval_without_files(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["nonmun", "eval", "--data", str(store.folder), "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    reply = json.loads(capsys.readouterr().out)
    assert set(reply["own"]) == set(Trial)
    for trial in reply["own"].values():
        assert trial["questions"] > 0
        assert 0 <= trial["RR@10"]["low"] <= trial["RR@10"]["mean"] <= trial["RR@10"]["high"] <= 1
    monkeypatch.setattr("sys.argv", ["nonmun", "eval", "--data", str(store.folder)])
    with pytest.raises(SystemExit):
        main()
    printed = capsys.readouterr().out
    assert all(len(line) <= 80 for line in printed.splitlines())
    assert "titles" in printed
