"""Every table, one module for each part of the product."""

from persistence.tables.access import ApiKeyRow, IdempotencyRow, WebhookReceiptRow
from persistence.tables.base import BaseFields
from persistence.tables.jobs import FileRow, JobEventRow, JobRow, OutputRow, SubmissionRow, WriteIntentRow
from persistence.tables.points import PointsDayRow, PointsEntryRow, PointsLimitRow

__all__ = [
    "ApiKeyRow",
    "BaseFields",
    "FileRow",
    "IdempotencyRow",
    "JobEventRow",
    "JobRow",
    "OutputRow",
    "PointsDayRow",
    "PointsEntryRow",
    "PointsLimitRow",
    "SubmissionRow",
    "WebhookReceiptRow",
    "WriteIntentRow",
]
