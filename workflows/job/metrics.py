"""How long a job was in each status, on Temporal's own meter. A replay measures nothing."""

from typing import Final

from temporalio import workflow

from aijobs.domain.lifecycle import JobStatus

STAGE_SECONDS: Final = "aijobs_stage_seconds"


class StatusTimer:
    """Of one run of one job, from the status in which it begins."""

    def __init__(self, model_id: str, status: JobStatus) -> None:
        self._model_id = model_id
        self._status = status
        self._since = workflow.now()

    def enter(self, status: JobStatus) -> None:
        """Measure the status that is left. The same status again changes nothing."""
        if status is self._status:
            return
        now = workflow.now()
        histogram = workflow.metric_meter().create_histogram_float(STAGE_SECONDS, "How long a job was in a status.")
        histogram.record((now - self._since).total_seconds(), {"model": self._model_id, "stage": self._status.name})
        self._status, self._since = status, now
