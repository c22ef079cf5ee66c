"""Prompts as Midjourney's users write them: what a parameter of ours stands for moves into it.

`a cat --ar 16:9 --seed 5 --v 7` is the prompt `a cat` with an aspect and a seed, on a model that draws with version 7.
Phones write a dash for the two hyphens.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aijobs.domain.catalogue import Model
from aijobs.domain.errors import FieldError, InvalidParameters

MAX_SEED: Final = 2**32 - 1
ASPECT: Final = re.compile(r"[1-9]\d{0,2}:[1-9]\d{0,2}")

#: `midjourney-v7`, `midjourney-v6.1`: the provider's name of a model says which version it draws with.
_VERSION: Final = re.compile(r"midjourney-v(\d+(?:\.\d+)?)")

#: Switches that would change model, price or audience behind our back.
REFUSED: Final = {
    "niji": "The version is the model's.",
    "repeat": "One order is one drawing.",
    "r": "One order is one drawing.",
    "video": "This model draws pictures.",
    "draft": "Say it by the model.",
    "stealth": "Who may see it is the account's.",
    "public": "Who may see it is the account's.",
}
MODES: Final = ("relax", "fast", "turbo")
VERSIONS: Final = ("v", "version")
MOVED: Final = {"ar": "aspect", "aspect": "aspect", "seed": "seed", **dict.fromkeys(MODES, "mode")}

#: Those that stay in the prompt. A single dash makes a switch only of a name that is known.
KEPT: Final = (
    "stylize|s|chaos|c|no|quality|q|iw|style|sref|sw|sv|cref|cw|oref|ow|tile|stop|weird|w|raw|profile|p|exp|hd|loop"
    "|motion|bs|end|test|testp"
)
_KNOWN: Final = "|".join((*MOVED, *VERSIONS, *REFUSED, KEPT))
_HYPHENS: Final = r"[-\u2010-\u2015\u2212]{2,3}"
_DASH: Final = re.compile(rf"(?<!\S)(?:{_HYPHENS}(?=\w)|[\u2013-\u2015](?=(?:{_KNOWN})(?![^\W\d_])))", re.IGNORECASE)
_SWITCH: Final = re.compile(
    r"(?:^\s*|(?<=\S)\s+)--(?P<name>[^\W\d_]+)(?:[\s=]*(?P<value>\d\S*?(?=[,;.!]*(?:\s|$))|(?<=[\s=])(?!--)\S+))?"
)


def version_of(model: Model) -> str | None:
    """Which version of Midjourney a model draws with, where its name says so."""
    found = _VERSION.fullmatch(model.model)
    return found[1] if found else None


def switches_in(prompt: str) -> Iterator[str]:
    """The names of the switches that are written in a prompt, in lower case."""
    return (found["name"].lower() for found in _SWITCH.finditer(with_hyphens(prompt)))


def with_hyphens(prompt: str) -> str:
    """Every switch behind `--`, whatever was written before it."""
    return _DASH.sub("--", prompt)


def without_switches(prompt: str) -> str:
    """The words alone."""
    return re.sub(r"--\w+(\s+[^\s-]\S*)?", "", with_hyphens(prompt)).strip()


def moved_into_parameters(sent: Mapping[str, Any], model: Model) -> Mapping[str, Any]:
    """What was sent, with the prompt's switches in the parameters they mean. Raises InvalidParameters."""
    prompt = sent.get("prompt")
    if not isinstance(prompt, str):
        return sent
    reading = _Reading(model)
    words = _SWITCH.sub(reading.replaced, with_hyphens(prompt)).strip()
    for name, value in reading.found.items():
        if sent.get(name) is not None and sent[name] != value:
            raise _wrong(f"The prompt says {value} by a switch, and `{name}` says something else.")
    return {**sent, **reading.found, "prompt": words}


@dataclass
class _Reading:
    """Of one prompt, switch by switch."""

    model: Model

    def __post_init__(self) -> None:
        self.found: dict[str, str | int] = {}

    def replaced(self, switch: re.Match[str]) -> str:
        """What stays of a switch in the prompt."""
        name, value = switch["name"].lower(), switch["value"] or ""
        if name in VERSIONS:
            self._check_version(value)
            return ""
        if name not in MOVED:
            return switch[0]
        if name in MODES:
            self._keep("mode", name)
            return f" {value}" if value else ""
        self._keep(MOVED[name], _READ[MOVED[name]](value))
        return ""

    def _keep(self, name: str, value: str | int) -> None:
        if self.found.setdefault(name, value) != value:
            raise _wrong(f"The prompt has two switches for `{name}`, and they differ.")

    def _check_version(self, value: str) -> None:
        version = version_of(self.model)
        if version is None or _number(value) != _number(version):
            drawn = f" This one draws with {version}." if version else ""
            raise _wrong(f"--v {value} cannot stand here. The version is the model's.{drawn}")


def _aspect(value: str) -> str:
    if not ASPECT.fullmatch(value):
        raise _wrong("--ar is width to height in whole numbers, like --ar 16:9.")
    return value


def _seed(value: str) -> int:
    if not re.fullmatch(r"\d{1,10}", value, re.ASCII) or int(value) > MAX_SEED:
        raise _wrong(f"--seed is a whole number of at most {MAX_SEED}.")
    return int(value)


_READ: Final[Mapping[str, Callable[[str], str | int]]] = {"aspect": _aspect, "seed": _seed}


def _number(written: str) -> float | None:
    return float(written) if re.fullmatch(r"\d{1,3}(\.\d{1,3})?", written, re.ASCII) else None


def _wrong(message: str) -> InvalidParameters:
    return InvalidParameters("Some parameters are wrong.", FieldError("/params/prompt", message))
