"""Requests of somebody who looks for something among many jobs: each kind asks for something else every time."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from sqlalchemy import func
from sqlmodel import Session, col, select

from aijobs.persistence.column_types import now
from aijobs.persistence.jobs.event_log import newest_position
from aijobs.persistence.tables import JobRow, PointsEntryRow
from bench.scale.archive_rows import DAYS, LARGEST_USER, RARE_MODEL, USERS

KNOWN_JOBS: Final = 500
JSON: Final = "application/json"
HTML: Final = "text/html"

BAD_ENDS: Final = ("FAILED", "TIMEOUT", "CANCELED")


@dataclass(frozen=True)
class Contents:
    """What the archive holds: some jobs from all of its time, its last position in the log, entry and number."""

    codes: Sequence[str]
    provider_ids: Sequence[str]
    newest_position: int
    newest_entry: int
    jobs: int


def contents(session: Session, jobs: int) -> Contents:
    """Of an archive of so many jobs."""
    first, last = session.exec(select(func.min(col(JobRow.id)), func.max(col(JobRow.id)))).one()
    assert first, "there are jobs"
    assert last, "there are jobs"
    ids = random.Random(0).sample(range(first, last + 1), min(KNOWN_JOBS, last - first + 1))
    found = session.exec(select(JobRow.code, JobRow.out_id).where(col(JobRow.id).in_(ids))).all()
    newest_entry = session.exec(select(func.max(col(PointsEntryRow.id)))).one()
    return Contents(
        codes=[code for code, _ in found],
        provider_ids=[out_id for _, out_id in found if out_id],
        newest_position=newest_position(session),
        newest_entry=newest_entry or 0,
        jobs=jobs,
    )


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A GET request, for a user where one is named."""

    path: str
    query: Mapping[str, str | int | Sequence[str]]
    user: str | None = None
    accept: str = JSON

    @property
    def address(self) -> str:
        return f"{self.path}?{urlencode(self.query, doseq=True)}" if self.query else self.path

    @property
    def headers(self) -> dict[str, str]:
        return {"Accept": self.accept} | ({"Aijobs-User": self.user} if self.user else {})


