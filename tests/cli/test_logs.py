"""`aijobs logs` and `aijobs show`: what has happened to a job; and the logs of an installation's processes."""

from pathlib import Path

from sqlalchemy import text
from sqlmodel import Session

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.scopes import Scope
from cli.commands.logs import LAST_BYTES
from cli.errors import Exit
from tests.api.installation import ApiUnderTest
from tests.cli.command import CommandResult, aijobs_process, running


async def aijobs(api: ApiUnderTest, folder: Path, *arguments: str) -> CommandResult:
    return await aijobs_process(*arguments, "--url", api.url, folder=folder)


async def ended_job(api: ApiUnderTest) -> str:
    """The code of a job that has failed, with a webhook, and of which the vendor has a log."""
    (await api.http.post("/api/webhook-endpoints", json={"url": "https://example.com/hooks"})).raise_for_status()
    code = await api.job("ada", metadata={"order": "1001"})
    await api.push(code, JobStatus.SUBMITTED, JobStatus.PROCESSING)
    error = JobError(code="provider_failed", message="no faces found", stage=Stage.PROCESSING)
    await api.dependencies.records.gate.advance(code, JobStatus.FAILED, error=error)

    def work(session: Session) -> None:
        statement = text("""UPDATE job SET resp_json = '{"logs": "loading\\n50 %\\u001b[2J"}' WHERE code = :code""")
        session.connection().execute(statement, {"code": code})

    await api.dependencies.database.write(work)
    return code


async def test_a_jobs_history_and_its_vendors_log_are_printed(api: ApiUnderTest, tmp_path: Path) -> None:
    code = await ended_job(api)

    done = await aijobs(api, tmp_path, "logs", code)
    as_json = await aijobs(api, tmp_path, "logs", code, "--json")
    unknown = await aijobs(api, tmp_path, "logs", "job_06FNXQ3W9E8Y7ZKDRT2M5S4HBC")

    names = [line.split()[2] for line in done.out.splitlines()[:4]]
    assert names == ["DRAFT", "SUBMITTED", "PROCESSING", "FAILED"]
    assert "no faces found (processing, provider_failed)" in done.out
    assert done.out.splitlines()[-3:] == ["The vendor's log", "loading", "50 %\u241b[2J"]
    assert [event["seq"] for event in as_json.lines] == [1, 2, 3, 4]
    assert unknown.code == Exit.NOT_FOUND


async def test_a_job_is_followed_to_its_end(api: ApiUnderTest, tmp_path: Path) -> None:
    code = await api.job()
    async with running("logs", "-f", code, "--url", api.url, folder=tmp_path) as followed:
        await followed.wait_for_output("DRAFT")
        await api.push(code, JobStatus.SUBMITTED, JobStatus.FAILED)
        done = await followed.result()

    assert (done.code, "FAILED" in done.out) == (Exit.SUCCESS, True)


async def test_after_ctrl_c_it_says_how_to_go_on(api: ApiUnderTest, tmp_path: Path) -> None:
    code = await api.job()
    async with running("logs", "-f", code, "--url", api.url, folder=tmp_path) as followed:
        await followed.wait_for_output("DRAFT")
        stopped = await followed.interrupt()

    assert stopped.code == Exit.INTERRUPTED
    assert f"The job goes on: aijobs logs -f {code}" in stopped.err


async def test_show_has_history_and_webhooks(api: ApiUnderTest, tmp_path: Path) -> None:
    code = await ended_job(api)

    shown = await aijobs(api, tmp_path, "show", code)
    document = (await aijobs(api, tmp_path, "show", code, "--json")).document
    reader = (await api.key_for("ada", Scope.JOBS_READ))["Authorization"].removeprefix("Bearer ")
    without = await aijobs(api, tmp_path, "show", code, "--key", reader)

    assert "order=1001" in shown.out
    assert "PROCESSING" in shown.out
    assert "job.failed" in shown.out
    assert [event["job_status_name"] for event in document["events"]] == ["DRAFT", "SUBMITTED", "PROCESSING", "FAILED"]
    assert [sent["type"] for sent in document["webhook_deliveries"]] == ["job.failed"]
    assert (without.code, "PROCESSING" in without.out, "job.failed" in without.out) == (Exit.SUCCESS, True, False)


async def test_the_logs_of_an_installation_are_printed_and_followed(tmp_path: Path) -> None:
    nothing = await aijobs_process("logs", folder=tmp_path)
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "api.log").write_text("one\ntwo\x1b[2J\nthree\n")
    (folder / "worker.log").write_text("half")

    last = await aijobs_process("logs", "-n", "2", folder=tmp_path)
    async with running("logs", "-f", folder=tmp_path) as followed:
        with (folder / "worker.log").open("a") as log:
            log.write(" and whole\n")
        await followed.wait_for_output("half and whole")
        stopped = await followed.interrupt()

    assert (nothing.code, "There are no logs" in nothing.err) == (Exit.NOT_FOUND, True)
    assert last.out.splitlines() == ["api     two\u241b[2J", "api     three"]
    assert stopped.code == Exit.INTERRUPTED


async def test_of_a_long_log_only_whole_lines_are_printed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    lines = [f"{number:07} {'.' * 91}" for number in range(LAST_BYTES // 100 + 10)]
    (tmp_path / "logs" / "api.log").write_text("".join(f"{line}\n" for line in lines))

    printed = (await aijobs_process("logs", "-n", "100000", folder=tmp_path)).out.splitlines()

    assert printed == [f"api     {line}" for line in lines[-len(printed) :]]
    assert len(printed) > LAST_BYTES // 100 - 5
