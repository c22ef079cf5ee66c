"""`/api/batches`: order many jobs of one model at once, look at them, and steer them."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.jobs.batches.batch import MAX_ROWS, BatchItemRequest, BatchRequest
from aijobs.domain.values.actors import Owner
from aijobs.persistence.access.keys import KeyKind
from aijobs.persistence.batches.queries import batch_and_progress, batches_page, items_page
from aijobs.persistence.database import Database
from api.auth.caller import Caller, Reader, Writer
from api.checked_route import CheckedRoute
from api.dependencies import Db, Steer, SubmitRows
from api.problems import problem_responses
from api.requests.batch_bodies import batch_body
from api.requests.paths import BatchCode, CodeCursor, RowCursor, queried_status
from api.schemas.batches import Batch, BatchItem, batch_response, item_response
from api.schemas.jobs import Page
from api.schemas.stored_responses import IdempotencyKey, receipt_response

MAX_PAGE: Final = 100
MAX_ITEMS: Final = 1000


def _with_rows(head: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """The schema of the whole body, with the definitions that the head refers to in their places."""
    defined = {f"#/$defs/{name}": schema for name, schema in head.pop("$defs").items()}
    properties = {
        name: {**defined.get(schema.pop("$ref", ""), {}), **schema} for name, schema in head["properties"].items()
    }
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": MAX_ROWS}
    return {**head, "required": [*head["required"], "rows"], "properties": {**properties, "rows": rows}}


#: What the route reads by itself.
BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": _with_rows(BatchRequest.model_json_schema(), BatchItemRequest.model_json_schema()),
                "example": {
                    "model_id": "replicate_imageupscale_v1",
                    "params": {"upscale_factor": 4},
                    "rows": [{"params": {"image": "https://example.com/1.jpg"}, "metadata": {"page": "1"}}],
                    "concurrency": 5,
                },
            },
            "application/jsonl": {
                "schema": {"type": "string", "description": "The head in the first line, and then a row in each."}
            },
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["batch", "file"],
                    "properties": {
                        "batch": {"type": "string", "description": "The head, as JSON."},
                        "file": {"type": "string", "format": "binary", "description": "CSV, or JSON Lines of rows."},
                    },
                }
            },
        },
    }
}

router = APIRouter(prefix="/api/batches", tags=["batches"], route_class=CheckedRoute)


class ItemQuery(BaseModel):
    """Filters, and the page."""

    model_config = ConfigDict(extra="forbid")

    status: list[str] = Field(default=[], max_length=20, description="Names or numbers of statuses.")
    cursor: RowCursor | None = None
    limit: int = Field(default=100, ge=1, le=MAX_ITEMS)


class BatchRerun(BaseModel):
    """How many rows run again."""

    rows: int
    batch: Batch


@router.post(
    "",
    status_code=202,
    summary="Submit a batch",
    response_model=Batch,
    responses=problem_responses(400, 401, 402, 403, 409, 413, 415, 422),
    openapi_extra=BODY,
)
async def create_batch(
    request: Request, caller: Writer, submit: SubmitRows, database: Db, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Up to 100,000 rows of one model. When this responds, every row is checked and stored durably.

    As JSON with `rows`, as JSON Lines whose first line is everything else, or as a form with a file of CSV. A wrong row
    is named by its pointer, for example `/rows/17/params/image`, and then nothing is accepted and nothing is charged.
    """
    async with batch_body(request) as body:
        head = body.request
        names = await submit.parameter_names(head.model_id) if body.is_csv else frozenset[str]()
        named = _named_user(caller, head)

        def user_of(in_row: str | int | None) -> str:
            user = caller.acting_user(in_row)
            if named is not None and user != named:
                raise InvalidParameters("Whose is it?", FieldError("/user_id", "The batch is for another user."))
            return user

        receipt = await submit(
            head,
            body.chunks(names),
            Owner(user_id=named or "", key_id=caller.key_id, lineage=caller.lineage),
            user_of,
            named_user=named,
            idempotency_key=idempotency_key,
            digest=body.digest,
        )
    shown = await _shown(database, receipt.code, named)
    return receipt_response(receipt, shown.model_dump(mode="json"))


