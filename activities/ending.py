"""How a job ends before SUCCESS: the provider is told, what was half moved is removed, the end is written down."""

from collections.abc import Mapping

from temporalio import activity

from activities.polling import look_for
from activities.submission import provider_of
from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.jobs.activity_io import EndInput
from aijobs.domain.jobs.job import JobBrief, JobState
from aijobs.domain.jobs.submissions import Accepted, CancelOutcome, Found, Outcome, Search, Submission
from aijobs.domain.ports.conversations import Conversations
from aijobs.domain.ports.jobs import JobGate, JobQueries
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.ports.outputs import OutputLog
from aijobs.domain.ports.providers import Provider
from aijobs.domain.ports.submissions import SubmissionLog


class EndingActivities:
    """What a job's end asks for: a word to the provider, the final status, and no unfinished writes."""

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
        """The provider's answer; nothing when it surely has nothing of this job. Raises UnknownJob."""
        await self._queries.state(brief.code)
        submission = await self._submissions.last_submission(brief.code)
        if submission is None or submission.outcome is Outcome.REJECTED:
            return None
        provider = provider_of(self._providers, brief.provider)
        if submission.ref is not None:
            return await provider.cancel(submission.ref)
        return await self._cancel_unknown(brief, provider, submission)

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
    async def end(self, verdict: EndInput) -> JobState:
        """Write a bad end down. Returns how the job stands: it may have become a SUCCESS just before."""
        state = await self._gate.advance(
            verdict.code,
            verdict.job_status,
            error=verdict.error,
            detail=verdict.detail,
            provider_may_charge=verdict.provider_may_charge,
        )
        if state.job_status is verdict.job_status:
            for key in await self._outputs.drop(verdict.code):
                await self._store.delete(key)
        await self._conversations.clear(verdict.code)
        return state

    @activity.defn
    async def ask_to_be_canceled(self, reason: str) -> None:
        """Ask Temporal to cancel the workflow that this activity belongs to."""
        info = activity.info()
        assert info.workflow_id is not None
        handle = activity.client().get_workflow_handle(info.workflow_id, run_id=info.workflow_run_id)
        await handle.cancel(reason=reason)
