"""Writes the dashboard for Grafana: `python deploy/grafana/make_dashboard.py > deploy/grafana/aijobs.json`."""

import json
import sys
from typing import Any

#: Title, unit of Grafana, and what is drawn: legend and expression.
Panel = tuple[str, str, dict[str, str]]


def quantile(share: float, histogram: str, by: str, window: str) -> str:
    """The expression for a quantile of a histogram, one line for each value of a label."""
    return f"histogram_quantile({share}, sum by (le, {by}) (rate({histogram}_bucket[{window}])))"


ROWS: dict[str, list[Panel]] = {
    "Is anything broken?": [
        ("Living workers by queue", "none", {"{{queue}}": "max by (queue) (aijobs_workers)"}),
        ("Lost processes", "none", {"{{role}} {{version}}": 'max by (role, version) (aijobs_processes{state="lost"})'}),
        (
            "Failed of the jobs that ended",
            "percentunit",
            {"5 min": "aijobs:jobs_bad:ratio5m", "1 h": "aijobs:jobs_bad:ratio1h"},
        ),
        (
            "Failed requests",
            "percentunit",
            {"5 min": "aijobs:requests_bad:ratio5m", "1 h": "aijobs:requests_bad:ratio1h"},
        ),
    ],
    "Jobs": [
        ("In flight", "none", {"{{status}}": "sum by (status) (max by (model, status) (aijobs_jobs_in_flight))"}),
        (
            "Ended each minute",
            "none",
            {"{{model}} {{status}}": "60 * max by (model, status) (rate(aijobs_jobs_total[5m]))"},
        ),
        (
            "Time in a status, 95 of 100",
            "s",
            {
                "{{stage}}": quantile(0.95, "aijobs_stage_seconds", "stage", "15m"),
            },
        ),
        ("Points held", "none", {"points": "max(aijobs_points_held)"}),
    ],
    "What does it cost?": [
        (
            "Points charged each hour",
            "none",
            {"{{model}}": "max by (model) (increase(aijobs_points_charged_total[1h]))"},
        ),
        (
            "Money at the vendors each hour",
            "none",
            {"{{model}} {{currency}}": "max by (model, currency) (increase(aijobs_cost_total[1h]))"},
        ),
        (
            "Questions to a provider for each job",
            "none",
            {
                "{{provider}}": "sum by (provider) (rate(aijobs_polls_total[1h])) "
                "/ sum by (provider) (rate(aijobs_jobs_watched_total[1h]))"
            },
        ),
        ("Moving an output, 95 of 100", "s", {"{{kind}}": quantile(0.95, "aijobs_migration_seconds", "kind", "15m")}),
    ],
    "Why do jobs wait?": [
        ("Jobs that wait, by what for", "none", {"{{for}}": "max by (for) (aijobs_waiting)"}),
        (
            "In line for a credential, and with its provider",
            "none",
            {"{{credential}} {{state}}": "max by (credential, state) (aijobs_slots)"},
        ),
        (
            "Steps that failed, each minute",
            "none",
            {"{{step}} {{error}}": "60 * sum by (step, error) (rate(aijobs_step_failures_total[5m]))"},
        ),
        ("Database reachable", "none", {"{{instance}}": "min by (instance) (aijobs_database_reachable)"}),
    ],
    "Providers": [
        (
            "Submissions each minute",
            "none",
            {"{{provider}} {{outcome}}": "60 * sum by (provider, outcome) (rate(aijobs_submissions_total[5m]))"},
        ),
        ("Unknown submissions", "none", {"open": "max(aijobs_unknown_submissions)"}),
        (
            "Polls each minute",
            "none",
            {"{{provider}} {{news}}": "60 * sum by (provider, news) (rate(aijobs_polls_total[5m]))"},
        ),
        (
            "From the provider's end until we know, half and 95 of 100",
            "s",
            {
                "{{provider}} half": quantile(0.5, "aijobs_detection_lag_seconds", "provider", "15m"),
                "{{provider}} 95": quantile(0.95, "aijobs_detection_lag_seconds", "provider", "15m"),
            },
        ),
    ],
    "API and webhooks": [
        (
            "Requests a second",
            "reqps",
            {"{{route}} {{status}}": "sum by (route, status) (rate(aijobs_http_request_seconds_count[5m]))"},
        ),
        (
            "Time to a response, 99 of 100",
            "s",
            {"{{route}}": quantile(0.99, "aijobs_http_request_seconds", "route", "5m")},
        ),
        (
            "Open streams, and streams cut each minute",
            "none",
            {
                "{{instance}}": "aijobs_stream_readers",
                "cut: {{reason}}": "60 * sum by (reason) (rate(aijobs_streams_cut_total[5m]))",
            },
        ),
        (
            "Webhooks each minute",
            "none",
            {"{{direction}} {{result}}": "60 * sum by (direction, result) (rate(aijobs_webhooks_total[5m]))"},
        ),
        (
            "Lag of webhooks, out until taken, in until the job is told, 95 of 100",
            "s",
            {"{{direction}}": quantile(0.95, "aijobs_webhook_lag_seconds", "direction", "15m")},
        ),
    ],
    "Beneath": [
        (
            "Work on the database, 95 of 100",
            "s",
            {"{{statement}}": f"topk(8, {quantile(0.95, 'aijobs_db_seconds', 'statement', '5m')})"},
        ),
        ("Bytes moved into the store", "Bps", {"bytes": "sum(rate(aijobs_migrated_bytes_total[5m]))"}),
        (
            "A task's wait for a worker, 95 of 100",
            "s",
            {
                "{{task_queue}}": quantile(
                    0.95, "temporal_activity_schedule_to_start_latency_seconds", "task_queue", "5m"
                ),
            },
        ),
        ("Since repair last ran", "s", {"repair": "time() - max(aijobs_repair_last_run_timestamp_seconds)"}),
    ],
    "Hosts and task queues": [
        (
            "Free part of the disks",
            "percentunit",
            {"{{role}} {{directory}}": "min by (role, directory) (aijobs_disk_free_ratio)"},
        ),
        (
            "Certificates are good for",
            "s",
            {"{{certificate}}": "min by (certificate) (aijobs_certificate_expires_timestamp_seconds) - time()"},
        ),
        ("Tasks that wait in Temporal", "none", {"{{queue}}": "max by (queue) (aijobs_temporal_backlog)"}),
        ("The oldest task waits for", "s", {"{{queue}}": "max by (queue) (aijobs_temporal_backlog_age_seconds)"}),
    ],
}

