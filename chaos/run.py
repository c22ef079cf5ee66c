"""One run: the stack starts, the storm of faults runs, the stack recovers, and the invariants are checked."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from chaos.checks.invariants import CheckResult, check
from chaos.evidence import Evidence, evidence_in
from chaos.faults import provider_faults
from chaos.load.batches import BatchCustomers
from chaos.load.customers import Customers
from chaos.observations import Observations
from chaos.plan import CustomerOrder, StormPlan, batches_of, orders_of
from chaos.quiescence import until_final, until_late_watches_ended, workflows_of
from chaos.stack.database import running_database
from chaos.stack.killer import Harm, Killer
from chaos.stack.operator_acts import Operator, OperatorAct
from chaos.stack.processes import Kind
from chaos.stack.stack import ChaosStack, running_stack

Say = Callable[[str], None]


@dataclass(kw_only=True)
class StormResult:
    """What a run did, and what came of it. Times in seconds."""

    plan: StormPlan
    folder: Path
    orders: list[CustomerOrder]
    harms: Counter[tuple[Harm, Kind]] = field(default_factory=Counter)
    acts: Counter[OperatorAct] = field(default_factory=Counter)  #: of the operator
    cuts: dict[str, tuple[int, int]] = field(default_factory=dict)  #: connections and those cut, by proxy
    faults_injected: Counter[str] = field(default_factory=Counter)
    unexpected_ends: list[str] = field(default_factory=list)
    duration: float = 0.0
    recovery: float | None = None
    late_watches_left: int = 0  #: still awaited
    tidied: int = 0  #: objects that killed processes left half made
    evidence: Evidence | None = None
    results: list[CheckResult] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return self.evidence is not None and not any(result.breaches for result in self.results)


async def run(plan: StormPlan, folder: Path, say: Say) -> StormResult:
    """Run the plan. All data stays in the folder, from where it can be checked again."""
    outcome = StormResult(plan=plan, folder=folder, orders=orders_of(plan))
    observations = Observations()
    async with running_database(plan, folder) as (database, server):
        async with running_stack(plan, folder, database, server) as stack:
            await _observe(plan, stack, observations, outcome, say)
        outcome.evidence = await evidence_in(folder, daily_limit=plan.daily_limit, database=database)
    outcome.results = check(outcome.evidence)
    return outcome


async def _observe(
    plan: StormPlan, stack: ChaosStack, observations: Observations, outcome: StormResult, say: Say
) -> None:
    """Let the storm pass, and see what it left behind."""
    say("The stack is up. The storm begins.")
    began = time.monotonic()
    await _run_storm_and_settle(plan, stack, observations, outcome, say)
    outcome.duration = time.monotonic() - began
    observations.workflows = await workflows_of(stack)
    outcome.unexpected_ends = [end for member in stack.members for end in member.unexpected_ends]
    outcome.tidied = await stack.object_store.tidied()
    observations.inventory = await stack.object_store.inventory()
    observations.save(stack.folder)


async def _run_storm_and_settle(
    plan: StormPlan, stack: ChaosStack, observations: Observations, outcome: StormResult, say: Say
) -> None:
    """Storm, healing, quiet."""
    customers = asyncio.gather(
        Customers(plan, stack, observations).order(outcome.orders),
        BatchCustomers(plan, stack, observations).order_batches(batches_of(plan)),
    )
    try:
        async with _storm(plan, stack, observations, outcome):
            await asyncio.wait({customers}, timeout=plan.storm)
            if customers.done():
                customers.result()
        say("The storm is over, everything is whole again. Waiting until it is quiet.")
        healed = time.monotonic()
        finished, _ = await asyncio.wait({customers}, timeout=plan.timeout)
        left = max(plan.timeout - (time.monotonic() - healed), 0)
        if await until_final(stack, timeout=left) is not None:
            outcome.recovery = time.monotonic() - healed
        for task in finished:
            task.result()
    finally:
        customers.cancel()
        with suppress(asyncio.CancelledError):
            await customers
    say(
        "Every job and batch has ended."
        if outcome.recovery is not None
        else "The timeout is over, and not everything has ended."
    )
    longest = max(deadlines.late for deadlines in plan.deadlines.values())
    outcome.late_watches_left = await until_late_watches_ended(stack, timeout=0 if plan.gentle else longest)


@asynccontextmanager
async def _storm(
    plan: StormPlan, stack: ChaosStack, observations: Observations, outcome: StormResult
) -> AsyncIterator[None]:
    """Injects faults until the block ends. Afterwards no more faults are injected and every process is up."""
    killer = Killer(plan, stack.members)
    dice = plan.dice("stirring")
    injecting = provider_faults.inject_faults(
        stack.sandbox_url, dice, gentle=plan.gentle, faults_injected=outcome.faults_injected
    )
    operator = Operator(plan, stack, observations)
    tasks = [asyncio.create_task(work) for work in (killer.run(), injecting, operator.work())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for member in stack.members:
        await member.up()
    for name, proxy in stack.proxies.items():
        proxy.calm()
        outcome.cuts[name] = (proxy.connections, proxy.cut)
    await provider_faults.clear_faults(stack.sandbox_url)
    outcome.harms = killer.done
    outcome.acts = operator.done
