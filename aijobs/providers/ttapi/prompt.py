"""The prompt as Midjourney gets it, made so that a lost submission can be recognised by it.

A seed is drawn for every picture anyway. When the caller names none, it is derived from the submission's token: that
changes nothing about the picture, and the prompt becomes one that no other submission has.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from aijobs.domain.catalogue import Model

#: `midjourney-v7`, `midjourney-v6.1`: the provider's name of a model says which version it draws with.
_VERSION: Final = re.compile(r"midjourney-v(\d+(?:\.\d+)?)")


def prompt_of(params: Mapping[str, Any], model: Model, *, token: str) -> str:
    """The pictures to draw after, the words, and the switches, in this order."""
    named = params.get("seed")
    switches = [f"--seed {planted_seed(token) if named is None else named}"]
    if params.get("aspect"):
        switches.append(f"--ar {params['aspect']}")
    if version := _VERSION.fullmatch(model.model):
        switches.append(f"--v {version[1]}")
    return " ".join([*params.get("images", ()), params["prompt"], *switches])


def planted_seed(token: str) -> int:
    """Of 32 bits, as Midjourney's seeds have."""
    return int.from_bytes(hashlib.sha256(token.encode()).digest()[:4])


def is_unmistakable(prompt: str, *, token: str) -> bool:
    """Whether no other submission can have the same prompt: it carries our seed, or a link that carries the token."""
    seed = re.escape(str(planted_seed(token)))
    return token in prompt or re.search(rf"--seed {seed}(\s|$)", prompt) is not None


def same_prompt(one: str, other: str) -> bool:
    """White space is nothing to go by."""
    return one.split() == other.split()