WIDTH, HEIGHT = 6, 8  #: of a panel, on Grafana's grid of 24
IN_LINE = 24 // WIDTH


def dashboard() -> dict[str, Any]:
    """As Grafana 10 and later import it, with Prometheus to be chosen."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS.items():
        place = {"x": 0, "y": y, "w": 24, "h": 1}
        panels.append({"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": place})
        y += 1
        for number in range(0, len(row), IN_LINE):
            panels += [_panel(one, x=WIDTH * at, y=y) for at, one in enumerate(row[number : number + IN_LINE])]
            y += HEIGHT
    for number, panel in enumerate(panels, start=1):
        panel["id"] = number
    return {
        "uid": "aijobs",
        "title": "aijobs",
        "tags": ["aijobs"],
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [{"name": "prometheus", "type": "datasource", "query": "prometheus", "label": "Prometheus"}]
        },
        "panels": panels,
    }


def _panel(panel: Panel, *, x: int, y: int) -> dict[str, Any]:
    title, unit, drawn = panel
    source = {"type": "prometheus", "uid": "${prometheus}"}
    return {
        "type": "timeseries",
        "title": title,
        "datasource": source,
        "gridPos": {"x": x, "y": y, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "expr": expression, "legendFormat": legend, "datasource": source}
            for number, (legend, expression) in enumerate(drawn.items())
        ],
    }


if __name__ == "__main__":
    json.dump(dashboard(), sys.stdout, indent=2)
    sys.stdout.write("\n")
