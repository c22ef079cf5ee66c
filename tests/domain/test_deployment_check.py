"""What cannot work on several hosts is refused by name; what runs on one host is not."""

from pathlib import Path
from typing import Any

import pytest

from aijobs.hosts.deployment_check import check_deployment, deployment_problems
from aijobs.settings import GivenSettings, SettingsError

POSTGRESQL = "postgresql://aijobs@db.internal/aijobs"
SECRET = "a long enough secret of ours"
BUCKET = {"url": "s3://bucket/prefix"}
HERE, CLUSTER = "127.0.0.1:7233", "temporal.internal:7233"

SECRET_SET, STORE, DATABASE = "AIJOBS_SECRET", "AIJOBS_STORE__URL", "AIJOBS_DATABASE_URL"


def refused(address: str = HERE, **settings: Any) -> list[str]:
    problems = deployment_problems(GivenSettings(**settings), temporal_address=address)
    return [problem.partition(":")[0] for problem in problems]


@pytest.mark.parametrize("address", [HERE, "localhost:7233", "[::1]:7233", "127.0.0.2:7233"])
def test_everything_on_one_host_is_the_default(address: str) -> None:
    assert refused(address) == []


def test_many_hosts_with_postgresql_s3_and_a_secret(tmp_path: Path) -> None:
    assert refused(CLUSTER, database_url=POSTGRESQL, secret=SECRET, store=BUCKET) == []


def test_postgresql_without_a_secret_that_all_hosts_have() -> None:
    assert refused(database_url=POSTGRESQL, store=BUCKET) == [SECRET_SET]
    assert refused(database_url=POSTGRESQL, store=BUCKET, secret="") == [SECRET_SET]
    assert refused(database_url=POSTGRESQL, store=BUCKET, one_host=True) == [SECRET_SET]


@pytest.mark.parametrize("database", [POSTGRESQL, "postgresql+psycopg://db/aijobs", "postgres://db/aijobs"])
@pytest.mark.parametrize("store", [{}, {"url": "file:///srv/store"}])
def test_postgresql_with_a_store_of_one_host(database: str, store: dict[str, str]) -> None:
    assert refused(database_url=database, secret=SECRET, store=store) == [STORE]
    assert refused(database_url=database, secret=SECRET, store=store, one_host=True) == []


@pytest.mark.parametrize("address", [CLUSTER, "10.0.0.7:7233", "acme.a1b2c.tmprl.cloud:7233"])
def test_a_temporal_elsewhere_with_files_of_one_host(address: str) -> None:
    assert refused(address) == [STORE, DATABASE]
    assert refused(address, store=BUCKET) == [DATABASE]
    assert refused(address, database_url="sqlite:////srv/aijobs.db", store=BUCKET) == [DATABASE]
    assert refused(address, one_host=True) == []


def test_what_is_no_address_is_not_this_host() -> None:
    assert refused("[::1") == [STORE, DATABASE]


def test_all_are_named_at_once_with_the_way_out() -> None:
    with pytest.raises(SettingsError, match=r"AIJOBS_STORE__URL: .*AIJOBS_ONE_HOST=true.*; AIJOBS_DATABASE_URL: "):
        check_deployment(GivenSettings(), temporal_address=CLUSTER)


def test_no_host_makes_a_secret_of_its_own_for_a_shared_database(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="AIJOBS_SECRET"):
        GivenSettings(data_dir=tmp_path, database_url=POSTGRESQL).load_secret()

    assert list(tmp_path.iterdir()) == []