@router.get("", summary="List batches, newest first", responses=problem_responses(401, 403, 422))
async def list_batches(
    caller: Reader,
    database: Db,
    cursor: CodeCursor | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20,
) -> Page[Batch]:
    """The batches of the caller's user; with a service key that names no user, those of all users."""
    rows, has_more = await database.snapshot(batches_page, user_id=caller.visible_user, before=cursor, limit=limit)
    data = [batch_response(batch, progress) for batch, progress in rows]
    return Page(data=data, has_more=has_more, next_cursor=data[-1].code if has_more else None)


@router.get("/{code}", summary="Look at a batch", responses=problem_responses(401, 403, 404))
async def get_batch(caller: Reader, code: BatchCode, database: Db) -> Batch:
    return await _shown(database, code, caller.visible_user)


@router.get("/{code}/items", summary="List a batch's rows", responses=problem_responses(401, 403, 404, 422))
async def list_batch_items(
    caller: Reader, code: BatchCode, query: Annotated[ItemQuery, Query()], database: Db
) -> Page[BatchItem]:
    """In their order, with the jobs that they became."""
    statuses = [queried_status(text) for text in query.status]
    rows, has_more = await database.snapshot(
        items_page, code, user_id=caller.visible_user, statuses=statuses, after=query.cursor, limit=query.limit
    )
    data = [item_response(item.row, item.status, item.error) for item in rows]
    return Page(data=data, has_more=has_more, next_cursor=str(data[-1].number) if has_more else None)


@router.post("/{code}/pause", status_code=202, summary="Pause a batch", responses=problem_responses(401, 403, 404, 409))
async def pause_batch(caller: Writer, code: BatchCode, steer: Steer, database: Db) -> Batch:
    """Nothing more is started. What runs goes on."""
    await steer.pause(code, caller.actor)
    return await _shown(database, code, caller.visible_user)


@router.post(
    "/{code}/resume", status_code=202, summary="Resume a batch", responses=problem_responses(401, 403, 404, 409)
)
async def resume_batch(caller: Writer, code: BatchCode, steer: Steer, database: Db) -> Batch:
    await steer.resume(code, caller.actor)
    return await _shown(database, code, caller.visible_user)


@router.post(
    "/{code}/cancel", status_code=202, summary="Cancel a batch", responses=problem_responses(401, 403, 404, 409)
)
async def cancel_batch(caller: Writer, code: BatchCode, steer: Steer, database: Db) -> Batch:
    """Nothing more is started, the points of what has not started come back, and what runs is asked to cancel."""
    await steer.cancel(code, caller.actor)
    return await _shown(database, code, caller.visible_user)


@router.post(
    "/{code}/rerun",
    status_code=202,
    summary="Run what failed again",
    responses=problem_responses(401, 402, 403, 404, 409),
)
async def rerun_batch(caller: Writer, code: BatchCode, steer: Steer, database: Db) -> BatchRerun:
    """The rows that ended badly, as new jobs that are charged anew. The batch is RUNNING again."""
    rows = await steer.rerun(code, caller.actor)
    return BatchRerun(rows=rows, batch=await _shown(database, code, caller.visible_user))


async def _shown(database: Database, code: str, user_id: str | None) -> Batch:
    batch, progress = await database.read(batch_and_progress, code, user_id=user_id)
    return batch_response(batch, progress)


def _named_user(caller: Caller, head: BatchRequest) -> str | None:
    """Whose batch it is: nobody's in particular when a service key and its request name nobody."""
    is_named = head.user_id is not None or caller.named is not None or caller.kind is KeyKind.USER
    return caller.acting_user(head.user_id) if is_named else None
