"""Task queues, separate so that each kind of work can be scaled alone."""

from typing import Final

WORKFLOWS: Final = "aijobs"
PROVIDERS: Final = "aijobs-providers"
MIGRATION: Final = "aijobs-migration"
WEBHOOKS: Final = "aijobs-webhooks"

ALL_QUEUES: Final = (WORKFLOWS, PROVIDERS, MIGRATION, WEBHOOKS)
