"""`GET /api/batches/{code}/results`: a manifest, or everything in one ZIP file, as a stream."""

from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from api.auth.caller import Reader
from api.checked_route import CheckedRoute
from api.dependencies import Export
from api.problems import problem_responses
from api.requests.paths import BatchCode
from api.schemas.exports import ExportFormat, export_response


class ResultsFormat(StrEnum):
    """What the results come as."""

    JSONL = "jsonl"
    CSV = "csv"
    ZIP = "zip"


DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The results, as far as the rows have come.",
        "content": {"application/jsonl": {}, "text/csv": {}, "application/zip": {}},
    }
}

router = APIRouter(prefix="/api/batches", tags=["batches"], route_class=CheckedRoute)


@router.get(
    "/{code}/results",
    summary="Collect a batch's results",
    response_class=StreamingResponse,
    responses={**DOCUMENTED, **problem_responses(401, 403, 404, 422)},
)
async def get_batch_results(
    caller: Reader,
    code: BatchCode,
    export: Export,
    format: Annotated[  # noqa: A002
        ResultsFormat, Query(description="`jsonl` and `csv` have links that expire; `zip` has the files.")
    ] = ResultsFormat.JSONL,
) -> StreamingResponse:
    """A line for each row in its order; in the ZIP file, `results.jsonl` names the files of each row."""
    user_id = caller.visible_user
    await export.begin(code, user_id, form=format)
    if format is ResultsFormat.ZIP:
        headers = {"Content-Disposition": f'attachment; filename="{code}.zip"'}
        return StreamingResponse(export.zip(code, user_id), media_type="application/zip", headers=headers)
    lines = export.csv(code, user_id) if format is ResultsFormat.CSV else export.json_lines(code, user_id)
    return export_response(lines, ExportFormat(format), name=code)
