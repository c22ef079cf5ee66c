"""A prediction as JSON: the body of GET responses and of webhooks."""

from typing import Any, Final

from sandbox.clock import NANOSECONDS, stamp
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import Faults
from sandbox.ids_and_links import Links
from sandbox.vendors.replicate.prediction import Prediction, PredictionStatus

OPTIONAL_KEYS: Final = ("logs", "metrics", "started_at", "completed_at", "data_removed", "source", "deadline")


def document_of(prediction: Prediction, *, faults: Faults, links: Links, base_url: str) -> dict[str, Any]:
    """`output` and `data_removed` are absent while starting, `deadline` and the later times until they are known."""
    document: dict[str, Any] = {
        "id": prediction.id,
        "model": faults.text(Fault.RENAMED_MODEL) if Fault.RENAMED_MODEL in faults else prediction.model,
        "version": prediction.version,
        "input": prediction.input,
        "logs": prediction.logs,
        "error": prediction.error,
        "status": prediction.status,
        "source": "api",
        "created_at": stamp(prediction.created_ns),
        "urls": _urls(prediction.id, base_url),
    }
    if prediction.status is not PredictionStatus.STARTING:
        document["output"] = _output(prediction, faults, links)
        document["data_removed"] = prediction.data_removed
    document |= _times(prediction)
    return _with_faults(document, prediction, faults)


def as_blocking_reply(document: dict[str, Any]) -> dict[str, Any]:
    """The response to a create with `Prefer: wait` (recorded): a succeeded prediction still has the status processing,
    with its output, and one in process still has the status starting."""
    if document["status"] == PredictionStatus.SUCCEEDED:
        return _without(document, "completed_at", "started_at", "metrics") | {"status": "processing", "logs": ""}
    if document["status"] == PredictionStatus.PROCESSING:
        return _without(document, "output", "data_removed", "started_at") | {"status": "starting", "logs": ""}
    return document


def _without(document: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in keys}


def _urls(prediction_id: str, base_url: str) -> dict[str, str]:
    url = f"{base_url}/v1/predictions/{prediction_id}"
    return {"cancel": f"{url}/cancel", "get": url, "web": f"https://replicate.com/p/{prediction_id}"}


def _times(prediction: Prediction) -> dict[str, Any]:
    times: dict[str, Any] = {}
    if prediction.deadline_ns is not None:
        times["deadline"] = stamp(prediction.deadline_ns)
    if prediction.started_ns is not None:
        times["started_at"] = stamp(prediction.started_ns)
    if prediction.completed_ns is not None:
        started_ns = prediction.started_ns or prediction.completed_ns
        times["completed_at"] = stamp(prediction.completed_ns)
        times["metrics"] = {
            "predict_time": (prediction.completed_ns - started_ns) / NANOSECONDS,
            "total_time": (prediction.completed_ns - prediction.created_ns) / NANOSECONDS,
        }
    return times


def _output(prediction: Prediction, faults: Faults, links: Links) -> object:
    if not prediction.output_names or Fault.ZERO_OUTPUTS in faults:
        return None if Fault.ZERO_OUTPUTS in faults else prediction.output_text
    found = [links.to(prediction.id, name, expires_ns=prediction.link_expires_ns) for name in prediction.output_names]
    if Fault.OUTPUT_AT in faults:
        found = [faults.text(Fault.OUTPUT_AT)]
    if Fault.OUTPUT_AS in faults:
        return _output_of_shape(found[0], faults.text(Fault.OUTPUT_AS))
    return found if prediction.gives_list else found[0]


def _output_of_shape(link: str, shape: str) -> object:
    match shape:
        case "list":
            return [link]
        case "object":
            return {"image": link}
        case "text":
            return "a lighthouse at dusk"
        case "empty_list":
            return []
        case _:
            return link


def _with_faults(document: dict[str, Any], prediction: Prediction, faults: Faults) -> dict[str, Any]:
    if Fault.UNKNOWN_STATUS in faults and not prediction.status.is_final:
        document["status"] = faults.text(Fault.UNKNOWN_STATUS)
    if Fault.MISSING_KEYS in faults:
        document = _without(document, *OPTIONAL_KEYS)
        document["urls"] = _without(document["urls"], "web")
    return document
