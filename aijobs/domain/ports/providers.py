"""Third parties that generate, and are polled."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from aijobs.domain.catalogue import Model
from aijobs.domain.jobs.outputs import OutputSource
from aijobs.domain.jobs.parameters import FollowUp, Parameters
from aijobs.domain.jobs.submissions import CancelOutcome, Found, ProviderRequest, Ref, Search, Submission, SubmitOutcome
from aijobs.domain.provider_io import (
    Capabilities,
    IncomingWebhook,
    InputFile,
    ModelDescription,
    Snapshot,
    Task,
    WebhookHint,
)


class Provider(Protocol):
    """A third party that is polled. One file each in providers/."""

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def download_hosts(self) -> tuple[str, ...]:
        """Hosts that outputs may come from; `*.example.com` covers the domain and everything below it."""
        ...

    def parameters(self, model: Model) -> type[Parameters]:
        """What a caller may send."""
        ...

    async def attach(self, file: InputFile, *, token: str) -> str:
        """Hand over an input by the provider's own upload; returns a link for `Task.params`.

        Costs nothing and may be repeated.
        Raises ProviderUnavailable, or ProviderFailed when the provider will never take the file.
        """
        ...

    def build_request(self, task: Task) -> ProviderRequest:
        """Pure: the same task gives the same request."""
        ...

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        """Send once, without any retry. Never raises for what the network or the provider does: that is an outcome."""
        ...

    async def query(self, ref: Ref) -> Snapshot:
        """Raises ProviderUnavailable (with Retry-After where given)."""
        ...

    async def outputs(self, ref: Ref, snapshot: Snapshot) -> list[OutputSource]:
        """All results, in order; may be empty. Raises ProviderFailed when they are gone for good."""
        ...

    async def cancel(self, ref: Ref) -> CancelOutcome:
        """May be called again. Raises ProviderUnavailable."""
        ...

    async def reconcile(self, submission: Submission, *, known_ids: frozenset[str]) -> Found | Search:
        """Look for a submission whose outcome is unknown; `known_ids` belong to others. Raises ProviderUnavailable."""
        ...

    def parse_webhook(self, delivery: IncomingWebhook) -> WebhookHint:
        """Raises NotAuthenticated when the signature is missing, wrong or too old, BadInput when it makes no sense."""
        ...


@runtime_checkable
class ActionProvider(Protocol):
    """What a provider has besides, when its finished jobs can be worked on further (Midjourney's upsampling, …)."""

    def follow_up(self, model: Model, action: str | None) -> type[FollowUp] | None:
        """What an action takes; nothing, when it is only another name for the plain job."""
        ...

    def offered(self, answer: Mapping[str, Any]) -> tuple[str, ...]:
        """The actions that a finished job offers, by the answer that it ended with (the last `Snapshot.raw`)."""
        ...


@runtime_checkable
class PreparingProvider(Protocol):
    """What a provider has besides, when something must be made at the vendor before the request that names it."""

    async def prepare(self, task: Task) -> Mapping[str, str]:
        """Becomes `Task.prepared`. Costs nothing and may be repeated. Raises ProviderUnavailable, or ProviderFailed."""
        ...


@runtime_checkable
class ModelSource(Protocol):
    """What a provider has besides, when any of its vendor's models can be added to the catalogue."""

    async def describe(self, name: str) -> ModelDescription:
        """A model by the vendor's name for it. Its `input_schema` is what `parameters` makes its class from.

        Raises BadInput when there is no such model, or none that can be used, and ProviderUnavailable.
        """
        ...


@runtime_checkable
class WebhookKeySource(Protocol):
    """What a provider has besides, when its vendor publishes the keys that its webhooks are signed with."""

    async def load_webhook_keys(self) -> None:
        """Fetch them, unless those at hand are fresh. Called before `parse_webhook`. Raises ProviderUnavailable."""
        ...
