"""One webhook to one receiver, until it is taken or given up. Attempts and waits are retries of one activity."""

from temporalio import workflow

from workflows import activity_calls


@workflow.defn(name="WebhookDelivery", failure_exception_types=[Exception])
class DeliverWebhook:
    """The workflow's id is the delivery's code."""

    @workflow.run
    async def run(self, code: str) -> str:
        """What the receiver answered."""
        return await activity_calls.deliver(code)
