"""The parameters of a cog server's model: those that its schema names, or any."""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict

from aijobs.domain.jobs.parameters import Parameters


class CogInput(Parameters):
    """Any parameters. The server checks them before it begins."""

    model_config = ConfigDict(extra="allow")

    @classmethod
    def as_input(cls, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters as cog's `input`."""
        return {name: value for name, value in params.items() if value is not None}


class DescribedCogInput(CogInput):
    """Base of the parameters of a model that was added with its schema. Cog takes unknown ones in silence."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())
