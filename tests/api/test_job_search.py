"""`GET /api/jobs` as a search: by error, vendor's id, metadata, text; in both orders, with a total."""

import json
from typing import Any

import pytest

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.submissions import Accepted, ProviderRequest
from aijobs.domain.lifecycle import JobStatus
from aijobs.usecases import export_jobs
from tests.api.installation import ApiUnderTest
from tests.api.pictures import picture

BUSY = JobError(code="provider_busy", message="Too many cats 100% on the line", stage=Stage.SUBMIT)


async def found(api: ApiUnderTest, **query: Any) -> list[str]:
    answer = await api.http.get("/api/jobs", params=query)
    assert answer.status_code == 200, answer.text
    return [job["code"] for job in answer.json()["data"]]


async def fail(api: ApiUnderTest, code: str, error: JobError) -> None:
    await api.push(code, JobStatus.SUBMITTED)
    await api.dependencies.records.gate.advance(code, JobStatus.FAILED, error=error)


async def test_failed_jobs_are_found_by_the_code_and_the_words_of_their_errors(api: ApiUnderTest) -> None:
    busy, other, running = [await api.job("ada") for _ in range(3)]
    await fail(api, busy, BUSY)
    await fail(api, other, BUSY.model_copy(update={"code": "provider_rejected", "message": "Nudity."}))

    assert await found(api, error="provider_busy") == [busy]
    assert await found(api, error="provider_busy", status="SUCCESS") == []
    assert await found(api, error="provider_busy", status=["FAILED", "SUCCESS"]) == [busy]
    assert await found(api, error="no_such_error") == []
    assert await found(api, q="many CATS 100%") == [busy]
    assert await found(api, q="nudity") == [other]
    assert running not in await found(api, q="provider_")


async def test_jobs_are_found_by_what_they_were_asked_for(api: ApiUnderTest) -> None:
    named = (await api.upload(picture(), name="海边 at noon.jpg")).json()["code"]
    cats, upload = await api.job("ada", metadata={"album": "cats"}), await api.job("ada", params={"image": named})

    assert await found(api, q="example.com/photo") == [cats]
    assert await found(api, q="海边 AT noon") == [upload]
    assert await found(api, q=named) == [upload]
    assert await found(api, q=cats[-6:].lower()) == [cats]
    assert await found(api, q=f"{cats[:8]}…{cats[-6:]}") == [cats]


async def test_metadata_are_compared_whole_and_capitals_matter(api: ApiUnderTest) -> None:
    odd = {'say "a\\b"': "%_'", "album": "Cats"}
    cats, dogs = await api.job("ada", metadata=odd), await api.job("bo", metadata={"album": "dogs", "sold": "no"})

    assert await found(api, **{"metadata[album]": "Cats"}) == [cats]
    assert await found(api, **{"metadata[album]": "cats"}) == []
    assert await found(api, **{"metadata[album]": "Cat"}) == []
    assert await found(api, **{'metadata[say "a\\b"]': "%_'"}) == [cats]
    assert await found(api, **{"metadata[album]": "dogs", "metadata[sold]": "no"}) == [dogs]
    assert await found(api, **{"metadata[album]": "dogs", "metadata[sold]": "yes"}) == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("metadata[]=x", "/query/metadata"),
        (f"metadata[{'k' * 41}]=x", "/query/metadata"),
        (f"metadata[k]={'x' * 501}", "/query/metadata"),
        ("&".join(f"metadata[{n}]=x" for n in range(6)), "/query/metadata"),
        ("metadata[a]=1&metadata[a]=2", "/query/metadata[a]"),
        ("metadata[a]=%00", "/query/metadata[a]"),
        ("metadata=x", "/query/metadata"),
        ("meta[a]=x", "/query/meta[a]"),
        ("error=", "/query/error"),
        ("sort=cost", "/query/sort"),
        ("total=perhaps", "/query/total"),
    ],
)
async def test_a_wrong_search_is_named(shared_api: ApiUnderTest, query: str, pointer: str) -> None:
    answer = await shared_api.http.get(f"/api/jobs?{query}")

    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_the_oldest_come_first_if_wanted_and_all_are_counted(api: ApiUnderTest) -> None:
    codes = [await api.job("ada" if number % 2 else "bo") for number in range(5)]

    first = (await api.http.get("/api/jobs", params={"sort": "create_time", "limit": 3, "total": True})).json()
    rest = await found(api, sort="create_time", cursor=first["next_cursor"])
    of_bo = (await api.http.get("/api/jobs", params={"total": True}, headers={"Aijobs-User": "bo"})).json()
    plain = (await api.http.get("/api/jobs")).json()

    assert [job["code"] for job in first["data"]] + rest == codes
    assert first["total"] == {"count": 5, "is_exact": True}
    assert of_bo["total"]["count"] == 3
    assert plain["total"] is None


async def test_a_vendors_id_finds_the_job_that_moves_its_results_again_too(api: ApiUnderTest) -> None:
    first, other = await api.job("ada"), await api.job("ada")
    submissions = api.dependencies.records.submissions
    for code, ref in ((first, "pred 1"), (other, "pred 2")):
        request = ProviderRequest("POST", "https://example.com", {})
        submission = await submissions.intend(code, provider="replicate", token=ref, request=request)
        await submissions.conclude(submission, Accepted({"id": ref}))
    await api.push(first, JobStatus.GENERATED, JobStatus.FAILED)
    again = (await api.http.post(f"/api/jobs/{first}/rerun", json={"from": "migration"})).json()["code"]

    assert await found(api, out_id="pred 1") == [again, first]
    assert await found(api, out_id="pred 1", status="FAILED") == [first]
    assert await found(api, q="pred 2") == [other]
    assert await found(api, out_id="pred 2", q="photo") == [other]
    assert await found(api, out_id="pred 2", q="pred 1") == []
    assert await found(api, out_id="pred 3") == []


async def test_a_search_is_exported_to_its_end_by_whoever_may_see_it(
    api: ApiUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_jobs, "AT_ONCE", 2)
    codes = [await api.job("ada", metadata={"album": "cats"}) for _ in range(5)]
    await api.job("bo", metadata={"album": "cats"})
    hers = await api.key_for("ada")

    lines = await api.http.get("/api/jobs/export", params={"metadata[album]": "cats"}, headers=hers)
    oldest = await api.http.get("/api/jobs/export", params={"sort": "create_time", "format": "csv"}, headers=hers)
    none = await api.http.get("/api/jobs/export", params={"q": "no such job"}, headers=hers)
    everybodys = await api.http.get("/api/jobs/export")
    acts = (await api.http.get("/api/audit", params={"act": "data.exported"})).json()["data"]

    assert [json.loads(line)["code"] for line in lines.text.splitlines()] == codes[::-1]
    assert json.loads(lines.text.splitlines()[0]).keys() == (await api.http.get("/api/jobs")).json()["data"][0].keys()
    assert [line.split(",")[0] for line in oldest.text.splitlines()[1:]] == codes
    assert (none.text, len(everybodys.text.splitlines())) == ("", 6)
    assert [(act["target"], act["after"]) for act in acts] == [("jobs", {"format": "jsonl"})]
    assert (await api.http.get("/api/jobs/export?limit=3")).status_code == 422
