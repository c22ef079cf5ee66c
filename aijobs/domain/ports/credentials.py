"""With which of a vendor's credentials a job is done: `acme` is a vendor's first, `acme:spare` another."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from aijobs.domain.jobs.circuits import Trial
from aijobs.domain.ports.providers import Provider

SEPARATOR: Final = ":"


def credential_id(provider: str, name: str) -> str:
    """Of one of a provider's credentials besides the first."""
    return f"{provider}{SEPARATOR}{name}"


def provider_in(credential: str) -> str:
    """The name of its provider."""
    return credential.partition(SEPARATOR)[0]


class OpenProviders(Mapping[str, Provider]):
    """Providers by name, as their first credentials open them; and by credential, as each of the others does.

    What is iterated over are the providers.
    """

    def __init__(self, by_credential: Mapping[str, Provider]) -> None:
        self._by_credential = by_credential

    def __getitem__(self, credential: str) -> Provider:
        return self._by_credential[credential]

    def __iter__(self) -> Iterator[str]:
        return (one for one in self._by_credential if one == provider_in(one))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def credentials_of(self, provider: str) -> tuple[str, ...]:
        """The first, and the others in the order of the settings."""
        return tuple(one for one in self._by_credential if provider_in(one) == provider)


class CredentialHealth(Protocol):
    """Which credentials work, as all processes have met them. Outcomes are noted by SubmissionLog.conclude."""

    async def choose(self, credentials: Sequence[str], *, in_line_of: str | None = None) -> Trial:
        """One that works: in whose line the job waits already, or else by turns. Or one that is to be probed, which is
        told to one job of all.

        Raises ProviderUnavailable when none is to be used now, with the time until that may be so, and ProviderBlocked
        when somebody must act at the vendor first.
        """
        ...

    async def has_usable(self, credentials: Sequence[str]) -> bool:
        """Whether one of them works, and is not to be left alone for a while, as far as is known right now."""
        ...

    async def give_back(self, trial: Trial) -> None:
        """Nothing was sent with it: another job may be the probe."""
        ...


def credentials_of(providers: Mapping[str, Provider], provider: str) -> tuple[str, ...]:
    """Those that are configured, the first of them first."""
    if isinstance(providers, OpenProviders):
        return providers.credentials_of(provider)
    return (provider,) if provider in providers else ()
