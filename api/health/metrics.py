"""Metrics for Prometheus: figures of the whole installation from the database, and of what this process does.

While the database is away or hangs, the second kind is told without the first.
Label values are bounded: the catalogue's models and the ten statuses. No user, text or secret is a label.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics
from prometheus_client import Counter as PrometheusCounter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import DatabaseUnavailable
from aijobs.domain.lifecycle import ENDS, JobStatus
from aijobs.domain.ports.workflow_control import JobEngine
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.totals import Totals, totals
from aijobs.persistence.points.tally import MoneyTally
from aijobs.persistence.processes import ProcessState, known_processes
from aijobs.tracing.spans import current_trace_id
from api.health.backlog_figures import BacklogFigures
from api.health.money_figures import figures_of_money, known_model
from api.health.process_figures import figures_of_processes
from api.health.single_flight import SingleFlight
from api.streaming.open_streams import OpenStreams
from api.streaming.subscriptions import StreamEnd

KEPT_FOR: Final = timedelta(seconds=5)
DATABASE_TIMEOUT: Final = timedelta(seconds=3)  #: for the figures of a scrape, which Prometheus gives ten seconds
REQUEST_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  #: in seconds
DATABASE_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
WEBHOOK_LAG_BUCKETS: Final = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
WRONG_KEYS: Final = "wrong_keys"  #: the limit on wrong keys and sign-ins
OTHER_METHODS: Final = "other"
CUT_BECAUSE: Final = {
    StreamEnd.BEHIND: "behind",
    StreamEnd.CREDENTIALS_INVALID: "credentials",
    StreamEnd.CLOSED: "closed",
    StreamEnd.DATABASE_ERROR: "database",
}


disable_created_metrics()  # type: ignore[no-untyped-call] # a second series for each, which nobody reads


class Metrics:
    """The database is read at most once in KEPT_FOR, however often metrics are scraped."""

    def __init__(self, database: Database, catalogue: Catalogue, streams: OpenStreams, engine: JobEngine) -> None:
        self._database = database
        self._catalogue = catalogue
        self._streams = streams
        self._backlog = BacklogFigures(engine.backlogs)
        self._totals = SingleFlight(self._read_totals, kept_for=KEPT_FOR)
        self._processes = SingleFlight(self._read_processes, kept_for=KEPT_FOR)
        self._money = SingleFlight(MoneyTally(database), kept_for=KEPT_FOR)
        self._process = CollectorRegistry(auto_describe=False)
        self._requests = Histogram(
            "aijobs_http_request_seconds",
            "From a request to the beginning of its response.",
            ["method", "route", "status"],
            buckets=REQUEST_BUCKETS,
            registry=self._process,
        )
        self._work = Histogram(
            "aijobs_db_seconds",
            "Work on the database, waiting included.",
            ["statement"],
            buckets=DATABASE_BUCKETS,
            registry=self._process,
        )
        self._webhooks = PrometheusCounter(
            "aijobs_webhooks", "Webhooks, by what came of them.", ["direction", "result"], registry=self._process
        )
        self._webhook_lag = Histogram(
            "aijobs_webhook_lag_seconds",
            "From a provider's webhook until its job is told.",
            ["direction"],
            buckets=WEBHOOK_LAG_BUCKETS,
            registry=self._process,
        )
        self._refused = PrometheusCounter(
            "aijobs_rate_limited", "Requests refused for being too many.", ["limit"], registry=self._process
        )
        self.expect_refusals([WRONG_KEYS])
        database.observe_by(self._observe_work)

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """`route` is a template of paths, and `status` is counted by its class, as 2xx."""
        known = method if method in METHODS else OTHER_METHODS
        self._requests.labels(known, route, f"{status // 100}xx").observe(seconds, _exemplar())

    def expect_refusals(self, limits: Iterable[str]) -> None:
        """Show these limits before they refuse anything: a rate needs the figure before the first."""
        for limit in limits:
            self._refused.labels(limit)

    def refused(self, limit: str) -> None:
        """`limit` is the name of one of the settings, or WRONG_KEYS."""
        self._refused.labels(limit).inc()

    @contextmanager
    def incoming_webhook(self) -> Iterator[None]:
        """Count a provider's webhook, which is taken when the block ends well."""
        result = "refused"
        try:
            yield
            result = "taken"
        finally:
            self._webhooks.labels("in", result).inc()

    def passed_on(self, sent_at: datetime | None) -> None:
        """A provider's webhook has reached its job. `sent_at`: as the provider has signed it, in whole seconds."""
        if sent_at is not None:
            self._webhook_lag.labels("in").observe(max((datetime.now(UTC) - sent_at).total_seconds(), 0.0))

    def _observe_work(self, name: str, seconds: float) -> None:
        self._work.labels(name).observe(seconds, _exemplar())

    async def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """The metrics and their media type: text format 0.0.4, or OpenMetrics, with exemplars, for who accepts it."""
        registry = CollectorRegistry(auto_describe=False)
        families = [*self._of_this_process(), *await self._of_installation()]
        registry.register(_Figures([*families, *self._process.collect()]))
        encode, media_type = choose_encoder(accept)
        return encode(registry), media_type

    def _of_this_process(self) -> list[Metric]:
        readers = GaugeMetricFamily("aijobs_stream_readers", "Open streams of this process.", len(self._streams))
        cut = CounterMetricFamily("aijobs_streams_cut", "Streams that this process has ended.", labels=["reason"])
        for ending, reason in CUT_BECAUSE.items():
            cut.add_metric([reason], self._streams.cut[ending])
        return [readers, cut, *self._backlog.families()]

    async def _of_installation(self) -> list[Metric]:
        reachable = GaugeMetricFamily("aijobs_database_reachable", "1 when it answers this process, else 0.")
        families: list[Metric] = []
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT.total_seconds()):
                totals = await self._totals()
                in_use = {model_id for model_id, _ in totals.jobs}
                families = [
                    *self._families(totals),
                    *figures_of_money(await self._money(), self._catalogue, in_use=in_use),
                    *figures_of_processes(await self._processes()),
                ]
        except (DatabaseUnavailable, TimeoutError):
            reachable.add_metric([], 0)
        else:
            reachable.add_metric([], 1)
        return [reachable, *families]

    async def _read_totals(self) -> Totals:
        return await self._database.snapshot(totals)

    async def _read_processes(self) -> list[ProcessState]:
        return await self._database.read(known_processes)

    def _families(self, totals: Totals) -> list[Metric]:
        ended = CounterMetricFamily("aijobs_jobs", "Jobs that have ended.", labels=["model", "status"])
        in_flight = GaugeMetricFamily("aijobs_jobs_in_flight", "Jobs that have not ended.", labels=["model", "status"])
        for (model, status), count in sorted(self._by_known_model(totals).items()):
            family = ended if status.is_final else in_flight
            family.add_metric([model, status.name], count)
        held = GaugeMetricFamily("aijobs_points_held", "Points that wait for a decision.", totals.points_held)
        unknown = GaugeMetricFamily(
            "aijobs_unknown_submissions",
            "Submissions of which nobody knows whether they arrived.",
            totals.unknown_submissions,
        )
        waiting = GaugeMetricFamily("aijobs_waiting", "Jobs that wait for something.", labels=["for"])
        for cause, count in sorted(totals.waiting.items()):
            waiting.add_metric([cause], count)
        slots = GaugeMetricFamily("aijobs_slots", "Jobs in the line of a credential.", labels=["credential", "state"])
        for labels, count in sorted(totals.slots.items()):
            slots.add_metric(labels, count)
        return [ended, in_flight, held, unknown, waiting, slots]

    def _by_known_model(self, totals: Totals) -> Counter[tuple[str, JobStatus]]:
        known: Counter[tuple[str, JobStatus]] = Counter()
        for (model_id, status), count in totals.jobs.items():
            known[known_model(model_id, self._catalogue), status] += count
        for model, status in product({model for model, _ in known}, ENDS):
            known[model, status] += 0  # a rate needs the figure before the first
        return known


def _exemplar() -> dict[str, str] | None:
    """The trace of what is measured, where it is kept."""
    trace_id = current_trace_id()
    return {"trace_id": trace_id} if trace_id else None


class _Figures(Collector):
    """The metrics of one scrape, as a collector."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
