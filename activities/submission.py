"""Submits a job to its provider: the intent is stored before the send, and a submission is sent at most once."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from temporalio import activity

from activities.heartbeats import remember
from activities.lost_submissions import kept, require_all_known, submission_token
from activities.metrics import count_submission
from activities.routing import Route, Routing
from aijobs.domain.catalogue import Model
from aijobs.domain.errors import (
    AijobsError,
    JobExpired,
    NotFound,
    Overtaken,
    ProviderBlocked,
    ProviderFailed,
    ProviderRejected,
    ProviderUnavailable,
    SlotAwaited,
    SubmissionExists,
)
from aijobs.domain.jobs.activity_io import SubmittedJob
from aijobs.domain.jobs.job import JobBrief, JobState
from aijobs.domain.jobs.parameters import is_upload
from aijobs.domain.jobs.submissions import (
    CAME_TO_NOTHING,
    OLDER_COPY,
    Accepted,
    Ref,
    Rejected,
    Sending,
    Submission,
    SubmitOutcome,
    Unknown,
)
from aijobs.domain.ports.jobs import StartConditions
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.ports.providers import PreparingProvider, Provider
from aijobs.domain.ports.submissions import SubmissionLog
from aijobs.domain.provider_io import InputFile, SubmitInput, Task, UploadedFile
from aijobs.domain.values.sandbox_faults import faults_asked
from aijobs.domain.values.shielded import shielded

INPUT_LINK_LIFETIME: Final = timedelta(hours=24)
SEND_WITHIN: Final = timedelta(seconds=5)
"""Shorter than the heartbeat timeout: after a longer pause, Temporal may already have started another attempt."""

AT_ONCE: Final = timedelta(milliseconds=100)
"""Before another credential is tried."""

PAUSED: Final = Rejected("not_sent", "The process was paused before it could send.", may_retry=True)
LOST: Final = Unknown("the process died between the intent and the outcome")


class SubmissionActivities:
    """`public_url` is where providers reach us, or None. With it, inputs are links to our store, and webhooks come.

    `secret` is the installation's: the tokens of submissions are made of it.
    """

    def __init__(
        self,
        submissions: SubmissionLog,
        routing: Routing,
        store: ObjectStore,
        public_url: str | None,
        start_conditions: StartConditions,
        sandbox_url: str | None = None,
        *,
        secret: bytes,
    ) -> None:
        self._submissions = submissions
        self._start_conditions = start_conditions
        self._sandbox_url = sandbox_url
        self._providers = routing.providers
        self._store = store
        self._health = routing.health
        self._routing = routing
        self._public_url = public_url
        self._secret = secret

    @activity.defn
    async def submit(self, brief: JobBrief) -> SubmittedJob:
        """Send at most once per submission. Never sends again what may have arrived, nor for a job that has ended.

        Where the catalogue allows it, what a provider refuses by mistake is sent once more, as another submission.
        A cancel, pause or reset that arrives while the request is on the wire waits for the outcome.
        """
        known = await self._submissions.submit_input(brief.code)
        if known.state.job_status.is_final:
            return _submitted(known.state, None)
        last = known.last
        if last is not None and last.outcome not in CAME_TO_NOTHING:
            state = await self._submissions.conclude(last, Accepted(last.ref) if last.ref else LOST)
            return _submitted(state, last.ref)
        require_all_known(last)
        own = self._routing.own_credentials(brief, known)
        if known.may_be_held_back and known.may_have_been_sent_since is None:
            await self._require_not_held_back(brief)
            own = await self._start_conditions.unpaused(own) or own
        try:
            route, task, sending = await self._routed(brief, known, own)
        except ProviderUnavailable as unavailable:
            await self._start_conditions.wait_for_provider(brief.code, unavailable.retry_after)
            raise
        try:
            with faults_asked(self._sandbox_url, known.assignment.metadata):
                return await shielded(self._send(brief, task, sending, route))
        except JobExpired:
            return _submitted(await self._start_conditions.expire(brief.code), None)

    async def _require_not_held_back(self, brief: JobBrief) -> None:
        """Nothing is prepared at a provider that is paused. Raises SlotAwaited."""
        look_again = await self._start_conditions.hold_back(brief.code, provider=brief.provider)
        if look_again is not None:
            raise SlotAwaited("Its sending is paused.", retry_after=look_again)

    async def _routed(self, brief: JobBrief, known: SubmitInput, own: Sequence[str]) -> tuple[Route, Task, Sending]:
        """With which credential it is done, and what is sent. Raises ProviderUnavailable, and what prepares raises."""
        route = await self._routing.choose(brief, known, own)
        try:
            return route, *await self._prepared(brief, known, route)
        except BaseException:
            await shielded(self._health.give_back(route.trial))
            raise

    async def _prepared(self, brief: JobBrief, known: SubmitInput, route: Route) -> tuple[Task, Sending]:
        """What is to be done, and to be sent for it with a credential."""
        provider = provider_of(self._providers, route.trial.credential)
        task = await _prepared(provider, await self._task(brief, provider, known, route))
        is_first = route.trial.credential == brief.provider
        return task, Sending(
            provider=route.model.provider,
            token=task.token,
            request=provider.build_request(task),
            credential=None if is_first else route.trial.credential,
            fallback=None if route.model.model_id == brief.model_id else route.model.model_id,
            why=route.why,
            number=_next_number(known),
            sent_at=known.may_have_been_sent_since,
        )

    async def _send(self, brief: JobBrief, task: Task, sending: Sending, route: Route) -> SubmittedJob:
        try:
            submission = await self._intend(brief, sending)
        except AijobsError:
            await self._health.give_back(route.trial)
            raise
        remember(submission.number)
        provider = provider_of(self._providers, route.trial.credential)
        outcome = await self._outcome(provider, submission, sending)
        count_submission(route.model.provider, outcome)
        if await self._is_voided(submission, outcome, task):
            await self._health.give_back(route.trial)
            raise ProviderUnavailable(f"{route.model.provider} is asked once more.")
        state = await kept(partial(self._submissions.conclude, submission, outcome, trial=route.trial))
        is_refused = isinstance(outcome, Rejected) and _is_of_the_account(outcome)
        if is_refused and await self._health.has_usable(route.others):
            raise ProviderUnavailable("Another credential is tried.", retry_after=AT_ONCE)
        _raise_if_rejected(outcome)
        return _submitted(state, submission.bound(outcome.ref) if isinstance(outcome, Accepted) else None)

    async def _outcome(self, provider: Provider, submission: Submission, sending: Sending) -> SubmitOutcome:
        """What an older copy of the database may have forgotten is not sent, but looked for."""
        if sending.get("sent_at") is not None:
            return Unknown(OLDER_COPY)
        return await provider.submit(submission.request) if _is_fresh(submission) else PAUSED

    async def _is_voided(self, submission: Submission, outcome: SubmitOutcome, task: Task) -> bool:
        """Whether it was refused as by mistake, and the next attempt sends another."""
        if not isinstance(outcome, Rejected) or not outcome.once_more or not task.model.resubmit:
            return False
        return await kept(partial(self._submissions.void, submission, outcome.message))

    async def _intend(self, brief: JobBrief, sending: Sending) -> Submission:
        try:
            return await self._submissions.intend(brief.code, **sending)
        except SubmissionExists as faster:  # another try of this step, which was paused; the next one finds its intent
            raise Overtaken("Another try of this submit was faster.") from faster

    async def _task(self, brief: JobBrief, provider: Provider, known: SubmitInput, route: Route) -> Task:
        assignment = known.assignment
        if assignment.origin is not None and known.origin is None:
            raise ProviderFailed(f"{assignment.origin} was never at the provider.")
        token = submission_token(self._secret, brief.code, _next_number(known))
        model = route.model
        return Task(
            job_code=brief.code,
            model=model,
            params=await self._with_links(provider, model, route.params, known, token),
            output_count=assignment.output_count,
            token=token,
            webhook_url=self._webhook_url(model, provider, token),
            action=assignment.action,
            origin=known.origin,
        )

    def _webhook_url(self, model: Model, provider: Provider, token: str) -> str | None:
        if self._public_url is None or not provider.capabilities.webhook:
            return None
        return f"{self._public_url}/api/webhooks/{model.provider}/{token}"

    async def _with_links(
        self, provider: Provider, model: Model, params: Mapping[str, Any], known: SubmitInput, token: str
    ) -> dict[str, Any]:
        file_fields = provider.parameters(model).file_fields()

        async def linked(value: Any) -> Any:
            if isinstance(value, list):
                return [await linked(one) for one in value]
            if not is_upload(value):
                return value
            if value not in known.files:
                raise NotFound(f"There is no file {value}.")
            return await self._link(provider, known.files[value], token)

        return {name: await linked(value) if name in file_fields else value for name, value in params.items()}

    async def _link(self, provider: Provider, file: UploadedFile, token: str) -> str:
        """A link that the provider can read. It carries the token, so that a lost submission can be found again."""
        extension = file.key.rpartition(".")[2]
        if self._public_url is not None and provider.capabilities.reads_links:
            return await self._store.link(
                file.key,
                lifetime=INPUT_LINK_LIFETIME,
                filename=f"{token}.{extension}",
                media_type=file.media_type,
            )

        def chunks() -> AsyncIterator[bytes]:
            return self._store.read(file.key)

        upload = InputFile(name=file.name, media_type=file.media_type, size=file.size, chunks=chunks)
        return await provider.attach(upload, token=token)


def provider_of(providers: Mapping[str, Provider], name: str, credential: str | None = None) -> Provider:
    """As this credential opens it, or its first. Raises ProviderUnavailable when no such key is configured.

    The job waits until there is one.
    """
    opened_by = credential or name
    if opened_by not in providers:
        raise ProviderUnavailable(f"No key is configured for {opened_by}.")
    return providers[opened_by]


def _next_number(known: SubmitInput) -> int:
    return known.last.number + 1 if known.last else 1


def _submitted(state: JobState, ref: Ref | None) -> SubmittedJob:
    return SubmittedJob(**state.model_dump(), ref=ref)


async def _prepared(provider: Provider, task: Task) -> Task:
    """The task with what its request needs at the provider."""
    return replace(task, prepared=await provider.prepare(task)) if isinstance(provider, PreparingProvider) else task


def _is_of_the_account(refusal: Rejected) -> bool:
    """Whether another account may take what this one has refused."""
    return refusal.account_must_act or refusal.retry_after is not None


def _is_fresh(submission: Submission) -> bool:
    return datetime.now(UTC) - submission.intent_at < SEND_WITHIN


def _raise_if_rejected(outcome: SubmitOutcome) -> None:
    if not isinstance(outcome, Rejected):
        return
    if outcome.may_retry:
        raise ProviderUnavailable(outcome.message, retry_after=outcome.retry_after)
    raise (ProviderBlocked if outcome.account_must_act else ProviderRejected)(outcome.message)
