"""`aijobs points`: the ledger, straight in the database."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session

from aijobs.persistence.database import opened_database
from cli.errors import Exit
from tests.cli.command import aijobs_process
from tests.cli.conftest import Command


async def test_a_fresh_ledger_balances(tmp_path: Path) -> None:
    done = await aijobs_process("points", "check", folder=tmp_path)

    assert done.code == 0
    assert "balances" in done.out


async def test_a_violation_is_named_and_the_exit_code_says_so(tmp_path: Path) -> None:
    def damage(session: Session) -> None:
        entry = text("INSERT INTO points_day (user_id, day, used, held) VALUES ('ada', '2026-11-22', 5, 0)")
        session.connection().execute(entry)

    async with opened_database(f"sqlite:///{tmp_path}/aijobs.db") as database:
        await database.write(damage)

    done = await aijobs_process("points", "check", folder=tmp_path)

    assert done.code == 1
    assert "ada on 2026-11-22: the day says used 5" in done.out


async def test_a_user_gets_a_limit_of_their_own(tmp_path: Path) -> None:
    done = await aijobs_process("points", "limit", "ada", "7", folder=tmp_path)

    assert done.code == 0
    assert "ada has 7 points a day" in done.out


@pytest.mark.parametrize("user", ["", " ada", "e\u0301va", "a\x1bb", "a" * 201])
def test_a_limit_is_for_a_user_as_the_api_takes_one(aijobs: Command, user: str) -> None:
    done = aijobs("points", "limit", user, "7")

    assert done.code == Exit.USAGE
    assert "cannot be a user" in done.err


async def test_a_decision_must_be_one_decision(tmp_path: Path) -> None:
    done = await aijobs_process("resolve", "job_x", "--why", "…", "--refund", "--charge", folder=tmp_path)

    assert done.code == 2
    assert "--refund" in done.err
