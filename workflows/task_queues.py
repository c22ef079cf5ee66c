"""Task queues, separate so that each kind of work can be scaled alone."""

from collections.abc import Mapping
from typing import Final

WORKFLOWS: Final = "aijobs"
PROVIDERS: Final = "aijobs-providers"
MIGRATION: Final = "aijobs-migration"
WEBHOOKS: Final = "aijobs-webhooks"

ALL_QUEUES: Final = (WORKFLOWS, PROVIDERS, MIGRATION, WEBHOOKS)

#: The roles of workers, as `aijobs worker --queues` names them: each serves one queue.
ROLES: Final[Mapping[str, str]] = {
    "workflows": WORKFLOWS,
    "providers": PROVIDERS,
    "migration": MIGRATION,
    "webhooks": WEBHOOKS,
}
