"""The conformance suite: every provider passes it, and it finds those that break the contract."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from aijobs.domain.jobs.submissions import Accepted, CancelOutcome, Rejected, Search
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Snapshot, WebhookHint
from aijobs.providers.conformance import CHECKS, NotConforming, opened_laboratory
from aijobs.providers.conformance.capability_table import capability_table
from aijobs.providers.conformance.laboratory import KEY
from aijobs.providers.declared import declared_package
from aijobs.providers.registry import SHIPPED
from tests.providers.acme_vendor import ACME

CHECKED: Final = {name: package for name, package in SHIPPED.items() if package.specimen} | {
    "acme": declared_package(ACME)
}
DOCS: Final = Path(__file__).parents[2] / "docs" / "providers.md"


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", CHECKED)
async def test_a_provider_keeps_the_contract(name: str, check: str) -> None:
    async with opened_laboratory(CHECKED[name]) as laboratory:
        await CHECKS[check](laboratory)


def sends_twice(provider: Any) -> None:
    submit = provider.submit

    async def submitted(request: Any) -> Any:
        await submit(request)
        return await submit(request)

    provider.submit = submitted


def answering(method: str, answer: Any) -> Callable[[Any], None]:
    def spoil(provider: Any) -> None:
        async def answered(*_: Any, **__: Any) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        setattr(provider, method, answered)

    return spoil


def with_key_in_its_requests(provider: Any) -> None:
    build = provider.build_request
    provider.build_request = lambda task: replace(build(task), headers={"Authorization": KEY})


def without_token(provider: Any) -> None:
    build = provider.build_request
    provider.build_request = lambda task: replace(build(task), body={}, headers={})


def taking_any_webhook(provider: Any) -> None:
    provider.parse_webhook = lambda _: WebhookHint(delivery_id=None, raw_status=None, ref={"id": "guessed"})


def snapshot(status: JobStatus, **more: Any) -> Snapshot:
    return Snapshot(status=status, raw_status="x", final=not status.is_before(JobStatus.GENERATED), **more)


S = JobStatus
A_PICTURE: Final = OutputSource(kind=OutputKind.IMAGE, url="https://cdn.acme.example/made-up.png")

#: What a careless adapter does, and a part of the name of the check that finds it.
CARELESS: Final[dict[str, tuple[Callable[[Any], None], str]]] = {
    "sends twice": (sends_twice, "is sent once"),
    "sends twice in doubt": (sends_twice, "leaves a doubt"),
    "calls a doubt a refusal": (answering("submit", Rejected("x", "x")), "leaves a doubt"),
    "calls everything accepted": (answering("submit", Accepted({"id": "7"})), "refusal is final"),
    "forgets to wait": (answering("submit", Rejected("x", "x", may_retry=True)), "throttled"),
    "quotes the key": (answering("submit", Rejected("x", KEY)), "key that the vendor quotes"),
    "stores the key": (with_key_in_its_requests, "without the key"),
    "plants no token": (without_token, "known again"),
    "ends at once": (answering("query", snapshot(S.GENERATED)), "running job is no end"),
    "goes beyond a hundred": (answering("query", snapshot(S.PROCESSING, unit_progress=460.0)), "percentage"),
    "fails on a new word": (answering("query", snapshot(S.FAILED)), "word that nobody knows"),
    "fails without a reason": (answering("query", snapshot(S.FAILED)), "failed one says why"),
    "fails on silence": (answering("query", snapshot(S.FAILED)), "says nothing about the job"),
    "fails on not found": (answering("query", snapshot(S.FAILED)), "Not found"),
    "quotes the key when it asks": (answering("query", ProviderUnavailable(KEY)), "says nothing about the job"),
    "makes up results": (answering("outputs", [A_PICTURE]), "without results has none"),
    "loses results": (answering("outputs", []), "has results"),
    "cancels nothing": (answering("cancel", CancelOutcome.TOO_LATE), "A cancel does"),
    "takes any webhook": (taking_any_webhook, "forged webhook"),
    "calls an outage absence": (answering("reconcile", Search.ABSENT), "lost job is found"),
}


@pytest.mark.parametrize("name", CARELESS)
async def test_a_careless_adapter_is_found_out(name: str) -> None:
    spoil, found_by = CARELESS[name]
    (check,) = (run for title, run in CHECKS.items() if found_by in title)
    async with opened_laboratory(CHECKED["acme"]) as laboratory:
        spoil(laboratory.provider)

        with pytest.raises(NotConforming):
            await check(laboratory)


def test_pytest_runs_it_for_a_file(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(ACME)
    plugin = ("-p", "aijobs.providers.conformance.plugin", "--pyargs", "aijobs.providers.conformance.suite")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, "-k", "once"]

    ran = subprocess.run(
        [*command, "--provider", "acme.toml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 passed" in ran.stdout


async def test_the_table_in_the_documents_is_what_the_code_says() -> None:
    assert await capability_table(SHIPPED) in DOCS.read_text("utf-8"), "`aijobs provider list` writes it"
