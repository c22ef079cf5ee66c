"""Which faults are armed: on the whole server, on one prediction, or on a single call.

A fault is written `name[=argument][@operation][*times]`, several of them with commas:
`failed=no lighthouse`, `throttled=2@get*3`, `expired_link=403*0,work_seconds=0.1`; `*0` means no limit. It is armed
* for one call by the header `X-Sandbox-Fault`; on a create, faults of later operations are attached to the prediction;
* for one prediction by the URL of an input: `…/photo.png?sandbox_fault=failed`, or by the name of a file, uploaded or
  at the end of the URL's path: `cat sandbox_fault=failed sandbox_fault=work_seconds=9.png`;
* for the next matching call of any client by `POST /_sandbox/faults {"fault", "arg"?, "on"?, "times"?}`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel, TypeAdapter

from sandbox.faults.catalogue import CATALOGUE, Fault, FaultSheet, Operation
from sandbox.persistence.archive import Archive

FAULT_PATTERN: Final = re.compile(r"(?P<name>[^=@*]+)(=(?P<arg>[^@*]*))?(@(?P<on>\w+))?(\*(?P<times>\d+))?")
IN_A_FILENAME: Final = re.compile(r"sandbox_fault=([\w=@*,.-]+)")
GRAMMAR: Final = "name[=argument][@operation][*times], several with commas; *0 = for ever"
KIND: Final = "faults"
SERVER: Final = "server"  # the owner of the faults that apply to every client


class UnknownFaultError(ValueError):
    """The text names no known fault, or one that cannot be armed in that way."""


class ArmedFault(BaseModel):
    """One fault that is armed for an operation."""

    fault: Fault
    arg: str | None
    on: Operation | None
    times: int  #: how often it may still fire; 0 = until cleared

    @property
    def sheet(self) -> FaultSheet:
        return CATALOGUE[self.fault]

    def fires_on(self, operation: Operation) -> bool:
        return operation in self.sheet.acts_on and self.on in (operation, None)


def _is_valid_argument(arg: str, sheet: FaultSheet) -> bool:
    match sheet.arg:
        case None:
            return False
        case "seconds":
            return re.fullmatch(r"\d+(\.\d+)?", arg) is not None
        case "status":
            return re.fullmatch(r"[3-5]\d\d", arg) is not None
        case "text":
            return not sheet.choices or arg in sheet.choices


class Faults:
    """The faults that are in force for one operation, with their arguments."""

    def __init__(self, armed: Iterable[ArmedFault] = ()) -> None:
        self._arguments = {one.fault: one.arg for one in armed}

    def __contains__(self, fault: Fault) -> bool:
        return fault in self._arguments

    def __or__(self, others: "Faults") -> "Faults":
        both = Faults()
        both._arguments = self._arguments | others._arguments
        return both

    def text(self, fault: Fault) -> str:
        return self._arguments.get(fault) or CATALOGUE[fault].default

    def seconds(self, fault: Fault) -> float:
        return float(self.text(fault))

    def status(self, fault: Fault) -> int:
        return int(self.text(fault))


def arm(*, fault: str, arg: str | None = None, on: str | None = None, times: int | None = None) -> ArmedFault:
    """Raises UnknownFaultError for an unknown fault, or an operation or argument that the fault does not support."""
    if fault not in set(Fault):
        raise UnknownFaultError(f"no fault is called {fault!r}; see /_sandbox/faults/catalogue")
    if on is not None and on not in set(Operation):
        raise UnknownFaultError(f"no operation is called {on!r}; there are: {', '.join(Operation)}")
    sheet = CATALOGUE[Fault(fault)]
    operation = Operation(on) if on is not None else sheet.on
    if operation is not None and operation not in sheet.acts_on:
        raise UnknownFaultError(f"{fault} cannot act on {operation}; it acts on: {', '.join(sorted(sheet.acts_on))}")
    if arg is not None and not _is_valid_argument(arg, sheet):
        raise UnknownFaultError(f"{fault} does not understand the argument {arg!r}")
    return ArmedFault(fault=Fault(fault), arg=arg, on=operation, times=sheet.times if times is None else times)


def arm_for_all(*, fault: str, arg: str | None = None, on: str | None = None, times: int | None = None) -> ArmedFault:
    """A fault for the next matching call of any client: once by default; an outage lasts until it is cleared."""
    armed = arm(fault=fault, arg=arg, on=on, times=times)
    return armed.model_copy(update={"times": 1}) if times is None and armed.on is not None else armed


def faults_in(text: str, *, during: Operation) -> list[ArmedFault]:
    """The faults named in a header or a URL. One that can act on the operation `during` is armed for it."""
    return [_parse_fault(written, during) for written in text.split(",") if written.strip()]


def _parse_fault(written: str, during: Operation) -> ArmedFault:
    parts = FAULT_PATTERN.fullmatch(written.strip())
    if parts is None:
        raise UnknownFaultError(f"no fault is called {written.strip()!r}; see /_sandbox/faults/catalogue")
    times = int(parts["times"]) if parts["times"] else None
    armed = arm(fault=parts["name"], arg=parts["arg"], on=parts["on"], times=times)
    unbound = parts["on"] is None and armed.on is not None and during in armed.sheet.acts_on
    return armed.model_copy(update={"on": during}) if unbound else armed


def faults_in_filename(name: str) -> str:
    """`cat sandbox_fault=failed.jpg` names `failed`; the file extension is not part of it."""
    return ",".join(IN_A_FILENAME.findall(PurePosixPath(name).stem))


def faults_in_url(url: str) -> str:
    """The `sandbox_fault=…` of a URL's query, and those in the last part of its path."""
    if url.startswith("data:"):
        return ""
    parts = urlsplit(url)
    in_query = parse_qs(parts.query).get("sandbox_fault", [])
    return ",".join([*in_query, faults_in_filename(unquote(parts.path))]).strip(",")


