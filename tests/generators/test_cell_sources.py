"""Where the values of a model's table come from: quotations are checked, doubts are marked, and nothing is lost."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from aijobs.domain.documents.formats import DocumentKind, ReadDocument
from aijobs.domain.documents.page_words import PageWords
from aijobs.domain.documents.templates import Template, quotes_key, rows_schema
from aijobs.generators.cell_sources import cell_sources
from aijobs.generators.tables import read_last_table, read_table

TEXT = "[page 1]\nOrder A1\tAmount 1,250.50\n[page 2]\nOrder A2\tAmount 12"
DOCUMENT = ReadDocument(
    kind=DocumentKind.PDF,
    text=TEXT,
    pages=(
        PageWords(number=1, words=(("Order", 0, 0, 500, 100), ("A1", 600, 0, 800, 100))),
        PageWords(number=2, words=(("Order", 0, 0, 500, 100), ("A2", 600, 0, 800, 100))),
    ),
)


def template_of(*columns: dict[str, Any], **more: Any) -> Template:
    definition = {"id": "t", "version": 1, "create_time": datetime.now(UTC), "name": "T", "prompt": "p"}
    return Template.model_validate({**definition, "columns": columns, **more})


ORDERS = template_of({"name": "Order", "required": True}, {"name": "Amount", "type": "number", "maximum": 1000})


async def marks_of(template: Template, *rows: dict[str, Any], document: ReadDocument | None = DOCUMENT) -> Any:
    table = await read_table(template, json.dumps({"rows": rows}))
    assert not table.problems
    return [
        {name: [mark.value for mark in source.marks] for name, source in cells.items()}
        for cells in cell_sources(template, table, document)
    ]


async def test_each_quotation_is_looked_for_in_the_document() -> None:
    right = {"Order": "A1", "Amount": 12, "quotes": {"Order": "order a1", "Amount": "Amount 12"}}
    wrong = {"Order": "A3", "Amount": 13, "quotes": {"Order": "Order A3", "Amount": "Amount 12"}}
    without = {"Order": "A2", "Amount": None, "quotes": {"Order": None, "Amount": "nothing"}}

    found = await marks_of(ORDERS, right, wrong, without)

    assert found[0] == {"Order": [], "Amount": []}
    assert found[1] == {"Order": ["not_in_source"], "Amount": ["not_in_source"]}
    assert found[2] == {"Order": ["no_source"]}


async def test_the_page_and_the_place_are_those_of_the_quotation() -> None:
    table = await read_table(ORDERS, '{"rows": [{"Order": "A2", "Amount": null, "quotes": {"Order": "A2"}}]}')

    (cells,) = cell_sources(ORDERS, table, DOCUMENT)

    assert (cells["Order"].page, cells["Order"].box) == (2, (0.06, 0.0, 0.08, 0.01))


async def test_without_a_document_no_quotation_is_believed() -> None:
    row = {"Order": "A1", "Amount": 12, "quotes": {"Order": "A1", "Amount": "12"}}

    (found,) = await marks_of(ORDERS, row, document=None)

    assert found == {"Order": ["not_in_source"], "Amount": ["not_in_source"]}


async def test_a_template_without_sources_has_other_marks_alone() -> None:
    template = ORDERS.model_copy(update={"sources": False})

    assert await marks_of(template, {"Order": "A1", "Amount": 5000}) == [{"Amount": ["out_of_rule"]}]


async def test_a_column_may_be_called_as_the_quotations_are() -> None:
    template = template_of({"name": "Quotes"}, {"name": "Order"})
    key = quotes_key(["Quotes", "Order"])
    row = {"Quotes": "A1", "Order": "A2", key: {"Quotes": "A1", "Order": "A2"}}

    assert key not in {"quotes", "Quotes"}
    assert key in rows_schema(template.columns, sources=True)["properties"]["rows"]["items"]["properties"]
    assert await marks_of(template, row) == [{"Quotes": [], "Order": []}]


@pytest.mark.parametrize("written", ["{'Order': 'A1', 'Amount': 12, 'quotes': {'Order': 'A1', 'Amount': '12'}}"])
async def test_quotations_in_an_answer_that_was_mended_are_read_too(written: str) -> None:
    table = await read_table(ORDERS, written)

    assert table.repaired
    assert table.rows == ({"Order": "A1", "Amount": 12},)
    assert table.quotes == ({"Order": "A1", "Amount": "12"},)


UNFIT = '{"rows": [{"Order": null, "Amount": "about 1,250", "quotes": {"Order": null, "Amount": "Amount 1,250.50"}}]}'


async def test_what_does_not_fit_its_column_is_for_the_person_who_reviews() -> None:
    reviewed = ORDERS.model_copy(update={"review": "marked"})
    table = await read_last_table(template_of(*_columns(), review="marked"), UNFIT)

    (cells,) = cell_sources(reviewed, table, DOCUMENT)

    assert table.rows == ({"Order": None, "Amount": None},)
    assert (cells["Amount"].written, cells["Amount"].page, cells["Amount"].rules) == ("about 1,250", 1, ("type",))
    assert [cells[name].is_doubtful for name in ("Order", "Amount")] == [True, True]


async def test_without_a_review_what_does_not_fit_is_no_table() -> None:
    table = await read_last_table(ORDERS, UNFIT)

    assert [problem.pointer for problem in table.problems] == ["/rows/0/Order", "/rows/0/Amount"]
    assert table.rows == ()


def _columns() -> list[dict[str, Any]]:
    return [column.model_dump(mode="json") for column in ORDERS.columns]
