"""Every table, one module for each part of the product."""

from persistence.tables.access import ApiKeyRow, BrowserSessionRow, IdempotencyRow, TrackRow, WebhookReceiptRow
from persistence.tables.base import BaseFields
from persistence.tables.conversations import ConversationRow, MessageRow
from persistence.tables.jobs import FileRow, JobEventRow, JobRow, OutputRow, SubmissionRow, WriteIntentRow
from persistence.tables.photos import PhotoBeautifyRow, PhotoReviewRow
from persistence.tables.points import PointsDayRow, PointsEntryRow, PointsLimitRow
from persistence.tables.templates import ExtractedRow, TemplateRow, TemplateVersionRow
from persistence.tables.webhooks import WebhookDeliveryRow, WebhookEndpointRow, WebhookSecretRow

__all__ = [
    "ApiKeyRow",
    "BaseFields",
    "BrowserSessionRow",
    "ConversationRow",
    "ExtractedRow",
    "FileRow",
    "IdempotencyRow",
    "JobEventRow",
    "JobRow",
    "MessageRow",
    "OutputRow",
    "PhotoBeautifyRow",
    "PhotoReviewRow",
    "PointsDayRow",
    "PointsEntryRow",
    "PointsLimitRow",
    "SubmissionRow",
    "TemplateRow",
    "TemplateVersionRow",
    "TrackRow",
    "WebhookDeliveryRow",
    "WebhookEndpointRow",
    "WebhookReceiptRow",
    "WebhookSecretRow",
    "WriteIntentRow",
]
