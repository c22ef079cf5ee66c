"""The conformance suite: every provider passes it, and it finds those that break the contract."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

from aijobs.domain.errors import NotAuthenticated, ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from aijobs.domain.jobs.submissions import Accepted, CancelOutcome, Found, Rejected, Search, Unknown
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Snapshot, WebhookHint
from aijobs.providers.conformance.capability_table import capability_table
from aijobs.providers.conformance.checks import CHECKS
from aijobs.providers.conformance.laboratory import KEY, DoesNotApply, NotConforming, opened_laboratory
from aijobs.providers.declared import declared_package
from aijobs.providers.registry import SHIPPED
from tests.providers.acme_vendor import ACME

CHECKED: Final = {**SHIPPED, "acme": declared_package(ACME)}
PLUGIN: Final = "aijobs.providers.conformance.plugin"
ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs" / "providers.md"


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", CHECKED)
async def test_a_provider_keeps_the_contract(name: str, check: str) -> None:
    async with opened_laboratory(CHECKED[name]) as laboratory:
        with suppress(DoesNotApply):
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


def taking_any_webhook(about: str | None) -> Callable[[Any], None]:
    def spoil(provider: Any) -> None:
        hint = WebhookHint(delivery_id=None, raw_status=None, ref={"id": about} if about else None)
        provider.parse_webhook = lambda _: hint

    return spoil


def refusing_every_webhook(provider: Any) -> None:
    def refuse(_: Any) -> NoReturn:
        raise NotAuthenticated("no")

    provider.parse_webhook = refuse


def with_less_and_less_progress(provider: Any) -> None:
    left = count(50, -1)

    async def queried(_: Any) -> Snapshot:
        return snapshot(S.PROCESSING, unit_progress=float(next(left)))

    provider.query = queried


def keeping_its_first_results(provider: Any) -> None:
    outputs, kept = provider.outputs, list[OutputSource]()

    async def first(*asked: Any) -> list[OutputSource]:
        kept[:] = kept or await outputs(*asked)
        return kept

    provider.outputs = first


def telling_what_failed(message: str) -> Callable[[Any], None]:
    error = JobError(code="provider_failed", message=message, stage=Stage.PROCESSING)
    return answering("query", snapshot(S.FAILED, error=error))


def snapshot(status: JobStatus, **more: Any) -> Snapshot:
    return Snapshot(status=status, raw_status="x", final=not status.is_before(JobStatus.GENERATED), **more)


S = JobStatus
A_PICTURE: Final = OutputSource(kind=OutputKind.IMAGE, url="https://cdn.acme.example/made-up.png")

#: What a careless adapter does, and a part of the name of the check that finds it; Acme's, unless a name says whose.
CARELESS: Final[dict[str, tuple[Callable[[Any], None], str]]] = {
    "sends twice": (sends_twice, "is sent once"),
    "sends twice in doubt": (sends_twice, "leaves a doubt"),
    "calls a doubt a refusal": (answering("submit", Rejected("x", "x")), "leaves a doubt"),
    "calls everything accepted": (answering("submit", Accepted({"id": "7"})), "refusal is final"),
    "forgets to wait": (answering("submit", Rejected("x", "x", may_retry=True)), "throttled"),
    "quotes the key": (answering("submit", Rejected("x", KEY)), "quotes is in no error"),
    "stores the key": (with_key_in_its_requests, "without the key"),
    "plants no token": (without_token, "known again"),
    "ends at once": (answering("query", snapshot(S.GENERATED)), "running job is no end"),
    "goes beyond a hundred": (answering("query", snapshot(S.PROCESSING, unit_progress=460.0)), "percentage"),
    "fails on a new word": (answering("query", snapshot(S.FAILED)), "word that nobody knows"),
    "fails without a reason": (answering("query", snapshot(S.FAILED)), "failed one says why"),
    "sends any failure again": (answering("query", snapshot(S.FAILED, nothing_made=True)), "Only a failure"),
    "fails on silence": (answering("query", snapshot(S.FAILED)), "says nothing about the job"),
    "fails on not found": (answering("query", snapshot(S.FAILED)), "Not found"),
    "quotes the key when it asks": (answering("query", ProviderUnavailable(KEY)), "says nothing about the job"),
    "makes up results": (answering("outputs", [A_PICTURE]), "without results has none"),
    "loses results": (answering("outputs", []), "has results"),
    "cancels nothing": (answering("cancel", CancelOutcome.TOO_LATE), "A cancel does"),
    "calls a success a doubt": (answering("submit", Unknown("x")), "Every success"),
    "goes back": (with_less_and_less_progress, "Progress is told"),
    "shows the key of a failure": (telling_what_failed(KEY), "quotes in a failed job"),
    "quotes the key of an error": (answering("outputs", ProviderFailed(KEY)), "whatever it is asked"),
    "stops in an outage": (answering("cancel", CancelOutcome.REQUESTED), "An outage is no answer"),
    "finds one result of four": (answering("outputs", [A_PICTURE]), "replicate: in every shape"),
    "says nothing of erased results": (answering("outputs", []), "erased end with a reason"),
    "keeps expired links": (keeping_its_first_results, "A link that has expired"),
    "refuses every webhook": (refusing_every_webhook, "A genuine webhook"),
    "forgets what it has received": (taking_any_webhook("7"), "comes again"),
    "takes an altered webhook": (taking_any_webhook("7"), "altered on its way"),
    "takes an old webhook": (taking_any_webhook(None), "replicate: replayed later"),
    "takes the webhook of another": (taking_any_webhook("7"), "at the path of another"),
    "finds nothing": (answering("reconcile", Search.NOT_YET), "that the vendor lists is found"),
    "finds another's": (answering("reconcile", Found({"id": "7"})), "Another's job"),
    "takes any webhook": (taking_any_webhook("guessed"), "forged webhook"),
    "calls an outage absence": (answering("reconcile", Search.ABSENT), "lost job is found"),
}


def found_by(name: str) -> tuple[str, str]:
    """The provider that is spoilt, and the check that finds it."""
    whose, _, part = CARELESS[name][1].rpartition(": ")
    (check,) = (title for title in CHECKS if part in title)
    return whose or "acme", check


@pytest.mark.parametrize("name", CARELESS)
async def test_a_careless_adapter_is_found_out(name: str) -> None:
    whose, check = found_by(name)
    async with opened_laboratory(CHECKED[whose]) as laboratory:
        CARELESS[name][0](laboratory.provider)

        with pytest.raises(NotConforming):
            await CHECKS[check](laboratory)


def test_every_check_can_fail() -> None:
    assert CHECKS.keys() == {found_by(name)[1] for name in CARELESS}


def test_every_vendor_is_checked() -> None:
    assert [name for name, package in SHIPPED.items() if package.specimen is None] == []


def ran(folder: Path, *arguments: str, path: str = "") -> str:
    """What pytest says of a run in a folder."""
    (folder / "acme.toml").write_text(ACME)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    places = [place for place in (path, os.environ.get("PYTHONPATH", ""), str(ROOT)) if place]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places)}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_pytest_runs_it_for_a_file(tmp_path: Path) -> None:
    """By the entry point, which every pytest beside the distribution loads, or by its name."""
    (point,) = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"][
        "pytest11"
    ].items()
    installed = tmp_path / "site" / "a_distribution-1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: a-distribution\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[pytest11]\n{} = {}\n".format(*point))
    asked = ("--pyargs", "aijobs.providers.conformance.suite", "-k", "accepted", "--aijobs-provider", "acme.toml")

    assert "1 passed" in ran(tmp_path, *asked, path=str(installed.parent))
    assert "1 passed" in ran(tmp_path, "-p", PLUGIN, *asked, path=str(installed.parent))


def test_the_plugin_costs_other_runs_nothing() -> None:
    loaded = f"import sys, {PLUGIN}; print(*(name for name in sys.modules if name.startswith('aijobs')))"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)

    assert set(done.stdout.split()) == {"aijobs", "aijobs.providers", "aijobs.providers.conformance", PLUGIN}


async def test_the_table_in_the_documents_is_what_the_code_says() -> None:
    assert await capability_table(SHIPPED) in DOCS.read_text("utf-8"), "`aijobs provider list` writes it"
