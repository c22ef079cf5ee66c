"""How lines are made: one a line, with the job, the request and the trace that they belong to, and nobody's words.

Everything that Python logs goes this way, libraries included: they are heard from WARNING on.
"""

import logging
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import structlog

from aijobs.logs.levels import apply_levels
from aijobs.logs.settings import LogFormat, LogSettings
from aijobs.tracing.spans import current_trace_id

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

MAX_FRAMES: Final = 12  #: of a traceback, the innermost
MAX_OF_A_GROUP: Final = 5  #: exceptions that were raised at the same time

Harmless = Callable[[str], str]
"""Makes a text one line, which a terminal may show."""


def write_log(settings: LogSettings, *, harmless: Harmless) -> None:
    """From now on, this process logs so, to its standard output."""
    shared: Sequence[Processor] = (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _with_trace,
        _without_words,
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _on_one_line(harmless),
                *_rendering(settings.format),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    apply_levels(settings.levels)


def _rendering(of: LogFormat) -> Sequence["Processor"]:
    if of is LogFormat.JSON:
        return (
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False, sort_keys=True),
        )
    return (
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
        structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty()),
    )


def _with_trace(_logger: object, _method: str, event: "EventDict") -> "EventDict":
    trace_id = current_trace_id()
    if trace_id:
        event["trace"] = trace_id
    return event


def _without_words(_logger: object, _method: str, event: "EventDict") -> "EventDict":
    """A traceback as the places where it was raised: an exception's message may quote a prompt, and locals hold all."""
    raised = event.pop("exc_info", None)
    if raised is True:
        raised = sys.exc_info()
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        event["exception"] = _told(error)
    return event


def _told(error: BaseException) -> str:
    """As `KeyError at file.py:12 function < file.py:30 caller, from ValueError at …`; of a group, those in it too."""
    frames = list(_frames(error.__traceback__))[-MAX_FRAMES:]
    told = f"{type(error).__name__} at {' < '.join(reversed(frames))}" if frames else type(error).__name__
    if isinstance(error, BaseExceptionGroup):
        told += f" of [{'; '.join(map(_told, error.exceptions[:MAX_OF_A_GROUP]))}]"
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return f"{told}, from {_told(cause)}" if cause is not None else told


def _frames(traceback: TracebackType | None) -> Any:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield f"{'/'.join(code.co_filename.split('/')[-2:])}:{traceback.tb_lineno} {code.co_name}"
        traceback = traceback.tb_next


def _on_one_line(harmless: Harmless) -> "Processor":
    def on_one_line(_logger: object, _method: str, event: "EventDict") -> "EventDict":
        return {name: harmless(value) if isinstance(value, str) else value for name, value in event.items()}

    return on_one_line
