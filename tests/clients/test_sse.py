"""The parsed events do not depend on chunks, line ends and comments."""

import pytest
from aijobs_client.sse import MAX_EVENT, EventParser, Frame
from hypothesis import given
from hypothesis import strategies as st

ENDS = ("\n", "\r", "\r\n")

line = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
word = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
frames = st.lists(st.builds(Frame, id=word, event=word, data=st.lists(line, min_size=1, max_size=3).map("\n".join)))


def written(sent: list[Frame], end: str, comment: str) -> bytes:
    lines: list[str] = []
    for frame in sent:
        lines += [f":{comment}", f"id: {frame.id}", f"event: {frame.event}", f"{comment.partition(':')[0]}-: unknown"]
        lines += [f"data: {data}" for data in frame.data.split("\n")] + [""]
    return "".join(text + end for text in lines).encode()


def parsed(*chunks: bytes) -> list[Frame]:
    parser = EventParser()
    return [frame for chunk in chunks for frame in parser.feed(chunk)]


@given(
    sent=frames, end=st.sampled_from(ENDS), comment=line, mark=st.sampled_from((b"", "\ufeff".encode())), cuts=st.data()
)
def test_events_survive_any_cutting(
    sent: list[Frame], end: str, comment: str, mark: bytes, cuts: st.DataObject
) -> None:
    stream = mark + written(sent, end, comment)
    cut_points = sorted(cuts.draw(st.lists(st.integers(0, len(stream)), max_size=20)))

    chunks = [stream[begin:finish] for begin, finish in zip([0, *cut_points], [*cut_points, len(stream)], strict=True)]

    assert parsed(*chunks) == sent


@given(sent=frames, end=st.sampled_from(ENDS))
def test_each_byte_may_come_alone(sent: list[Frame], end: str) -> None:
    stream = written(sent, end, "")

    assert parsed(*(bytes([byte]) for byte in stream)) == sent


@pytest.mark.parametrize("end", ENDS)
def test_an_event_is_there_as_soon_as_its_empty_line_is(end: str) -> None:
    assert parsed(f"data: a{end}{end}".encode()) == [Frame("", "message", "a")]


def test_the_examples_of_the_standard() -> None:
    assert parsed(b"data: YHOO\ndata: +2\ndata: 10\n\n") == [Frame("", "message", "YHOO\n+2\n10")]
    assert parsed(b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n") == [
        Frame("1", "message", "first event"),
        Frame("", "message", "second event"),
        Frame("", "message", " third event"),
    ]
    assert parsed(b"data\n\ndata\ndata\n\ndata:") == [Frame("", "message", ""), Frame("", "message", "\n")]
    assert parsed(b"data:test\n\ndata: test\n\n") == [Frame("", "message", "test")] * 2


def test_an_event_without_data_is_none_and_its_name_is_forgotten() -> None:
    assert parsed(b"event: status\n\ndata: a\n\n") == [Frame("", "message", "a")]


def test_an_id_lasts_until_the_next_and_one_with_nul_is_no_id() -> None:
    assert parsed(b"id: 1\ndata: a\n\ndata: b\n\nid: 2\0\ndata: c\n\n") == [
        Frame("1", "message", data) for data in ("a", "b", "c")
    ]


def test_the_server_says_when_to_come_back() -> None:
    parser = EventParser()

    assert list(parser.feed(b"retry: 1500\nretry: soon\n\n")) == []
    assert parser.retry == 1.5


def test_a_second_byte_order_mark_is_text() -> None:
    assert parsed("\ufeffdata: \ufeffa\n\n".encode()) == [Frame("", "message", "\ufeffa")]


def test_what_is_not_utf_8_does_not_end_the_stream() -> None:
    assert parsed(b"data: \xff\n\n") == [Frame("", "message", "\ufffd")]


def test_an_event_has_an_end() -> None:
    parser = EventParser()

    with pytest.raises(ValueError, match="longer than"):
        list(parser.feed(b"data: " + b"a" * (MAX_EVENT + 1)))
