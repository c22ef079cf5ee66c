"""Every parser of files: good files to damage, and what reads them, as their own processes do.

A parser returns a result, which may be an error of ours. Whatever else it raises is a fault.
"""

import io
import random
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from PIL import Image

from aijobs.adapters.documents.parse_request import ParseRequest
from aijobs.adapters.documents.parser_process import run as run_parser
from aijobs.adapters.documents.settings import DocumentSettings
from aijobs.adapters.media.file_ends.file_end import FileEnd
from aijobs.adapters.media.image_size import image_size
from aijobs.adapters.media.picture_process import run as run_picture
from aijobs.adapters.media.picture_request import PictureRequest, PictureTask
from aijobs.adapters.media.settings import PictureSettings
from aijobs.adapters.media.sniffing import sniffed
from aijobs.domain.documents.columns import Column
from tests.adapters.documents.makers import archive
from tests.adapters.documents.spreadsheets import makers
from tests.adapters.documents.texts.office_files import docx, paragraph, run
from tests.adapters.documents.texts.outlook_files import outlook_message
from tests.adapters.documents.texts.pages import drawn_pdf, rows_on
from tests.adapters.media.recordings import recording

PICTURES: Final = PictureSettings(max_pixels=1_000_000, max_decoded_bytes=16 * 1024**2)
DOCUMENTS: Final = DocumentSettings()
COLUMNS: Final = (
    Column.model_validate({"name": "name", "type": "string"}),
    Column.model_validate({"name": "price", "type": "number"}),
)
ROWS: Final[list[list[object]]] = [["name", "price"], ["a", 1.5], ["b", "1,200"], ["c", 2]]


@dataclass(frozen=True)
class ByteParser:
    """`good` makes files that `parse` takes."""

    parse: Callable[[bytes], object]
    good: Callable[[], list[bytes]]


def text_of(name: str) -> Callable[[bytes], object]:
    return lambda content: _parsed(content, name, None)


def table_of(name: str) -> Callable[[bytes], object]:
    return lambda content: _parsed(content, name, COLUMNS)


def _parsed(content: bytes, name: str, columns: tuple[Column, ...] | None) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path, target = Path(folder, "file"), Path(folder, "target")
        path.write_bytes(content)
        return run_parser(ParseRequest(path=path, name=name, target=target, columns=columns, settings=DOCUMENTS))


def picture(*tasks: PictureTask) -> Callable[[bytes], object]:
    def parse(content: bytes) -> object:
        with tempfile.TemporaryDirectory() as folder:
            path, target = Path(folder, "file"), Path(folder, "target")
            path.write_bytes(content)
            return [
                run_picture(PictureRequest(task=task, path=path, target=target, side=64, limits=PICTURES))
                for task in tasks
            ]

    return parse


def head(content: bytes) -> object:
    """What is said of a file while its bytes pass."""
    media = sniffed(content[:4096], complete=len(content) <= 4096)
    end = FileEnd(media)
    for place in range(0, len(content), 997):
        end.feed(content[place : place + 997])
    return media, image_size(content[:4096]), end.is_missing


def images() -> list[bytes]:
    source, found = Image.linear_gradient("L").resize((48, 32)).convert("RGB"), []
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF"):
        target = io.BytesIO()
        source.save(target, kind)
        found.append(target.getvalue())
    return found


def recordings() -> list[bytes]:
    return [
        recording("mp4", video="h264", audio="aac", seconds=0.2, size=(32, 32)),
        recording("webm", video="vp8", seconds=0.2, size=(32, 32)),
        *(recording(kind, audio=codec, seconds=0.2) for kind, codec in (("wav", "pcm_s16le"), ("flac", "flac"))),
        recording("ogg", audio="libopus", seconds=0.2),
        recording("mp3", audio="mp3", seconds=0.2),
    ]


def mails() -> list[bytes]:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Offer", "a@example.com", "b@example.com"
    mail.set_content("Price: 12")
    mail.add_alternative("<p>Price: <b>12</b></p>", subtype="html")
    mail.add_attachment(b"name,price\na,1\n", maintype="text", subtype="csv", filename="prices.csv")
    return [mail.as_bytes()]


