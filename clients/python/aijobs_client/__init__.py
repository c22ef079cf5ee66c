"""The Python client: `Client`, and `AsyncClient` with the same surface.

with Client(url="https://jobs.example.com", key="aijobs_…", user="42") as client:
    job = client.submit("replicate_imageupscale_v1", {"image": client.upload("photo.jpg").code})
    client.download(client.wait(job.code), "results/")
"""

from aijobs_client.async_client import AsyncClient
from aijobs_client.client import Client
from aijobs_client.errors import (
    ApiError,
    ClientError,
    DownloadBroken,
    FieldProblem,
    JobCanceled,
    JobEndedBadly,
    JobFailed,
    JobTimeout,
    NoKey,
    UnexpectedResponse,
    Unreachable,
    WaitTimeout,
)
from aijobs_client.models import (
    Batch,
    BatchItem,
    Cost,
    Erasure,
    Estimate,
    File,
    Job,
    JobError,
    JobEvent,
    JobStatus,
    Model,
    Output,
    Points,
    Waiting,
)
from aijobs_client.resources.document_models import (
    BeautifiedPhoto,
    CostEstimate,
    PhotoReview,
    Preview,
    Template,
    TemplateBrief,
    TemplateRow,
)
from aijobs_client.resources.webhook_models import CallbackSecret, WebhookDelivery, WebhookEndpoint, WebhookTry

__all__ = [
    "ApiError",
    "AsyncClient",
    "Batch",
    "BatchItem",
    "BeautifiedPhoto",
    "CallbackSecret",
    "Client",
    "ClientError",
    "Cost",
    "CostEstimate",
    "DownloadBroken",
    "Erasure",
    "Estimate",
    "FieldProblem",
    "File",
    "Job",
    "JobCanceled",
    "JobEndedBadly",
    "JobError",
    "JobEvent",
    "JobFailed",
    "JobStatus",
    "JobTimeout",
    "Model",
    "NoKey",
    "Output",
    "PhotoReview",
    "Points",
    "Preview",
    "Template",
    "TemplateBrief",
    "TemplateRow",
    "UnexpectedResponse",
    "Unreachable",
    "WaitTimeout",
    "Waiting",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookTry",
]
