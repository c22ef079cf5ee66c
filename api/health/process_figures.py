"""Metrics of the installation's processes and their hosts, from what each tells with its beat."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from aijobs.persistence.processes import ProcessState

PUBLIC_URL: Final = "public_url"  #: the certificate that the public URL has: no link is a label
CERTIFICATE: Final = "certificate"


def figures_of_processes(known: Sequence[ProcessState]) -> Iterator[Metric]:
    """Of those that nobody has stopped. A lost one's disks are told as they were seen last: it may be lost by that."""
    there = [one for one in known if not one.has_stopped]
    yield _processes(there)
    yield _workers(known)
    yield _disks(there)
    yield _certificates(there)


def _processes(there: Sequence[ProcessState]) -> Metric:
    processes = GaugeMetricFamily(
        "aijobs_processes", "Processes of the installation.", labels=["role", "version", "state"]
    )
    counted = Counter((one.role, one.version, "alive" if one.is_alive else "lost") for one in there)
    for (role, version, state), count in sorted(counted.items()):
        processes.add_metric([role, version, state], count)
    return processes


def _workers(known: Sequence[ProcessState]) -> Metric:
    workers = GaugeMetricFamily("aijobs_workers", "Living workers of a task queue.", labels=["queue"])
    for queue in sorted({queue for one in known for queue in one.queues}):
        workers.add_metric([queue], sum(one.is_alive and queue in one.queues for one in known))
    return workers


def _disks(there: Sequence[ProcessState]) -> Metric:
    """Of each disk as it was seen last, by any process: `there` has the last seen first."""
    disks = GaugeMetricFamily(
        "aijobs_disk_free_ratio", "Free part of the disk of a directory.", labels=["role", "directory"]
    )
    rooms = {(one.role, one.host, room.path): room for one in reversed(there) for room in one.facts.rooms if room.total}
    fullest: dict[tuple[str, str], float] = {}
    for (role, _, _), room in rooms.items():
        ratio = room.free / room.total
        fullest[role, room.what] = min(ratio, fullest.get((role, room.what), ratio))
    for labels, ratio in sorted(fullest.items()):
        disks.add_metric(labels, ratio)
    return disks


def _certificates(there: Sequence[ProcessState]) -> Metric:
    certificates = GaugeMetricFamily(
        "aijobs_certificate_expires_timestamp_seconds", "Until when a certificate is good.", labels=["certificate"]
    )
    seen = {
        (one.host, expiry.name): expiry.at.timestamp()
        for one in reversed(there)
        for expiry in one.facts.expiries
        if expiry.what == CERTIFICATE
    }
    first: dict[str, float] = {}
    for (_, name), at in seen.items():
        label = PUBLIC_URL if "://" in name else name
        first[label] = min(at, first.get(label, at))
    for label, at in sorted(first.items()):
        certificates.add_metric([label], at)
    return certificates
