"""With which credential, and of which model, a job is submitted: its own, or one of the models that stand in for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aijobs.domain.catalogue import Catalogue, Fallback, Model
from aijobs.domain.errors import InvalidParameters, ProviderBlocked, ProviderUnavailable, UnknownModel
from aijobs.domain.jobs.circuits import Trial
from aijobs.domain.jobs.job import JobBrief
from aijobs.domain.jobs.parameters import check_parameters
from aijobs.domain.jobs.submissions import credential_in
from aijobs.domain.ports.credentials import CredentialHealth, credentials_of
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import SubmitInput


@dataclass(frozen=True, kw_only=True)
class Route:
    """`params` are of `model`. `others` may take what the credential refuses; `why` it is not the job's own model."""

    model: Model
    params: Mapping[str, Any]
    trial: Trial
    others: Sequence[str]
    why: str | None = None


class Routing:
    """Chooses, at each attempt anew, by what the database knows: nothing is decided that a death could forget."""

    def __init__(self, catalogue: Catalogue, providers: Mapping[str, Provider], health: CredentialHealth) -> None:
        self._catalogue = catalogue
        self.providers = providers
        self.health = health

    def own_credentials(self, brief: JobBrief, known: SubmitInput) -> Sequence[str]:
        """Those that the job may be sent with: what is done to a finished job is done with the credential of that."""
        if known.origin is not None:
            return [credential_in(known.origin) or brief.provider]
        return credentials_of(self.providers, brief.provider) or [brief.provider]

    async def choose(self, brief: JobBrief, known: SubmitInput, own: Sequence[str]) -> Route:
        """One of the job's own credentials, while one is used; else one of the first fallback that has one.

        Raises ProviderUnavailable, or ProviderBlocked, as the job's own provider is.
        """
        model = await self._catalogue.find(brief.model_id)
        chain = () if known.origin is not None else model.fallback
        stand_ins = [stand_in for one in chain if (stand_in := await self._stand_in(one, known))]
        elsewhere = [credential for other, _ in stand_ins for credential in self._credentials(other)]
        params = known.assignment.params
        try:
            trial = await self.health.choose(own, in_line_of=known.line)
            others = [credential for credential in (*own, *elsewhere) if credential != trial.credential]
            return Route(model=model, params=params, trial=trial, others=others)
        except (ProviderUnavailable, ProviderBlocked) as unavailable:
            for other, checked in stand_ins:
                if (tried := await self._trial(other, known)) is not None:
                    others = [credential for credential in elsewhere if credential != tried.credential]
                    return Route(model=other, params=checked, trial=tried, others=others, why=str(unavailable))
            raise

    async def _stand_in(self, fallback: Fallback, known: SubmitInput) -> tuple[Model, Mapping[str, Any]] | None:
        """The model with the job's parameters as its own, unless it is not configured, or they do not fit."""
        try:
            model = await self._catalogue.find(fallback.model_id)
            if not self._credentials(model):
                return None
            parameters = self.providers[model.provider].parameters(model)
            checked = check_parameters(model, parameters, fallback.parameters_of(known.assignment.params))
        except (InvalidParameters, UnknownModel):
            return None
        return model, checked.model_dump(mode="json")

    async def _trial(self, model: Model, known: SubmitInput) -> Trial | None:
        try:
            return await self.health.choose(self._credentials(model), in_line_of=known.line)
        except (ProviderUnavailable, ProviderBlocked):
            return None

    def _credentials(self, model: Model) -> Sequence[str]:
        return credentials_of(self.providers, model.provider)
