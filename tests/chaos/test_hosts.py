"""Nine hosts with only addresses in common: processes are replaced, hosts cut off and brought back, under load."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from chaos.hosts.network import why_not
from chaos.hosts.run import HostsResult, Window, run_hosts, summary
from chaos.hosts.stack import APIS, WORKERS
from chaos.observations import FailedRequest
from chaos.plan import StormPlan

LOAD = StormPlan(seed=3, jobs=40, users=5, storm=75.0, timeout=180.0, gentle=True)
CUTS = ("worker1", "api1", "postgresql")


@pytest.mark.xdist_group("chaos")
async def test_hosts_come_and_go_and_no_request_or_event_is_lost(tmp_path: Path) -> None:
    if problem := why_not():
        pytest.skip(f"No hosts can be made here: {problem}.")
    console = Console()

    result = await run_hosts(LOAD, tmp_path, lambda words: console.print(words, markup=False), cuts=CUTS)

    for line in summary(result):
        console.print(line, markup=False)
    assert result.breaches == []
    assert result.recovery is not None
    assert result.failed_in("roll", "cut worker") == []
    assert result.failed_without_reason == []
    assert len(result.failed_in("cut api")) <= result.on_cut_host
    assert not [request for request in result.failed_in("cut api") if request.failure.startswith("HTTP")]
    assert result.unexpected_ends == []
    assert [window.what for window in result.windows] == [
        *(f"roll {name}" for name in (*WORKERS, *APIS)),
        "cut worker worker1",
        "cut api api1",
        "cut foundation postgresql",
    ]
    assert result.answered > 100
    kept = {path.name for path in (tmp_path / "hosts").rglob("*") if path.is_file()}
    assert kept <= {"health"}  # nothing else is on a disk of ours


def result_with(request: FailedRequest) -> HostsResult:
    windows = [Window("roll api1", 0, 10), Window("cut api api1", 20, 30), Window("cut foundation s3", 40, 50)]
    return HostsResult(orders=[], windows=windows, failed=[request], on_cut_host=1, recovery=1.0)


@pytest.mark.parametrize(
    ("began", "failure", "passes"),
    [
        (5, "ReadError", False),  # while a process was replaced
        (15, "HTTP 503", False),  # while nothing was done
        (25, "ReadTimeout", True),  # on the connection that was cut off
        (25, "HTTP 503", False),  # by the API process that was not
        (45, "HTTP 503", True),  # which cannot be answered
    ],
)
def test_a_lost_request_is_excused_by_a_cut_alone(began: float, failure: str, *, passes: bool) -> None:
    result = result_with(FailedRequest(began=began, ended=began + 1, failure=failure))

    assert result.passed is passes


def test_more_lost_requests_than_connections_are_not_excused() -> None:
    request = FailedRequest(began=25, ended=26, failure="ReadTimeout")
    result = replace(result_with(request), failed=[request, request])

    assert not result.passed
