"""How evidence becomes confidence."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.confidence import Calibration, Evidence
from index.confidence.calibration import logistic

DEFAULT = Calibration()
OTHER = Calibration((0.25, 0.125), (0.5, 0.0625), 1.5, -0.5, 0.375, 45)

COSINES = st.none() | st.floats(-1, 1)
EVIDENCE = st.builds(Evidence, COSINES, COSINES, st.integers(0, 9), st.floats(0, 1))
CALIBRATIONS = st.sampled_from([DEFAULT, OTHER])


@given(CALIBRATIONS, EVIDENCE)
def test_confidence_is_a_probability(calibration: Calibration, evidence: Evidence) -> None:
    assert 0 <= calibration.confidence(evidence) <= 1


@given(CALIBRATIONS, EVIDENCE, st.sampled_from(["cosine", "tokens"]), st.floats(0, 1))
def test_more_likeness_never_lowers_it(
    calibration: Calibration, evidence: Evidence, name: str, more: float
) -> None:
    value = getattr(evidence, name)
    if value is not None:
        better = evidence._replace(**{name: value + more})
        assert calibration.confidence(better) >= calibration.confidence(evidence)


@given(CALIBRATIONS, EVIDENCE, st.floats(0, 1))
def test_more_words_never_lower_it(
    calibration: Calibration, evidence: Evidence, held: float
) -> None:
    low, high = sorted((evidence.held, held))
    assert calibration.confidence(evidence._replace(held=low)) <= calibration.confidence(
        evidence._replace(held=high)
    )


@given(CALIBRATIONS, EVIDENCE)
def test_another_absent_name_never_raises_it(calibration: Calibration, evidence: Evidence) -> None:
    more = evidence._replace(absent=evidence.absent + 1)
    assert calibration.confidence(more) <= calibration.confidence(evidence)


@pytest.mark.parametrize("name", ["cosine", "tokens"])
def test_every_measure_counts(name: str) -> None:
    evidence = Evidence(0.4, 0.65, 0, 0.3)
    better = evidence._replace(**{name: getattr(evidence, name) + 0.05})
    only: dict[str, Any] = {name: 0.5}
    alone = Evidence(None, None, 0, 0.3)._replace(**only)
    assert DEFAULT.confidence(better) > DEFAULT.confidence(evidence) + 0.01
    assert DEFAULT.confidence(alone) > 0


def test_the_score_is_twice_the_mean_of_standard_scores() -> None:
    assert OTHER.score(Evidence(0.5, 0.4375, 0, 0)) == pytest.approx(2 * (2 - 1) / 2)
    assert OTHER.score(Evidence(0.5, None, 0, 0)) == pytest.approx(4)
    assert OTHER.score(Evidence(None, 0.5625, 0, 0)) == pytest.approx(2)
    assert OTHER.score(Evidence(0.25, 0.5, 0, 0)) == 0


def test_an_absent_name_costs_two_standard_deviations_and_two_names_the_most() -> None:
    scores = [OTHER.score(Evidence(0.5, 0.5625, absent, 0)) for absent in range(5)]
    assert scores == pytest.approx([3, 1, -1, -1, -1])


def test_confidence_is_a_logistic_curve_of_the_score() -> None:
    evidence = Evidence(0.5, 0.5625, 1, 0)
    assert OTHER.confidence(evidence) == round(1 / (1 + math.exp(-(1.5 * 1 - 0.5))), 4)


def test_an_absent_name_lowers_it() -> None:
    evidence = Evidence(0.41, 0.67, 0, 0.3)
    confidences = [DEFAULT.confidence(evidence._replace(absent=absent)) for absent in (0, 1, 2)]
    assert confidences[0] > confidences[1] + 0.1 > confidences[2] + 0.2


def test_a_paper_with_the_words_of_the_question_answers_it() -> None:
    for far in (Evidence(-0.5, 0.1, 0, 0.9), Evidence(None, None, 0, 0.9)):
        assert DEFAULT.confidence(far) == 0.9
        assert DEFAULT.confidence(far._replace(held=0.59)) < 0.1
        assert DEFAULT.confidence(far._replace(held=0.6)) == 0.6
    near = Evidence(0.9, 0.95, 0, 0.7)
    assert DEFAULT.confidence(near) > 0.95  # words take nothing away


def test_its_words_say_nothing_where_a_name_is_absent() -> None:
    far = Evidence(-0.5, 0.1, 1, 1.0)
    assert DEFAULT.confidence(far) < 0.1
    assert DEFAULT.confidence(Evidence(None, None, 1, 1.0)) == 0


def test_without_evidence_there_is_no_confidence() -> None:
    nothing = Evidence(None, None, 0, 0.0)
    assert DEFAULT.score(nothing) is None
    assert DEFAULT.score(nothing._replace(absent=2)) is None
    assert DEFAULT.confidence(nothing) == 0


@pytest.mark.parametrize("calibration", [DEFAULT, OTHER])
def test_it_comes_back_from_json(calibration: Calibration) -> None:
    found = Calibration.from_json(json.loads(json.dumps(calibration.as_json())))
    assert found == calibration
    assert isinstance(found.cosine, tuple)
    assert isinstance(found.tokens, tuple)


def test_json_has_every_value_by_name() -> None:
    assert OTHER.as_json() == {
        "cosine": (0.25, 0.125),
        "tokens": (0.5, 0.0625),
        "slope": 1.5,
        "offset": -0.5,
        "threshold": 0.375,
        "questions": 45,
    }


def test_the_logistic_function_overflows_nowhere() -> None:
    assert logistic(0) == 0.5
    assert logistic(2) == pytest.approx(0.880797)
    assert 0 < logistic(-1e9) < 1e-20
    assert logistic(1e9) == pytest.approx(1)


def test_a_paper_that_is_named_answers_unless_another_name_is_absent() -> None:
    weak = Evidence(-1.0, -1.0, 0, 0.0)
    assert Calibration().confidence(weak) < 0.01
    assert Calibration().confidence(weak._replace(named=True)) == 1.0
    assert Calibration().confidence(weak._replace(named=True, absent=1)) < 0.01