class ArchiveRequests:
    """Makes requests, by their kind, in groups that are shown as one row each."""

    def __init__(self, known: Contents, seed: int = 1) -> None:
        self._known = known
        self._chance = random.Random(seed)

    def groups(self) -> Mapping[str, Sequence[Asked]]:
        """One request of every kind, by group."""
        return {
            "list, first page and deep in": list(self._lists()),
            "list by user": list(self._lists_of_users()),
            "list by status, model or time": list(self._filtered_lists()),
            "list by several of them": list(self._combined_lists()),
            "one job, its events": list(self._single_jobs()),
            "search by code or provider's id": list(self._searches_by_id()),
            "search in metadata": list(self._searches_in_metadata()),
            "overview": list(self._overviews()),
            "models and points pages": list(self._statistics()),
            "points and their entries": list(self._points()),
            "event log, first page and deep in": list(self._log_pages()),
            "event log, filtered": list(self._filtered_log_pages()),
            "metrics": [Asked(path="/metrics", query={}, accept="text/plain")],
        }

    def _lists(self) -> Iterator[Asked]:
        yield _list()
        yield _list(cursor=self._code())

    def _lists_of_users(self) -> Iterator[Asked]:
        yield _list(user=self._user())
        yield _list(user=LARGEST_USER)
        yield _list(user=self._user(), status=["FAILED"])
        yield _list(user=LARGEST_USER, status=["TIMEOUT"])
        yield _list(user=LARGEST_USER, model=RARE_MODEL)
        yield _list(user=LARGEST_USER, model=RARE_MODEL, status=BAD_ENDS)

    def _filtered_lists(self) -> Iterator[Asked]:
        yield _list(status=["SUCCESS"], cursor=self._code())
        yield _list(status=["FAILED"], cursor=self._code())
        yield _list(status=["PROCESSING"])
        yield _list(status=BAD_ENDS)
        yield _list(model="document_extract_v1", cursor=self._code())
        yield _list(model=RARE_MODEL)
        yield _list(model="replicate_imageupscale_v0")
        yield _list(created_before=self._moment())
        yield _list(created_after=self._moment(), created_before=self._moment())

    def _combined_lists(self) -> Iterator[Asked]:
        yield _list(model=RARE_MODEL, status=["FAILED"])
        yield _list(status=["TIMEOUT"], created_before=self._moment())
        yield _list(model=RARE_MODEL, created_before=self._moment())
        yield _list(user=LARGEST_USER, created_before=self._moment())
        yield _list(user=self._user(), model=RARE_MODEL, status=BAD_ENDS, created_before=self._moment())

    def _single_jobs(self) -> Iterator[Asked]:
        yield Asked(path=f"/api/jobs/{self._code()}", query={"expand": "exchange"})
        yield Asked(path=f"/api/jobs/{self._code()}/events", query={})

    def _searches_by_id(self) -> Iterator[Asked]:
        yield _page("/jobs", q=self._code()[:16])
        yield _page("/jobs", q=self._code())
        yield _page("/jobs", q=self._chance.choice(self._known.provider_ids))

    def _searches_in_metadata(self) -> Iterator[Asked]:
        yield _page("/jobs", q="holidays")
        yield _page("/jobs", q=f"order-{self._chance.randrange(self._known.jobs)}")
        yield _page("/jobs", q="nowhere to be found")
        yield _page("/jobs", q="nowhere to be found", user=LARGEST_USER)

    def _overviews(self) -> Iterator[Asked]:
        yield _page("/")
        yield _page("/overview/live", user=LARGEST_USER)
        yield _page("/overview/live", user=self._user())
        yield Asked(path="/overview/throughput.json", query={})

    def _statistics(self) -> Iterator[Asked]:
        yield _page("/models")
        yield _page("/money")
        yield _page("/money", user=LARGEST_USER)

    def _points(self) -> Iterator[Asked]:
        yield Asked(path="/api/points", query={}, user=self._user())
        yield Asked(path="/api/points/entries", query={"limit": 50})
        yield Asked(path="/api/points/entries", query={"limit": 50, "cursor": self._entry()})
        yield Asked(path="/api/points/entries", query={"limit": 50, "cursor": self._entry()}, user=self._user())
        yield Asked(path="/api/points/entries", query={"limit": 50, "cursor": self._entry()}, user=LARGEST_USER)

    def _log_pages(self) -> Iterator[Asked]:
        yield _log(after=0)
        yield _log(after=self._position())
        yield _log(after=self._known.newest_position)

    def _filtered_log_pages(self) -> Iterator[Asked]:
        yield _log(after=self._position(), user=LARGEST_USER)
        yield _log(after=0, user=self._user())
        yield _log(after=self._position(), kind="note")
        yield _log(after=self._position(), job_status="FAILED")
        yield _log(after=self._position(), model_id=RARE_MODEL)
        yield _log(after=0, model_id=RARE_MODEL, user=LARGEST_USER)
        yield _log(after=0, code=self._code())

    def _code(self) -> str:
        return self._chance.choice(self._known.codes)

    def _user(self) -> str:
        return f"user{self._chance.randrange(USERS)}"

    def _position(self) -> int:
        return self._chance.randrange(1, self._known.newest_position)

    def _entry(self) -> int:
        return self._chance.randrange(1, self._known.newest_entry)

    def _moment(self) -> str:
        at: datetime = now() - timedelta(days=DAYS) * self._chance.random()
        return at.isoformat()


def _list(*, user: str | None = None, **query: str | Sequence[str]) -> Asked:
    return Asked(path="/api/jobs", query={"limit": 50, **query}, user=user)


def _page(path: str, **query: str) -> Asked:
    """A page of the dashboard."""
    return Asked(path=path, query=query, accept=HTML)


def _log(*, after: int, user: str | None = None, **query: str) -> Asked:
    return Asked(path="/api/events", query={"after": after, **query}, user=user)
