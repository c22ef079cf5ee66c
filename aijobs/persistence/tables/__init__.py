"""Every table, one module for each part of the product."""

from aijobs.persistence.tables.access import (
    ApiKeyRow,
    AuditHorizonRow,
    AuditRow,
    BrowserSessionRow,
    IdempotencyRow,
    InstallationRow,
    ProcessRow,
    SchemaSupportRow,
    TaskIdRow,
    WebhookReceiptRow,
)
from aijobs.persistence.tables.added_models import AddedModelRow
from aijobs.persistence.tables.base import BaseFields
from aijobs.persistence.tables.batches import BatchItemRow, BatchPointsRow, BatchRow
from aijobs.persistence.tables.conversations import ConversationDocumentRow, ConversationRow, MessageRow
from aijobs.persistence.tables.jobs import (
    FileRow,
    GenerationTimesRow,
    JobEventRow,
    JobRow,
    JobStartRow,
    OutputRow,
    SubmissionRow,
    VendorReportRow,
    WriteIntentRow,
)
from aijobs.persistence.tables.pauses import HeldJobRow, PauseRow
from aijobs.persistence.tables.photos import PhotoBeautifyRow, PhotoReviewRow
from aijobs.persistence.tables.points import PointsDayRow, PointsEntryRow, PointsLimitRow
from aijobs.persistence.tables.retention import (
    ErasureRow,
    FileUseRow,
    LegalHoldRow,
    RetentionPositionRow,
    RetentionRuleRow,
)
from aijobs.persistence.tables.slots import SlotRow, UserShareRow, UserTurnRow, VendorLineRow
from aijobs.persistence.tables.templates import ExtractedRow, TableChangeRow, TemplateRow, TemplateVersionRow
from aijobs.persistence.tables.vendor_credentials import VendorCredentialRow
from aijobs.persistence.tables.webhooks import WebhookDeliveryRow, WebhookEndpointRow, WebhookSecretRow

__all__ = [
    "AddedModelRow",
    "ApiKeyRow",
    "AuditHorizonRow",
    "AuditRow",
    "BaseFields",
    "BatchItemRow",
    "BatchPointsRow",
    "BatchRow",
    "BrowserSessionRow",
    "ConversationDocumentRow",
    "ConversationRow",
    "ErasureRow",
    "ExtractedRow",
    "FileRow",
    "FileUseRow",
    "GenerationTimesRow",
    "HeldJobRow",
    "IdempotencyRow",
    "InstallationRow",
    "JobEventRow",
    "JobRow",
    "JobStartRow",
    "LegalHoldRow",
    "MessageRow",
    "OutputRow",
    "PauseRow",
    "PhotoBeautifyRow",
    "PhotoReviewRow",
    "PointsDayRow",
    "PointsEntryRow",
    "PointsLimitRow",
    "ProcessRow",
    "RetentionPositionRow",
    "RetentionRuleRow",
    "SchemaSupportRow",
    "SlotRow",
    "SubmissionRow",
    "TableChangeRow",
    "TaskIdRow",
    "TemplateRow",
    "TemplateVersionRow",
    "UserShareRow",
    "UserTurnRow",
    "VendorCredentialRow",
    "VendorLineRow",
    "VendorReportRow",
    "WebhookDeliveryRow",
    "WebhookEndpointRow",
    "WebhookReceiptRow",
    "WebhookSecretRow",
    "WriteIntentRow",
]
