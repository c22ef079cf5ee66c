"""Documents that are longer than the model's window: split, asked part by part, and joined."""

import json
from pathlib import Path
from typing import Any, Final

from sqlmodel import Session

from aijobs.domain.documents.templates import TemplateDefinition
from aijobs.domain.llm import Conversation, FinishReason, Role, StoredMessage
from aijobs.generators.parts.splitting import DocumentPart, parts_of
from aijobs.generators.threads import Threads, overlap_of, part_of_document
from aijobs.persistence.documents.templates import save_template
from cli.embedded.temporal_server import TemporalServer
from sandbox.server import RunningSandbox
from tests.generators.conftest import COLUMNS, PROMPT, DocumentJobs, opened_study
from tests.generators.test_document import error_of, rows_of

COUNT: Final = 120
HEAD: Final = "采购清单\n签订日期：2026-03-17\n\n| 合同编号 | 合同金额 |\n|---|---|\n"
DOCUMENT: Final = HEAD + "".join(f"| HT-{number % 50} | {number % 50}.5 |\n" for number in range(COUNT))
ROWS: Final = [
    {"合同编号": f"HT-{number % 50}", "签订日期": "2026-03-17", "合同金额": number % 50 + 0.5}
    for number in range(COUNT)
]


async def in_parts(study: DocumentJobs, tokens: int, **change: Any) -> None:
    """Save the template `contract` with parts of so many tokens."""

    def work(session: Session) -> None:
        definition = {"name": "P", "prompt": PROMPT, "columns": COLUMNS, "part_tokens": tokens, **change}
        save_template(session, "contract", TemplateDefinition.model_validate(definition), saved_by="test")

    await study.bench.database.write(work)


async def answer_of(study: DocumentJobs, code: str, folder: Path) -> dict[str, Any]:
    *_, output = await study.bench.records.outputs.of_job(code)
    document: dict[str, Any] = json.loads((folder / "store" / output.key).read_text())
    return document


async def test_a_long_table_is_read_part_by_part_without_doubles(study: DocumentJobs, tmp_path: Path) -> None:
    await in_parts(study, 600)
    job = await study.start(DOCUMENT.encode())
    await job.result()

    answer = await answer_of(study, job.id, tmp_path)
    calls = await study.calls(job.id)
    assert await rows_of(study, job.id) == answer["rows"] == ROWS
    assert answer["differing"] == []
    assert answer["parts"] > 2
    assert calls == [str(stage) for stage in range(1, 3 * answer["parts"] + 1)]
    assert answer["spent"]["tokens_in"] > 0


async def test_a_document_that_is_one_row_is_read_part_by_part(study: DocumentJobs, tmp_path: Path) -> None:
    await in_parts(study, 500)
    filler = "".join(f"第{number}条 双方应当按照约定履行义务。\n" for number in range(120))
    text = f"第一部分\n\n合同编号：HT-7\n{filler}签订日期：2026年3月17日\n{filler}合同金额：人民币 1,250.50 元\n"
    job = await study.start(text.encode())
    await job.result()

    answer = await answer_of(study, job.id, tmp_path)
    assert answer["rows"] == [{"合同编号": "HT-7", "签订日期": "2026-03-17", "合同金额": 1250.5}]
    assert answer["parts"] > 3


async def test_a_part_whose_table_is_longer_than_an_answer_is_asked_for_in_portions(
    temporal: TemporalServer, model: RunningSandbox, tmp_path: Path
) -> None:
    await model.reset()
    async with opened_study(temporal, model, tmp_path, max_output_tokens=700) as study:
        await in_parts(study, 600)
        job = await study.start(DOCUMENT.encode())
        await job.result()

        answer = await answer_of(study, job.id, tmp_path)
        calls = await study.calls(job.id)
        assert answer["rows"] == ROWS
        assert len(calls) > 3 * answer["parts"]
        assert len(set(calls)) == len(calls)


async def test_the_models_window_decides_where_the_template_does_not(
    temporal: TemporalServer, model: RunningSandbox, tmp_path: Path
) -> None:
    await model.reset()
    async with opened_study(temporal, model, tmp_path, window=3_500, max_output_tokens=600) as study:
        numbers = [f"NO-{number}" for number in range(COUNT)]
        job = await study.start((HEAD + "".join(f"| {number} | 2.5 |\n" for number in numbers)).encode())
        await job.result()
        answer = await answer_of(study, job.id, tmp_path)
        assert [row["合同编号"] for row in answer["rows"]] == numbers
        assert answer["parts"] > 1

    async with opened_study(temporal, model, tmp_path / "small", window=2_000, max_output_tokens=1_000) as study:
        job = await study.start(DOCUMENT.encode())
        error = await error_of(study, job)
        assert "no room for a document in the model's window of 2,000 tokens" in error["message"]
        assert await study.calls(job.id) == []


async def test_a_value_that_no_part_has_is_named(study: DocumentJobs) -> None:
    await in_parts(study, 500)
    job = await study.start("".join(f"第{number}条 双方应当履行义务。\n" for number in range(200)).encode())
    error = await error_of(study, job)

    assert error["code"] == "answer_unusable"
    assert "/rows/0/合同编号 Must not be empty." in error["message"]


def conversation_of(*parts: DocumentPart) -> Conversation:
    """Two stages for each part, all answered."""
    lines = [StoredMessage(stage=0, role=Role.SYSTEM, text="Be careful.")]
    for number, part in enumerate(parts, 1):
        document = part_of_document("a.txt", part, number=number, count=len(parts))
        for stage, text in ((2 * number - 1, f"Read it.\n\n{document}"), (2 * number, "Answer.")):
            lines.append(StoredMessage(stage=stage, role=Role.USER, text=text))
            lines.append(StoredMessage(stage=stage, role=Role.ASSISTANT, text="ok", finish=FinishReason.STOP))
    stages = 2 * len(parts)
    return Conversation(job_code="j", stages=stages, template_id="t", template_version=1, lines=tuple(lines))


def test_a_part_hears_only_of_itself() -> None:
    parts = parts_of("\n".join(f"line {number}" for number in range(400)), 600)
    conversation = conversation_of(*parts)
    threads = Threads.of(conversation)

    assert (threads.parts, threads.per_part) == (len(parts), 2)
    assert [line.stage for line in threads.messages(conversation, 4)] == [0, 3, 3, 4]
    assert threads.part_of(threads.follow_up(1, 5)) == 1
    assert [overlap_of(conversation, threads, number) for number in range(len(parts))] == [p.overlap for p in parts]


def test_a_document_cannot_say_that_it_is_a_part() -> None:
    notice = part_of_document("a.txt", DocumentPart(text="x"), number=2, count=3)
    conversation = conversation_of(DocumentPart(text=f"{notice}\n{notice}"))

    assert Threads.of(conversation) == Threads(2, 1)
