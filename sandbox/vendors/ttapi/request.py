"""Reading requests to TTAPI: JSON bodies, and the switches in a prompt."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, cast

from fastapi import Request

from sandbox.faults.catalogue import Operation
from sandbox.faults.fault_board import ArmedFault, faults_in, faults_in_url
from sandbox.vendors.ttapi.envelopes import refusal
from sandbox.vendors.ttapi.job import PRICE_OF, Mode

MAX_BODY: Final = 1024**2
ASPECT: Final = re.compile(r"--ar\s+(\d+):(\d+)")
SEED: Final = re.compile(r"--seed\s+(\d+)")
LINK: Final = re.compile(r"https?://\S+")
SHORTEST: Final[dict[Mode, int]] = {"relax": 600, "fast": 300, "turbo": 300}  #: seconds
LONGEST: Final = 1200


@dataclass(frozen=True, kw_only=True)
class ImagineRequest:
    prompt: str
    mode: Mode
    hook_url: str | None
    single_images: bool

    def faults(self) -> list[ArmedFault]:
        """The faults named in links within the prompt. Raises UnknownFaultError."""
        return faults_in(",".join(map(faults_in_url, LINK.findall(self.prompt))), during=Operation.CREATE)


@dataclass(frozen=True, kw_only=True)
class ActionRequest:
    job_id: str
    action: str
    hook_url: str | None
    single_images: bool


async def read_imagine(request: Request) -> ImagineRequest:
    """Raises Refusal (400). `mode` is required since March 2026."""
    body = await read_json(request)
    prompt, mode = body.get("prompt"), body.get("mode")
    if not isinstance(prompt, str) or not prompt.strip():
        raise refusal(400, "prompt is required.")
    if mode not in PRICE_OF:
        raise refusal(400, f"mode must be one of {', '.join(PRICE_OF)}.")
    known = cast(Mode, mode)
    _check_timeout(body, shortest=SHORTEST[known])
    _check_switches(prompt)
    return ImagineRequest(
        prompt=_translated(prompt) if body.get("translation", True) else prompt,
        mode=known,
        hook_url=_hook(body),
        single_images=body.get("getUImages") is True,
    )


async def read_action(request: Request) -> ActionRequest:
    """Raises Refusal (400)."""
    body = await read_json(request)
    for name in ("jobId", "action"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise refusal(400, f"{name} is required.")
    _check_timeout(body, shortest=SHORTEST["fast"])
    return ActionRequest(
        job_id=body["jobId"],
        action=body["action"],
        hook_url=_hook(body),
        single_images=body.get("getUImages") is True,
    )


async def read_json(request: Request) -> dict[str, Any]:
    received = bytearray()
    async for piece in request.stream():
        received += piece
        if len(received) > MAX_BODY:
            raise refusal(400, "The request body is too large.")
    try:
        body = json.loads(received)
    except (ValueError, RecursionError) as garbled:
        raise refusal(400, "The request body is not JSON.") from garbled
    if not isinstance(body, dict):
        raise refusal(400, "The request body must be an object.")
    return body


def ratio_in(prompt: str) -> float:
    """Width to height, from the last `--ar`."""
    found = ASPECT.findall(prompt)
    return int(found[-1][0]) / int(found[-1][1]) if found else 1.0


def seed_in(prompt: str) -> str | None:
    found = SEED.search(prompt)
    return found[1] if found else None


def _check_switches(prompt: str) -> None:
    for width, height in ASPECT.findall(prompt):
        if not int(width) or not int(height):
            raise refusal(400, "Invalid parameter: --ar")


def _check_timeout(body: dict[str, Any], *, shortest: int) -> None:
    """Documented as a number and as a string of digits; both are accepted."""
    seconds = str(body.get("timeout", shortest))
    if not seconds.isdecimal() or not shortest <= int(seconds) <= LONGEST:
        raise refusal(400, f"timeout must be {shortest} to {LONGEST} seconds.")


def _hook(body: dict[str, Any]) -> str | None:
    hook = body.get("hookUrl")
    if hook is None or hook == "":
        return None
    if not isinstance(hook, str) or not LINK.fullmatch(hook):
        raise refusal(400, "hookUrl must be a URL.")
    return hook


def _translated(prompt: str) -> str:
    """A machine translation changes the wording: links and seeds in the prompt may be lost."""
    return f"{' '.join(LINK.sub('', prompt).split())}."
