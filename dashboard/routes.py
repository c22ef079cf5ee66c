"""All pages of the dashboard."""

from typing import Final

from fastapi import FastAPI
from starlette.types import ASGIApp

from dashboard import assets, thumbnails
from dashboard.pages import (
    audit,
    batches,
    bulk_jobs,
    document_review,
    documents,
    earlier_files,
    example,
    health,
    job,
    job_actions,
    job_input,
    job_log,
    job_views,
    jobs,
    keys,
    login,
    models,
    money,
    new_job,
    overview,
    pauses,
    photos,
    sessions,
    settings,
    templates,
    users,
    webhook_endpoint,
    webhooks,
)
from dashboard.pages.api_reference import pages as api_reference
from dashboard.pages.error_pages import ErrorPages

#: Fixed paths come before paths with a parameter.
ROUTERS: Final = (
    assets.router,
    login.router,
    overview.router,
    jobs.router,
    bulk_jobs.router,
    job_views.router,
    batches.router,
    job.router,
    job_actions.router,
    job_input.router,
    job_log.router,
    thumbnails.router,
    new_job.router,
    earlier_files.router,
    photos.router,
    document_review.router,
    documents.router,
    templates.router,
    models.router,
    money.router,
    users.router,
    health.router,
    pauses.router,
    webhooks.router,
    webhook_endpoint.router,
    audit.router,
    settings.router,
    keys.router,
    sessions.router,
    example.router,
    api_reference.router,
)


def add_pages(app: FastAPI) -> None:
    for router in ROUTERS:
        app.include_router(router)


def with_error_pages(app: ASGIApp) -> ASGIApp:
    """The app whose errors are pages for whoever asks for HTML, wherever they come from."""
    return ErrorPages(app)
