"""The prompt as it is sent to Midjourney, so that a lost submission can be found by it.

Midjourney picks a random seed when there is none. When the caller gives none, it is derived from the submission's
token, so that the prompt is unique to the submission.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from aijobs.domain.catalogue import Model
from aijobs.providers.ttapi.switches import version_of, with_hyphens


def prompt_of(params: Mapping[str, Any], model: Model, *, token: str) -> str:
    """The image links, the text, and the switches, in this order."""
    requested_seed = params.get("seed")
    switches = [f"--seed {seed_of_token(token) if requested_seed is None else requested_seed}"]
    if params.get("aspect"):
        switches.append(f"--ar {params['aspect']}")
    if version := version_of(model):
        switches.append(f"--v {version}")
    return " ".join([*params.get("images", ()), params["prompt"], *switches])


def seed_of_token(token: str) -> int:
    """A seed of 32 bits, Midjourney's size, derived from the token."""
    return int.from_bytes(hashlib.sha256(token.encode()).digest()[:4])


def carries_seed(prompt: str, seed: int) -> bool:
    """Whether the prompt has this seed, in any position and spelling of the switch."""
    return re.search(rf"(?<!\S)--seed[\s=]+0*{seed}(?![\d.])", with_hyphens(prompt), re.IGNORECASE) is not None
