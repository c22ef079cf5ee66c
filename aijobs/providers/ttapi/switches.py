"""Prompts as Midjourney's users write them: switches that have a parameter of ours are moved into it.

`a cat --ar 16:9 --seed 5 --v 7` is the prompt `a cat` with an aspect and a seed, on a model of version 7.
Phones replace the two hyphens by a dash.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aijobs.domain.catalogue import Model
from aijobs.domain.errors import FieldError, InvalidParameters

MAX_SEED: Final = 2**32 - 1
ASPECT: Final = re.compile(r"[1-9]\d{0,2}:[1-9]\d{0,2}")

#: `midjourney-v7`, `midjourney-v6.1`: the provider's model name contains the version.
_VERSION: Final = re.compile(r"midjourney-v(\d+(?:\.\d+)?)")

#: Switches that would change model, price or visibility.
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

#: Switches that stay in the prompt. After a single dash only a known name is a switch.
KEPT: Final = (
    "stylize|s|chaos|c|no|quality|q|iw|style|sref|sw|sv|cref|cw|oref|ow|tile|stop|weird|w|raw|profile|p|exp|hd|loop"
    "|motion|bs|end|test|testp"
)
_KNOWN: Final = "|".join((*MOVED, *VERSIONS, *REFUSED, KEPT))
_HYPHENS: Final = r"[-\u2010-\u2015\u2212]{2,3}"
_DASH: Final = re.compile(rf"(?<!\S)(?:{_HYPHENS}(?=\w)|[\u2013-\u2015](?=(?:{_KNOWN})(?![^\W\d_])))", re.IGNORECASE)
#: Chinese is written without a space between a comma and what follows.
_AFTER_PUNCTUATION: Final = re.compile(
    rf"(?<=[，。；、！？])(?=(?:{_HYPHENS}|[\u2013-\u2015])(?:{_KNOWN})(?![^\W\d_]))", re.IGNORECASE
)
#: How a prompt begins in Midjourney's own chat.
_COMMAND: Final = re.compile(r"\s*/imagine\s+(?:prompt\s*[:：]?\s*)?", re.IGNORECASE)
_COLONS: Final = str.maketrans("：∶", "::")
_SWITCH: Final = re.compile(
    r"(?:^\s*|(?<=\S)\s+)--(?P<name>[^\W\d_]+)(?:[\s=]*(?P<value>\d\S*?(?=[,;.!]*(?:\s|$))|(?<=[\s=])(?!--)\S+))?"
)


def version_of(model: Model) -> str | None:
    """The Midjourney version in a model's name; None when there is none."""
    found = _VERSION.fullmatch(model.model)
    return found[1] if found else None


def switches_in(prompt: str) -> Iterator[str]:
    """The names of the switches in a prompt, in lower case."""
    return (found["name"].lower() for found in _SWITCH.finditer(with_hyphens(prompt)))


def with_hyphens(prompt: str) -> str:
    """The prompt with a space and `--` before every switch, instead of other dashes."""
    return _DASH.sub("--", _AFTER_PUNCTUATION.sub(" ", prompt))


def without_switches(prompt: str) -> str:
    """The text without switches."""
    return re.sub(r"--\w+(\s+[^\s-]\S*)?", "", with_hyphens(prompt)).strip()


def moved_into_parameters(sent: Mapping[str, Any], model: Model) -> Mapping[str, Any]:
    """The parameters, with the prompt's switches moved into them. Raises InvalidParameters."""
    prompt = sent.get("prompt")
    if not isinstance(prompt, str):
        return sent
    parser = _SwitchParser(model)
    text = _SWITCH.sub(parser.replace, with_hyphens(_without_command(prompt))).strip()
    for name, value in parser.found.items():
        if sent.get(name) is not None and sent[name] != value:
            raise _invalid(f"The prompt says {value} by a switch, and `{name}` says something else.")
    return {**sent, **parser.found, "prompt": text}


def _without_command(prompt: str) -> str:
    command = _COMMAND.match(prompt)
    return prompt[command.end() :] if command else prompt


@dataclass
class _SwitchParser:
    """Parses the switches of one prompt; `found` has their parameters."""

    model: Model

    def __post_init__(self) -> None:
        self.found: dict[str, str | int] = {}

    def replace(self, switch: re.Match[str]) -> str:
        """Store a switch in `found`; returns what stays of it in the prompt."""
        name, value = switch["name"].lower(), switch["value"] or ""
        if name in VERSIONS:
            self._check_version(value)
            return ""
        if name not in MOVED:
            return switch[0]
        if name in MODES:
            self._set("mode", name)
            return f" {value}" if value else ""
        self._set(MOVED[name], _PARSERS[MOVED[name]](value))
        return ""

    def _set(self, name: str, value: str | int) -> None:
        if self.found.setdefault(name, value) != value:
            raise _invalid(f"The prompt has two switches for `{name}`, and they differ.")

    def _check_version(self, value: str) -> None:
        version = version_of(self.model)
        if version is None or _number(value) != _number(version):
            hint = f" This one draws with {version}." if version else ""
            raise _invalid(f"--v {value} cannot stand here. The version is the model's.{hint}")


def _aspect(value: str) -> str:
    value = value.translate(_COLONS)
    if not ASPECT.fullmatch(value):
        raise _invalid("--ar is width to height in whole numbers, like --ar 16:9.")
    return value


def _seed(value: str) -> int:
    if not re.fullmatch(r"\d{1,10}", value, re.ASCII) or int(value) > MAX_SEED:
        raise _invalid(f"--seed is a whole number of at most {MAX_SEED}.")
    return int(value)


_PARSERS: Final[Mapping[str, Callable[[str], str | int]]] = {"aspect": _aspect, "seed": _seed}


def _number(value: str) -> float | None:
    return float(value) if re.fullmatch(r"\d{1,3}(\.\d{1,3})?", value, re.ASCII) else None


def _invalid(message: str) -> InvalidParameters:
    return InvalidParameters("Some parameters are wrong.", FieldError("/params/prompt", message))
