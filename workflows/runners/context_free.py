"""Runs workflows in the SDK's sandbox, without asking it again and again for what is always the same."""

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import Info


class ContextFreeRunner(SandboxedWorkflowRunner):
    """A sandbox for a data converter that converts every value in the same way, wherever it belongs.

    The SDK asks a workflow several times for each payload whose value it is, so that a codec, a converter or a store
    may treat it accordingly. For that it enters the sandbox each time, which takes a quarter of a worker's CPU.
    """

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """See WorkflowRunner."""
        return _ContextFreeInstance(super().create_instance(det))


class _ContextFreeInstance(WorkflowInstance):
    def __init__(self, inside: WorkflowInstance) -> None:
        self._inside = inside

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        return self._inside.activate(act)

    def get_serialization_context(self, command_info: object) -> SerializationContext | None:  # noqa: ARG002 (it is theirs)
        return None

    def get_external_store_context(self, command_info: object) -> StorageDriverStoreContext:  # noqa: ARG002 (it is theirs)
        return StorageDriverStoreContext(target=None)

    def get_info(self) -> Info:
        return self._inside.get_info()

    def get_thread_id(self) -> int | None:
        return self._inside.get_thread_id()
