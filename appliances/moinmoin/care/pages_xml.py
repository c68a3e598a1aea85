"""The file of pages as XML: written and read as a stream, so that no page, and no number of pages, is too much.

    <wiki format="1" name="…">
      <page name="users/Ada/Notes">
        <revision>
          <meta>{"name": ["Ada/Notes"], …}</meta>
          <text>…</text>                     or  <data encoding="base64">…</data>
        </revision>
      </page>
    </wiki>

A page has all its revisions, the oldest first. `meta` is MoinMoin's metadata as JSON, exactly; `text` is what XML can carry
unchanged, anything else is `data`. What is read may be hostile: no document type, so no entities; no element or attribute that
does not stand above; nothing is kept in memory but one metadata and a block of data.
"""

import base64
import binascii
import json
import tempfile
from collections.abc import Callable
from typing import BinaryIO
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

FORMAT = "1"
BLOCK = 57 * 1024  # a multiple of 3 bytes and of a line of base64
META_LIMIT = 1 << 20
# A tag or a comment longer than this is no file of pages (bytes).
TOKEN_LIMIT = 4 << 20


class Malformed(Exception):
    """The file is none of pages; says where and why."""


def is_xml(text: str) -> bool:
    """Whether XML 1.0 can carry each character (section 2.2)."""
    return all(c in "\t\n\r" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000" for c in text)


class Writer:
    def __init__(self, out: BinaryIO, name: str):
        self.out = out
        self.put(f'<?xml version="1.0" encoding="UTF-8"?>\n<wiki format="{FORMAT}" name={quoteattr(clean(name))}>\n')

    def put(self, text: str) -> None:
        self.out.write(text.encode())

    def begin_page(self, name: str) -> None:
        self.put(f"<page name={quoteattr(clean(name))}>\n")

    def end_page(self) -> None:
        self.put("</page>\n")

    def revision(self, meta: dict, data: BinaryIO) -> None:
        self.put(f"<revision>\n<meta>{escape(json.dumps(meta, sort_keys=True))}</meta>\n")
        if not (str(meta.get("contenttype", "")).startswith("text/") and self.text(data)):
            data.seek(0)
            self.put('<data encoding="base64">\n')
            while block := data.read(BLOCK):
                self.out.write(base64.encodebytes(block))
            self.put("</data>\n")
        self.put("</revision>\n")

    def text(self, data: BinaryIO) -> bool:
        """Writes it as text, if it is one and not too long to be looked at as a whole."""
        content = data.read(META_LIMIT + 1)
        if len(content) > META_LIMIT:
            return False
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return False
        if not is_xml(text):
            return False
        self.put(f"<text>{escape(text, {chr(13): '&#13;'})}</text>\n")
        return True

    def end(self) -> None:
        self.put("</wiki>\n")


def clean(text: str) -> str:
    """For attributes, which only people read."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


# Which element may stand in which, and its attributes.
CHILDREN = {
    "": {"wiki"},
    "wiki": {"page"},
    "page": {"revision"},
    "revision": {"meta", "text", "data"},
    "meta": set(),
    "text": set(),
    "data": set(),
}
ATTRIBUTES = {"wiki": {"format", "name"}, "page": {"name"}, "data": {"encoding"}}

OnRevision = Callable[[int, dict, BinaryIO], None]


class Reader:
    """Calls `on_revision(page, meta, data)` for each revision; `page` counts from 0."""

    def __init__(self, on_revision: OnRevision):
        self.on_revision = on_revision
        self.path: list[str] = []
        self.page = -1
        self.meta: dict | None = None
        self.characters: list[str] = []
        self.length = 0
        self.data: BinaryIO | None = None
        self.rest = ""
        self.parser = parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.buffer_size = 1 << 16
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text
        parser.StartDoctypeDeclHandler = self.doctype
        parser.ProcessingInstructionHandler = self.instruction

    def read(self, stream: BinaryIO) -> None:
        given = 0
        try:
            while block := stream.read(1 << 16):
                given += len(block)
                self.parser.Parse(block, False)
                if given - max(self.parser.CurrentByteIndex, 0) > TOKEN_LIMIT:
                    raise Malformed(f"{self.where()}: a tag longer than {TOKEN_LIMIT} bytes")
            self.parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise Malformed(f"line {error.lineno}: {expat.ErrorString(error.code)}") from error
        finally:
            if self.data:
                self.data.close()

    def where(self) -> str:
        return f"line {self.parser.CurrentLineNumber}"

    def wrong(self, what: str) -> Malformed:
        return Malformed(f"{self.where()}: {what}")

    def doctype(self, *_: object) -> None:
        raise self.wrong("a document type, which a file of pages does not have")

    def instruction(self, *_: object) -> None:
        raise self.wrong("a processing instruction, which a file of pages does not have")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        inside = self.path[-1] if self.path else ""
        if name not in CHILDREN[inside]:
            raise self.wrong(f"<{name[:40]}> cannot stand {f'in <{inside}>' if inside else 'at the beginning'}")
        if unknown := set(attributes) - ATTRIBUTES.get(name, set()):
            raise self.wrong(f"<{name}> has no attribute {sorted(unknown)[0][:40]}")
        if name == "wiki" and attributes.get("format") != FORMAT:
            raise self.wrong(f"format {attributes.get('format', 'unknown')[:40]} is not known here, but format {FORMAT} is")
        if name == "data" and attributes.get("encoding") != "base64":
            raise self.wrong("data is in base64")
        self.path.append(name)
        if name == "page":
            self.page += 1
        elif name == "revision":
            self.meta = None
        elif name == "meta":
            if self.meta is not None:
                raise self.wrong("a revision has one <meta>")
            self.characters, self.length = [], 0
        elif name in ("text", "data"):
            if self.meta is None or self.data is not None:
                raise self.wrong("a revision has <meta> and then <text> or <data>, once each")
            self.data, self.rest = tempfile.TemporaryFile(dir="/var/tmp"), ""

    def text(self, text: str) -> None:
        inside = self.path[-1] if self.path else ""
        if inside == "meta":
            self.length += len(text)
            if self.length > META_LIMIT:
                raise self.wrong(f"metadata longer than {META_LIMIT} characters")
            self.characters.append(text)
        elif inside == "text" and self.data:
            self.data.write(text.encode())
        elif inside == "data":
            self.base64(text)
        elif text.strip():
            raise self.wrong("text where none belongs")

    def base64(self, text: str) -> None:
        digits = self.rest + "".join(text.split())
        whole = len(digits) // 4 * 4
        self.rest = digits[whole:]
        try:
            decoded = base64.b64decode(digits[:whole], validate=True)
        except (binascii.Error, ValueError) as error:
            raise self.wrong("no base64") from error
        if self.data:
            self.data.write(decoded)

    def end(self, name: str) -> None:
        self.path.pop()
        if name == "meta":
            try:
                meta = json.loads("".join(self.characters))
            except (ValueError, RecursionError) as error:
                raise self.wrong("metadata that is no JSON") from error
            if not isinstance(meta, dict):
                raise self.wrong("metadata that is no JSON object")
            self.meta = meta
        elif name == "data" and self.rest:
            raise self.wrong("base64 that was cut off")
        elif name == "revision":
            if self.meta is None or self.data is None:
                raise self.wrong("a revision has <meta>, and <text> or <data>")
            data, self.data = self.data, None
            with data:
                data.seek(0)
                self.on_revision(self.page, self.meta, data)


def read(stream: BinaryIO, on_revision: OnRevision) -> int:
    """Reads the whole file; gives the number of pages."""
    reader = Reader(on_revision)
    reader.read(stream)
    return reader.page + 1
