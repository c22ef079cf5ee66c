"""One process after another is replaced by one of another version while jobs run: nothing is lost or paid twice."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from aijobs.persistence.database import LATEST_REVISION
from chaos.checks.invariants import check
from chaos.evidence import evidence_in
from chaos.load.customers import Customers
from chaos.observations import Observations
from chaos.plan import StormPlan, orders_of
from chaos.quiescence import until_final, until_late_watches_ended, workflows_of
from chaos.stack.database import RunDatabase, running_database
from chaos.stack.processes import Kind
from chaos.stack.stack import ChaosStack, answers, running_stack
from cli.embedded.ports import HOST
from tests.stories.upgrades.last_release import LAST_REVISION
from tests.stories.upgrades.source_trees import NEXT_REVISION, ROOT, last_release, next_version, running_from

PLAN = StormPlan(seed=15, jobs=60, users=8, storm=45.0, timeout=120.0, gentle=True, postgresql=True, patience=3.0)
PAUSE = 0.3
READY = 90.0


@dataclass
class Upgrade:
    """A running stack, and how many jobs it had accepted before each change."""

    stack: ChaosStack
    accepted: list[int] = field(default_factory=list)

    async def init(self, tree: Path) -> str:
        """`aijobs init` of a version. What it says, and what it refuses."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli.main", "init", "--only", "database"),
            env=self.stack.environment | running_from(tree),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        return out.decode()

    async def replace_all(self, tree: Path) -> None:
        """Workers first, one after the other; then the APIs."""
        self.stack.environment |= running_from(tree)
        for kind in (Kind.WORKER, Kind.API):
            for member in [member for member in self.stack.members if member.kind is kind]:
                self.accepted.append(self._column("SELECT count(*) FROM job"))
                await member.end(signal.SIGTERM, downtime=PAUSE)
                await member.up()
                async with asyncio.timeout(READY):
                    for port in self.stack.ports.apis:
                        await answers(f"http://{HOST}:{port}/healthz")

    def revision(self) -> str:
        return str(self._column("SELECT version_num FROM alembic_version"))

    def _column(self, query: str) -> int:
        (value,) = self.stack.database.column(query)
        found: int = value
        return found


@asynccontextmanager
async def under_load(folder: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Upgrade]:
    """A stack of a version, to which customers send jobs. After the block every promise is checked."""
    for name, value in running_from(tree).items():
        monkeypatch.setenv(name, value)
    observations = Observations()
    async with running_database(PLAN, folder) as (database, server):
        async with running_stack(PLAN, folder, database, server) as stack:
            for proxy in stack.proxies.values():
                proxy.calm()
            customers = asyncio.create_task(Customers(PLAN, stack, observations).order(orders_of(PLAN)))
            try:
                yield Upgrade(stack)
                await asyncio.wait_for(customers, PLAN.timeout)
            finally:
                customers.cancel()
            assert await until_final(stack, timeout=PLAN.timeout) is not None
            await until_late_watches_ended(stack, timeout=PLAN.timeout)
            await _observe(stack, observations)
        await _require_every_promise(folder, database)


async def _observe(stack: ChaosStack, observations: Observations) -> None:
    observations.workflows = await workflows_of(stack)
    await stack.object_store.tidied()
    observations.inventory = await stack.object_store.inventory()
    observations.save(stack.folder)
    assert [end for member in stack.members for end in member.unexpected_ends] == []


async def _require_every_promise(folder: Path, database: RunDatabase) -> None:
    evidence = await evidence_in(folder, daily_limit=PLAN.daily_limit, database=database)
    results = check(evidence)
    assert [breach for result in results for breach in result.breaches] == []
    assert len(evidence.every_job) > PLAN.jobs / 2
    assert evidence.ledger


@pytest.mark.xdist_group("chaos")
async def test_from_the_last_release_to_this_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = last_release(tmp_path / "last-release")
    folder = tmp_path / "run"
    folder.mkdir()

    async with under_load(folder, old, monkeypatch) as upgrade:
        assert upgrade.revision() == LAST_REVISION
        assert f"brought from revision {LAST_REVISION} to {LATEST_REVISION}" in await upgrade.init(ROOT)
        await upgrade.replace_all(ROOT)

        refused = await upgrade.init(old)
        assert f"knows none after {LAST_REVISION}: run the version of aijobs that has migrated it" in refused
        assert upgrade.revision() == LATEST_REVISION
        assert upgrade.accepted == sorted(upgrade.accepted)
        assert upgrade.accepted[-1] > upgrade.accepted[0]


@pytest.mark.xdist_group("chaos")
async def test_to_a_next_version_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    following = next_version(tmp_path / "next")
    folder = tmp_path / "run"
    folder.mkdir()

    async with under_load(folder, ROOT, monkeypatch) as upgrade:
        assert f"brought from revision {LATEST_REVISION} to {NEXT_REVISION}" in await upgrade.init(following)
        await upgrade.replace_all(following)
        await upgrade.replace_all(ROOT)

        assert f"newer than {LATEST_REVISION}, which this version can work with" in await upgrade.init(ROOT)
        assert upgrade.revision() == NEXT_REVISION
        assert upgrade.accepted[-1] > upgrade.accepted[0]
