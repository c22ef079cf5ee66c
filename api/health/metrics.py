"""Metrics for Prometheus: figures of the whole installation from the database, and this process's open streams.

Label values are bounded: the catalogue's models and the ten statuses. No user, text or secret is a label.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.totals import Totals, totals
from api.health.single_flight import SingleFlight
from api.streaming.open_streams import OpenStreams

MEDIA_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
KEPT_FOR: Final = timedelta(seconds=5)
OTHER_MODELS: Final = "other"  #: label of models that are no longer in the catalogue


class Metrics:
    """The database is read at most once in KEPT_FOR, however often metrics are scraped."""

    def __init__(self, database: Database, catalogue: Catalogue, streams: OpenStreams) -> None:
        self._database = database
        self._catalogue = catalogue
        self._streams = streams
        self._totals = SingleFlight(self._read_totals, kept_for=KEPT_FOR)

    async def exposition(self) -> bytes:
        """The metrics in text format 0.0.4."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Figures(self._families(await self._totals())))
        return generate_latest(registry)

    async def _read_totals(self) -> Totals:
        return await self._database.snapshot(totals)

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
        readers = GaugeMetricFamily("aijobs_stream_readers", "Open streams of this process.", len(self._streams))
        return [ended, in_flight, held, unknown, readers]

    def _by_known_model(self, totals: Totals) -> Counter[tuple[str, JobStatus]]:
        known: Counter[tuple[str, JobStatus]] = Counter()
        for (model_id, status), count in totals.jobs.items():
            known[model_id if model_id in self._catalogue else OTHER_MODELS, status] += count
        return known


class _Figures(Collector):
    """The metrics of one scrape, as a collector."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
