"""Which API a client calls, with which key, for which user."""

import os
from dataclasses import dataclass, field
from typing import Final

from aijobs_client.errors import NoKey
from aijobs_client.http import AuthHeaders

#: The same as the command line's.
URL_VARIABLE: Final = "AIJOBS_CLI__URL"
KEY_VARIABLE: Final = "AIJOBS_CLI__KEY"
DEFAULT_URL: Final = "http://127.0.0.1:8080"


@dataclass(frozen=True, kw_only=True)
class Target:
    """`user`: with a service key, the end user to act for."""

    url: str
    key: str = field(repr=False)
    user: str | None = None

    @classmethod
    def resolve(cls, *, url: str | None, key: str | None, user: str | None) -> "Target":
        """Missing values come from the environment. Raises NoKey, and ValueError for what fits no header."""
        found = key or os.environ.get(KEY_VARIABLE)
        if not found:
            raise NoKey(f"There is no API key: give `key`, or set {KEY_VARIABLE}.")
        if not (found.isascii() and found.isprintable()):
            raise ValueError("This cannot be a key: it has strange characters.")
        return cls(url=url or os.environ.get(URL_VARIABLE) or DEFAULT_URL, key=found).for_user(user)

    def for_user(self, user: str | None) -> "Target":
        """Raises ValueError for a user that fits no header."""
        if user is not None and not (user and user.isprintable()):
            raise ValueError(f"{user!r} cannot be a user.")
        return Target(url=self.url, key=self.key, user=user)

    @property
    def auth_headers(self) -> AuthHeaders:
        """The headers that authenticate the caller."""
        user = {} if self.user is None else {b"Aijobs-User": self.user.encode("utf-8")}
        return {b"Authorization": f"Bearer {self.key}".encode(), **user}
