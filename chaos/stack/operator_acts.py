"""An operator at work in the storm: resets jobs that have ended, terminates running ones, cancels what is refused."""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import httpx
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError

from chaos.faults import provider_faults
from chaos.observations import Observations
from chaos.plan import StormPlan
from chaos.stack.stack import ChaosStack
from cli.embedded.ports import HOST


class OperatorAct(StrEnum):
    """What an operator does."""

    CANCEL_REFUSED = "canceled while the provider refused"
    RESET = "reset after its end"
    TERMINATE = "terminated"


#: Seconds between two acts, on average; a provider refuses before jobs are canceled, and goes on to afterwards.
EVERY: Final = 2.0
REFUSAL_SECONDS: Final = 2.5
RESUME_DELAY: Final = 1.0
TIMEOUT: Final = 3.0

REFUSAL: Final = {"fault": "throttled", "arg": "1", "on": "create", "times": 0}

#: Jobs that were never sent come first: those are the ones that a reset might send.
ENDED: Final = """SELECT code FROM job WHERE job_status >= 6 ORDER BY EXISTS (
    SELECT 1 FROM submission WHERE job_code = job.code AND outcome = 'accepted'), random() LIMIT 3"""
RUNNING: Final = "SELECT code FROM job WHERE job_status < 6 ORDER BY random() LIMIT 1"
REFUSED: Final = "SELECT code FROM job WHERE job_status = 0"


class Operator:
    """Acts until canceled. An act that fails because a process is down is skipped."""

    def __init__(self, plan: StormPlan, stack: ChaosStack, observations: Observations) -> None:
        self.done: Counter[OperatorAct] = Counter()
        self._stack = stack
        self._observations = observations
        self._dice = plan.dice("operator")

    async def work(self) -> None:
        await self._perform(OperatorAct.CANCEL_REFUSED)
        while True:
            await asyncio.sleep(self._dice.expovariate(1 / EVERY))
            await self._perform(self._dice.choices(list(OperatorAct), weights=[2, 4, 1])[0])

    async def _perform(self, act: OperatorAct) -> None:
        with suppress(RPCError, RuntimeError, TimeoutError, httpx.TransportError):
            match act:
                case OperatorAct.CANCEL_REFUSED:
                    await self._cancel_refused()
                case OperatorAct.RESET:
                    await self._reset()
                case OperatorAct.TERMINATE:
                    await self._terminate()

    async def _cancel_refused(self) -> None:
        async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as http:
            await http.post(f"{self._stack.sandbox_url}/_sandbox/faults", json=REFUSAL)
            try:
                await asyncio.sleep(REFUSAL_SECONDS)
                for code in await asyncio.to_thread(self._stack.database.column, REFUSED):
                    await self._cancel(http, code)
                await asyncio.sleep(RESUME_DELAY)
            finally:
                await provider_faults.clear_faults(self._stack.sandbox_url)

    async def _cancel(self, http: httpx.AsyncClient, code: str) -> None:
        response = await http.post(
            f"http://{HOST}:{self._stack.ports.apis[0]}/api/jobs/{code}/cancel",
            json={"reason": "The provider refuses it."},
            headers={"Authorization": f"Bearer {self._stack.key}"},
        )
        self.done[OperatorAct.CANCEL_REFUSED] += response.is_success

    async def _reset(self) -> None:
        """To the first workflow task, as `temporal workflow reset --type FirstWorkflowTask` does it."""
        client = await self._client()
        for code in await asyncio.to_thread(self._stack.database.column, ENDED):
            self._observations.resets[code] = self._observations.resets.get(code, 0) + 1
            request = ResetWorkflowExecutionRequest(
                namespace=client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=code),
                reason="chaos",
                workflow_task_finish_event_id=await _first_task(client, code),
                request_id=f"{code} {datetime.now(UTC)}",
            )
            async with asyncio.timeout(TIMEOUT):
                await client.workflow_service.reset_workflow_execution(request)
            self.done[OperatorAct.RESET] += 1

    async def _terminate(self) -> None:
        client = await self._client()
        for code in await asyncio.to_thread(self._stack.database.column, RUNNING):
            self._observations.terminated.append(code)
            async with asyncio.timeout(TIMEOUT):
                await client.get_workflow_handle(code).terminate(reason="chaos")
            self.done[OperatorAct.TERMINATE] += 1

    async def _client(self) -> Client:
        async with asyncio.timeout(TIMEOUT):
            return await self._stack.temporal_client()


async def _first_task(client: Client, code: str) -> int:
    """The id of the first completed workflow task, to which the reset goes back."""
    async with asyncio.timeout(TIMEOUT):
        async for event in client.get_workflow_handle(code).fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                return int(event.event_id)
    raise RuntimeError(f"{code} has not begun.")
