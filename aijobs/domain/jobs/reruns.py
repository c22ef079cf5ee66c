"""Doing a job again, from its beginning or from its migration."""

from enum import StrEnum


class RerunFrom(StrEnum):
    """Where a rerun begins."""

    START = "start"  #: a new job, charged anew
    MIGRATION = "migration"  #: the finished generation is used again, without a new charge
