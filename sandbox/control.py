"""The sandbox's own endpoints: health, ledger, faults, pace and reset. They ask for no token."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from sandbox.config import Pace
from sandbox.context import SandboxContext, context_of
from sandbox.faults.fault_board import GRAMMAR, arm_for_all, describe

router = APIRouter(prefix="/_sandbox")
InWorld = Annotated[SandboxContext, Depends(context_of)]


class FaultOrder(BaseModel):
    """A fault for whoever comes next; `times` 0 = until cleared."""

    model_config = ConfigDict(extra="forbid")

    fault: str
    arg: str | float | None = None
    times: int | None = Field(default=None, ge=0)
    on: str | None = None


class PaceChange(BaseModel):
    """What is not given stays as it is."""

    model_config = ConfigDict(extra="forbid")

    queue_seconds: float | None = Field(default=None, ge=0, le=86_400)
    work_seconds: float | None = Field(default=None, ge=0, le=86_400)


@router.get("/health")
async def health(world: InWorld) -> dict[str, Any]:
    return {"status": "ok", "public_url": world.config.base_url, "pace": world.pace.model_dump()}


@router.get("/ledger")
async def ledger(world: InWorld, correlation: str | None = None) -> dict[str, Any]:
    rows = [row.model_dump(mode="json") for row in world.ledger.rows(correlation)]
    return {"data": rows, "submits": world.ledger.submits()}


@router.get("/faults/catalogue")
async def catalogue() -> dict[str, Any]:
    return {"grammar": GRAMMAR, "data": describe()}


@router.get("/faults")
async def standing_faults(world: InWorld) -> dict[str, Any]:
    return {"data": [one.model_dump(mode="json") for one in world.board.standing()]}


@router.post("/faults", status_code=201)
async def set_fault(world: InWorld, order: FaultOrder) -> dict[str, Any]:
    arg = f"{order.arg:g}" if isinstance(order.arg, float) else order.arg
    armed = arm_for_all(fault=order.fault, arg=arg, on=order.on, times=order.times)
    world.board.set(armed)
    return armed.model_dump(mode="json")


@router.delete("/faults", status_code=204)
async def clear_faults(world: InWorld) -> None:
    world.board.clear_standing()


@router.post("/pace")
async def set_pace(world: InWorld, change: PaceChange) -> Pace:
    world.pace = world.pace.model_copy(update=change.model_dump(exclude_none=True))
    return world.pace


@router.post("/reset", status_code=204)
async def reset(world: InWorld) -> None:
    """Forget everything; what is running ends without a word."""
    await world.reset()
