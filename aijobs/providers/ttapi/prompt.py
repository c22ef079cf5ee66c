"""The prompt as Midjourney gets it, made so that a lost submission can be recognised by it.

A seed is drawn for every picture anyway. When the caller names none, it is derived from the submission's token: that
changes nothing about the picture, and the prompt becomes one that no other submission has.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from aijobs.domain.catalogue import Model
from aijobs.providers.ttapi.switches import version_of, with_hyphens


def prompt_of(params: Mapping[str, Any], model: Model, *, token: str) -> str:
    """The pictures to draw after, the words, and the switches, in this order."""
    named = params.get("seed")
    switches = [f"--seed {planted_seed(token) if named is None else named}"]
    if params.get("aspect"):
        switches.append(f"--ar {params['aspect']}")
    if version := version_of(model):
        switches.append(f"--v {version}")
    return " ".join([*params.get("images", ()), params["prompt"], *switches])


def planted_seed(token: str) -> int:
    """Of 32 bits, as Midjourney's seeds have."""
    return int.from_bytes(hashlib.sha256(token.encode()).digest()[:4])


def carries_seed(prompt: str, seed: int) -> bool:
    """Whether the prompt has this seed, wherever its switches are and however they are written."""
    return re.search(rf"(?<!\S)--seed[\s=]+0*{seed}(?![\d.])", with_hyphens(prompt), re.IGNORECASE) is not None
