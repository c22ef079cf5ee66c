"""The example page: an upload and its progress, in plain JavaScript that a front-end developer can copy."""

from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from dashboard.assets import source_of
from dashboard.page import PageRoute, Visiting

SCRIPT: Final = "example.js"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/example")
async def show_example(visit: Visiting, job: str = "") -> HTMLResponse:
    """`job` is the code of one whose progress may be watched at once."""
    return await visit.page(
        "example.html", current="example", source=source_of(SCRIPT), job=job, asks_for_user=visit.sees_everybody
    )
