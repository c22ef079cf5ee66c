"""A worker's endpoint for Prometheus: the SDK's figures and ours, on one address."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from activities.metrics import DETECTION_LAG, MIGRATION_SECONDS, WEBHOOK_LAG
from workflows.job.metrics import STAGE_SECONDS

DB_SECONDS: Final = "aijobs_db_seconds"

#: Upper bounds, in seconds. What is not named here has the SDK's own, which end at ten seconds.
BUCKETS: Final[Mapping[str, Sequence[float]]] = {
    DB_SECONDS: (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
    DETECTION_LAG: (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0),
    MIGRATION_SECONDS: (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0),
    WEBHOOK_LAG: (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0),
    "activity_schedule_to_start_latency": (0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
    "workflow_task_schedule_to_start_latency": (0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
    STAGE_SECONDS: (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0),
}


def runtime(address: str | None) -> Runtime | None:
    """The SDK's runtime, with an endpoint at this address; None without one. Raises OSError when it is taken."""
    if address is None:
        return None
    prometheus = PrometheusConfig(
        bind_address=address,
        counters_total_suffix=True,
        unit_suffix=True,
        durations_as_seconds=True,
        histogram_bucket_overrides=BUCKETS,
    )
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=prometheus, attach_service_name=False))
    except ValueError as failed:
        raise OSError(f"no metrics at {address}: {failed}") from failed


def database_observer(runtime: Runtime) -> Callable[[str, float], None]:
    """Measures pieces of work on the database, by their name."""
    histogram = runtime.metric_meter.create_histogram_float(DB_SECONDS, "Work on the database, waiting included.")
    return lambda statement, seconds: histogram.record(seconds, {"statement": statement})
