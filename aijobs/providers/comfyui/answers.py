"""ComfyUI's documents: its answer to a prompt, its queue, and its history."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import structlog

from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from aijobs.domain.jobs.submissions import Ref
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Snapshot
from aijobs.providers.predictors import kind_of_file
from aijobs.providers.submit_outcomes import MAX_MESSAGE, SubmitDialect

ITEM_LENGTH: Final = 2  #: what is read of an item of the queue: its number, and its id
INTERRUPTED: Final = "execution_interrupted"

NOT_THERE: Final = Snapshot(status=JobStatus.SUBMITTED, raw_status="not found", final=False, definite=False)
LOST: Final = Snapshot(
    status=JobStatus.FAILED,
    raw_status="lost",
    final=True,
    error=JobError(
        code="provider_failed",
        message="ComfyUI has it neither in its queue nor in its history: it was restarted, or somebody has removed it.",
        stage=Stage.PROCESSING,
    ),
)

_log = structlog.get_logger(__name__)


def _ref_in(answer: Mapping[str, Any]) -> Ref | None:
    prompt_id = answer.get("prompt_id")
    return {"id": prompt_id} if isinstance(prompt_id, str) and prompt_id else None


def message_in(answer: Mapping[str, Any]) -> str | None:
    """The error of a refusal, with each node and input that is wrong."""
    parts = [_text_of(answer.get("error"))]
    nodes = answer.get("node_errors")
    for key, node in nodes.items() if isinstance(nodes, dict) else ():
        errors = node.get("errors") if isinstance(node, dict) else None
        messages = [_text_of(error) for error in errors] if isinstance(errors, list) else []
        parts.append(f"{node.get('class_type') if isinstance(node, dict) else 'node'} ({key}): {', '.join(messages)}")
    return "; ".join(part for part in parts if part) or None


def _text_of(error: object) -> str:
    if isinstance(error, str):
        return error
    if not isinstance(error, dict):
        return ""
    return ": ".join(str(error[part]) for part in ("message", "details") if error.get(part))


DIALECT: Final = SubmitDialect(label="ComfyUI", ref_in=_ref_in, message_in=message_in)


def waiting_in(queue: Mapping[str, Any] | None, prompt_id: str) -> Snapshot | None:
    """Of a prompt that runs or waits, with its place in line. Raises ProviderUnavailable for anything but a queue."""
    running, pending = (_items(queue, f"queue_{name}") for name in ("running", "pending"))
    if any(item[1] == prompt_id for item in running):
        return Snapshot(status=JobStatus.PROCESSING, raw_status="running", final=False)
    in_line = [item[1] for item in sorted(pending, key=lambda item: float(item[0]))]
    if prompt_id not in in_line:
        return None
    position = in_line.index(prompt_id) + 1
    return Snapshot(status=JobStatus.QUEUED, raw_status="pending", final=False, queue_position=position)


def is_running(queue: Mapping[str, Any] | None, prompt_id: str) -> bool:
    return any(item[1] == prompt_id for item in _items(queue, "queue_running"))


def _items(queue: Mapping[str, Any] | None, name: str) -> list[list[Any]]:
    items = (queue or {}).get(name)
    if not isinstance(items, list) or not all(_is_item(item) for item in items):
        raise ProviderUnavailable("ComfyUI gives a queue that cannot be read.")
    return items


def _is_item(item: object) -> bool:
    return isinstance(item, list) and len(item) >= ITEM_LENGTH and isinstance(item[0], int | float)


def entry_in(history: Mapping[str, Any] | None, prompt_id: str) -> Mapping[str, Any] | None:
    """Of a prompt that has ended. Raises ProviderUnavailable for anything but its history, or an empty one."""
    entry = (history or {}).get(prompt_id)
    if isinstance(entry, dict) and isinstance(entry.get("outputs"), dict):
        return entry
    if history == {}:
        return None
    raise ProviderUnavailable("ComfyUI gives a history that cannot be read.")


def id_with(history: Mapping[str, Any] | None, token: str) -> str | None:
    """The id of the prompt that was sent with this token, by servers that choose ids of their own.

    Raises ProviderUnavailable for anything but a history.
    """
    if history is None:
        raise ProviderUnavailable("ComfyUI gives a history that cannot be read.")
    for prompt_id, entry in history.items():
        sent = entry.get("prompt") if isinstance(entry, dict) else None
        if not isinstance(sent, list):
            raise ProviderUnavailable("ComfyUI gives a history that cannot be read.")
        if any(isinstance(part, dict) and part.get("client_id") == token for part in sent):
            return prompt_id
    return None


def ended_snapshot(entry: Mapping[str, Any]) -> Snapshot:
    """Of a prompt in the history. The graph, which is ours, is not kept once more."""
    status, final, error = _interpret(entry)
    raw = {name: entry.get(name) for name in ("outputs", "status")}
    return Snapshot(
        status=status, raw_status=str(_status(entry).get("status_str") or ""), final=final, error=error, raw=raw
    )


def _status(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    status = entry.get("status")
    return status if isinstance(status, dict) else {}


def _interpret(entry: Mapping[str, Any]) -> tuple[JobStatus, bool, JobError | None]:
    """There are two words. That it was interrupted is in the messages alone; old servers have no status at all."""
    messages = dict(_messages(entry))
    match _status(entry).get("status_str"):
        case "success" | None:
            return JobStatus.GENERATED, True, None
        case "error" if INTERRUPTED in messages:
            return JobStatus.CANCELED, True, None
        case "error":
            return JobStatus.FAILED, True, _error(messages.get("execution_error") or {})
        case unknown:
            _log.warning("unknown_status", provider="comfyui", raw_status=unknown)
            return JobStatus.PROCESSING, False, None


def _messages(entry: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    messages = _status(entry).get("messages")
    for one in messages if isinstance(messages, list) else ():
        match one:
            case [str(name), dict(data)]:
                yield name, data


def _error(data: Mapping[str, Any]) -> JobError:
    where = f"{data['node_type']} ({data.get('node_id')}): " if data.get("node_type") else ""
    message = where + str(data.get("exception_message") or "ComfyUI gives no reason.").strip()
    return JobError(code="provider_failed", message=message[:MAX_MESSAGE], stage=Stage.PROCESSING)


def sources_in(outputs: object, *, base_url: str, headers: Callable[[], dict[str, str]]) -> list[OutputSource]:
    """The files that were saved, in order; where nothing was saved, the previews; and texts."""
    files: list[OutputSource] = []
    previews: list[OutputSource] = []
    texts: list[OutputSource] = []
    for item in _items_of(outputs):
        if isinstance(item, str):
            texts.append(OutputSource(kind=OutputKind.TEXT, content=item.encode()))
        elif isinstance(item, dict) and isinstance(item.get("filename"), str) and item["filename"]:
            query = {name: str(item.get(name) or "") for name in ("filename", "subfolder", "type")}
            link = f"{base_url}/view?{urlencode(query)}"
            source = OutputSource(kind=kind_of_file(item["filename"]), url=link, headers=headers())
            (files if item.get("type") == "output" else previews).append(source)
    return [*(files or previews), *(text for text in texts if text.content)]


def _items_of(outputs: object) -> Iterator[object]:
    for node in outputs.values() if isinstance(outputs, dict) else ():
        for found in node.values() if isinstance(node, dict) else ():
            yield from found if isinstance(found, list) else ()
