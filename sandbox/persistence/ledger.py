"""What was charged: one row for every create that a vendor accepted."""

import hashlib
import json
from collections import Counter
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, JsonValue

from sandbox.persistence.archive import Archive

KIND: Final = "ledger"


class Charge(StrEnum):
    """What the vendor charges for a job, by how it ended."""

    PENDING = "pending"
    CHARGED = "charged"
    TIME_ONLY = "time_only"  #: for the time it ran
    FREE = "free"


class LedgerRow(BaseModel):
    """One accepted submit and its outcome."""

    id: str
    vendor: str
    model: str
    created_at: str
    correlation: str | None
    input_sha256: str
    outcome: str | None = None
    charge: Charge = Charge.PENDING


class Ledger:
    """Rows in the order of their acceptance."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        rows = [LedgerRow.model_validate_json(body) for body in archive.all(KIND)]
        self._rows = {row.id: row for row in sorted(rows, key=lambda row: row.created_at)}

    def add(self, row: LedgerRow) -> None:
        self._rows[row.id] = row
        self._archive.put(KIND, row.id, row.model_dump_json())

    def settle(self, key: str, *, outcome: str, charge: Charge) -> None:
        self.add(self._rows[key].model_copy(update={"outcome": outcome, "charge": charge}))

    def rows(self, correlation: str | None = None) -> list[LedgerRow]:
        return [row for row in self._rows.values() if correlation in (None, row.correlation)]

    def submits(self) -> dict[str, int]:
        """How many creates were accepted for each correlation token; more than one means paid twice."""
        return dict(Counter(row.correlation for row in self._rows.values() if row.correlation))

    def clear(self) -> None:
        self._rows.clear()
        self._archive.clear(KIND)


def correlation_of(inputs: dict[str, JsonValue], webhook: str | None) -> str | None:
    """The caller's own token: `?a=` of an input URL, else `?t=` or the last part of the webhook's path."""
    for value in inputs.values():
        if isinstance(value, str) and value.startswith(("http://", "https://")):
            tokens = parse_qs(urlsplit(value).query).get("a")
            if tokens:
                return tokens[0]
    if webhook is None:
        return None
    parts = urlsplit(webhook)
    tokens = parse_qs(parts.query).get("t")
    return tokens[0] if tokens else parts.path.rstrip("/").rpartition("/")[2] or None


def sha256_of(inputs: dict[str, JsonValue]) -> str:
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
