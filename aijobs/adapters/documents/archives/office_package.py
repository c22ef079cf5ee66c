"""An Office Open XML file (ECMA-376, part 2): its XML parts, and how they are related.

Elements and attributes are looked up by their local names, so that the Strict variant, which has other namespaces,
reads the same.
"""

import posixpath
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import unquote

from lxml import etree

from aijobs.domain.errors import UnreadableFile

Element = Any  #: of lxml, which has no types

_EXTERNAL: Final = "External"
_MAIN: Final = "officeDocument"  #: the end of the main part's relation type


@dataclass(frozen=True, kw_only=True)
class Relation:
    """`kind` is the last part of the relation's type, such as `header`; `part` is None for what is outside."""

    id: str
    kind: str
    part: str | None


class OfficePackage:
    """The parts of an opened file. Names are compared without case, and `\\` counts as `/`, as Office does."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = {folded_name(name): name for name in archive.namelist()}
        self._relations: dict[str, Mapping[str, Relation]] = {}

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator["OfficePackage"]:
        """Raises UnreadableFile, also when a part turns out damaged within the block."""
        try:
            with zipfile.ZipFile(path) as archive:
                yield cls(archive)
        except (zipfile.BadZipFile, etree.LxmlError, zlib.error, OSError, NotImplementedError) as broken:
            raise UnreadableFile("The document is damaged.") from broken

    def main_part(self) -> str:
        """The part that the package's relations name. Raises UnreadableFile."""
        if (part := self.find_main_part()) is None:
            raise UnreadableFile("The document is damaged: its main part is missing.")
        return part

    def find_main_part(self) -> str | None:
        """None without one."""
        for relation in self.relations("").values():
            if relation.kind == _MAIN and relation.part in self._names:
                return relation.part
        return None

    def content_type(self, part: str) -> str:
        """What the package says of a part: its own type, else that of its extension; empty when it says nothing."""
        by_extension = ""
        types = self.xml("[Content_Types].xml")
        for element in () if types is None else types:
            declared = attribute(element, "ContentType") or ""
            if folded_name(attribute(element, "PartName") or "") == part:
                return declared
            if (attribute(element, "Extension") or "").lower() == part.rpartition(".")[2]:
                by_extension = declared
        return by_extension

    def has(self, part: str) -> bool:
        return folded_name(part) in self._names

    @contextmanager
    def stream(self, part: str) -> Iterator[IO[bytes]]:
        """A part's content, unpacked while it is read. Raises UnreadableFile when there is no such part."""
        if not self.has(part):
            raise UnreadableFile(f"The document is damaged: its part {part} is missing.")
        with self._archive.open(self._names[folded_name(part)]) as content:
            yield content

    def content(self, part: str) -> bytes | None:
        """None when there is no such part."""
        name = self._names.get(folded_name(part))
        return None if name is None else self._archive.read(name)

    def xml(self, part: str | None) -> Element | None:
        """The root of a part; None when there is no such part. Raises UnreadableFile for one that defines entities."""
        content = self.content(part) if part is not None else None
        return None if content is None else parsed_xml(content)

    def relations(self, part: str) -> Mapping[str, Relation]:
        """By their ids; of the package itself for an empty name."""
        if part not in self._relations:
            folder, _, name = part.rpartition("/")
            root = self.xml(posixpath.join(folder, "_rels", f"{name}.rels"))
            found = () if root is None else (_relation(folder, element) for element in root)
            self._relations[part] = {relation.id: relation for relation in found}
        return self._relations[part]

    def related(self, part: str, kind: str) -> list[str]:
        """The parts that a part has such a relation to, such as `footnotes`."""
        relations = self.relations(part).values()
        return [relation.part for relation in relations if relation.kind == kind and relation.part]

    def related_xml(self, part: str, kind: str) -> Element | None:
        """The first such part's root; None without one."""
        return next((self.xml(name) for name in self.related(part, kind)), None)


def parsed_xml(content: bytes) -> Element:
    """The root. Raises UnreadableFile for XML that defines entities, and lxml's errors for what is no XML."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    root = etree.fromstring(content, parser)
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnreadableFile("The file defines entities of its own, as no office program does.")
    return root


def local(element: Element) -> str:
    """The element's name without its namespace."""
    tag: str = element.tag
    return tag[tag.rfind("}") + 1 :]


def attribute(element: Element | None, name: str) -> str | None:
    """An attribute by its local name; None without it or without the element."""
    for key, value in () if element is None else element.items():
        if key == name or key.endswith(f"}}{name}"):
            return str(value)
    return None


def child(element: Element | None, *path: str) -> Element | None:
    """The first child of that name, and so on along the path; None where there is none."""
    for name in path:
        element = None if element is None else next((one for one in element if local(one) == name), None)
    return element


def is_on(element: Element | None) -> bool:
    """A toggle, such as `<w:vanish/>`: on unless it says otherwise."""
    return element is not None and attribute(element, "val") not in {"0", "false", "off", "none"}


def drawing_texts(root: Element | None) -> Iterator[str]:
    """The texts of DrawingML, as charts and diagrams have them: a line for each paragraph or cached value."""
    for element in () if root is None else root.iter():
        name = local(element)
        if name == "p":
            if text := "".join(part.text or "" for part in element.iter() if local(part) == "t").strip():
                yield text
        elif name == "v" and element.text and element.text.strip():
            yield element.text.strip()


def _relation(folder: str, element: Element) -> Relation:
    target, kind = attribute(element, "Target") or "", attribute(element, "Type") or ""
    is_outside = attribute(element, "TargetMode") == _EXTERNAL
    path = folded_name(posixpath.normpath(posixpath.join("/", folder, unquote(target.replace("\\", "/")))))
    return Relation(id=attribute(element, "Id") or "", kind=kind.rpartition("/")[2], part=None if is_outside else path)


def folded_name(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()
