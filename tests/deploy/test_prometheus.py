"""Alerts and dashboards, by the real Prometheus: each fires on its trouble, has a runbook, and names what is there.

The troubles of processes are caused: a worker and an API are killed. The others are caused in test_alerts_fire.py. How
long each waits, and what it says, is told by `promtool test rules`.
"""

import asyncio
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from cli.embedded.ports import HOST, free_port
from cli.embedded.temporal_server import temporal_server
from tests.cli.command import running
from tests.deploy.prometheus_server import ALERTS, ROOT, get, prometheus, ready
from tests.deploy.runbooks import RUNBOOKS

CONFIG: Final = ROOT / "deploy/prometheus/prometheus.yml"
DASHBOARD: Final = ROOT / "deploy/grafana/aijobs.json"
UNIT_TESTS: Final = Path(__file__).parent / "alerts_test.yml"
METRIC: Final = re.compile(r"\baijobs_[a-z_]+")

needs_prometheus = pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus cannot be installed here")


def alerts() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def documented() -> set[str]:
    """The metrics in the table of docs/observability.md."""
    return set(re.findall(r"^\| `(aijobs_[a-z_]+)` \|", (ROOT / "docs/observability.md").read_text(), re.MULTILINE))


def base(name: str) -> str:
    """The metric of a series: a histogram has three."""
    return re.sub(r"(?<=_seconds)_(bucket|count|sum)$", "", name)


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    drawn = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    recorded = [rule["expr"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    return drawn + recorded


@needs_prometheus
@pytest.mark.parametrize(
    "arguments", [("check", "rules", ALERTS), ("check", "config", CONFIG), ("test", "rules", UNIT_TESTS)]
)
def test_promtool_accepts_it(arguments: tuple[str, ...]) -> None:
    result = subprocess.run(["promtool", *arguments], capture_output=True, text=True)

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_is_tested_and_has_a_runbook() -> None:
    tests = yaml.safe_load(UNIT_TESTS.read_text())["tests"]
    tried = [one for test in tests for one in test["alert_rule_test"]]

    assert {path.stem for path in RUNBOOKS.glob("Aijobs*.md")} == alerts().keys()
    assert all(rule["annotations"]["runbook"] == f"docs/runbooks/{name}.md" for name, rule in alerts().items())
    for expected in (True, False):
        assert {one["alertname"] for one in tried if bool(one["exp_alerts"]) is expected} == alerts().keys()


def test_the_list_of_runbooks_names_every_alert() -> None:
    listed = re.findall(
        r"^\| \[(\w+)\]\(\w+\.md\) \| (\w+) \| (.+) \|$", (RUNBOOKS / "README.md").read_text(), re.MULTILINE
    )

    assert listed == [
        (name, rule["labels"]["severity"], rule["annotations"]["summary"]) for name, rule in alerts().items()
    ]


def test_alerts_and_dashboard_name_only_metrics_that_are_documented() -> None:
    used = {base(name) for expression in expressions() for name in METRIC.findall(expression)}

    assert used <= documented()
    assert len(used) > 10


def test_the_dashboard_is_what_its_program_writes() -> None:
    dashboard = runpy.run_path(str(ROOT / "deploy/grafana/make_dashboard.py"))["dashboard"]()

    assert json.loads(DASHBOARD.read_text()) == dashboard


@needs_prometheus
async def test_killed_processes_are_seen_by_the_real_prometheus(tmp_path: Path) -> None:
    metrics, port = f"{HOST}:{free_port()}", str(free_port())
    async with temporal_server(data_dir=None) as temporal:
        settings = {
            "TEMPORAL_ADDRESS": temporal.address,
            "AIJOBS_WORKER__METRICS_ADDRESS": metrics,
            "AIJOBS_API__PORT": port,
        }
        async with (
            running("api", folder=tmp_path, **settings) as api,
            running("worker", folder=tmp_path, **settings) as worker,
        ):
            api_url = await ready(f"http://{HOST}:{port}", "/readyz")
            worker_url = await ready(f"http://{metrics}", "/metrics")
            names = {name for url in (api_url, worker_url) for name in _names(get(f"{url}/metrics"))}
            async with prometheus(
                tmp_path / "prometheus", aijobs_api=f"{HOST}:{port}", aijobs_worker=metrics
            ) as watching:
                await asyncio.sleep(5)
                quiet = await watching.firing()
                os.kill(worker.pid, signal.SIGKILL)
                unserved = await watching.until_firing("AijobsQueueUnserved")
                lost = await watching.until_firing("AijobsProcessLost")
                os.kill(api.pid, signal.SIGKILL)
                down = await watching.until_firing("AijobsApiDown")

    assert not {"AijobsQueueUnserved", "AijobsProcessLost", "AijobsApiDown"} & quiet.keys()
    assert unserved["queue"].startswith("aijobs")
    assert lost["role"] == "worker"
    assert down["job"] == "aijobs-api"
    assert {name for name in names if name.startswith("aijobs_")} <= documented()


def _names(text: str) -> set[str]:
    """Of what is exported: a counter ends with `_total`."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in text_string_to_metric_families(text)
    }
