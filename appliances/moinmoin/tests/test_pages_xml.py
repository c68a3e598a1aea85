"""The file of pages: what goes out comes in, and nothing else does."""

import hashlib
import io
import unittest
from typing import BinaryIO

from moin_care.pages_xml import Malformed, Writer, read


def revision(content: bytes, **more: object) -> dict:
    meta = {
        "name": ["Page"],
        "namespace": "",
        "itemid": "1" * 32,
        "revid": "2" * 32,
        "dataid": "3" * 32,
        "mtime": 1700000000,
        "contenttype": "text/x.moin.wiki;charset=utf-8",
        "size": len(content),
        "sha1": hashlib.sha1(content).hexdigest(),
    }
    return meta | more


def written(*revisions: tuple[dict, bytes]) -> bytes:
    out = io.BytesIO()
    writer = Writer(out, 'My "Wiki" <&>\x07')
    for meta, content in revisions:
        writer.begin_page(str(meta["name"]))
        writer.revision(meta, io.BytesIO(content))
        writer.end_page()
    writer.end()
    return out.getvalue()


def taken(file: bytes) -> list[tuple[int, dict, bytes]]:
    found: list[tuple[int, dict, bytes]] = []

    def take(page: int, meta: dict, data: BinaryIO) -> None:
        found.append((page, meta, data.read()))

    read(io.BytesIO(file), take)
    return found


class RoundTrip(unittest.TestCase):
    def test_every_content_comes_back_as_it_was(self) -> None:
        contents = [
            b"",
            b"plain\r\nlines\n\rand\ttabs ]]> <&> \xc2\xa0",
            "Käse \U0001f9c0 \u202e\ufeff".encode(),
            b"\x00\x1b[31m control",
            b"\xff\xfe not UTF-8",
            b"\xed\xa0\x80",
            bytes(range(256)) * 1000,
            b"x" * (1 << 21),
        ]
        kinds = ["text/x.moin.wiki;charset=utf-8", "application/octet-stream"]
        for kind in kinds:
            for content in contents:
                meta = revision(content, contenttype=kind)
                self.assertEqual(taken(written((meta, content))), [(0, meta, content)], (kind, content[:20]))

    def test_metadata_comes_back_whatever_is_in_it(self) -> None:
        names = ["../../etc/passwd", "a\nb", "<b>&amp;]]>", '"', "\ud800", "\x00", "x" * 10_000, "日本語"]
        meta = revision(b"x", name=names, comment="\x1b[2J", more={"deep": [1, None, True, {"a": 1.5}]})
        self.assertEqual(taken(written((meta, b"x"), (meta, b"x"))), [(0, meta, b"x"), (1, meta, b"x")])


class Hostile(unittest.TestCase):
    def refused(self, file: bytes, why: str) -> None:
        with self.assertRaises(Malformed) as caught:
            taken(file)
        self.assertIn(why, str(caught.exception))

    def test_what_is_no_file_of_pages(self) -> None:
        wiki = b'<wiki format="1">'
        page = wiki + b"<page><revision>"
        good = written((revision(b"x"), b"x"))
        for file, why in [
            (b"", "no element found"),
            (b"PK\x03\x04", "not well-formed"),
            (good[:-30], "unclosed token"),
            (good[: good.index(b"</text>") - 1], "no element found"),
            (good + b"<wiki/>", "junk after"),
            (b'<!DOCTYPE wiki [<!ENTITY a "b">]><wiki format="1"/>', "document type"),
            (b'<?xml-stylesheet href="x"?><wiki format="1"/>', "processing instruction"),
            (b'<wiki format="2"/>', "format 2"),
            (b"<wiki/>", "format unknown"),
            (b"<page/>", "cannot stand at the beginning"),
            (wiki + b"<revision/></wiki>", "cannot stand in <wiki>"),
            (wiki + b'<page evil="1"/></wiki>', "no attribute evil"),
            (wiki + b"text</wiki>", "text where none belongs"),
            (page + b"<meta>{</meta>", "no JSON"),
            (page + b"<meta>[]</meta>", "no JSON object"),
            (page + b"<meta>" + b"[" * 100_000 + b"</meta>", "no JSON"),
            (page + b"<meta>" + b"1" * (2 << 20) + b"</meta>", "longer than"),
            (page + b"<text>x</text>", "<meta> and then"),
            (page + b"<meta>{}</meta><meta>{}</meta>", "one <meta>"),
            (page + b"<meta>{}</meta></revision>", "has <meta>, and"),
            (page + b"<meta>{}</meta><text>x</text><text>y</text>", "once each"),
            (page + b'<meta>{}</meta><data encoding="hex">', "base64"),
            (page + b'<meta>{}</meta><data encoding="base64">?!?!</data>', "no base64"),
            (page + b'<meta>{}</meta><data encoding="base64">AAA</data>', "cut off"),
            (page + b"<meta>&a;</meta>", "undefined entity"),
            (b"<" + b"a" * (8 << 20), "a tag longer"),
            (b'<wiki format="' + b"1" * (8 << 20), "a tag longer"),
        ]:
            with self.subTest(file=file[:60]):
                self.refused(file, why)


if __name__ == "__main__":
    unittest.main()
