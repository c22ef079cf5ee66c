"""What is known of an outside service besides how to use it: its name, how its key is proven, how it is simulated."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pydantic import SecretStr


class VendorSettings(Protocol):
    """What every vendor's section of the settings has. The token switches the vendor on."""

    @property
    def token(self) -> SecretStr | None: ...

    @property
    def base_url(self) -> str: ...


@runtime_checkable
class SignsWebhooks(Protocol):
    """A section of a vendor whose webhooks are signed."""

    @property
    def webhook_secret(self) -> SecretStr | None: ...


@dataclass(frozen=True, kw_only=True)
class KeyCheck:
    """A GET below the vendor's base URL that costs nothing and is refused, with 401 or 403, without a valid key."""

    path: str
    header: str = "Authorization"
    scheme: str = "Bearer"  #: precedes the key; empty where the header holds nothing else
    complaint: Callable[[bytes], str | None] = lambda _body: None  #: what is wrong with the body of a success
    also_fine: tuple[int, ...] = ()  #: statuses that are a valid key's too, such as 404 for what is asked for
    wrong_address_hint: str = "Is its base URL right?"
    signed: Callable[[Any, str], Mapping[str, str]] | None = None  #: (section, URL): headers, where no key is shown
    constant_headers: Mapping[str, str] = field(default_factory=dict)  #: that every request needs, besides the key's

    def headers(self, key: str) -> dict[str, str]:
        return {**self.constant_headers, self.header: f"{self.scheme} {key}".strip()}


@dataclass(frozen=True, kw_only=True)
class SandboxAccess:
    """A running sandbox: where it answers, a key that it takes, and what it signs webhooks with (`whsec_…`)."""

    url: str
    token: str
    webhook_secret: str


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """What is known of a vendor besides how to use it.

    `stand_in` gives the values of the vendor's section, by field, with which the sandbox is used in its place.
    `learned`: what was found out about the configured endpoint, for people, from the data directory.
    """

    label: str
    key_check: KeyCheck
    stand_in: Callable[[SandboxAccess], Mapping[str, str]]
    learned: Callable[[Any, Path], Sequence[str]] = lambda _settings, _data_dir: ()
