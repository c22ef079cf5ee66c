"""One job's page: live, with buttons by permission, and no hostile content inline."""

from collections.abc import AsyncIterator

from playwright.async_api import expect

from aijobs.domain.jobs.outputs import OutputKind, StoredOutput
from aijobs.domain.jobs.submissions import ProviderRequest, Unknown
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.generation_times import GenerationEnd
from aijobs.domain.values.media import MediaFacts
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.keys import key_id_in
from aijobs.persistence.generation_times import count_ends
from tests.adapters.media.recordings import recording
from tests.api.pictures import picture
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest

ON_THE_WAY = (JobStatus.SUBMITTED, JobStatus.QUEUED, JobStatus.PROCESSING)


async def test_the_track_the_bars_and_the_results_follow_the_job_live(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    code = await dashboard.installation.job()
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open(f"/jobs/{code}")
    await visitor.page.evaluate("window.untouched = true")
    await expect(visitor.page.locator("#connection")).to_have_text("Live")
    step = visitor.page.locator(".track [aria-current=step]")

    await dashboard.installation.push(code, *ON_THE_WAY)
    await expect(step).to_contain_text("Processing")
    await dashboard.installation.push(code, JobStatus.GENERATED, JobStatus.MIGRATING)
    await dashboard.installation.keep_output(code, picture(64, 48, "PNG"))
    await dashboard.installation.push(code, JobStatus.SUCCESS)

    await expect(step).to_have_text("Success")
    await expect(visitor.page.locator("#overall")).to_contain_text("100 %")
    shown = visitor.page.locator(".output img")
    await expect(shown).to_be_visible()
    assert await shown.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") == 64
    assert await visitor.page.evaluate("window.untouched")
    assert visitor.console_errors == []


async def test_a_job_is_canceled_after_a_question(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    code = await dashboard.installation.job()
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open(f"/jobs/{code}")

    await visitor.page.get_by_text("Cancel …").click()
    await visitor.page.get_by_label("Reason (optional)").fill("The <b>user</b> left.")
    await visitor.page.get_by_role("button", name="Yes, cancel it").click()

    await expect(visitor.page.locator(".history")).to_contain_text("reason: The <b>user</b> left.")
    await expect(visitor.page.locator(".history")).to_contain_text(f"by: {key_id_in(dashboard.key)} (first key)")


async def test_a_job_is_deleted_after_a_question(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    code = await dashboard.installation.job()
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open(f"/jobs/{code}")
    await expect(visitor.page.get_by_text("Delete …")).to_have_count(0)
    await dashboard.installation.push(code, *ON_THE_WAY, JobStatus.FAILED)

    await visitor.page.get_by_text("Delete …").click()
    await visitor.page.get_by_role("button", name="Yes, delete it").click()

    await visitor.page.wait_for_url(f"{dashboard.url}/jobs")
    await expect(visitor.page.locator(f"a[href='/jobs/{code}']")).to_have_count(0)
    assert (await dashboard.installation.http.get(f"/api/jobs/{code}")).status_code == 404


async def test_signed_links_and_secrets_are_not_shown(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    link = "https://s3.example.com/photo.jpg?X-Amz-Expires=60&X-Amz-Signature=5ec2e7"
    code = await dashboard.installation.job(params={"image": link}, metadata={"from": link})
    visitor = await open_visitor(dashboard.url, key=dashboard.key)

    for path in (f"/jobs/{code}", f"/jobs/{code}/live"):
        await visitor.open(path)
        page = await visitor.page.content()
        assert "https://s3.example.com/photo.jpg?***" in page
        assert "5ec2e7" not in page


async def test_a_form_that_is_being_filled_in_survives_the_repainting(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    code = await dashboard.installation.job()
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open(f"/jobs/{code}")
    await visitor.page.get_by_text("Cancel …").click()
    await visitor.page.get_by_label("Reason (optional)").fill("half a sen")

    await dashboard.installation.push(code, JobStatus.SUBMITTED)
    await expect(visitor.page.locator(".track [aria-current=step]")).to_contain_text("Submitted")

    await expect(visitor.page.get_by_label("Reason (optional)")).to_have_value("half a sen")
    await expect(visitor.page.get_by_role("button", name="Yes, cancel it")).to_be_visible()


async def test_a_rerun_leads_to_the_new_job_and_both_know_each_other(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    old = await dashboard.installation.job()
    await dashboard.installation.push(old, JobStatus.FAILED)
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open(f"/jobs/{old}")

    await visitor.page.get_by_text("Run again …").click()
    await visitor.page.get_by_role("button", name="Yes, start it").click()
    await visitor.page.wait_for_url(lambda url: "/jobs/job_" in url and old not in url)
    new = visitor.page.url.rpartition("/")[2]

    await visitor.page.get_by_role("link", name=old).click()
    await expect(visitor.page.get_by_role("link", name=new)).to_be_visible()


async def test_held_points_are_refunded_with_a_reason(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    code = await dashboard.installation.job()
    await dashboard.installation.push(code, *ON_THE_WAY)
    await dashboard.installation.dependencies.records.gate.advance(code, JobStatus.TIMEOUT, provider_may_charge=True)
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/money")

    await visitor.page.get_by_text("Decide …").click()
    await visitor.page.get_by_label("Reason").fill("They know nothing of it.")
    await visitor.page.get_by_role("button", name="Refund 2").click()

    await expect(visitor.page).to_have_url(f"{dashboard.url}/jobs/{code}")
    await expect(visitor.page.get_by_role("cell", name="Refunded")).to_be_visible()
    await expect(visitor.page.get_by_text("Decide …")).to_have_count(0)


async def test_a_lost_submission_is_attached_to_what_was_found(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    code = await dashboard.installation.job()
    records = dashboard.installation.dependencies.records
    request = ProviderRequest("POST", "https://example.com", {"token": "r8_very_secret", "input": {"a": 1}})
    await records.submissions.conclude(
        await records.submissions.intend(code, provider="replicate", token="t1", request=request), Unknown("no answer")
    )
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open(f"/jobs/{code}")
    await expect(visitor.page.locator("#waiting.warning")).to_contain_text("may be charged")
    await visitor.open("/jobs")
    await expect(visitor.page.locator(f"#{code}")).to_contain_text("answer lost")
    await visitor.open(f"/jobs/{code}")

    await visitor.page.get_by_text("Attach …").click()
    await visitor.page.get_by_label("Provider id").fill("found-it")
    await visitor.page.get_by_label("Reason", exact=True).fill("Seen there.")
    await visitor.page.get_by_role("button", name="Attach").click()

    await expect(visitor.page.get_by_role("row", name="found-it")).to_contain_text("Accepted")
    await expect(visitor.page.locator("#waiting.warning")).to_have_count(0)
    assert "r8_very_secret" not in await visitor.page.content()


async def test_buttons_are_there_for_those_who_may_press_them(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    code = await dashboard.installation.job("ada")
    await dashboard.installation.push(code, *ON_THE_WAY)
    await dashboard.installation.dependencies.records.gate.advance(code, JobStatus.TIMEOUT, provider_may_charge=True)
    reader = await open_visitor(dashboard.url, key=await dashboard.key_of("ada", Scope.JOBS_READ))

    await reader.open(f"/jobs/{code}")
    await expect(reader.page.locator(".track")).to_be_visible()
    await expect(reader.page.locator(".actions")).to_have_count(0)
    await expect(reader.page.get_by_role("link", name="New job")).to_have_count(0)

    writer = await open_visitor(dashboard.url, key=await dashboard.key_of("ada", Scope.JOBS_READ, Scope.JOBS_WRITE))
    await writer.open(f"/jobs/{code}")
    await expect(writer.page.get_by_text("Run again …")).to_be_visible()
    await expect(writer.page.get_by_text("Decide …")).to_have_count(0)


async def test_what_could_run_is_offered_as_a_file_and_texts_are_shown_as_text(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    code = await dashboard.installation.job()
    await dashboard.installation.push(code, *ON_THE_WAY, JobStatus.GENERATED, JobStatus.MIGRATING)
    hostile = b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.owned=1'><script>window.owned=1</script></svg>"
    await _keep(dashboard, code, 0, OutputKind.IMAGE, "image/svg+xml", "svg", hostile)
    await _keep(dashboard, code, 1, OutputKind.TEXT, "text/html", "html", b"<script>window.owned=1</script>")
    await _keep(dashboard, code, 2, OutputKind.VIDEO, "video/mp4", "mp4", b"\0" * 64)
    await dashboard.installation.push(code, JobStatus.SUCCESS)
    visitor = await open_visitor(dashboard.url, key=dashboard.key)

    await visitor.open(f"/jobs/{code}")

    await expect(visitor.page.locator(".output img, .output svg, .output iframe")).to_have_count(0)
    await expect(visitor.page.locator(".output pre")).to_have_text("<script>window.owned=1</script>")
    await expect(visitor.page.locator(".output video")).to_be_visible()
    assert await visitor.page.evaluate("window.owned") is None


async def test_videos_and_sounds_play_and_are_shown_before(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    code = await dashboard.installation.job()
    await dashboard.installation.push(code, *ON_THE_WAY, JobStatus.GENERATED, JobStatus.MIGRATING)
    video = recording("webm", video="libvpx-vp9", audio="libopus", seconds=2)
    sound = recording("mp3", audio="libmp3lame", seconds=2)
    film = MediaFacts(container="webm", duration=2.0, video_codec="vp9", audio_codec="opus", width=160, height=96)
    tone = MediaFacts(container="mp3", duration=2.0, audio_codec="mp3")
    await _keep(dashboard, code, 0, OutputKind.VIDEO, "video/webm", "webm", video, facts=film)
    await _keep(dashboard, code, 1, OutputKind.AUDIO, "audio/mpeg", "mp3", sound, facts=tone)
    await dashboard.installation.push(code, JobStatus.SUCCESS)
    visitor = await open_visitor(dashboard.url, key=dashboard.key)

    await visitor.open(f"/jobs/{code}")
    await expect(visitor.page.locator(".output").first).to_contain_text("2.0 s · vp9 + opus")
    poster = await visitor.page.locator(".output video").get_attribute("poster") or ""
    waveform = visitor.page.locator(".output img.waveform")
    await waveform.scroll_into_view_if_needed()
    await expect(waveform).to_have_js_property("naturalWidth", 640)
    shown = await visitor.page.request.get(f"{dashboard.url}{poster}")
    assert (shown.status, shown.headers["content-type"]) == (200, "image/webp")
    for player in ("video", "audio"):
        await visitor.page.locator(f".output {player}").evaluate(
            "player => { player.muted = true; return player.play() }"
        )
        await expect(visitor.page.locator(f".output {player}")).to_have_js_property("error", None)

    await visitor.open("/jobs")
    await expect(visitor.page.locator("img.thumb").first).to_have_js_property("naturalWidth", 96)


async def _keep(
    dashboard: DashboardUnderTest,
    code: str,
    index: int,
    kind: OutputKind,
    media: str,
    extension: str,
    content: bytes,
    *,
    facts: MediaFacts | None = None,
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    dependencies = dashboard.installation.dependencies
    key = f"outputs/{code}/{index}.{extension}"
    stored = await dependencies.store.put(key, chunks(), media_type=media)
    output = StoredOutput(
        index=index,
        kind=kind,
        media_type=media,
        size=stored.size,
        sha256=stored.sha256,
        key=key,
        original_url=None,
        width=facts.width if facts else None,
        height=facts.height if facts else None,
        media=facts,
    )
    await dependencies.records.outputs.add(code, output)


async def test_a_job_at_its_provider_is_compared_with_those_before_it(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    code = await dashboard.installation.job()
    await dashboard.installation.push(code, *ON_THE_WAY)
    end = GenerationEnd(
        model_id="replicate_imageupscale_v1", parameter_class="", earliest=70, latest=70, dice=(0.5, 0.5)
    )
    await dashboard.installation.dependencies.database.write(count_ends, [end] * 100)
    visitor = await open_visitor(dashboard.url, key=dashboard.key)

    await visitor.open(f"/jobs/{code}")

    await expect(visitor.page.locator("#estimate")).to_contain_text("usually take 1 m")
    await expect(visitor.page.locator("#estimate")).to_contain_text("Expected to finish about")
