"""Codes in paths. What cannot be one is simply not there."""

import re
from typing import Annotated, Final

from fastapi import Depends, Path

from domain.errors import NotFound
from domain.parameters import FILE_CODE

_JOB: Final = re.compile(FILE_CODE.replace("file", "job", 1))
_FILE: Final = re.compile(FILE_CODE)


async def _job_code(code: Annotated[str, Path(examples=["job_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])]) -> str:
    if not _JOB.fullmatch(code):
        raise NotFound("There is no such job.")
    return code


async def _file_code(code: Annotated[str, Path(examples=["file_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])]) -> str:
    if not _FILE.fullmatch(code):
        raise NotFound("There is no such file.")
    return code


JobCode = Annotated[str, Depends(_job_code)]
FileCode = Annotated[str, Depends(_file_code)]
