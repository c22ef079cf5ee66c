"""Which faults are armed: on the whole server, on one prediction, or on a single call.

A fault is written `name[=argument][@operation][*times]`, several of them with commas:
`failed=no lighthouse`, `throttled=2@get*3`, `expired_link=403*0,work_seconds=0.1`; `*0` means for ever. It is armed
* for one call by the header `X-Sandbox-Fault`; on a create, what concerns later operations stays with the prediction;
* for one prediction by the URL of an input: `…/photo.png?sandbox_fault=failed`, or by the name of a file, uploaded or
  at the end of the URL's path: `cat sandbox_fault=failed sandbox_fault=work_seconds=9.png`;
* for whoever comes next by `POST /_sandbox/faults {"fault", "arg"?, "on"?, "times"?}`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel, TypeAdapter

from sandbox.faults.catalogue import CATALOGUE, Fault, FaultSheet, Operation
from sandbox.persistence.archive import Archive

WORDS: Final = re.compile(r"(?P<name>[^=@*]+)(=(?P<arg>[^@*]*))?(@(?P<on>\w+))?(\*(?P<times>\d+))?")
IN_A_FILENAME: Final = re.compile(r"sandbox_fault=([\w=@*,.-]+)")
GRAMMAR: Final = "name[=argument][@operation][*times], several with commas; *0 = for ever"
KIND: Final = "faults"
SERVER: Final = "server"  # the owner of the faults that anyone may meet


class UnknownFaultError(ValueError):
    """The text names no fault that can be armed in that way."""


class Armed(BaseModel):
    """One fault, waiting for its operation."""

    fault: Fault
    arg: str | None
    on: Operation | None
    times: int  #: how often it may still fire; 0 = until cleared

    @property
    def sheet(self) -> FaultSheet:
        return CATALOGUE[self.fault]

    def fires_on(self, operation: Operation) -> bool:
        return operation in self.sheet.acts_on and self.on in (operation, None)


def _fits(arg: str, sheet: FaultSheet) -> bool:
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

    def __init__(self, armed: Iterable[Armed] = ()) -> None:
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


def arm(*, fault: str, arg: str | None = None, on: str | None = None, times: int | None = None) -> Armed:
    """Raises UnknownFaultError when there is no such fault, or not on that operation, or not with that argument."""
    if fault not in set(Fault):
        raise UnknownFaultError(f"no fault is called {fault!r}; see /_sandbox/faults/catalogue")
    if on is not None and on not in set(Operation):
        raise UnknownFaultError(f"no operation is called {on!r}; there are: {', '.join(Operation)}")
    sheet = CATALOGUE[Fault(fault)]
    operation = Operation(on) if on is not None else sheet.on
    if operation is not None and operation not in sheet.acts_on:
        raise UnknownFaultError(f"{fault} cannot act on {operation}; it acts on: {', '.join(sorted(sheet.acts_on))}")
    if arg is not None and not _fits(arg, sheet):
        raise UnknownFaultError(f"{fault} does not understand the argument {arg!r}")
    return Armed(fault=Fault(fault), arg=arg, on=operation, times=sheet.times if times is None else times)


def arm_for_all(*, fault: str, arg: str | None = None, on: str | None = None, times: int | None = None) -> Armed:
    """A fault for whoever comes next: by default once, except an outage, which lasts until it is cleared."""
    armed = arm(fault=fault, arg=arg, on=on, times=times)
    return armed.model_copy(update={"times": 1}) if times is None and armed.on is not None else armed


def faults_in(text: str, *, during: Operation) -> list[Armed]:
    """The faults that a header or a URL names; one that can act on the present operation does so."""
    return [_parsed(words, during) for words in text.split(",") if words.strip()]


def _parsed(words: str, during: Operation) -> Armed:
    parts = WORDS.fullmatch(words.strip())
    if parts is None:
        raise UnknownFaultError(f"no fault is called {words.strip()!r}; see /_sandbox/faults/catalogue")
    times = int(parts["times"]) if parts["times"] else None
    armed = arm(fault=parts["name"], arg=parts["arg"], on=parts["on"], times=times)
    unbound = parts["on"] is None and armed.on is not None and during in armed.sheet.acts_on
    return armed.model_copy(update={"on": during}) if unbound else armed


def faults_in_filename(name: str) -> str:
    """`cat sandbox_fault=failed.jpg` names `failed`; the ending of the name is not part of it."""
    return ",".join(IN_A_FILENAME.findall(PurePosixPath(name).stem))


def faults_in_url(url: str) -> str:
    """The `sandbox_fault=…` of a URL's query, and those in the last part of its path."""
    if url.startswith("data:"):
        return ""
    parts = urlsplit(url)
    in_query = parse_qs(parts.query).get("sandbox_fault", [])
    return ",".join([*in_query, faults_in_filename(unquote(parts.path))]).strip(",")


ARMED_LIST: Final = TypeAdapter(list[Armed])


class FaultBoard:
    """The armed faults of the server and of each prediction (the owner), kept in the archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._armed: dict[str, list[Armed]] = {}

    def set(self, armed: Armed) -> None:
        self._save(SERVER, [*self.standing(), armed])

    def standing(self) -> Sequence[Armed]:
        return tuple(self._of(SERVER))

    def clear_standing(self) -> None:
        self._save(SERVER, [])

    def clear(self) -> None:
        self._armed.clear()
        self._archive.clear(KIND)

    def ride(self, owner: str, armed: Sequence[Armed]) -> None:
        """Let these faults stay with one prediction."""
        if armed:
            self._save(owner, list(armed))

    def riding(self, owner: str) -> Faults:
        """The faults that colour this prediction's whole life."""
        return Faults(one for one in self._of(owner) if one.sheet.rides and one.on is Operation.CREATE)

    def take(self, operation: Operation, owner: str = SERVER) -> list[Armed]:
        """The faults that fire now; each has one firing less left afterwards."""
        firing = [one for one in self._of(owner) if one.fires_on(operation)]
        if any(one.times for one in firing):
            self._save(owner, [_spent(one, operation) for one in self._of(owner) if not _exhausted(one, operation)])
        return firing

    def _of(self, owner: str) -> list[Armed]:
        if owner not in self._armed:
            stored = self._archive.get(KIND, owner)
            self._armed[owner] = ARMED_LIST.validate_json(stored) if stored else []
        return self._armed[owner]

    def _save(self, owner: str, armed: list[Armed]) -> None:
        self._armed[owner] = armed
        self._archive.put(KIND, owner, ARMED_LIST.dump_json(armed).decode())


def _exhausted(one: Armed, operation: Operation) -> bool:
    return one.times == 1 and one.fires_on(operation)


def _spent(one: Armed, operation: Operation) -> Armed:
    return one.model_copy(update={"times": one.times - 1}) if one.times and one.fires_on(operation) else one


def describe(catalogue: Mapping[Fault, FaultSheet] = CATALOGUE) -> list[dict[str, Any]]:
    """The catalogue as JSON, in its own order."""
    return [{"fault": fault, **sheet.model_dump(mode="json")} for fault, sheet in catalogue.items()]
