"""E-mails, of the Internet (RFC 5322) and of Outlook: head, text, and the documents that are attached."""

import email
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage, Message
from email.policy import default
from pathlib import Path
from typing import Final

import oxmsg
from oxmsg.domain import constants as outlook

from aijobs.adapters.documents.texts.html import html_text
from aijobs.adapters.documents.texts.pieces import Note, Piece
from aijobs.adapters.documents.texts.plain import decoded_as
from aijobs.domain.errors import UnreadableFile

MAX_ATTACHMENTS: Final = 200
_HEAD: Final = ("From", "To", "Cc", "Date", "Subject")


@dataclass(frozen=True)
class AttachedFile:
    """A file that came with a mail."""

    name: str
    content: bytes


MailPiece = Piece | AttachedFile


def eml_pieces(path: Path) -> Iterator[MailPiece]:
    """Raises UnreadableFile."""
    yield from eml_text(path.read_bytes())


def eml_text(content: bytes) -> Iterator[MailPiece]:
    """Raises UnreadableFile."""
    try:
        message = email.message_from_bytes(content, policy=default)
        yield from _message(message)
    except (ValueError, LookupError, TypeError, RecursionError) as broken:
        raise UnreadableFile("The e-mail is damaged.") from broken


def msg_pieces(path: Path) -> Iterator[MailPiece]:
    """Raises UnreadableFile."""
    try:
        message = oxmsg.Message.load(path.read_bytes())
        copies = {
            name: ", ".join(f"{one.name} <{one.email_address}>" for one in message.recipients)
            for name in ("To",)
            if message.recipients
        }
        sent = message.sent_date
        head = {
            "From": message.sender or "",
            **copies,
            **{name: value for name, value in message.message_headers.items() if name in {"To", "Cc"}},
            "Date": sent.isoformat(" ") if sent else message.message_headers.get("Date", ""),
            "Subject": message.subject,
        }
        yield from (f"{name}: {head[name]}" for name in _HEAD if head.get(name))
        yield ""
        texts: list[list[MailPiece]] = [[*(message.body or "").splitlines()], [*html_text(_outlook_html(message))]]
        yield from _fullest(texts)
        if not any(texts) and message.properties.binary_prop_value(outlook.PID_RTF_COMPRESSED):
            raise UnreadableFile("The message keeps its text in a form of Outlook's own. Save it as .eml or .html.")
        for attachment in message.attachments:
            content = attachment.file_bytes
            name = attachment.file_name or "a file without a name"
            yield AttachedFile(name, content) if content else Note(f"attached to the message and not read: {name}")
    except (ValueError, KeyError, AssertionError, OSError, LookupError, TypeError, AttributeError) as broken:
        raise UnreadableFile("The message is damaged.") from broken


def _outlook_html(message: oxmsg.Message) -> bytes | str:
    content = message.properties.binary_prop_value(outlook.PID_HTML)
    return content or message.properties.str_prop_value(outlook.PID_BODY_HTML) or ""


def _message(message: Message) -> Iterator[MailPiece]:
    """Of several forms of the same text the fullest one; then what is attached."""
    yield from (f"{name}: {text}" for name in _HEAD if (text := _header(message, name)))
    yield ""
    yield from _body(message)


def _body(part: Message) -> Iterator[MailPiece]:
    kind = part.get_content_type()
    if kind == "multipart/alternative":
        yield from _fullest([list(_body(one)) for one in _parts(part)])
    elif kind == "message/rfc822":
        yield "--- forwarded message"
        for one in _parts(part):
            yield from _message(one)
    elif part.is_multipart():
        for one in _parts(part):
            yield from _body(one)
    elif part.get_content_disposition() == "attachment" or part.get_filename() or not kind.startswith("text/"):
        yield AttachedFile(_name_of(part), _content(part))
    elif kind == "text/html":
        yield from html_text(_content(part), part.get_content_charset())
    else:
        yield from decoded_as(_content(part), part.get_content_charset()).splitlines()


def _parts(part: Message) -> list[Message]:
    parts = [one for one in part.get_payload() if isinstance(one, Message)]
    if len(parts) > MAX_ATTACHMENTS:
        raise UnreadableFile(f"The e-mail has more than {MAX_ATTACHMENTS} parts.")
    return parts


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _fullest(alternatives: Iterable[Iterable[MailPiece]]) -> Iterator[MailPiece]:
    """The alternative with the most letters, and what is attached in any of them. A plain text may be a mere stub."""
    listed = [list(one) for one in alternatives]
    best = max(listed, key=lambda one: sum(_letters(piece) for piece in one), default=[])
    yield from best
    for other in listed:
        if other is not best:
            yield from (piece for piece in other if isinstance(piece, AttachedFile))


def _letters(piece: MailPiece) -> int:
    return sum(letter.isalnum() for letter in piece) if isinstance(piece, str) else 0


def _header(message: Message, name: str) -> str:
    """As it is written where Python's parser breaks down over it, as over `From: <`."""
    try:
        value = message.get(name)
    except (ValueError, LookupError, TypeError, AttributeError):
        value = next(raw for other, raw in message.raw_items() if other.lower() == name.lower())
    return " ".join(str(value or "").split())


def _name_of(part: Message) -> str:
    name = part.get_filename()
    if name:
        return name
    return "an embedded file" if not isinstance(part, EmailMessage) else f"a file of the type {part.get_content_type()}"
