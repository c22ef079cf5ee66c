"""Makes a small finished run in which every promise held, for tests that break it on purpose."""

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sqlmodel import Session

from aijobs.bootstrap import open_database
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.batches.batch import BatchRequest
from aijobs.domain.jobs.job import JobError, JobRequest, JobState, Stage
from aijobs.domain.jobs.outputs import OutputKind, StoredOutput, output_key
from aijobs.domain.jobs.submissions import Accepted, ProviderRequest, Unknown
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.access.idempotency import IdempotencyClaim, Receipt, claim, settle
from aijobs.persistence.batches import loading
from aijobs.persistence.batches.feed import DatabaseBatchFeed
from aijobs.persistence.batches.loading import CheckedItem
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.event_log import events_after
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.settings import SHIPPED_CATALOGUE, GivenSettings
from chaos.checks.batches import ORDER
from chaos.checks.invariants import Breach, check
from chaos.evidence import SANDBOX, evidence_in
from chaos.object_store import DATA, STORE, inventory_of
from chaos.observations import (
    BatchObservation,
    CustomerObservation,
    Observations,
    StreamObservation,
    WorkflowObservation,
)
from chaos.plan import HASTY, StormPlan
from chaos.stack.database import SQLITE
from chaos.stack.stack import catalogue_of
from sandbox.persistence import archive
from sandbox.persistence.ledger import Charge, Ledger, LedgerRow

DAILY_LIMIT: Final = 20
USER: Final = "ada"
BATCH_USER: Final = "grace"
BATCH_ORDER: Final = "batch-order"
PHOTOS: Final = ("http://photos/1.jpg", "http://photos/2.jpg")
ADDRESS: Final = "http://provider/predictions"
LIFE: Final = (JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.GENERATED, JobStatus.MIGRATING)


class EvidenceMaker:
    """The folder of a run. `codes` are those of its jobs, by the status that each ended with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.codes: dict[JobStatus, str] = {}

    def copied_to(self, folder: Path) -> "EvidenceMaker":
        shutil.copytree(self.folder, folder)
        copy = EvidenceMaker(folder)
        copy.codes = self.codes
        return copy

    async def breaches(self) -> list[Breach]:
        results = check(await evidence_in(self.folder, daily_limit=DAILY_LIMIT))
        return [breach for result in results for breach in result.breaches]

    def sql(self, statement: str) -> None:
        """`:success`, `:failed`, `:timeout` and `:canceled` stand for the jobs' codes."""
        names = {status.name.lower(): code for status, code in self.codes.items()}
        with closing(sqlite3.connect(self.folder / SQLITE)) as database, database:
            database.execute("PRAGMA foreign_keys=OFF")
            database.execute(statement, names)

    def ledger(self) -> list[LedgerRow]:
        with archive.opened(self.folder / SANDBOX) as (documents, _):
            return Ledger(documents).rows()

    def enter(self, row: LedgerRow) -> None:
        with archive.opened(self.folder / SANDBOX) as (documents, _):
            Ledger(documents).add(row)

    @property
    def store(self) -> Path:
        return self.folder / DATA / STORE

    def output(self) -> Path:
        """Of the job that succeeded."""
        return self.store / output_key(self.codes[JobStatus.SUCCESS], 0, "jpg")

    @contextmanager
    def observed(self) -> Iterator[Observations]:
        """The observations, to be changed in the block."""
        observations = Observations.of(self.folder)
        yield observations
        observations.save(self.folder)

    def poll_now(self) -> None:
        """At the store, after it was changed."""
        with self.observed() as observations:
            observations.inventory = inventory_of(self.store)


async def healthy_world(folder: Path) -> EvidenceMaker:
    """Four jobs: one of each end; the TIMEOUT's points are held, since its submission is lost. And a batch of two."""
    (folder / "catalogue.toml").write_text(catalogue_of(StormPlan(seed=1)))
    catalogue = Catalogue.parse(SHIPPED_CATALOGUE.read_text(), catalogue_of(StormPlan(seed=1)))
    world, observations = EvidenceMaker(folder), Observations()
    async with open_database(GivenSettings(data_dir=folder / SQLITE.parent)) as database:
        records = DatabaseRecords(database, catalogue)
        for number, status in enumerate(status for status in JobStatus if status.is_final):
            code = world.codes[status] = await _accepted(database, catalogue, observations, number)
            await _run_job(records, world, code, status)
            await _observe(database, records, observations, code)
        await _run_batch(database, catalogue, observations, world)
    observations.inventory = inventory_of(world.store)
    observations.save(folder)
    return world


async def _accepted(database: Database, catalogue: Catalogue, observations: Observations, number: int) -> str:
    key = f"order-{number}"
    request = IdempotencyClaim(owner=f"key:{USER}", key=key, request_sha256="")
    order = Acceptance(
        user_id=USER,
        request=JobRequest(model_id=HASTY, params={}),
        model=catalogue.model(HASTY),
        params={},
        created_by="key",
        daily_limit=DAILY_LIMIT,
    )

    def work(session: Session) -> str:
        claim(session, request)
        code = accept(session, order).code
        answer = {"status": 202, "location": f"/api/jobs/{code}", "body": {"code": code}}
        settle(session, request, Receipt(code=code, answer=answer))
        return code

    code = await database.write(work)
    observations.accounts[key] = CustomerObservation(user=USER, codes=[code, code], tries=2)
    return code