def spreadsheets() -> list[bytes]:
    return [
        makers.xlsx(ROWS, merges=["A3:B3"]),
        makers.ods(makers.ods_table("S", makers.ods_row(makers.ods_text("name"), makers.ods_text("price")))),
        makers.xlsb(ROWS),
    ]


PARSERS: Final[Mapping[str, ByteParser]] = {
    "heads and ends": ByteParser(head, lambda: [*images(), *recordings(), archive({"a.txt": "b"})]),
    "pictures": ByteParser(picture(PictureTask.CHECK, PictureTask.CLEAN, PictureTask.THUMBNAIL), images),
    "videos and sounds": ByteParser(
        picture(PictureTask.MEDIA_FACTS, PictureTask.POSTER, PictureTask.WAVEFORM), recordings
    ),
    "spreadsheets": ByteParser(table_of("table.xlsx"), spreadsheets),
    "delimited text": ByteParser(
        table_of("table.csv"), lambda: [b"name,price\na,1\n", "\ufeffname;price\nä;1,5\n".encode()]
    ),
    "word": ByteParser(text_of("a.docx"), lambda: [docx(paragraph(run("Hello"), run("world")))]),
    "pdf": ByteParser(
        text_of("a.pdf"),
        lambda: [drawn_pdf(lambda canvas: rows_on(canvas, [[("name", 60), ("price", 200)], [("a", 60), ("1", 200)]]))],
    ),
    "mail": ByteParser(text_of("a.eml"), mails),
    "outlook": ByteParser(
        text_of("a.msg"), lambda: [outlook_message(subject="Offer", body="12", attached=("a.txt", b"text"))]
    ),
    "rich text": ByteParser(
        text_of("a.rtf"), lambda: [rb"{\rtf1\ansi\ansicpg1252 {\b Bold} \u8364? \'e9 {\*\x y}\par}"]
    ),
    "web page": ByteParser(
        text_of("a.html"), lambda: [b"<html><meta charset=gbk><table><tr><td>a<td>b</table>&amp;&#x1F600;"]
    ),
    "plain text": ByteParser(
        text_of("a.txt"), lambda: ["Grüße, 世界".encode(), "世界你好".encode("gb18030"), "你好".encode("utf-16")]
    ),
}

#: Put into files.
HOSTILE: Final = (
    b"\0" * 8,
    b"\xff" * 8,
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\xff\xff\xff\xfe",
    b"%s%n",
    b"<!ENTITY a '&a;'>",
    b"9" * 40,
    b"-1",
    b"[" * 300,
    b"\xed\xa0\x80",
)


def damaged(content: bytes, dice: random.Random) -> bytes:
    """The file with some bytes changed, cut out or repeated; of a ZIP archive, half of the time one of its parts."""
    if content.startswith(b"PK\3\4") and dice.random() < 0.7:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            parts = {name: packed.read(name) for name in packed.namelist()}
        name = dice.choice(sorted(parts))
        parts[name] = _damaged(parts[name], dice)
        return archive(parts)
    return _damaged(content, dice)


def _damaged(content: bytes, dice: random.Random) -> bytes:
    for _ in range(dice.randint(1, 4)):
        start = dice.randrange(len(content) + 1)
        end = min(len(content), start + dice.choice((1, 2, 4, 16, 200)))
        match dice.randrange(5):
            case 0:
                content = content[:start] + dice.randbytes(end - start) + content[end:]
            case 1:
                content = content[:start] + content[end:]
            case 2:
                content = content[:end] + content[start:end] * dice.choice((1, 3, 50)) + content[end:]
            case 3:
                content = content[:start] + dice.choice(HOSTILE) + content[end:]
            case _:
                content = content[:start] if dice.random() < 0.3 else content[start:end] + content
    return content


def files(parser: ByteParser, *, seed: int) -> Iterator[bytes]:
    """Good files, then damaged ones without end; the same ones for a seed."""
    dice, good = random.Random(seed), parser.good()
    yield from good
    while True:
        yield damaged(dice.choice(good), dice)
