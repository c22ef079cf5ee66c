"""Runs one piece of work on both databases, and compares what comes of it."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlmodel import Session

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import AijobsError
from aijobs.domain.jobs.job import JobRequest
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.acceptance import Acceptance

Outcome = tuple[str, Any]
"""What came of it: what was kept, or the kind of error."""


async def outcome_of(database: Database, write: Callable[[Session], Any], read: Callable[[Session], Any]) -> Outcome:
    try:
        await database.write(write)
        return "kept", await database.read(read)
    except (AijobsError, ValueError) as error:
        return "refused", type(error).__name__
    except Exception as error:  # noqa: BLE001 (a bug of ours, on both)
        return "failed", type(error).__name__


async def same_outcome(
    both: Mapping[str, Database], write: Callable[[Session], Any], read: Callable[[Session], Any]
) -> Outcome:
    """The outcome on both databases, which is the same."""
    first, second = [await outcome_of(database, write, read) for database in both.values()]
    assert first == second
    return first


def order_with(catalogue: Catalogue, **fields: Any) -> Acceptance:
    model = catalogue.model("replicate_imageupscale_v1")
    params = fields.get("params", {"image": "https://example.com/photo.jpg"})
    request = JobRequest(model_id=model.model_id, params=params).model_copy(
        update={"metadata": fields.get("metadata", {})}
    )
    return Acceptance(
        user_id=fields.get("user_id", "ada"),
        request=request,
        model=model,
        params=params,
        created_by="test",
        daily_limit=100,
    )
