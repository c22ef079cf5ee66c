"""The product's first command: a larger photo or four pictures, every status on the way, and nothing left running."""

import re
from pathlib import Path

from PIL import Image

from aijobs.domain.lifecycle import ORDER
from cli.errors import Exit
from tests.cli.command import ROOT, aijobs_process, processes_of


async def test_the_demo_upscales_a_photo_and_leaves_nothing_running(tmp_path: Path) -> None:
    result = await aijobs_process(
        *("demo", "--data-dir", str(tmp_path)),
        folder=tmp_path / "untouched",
        AIJOBS_REPLICATE__TOKEN="r8_real_money",
        TEMPORAL_ADDRESS="127.0.0.1:1",
    )

    assert result.code == Exit.SUCCESS, result.err
    assert processes_of(tmp_path) == {}
    lines = result.out.splitlines()
    for status in ORDER:
        assert any(status.name in line and status.zh in line and status.en in line for line in lines), status

    (output_file,) = tmp_path.glob("store/outputs/*/0.*")
    with Image.open(output_file) as after, Image.open(ROOT / "cli" / "samples" / "sample.jpg") as before:
        assert after.size == (2 * before.width, 2 * before.height)
        assert f"{before.width}×{before.height}" in result.out
        assert f"{after.width}×{after.height}" in result.out
    assert str(output_file) in result.out
    assert re.search(r"http://127\.0\.0\.1:8233/namespaces/default/workflows/job_\w{26}\n", result.out)
    assert not (tmp_path / "untouched").exists()


async def test_the_demo_draws_four_pictures_and_enlarges_one(tmp_path: Path) -> None:
    result = await aijobs_process(
        *("demo", "--midjourney", "--data-dir", str(tmp_path)),
        folder=tmp_path / "untouched",
        AIJOBS_TTAPI__TOKEN="tt_real_money",
    )

    assert result.code == Exit.SUCCESS, result.err
    assert processes_of(tmp_path) == {}
    by_job = [sorted(folder.iterdir()) for folder in sorted(tmp_path.glob("store/outputs/job_*"))]
    assert [len(files) for files in by_job] == [5, 1]
    sizes = []
    for path in (*by_job[0], *by_job[1]):
        assert str(path) in result.out
        with Image.open(path) as picture:
            sizes.append(picture.size)
    grid, second, enlarged = sizes[0], sizes[2], sizes[5]
    assert grid == enlarged == (2 * second[0], 2 * second[1])


async def test_the_demo_has_a_photo_reviewed_and_beautified(tmp_path: Path) -> None:
    result = await aijobs_process(
        *("demo", "--photo", "--data-dir", str(tmp_path)),
        folder=tmp_path / "untouched",
        AIJOBS_CHAT__TOKEN="sk-real-money",
    )

    assert result.code == Exit.SUCCESS, result.err
    assert processes_of(tmp_path) == {}
    (after,) = tmp_path.glob("store/outputs/*/0.jpg")
    (before,) = [path for path in tmp_path.glob("store/files/*") if str(path) in result.out]
    assert str(after) in result.out
    with Image.open(before) as small, Image.open(after) as large:
        assert large.size == (2 * small.width, 2 * small.height)
    for aspect in ("Composition", "Light", "Focus", "Colour", "Overall"):
        assert re.search(rf"{aspect}\s+\d+   \S", result.out), aspect
