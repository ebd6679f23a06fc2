"""The HTTP contract, over the sample digests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from index.errors import EncoderError
from index.scoring import Floats
from index.snapshot import Snapshot
from index.store import Store
from rag.rerank import Reranker
from rag.service.app import create_app
from rag.service.live import Live
from rag.settings import Settings

DPO = "2305.18290"
QUESTION = "보상 모델 없이 선호를 학습하는 방법은?"
LEGS = {"lexical": "ok", "dense": "ok", "latent": "ok", "late": "ok", "rerank": "off"}


def _problem(reply: Any, status: int) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = reply.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


class TestSearch:
    def test_the_reply_has_the_fields_of_the_contract(
        self, client: TestClient, snapshot: Snapshot
    ) -> None:
        reply = client.post("/v1/search", json={"query": QUESTION, "top_k": 3})
        assert reply.status_code == 200
        body = reply.json()
        assert body["index_version"] == snapshot.version
        assert body["legs"] == LEGS
        assert body["took_ms"] > 0
        assert len(body["papers"]) == 3
        first = body["papers"][0]
        assert first["id"] == DPO
        assert first["title"].startswith("Direct Preference Optimization")
        assert first["url"] == f"https://arxiv.org/abs/{DPO}"
        assert first["date"] == "2025-03-03"
        assert first["votes"] == 31
        assert "Chelsea Finn" in first["authors"]
        assert first["flags"] == []
        passage = first["passages"][0]
        assert set(passage) == {"id", "section", "text", "score", "highlights", "source"}
        for start, end in passage["highlights"]:
            assert passage["text"][start:end].strip()

    def test_a_source_finds_the_passage_in_its_file(
        self, client: TestClient, samples: Path
    ) -> None:
        body = client.post("/v1/search", json={"query": QUESTION}).json()
        for paper in body["papers"]:
            for passage in paper["passages"]:
                source = passage["source"]
                text = (samples / source["file"]).read_bytes().decode("utf-8")
                if "['" not in text[source["start"] - 1 : source["start"] + 2]:
                    assert text[source["start"] : source["end"]] == passage["text"]

    def test_the_settings_say_how_much_comes_where_a_request_does_not(self, store: Store) -> None:
        search = {"top_k": 4, "passages_per_paper": 1}
        settings = Settings.model_validate({"data": store.folder, "search": search})
        live = Live(store, settings)
        live.refresh()
        with TestClient(create_app(live, settings)) as client:
            papers = client.post("/v1/search", json={"query": QUESTION}).json()["papers"]
            assert [len(paper["passages"]) for paper in papers] == [1] * 4
            assert len(client.post("/v1/ask", json={"question": QUESTION}).json()["papers"]) == 4
            assert len(client.get(f"/v1/papers/{DPO}/similar").json()["papers"]) == 4
            more = client.post("/v1/search", json={"query": QUESTION, "top_k": 6}).json()
            assert len(more["papers"]) == 6

    def test_the_settings_say_what_each_leg_counts(self, store: Store) -> None:
        off = {"lexical": 0, "native": 0, "latent": 0, "late": 0, "feedback": 0}
        settings = Settings.model_validate({"data": store.folder, "search": {"weights": off}})
        live = Live(store, settings)
        live.refresh()
        with TestClient(create_app(live, settings)) as client:
            body = client.post("/v1/search", json={"query": QUESTION}).json()
            assert body["legs"] == {**dict.fromkeys(LEGS, "off"), "dense": "ok"}
            assert len(body["papers"]) == 10
            assert client.get("/readyz").status_code == 200

    def test_no_passages_are_shown_where_none_are_asked_for(self, client: TestClient) -> None:
        asked = {"query": QUESTION, "top_k": 5}
        shown = client.post("/v1/search", json=asked).json()["papers"]
        hidden = client.post("/v1/search", json={**asked, "passages_per_paper": 0}).json()["papers"]
        assert [paper["passages"] for paper in hidden] == [[]] * 5
        for one, other in zip(shown, hidden, strict=True):
            assert (one["id"], one["score"]) == (other["id"], other["score"])

    def test_an_english_question_is_marked_in_korean_text(self, client: TestClient) -> None:
        asked = {"query": "How can a picture be divided into objects?", "top_k": 1}
        (paper,) = client.post("/v1/search", json=asked).json()["papers"]
        passage = paper["passages"][0]
        marked = [passage["text"][start:end] for start, end in passage["highlights"]]
        assert paper["id"] == "2304.02643"
        assert {"분할", "객체"} <= set(marked)

    def test_filters_are_applied(self, client: TestClient) -> None:
        filters = {"until": "2023-12-31", "exclude_flags": ["summary-mismatch"]}
        body = client.post("/v1/search", json={"query": "모델", "top_k": 50, "filters": filters})
        dates = {paper["date"] for paper in body.json()["papers"]}
        assert dates == {"2023-12-04"}

    @pytest.mark.parametrize(
        ("body", "field", "allowed"),
        [
            ({}, "query", "required"),
            ({"query": ""}, "query", "at least 1"),
            ({"query": "?!"}, "query", "a word"),
            ({"query": "x" * 2001}, "query", "at most 2000"),
            ({"query": 3}, "query", "string"),
            ({"query": "a", "top_k": 0}, "top_k", "greater than or equal to 1"),
            ({"query": "a", "top_k": 101}, "top_k", "less than or equal to 100"),
            ({"query": "a", "top_k": "many"}, "top_k", "integer"),
            ({"query": "a", "top_k": 1e400}, "top_k", "integer"),
            ({"query": "a", "top_k": "10"}, "top_k", "integer"),
            ({"query": "a", "top_k": True}, "top_k", "integer"),
            ({"query": "a", "filters": {"since": 0}}, "filters.since", "2024-07-16"),
            ({"query": "a", "filters": {"until": "1720051200"}}, "filters.until", "2024-07-16"),
            ({"query": "a", "passages_per_paper": -1}, "passages_per_paper", "greater than"),
            ({"query": "a", "topk": 3}, "topk", "no such field"),
            ({"query": "a", "filters": {"since": "yesterday"}}, "filters.since", "date"),
            ({"query": "a", "filters": {"sinse": "2024-01-01"}}, "filters.sinse", "no such"),
            ({"query": "a", "filters": {"min_votes": -1}}, "filters.min_votes", "greater"),
            ({"query": "a", "filters": {"authors": "Kim"}}, "filters.authors", "list"),
            ({"query": "a", "filters": {"ids": ["x"] * 101}}, "filters.ids", "at most 100"),
            ({"query": "a", "filters": []}, "filters", "dictionary"),
            ([], "body", "dictionary"),
        ],
    )
    def test_a_wrong_field_is_named_with_what_is_allowed(
        self, client: TestClient, body: Any, field: str, allowed: str
    ) -> None:
        reply = client.post(
            "/v1/search",
            content=json.dumps(body),
            headers={"content-type": "application/json"},
        )
        errors = _problem(reply, 422)["errors"]
        assert errors[0]["field"] == field
        assert allowed in errors[0]["allowed"]

    def test_the_wrong_value_is_shown_but_not_all_of_a_long_one(self, client: TestClient) -> None:
        body = _problem(client.post("/v1/search", json={"query": "a", "top_k": 0}), 422)
        assert body["errors"][0]["value"] == 0
        body = _problem(client.post("/v1/search", json={"query": "x" * 5000}), 422)
        assert len(body["errors"][0]["value"]) <= 100

    @pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe", b"[" * 100_000, b"nothing"])
    def test_a_body_that_is_not_json_is_a_problem(self, client: TestClient, content: bytes) -> None:
        headers = {"content-type": "application/json"}
        reply = client.post("/v1/search", content=content, headers=headers)
        assert reply.status_code in (400, 422)
        _problem(reply, reply.status_code)

    def test_half_a_surrogate_pair_is_refused(self, client: TestClient) -> None:
        headers = {"content-type": "application/json"}
        reply = client.post("/v1/search", content=b'{"query": "a\\ud800"}', headers=headers)
        assert _problem(reply, 422)["errors"][0]["field"] == "query"

    def test_a_body_that_is_not_sent_as_json_is_told_how_to_send_it(
        self, client: TestClient
    ) -> None:
        reply = client.post("/v1/search", content=b'{"query": "a"}')
        assert "application/json" in _problem(reply, 415)["detail"]

    def test_a_body_that_is_too_large_is_refused_unread(self, client: TestClient) -> None:
        headers = {"content-type": "application/json"}
        large = b'{"query": [' + b"1," * 600_000 + b"1]}"
        _problem(client.post("/v1/search", content=large, headers=headers), 413)
        parts = (b" " * 100_000 for _ in range(20))  # without a length
        _problem(client.post("/v1/search", content=parts, headers=headers), 413)
        fits = b'{"query": "a"' + b" " * 900_000 + b"}"
        assert client.post("/v1/search", content=fits, headers=headers).status_code == 200


class TestReranking:
    """What the service does with a reranker, and that its reply says how it fared."""

    class Reversing:
        def scores(self, query: str, texts: Sequence[str]) -> Floats:
            return np.arange(len(texts), dtype=np.float32)

    class Failing:
        def scores(self, query: str, texts: Sequence[str]) -> Floats:
            raise EncoderError("no such model")

    def _papers(
        self, store: Store, reranker: Reranker, monkeypatch: pytest.MonkeyPatch, status: str
    ) -> list[dict[str, Any]]:
        monkeypatch.setattr("rag.service.live.open_reranker", lambda _: reranker)
        rerank = {"model": "a stand-in", "candidates": 4, "timeout_ms": 30_000}
        settings = Settings.model_validate({"data": store.folder, "rerank": rerank})
        live = Live(store, settings)
        live.refresh()
        with TestClient(create_app(live, settings)) as client:
            body = client.post("/v1/search", json={"query": QUESTION, "top_k": 6}).json()
            assert body["legs"] == {**LEGS, "rerank": status}
            asked = client.post("/v1/ask", json={"question": QUESTION, "top_k": 6}).json()
            assert asked["legs"] == body["legs"]
            assert asked["papers"] == body["papers"]
            similar = client.post("/v1/similar", json={"ids": [DPO]}).json()
            assert similar["legs"]["rerank"] == "off"
        papers: list[dict[str, Any]] = body["papers"]
        return papers

    def test_the_first_papers_come_in_its_order(
        self, store: Store, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = {"query": QUESTION, "top_k": 6}
        plainly = client.post("/v1/search", json=asked).json()["papers"]
        papers = self._papers(store, self.Reversing(), monkeypatch, "ok")
        ids = [paper["id"] for paper in plainly]
        assert [paper["id"] for paper in papers] == [*ids[3::-1], *ids[4:]]
        assert [paper["score"] for paper in papers] == [paper["score"] for paper in plainly]

    def test_the_order_stays_where_it_fails(
        self, store: Store, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = {"query": QUESTION, "top_k": 6}
        plainly = client.post("/v1/search", json=asked).json()["papers"]
        assert self._papers(store, self.Failing(), monkeypatch, "failed") == plainly


class TestAsk:
    def test_an_answer_cites_its_passage(self, client: TestClient, samples: Path) -> None:
        body = client.post("/v1/ask", json={"question": QUESTION}).json()
        assert body["answerable"] is True
        assert 0 < body["confidence"] <= 1
        assert body["answer"]["kind"] == "extractive"
        assert set(body["answer"]) == {"kind", "text", "citations", "unsupported", "fallback"}
        (citation,) = body["answer"]["citations"]
        paper = next(paper for paper in body["papers"] if paper["id"] == citation["paper"])
        passage = next(one for one in paper["passages"] if one["id"] == citation["passage"])
        assert passage["text"][citation["start"] : citation["end"]] == citation["quote"]
        source = citation["source"]
        text = (samples / source["file"]).read_bytes().decode("utf-8")
        assert text[source["start"] : source["end"]] == citation["quote"]
        assert body["legs"] == LEGS

    def test_nothing_to_answer_is_said_and_papers_come_all_the_same(
        self, client: TestClient
    ) -> None:
        body = client.post("/v1/ask", json={"question": "오늘 점심은 김치찌개가 좋을까?"}).json()
        assert body["answerable"] is False
        assert body["answer"] == {
            "kind": "none",
            "text": "여기 있는 논문에는 이 질문에 대한 답이 없습니다.",
            "citations": [],
            "unsupported": 0,
            "fallback": None,
        }
        assert len(body["papers"]) == 10

    def test_the_same_question_gets_the_same_reply(self, client: TestClient) -> None:
        replies = [client.post("/v1/ask", json={"question": QUESTION}).json() for _ in range(3)]
        for reply in replies:
            reply.pop("took_ms")
        assert replies[0] == replies[1] == replies[2]


REASONS = {
    *("passage", "like", "terms", "authors"),
    *("passage_text", "like_paper", "like_text", "like_span", "names"),
}


class TestSimilar:
    def test_similar_papers_say_why(self, client: TestClient) -> None:
        body = client.post("/v1/similar", json={"ids": [DPO], "top_k": 5}).json()
        assert len(body["papers"]) == 5
        assert DPO not in {paper["id"] for paper in body["papers"]}
        for paper in body["papers"]:
            because = paper["because"]
            assert set(because) == REASONS
            assert because["passage"].startswith(f"{paper['id']}#")
            shown = {one["id"]: one["text"] for one in paper["passages"]}
            text = because["passage_text"]
            assert shown.get(because["passage"], text) == text
            assert because["like"].startswith(f"{DPO}#")
            assert because["like_paper"] == DPO
            assert because["like_text"]
            assert because["like_span"] is None
            assert because["terms"]
        assert body["legs"] == {**LEGS, "late": "off"}
        assert client.get(f"/v1/papers/{DPO}/similar?top_k=5").json()["papers"] == body["papers"]

    def test_an_unknown_id_is_named(self, client: TestClient) -> None:
        reply = client.post("/v1/similar", json={"ids": ["9999.99999"]})
        assert "9999.99999" in _problem(reply, 404)["detail"]
        reply = client.post("/v1/similar", json={"ids": [DPO], "not_ids": ["8888.88888", "x"]})
        assert _problem(reply, 404)["detail"] == "no paper '8888.88888', 'x' here"
        assert "nobody" in _problem(client.get("/v1/papers/nobody/similar"), 404)["detail"]

    def test_a_paper_to_be_near_and_far_is_refused(self, client: TestClient) -> None:
        reply = client.post("/v1/similar", json={"ids": [DPO], "not_ids": [f"{DPO}v1"]})
        assert f"not_ids: {DPO}" in _problem(reply, 422)["detail"]

    def test_a_part_of_the_text_is_a_reason(self, client: TestClient) -> None:
        text = "\u200b보상 모델 없이 선호를 학습한다. 강화 학습은 쓰지 않는다.\n\n" * 20
        body = client.post("/v1/similar", json={"text": text, "top_k": 3}).json()
        for paper in body["papers"]:
            because = paper["because"]
            start, end = because["like_span"]
            assert text[start:end] == because["like_text"]
            assert len(because["like_text"]) < len(text) / 2
            assert because["like"] is because["like_paper"] is None
            assert because["passage"].startswith(f"{paper['id']}#")

    def test_filters_and_diversity_are_part_of_a_request(self, client: TestClient) -> None:
        asked: dict[str, Any] = {"ids": [DPO], "top_k": 10}
        plain = client.post("/v1/similar", json=asked).json()["papers"]
        spread = client.post("/v1/similar", json={**asked, "diversity": 0.8}).json()["papers"]
        assert spread[0]["id"] == plain[0]["id"]
        assert [one["id"] for one in spread] != [one["id"] for one in plain]
        path = f"/v1/papers/{DPO}/similar?top_k=10"
        assert client.get(path).json()["papers"] == plain
        assert client.get(f"{path}&diversity=0.8").json()["papers"] == spread
        some = {"ids": [one["id"] for one in plain[3:6]]}
        found = client.post("/v1/similar", json={**asked, "filters": some}).json()["papers"]
        assert [one["id"] for one in found] == some["ids"]
        for wrong in (-0.1, 1.1, "0.5", True):
            _problem(client.post("/v1/similar", json={**asked, "diversity": wrong}), 422)

    def test_neither_ids_nor_text_is_refused(self, client: TestClient) -> None:
        _problem(client.post("/v1/similar", json={}), 422)
        _problem(client.get(f"/v1/papers/{DPO}/similar?top_k=0"), 422)


class TestPapers:
    def test_a_paper_comes_with_all_its_sections(
        self, client: TestClient, snapshot: Snapshot, samples: Path
    ) -> None:
        body = client.get(f"/v1/papers/{DPO}").json()
        row = snapshot.row_of(DPO)
        assert row is not None
        paper = snapshot.paper(row)
        assert [one["text"] for one in body["sections"]] == [one.text for one in paper.sections]
        assert body["id"] == DPO
        assert body["thumbnail"] == paper.thumbnail
        source = body["sections"][0]["source"]
        text = (samples / source["file"]).read_bytes().decode("utf-8")
        assert text[source["start"] : source["end"]] == body["sections"][0]["text"]

    @pytest.mark.parametrize("name", ["none", "a/b", "..%2F..%2Fetc%2Fpasswd", "%00", "한글"])
    def test_an_unknown_paper_is_a_problem(self, client: TestClient, name: str) -> None:
        _problem(client.get(f"/v1/papers/{name}"), 404)


class TestOperations:
    def test_it_tells_that_it_lives_and_is_ready(
        self, client: TestClient, snapshot: Snapshot
    ) -> None:
        assert client.get("/healthz").json()["status"] == "ok"
        assert client.get("/readyz").json() == {
            "status": "ready",
            "index_version": snapshot.version,
            "trouble": None,
        }

    @pytest.mark.parametrize("leg", ["lexical", "dense", "latent", "late"])
    def test_it_is_not_ready_when_a_leg_fails(
        self, client: TestClient, leg: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError("broken for the test")

        monkeypatch.setattr(f"index.fusion.score_{leg}", fail)
        assert leg in _problem(client.get("/readyz"), 503)["detail"]
        for path, field in (("search", "query"), ("ask", "question")):
            body = client.post(f"/v1/{path}", json={field: QUESTION}).json()
            assert body["legs"] == {**LEGS, leg: "failed"}
            assert body["papers"][0]["id"] == DPO

    def test_without_an_index_it_lives_but_is_not_ready(self, tmp_path: Path) -> None:
        settings = Settings(data=tmp_path)
        app = create_app(Live(Store(tmp_path), settings), settings)
        with TestClient(app, raise_server_exceptions=False) as client:
            assert client.get("/healthz").status_code == 200
            _problem(client.get("/readyz"), 503)
            _problem(client.post("/v1/search", json={"query": "a"}), 503)

    def test_metrics_count_requests_by_route(self, client: TestClient) -> None:
        client.post("/v1/search", json={"query": QUESTION})
        text = client.get("/metrics").text
        assert 'nonmun_requests_total{method="POST",route="/v1/search",status="200"}' in text
        assert "process_resident_memory_bytes" in text

    def test_the_docs_ask_no_other_host_for_anything(self, client: TestClient) -> None:
        page = client.get("/docs")
        assert page.status_code == 200
        assert "https://" not in page.text
        paths = client.get("/openapi.json").json()["paths"]
        assert {"/v1/search", "/v1/ask", "/v1/similar", "/v1/index"} <= set(paths)

    def test_the_index_tells_what_is_published(
        self, client: TestClient, snapshot: Snapshot
    ) -> None:
        body = client.get("/v1/index").json()
        assert body["index_version"] == snapshot.version
        (version,) = body["versions"]
        assert set(version) == {
            "version",
            "live",
            "built",
            "papers",
            "passages",
            "bytes",
            "encoder",
            "number",
            "changes",
            "quality",
            "forced",
        }
        assert (version["version"], version["live"]) == (snapshot.version, True)
        assert version["papers"] == len(snapshot)
        assert version["encoder"] == snapshot.manifest.fingerprint

    def test_the_docs_name_every_leg_and_what_may_become_of_it(self, client: TestClient) -> None:
        parts = client.get("/openapi.json").json()["components"]["schemas"]
        assert parts["Leg"]["enum"] == list(LEGS)
        assert set(parts["Status"]["enum"]) == {"ok", "off", "failed", "slow"}

    def test_what_is_not_there_is_a_problem_too(self, client: TestClient) -> None:
        _problem(client.get("/v2/search"), 404)
        _problem(client.get("/v1/search"), 405)

    def test_an_error_of_ours_shows_nothing_of_the_inside(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("an inner secret")

        monkeypatch.setattr("rag.search.Searcher.search", fail)
        reply = client.post("/v1/search", json={"query": QUESTION})
        _problem(reply, 500)
        assert "secret" not in reply.text
