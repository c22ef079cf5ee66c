"""By the provider's own count, no more was ever in flight than the limits allow."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from chaos.evidence import Evidence
from chaos.plan import IN_FLIGHT, USER_IN_FLIGHT

FOR_EVER_NS: Final = 2**63
NANOSECONDS: Final = 10**9


class Span(NamedTuple):
    """How long the provider worked on a prediction, and for whom."""

    start_ns: int
    end_ns: int
    user: str


def above_limits(evidence: Evidence) -> Iterator[tuple[str, str]]:
    spans = [_span(evidence, prediction) for prediction in evidence.at_work]
    if (most := _most_at_once(spans)) > IN_FLIGHT:
        yield "replicate", f"had {most} in flight at once, where {IN_FLIGHT} are allowed"
    by_user: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_user[span.user].append(span)
    for user, own in by_user.items():
        if user and (most := _most_at_once(own)) > USER_IN_FLIGHT:
            yield user, f"had {most} in flight at once, where {USER_IN_FLIGHT} are allowed"


def _span(evidence: Evidence, prediction: str) -> Span:
    """Until the provider's end, or until we no longer watch for one that never comes."""
    start, end = evidence.at_work[prediction]
    job = evidence.job(evidence.job_of_paid.get(prediction, ""))
    if job is None:
        return Span(start, end or FOR_EVER_NS, "")
    last = [event.at for event in evidence.events[job.code] if event.job_status.is_final][:1]
    late = evidence.catalogue.model(job.model_id).deadlines.late
    given_up = int((last[0] + late).timestamp() * NANOSECONDS) if last else FOR_EVER_NS
    return Span(start, min(end or FOR_EVER_NS, given_up), job.user_id)


def _most_at_once(spans: Iterable[Span]) -> int:
    changes = sorted(change for span in spans for change in ((span.start_ns, 1), (span.end_ns, -1)))
    at_once = most = 0
    for _, change in changes:
        at_once += change
        most = max(most, at_once)
    return most
