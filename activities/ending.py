"""How a job ends before SUCCESS: cancel at the provider, delete partly moved outputs, record the final status."""

from collections.abc import Mapping

from temporalio import activity

from activities.lost_submissions import look_for
from activities.submission import provider_of
from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.jobs.activity_io import EndInput
from aijobs.domain.jobs.job import JobBrief, JobState
from aijobs.domain.jobs.submissions import CAME_TO_NOTHING, Accepted, CancelOutcome, Found, Search, Submission
from aijobs.domain.ports.conversations import Conversations
from aijobs.domain.ports.jobs import JobGate, JobQueries
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.ports.outputs import OutputLog
from aijobs.domain.ports.providers import Provider
from aijobs.domain.ports.submissions import SubmissionLog


class EndingActivities:
    """Cancels at the provider, writes the final status, and removes unfinished writes."""

    def __init__(
        self,
        submissions: SubmissionLog,
        queries: JobQueries,
        gate: JobGate,
        outputs: OutputLog,
        conversations: Conversations,
        providers: Mapping[str, Provider],
        store: ObjectStore,
    ) -> None:
        self._submissions = submissions
        self._queries = queries
        self._gate = gate
        self._outputs = outputs
        self._conversations = conversations
        self._providers = providers
        self._store = store

    @activity.defn
    async def cancel_at_provider(self, brief: JobBrief) -> CancelOutcome | None:
        """The provider's answer; None when the provider certainly does not have this job. Raises UnknownJob."""
        await self._queries.state(brief.code)
        submission = await self._submissions.last_submission(brief.code)
        if submission is None or submission.outcome in CAME_TO_NOTHING:
            return None
        provider = provider_of(self._providers, brief.provider, submission.credential)
        if submission.ref is not None:
            return await provider.cancel(submission.ref)
        return await self._cancel_unknown(brief, provider, submission)

    async def has_ended(self, code: str) -> bool:
        """Whether the job's final status is recorded. Raises UnknownJob."""
        return (await self._queries.state(code)).job_status.is_final

    async def has_submission(self, code: str) -> bool:
        """Whether the database knows of anything that was sent for this job, or about to be."""
        return await self._submissions.last_submission(code) is not None

    async def _cancel_unknown(
        self, brief: JobBrief, provider: Provider, submission: Submission
    ) -> CancelOutcome | None:
        match await look_for(self._submissions, provider, brief.provider, submission):
            case Found(ref):
                await self._submissions.conclude(submission, Accepted(ref))
                return await provider.cancel(ref)
            case Search.ABSENT:
                return None
            case Search.IMPOSSIBLE:
                return CancelOutcome.NOT_SUPPORTED
            case Search.NOT_YET:
                raise ProviderUnavailable("The submission is not found yet.")

    @activity.defn
    async def end(self, end_input: EndInput) -> JobState:
        """Record FAILED, TIMEOUT or CANCELED. Returns the job's actual state: it may already be SUCCESS."""
        state = await self._gate.advance(
            end_input.code,
            end_input.job_status,
            error=end_input.error,
            detail=end_input.detail,
            provider_may_charge=end_input.provider_may_charge,
        )
        if state.job_status is end_input.job_status:
            for key in await self._outputs.drop(end_input.code):
                await self._store.delete(key)
        if end_input.may_have_conversation:
            await self._conversations.clear(end_input.code)
        return state

    @activity.defn
    async def ask_to_be_canceled(self, reason: str) -> None:
        """Ask Temporal to cancel the workflow that this activity belongs to."""
        info = activity.info()
        assert info.workflow_id is not None
        handle = activity.client().get_workflow_handle(info.workflow_id, run_id=info.workflow_run_id)
        await handle.cancel(reason=reason)
