"""Tables as text: any separator and encoding, numbers of any country, nothing guessed."""

import pytest

from tests.adapters.documents.parsing import refusal_of, rows_in, text_in

COLUMNS = {"Order": "string!", "Amount": "number"}
READ = [{"Order": "A1", "Amount": 5}, {"Order": "A2", "Amount": 6}]


@pytest.mark.parametrize(
    "text",
    [
        "Order,Amount\nA1,5\nA2,6\n",
        "Order;Amount\r\nA1;5\r\nA2;6",
        "Order\tAmount\nA1\t5\nA2\t6",
        "Order|Amount\nA1|5\nA2|6",
        "sep=;\nOrder;Amount\nA1;5\nA2;6",
        "sep=|\r\nOrder|Amount\r\nA1|5\r\nA2|6\r\n",
        '"Order","Amount"\n"A1","5"\n"A2","6"\n',
        "\n\nOrders of 2026\nOrder,Amount\nA1,5\n\nA2,6\n",
        "Order，Amount\nA1，5\nA2，6",
        "Order\rAmount".replace("\r", ",") + "\rA1,5\rA2,6",
    ],
    ids=["comma", "semicolon", "tab", "bar", "said", "said too", "quoted", "title", "full width", "old Mac"],
)
def test_the_separator_is_found(text: str) -> None:
    assert rows_in(text.encode(), "a.csv", COLUMNS) == READ
    assert rows_in(text.encode(), "a.tsv", COLUMNS) == READ


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "big5", "ascii"]
)
def test_the_encoding_is_found(encoding: str) -> None:
    name = {"big5": "台北國際貿易股份有限公司", "ascii": "Taipei"}.get(encoding, "北京国际贸易有限公司")
    content = f"Order,Amount\n{name},5\n{name},6\n".encode(encoding)

    assert [row["Order"] for row in rows_in(content, "a.csv", COLUMNS)] == [name, name]


def test_texts_stay_as_they_are() -> None:
    content = b'Order,Amount\n00007,5\n110101199003074512,6\n"a, ""b""\nc",7\n1/2,\n+86 138,\n=1+1,\n'

    assert [row["Order"] for row in rows_in(content, "a.csv", COLUMNS)] == [
        "00007",
        "110101199003074512",
        'a, "b"\nc',
        "1/2",
        "+86 138",
        "=1+1",
    ]


@pytest.mark.parametrize(
    ("lines", "amounts"),
    [
        (["A;1,5", "B;1.234,56", "C;1.234", "D;1,234"], [1.5, 1234.56, 1234, 1.234]),
        (["A;1.5", "B;1,234.56", "C;1.234", "D;1,234"], [1.5, 1234.56, 1.234, 1234]),
        (["A;5", "B;-12,75", "C;0,125"], [5, -12.75, 0.125]),
        (["A;1.234.567", "B;1.234"], [1234567, 1234]),
    ],
)
def test_numbers_of_other_countries_are_read_when_their_marks_are_certain(
    lines: list[str], amounts: list[float]
) -> None:
    content = "\n".join(["Order;Amount", *lines]).encode()

    assert [row["Amount"] for row in rows_in(content, "a.csv", COLUMNS)] == amounts


@pytest.mark.parametrize("lines", [["A;1,234"], ["A;1.234", "B;5"], ["A;1,5", "B;1.5", "C;1.234"]])
def test_a_number_that_may_be_another_is_refused(lines: list[str]) -> None:
    content = "\n".join(["Order;Amount", *lines]).encode()

    assert "Amount: May be a thousand or a fraction" in refusal_of(content, "a.csv", COLUMNS)
    assert rows_in(content, "a.csv", {"Amount": "string"})[-1]["Amount"] == lines[-1][2:]


def test_in_files_with_commas_thousands_have_commas() -> None:
    assert rows_in(b'Order,Amount\nA,"1,234"\nB,1.234', "a.csv", COLUMNS) == [
        {"Order": "A", "Amount": 1234},
        {"Order": "B", "Amount": 1.234},
    ]


@pytest.mark.parametrize(
    "content",
    [b'Order,Amount\nA1,5\n"A2,6\nA3,7\n', b'Order,Amount\n"A1"x,5\n'],
    ids=["not closed", "text behind it"],
)
def test_a_wrong_quotation_swallows_no_rows(content: bytes) -> None:
    assert "cannot be read from line" in refusal_of(content, "a.csv", COLUMNS)


@pytest.mark.parametrize("row", ["A2,1,234", "Acme, Inc.,5", 'A2,6,"x"'])
def test_a_separator_in_a_cell_moves_no_value_to_another_column(row: str) -> None:
    refusal = refusal_of(f"Order,Amount\nA1,5,\n{row}\n".encode(), "a.csv", COLUMNS)

    assert refusal.endswith(
        "Row 3: Has 3 cells, its header 2. A cell with the separator in it must stand in quotation marks."
    )


def test_rows_may_be_shorter_than_the_header_and_end_in_separators() -> None:
    content = b"Order,Amount,Note\nA1,5\nA2,6,,,,\n"

    assert rows_in(content, "a.csv", COLUMNS) == READ
    assert rows_in(b"Order,Amount,\nA1,5,x\nA2,6,y\n", "a.csv", COLUMNS) == READ


def test_wrong_cells_are_named_by_their_lines() -> None:
    refusal = refusal_of(b'Order,Amount\n"a\nb",5\nc,much\n', "a.csv", COLUMNS)

    assert "Row 4, Amount: Must be a number." in refusal


def test_a_text_without_the_header_is_no_table() -> None:
    assert "None of the template's columns is named" in refusal_of(b"a,b\n1,2\n", "a.csv", COLUMNS)


def test_as_a_text_it_is_what_it_is() -> None:
    assert text_in("订单;金额\nA1;5".encode("gb18030"), "a.csv") == "订单;金额\nA1;5"
    assert text_in(b"a\tb\n", "a.tab") == "a\tb\n"
