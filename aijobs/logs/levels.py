"""Levels of the log, by module, at the start and while a process runs."""

import logging
from collections.abc import Mapping
from typing import Final

import structlog

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")

#: Packages whose lines are ours: what they say at any level holds no prompt, no secret and no user's words.
OURS: Final = ("activities", "aijobs", "api", "cli", "dashboard", "sandbox", "worker", "workflows")

#: Libraries that may say more. Their DEBUG, and the INFO of others, quotes requests, links and statements.
LIBRARIES: Final = ("temporalio", "uvicorn")

log = structlog.get_logger()

_applied: set[str] = set()


def parse_levels(written: str) -> Mapping[str, str]:
    """Levels by module, from "WARNING,aijobs.providers=DEBUG"; "" is for all of ours that are not named.

    Raises ValueError, whose text says what is wrong.
    """
    levels: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in written.split(","))):
        module, equals, name = part.rpartition("=")
        level = name.strip().upper()
        if level not in LEVELS:
            raise ValueError(f"{part!r}: the level must be one of {', '.join(LEVELS)}")
        levels[_known(module.strip(), level) if equals else ""] = level
    if not levels:
        raise ValueError(f"must be a level, as INFO, or levels of modules, as aijobs.providers=DEBUG: not {written!r}")
    return levels


def _known(module: str, level: str) -> str:
    package = module.partition(".")[0]
    if package in OURS:
        return module
    if package not in LIBRARIES:
        raise ValueError(f"{module!r}: must be in one of {', '.join((*OURS, *LIBRARIES))}")
    if level == "DEBUG":
        raise ValueError(f"{module}=DEBUG: it would write requests and what users say into the log; INFO is allowed")
    return module


def apply_levels(written: str) -> None:
    """Log at these levels from now on, in this process. Raises ValueError as `parse_levels` does."""
    levels = parse_levels(written)
    chosen = {**dict.fromkeys(OURS, levels.get("", "INFO")), **{name: level for name, level in levels.items() if name}}
    for module in _applied - chosen.keys():
        logging.getLogger(module).setLevel(logging.NOTSET)
    for module, level in chosen.items():
        logging.getLogger(module).setLevel(level)
    _applied.clear()
    _applied.update(chosen)


class FollowedLevels:
    """Those that the installation wants for now, else those with which this process was started."""

    def __init__(self, started_with: str) -> None:
        self._started_with = started_with
        self._current = started_with

    def follow(self, wanted: str | None) -> None:
        """Levels that this version does not know are left aside: another version may have set them."""
        levels = wanted or self._started_with
        if levels == self._current:
            return
        self._current = levels
        try:
            parse_levels(levels)
        except ValueError as unknown:
            log.warning("log_levels_unknown", levels=levels, reason=str(unknown))
            return
        is_heard = logging.getLogger(__name__).isEnabledFor(logging.WARNING)
        if is_heard:  # perhaps for the last time
            log.warning("log_levels_changed", levels=levels)
        apply_levels(levels)
        if not is_heard:
            log.warning("log_levels_changed", levels=levels)
