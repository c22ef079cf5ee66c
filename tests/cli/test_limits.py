"""`aijobs limits`: what may be in flight, as the settings and the database have it."""

from pathlib import Path

import pytest

from cli.errors import Exit
from tests.cli.command import aijobs_process
from tests.cli.conftest import Command


async def test_a_user_gets_a_share_of_their_own(tmp_path: Path) -> None:
    done = await aijobs_process("limits", "user", "ada", "--weight", "2.5", "--in-flight", "3", folder=tmp_path)
    shown = await aijobs_process("limits", folder=tmp_path)

    assert done.code == 0
    assert "weight of 2.5, and at most 3 jobs" in done.out
    assert "weight 2.5, at most 3 in flight" in shown.out


@pytest.mark.parametrize("wrong", [["--weight", "0"], ["--weight", "-1"], ["--in-flight", "0"], ["--weight", "nan"]])
def test_a_share_of_nothing_is_refused(aijobs: Command, wrong: list[str]) -> None:
    done = aijobs("limits", "user", "ada", *wrong)

    assert done.code == Exit.USAGE


def test_limits_of_nobody_are_refused_by_name(aijobs: Command) -> None:
    done = aijobs("limits", AIJOBS_LIMITS__CREDENTIALS='{"nobody": {"in_flight": 1}}')

    assert done.code != 0
    assert "AIJOBS_LIMITS__CREDENTIALS: no model is of nobody" in done.err
