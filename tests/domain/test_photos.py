"""What is said when beautifying comes to nothing, and what a language model is asked to answer."""

from typing import Any, Final

import pytest

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.photos import ASPECTS, Verdicts, beautify_error, verdicts_schema
from aijobs.domain.points import EntryKind

REFUND, HOLD, SETTLE = EntryKind.REFUND, EntryKind.HOLD, EntryKind.SETTLE
JUDGED: Final[dict[str, Any]] = {"score": 70, "comment": {"zh": "好", "en": "good"}}


@pytest.mark.parametrize(
    ("status", "stage", "closing", "points", "message"),
    [
        (JobStatus.FAILED, Stage.MIGRATE, REFUND, 2, "迁移照片过程失败,已返还每日积分 (why)"),
        (JobStatus.FAILED, Stage.PROCESSING, REFUND, 2, "生成照片过程失败,已返还每日积分 (why)"),
        (JobStatus.FAILED, Stage.SUBMIT, REFUND, 2, "生成照片过程失败,已返还每日积分 (why)"),
        (JobStatus.TIMEOUT, Stage.QUEUE, REFUND, 2, "生成照片过程超时,已返还每日积分 (why)"),
        (JobStatus.TIMEOUT, Stage.MIGRATE, HOLD, 2, "迁移照片过程超时,每日积分待确认 (why)"),
        (JobStatus.CANCELED, Stage.QUEUE, REFUND, 2, "照片美化已取消,已返还每日积分 (why)"),
        (JobStatus.FAILED, Stage.MIGRATE, SETTLE, 2, "迁移照片过程失败 (why)"),
        (JobStatus.FAILED, Stage.MIGRATE, REFUND, 0, "迁移照片过程失败 (why)"),
    ],
)
def test_a_refund_is_said_only_where_there_was_one(
    status: JobStatus, stage: Stage, closing: EntryKind, points: int, message: str
) -> None:
    error = JobError(code="output_refused", message="why", stage=stage)

    error_shown = beautify_error(status, error, closing=closing, points=points)

    assert error_shown == JobError(code="output_refused", message=message, stage=stage)


def test_the_schema_asks_for_what_is_checked() -> None:
    schema = verdicts_schema()
    answer = {**dict.fromkeys(ASPECTS, JUDGED), "summary": {"zh": "好", "en": "good"}}

    assert schema["required"] == list(Verdicts.model_fields) == list(answer)
    assert Verdicts.model_validate(answer).light.score == 70