ARMED_LIST: Final = TypeAdapter(list[ArmedFault])


class FaultBoard:
    """The armed faults of the server and of each prediction (the owner), stored in the archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._armed: dict[str, list[ArmedFault]] = {}

    def set(self, armed: ArmedFault) -> None:
        self._save(SERVER, [*self.server_faults(), armed])

    def server_faults(self) -> Sequence[ArmedFault]:
        return tuple(self._armed_for(SERVER))

    def clear_server_faults(self) -> None:
        self._save(SERVER, [])

    def clear(self) -> None:
        self._armed.clear()
        self._archive.clear(KIND)

    def attach(self, owner: str, armed: Sequence[ArmedFault]) -> None:
        """Store these faults for one prediction."""
        if armed:
            self._save(owner, list(armed))

    def faults_of(self, owner: str) -> Faults:
        """The faults that apply to this prediction until it has ended."""
        return Faults(one for one in self._armed_for(owner) if one.sheet.rides and one.on is Operation.CREATE)

    def take(self, operation: Operation, owner: str = SERVER) -> list[ArmedFault]:
        """The faults that fire now; the remaining count of each is reduced by one."""
        firing = [one for one in self._armed_for(owner) if one.fires_on(operation)]
        if any(one.times for one in firing):
            left = [one for one in self._armed_for(owner) if not _is_used_up(one, operation)]
            self._save(owner, [_decremented(one, operation) for one in left])
        return firing

    def _armed_for(self, owner: str) -> list[ArmedFault]:
        if owner not in self._armed:
            stored = self._archive.get(KIND, owner)
            self._armed[owner] = ARMED_LIST.validate_json(stored) if stored else []
        return self._armed[owner]

    def _save(self, owner: str, armed: list[ArmedFault]) -> None:
        self._armed[owner] = armed
        self._archive.put(KIND, owner, ARMED_LIST.dump_json(armed).decode())


def _is_used_up(one: ArmedFault, operation: Operation) -> bool:
    return one.times == 1 and one.fires_on(operation)


def _decremented(one: ArmedFault, operation: Operation) -> ArmedFault:
    return one.model_copy(update={"times": one.times - 1}) if one.times and one.fires_on(operation) else one


def describe(catalogue: Mapping[Fault, FaultSheet] = CATALOGUE) -> list[dict[str, Any]]:
    """The catalogue as JSON, in its own order."""
    return [{"fault": fault, **sheet.model_dump(mode="json")} for fault, sheet in catalogue.items()]
