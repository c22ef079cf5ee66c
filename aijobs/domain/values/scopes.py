"""What a caller may do: scopes, and the roles that bundle them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Scope(StrEnum):
    """What a key or a person may do. `admin` includes all others. Each route and page says which one it needs."""

    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    JOBS_PRIORITY = "jobs:priority"  #: jobs that come before those of the default priority
    JOBS_RESOLVE = "jobs:resolve"  #: decisions about jobs in doubt, and their points
    FILES_WRITE = "files:write"
    TOKENS_WRITE = "tokens:write"
    WEBHOOKS_WRITE = "webhooks:write"
    TEMPLATES_WRITE = "templates:write"
    MODELS_WRITE = "models:write"
    PAUSES_READ = "pauses:read"
    PAUSES_WRITE = "pauses:write"
    CREDENTIALS_READ = "credentials:read"  #: of vendors: how they stand, never the keys themselves
    CREDENTIALS_WRITE = "credentials:write"
    HEALTH_READ = "health:read"
    SETTINGS_READ = "settings:read"  #: never the secrets among them
    PAYLOADS_READ = "payloads:read"  #: what Temporal keeps encrypted
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    SESSIONS_READ = "sessions:read"  #: everybody's; a caller's own need no scope
    SESSIONS_WRITE = "sessions:write"
    USERS_READ = "users:read"  #: all that is kept of a user
    USERS_WRITE = "users:write"  #: its erasure
    AUDIT_READ = "audit:read"
    ADMIN = "admin"


#: The scopes that a user's key may have; the others are for operators.
USER_SCOPES: Final = frozenset({Scope.JOBS_READ, Scope.JOBS_WRITE, Scope.FILES_WRITE, Scope.WEBHOOKS_WRITE})


class AccessRole(StrEnum):
    """A named set of scopes, for people and for service keys. A role gains the scopes that a later version adds."""

    VIEWER = "viewer"  #: looks
    OPERATOR = "operator"  #: keeps jobs going
    ADMIN = "admin"  #: also says who may come in, and changes what there is


_LOOKS: Final = frozenset({Scope.JOBS_READ, Scope.PAUSES_READ, Scope.CREDENTIALS_READ, Scope.HEALTH_READ})

ROLE_SCOPES: Final[Mapping[AccessRole, frozenset[Scope]]] = MappingProxyType(
    {
        AccessRole.VIEWER: _LOOKS,
        AccessRole.OPERATOR: _LOOKS
        | {
            Scope.JOBS_WRITE,
            Scope.JOBS_PRIORITY,
            Scope.JOBS_RESOLVE,
            Scope.FILES_WRITE,
            Scope.WEBHOOKS_WRITE,
            Scope.PAUSES_WRITE,
            Scope.CREDENTIALS_WRITE,
            Scope.AUDIT_READ,
            Scope.SETTINGS_READ,
            Scope.PAYLOADS_READ,
        },
        AccessRole.ADMIN: frozenset({Scope.ADMIN}),
    }
)


def includes(granted: frozenset[Scope], scope: Scope) -> bool:
    """Whether the scope is granted, by itself or by `admin`."""
    return bool(granted & {scope, Scope.ADMIN})


def exceeds(wanted: frozenset[Scope], granted: frozenset[Scope]) -> frozenset[Scope]:
    """Those of the wanted scopes that are not granted: nobody gives to another what they may not do themselves."""
    return frozenset() if Scope.ADMIN in granted else wanted - granted
