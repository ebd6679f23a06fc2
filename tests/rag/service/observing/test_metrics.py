"""What is counted and measured, and how it is told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from index.journal import Build, BuildState
from index.scoring import Leg
from index.stages import Stage
from rag.citing import Answer, AnswerKind
from rag.generation import Fallback
from rag.legs import Status
from rag.service.observing import Metrics, Readings, Refusal, Served

ROOT = Path(__file__).parents[4]

Samples = dict[str, float]


def _samples(text: str) -> Samples:
    """Every sample by its name and labels, as they stand."""
    found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(one.labels.items()))
            key = one.name + f"{{{labels}}}" * bool(labels)
            assert key not in found
            found[key] = one.value
    return found


def _told(metrics: Metrics) -> Samples:
    return _samples(metrics.render().content.decode())


def _changes(metrics: Metrics, before: Samples) -> Samples:
    """What of ours has changed, but for the sums and buckets of histograms."""
    return {
        key: value - before.get(key, 0.0)
        for key, value in _told(metrics).items()
        if key.startswith("nonmun") and value != before.get(key, 0.0)
        if "_bucket{" not in key and "_sum" not in key
    }


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def test_requests(metrics: Metrics) -> None:
    before = _told(metrics)
    metrics.request_ended("/v1/search", "POST", 200, 0.002)
    metrics.request_ended("/v1/search", "BREW", 499, 40.0)
    assert _changes(metrics, before) == {
        "nonmun_requests_total{method=POST,route=/v1/search,status=200}": 1,
        "nonmun_requests_total{method=other,route=/v1/search,status=499}": 1,
        "nonmun_request_seconds_count{route=/v1/search}": 2,
    }
    told = _told(metrics)
    buckets = {
        float(key.split("le=")[1].split(",")[0]): value
        for key, value in told.items()
        if key.startswith("nonmun_request_seconds_bucket")
    }
    assert min(buckets) == 0.001
    assert sorted(buckets)[-2] == 30
    assert (buckets[0.001], buckets[0.0025], buckets[30]) == (0, 1, 1)
    assert told["nonmun_request_seconds_sum{route=/v1/search}"] == pytest.approx(40.002)


def test_what_a_question_goes_through(metrics: Metrics) -> None:
    before = _told(metrics)
    metrics.stage_ended(Stage.LATE, 0.1)
    metrics.queue_left(0.01)
    metrics.batch_encoded(3)
    metrics.cache_asked(hit=True)
    metrics.cache_asked(hit=False)
    metrics.cache_asked(hit=False)
    metrics.refused(Refusal.QUEUE_FULL)
    assert _changes(metrics, before) == {
        "nonmun_stage_seconds_count{stage=late}": 1,
        "nonmun_queue_seconds_count": 1,
        "nonmun_batch_size_count": 1,
        "nonmun_cache_requests_total{result=hit}": 1,
        "nonmun_cache_requests_total{result=miss}": 2,
        "nonmun_refused_total{reason=queue_full}": 1,
    }
    told = _told(metrics)
    assert (told["nonmun_batch_size_bucket{le=2.0}"], told["nonmun_batch_size_bucket{le=4.0}"]) == (
        0,
        1,
    )


def test_only_legs_that_fail_count(metrics: Metrics) -> None:
    before = _told(metrics)
    for status in Status:
        metrics.leg_fared(Leg.RERANK, status)
    assert _changes(metrics, before) == {
        "nonmun_leg_failures_total{leg=rerank,status=failed}": 1,
        "nonmun_leg_failures_total{leg=rerank,status=slow}": 1,
    }


def test_answers(metrics: Metrics) -> None:
    before = _told(metrics)
    metrics.answered(Answer(AnswerKind.NONE, "", ()))
    metrics.answered(Answer(AnswerKind.GENERATED, "", (), unsupported=4))
    metrics.answered(Answer(AnswerKind.EXTRACTIVE, "", (), 1, Fallback.TIMED_OUT))
    assert _changes(metrics, before) == {
        "nonmun_answers_total{kind=none}": 1,
        "nonmun_answers_total{kind=generated}": 1,
        "nonmun_answers_total{kind=extractive}": 1,
        "nonmun_answer_fallbacks_total{reason=timed-out}": 1,
        "nonmun_unsupported_sentences_total": 5,
    }


def test_what_has_not_happened_yet_is_told_as_zero(metrics: Metrics) -> None:
    """A rate can't be had of a series that begins at one."""
    told = _told(metrics)
    for reason in Refusal:
        assert told[f"nonmun_refused_total{{reason={reason}}}"] == 0
    for fallback in Fallback:
        assert told[f"nonmun_answer_fallbacks_total{{reason={fallback}}}"] == 0
    assert told["nonmun_leg_failures_total{leg=dense,status=failed}"] == 0
    assert not any("_created" in key for key in told)


