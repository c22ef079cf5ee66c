"""`aijobs audit`: what the command line itself does to the database is recorded, with the account that did it."""

import csv
import json
from collections.abc import Mapping
from getpass import getuser
from pathlib import Path
from socket import gethostname
from typing import Final

from aijobs.domain.values.safe_csv import BYTE_ORDER_MARK
from cli.errors import Exit
from tests.cli.conftest import Command

COMMANDS: Final = Path(__file__).parents[2] / "cli" / "commands"


def test_keys_and_limits_by_the_command_line_are_recorded_with_the_account(aijobs: Command) -> None:
    key_id = aijobs("keys", "create", "backend").out.strip().split("_")[2]
    aijobs("points", "limit", "ada", "50")
    aijobs("points", "limit", "ada", "70")
    aijobs("limits", "user", "ada", "--weight", "2")
    aijobs("keys", "revoke", key_id)
    aijobs("log-level", "DEBUG")

    acts = json.loads(aijobs("audit", "--json").out)["data"]
    by_hand = [act for act in acts if act["actor_kind"] == "command_line"]
    assert [(act["act"], act["target"]) for act in by_hand] == [
        ("log_levels.set", "log"),
        ("key.revoked", key_id),
        ("share.set", "ada"),
        ("points.limit_set", "ada"),
        ("points.limit_set", "ada"),
        ("key.made", key_id),
    ]
    assert {act["actor"] for act in by_hand} == {f"{getuser()}@{gethostname()}"}
    assert (by_hand[3]["before"], by_hand[3]["after"]) == ({"daily_limit": 50}, {"daily_limit": 70})
    assert (by_hand[5]["before"], by_hand[5]["after"]["name"]) == (None, "backend")


def test_acts_are_shown_filtered_and_exported(aijobs: Command) -> None:
    aijobs("points", "limit", "ada", "50")
    aijobs("points", "limit", "bob", "60")

    shown = aijobs("audit", "--act", "points", "--user", "bob", "--last", "1h").out
    lines = aijobs("audit", "--target", "ada", "--export", "jsonl").out
    table = aijobs("audit", "--act", "points.limit_set", "--export", "csv").out
    exports = json.loads(aijobs("audit", "--act", "audit", "--json").out)["data"]

    assert "daily_limit: 60" in shown
    assert "daily_limit: 50" not in shown
    assert [json.loads(line)["after"] for line in lines.splitlines()] == [{"daily_limit": 50}]
    rows = list(csv.DictReader(table.removeprefix(BYTE_ORDER_MARK).splitlines()))
    assert [row["target"] for row in rows] == ["ada", "bob"]
    assert [act["after"]["format"] for act in exports] == ["csv", "jsonl"]


def test_nothing_that_fits_and_a_duration_that_is_none(aijobs: Command) -> None:
    assert "Nothing is recorded" in aijobs("audit", "--target", "nobody").out
    assert aijobs("audit", "--last", "yesterday").code == Exit.USAGE


#: Commands that have the database at hand. All others speak to the API, which records.
WITH_THE_DATABASE: Final[Mapping[str, str]] = {
    "keys.py": "tested above",
    "limits.py": "tested above",
    "points.py": "tested above",
    "log_level.py": "tested above",
    "sessions.py": "tests/cli/test_sessions.py",
    "audit.py": "its export is recorded: tested above",
}


def test_every_command_that_has_the_database_at_hand_is_known_here() -> None:
    commands = {path.name for path in COMMANDS.glob("*.py") if "open_database(" in path.read_text("utf-8")}

    assert commands == WITH_THE_DATABASE.keys()
