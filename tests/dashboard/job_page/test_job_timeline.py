"""The numbers of the timeline, and the values of the form, without a browser."""

from datetime import UTC, datetime, timedelta

import pytest

from aijobs.domain.jobs.events import EventKind, JobEvent
from aijobs.domain.lifecycle import JobStatus
from dashboard.forms.schema_form import Control, fields_of, parameters_of, sent_again
from dashboard.pages.job_timeline import StepState, timeline_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

SCHEMA = {
    "$defs": {"Size": {"enum": ["small", "large"], "type": "string"}},
    "properties": {
        "prompt": {"type": "string"},
        "factor": {"enum": [2, 4], "default": 2},
        "count": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": None},
        "share": {"type": "number"},
        "sharp": {"type": "boolean", "default": True},
        "size": {"$ref": "#/$defs/Size"},
        "image": {"type": "string", "x-media": "image"},
        "masks": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["image"],
    "additionalProperties": True,
}


def test_a_skipped_status_takes_no_time_and_the_shares_make_the_whole_bar() -> None:
    events = _entered((JobStatus.DRAFT, 0), (JobStatus.SUBMITTED, 10), (JobStatus.GENERATED, 70))

    timeline = timeline_of(events, JobStatus.GENERATED, until=NOON + timedelta(seconds=100))

    places = {step.status: step.state for step in timeline.steps}
    assert places[JobStatus.SUBMITTED] is StepState.PASSED
    assert places[JobStatus.QUEUED] is StepState.SKIPPED
    assert places[JobStatus.GENERATED] is StepState.CURRENT
    assert places[JobStatus.MIGRATING] is StepState.AHEAD
    assert timeline.total == timedelta(seconds=100)
    assert [step.spent for step in timeline.steps if step.spent] == [timedelta(seconds=s) for s in (10, 60, 30)]
    assert sum(step.share for step in timeline.steps) == pytest.approx(100, abs=0.1)
    assert timeline.steps[4].begins_at == pytest.approx(timeline.steps[0].share + timeline.steps[1].share, abs=0.02)


def test_a_job_that_has_ended_stays_as_long_as_it_took() -> None:
    events = _entered((JobStatus.DRAFT, 0), (JobStatus.FAILED, 4))

    timeline = timeline_of(events, JobStatus.FAILED, until=NOON + timedelta(days=1))

    assert timeline.total == timedelta(seconds=4)
    assert [step.status for step in timeline.ends if step.state is StepState.CURRENT] == [JobStatus.FAILED]


def test_each_kind_of_parameter_gets_its_control() -> None:
    fields = {field.name: field for field in fields_of(SCHEMA)}

    assert {name: field.control for name, field in fields.items()} == {
        "image": Control.FILE,
        "prompt": Control.LINES,
        "factor": Control.CHOICE,
        "count": Control.NUMBER,
        "share": Control.NUMBER,
        "sharp": Control.CHECKBOX,
        "size": Control.CHOICE,
        "masks": Control.DOCUMENT,
        "*": Control.DOCUMENT,
    }
    assert next(iter(fields)) == "image"
    assert fields["factor"].value == "2"
    assert fields["count"].minimum == 1
    assert fields["size"].choices == ["small", "large"]


def test_what_is_filled_in_gets_the_type_that_the_model_wants() -> None:
    sent = {
        "params.prompt": "a lighthouse",
        "params.factor": "4",
        "params.count": "3",
        "params.share": "0.5",
        "params.size": "large",
        "params.image": " https://example.com/a.png ",
        "params.masks": '["a"]',
        "params.*": '{"seed": 7}',
    }

    assert parameters_of(SCHEMA, sent) == {
        "prompt": "a lighthouse",
        "factor": 4,
        "count": 3,
        "share": 0.5,
        "sharp": False,
        "size": "large",
        "image": "https://example.com/a.png",
        "masks": ["a"],
        "seed": 7,
    }


def test_what_is_empty_is_left_out_and_what_is_wrong_is_for_the_model_to_refuse() -> None:
    assert parameters_of(SCHEMA, {"params.count": "many", "params.share": "", "params.factor": "3"}) == {
        "count": "many",
        "factor": 3,
        "sharp": False,
    }


def test_a_form_for_known_parameters_sends_the_same_again() -> None:
    parameters = {"prompt": "a lighthouse", "factor": 4, "sharp": False, "image": "file_1", "masks": ["a"], "seed": 7}

    assert parameters_of(SCHEMA, sent_again(SCHEMA, parameters)) == parameters
    assert parameters_of(SCHEMA, sent_again(SCHEMA, {"image": "file_1"})) == {
        "image": "file_1",
        "factor": 2,
        "sharp": True,
    }


def test_a_link_with_a_signature_is_not_filled_in_again() -> None:
    signed = {"image": "https://s3.example.com/a.png?X-Amz-Signature=5ec2e7", "factor": 4}

    assert sent_again(SCHEMA, signed)["params.image"] == ""


def _entered(*moves: tuple[JobStatus, int]) -> list[JobEvent]:
    return [
        JobEvent(
            seq=number,
            code="job_1",
            at=NOON + timedelta(seconds=second),
            kind=EventKind.STATUS,
            job_status=status,
            job_status_name=status.name,
            job_status_desc=status.zh,
            unit_progress=None,
            overall_progress=0,
            detail={},
        )
        for number, (status, second) in enumerate(moves, start=1)
    ]
