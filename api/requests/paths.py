"""Codes in paths, statuses in queries, and cursors of lists. A malformed code is answered as an unknown one: 404."""

import re
from typing import Annotated, Final

from fastapi import Depends, Path
from pydantic import AfterValidator, Field

from aijobs.domain.documents.templates import TEMPLATE_ID
from aijobs.domain.errors import BadInput, FieldError, NotFound
from aijobs.domain.jobs.parameters import FILE_CODE
from aijobs.domain.lifecycle import STATUS_AS_WRITTEN, JobStatus
from api.checked_route import MAX_ROW_ID

MAX_CURSOR_LENGTH: Final = 100

_JOB: Final = re.compile(FILE_CODE.replace("file", "job", 1))
_FILE: Final = re.compile(FILE_CODE)
_REVIEW: Final = re.compile(FILE_CODE.replace("file", "review", 1))
_ENDPOINT: Final = re.compile(FILE_CODE.replace("file", "endpoint", 1))
_BATCH: Final = re.compile(FILE_CODE.replace("file", "batch", 1))
_PAUSE: Final = re.compile(FILE_CODE.replace("file", "pause", 1))
_HOLD: Final = re.compile(FILE_CODE.replace("file", "hold", 1))
_ERASURE: Final = re.compile(FILE_CODE.replace("file", "erasure", 1))
_DELIVERY: Final = re.compile(FILE_CODE.replace("file", "hook", 1))


async def _job_code(code: Annotated[str, Path(examples=["job_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])]) -> str:
    if not _JOB.fullmatch(code):
        raise NotFound("There is no such job.")
    return code


async def _file_code(code: Annotated[str, Path(examples=["file_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])]) -> str:
    if not _FILE.fullmatch(code):
        raise NotFound("There is no such file.")
    return code


async def _review_code(code: Annotated[str, Path(examples=["review_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])]) -> str:
    if not _REVIEW.fullmatch(code):
        raise NotFound("There is no such photo review.")
    return code


async def _batch_code(code: Annotated[str, Path(examples=["batch_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])]) -> str:
    if not _BATCH.fullmatch(code):
        raise NotFound("There is no such batch.")
    return code


async def _endpoint_code(id: Annotated[str, Path(examples=["endpoint_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])]) -> str:  # noqa: A002
    if not _ENDPOINT.fullmatch(id):
        raise NotFound("There is no such webhook endpoint.")
    return id


async def _pause_code(code: Annotated[str, Path(examples=["pause_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])]) -> str:
    if not _PAUSE.fullmatch(code):
        raise NotFound("There is no such pause.")
    return code


async def _hold_code(code: Annotated[str, Path(examples=["hold_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])]) -> str:
    if not _HOLD.fullmatch(code):
        raise NotFound("There is no such legal hold.")
    return code


async def _erasure_code(code: Annotated[str, Path(examples=["erasure_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])]) -> str:
    if not _ERASURE.fullmatch(code):
        raise NotFound("There is no such erasure.")
    return code


async def _delivery_code(id: Annotated[str, Path(examples=["hook_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])]) -> str:  # noqa: A002
    if not _DELIVERY.fullmatch(id):
        raise NotFound("There is no such webhook delivery.")
    return id


BatchCode = Annotated[str, Depends(_batch_code)]
JobCode = Annotated[str, Depends(_job_code)]
FileCode = Annotated[str, Depends(_file_code)]
ReviewCode = Annotated[str, Depends(_review_code)]
EndpointCode = Annotated[str, Depends(_endpoint_code)]
HoldCode = Annotated[str, Depends(_hold_code)]
ErasureCode = Annotated[str, Depends(_erasure_code)]
PauseCode = Annotated[str, Depends(_pause_code)]
DeliveryCode = Annotated[str, Depends(_delivery_code)]
TemplateId = Annotated[str, Path(pattern=f"^{TEMPLATE_ID}$", examples=["contract_zh"])]


def _log_position(text: str) -> str:
    if not re.fullmatch("[0-9]{1,19}", text) or int(text) > MAX_ROW_ID:
        raise ValueError("Must be a whole number from 0, in decimal digits, of at most 64 bits.")
    return text


#: An event's number or position, after which events are wanted. One that no event has yet means from the start.
LogPosition = Annotated[str, AfterValidator(_log_position)]

#: The cursor of a list that is sorted by row ids; 0 is the beginning.
RowCursor = Annotated[int, Field(ge=0, le=MAX_ROW_ID, description="`next_cursor` of the page before.")]

#: The cursor of a list that is sorted by codes or names.
CodeCursor = Annotated[
    str, Field(min_length=1, max_length=MAX_CURSOR_LENGTH, description="`next_cursor` of the page before.")
]


def queried_status(text: str) -> JobStatus:
    """The status by its name or number. Raises BadInput."""
    status = STATUS_AS_WRITTEN.get(text)
    if status is None:
        field = FieldError("/query/status", f"Must be one of {', '.join(JobStatus.__members__)}, or its number.")
        raise BadInput("There is no such status.", field)
    return status
