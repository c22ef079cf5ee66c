"""The Python client: `Client`, and `AsyncClient` with the same surface.

with Client(url="https://jobs.example.com", key="aijobs_…", user="42") as client:
    job = client.submit("replicate_imageupscale_v1", {"image": client.upload("photo.jpg").code})
    client.download(client.wait(job.code), "results/")
"""

from aijobs.client.asynchronous import AsyncClient
from aijobs.client.blocking import Client
from aijobs.client.problems import (
    ApiError,
    ClientError,
    DownloadBroken,
    FieldProblem,
    JobCanceled,
    JobEndedBadly,
    JobFailed,
    JobTimeout,
    NoKey,
    NotUnderstood,
    Unreachable,
    WaitTimeout,
)
from aijobs.client.shapes import File, Job, JobError, JobEvent, JobStatus, Model, Output, Points

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "ClientError",
    "DownloadBroken",
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
    "NotUnderstood",
    "Output",
    "Points",
    "Unreachable",
    "WaitTimeout",
]
