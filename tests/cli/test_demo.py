"""The product's first command: a larger photo, every status on the way, and nothing left running."""

import re
from pathlib import Path

from PIL import Image

from cli.errors import Exit
from domain.lifecycle import JobStatus
from tests.cli.command import ROOT, aijobs_process, processes_about


async def test_the_demo_upscales_a_photo_and_leaves_nothing_running(tmp_path: Path) -> None:
    ended = await aijobs_process(
        *("demo", "--data-dir", str(tmp_path)),
        folder=tmp_path / "untouched",
        AIJOBS_REPLICATE__TOKEN="r8_real_money",
        TEMPORAL_ADDRESS="127.0.0.1:1",
    )

    assert ended.code == Exit.SUCCESS, ended.err
    assert processes_about(tmp_path) == {}
    lines = ended.out.splitlines()
    for status in JobStatus:
        if status <= JobStatus.SUCCESS:
            assert any(status.name in line and status.zh in line and status.en in line for line in lines), status

    (result,) = tmp_path.glob("store/outputs/*/0.*")
    with Image.open(result) as after, Image.open(ROOT / "cli" / "sample.jpg") as before:
        assert after.size == (2 * before.width, 2 * before.height)
        assert f"{before.width}×{before.height}" in ended.out
        assert f"{after.width}×{after.height}" in ended.out
    assert str(result) in ended.out
    assert re.search(r"http://127\.0\.0\.1:8233/namespaces/default/workflows/job_\w{26}\n", ended.out)
    assert not (tmp_path / "untouched").exists()
