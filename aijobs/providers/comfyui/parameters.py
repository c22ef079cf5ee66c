"""The parameters of a workflow: those that its nodes' titles name."""

from typing import Any, Self

from pydantic import ConfigDict, model_validator

from aijobs.domain.jobs.parameters import Parameters


class AnyWorkflowInput(Parameters):
    """Any parameters. ComfyUI checks them before it begins."""

    model_config = ConfigDict(extra="allow")


class WorkflowInput(AnyWorkflowInput):
    """Base of the parameters of a workflow that was added. A file must be an upload: ComfyUI reads no links."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    @model_validator(mode="after")
    def _has_no_links(self) -> Self:
        for name in self.file_fields():
            value: Any = getattr(self, name)
            if isinstance(value, str) and value.startswith(("http://", "https://")):
                raise ValueError(f"{name}: ComfyUI reads no links. Upload the file, and give its code.")
        return self
