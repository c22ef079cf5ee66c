"""The dependencies of routes and pages. Each declares only those that it uses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.slots.limits import LimitsSettings
from aijobs.domain.ports.documents import CostEstimator, DocumentParser, TableWriter
from aijobs.domain.ports.generators import Generator
from aijobs.domain.ports.media import MediaReader
from aijobs.domain.ports.object_store import ObjectStore, ServedObjects
from aijobs.domain.ports.photos import PictureDecoder
from aijobs.domain.ports.providers import Provider
from aijobs.domain.ports.submissions import SubmissionLog
from aijobs.domain.ports.workflow_control import JobEngine
from aijobs.domain.values.payload_keys import PayloadKeys
from aijobs.domain.values.request_rates import RateLimitSettings
from aijobs.persistence.database import Database
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.process_settings import ApiSettings
from aijobs.settings import Settings as InstallationSettings
from aijobs.usecases.accept_job import AcceptJob
from aijobs.usecases.add_model import AddModel
from aijobs.usecases.beautify_photo import BeautifyPhoto
from aijobs.usecases.cancel_job import CancelJob
from aijobs.usecases.delete import Delete
from aijobs.usecases.export_batch import ExportBatch
from aijobs.usecases.export_jobs import ExportJobs
from aijobs.usecases.intake_document import IntakeDocument
from aijobs.usecases.keep_keys import KeepKeys
from aijobs.usecases.models import AvailableModels
from aijobs.usecases.new_job import JobMaker
from aijobs.usecases.pause_jobs import PauseJobs
from aijobs.usecases.rerun_job import RerunJob
from aijobs.usecases.resolve_job import ResolveJob
from aijobs.usecases.retention import DataDecisions
from aijobs.usecases.review_document import ReviewDocument
from aijobs.usecases.review_photo import ReviewPhoto
from aijobs.usecases.start_jobs import JobStarter
from aijobs.usecases.steer_batch import SteerBatch
from aijobs.usecases.submit_batch import SubmitBatch
from aijobs.usecases.upload_file import KeepUpload, ReuseOutput
from api.auth.access import Access
from api.auth.key_uses import KeyUses
from api.connections.shutdown_notice import ShutdownNotice
from api.health.metrics import Metrics
from api.health.readiness import Readiness
from api.schemas.job_responses import JobResponses
from api.schemas.links import SignedLinks
from api.schemas.stored_responses import (
    stored_batch_response,
    stored_file_response,
    stored_job_response,
    stored_review_response,
)
from api.streaming.hub import EventHub
from api.streaming.open_streams import OpenStreams, StreamAdmission

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ApiDependencies:
    """Everything that the app is built from. Routes take single parts of it: see the dependencies below.

    `secret` is the installation's; `base_url` is the public URL of the API, without a slash at the end.
    """

    database: Database
    catalogue: Catalogue
    providers: Mapping[str, Provider]
    store: ObjectStore
    served: ServedObjects
    tables: TableWriter
    engine: JobEngine
    live: EventHub
    secret: bytes
    base_url: str
    daily_limit: int
    limits: LimitsSettings
    settings: ApiSettings
    all_settings: InstallationSettings
    generators: Mapping[str, Generator]
    documents: DocumentParser
    costs: CostEstimator | None
    pictures: PictureDecoder
    media: MediaReader
    webhook_url_error: Callable[[str], str | None]
    sandbox_url: str | None = None  #: where the sandbox answers that stands in for vendors
    payload_keys: PayloadKeys | None = None
    rate_limits: RateLimitSettings = field(default_factory=RateLimitSettings)
    streams: OpenStreams = field(default_factory=OpenStreams)
    key_uses: KeyUses = field(default_factory=KeyUses)

    @property
    def records(self) -> DatabaseRecords:
        return DatabaseRecords(self.database, self.catalogue, self.limits)

    @property
    def models(self) -> AvailableModels:
        return AvailableModels(
            catalogue=self.catalogue, providers=self.providers, generators=self.generators, limits=self.limits
        )

    @property
    def access(self) -> Access:
        return Access(
            database=self.database,
            secret=self.secret,
            base_url=self.base_url,
            settings=self.settings,
            uses=self.key_uses,
        )

    @property
    def links(self) -> SignedLinks:
        return SignedLinks(store=self.store, lifetime=self.settings.link_lifetime)

    @property
    def job_responses(self) -> JobResponses:
        return JobResponses(database=self.database, models=self.models, links=self.links)

    @cached_property
    def starter(self) -> JobStarter:
        """One for the process, so that starts are gathered."""
        return JobStarter(self.engine, self.records.starts)

    @property
    def job_maker(self) -> JobMaker:
        return JobMaker(
            database=self.database, starter=self.starter, catalogue=self.catalogue, render=stored_job_response
        )

    @property
    def accept_job(self) -> AcceptJob:
        return AcceptJob(
            database=self.database,
            models=self.models,
            jobs=self.job_maker,
            daily_limit=self.daily_limit,
            webhook_url_error=self.webhook_url_error,
        )

    @property
    def submit_batch(self) -> SubmitBatch:
        return SubmitBatch(
            database=self.database,
            models=self.models,
            engine=self.engine,
            daily_limit=self.daily_limit,
            webhook_url_error=self.webhook_url_error,
            render=stored_batch_response,
        )

    @property
    def export_batch(self) -> ExportBatch:
        return ExportBatch(database=self.database, store=self.store, link=self.links.output)

    @property
    def steer_batch(self) -> SteerBatch:
        return SteerBatch(database=self.database, engine=self.engine, daily_limit=self.daily_limit)

    @property
    def cancel_job(self) -> CancelJob:
        return CancelJob(database=self.database, catalogue=self.catalogue, engine=self.engine)

    @property
    def delete(self) -> Delete:
        return Delete(database=self.database)

    @property
    def rerun_job(self) -> RerunJob:
        return RerunJob(database=self.database, models=self.models, jobs=self.job_maker, daily_limit=self.daily_limit)

    @property
    def resolve_job(self) -> ResolveJob:
        return ResolveJob(database=self.database, catalogue=self.catalogue, engine=self.engine)

    @property
    def pause_jobs(self) -> PauseJobs:
        return PauseJobs(database=self.database, models=self.models)

    @property
    def keep_upload(self) -> KeepUpload:
        return KeepUpload(
            database=self.database,
            store=self.store,
            documents=self.documents,
            pictures=self.pictures,
            max_bytes=self.settings.max_upload_bytes,
            render=stored_file_response,
        )

    @property
    def review_photo(self) -> ReviewPhoto:
        return ReviewPhoto(
            database=self.database,
            store=self.store,
            models=self.models,
            jobs=self.job_maker,
            pictures=self.pictures,
            max_bytes=self.settings.max_upload_bytes,
            daily_limit=self.daily_limit,
            render=stored_review_response,
        )

    @property
    def beautify_photo(self) -> BeautifyPhoto:
        return BeautifyPhoto(database=self.database, models=self.models, accept=self.accept_job)

    @property
    def review_document(self) -> ReviewDocument:
        return ReviewDocument(database=self.database, store=self.store, tables=self.tables)

    @property
    def intake_document(self) -> IntakeDocument:
        return IntakeDocument(
            database=self.database,
            documents=self.documents,
            costs=self.costs,
            keep_upload=self.keep_upload,
            accept=self.accept_job,
        )


def _dependency(part: Callable[[ApiDependencies], T]) -> Any:
    async def read_part(connection: HTTPConnection) -> T:
        return part(connection.app.state.dependencies)

    return Depends(read_part)


async def _models(connection: HTTPConnection) -> AvailableModels:
    """With what was added or removed meanwhile, by whatever process."""
    models: AvailableModels = connection.app.state.dependencies.models
    await models.catalogue.refresh()
    return models


def _of_app(name: str) -> Any:
    """A part of the running app itself."""

    async def part(connection: HTTPConnection) -> Any:
        return getattr(connection.app.state, name)

    return Depends(part)


AppReadiness = Annotated[Readiness, _of_app("readiness")]
AppMetrics = Annotated[Metrics, _of_app("metrics")]
AppShutdown = Annotated[ShutdownNotice, _of_app("shutdown")]

Db = Annotated[Database, _dependency(lambda app: app.database)]
Store = Annotated[ObjectStore, _dependency(lambda app: app.store)]
Served = Annotated[ServedObjects, _dependency(lambda app: app.served)]
Tables = Annotated[TableWriter, _dependency(lambda app: app.tables)]
Pictures = Annotated[PictureDecoder, _dependency(lambda app: app.pictures)]
Media = Annotated[MediaReader, _dependency(lambda app: app.media)]
Vendors = Annotated[Mapping[str, Provider], _dependency(lambda app: app.providers)]
Engine = Annotated[JobEngine, _dependency(lambda app: app.engine)]
Live = Annotated[EventHub, _dependency(lambda app: app.live)]
Submissions = Annotated[SubmissionLog, _dependency(lambda app: app.records.submissions)]
AllSettings = Annotated[InstallationSettings, _dependency(lambda app: app.all_settings)]
Settings = Annotated[ApiSettings, _dependency(lambda app: app.settings)]
PublicUrl = Annotated[str, _dependency(lambda app: app.base_url)]
HasSandbox = Annotated[bool, _dependency(lambda app: app.sandbox_url is not None)]
DailyLimit = Annotated[int, _dependency(lambda app: app.daily_limit)]
InstallationSecret = Annotated[bytes, _dependency(lambda app: app.secret)]
Admission = Annotated[StreamAdmission, _dependency(lambda app: StreamAdmission(app.streams, app.settings))]
Parser = Annotated[DocumentParser, _dependency(lambda app: app.documents)]
Models = Annotated[AvailableModels, Depends(_models)]
Links = Annotated[SignedLinks, _dependency(lambda app: app.links)]
Jobs = Annotated[JobResponses, _dependency(lambda app: app.job_responses)]
WebhookUrlError = Annotated[Callable[[str], str | None], _dependency(lambda app: app.webhook_url_error)]

Adding = Annotated[AddModel, _dependency(lambda app: AddModel(database=app.database, models=app.models))]
Accept = Annotated[AcceptJob, _dependency(lambda app: app.accept_job)]
SubmitRows = Annotated[SubmitBatch, _dependency(lambda app: app.submit_batch)]
Export = Annotated[ExportBatch, _dependency(lambda app: app.export_batch)]
Steer = Annotated[SteerBatch, _dependency(lambda app: app.steer_batch)]
Cancel = Annotated[CancelJob, _dependency(lambda app: app.cancel_job)]
DataRules = Annotated[DataDecisions, _dependency(lambda app: DataDecisions(database=app.database))]
Deleting = Annotated[Delete, _dependency(lambda app: app.delete)]
ExportFound = Annotated[ExportJobs, _dependency(lambda app: ExportJobs(app.database, app.job_responses.documents))]
Rerun = Annotated[RerunJob, _dependency(lambda app: app.rerun_job)]
Pauses = Annotated[PauseJobs, _dependency(lambda app: app.pause_jobs)]
Resolve = Annotated[ResolveJob, _dependency(lambda app: app.resolve_job)]
Keys = Annotated[KeepKeys, _dependency(lambda app: KeepKeys(database=app.database, secret=app.secret))]
Keep = Annotated[KeepUpload, _dependency(lambda app: app.keep_upload)]
Reuse = Annotated[ReuseOutput, _dependency(lambda app: ReuseOutput(keep_upload=app.keep_upload))]
Review = Annotated[ReviewPhoto, _dependency(lambda app: app.review_photo)]
ReviewTable = Annotated[ReviewDocument, _dependency(lambda app: app.review_document)]
Beautify = Annotated[BeautifyPhoto, _dependency(lambda app: app.beautify_photo)]
Intake = Annotated[IntakeDocument, _dependency(lambda app: app.intake_document)]
