"""What is said of files of pages before anything of them is stored."""

import io
import unittest

from moin_care.import_check import FAULTS, Looker, faults, name_fault
from test_pages_xml import revision


def look(*revisions: tuple[int, dict, bytes]) -> Looker:
    looker = Looker()
    for page, meta, content in revisions:
        looker.revision(page, meta, io.BytesIO(content))
    looker.end_page()
    return looker


def ids(number: int) -> dict:
    return {"itemid": f"{number:032x}", "revid": f"{number + 1000:032x}", "name": [f"Page {number}"]}


class Names(unittest.TestCase):
    def test_names_that_the_wiki_shows(self) -> None:
        for name in ["Home", "Käse/Bergkäse", "日本語", "a b", "<script>", "a..b", "...", "x" * 500, "C:\\x", "a?b#c%2F"]:
            self.assertIsNone(name_fault(name), name)

    def test_names_that_it_does_not(self) -> None:
        bad = ["", "..", "../x", "a/../b", "a/.", "/a", "a/", "a//b", "+a", "@itemid/x", " a", "a ", "a\nb", "a\x00", "\u202ea", "\ud800"]
        for name in [*bad, "x" * 501, None, 3, ["a"]]:
            self.assertIsNotNone(name_fault(name), name)


class Metadata(unittest.TestCase):
    def test_each_mistake_is_told(self) -> None:
        self.assertEqual(faults(revision(b"x")), [])
        for key, value in [
            ("namespace", "userprofiles"),
            ("namespace", "../x"),
            ("namespace", None),
            ("name", "Home"),
            ("name", ["a"] * 21),
            ("revid", "../../etc/passwd"),
            ("itemid", None),
            ("itemid", "A" * 32),
            ("parentid", "x"),
            ("userid", 1),
            ("mtime", "1"),
            ("mtime", True),
            ("mtime", -1),
            ("mtime", 1 << 33),
            ("size", 1 << 31),
            ("usergroup", 1),
            ("usergroup", [1]),
            ("wikidict", {"a": []}),
            ("rev_number", 0),
            ("contenttype", "text/plain"),
            ("contenttype", "text/plain;charset=latin-1"),
            ("contenttype", "application/x.moin.userprofile"),
            ("contenttype", "evil"),
            ("itemtype", "userprofile"),
            ("action", "DROP"),
            ("comment", ["a"]),
            ("comment", "a" * 10_001),
            ("acl", 1),
            ("tags", "a"),
            ("tags", [1]),
        ]:
            self.assertTrue(faults(revision(b"x") | {key: value}), (key, value))


class Files(unittest.TestCase):
    def test_a_good_file_has_its_pages(self) -> None:
        one, two = revision(b"a") | ids(1), revision(b"b") | ids(2)
        again = one | {"revid": "f" * 32}
        looker = look((0, one, b"a"), (0, again, b"a"), (1, two, b"b"))
        self.assertEqual(looker.faults, [])
        self.assertEqual([(p.names, len(p.revids)) for p in looker.pages], [(["Page 1"], 2), (["Page 2"], 1)])

    def test_what_is_wrong_between_revisions(self) -> None:
        one, two = revision(b"a") | ids(1), revision(b"b") | ids(2)
        for revisions, why in [
            ([(0, one, b"other")], "size or hash"),
            ([(0, one, b"a"), (1, two | {"revid": one["revid"]}, b"b")], "twice"),
            ([(0, one, b"a"), (1, two | {"itemid": one["itemid"]}, b"b")], "two pages"),
            ([(0, one, b"a"), (0, two, b"b")], "of one item"),
            ([(0, one, b"a"), (1, two | {"name": one["name"]}, b"b")], "two pages are named"),
            ([(0, one | {"name": []}, b"a")], "deleted"),
            ([(0, one | {"trash": True}, b"a")], "deleted"),
            ([(0, revision(b"\xff") | ids(3), b"\xff")], "not UTF-8"),
        ]:
            with self.subTest(why=why):
                self.assertTrue(any(why in fault for fault in look(*revisions).faults), look(*revisions).faults)

    def test_thousands_of_mistakes_are_not_all_told(self) -> None:
        bad = [(n, revision(b"a") | ids(n) | {"name": ["../x"]}, b"a") for n in range(1000)]
        looker = look(*bad)
        self.assertEqual(len(looker.faults), FAULTS)
        self.assertGreater(looker.more, 900)


if __name__ == "__main__":
    unittest.main()
