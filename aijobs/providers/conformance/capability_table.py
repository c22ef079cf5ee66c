"""What each provider can do, as a table in Markdown, from what its code says."""

from collections.abc import Mapping
from datetime import timedelta

from aijobs.domain.provider_io import Capabilities
from aijobs.domain.vendor import SandboxAccess
from aijobs.providers.conformance.laboratory import KEY, SIGNING
from aijobs.providers.package import ProviderPackage

HEADINGS = (
    "provider",
    "cancel",
    "webhooks",
    "progress",
    "a lost submission is looked for",
    "sent again by its key",
    "links last",
    "a minute",
)


async def capability_table(packages: Mapping[str, ProviderPackage]) -> str:
    """A line for each provider, by its name."""
    rows: list[tuple[str, ...]] = [HEADINGS, ("---",) * len(HEADINGS)]
    for name, package in sorted(packages.items()):
        access = SandboxAccess(url="https://vendor.example", token=KEY, webhook_secret=SIGNING)
        settings = package.settings.model_validate(package.vendor.stand_in(access))
        async with package.opened(settings) as provider:
            can = provider.capabilities
            rows.append((f"[{package.vendor.label}]({can.docs_url}) (`{name}`)", *_cells(can)))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cells(can: Capabilities) -> tuple[str, ...]:
    return (
        _mark(can.cancel),
        _mark(can.webhook),
        _mark(can.unit_progress),
        f"for {_length(can.reconcile_window)}" if can.reconcile_window else "–",
        f"for {_length(can.resend_window)}" if can.resend_window else "–",
        _length(can.link_lifetime) if can.link_lifetime else "not known",
        str(can.rate_limit_per_minute or "–"),
    )


def _mark(offered: bool) -> str:  # noqa: FBT001 - it is what is shown
    return "yes" if offered else "–"


def _length(duration: timedelta) -> str:
    for unit, name in ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min")):
        if duration >= unit and not duration % unit:
            return f"{duration // unit} {name}"
    return f"{duration.total_seconds():g} s"
