"""One webhook to one receiver, until it is taken or given up. The tries and their waits belong to a single step."""

from temporalio import workflow

from workflows import activity_calls


@workflow.defn(name="WebhookDelivery", failure_exception_types=[Exception])
class DeliverWebhook:
    """Its id is the delivery's code."""

    @workflow.run
    async def run(self, code: str) -> str:
        """What the receiver answered."""
        return await activity_calls.deliver(code)
