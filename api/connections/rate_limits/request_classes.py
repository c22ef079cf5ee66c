"""Which limit a request counts for, by its method and its route."""

from typing import Final

from starlette.requests import HTTPConnection

from aijobs.domain.values.request_rates import RequestClass
from api.connections.access_log import route_of

READING: Final = frozenset({"GET", "HEAD"})

#: What makes jobs.
SUBMITS: Final = frozenset(
    {
        "/api/jobs",
        "/api/jobs/{code}/rerun",
        "/api/batches",
        "/api/batches/{code}/rerun",
        "/api/photo-reviews",
        "/api/photo-reviews/{code}/beautify",
        "/api/template/upload-template",
        "/new",
        "/jobs/{code}/rerun",
        "/jobs/{code}/act",
        "/batches/{code}/rerun",
        "/photos",
        "/photos/{code}/beautify",
        "/documents",
    }
)
#: What changes nothing, though it has a body.
ANSWERS: Final = frozenset({"/new/price", "/new/code", "/documents/estimate"})

UPLOADS: Final = frozenset({"/api/files"})


def class_of(connection: HTTPConnection) -> RequestClass:
    """A request that makes jobs of its upload is a submit."""
    if connection.scope["type"] != "http" or connection.scope["method"] in READING:
        return RequestClass.READ
    route = route_of(connection.scope)
    if route in ANSWERS:
        return RequestClass.READ
    if route in SUBMITS:
        return RequestClass.SUBMIT
    return RequestClass.UPLOAD if route in UPLOADS else RequestClass.CHANGE
