"""Keys are made, listed and revoked straight in the database."""

import sqlite3
from contextlib import closing
from pathlib import Path

from cli.embedded.ports import free_port
from cli.errors import Exit
from cli.options import KEY_FILE
from tests.cli.command import running
from tests.cli.conftest import Command


def test_a_key_is_told_once_listed_and_revoked(aijobs: Command, tmp_path: Path) -> None:
    made = aijobs("keys", "create", "backend", "--json")
    listed = aijobs("keys", "list", "--json")
    (key,) = listed.document["data"]
    revoked = aijobs("keys", "revoke", key["key_id"])
    afterwards = aijobs("keys", "list", "--json")

    assert made.document["key"].startswith("aijobs_service_")
    assert made.document["key"] not in listed.out
    assert (key["name"], key["kind"], key["state"], key["user_id"]) == ("backend", "service", "valid", None)
    assert revoked.code == Exit.SUCCESS
    assert afterwards.document["data"][0]["state"] == "revoked"
    with closing(sqlite3.connect(tmp_path / "aijobs.db")) as database:
        assert made.document["key"] not in "".join(database.iterdump())


def test_a_users_key_may_be_narrow_and_expire(aijobs: Command, tmp_path: Path) -> None:
    aijobs(
        *("keys", "create", "app", "--user", "ada", "--scope", "jobs:read", "--expires-in", "30d"),
    )

    listed = aijobs("keys", "list", "--json")

    (key,) = listed.document["data"]
    assert (key["kind"], key["user_id"], key["scopes"]) == ("user", "ada", ["jobs:read"])
    assert key["expires_at"] > key["create_time"]


def test_a_users_key_cannot_run_the_installation(aijobs: Command) -> None:
    made = aijobs("keys", "create", "app", "--user", "ada")
    refused = aijobs("keys", "create", "app", "--user", "ada", "--scope", "admin")

    assert made.code == Exit.SUCCESS
    assert refused.code == Exit.USAGE
    assert "admin" in refused.err


def test_a_key_is_rotated_once_and_both_are_valid_for_a_while(aijobs: Command) -> None:
    aijobs("keys", "create", "backend", "--role", "operator")
    (old,) = aijobs("keys", "list", "--json").document["data"]

    rotated = aijobs("keys", "rotate", old["key_id"], "--overlap", "1h", "--json")
    again = aijobs("keys", "rotate", old["key_id"])

    before, after = aijobs("keys", "list", "--json").document["data"]
    assert rotated.document["key"].startswith("aijobs_service_")
    assert (before["state"], before["replaced_by"]) == ("valid", after["key_id"])
    assert (after["role"], after["replaces"], after["expires_at"]) == ("operator", old["key_id"], None)
    assert before["expires_at"] is not None
    assert again.code != Exit.SUCCESS
    assert after["key_id"] in again.err


def test_the_file_with_an_installations_key_is_rotated_with_it(aijobs: Command, tmp_path: Path) -> None:
    made = aijobs("keys", "create", "first", "--json").document["key"]
    file = tmp_path / KEY_FILE
    file.write_text(f"{made}\n")

    fresh = aijobs("keys", "rotate", made.split("_")[2], "--json").document["key"]

    assert file.read_text() == f"{fresh}\n"
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_overlap_must_be_a_duration_of_at_most_90_days(aijobs: Command) -> None:
    for overlap in ("soon", "91d"):
        refused = aijobs("keys", "rotate", "0123456789abcdef", "--overlap", overlap)
        assert refused.code == Exit.USAGE
    assert aijobs("keys", "rotate", "0123456789abcdef").code == Exit.NOT_FOUND


def test_a_key_that_does_not_exist_cannot_be_revoked(aijobs: Command, tmp_path: Path) -> None:
    result = aijobs("keys", "revoke", "0123456789abcdef")

    assert result.code == Exit.NOT_FOUND
    assert "0123456789abcdef" in result.err


async def test_a_shared_database_without_a_key_is_said(tmp_path: Path) -> None:
    settings = {"AIJOBS_DATABASE_URL": f"sqlite:///{tmp_path}/shared.db", "AIJOBS_API__PORT": str(free_port())}
    async with running("api", folder=tmp_path, **settings) as api:
        await api.wait_for_output("no_key_yet")

    assert "aijobs keys create NAME" in api.output
    assert not (tmp_path / KEY_FILE).exists()
