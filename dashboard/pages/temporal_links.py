"""Links into Temporal's Web UI, where its address is set: of one job, and of the list of jobs without anything else."""

from typing import Final
from urllib.parse import quote

from aijobs.process_settings import ApiSettings

ONLY_JOBS: Final = '`WorkflowType`="AiJob"'


def job_in_temporal(settings: ApiSettings, code: str) -> str | None:
    """The URL of the job's workflow; None when the UI's address is not set."""
    workflows = _workflows(settings)
    return workflows and f"{workflows}/{code}"


def jobs_in_temporal(settings: ApiSettings) -> str | None:
    """The URL of the list of all jobs' workflows, without repair, webhooks and watches; None when no address is set."""
    workflows = _workflows(settings)
    return workflows and f"{workflows}?query={quote(ONLY_JOBS, safe='')}"


def _workflows(settings: ApiSettings) -> str | None:
    if settings.temporal_ui is None:
        return None
    base = str(settings.temporal_ui).rstrip("/")
    return f"{base}/workflows" if "/namespaces/" in base else f"{base}/namespaces/default/workflows"
