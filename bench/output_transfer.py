"""Moving outputs from a provider into S3, against the bare libraries: speed, processor time, memory."""

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from statistics import median
from typing import Final

from bench.report import Aim, Report, ratio
from bench.rig.file_server import served_files
from bench.rig.transfer import MOVERS, TransferRequest, TransferResult
from tests.adapters.storage.swift_server import SwiftServer, swift_server

MEGABYTE: Final = 1_000_000
SMALL, LARGE = 10 * MEGABYTE, 1000 * MEGABYTE
SMALL_ONES: Final = 5  #: per process: a single one is too fast to be timed
ROUNDS: Final = 3
TIMEOUT_SECONDS: Final = 300
FLAT_WITHIN: Final = 40 * MEGABYTE

Results = dict[tuple[str, int], list[TransferResult]]


async def measure(*, quick: bool) -> Report:
    large, rounds = (100 * MEGABYTE, 1) if quick else (LARGE, ROUNDS)
    with tempfile.TemporaryDirectory() as folder, swift_server(Path(folder)) as swift, served_files() as source:
        results: Results = {(kind, size): [] for kind, size in product(MOVERS, (SMALL, large))}
        for number in range(rounds):
            for kind, size in _order(results, number):
                results[kind, size].append(await _run_transfer(kind, _request(source, swift, size)))
    return _report(results, large)


def _order(results: Results, number: int) -> Iterator[tuple[str, int]]:
    """The order alternates from round to round."""
    return iter(results) if number % 2 == 0 else reversed(results)


def _request(source: str, swift: SwiftServer, size: int) -> TransferRequest:
    return TransferRequest(
        source=source,
        size=size,
        times=SMALL_ONES if size == SMALL else 1,
        endpoint=swift.endpoint,
        region=swift.region,
        bucket=swift.bucket,
        access_key=swift.access_key,
        secret_key=swift.secret_key,
    )


async def _run_transfer(kind: str, request: TransferRequest) -> TransferResult:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.rig.transfer", kind, request.model_dump_json()), stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return TransferResult.model_validate_json(output)


def _report(results: Results, large: int) -> Report:
    growth = {kind: _peak(results[kind, large]) - _peak(results[kind, SMALL]) for kind in MOVERS}
    rows: list[Sequence[str]] = []
    for size in (SMALL, large):
        ours, bare = (results[kind, size] for kind in ("ours", "bare"))
        rows += [
            (f"aijobs, {_megabytes(size)}", *_figures(ours, size)),
            (f"bare, {_megabytes(size)}", *_figures(bare, size)),
            (
                "aijobs / bare",
                ratio(_speed(ours, size), _speed(bare, size)),
                ratio(_cpu(ours, size), _cpu(bare, size)),
                ratio(_peak(ours), _peak(bare)),
            ),
        ]
    return Report(
        title="migration: from a web server into S3 (Swift over plain HTTP)",
        how=f"Medians of {len(results['ours', SMALL])} interleaved rounds, a process of its own for each. Bare is "
        "httpx into boto3's upload_fileobj; ours also judges addresses, sniffs, meters, and takes SHA-256 and CRC-32.",
        columns=("", "MB/s", "CPU s/GB", "peak memory"),
        rows=rows,
        aims=[
            Aim(
                f"memory stays flat: {_megabytes(large)} takes {_megabytes(growth['ours'])} more than "
                f"{_megabytes(SMALL)} (at most {_megabytes(FLAT_WITHIN)}; bare: {_megabytes(growth['bare'])})",
                growth["ours"] <= FLAT_WITHIN,
            )
        ],
    )


def _figures(outcomes: list[TransferResult], size: int) -> tuple[str, str, str]:
    return f"{_speed(outcomes, size):.0f}", f"{_cpu(outcomes, size):.1f}", _megabytes(_peak(outcomes))


def _speed(outcomes: list[TransferResult], size: int) -> float:
    return median(_moved_megabytes(size) / outcome.seconds for outcome in outcomes)


def _cpu(outcomes: list[TransferResult], size: int) -> float:
    return median(1000 * outcome.cpu / _moved_megabytes(size) for outcome in outcomes)


def _peak(outcomes: list[TransferResult]) -> float:
    return median(outcome.peak for outcome in outcomes)


def _moved_megabytes(size: int) -> float:
    return size * (SMALL_ONES if size == SMALL else 1) / MEGABYTE


def _megabytes(size: float) -> str:
    return f"{size / MEGABYTE:.0f} MB"
