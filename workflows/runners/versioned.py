"""Which workflows stay with the version of the worker that began them, where workers have versions.

A job does: its steps, and the activities that they call, were written together. The others last for days (a late watch,
the retries of a webhook, the rounds of repair); they move on with the current version, whose code can
continue them as `tests/histories` proves.
"""

from dataclasses import replace
from typing import Final

from temporalio.common import VersioningBehavior
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails

PINNED: Final = frozenset({"AiJob"})
"""By the workflow's name."""


class VersionedWorkflowRunner(UnsandboxedWorkflowRunner):
    """Runs workflows inside the sandbox, and tells Temporal how each behaves when the current version changes.

    The decorator of a workflow cannot say it: a worker without a version must not, or each of its tasks is refused.
    """

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """See WorkflowRunner."""
        pinned = det.defn.name in PINNED
        behavior = VersioningBehavior.PINNED if pinned else VersioningBehavior.AUTO_UPGRADE
        return super().create_instance(replace(det, defn=replace(det.defn, versioning_behavior=behavior)))
