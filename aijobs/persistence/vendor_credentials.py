"""The health of vendors' credentials: read by all processes, and written with the outcomes that tell of it."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from secrets import randbelow
from typing import Any, Final

from sqlalchemy import bindparam, select, text, update
from sqlmodel import Session, SQLModel

from aijobs.domain.errors import ProviderBlocked, ProviderUnavailable
from aijobs.domain.jobs.circuits import Circuit, CircuitState, Trial
from aijobs.domain.jobs.submissions import SubmitOutcome
from aijobs.domain.values.audit import Act, ActKind
from aijobs.domain.values.clean_text import clean
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.tables import VendorCredentialRow, VendorLineRow

FRESH_FOR: Final = 0.5
"""Seconds for which a process goes by what it has read: a fault that another process meets is known so late."""

LOOK_AGAIN: Final = timedelta(seconds=1)
"""The shortest wait for a credential."""

WHILE_PROBED: Final = timedelta(seconds=3)
MAX_REASON: Final = 500

CREDENTIALS: Final = SQLModel.metadata.tables[str(VendorCredentialRow.__tablename__)]

LINES: Final = SQLModel.metadata.tables[str(VendorLineRow.__tablename__)]

_ALL: Final = select(CREDENTIALS)
_HELD: Final = select(LINES.c.credential, LINES.c.blocked_until).where(LINES.c.blocked_until.is_not(None))
_ONE: Final = select(CREDENTIALS).where(CREDENTIALS.c.credential == bindparam("of_credential"))
_LOCKED: Final = _ONE.with_for_update()
_UPDATE: Final = update(CREDENTIALS).where(CREDENTIALS.c.credential == bindparam("of_credential"))
_MAKE_SURE: Final = text(
    "INSERT INTO vendor_credential (credential, state, failures, is_blocked, pause) "
    "VALUES (:of_credential, 'closed', 0, false, 0) ON CONFLICT (credential) DO NOTHING"
)


def circuits(session: Session) -> dict[str, Circuit]:
    """By credential; those that nothing was ever wrong with are left out."""
    return {row["credential"]: _circuit(row) for row in connection_of(session).execute(_ALL).mappings()}


def _held(session: Session) -> dict[str, datetime]:
    """The credentials that are left alone for as long as their vendors have asked for, and until when."""
    return {row.credential: row.blocked_until for row in connection_of(session).execute(_HELD)}


def note_outcome(session: Session, trial: Trial | None, outcome: SubmitOutcome) -> None:
    """What became of a submission that was sent just now, in the transaction that records it."""
    if trial is None or not _tells_of_credential(trial, outcome):
        return
    known = _locked(session, trial.credential)
    changed = known.after(outcome, now=now(), is_probe=trial.is_probe)
    _save(session, known, changed)
    _record_turn(session, known, changed)


def _record_turn(session: Session, known: Circuit, changed: Circuit) -> None:
    """That a credential is not used any more, or is again; probes in between change nothing."""
    if known.is_closed and not changed.is_closed:
        record(session, Act(kind=ActKind.CREDENTIAL_STOPPED, target=known.credential, after=_told(changed)))
    elif changed.is_closed and not known.is_closed:
        record(session, Act(kind=ActKind.CREDENTIAL_RESUMED, target=known.credential, before=_told(known)))


def _told(circuit: Circuit) -> dict[str, Any]:
    return {"state": circuit.state, "failures": circuit.failures, "is_blocked": circuit.is_blocked}


def _tells_of_credential(trial: Trial, outcome: SubmitOutcome) -> bool:
    """Whether an outcome may change how a credential stands: a success of one that always works does not."""
    return not trial.is_clean or Circuit(credential="").after(outcome, now=now(), is_probe=False) != Circuit(
        credential=""
    )


def reset(session: Session, credential: str) -> Circuit:
    """It is used again at once, by everybody: somebody has mended what was wrong."""
    fresh, known = Circuit(credential=credential), _locked(session, credential)
    _save(session, known, fresh)
    record(session, Act(kind=ActKind.CREDENTIAL_RESET, target=credential, before=_told(known)))
    return fresh


def _locked(session: Session, credential: str) -> Circuit:
    connection, of = connection_of(session), {"of_credential": credential}
    connection.execute(_MAKE_SURE, of)
    return _circuit(connection.execute(_LOCKED, of).mappings().one())


def _save(session: Session, known: Circuit, changed: Circuit) -> None:
    if changed != known:
        columns = asdict(changed) | {"pause": changed.pause.total_seconds()}
        columns["reason"] = None if changed.reason is None else clean(changed.reason)[:MAX_REASON]
        connection_of(session).execute(_UPDATE, {"of_credential": columns.pop("credential"), **columns})


def _circuit(row: Any) -> Circuit:
    columns = dict(row)
    return Circuit(**{**columns, "state": CircuitState(columns["state"]), "pause": timedelta(seconds=columns["pause"])})


def _claim_probe(session: Session, credential: str) -> Circuit | None:
    """The circuit, half open: this job is the one probe of all. None when somebody else was faster."""
    known, at = _locked(session, credential), now()
    if not known.is_due(at):
        return None
    probing = known.probing(at)
    _save(session, known, probing)
    return probing


def _give_back(session: Session, credential: str) -> None:
    known = _locked(session, credential)
    if known.state is CircuitState.HALF_OPEN:
        _save(session, known, known.given_back(now()))


class DatabaseCredentialHealth:
    """Implements CredentialHealth. `fresh_for`: seconds for which it goes by what it has read."""

    def __init__(self, database: Database, *, fresh_for: float = FRESH_FOR) -> None:
        self._database, self._fresh_for = database, fresh_for
        self._known: Mapping[str, Circuit] = {}
        self._held: Mapping[str, datetime] = {}  #: by the vendor's Retry-After, until when
        self._read_at = -math.inf
        self._turn = randbelow(1000)  # so that processes begin with different credentials

    async def choose(self, credentials: Sequence[str], *, in_line_of: str | None = None) -> Trial:
        known = await self._circuits()
        at = now()
        for credential in credentials:
            if credential in known and known[credential].is_due(at) and await self._is_probe(credential):
                return Trial(credential=credential, is_clean=False, is_probe=True)
        usable = [one for one in credentials if one not in known or known[one].is_closed]
        if not usable:
            raise _unavailable([known[credential] for credential in credentials])
        free = [one for one in usable if self._held.get(one, at) <= at] or usable
        self._turn += 1
        chosen = in_line_of if in_line_of in free else free[self._turn % len(free)]
        return Trial(credential=chosen, is_clean=known.get(chosen, Circuit(credential=chosen)).failures == 0)

    async def has_usable(self, credentials: Sequence[str]) -> bool:
        self._read_at = -math.inf
        known, at = await self._circuits(), now()
        return any(
            (credential not in known or known[credential].is_closed) and self._held.get(credential, at) <= at
            for credential in credentials
        )

    async def give_back(self, trial: Trial) -> None:
        if trial.is_probe:
            await self._database.write(_give_back, trial.credential)

    async def _is_probe(self, credential: str) -> bool:
        self._read_at = -math.inf
        return await self._database.write(_claim_probe, credential) is not None

    async def _circuits(self) -> Mapping[str, Circuit]:
        if time.monotonic() - self._read_at >= self._fresh_for:
            self._known, self._held = await self._database.read(lambda session: (circuits(session), _held(session)))
            self._read_at = time.monotonic()
        return self._known


def _unavailable(known: Sequence[Circuit]) -> ProviderBlocked | ProviderUnavailable:
    """The reason why nothing can be sent now, and when to look again."""
    first = min(known, key=lambda circuit: circuit.until or now())
    message = f"Nothing is sent with {first.credential} now: {first.reason}"
    if all(circuit.is_blocked for circuit in known):
        return ProviderBlocked(message)
    is_probed = any(circuit.state is CircuitState.HALF_OPEN for circuit in known)
    wait = max((first.until or now()) - now(), LOOK_AGAIN)
    return ProviderUnavailable(message, retry_after=min(wait, WHILE_PROBED) if is_probed else wait)
