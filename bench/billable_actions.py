"""Billable actions of a workflow, counted as Temporal Cloud counts them.

Source: docs.temporal.io/cloud/actions. One action each: workflow started; timer started; search attributes upserted
(per command; those given at the start are free); signal received; activity scheduled, and once more for each of its
retries; update; all markers of one workflow task together. Starting a child workflow counts two
(plus its own start). Continue-as-new is the start of the next run. Free: results, cancellations, workflow tasks,
details for the Web UI, reading.

Not counted, since they are not in the history: queries; heartbeats, of which a step shorter than
activities.heartbeats.EVERY sends none; and the sweep, which belongs to no job: three actions for each run of a
schedule, and one for its activity.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

PRICES: Final = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: 1,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: 1,
    EventType.EVENT_TYPE_TIMER_STARTED: 1,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: 1,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: 1,
    EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: 1,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: 1,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED: 1,
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: 2,
}


@dataclass(frozen=True)
class Count:
    """`retries` are further attempts of activities, each one more action."""

    events: int
    actions: int
    retries: int

    @property
    def billed(self) -> int:
        return self.actions + self.retries


def counted(history: Iterable[HistoryEvent]) -> Count:
    """A retry has no event of its own; the number of retries is taken from the last attempt."""
    events = list(history)
    marked_tasks = {
        event.marker_recorded_event_attributes.workflow_task_completed_event_id
        for event in events
        if event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED
    }
    return Count(
        events=len(events),
        actions=sum(PRICES.get(event.event_type, 0) for event in events) + len(marked_tasks),
        retries=sum(
            event.activity_task_started_event_attributes.attempt - 1
            for event in events
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
        ),
    )
