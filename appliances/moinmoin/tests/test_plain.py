"""Frames, links of an export, chains of revisions: what needs no wiki."""

import contextlib
import io
import json
import os
import tempfile
import unittest
from unittest import mock

from moin_care import frames
from moin_care.account_list import Account, names_to_choose
from moin_care.check import chains, link
from moin_care.export_html import Place, document, place_of, relink
from moin_care.stores import Page


def said(work) -> list[dict]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        work()
    lines = out.getvalue().splitlines()
    for line in lines:
        assert len(line.encode()) <= 64 * 1024, "a frame that is too long"
    return [json.loads(line) for line in lines]


class Frames(unittest.TestCase):
    def test_foreign_text_stays_in_its_line(self) -> None:
        self.assertEqual(frames.shown("a\nb\x1b[31m\u202e\ud800<b>"), "a\\nb\\x1b[31m\\u202e\\ud800<b>")
        self.assertEqual(len(frames.shown("x" * 10_000)), 200)

    def test_a_table_is_said_in_frames_that_fit(self) -> None:
        rows = [[f"{n}", "\u65e5" * 190] for n in range(3000)]
        tables = said(lambda: frames.table(["Number", "Text"], rows))
        self.assertEqual([row[0] for table in tables for row in table["rows"]], [str(n) for n in range(3000)])

    def test_an_artifact_has_a_plain_name(self) -> None:
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, ARTIFACTS_DIRECTORY=folder):
            for name in ["../../etc/passwd", ".hidden", "-rf", "Käse & Co", "a\nb", "", "日本", "x" * 500]:
                plain = frames.artifact_path(f"{name}-1.xml").name
                self.assertRegex(plain, r"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,127}\Z", name)


class Choices(unittest.TestCase):
    def test_a_name_that_can_be_no_choice_is_chosen_by_its_identifier(self) -> None:
        names = ["Ada", "Mac, the", "a\nb", " x", "y" * 201]
        accounts = [Account(str(n) * 32, name, "", False, False) for n, name in enumerate(names)]
        chosen = [value for value, _ in names_to_choose(accounts)]
        self.assertEqual(chosen, ["Ada", "1" * 32, "2" * 32, "3" * 32, "4" * 32])


class Export(unittest.TestCase):
    places = {"Käse": Place("pages/K-1.html", None), "Bild": Place("pages/B-2.html", "files/B-2.png")}

    def test_links_lead_to_the_archives_files(self) -> None:
        for link, to in [
            ("/K%C3%A4se", "../pages/K-1.html"),
            ("/K%C3%A4se?x=1#a&amp;b", "../pages/K-1.html#a&amp;b"),
            (f"/+get/+{'a' * 32}/Bild", "../files/B-2.png"),
            ("/+get/Bild", "../files/B-2.png"),
            ("/Bild", "../pages/B-2.html"),
            ("/Elsewhere", "/Elsewhere"),
            ("https://example.org/K%C3%A4se", "https://example.org/K%C3%A4se"),
            ("//[", "//["),
            ("#top", "#top"),
        ]:
            self.assertEqual(relink(f'<a href="{link}">', self.places), f'<a href="{to}">')

    def test_no_name_decides_where_a_file_lies(self) -> None:
        for name in ["../../etc/passwd", "/x", "a\x00b", "..", "日本" * 500, "C:\\con", ""]:
            page = Page("default", "ab" * 16, {"name": [name], "namespace": "", "contenttype": "image/png"}, [])
            for path in place_of(page):
                self.assertRegex(path, r"\A(pages|files)/[^/\x00\\]+-[0-9a-f]{12}\.(html|png)\Z")
                self.assertLess(len(path.split("/")[1].encode()), 255)

    def test_a_name_is_no_markup(self) -> None:
        self.assertNotIn("<script>", document("<script>", "", '"<script>', "../"))


class Chains(unittest.TestCase):
    def test_a_gap_is_closed_and_what_is_right_stays(self) -> None:
        def broken(*revisions: tuple[str, object, object]) -> list[tuple]:
            links = [link(revid, {"rev_number": number, "parentid": parent, "mtime": 1}) for revid, number, parent in revisions]
            return [found[1:] for found in chains({("default", "i"): links})]

        first, second, last = ("a", 1, None), ("b", 2, "a"), ("c", 5, "b")
        self.assertEqual(broken(last, first, second), [])
        self.assertEqual(broken(first, last), [("c", 5, "a")])
        self.assertEqual(broken(("a", 1, None), ("b", 1, None)), [("b", 2, "a")])
        self.assertEqual(broken(("a", "1", ["x"])), [("a", 1, "")])


if __name__ == "__main__":
    unittest.main()
