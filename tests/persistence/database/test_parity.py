"""The same input is accepted, kept and refused by both databases: each is put through both, and compared."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import pytest
from sqlalchemy import update
from sqlmodel import Session, col, select

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import BadInput
from aijobs.persistence.database import Database
from aijobs.persistence.database.storable import dump_json
from aijobs.persistence.jobs.acceptance import accept
from aijobs.persistence.jobs.search import JobFilter, jobs_page
from aijobs.persistence.tables import (
    ConversationRow,
    JobEventRow,
    JobRow,
    MessageRow,
    PointsLimitRow,
    TemplateRow,
    WriteIntentRow,
)
from tests.persistence.database.parity import order_with, same_outcome

LARGE: Final = 10 * 1024 * 1024


TEXTS: Final[Mapping[str, tuple[str, bool]]] = {
    "empty": ("", True),
    "spaces at its ends": ("  a  ", True),
    "a quote and a percent sign": ("it's 100 % \\ \" `", True),
    "lines": ("a\r\nb\tc\x7f\x01", True),
    "Chinese": ("生成中", True),
    "beyond the first plane": ("🖼️𝔘", True),
    "combining marks, not composed": ("e\u0301", True),
    "written from right to left": ("\u202eabc", True),
    "a backslash before u0000": ("\\u0000", True),
    "NUL": ("a\0b", False),
    "NUL alone": ("\0", False),
    "half of a pair, high": ("a\ud800b", False),
    "half of a pair, low": ("a\udc00", False),
    "a pair in the wrong order": ("\udc00\ud800", False),
    "half of a pair behind the other half as it is written": ("\\ud800\udc00", False),
}


@pytest.mark.parametrize(("text", "is_kept"), TEXTS.values(), ids=TEXTS.keys())
async def test_texts(both: Mapping[str, Database], text: str, *, is_kept: bool) -> None:
    def write(session: Session) -> None:
        session.add(WriteIntentRow(key="one", job_code=text))

    def read(session: Session) -> Sequence[str | None]:
        return session.exec(select(WriteIntentRow.job_code).where(col(WriteIntentRow.job_code) == text)).all()

    assert await same_outcome(both, write, read) == (("kept", [text]) if is_kept else ("refused", "BadInput"))


@pytest.mark.parametrize(("text", "is_kept"), TEXTS.values(), ids=TEXTS.keys())
async def test_texts_in_json(both: Mapping[str, Database], catalogue: Catalogue, text: str, *, is_kept: bool) -> None:
    order = order_with(catalogue, params={"z": {text: [text]}, "a": None}, metadata={text: text})

    def read(session: Session) -> Any:
        job = session.exec(select(JobRow)).one()
        return job.extra, dump_json(job.params)

    kept = ("kept", ({text: text}, dump_json(order.params))) if is_kept else ("refused", "BadInput")
    assert await same_outcome(both, lambda session: accept(session, order), read) == kept


NUMBERS: Final[Mapping[str, tuple[Any, bool]]] = {
    "2**31": (2**31, True),
    "2**63": (2**63, True),
    "-(2**63) - 1": (-(2**63) - 1, True),
    "a hundred digits": (10**100, True),
    "a float that is whole": (1.0, True),
    "a large float": (1.5e308, True),
    "a float without a fraction": (1e22, True),
    "the smallest float": (5e-324, True),
    "minus zero": (-0.0, True),
    "a third": (1 / 3, True),
    "not a number": (math.nan, False),
    "infinity": (math.inf, False),
    "minus infinity": (-math.inf, False),
}


@pytest.mark.parametrize(("number", "is_kept"), NUMBERS.values(), ids=NUMBERS.keys())
async def test_numbers_in_json(
    both: Mapping[str, Database], catalogue: Catalogue, number: Any, *, is_kept: bool
) -> None:
    order = order_with(catalogue, params={"number": number})

    def read(session: Session) -> str:
        return repr(session.exec(select(JobRow.params)).one()["number"])

    kept = ("kept", repr(number)) if is_kept else ("refused", "BadInput")
    assert await same_outcome(both, lambda session: accept(session, order), read) == kept


@pytest.mark.parametrize(
    ("number", "is_kept"),
    [(2**31, True), (2**53 + 1, True), (2**63 - 1, True), (2**63, False), (-(2**63), True), (-(2**63) - 1, False)],
)
async def test_whole_numbers(both: Mapping[str, Database], number: int, *, is_kept: bool) -> None:
    def write(session: Session) -> None:
        session.add(PointsLimitRow(user_id="ada", daily_limit=number))

    def read(session: Session) -> int:
        return session.get_one(PointsLimitRow, "ada").daily_limit

    assert await same_outcome(both, write, read) == (("kept", number) if is_kept else ("refused", "BadInput"))


@pytest.mark.parametrize("number", [2**31, 2**63 - 1, 2**63, 10**30, -(2**63) - 1])
async def test_cursors_that_are_no_ids_of_ours(both: Mapping[str, Database], number: int) -> None:
    def read(session: Session) -> list[int | None]:
        return list(session.exec(select(JobRow.id).where(col(JobRow.id) > number)))

    outcome = await same_outcome(both, lambda _: None, read)
    assert outcome in (("kept", []), ("refused", "BadInput"))


@pytest.mark.parametrize("number", [0.1, 1e300, math.nan, math.inf])
async def test_fractions(both: Mapping[str, Database], catalogue: Catalogue, number: float) -> None:
    def write(session: Session) -> None:
        accept(session, order_with(catalogue))
        session.exec(update(JobRow).values(unit_progress=number))

    def read(session: Session) -> float | None:
        return session.exec(select(JobRow.unit_progress)).one()

    expected = ("kept", number) if math.isfinite(number) else ("refused", "BadInput")
    assert await same_outcome(both, write, read) == expected


async def test_ten_megabytes_of_json(both: Mapping[str, Database], catalogue: Catalogue) -> None:
    params = {"text": "图" * (LARGE // 3), "list": list(range(10_000))}

    def read(session: Session) -> bool:
        return session.exec(select(JobRow.params)).one() == params

    order = order_with(catalogue, params=params)
    assert await same_outcome(both, lambda session: accept(session, order), read) == ("kept", True)


async def test_the_keys_of_json_keep_their_order(both: Mapping[str, Database], catalogue: Catalogue) -> None:
    order = order_with(catalogue, metadata={"zz": "1", "a": "2", "mm": "3"})

    def read(session: Session) -> list[str]:
        return list(session.exec(select(JobRow.extra)).one())

    assert await same_outcome(both, lambda session: accept(session, order), read) == ("kept", ["zz", "a", "mm"])


MOMENT: Final = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)  #: an hour that some zones do not have


@pytest.mark.parametrize(
    ("moment", "is_kept"),
    [
        (MOMENT, True),
        (MOMENT.astimezone(timezone(timedelta(hours=14))), True),
        (MOMENT.astimezone(timezone(timedelta(hours=-11, minutes=-30))), True),
        (datetime(1, 1, 2, tzinfo=UTC), True),
        (datetime(9999, 12, 30, 23, 59, 59, 999999, tzinfo=UTC), True),
        (datetime(2026, 3, 29, 1, 30), False),  # noqa: DTZ001 (that is the point)
    ],
    ids=["UTC", "+14:00", "-11:30", "year 1", "year 9999", "without a zone"],
)
async def test_moments(both: Mapping[str, Database], moment: datetime, *, is_kept: bool) -> None:
    def write(session: Session) -> None:
        session.add(WriteIntentRow(key="one", create_time=moment))

    def read(session: Session) -> tuple[datetime, str]:
        found = session.exec(select(WriteIntentRow.create_time).where(col(WriteIntentRow.create_time) <= moment)).one()
        return found, found.isoformat()

    state, kept = await same_outcome(both, write, read)
    assert state == "kept" if is_kept else state != "kept"
    if is_kept:
        assert kept == (moment, moment.astimezone(UTC).isoformat())


async def test_moments_are_compared_across_zones(both: Mapping[str, Database]) -> None:
    later = [MOMENT + timedelta(microseconds=number) for number in range(3)]
    zones = [timezone(timedelta(hours=hours)) for hours in (12, -12, 0)]

    def write(session: Session) -> None:
        for number, (moment, zone) in enumerate(zip(later, zones, strict=True)):
            session.add(WriteIntentRow(key=str(number), create_time=moment.astimezone(zone)))

    def read(session: Session) -> Sequence[str]:
        return session.exec(select(WriteIntentRow.key).order_by(col(WriteIntentRow.create_time))).all()

    assert await same_outcome(both, write, read) == ("kept", ["0", "1", "2"])


SEARCHED: Final = ("Summer", "summer", "SUMMER", "100%", "1000", "a_b", "axb", "a\\b", "Ä", "ä", "生成", "'", '"')


@pytest.mark.parametrize("text", SEARCHED)
async def test_a_search_finds_the_same(both: Mapping[str, Database], catalogue: Catalogue, text: str) -> None:
    def write(session: Session) -> None:
        for user, written in enumerate(SEARCHED):
            accept(session, order_with(catalogue, user_id=f"user {user}", metadata={"name": written}))

    def read(session: Session) -> list[str]:
        rows, _ = jobs_page(session, JobFilter(text=text), limit=100)
        return sorted(row.extra["name"] for row in rows)

    state, found = await same_outcome(both, write, read)
    assert state == "kept"
    assert text in found


async def test_unique_keys_and_references_are_kept(both: Mapping[str, Database], catalogue: Catalogue) -> None:
    def twice(session: Session) -> None:
        session.add(TemplateRow(id="one"))
        session.flush()
        session.expunge_all()
        session.add(TemplateRow(id="one"))

    def without_a_job(session: Session) -> None:
        session.add(ConversationRow(job_code="job_none", stages=1, template_id="one", template_version=1))

    def nothing_left(session: Session) -> int:
        return len(session.exec(select(TemplateRow)).all()) + len(session.exec(select(ConversationRow)).all())

    assert await same_outcome(both, twice, nothing_left) == ("failed", "IntegrityError")
    assert await same_outcome(both, without_a_job, nothing_left) == ("failed", "IntegrityError")
    for database in both.values():
        assert await database.read(nothing_left) == 0


async def test_what_a_vendor_counts_is_kept_however_large(both: Mapping[str, Database], catalogue: Catalogue) -> None:
    def write(session: Session) -> None:
        job = accept(session, order_with(catalogue))
        session.add(ConversationRow(job_code=job.code, stages=1, template_id="one", template_version=1))
        session.flush()
        session.add(MessageRow(job_code=job.code, stage=1, role="user", content="", tokens_in=2**40, tokens_out=2**62))

    def read(session: Session) -> tuple[int | None, int | None]:
        message = session.exec(select(MessageRow)).one()
        return message.tokens_in, message.tokens_out

    assert await same_outcome(both, write, read) == ("kept", (2**40, 2**62))


async def test_a_refused_value_leaves_nothing_of_its_transaction(
    both: Mapping[str, Database], catalogue: Catalogue
) -> None:
    def half_done(session: Session) -> None:
        accept(session, order_with(catalogue))
        session.flush()
        session.add(WriteIntentRow(key="a\0b"))

    for database in both.values():
        with pytest.raises(BadInput):
            await database.write(half_done)
        assert await database.read(lambda session: len(session.exec(select(JobEventRow)).all())) == 0
