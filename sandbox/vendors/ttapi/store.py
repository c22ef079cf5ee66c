"""All Midjourney jobs of the sandbox: stored, found, listed by status, and the balance of each account."""

from collections.abc import Iterator
from typing import Any, Final

from sandbox.clock import NANOSECONDS, now_ns
from sandbox.context import SandboxContext
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import Faults
from sandbox.vendors.ttapi.account_rules import AccountRules
from sandbox.vendors.ttapi.envelopes import refusal
from sandbox.vendors.ttapi.job import MidjourneyJob, MidjourneyStatus
from sandbox.vendors.ttapi.response import document_of, list_item

KIND: Final = "ttapi.jobs"
NO_FAULTS: Final = Faults()
DAY: Final = 24 * 3600 * NANOSECONDS


class MidjourneyStore:
    """The jobs, persistent over restarts."""

    def __init__(self, context: SandboxContext, rules: AccountRules) -> None:
        self._context = context
        self._rules = rules
        stored = [MidjourneyJob.model_validate_json(body) for body in context.archive.all(KIND)]
        self._jobs = {one.id: one for one in sorted(stored, key=lambda one: one.created_ns)}

    def __iter__(self) -> Iterator[MidjourneyJob]:
        return iter(tuple(self._jobs.values()))

    def save(self, job: MidjourneyJob) -> None:
        """The job is durable when this returns."""
        self._jobs[job.id] = job
        self._context.archive.put(KIND, job.id, job.model_dump_json())

    def find(self, job_id: str, *, account: str) -> MidjourneyJob:
        """Raises Refusal (HTTP 200 with FAILED, and no job id) for an unknown job or another account's."""
        job = self._jobs.get(job_id)
        if job is None or job.account != account:
            raise refusal(200, "job not found")
        return job

    def clear(self) -> None:
        self._jobs.clear()
        self._context.archive.clear(KIND)

    def document(self, job: MidjourneyJob, faults: Faults = NO_FAULTS) -> dict[str, Any]:
        in_force = self._context.board.faults_of(job.id) | faults
        return document_of(job, faults=in_force, links=self._context.links, expires_ns=self._expiry)

    def page(
        self, account: str, status: MidjourneyStatus, *, number: int, limit: int, newest_first: bool, faults: Faults
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of the account's jobs in this status, and their total number."""
        matching = [
            job for job in self if job.account == account and job.status is status and not self._is_hidden(job, faults)
        ]
        ordered = matching[::-1] if newest_first else matching
        shown = ordered[(number - 1) * limit : number * limit]
        return [list_item(job, links=self._context.links, expires_ns=self._expiry) for job in shown], len(matching)

    def frozen(self, account: str) -> int:
        """Quota of the jobs that have not ended."""
        return sum(job.price for job in self if job.account == account and not job.status.is_final)

    def balance(self, account: str) -> int:
        """The remaining quota, without the frozen part."""
        paid = sum(job.price for job in self if job.account == account and job.status is MidjourneyStatus.SUCCESS)
        return self._rules.quota - paid - self.frozen(account)

    def unfinished(self, account: str) -> int:
        return sum(job.account == account and not job.status.is_final for job in self)

    @property
    def _expiry(self) -> int:
        """When a link created now expires. The same for a whole day: TTAPI's real links do not change either."""
        lifetime = int(self._rules.link_ttl.total_seconds() * NANOSECONDS)
        return (now_ns() // DAY) * DAY + DAY + lifetime if lifetime >= DAY else now_ns() + lifetime

    def _is_hidden(self, job: MidjourneyJob, faults: Faults) -> bool:
        in_force = self._context.board.faults_of(job.id) | faults
        age = (now_ns() - job.created_ns) / NANOSECONDS
        return Fault.LIST_LAG in in_force and age < in_force.seconds(Fault.LIST_LAG)
