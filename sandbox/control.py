"""The sandbox's own endpoints: health, ledger, faults, pace, clock and reset. They need no token."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from sandbox.clock import CLOCK, NANOSECONDS, stamp
from sandbox.config import Pace
from sandbox.context import SandboxContext, context_of
from sandbox.faults.fault_board import GRAMMAR, arm_for_all, describe

router = APIRouter(prefix="/_sandbox")
ContextDep = Annotated[SandboxContext, Depends(context_of)]


class FaultRequest(BaseModel):
    """Arms a fault for the next matching call of any client; `times` 0 = until cleared."""

    model_config = ConfigDict(extra="forbid")

    fault: str
    arg: str | float | None = None
    times: int | None = Field(default=None, ge=0)
    on: str | None = None


class PaceChange(BaseModel):
    """A field that is absent keeps its value."""

    model_config = ConfigDict(extra="forbid")

    queue_seconds: float | None = Field(default=None, ge=0, le=86_400)
    work_seconds: float | None = Field(default=None, ge=0, le=86_400)


class ClockChange(BaseModel):
    """By how much the clock is put forward."""

    model_config = ConfigDict(extra="forbid")

    advance_seconds: float = Field(default=0, ge=0, le=366 * 86_400)


@router.get("/health")
async def health(context: ContextDep) -> dict[str, Any]:
    return {"status": "ok", "public_url": context.config.base_url, "pace": context.pace.model_dump()}


@router.get("/ledger")
async def ledger(context: ContextDep, correlation: str | None = None) -> dict[str, Any]:
    rows = [row.model_dump(mode="json") for row in context.ledger.rows(correlation)]
    return {"data": rows, "submits": context.ledger.submits()}


@router.get("/faults/catalogue")
async def catalogue() -> dict[str, Any]:
    return {"grammar": GRAMMAR, "data": describe()}


@router.get("/faults")
async def get_server_faults(context: ContextDep) -> dict[str, Any]:
    return {"data": [one.model_dump(mode="json") for one in context.board.server_faults()]}


@router.post("/faults", status_code=201)
async def set_fault(context: ContextDep, fault: FaultRequest) -> dict[str, Any]:
    arg = f"{fault.arg:g}" if isinstance(fault.arg, float) else fault.arg
    armed = arm_for_all(fault=fault.fault, arg=arg, on=fault.on, times=fault.times)
    context.board.set(armed)
    return armed.model_dump(mode="json")


@router.delete("/faults", status_code=204)
async def clear_faults(context: ContextDep) -> None:
    context.board.clear_server_faults()


@router.post("/pace")
async def set_pace(context: ContextDep, change: PaceChange) -> Pace:
    context.pace = context.pace.model_copy(update=change.model_dump(exclude_none=True))
    return context.pace


@router.post("/clock")
async def advance_clock(change: ClockChange) -> dict[str, Any]:
    """Links expire and finished jobs are erased as if so much time had passed. Work under way keeps its pace."""
    CLOCK.advance(change.advance_seconds)
    return {"now": stamp(CLOCK.now_ns()), "ahead_seconds": CLOCK.ahead_ns / NANOSECONDS}


@router.post("/reset", status_code=204)
async def reset(context: ContextDep) -> None:
    """Delete everything. Running jobs are stopped and send no webhook."""
    await context.reset()
