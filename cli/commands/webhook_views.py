"""How `aijobs webhooks` and `aijobs show` print endpoints, their secrets and deliveries."""

from collections.abc import Sequence
from typing import Any, Final

from rich.text import Text

from cli import console
from cli.api_client import Document

STYLE_OF: Final = {"pending": "blue", "delivered": "green", "failed": "red", "replaced": "dim"}
STATES: Final = {"owner": "paused", "gone": "disabled: it answered 410", "failing": "disabled: it failed for days"}


def show_deliveries(found: Sequence[Document]) -> None:
    """As a table."""
    if not found:
        console.say("No deliveries.")
        return
    columns = ("ID", "STATE", "TYPE", "JOB", "TRIES", "LAST ANSWER", "NEXT TRY")
    console.show_table(columns, map(_delivery_row, found), right=("TRIES",))


def show_secret(endpoint: Document, *, as_json: bool) -> None:
    if as_json:
        console.show_json(endpoint)
        return
    console.show_pairs(
        (
            ("endpoint", Text(endpoint["id"], style="bold")),
            ("url", endpoint["url"]),
            ("user", endpoint["user_id"] or "(all)"),
            ("events", ", ".join(endpoint["events"])),
            ("old secret signs until", console.local_time(endpoint["previous_secret_until"])),
            ("secret, shown this once", Text(endpoint["secret"], style="bold")),
        )
    )


def show_delivery(delivery: Document) -> None:
    console.say(Text(delivery["id"], style="bold"), _state(delivery["state"]))
    pairs = [
        ("event", delivery["type"]),
        ("to", delivery["url"]),
        ("job", delivery["job_code"] or ""),
        ("message id", delivery["message_id"]),
        ("made", console.local_time(delivery["create_time"])),
        ("replay of", delivery["replay_of"] or ""),
        *(
            (f"try {number}", f"{console.local_time(one['at'])}  {_answer(one)}")
            for number, one in enumerate(delivery["tries"], 1)
        ),
        ("next try", console.local_time(delivery["next_try_at"]) if delivery["state"] == "pending" else ""),
    ]
    console.show_pairs(pairs)


def endpoint_row(endpoint: dict[str, Any]) -> tuple[str | Text, ...]:
    return endpoint["id"], endpoint["user_id"] or "(all)", _endpoint_state(endpoint), *_told(endpoint)


def _endpoint_state(endpoint: dict[str, Any]) -> Text:
    if not endpoint["enabled"]:
        reason = endpoint["disabled_reason"]
        return Text(STATES.get(reason, reason), style="yellow" if reason == "owner" else "red")
    if since := endpoint["failing_since"]:
        return Text(f"failing since {console.local_time(since)}", style="yellow")
    return Text("enabled", style="green")


def _told(endpoint: dict[str, Any]) -> tuple[str, str]:
    return ", ".join(endpoint["events"]), endpoint["url"]


def _delivery_row(delivery: dict[str, Any]) -> tuple[str | Text, ...]:
    return (
        delivery["id"],
        _state(delivery["state"]),
        delivery["type"],
        delivery["job_code"] or "",
        str(delivery["attempts"]),
        _answer(delivery["tries"][-1]) if delivery["tries"] else "",
        console.local_time(delivery["next_try_at"]) if delivery["tries"] else "",
    )


def _answer(one: Document) -> str:
    return f"HTTP {one['status']}" if one["status"] else one["error"] or ""


def _state(state: str) -> Text:
    return Text(state, style=STYLE_OF.get(state, ""))