def test_the_process_is_told(metrics: Metrics) -> None:
    assert _told(metrics)["process_resident_memory_bytes"] > 1_000_000


def test_services_in_one_process_count_for_themselves(metrics: Metrics) -> None:
    other = Metrics()
    before = _told(other)
    metrics.refused(Refusal.DEADLINE)
    assert _changes(other, before) == {}


def _build(state: BuildState, number: int) -> Build:
    return Build(f"{number:012}", number, state, datetime.now(UTC))


def test_what_can_change_is_read_when_it_is_asked_for() -> None:
    built = datetime.now(UTC) - timedelta(hours=1)
    served: Served | None = None
    builds: list[Build] = []
    waiting = 0
    metrics = Metrics(Readings(lambda: served, lambda: builds, lambda: waiting))
    told = _told(metrics)
    assert not any(key.startswith(("nonmun_index", "nonmun_last_build")) for key in told)
    assert (told["nonmun_build_running"], told["nonmun_queue_length"]) == (0, 0)

    served, waiting = Served("766d57fbd337", 45, built), 7
    builds = [_build(BuildState.RUNNING, 3), _build(BuildState.FAILED, 2)]
    builds.append(_build(BuildState.DONE, 1))
    told = _told(metrics)
    assert told["nonmun_index_info{version=766d57fbd337}"] == 1
    assert told["nonmun_index_papers"] == 45
    assert told["nonmun_index_age_seconds"] == pytest.approx(3600, abs=60)
    assert told["nonmun_queue_length"] == 7
    assert told["nonmun_build_running"] == 1
    states = {key: value for key, value in told.items() if key.startswith("nonmun_last_build")}
    assert states == {
        "nonmun_last_build_state{state=done}": 0,
        "nonmun_last_build_state{state=failed}": 1,
        "nonmun_last_build_state{state=cancelled}": 0,
        "nonmun_last_build_state{state=died}": 0,
    }

    served = Served("0123456789ab", 45, None)
    told = _told(metrics)
    assert "nonmun_index_info{version=766d57fbd337}" not in told
    assert "nonmun_index_age_seconds" not in told


def test_what_cant_be_read_takes_nothing_else_with_it(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> Served:
        raise OSError("the disk is gone")

    metrics = Metrics(Readings(fails, waiting=lambda: 7))
    told = _told(metrics)
    assert "nonmun_index_papers" not in told
    assert told["nonmun_queue_length"] == 7
    assert "nonmun_requests_total" in metrics.render().content.decode()
    assert "the disk is gone" in caplog.text


_COUNT = """
import sys
from index.stages import Stage
from rag.service.observing import Metrics, Readings, Refusal
metrics = Metrics(Readings(waiting=lambda: 5))
for _ in range(int(sys.argv[1])):
    metrics.request_ended("/v1/search", "POST", 200, 0.002)
    metrics.refused(Refusal.DEADLINE)
    metrics.stage_ended(Stage.LATE, 0.1)
"""
_WORKER = _COUNT + "print('counted', flush=True); sys.stdin.read()"
_ASKED = _COUNT + "sys.stdout.write(metrics.render().content.decode())"


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a service of which one worker is at work and has counted to two."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", _WORKER, "2"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "counted\n"
        yield environment
        process.communicate()
    assert process.returncode == 0


def test_one_worker_tells_of_all(worker: dict[str, str]) -> None:
    command = [sys.executable, "-c", _ASKED, "3"]
    asked = subprocess.Popen(command, cwd=ROOT, env=worker, stdout=subprocess.PIPE, text=True)
    told = _samples(asked.communicate()[0])
    assert told["nonmun_requests_total{method=POST,route=/v1/search,status=200}"] == 5
    assert told["nonmun_request_seconds_count{route=/v1/search}"] == 5
    assert told["nonmun_request_seconds_bucket{le=0.0025,route=/v1/search}"] == 5
    assert told["nonmun_refused_total{reason=deadline}"] == 5
    assert told["nonmun_refused_total{reason=queue_full}"] == 0
    assert told["nonmun_stage_seconds_count{stage=late}"] == 5
    assert told["nonmun_build_running"] == 0
    # What is of one worker says of which: another may tell next time.
    assert told[f"nonmun_queue_length{{pid={asked.pid}}}"] == 5
    assert told[f"process_resident_memory_bytes{{pid={asked.pid}}}"] > 1_000_000