async def _run_batch(
    database: Database, catalogue: Catalogue, observations: Observations, world: EvidenceMaker
) -> None:
    """Its rows fail, and are lost."""
    records = DatabaseRecords(database, catalogue)
    feed = DatabaseBatchFeed(database, catalogue, daily_limit=DAILY_LIMIT)
    request = BatchRequest(model_id=HASTY, metadata={ORDER: BATCH_ORDER})

    def work(session: Session) -> str:
        batch = loading.begin(session, request, catalogue.model(HASTY), user_id=None, created_by="key")
        assert batch.id is not None, "what was written has an id"
        items = [CheckedItem(user_id=BATCH_USER, params={"image": photo}, metadata={}) for photo in PHOTOS]
        loading.add_items(session, batch.id, 0, items)
        return loading.publish(session, batch.id, {BATCH_USER: len(items)}, daily_limit=DAILY_LIMIT).code

    code = await database.write(work)
    jobs = [brief.code for brief in (await feed.step(code)).accepted]
    for job, photo, status in zip(jobs, PHOTOS, (JobStatus.FAILED, JobStatus.TIMEOUT), strict=True):
        await _run_job(records, world, job, status, photo=photo)
        await _observe(database, records, observations, job)
    await feed.step(code)
    users = [BATCH_USER] * len(PHOTOS)
    observations.batches[BATCH_ORDER] = BatchObservation(
        user="", is_keyed=True, users=users, images=list(PHOTOS), codes=[code, code], tries=2
    )


async def _run_job(
    records: DatabaseRecords, world: EvidenceMaker, code: str, status: JobStatus, *, photo: str = ""
) -> None:
    token, prediction = f"token-{code}", f"prediction-{code}"
    request = ProviderRequest("POST", ADDRESS, {"input": {"image": photo}})
    submission = await records.submissions.intend(code, provider="replicate", token=token, request=request)
    is_lost = status is JobStatus.TIMEOUT
    await records.submissions.conclude(submission, Unknown("no answer") if is_lost else Accepted({"id": prediction}))
    charge = Charge.CHARGED if status is JobStatus.SUCCESS else Charge.TIME_ONLY
    world.enter(
        LedgerRow(
            id=prediction,
            vendor="replicate",
            model="upscale",
            created_at="now",
            correlation=token,
            input_sha256="",
            charge=charge,
        )
    )
    if status is JobStatus.SUCCESS:
        for step in LIFE:
            await records.gate.advance(code, step)
        await records.outputs.add(code, _store_output(world, code, prediction))
        await records.gate.advance(code, status)
    else:
        error = JobError(code="it", message="ended so", stage=Stage.PROCESSING)
        await records.gate.advance(code, status, error=error, provider_may_charge=is_lost)
        await records.gate.note(code, {"late": "a word"})


def _store_output(world: EvidenceMaker, code: str, prediction: str) -> StoredOutput:
    content = f"made for {code}".encode()
    with archive.opened(world.folder / SANDBOX) as (_, blobs):
        blobs.write(f"{prediction}-output.jpg", content)
    world.output().parent.mkdir(parents=True)
    world.output().write_bytes(content)
    return StoredOutput(
        index=0,
        kind=OutputKind.IMAGE,
        media_type="image/jpeg",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        key=output_key(code, 0, "jpg"),
        original_url=None,
        width=1,
        height=1,
    )


CLOSED: Final = {
    JobStatus.SUCCESS: ("COMPLETED", None),
    JobStatus.FAILED: ("FAILED", "JobFailed"),
    JobStatus.TIMEOUT: ("FAILED", "JobTimeout"),
    JobStatus.CANCELED: ("CANCELED", None),
}


async def _observe(database: Database, records: DatabaseRecords, observations: Observations, code: str) -> None:
    events = await database.read(events_after, code, 0)
    end = next(number for number, event in enumerate(events, 1) if event.job_status.is_final)
    until_its_end = events[:end]
    received = [type(event).model_validate_json(event.model_dump_json()) for event in until_its_end]
    observations.readings.append(StreamObservation(code=code, events=received, connections=3, is_over=True))
    final = received[-1]
    error = JobError(**final.detail["error"]) if "error" in final.detail else None
    status, failure = CLOSED[final.job_status]
    state = None if status == "CANCELED" else JobState.of(code, final.job_status, error=error)
    before = WorkflowObservation(
        code=code, run_id=f"first-{code}", first_run_id=f"first-{code}", status="CONTINUED_AS_NEW"
    )
    last = WorkflowObservation(
        code=code, run_id=f"last-{code}", first_run_id=f"first-{code}", status=status, failure=failure, state=state
    )
    observations.workflows += [before, last]
