"""Pages in, from a file as `export_xml` writes it. Looked through as a whole before the first page is touched.

* A page that the wiki does not have comes with all its revisions; one that has an older part of them gets the rest.
* Another one that it has, or had and deleted, gets the file's newest revision as a new revision of its own: what was there is in
  its history, and the way back is the wiki's own.
* One that is the same already stays.

Cut off in the middle, the same import goes on where it was: a page that has come in part has an older part of the file's
revisions, and what the search index has not taken in by then, it takes in now.
"""

import gc
import time
import uuid
from collections import Counter
from typing import BinaryIO

from . import frames
from .frames import Progress, Refused, count, shown, stop_here
from .import_check import Looker, Seen
from .index import readable
from .opened import exclusive, open_wiki, until_unlocked
from .pages_xml import Malformed, read
from .stores import BACKENDS, PAGES, PROFILES, Page, meta_path, names, number, order, pages, revisions

Key = tuple[str, str]

# After so many revisions the index takes them in: its write lock is held for seconds, never for minutes.
BATCH = 100
# Of metadata, what this wiki gives anew.
GIVEN = ("revid", "dataid", "parentid", "rev_number", "size", "sha1", "trash", "name_old")
FAILED = "could not be stored"
SAME = ("sha1", "contenttype", "acl", "tags", "summary", "name")
# What a page's metadata may bring along (`import_check` knows what each looks like).
TAKEN = (
    "name namespace itemid revid parentid userid mtime rev_number contenttype itemtype action comment summary acl address "
    "hostname tags name_old size sha1 trash wikiname language usergroup wikidict"
).split()


def import_pages(parameters: dict) -> str:
    path = parameters["file"]
    with exclusive("the import"):
        looked = look_through(path)
        with open_wiki() as app:
            work = Import(app, looked)
            gc.freeze()  # MoinMoin collects garbage after each page: not what is here already
            frames.phase("import", "Store the pages", 2, 2)
            try:
                with open(path, "rb") as file:
                    read(file, work.revision)
            finally:
                work.index()
                work.tell()
    if work.counted[FAILED]:
        raise Refused(work.summary())
    return work.summary()


def look_through(path: str) -> Looker:
    frames.phase("check", "Look through the file", 1, 2)
    looker = Looker()

    def look(page: int, meta: dict, data: BinaryIO) -> None:
        stop_here("Nothing was changed.")
        looker.revision(page, meta, data)

    try:
        with open(path, "rb") as file:
            read(file, look)
        looker.end_page()
    except Malformed as error:
        raise Refused("This is no file of pages as an export writes it. Nothing was changed.", [str(error)]) from error
    if looker.faults:
        more = [f"and {looker.more} more"] if looker.more else []
        raise Refused("The file has mistakes. Nothing was changed.", looker.faults + more)
    if not looker.pages:
        raise Refused("The file has no page in it. Nothing was changed.")
    return looker


class Import:
    """Stores pages one after the other, and tells of each what was done."""

    def __init__(self, app, looked: Looker):
        self.storage = app.storage
        # as it is before anything is stored
        self.indexed = self.storage.ix["all_revs"].searcher()
        # the index takes them in by the hundred
        self.storage.index_revision = lambda *_args, **_more: None
        self.here = Here()
        self.pages = looked.pages
        self.progress = Progress(looked.revisions, "revisions")
        self.done: list[tuple[str, str]] = []
        self.counted: Counter[str] = Counter()
        # what the index has to take in, with the item, and of these items the newest revision
        self.stored: list[tuple[Key, str]] = []
        self.newest: dict[str, tuple[tuple[int, int], Key]] = {}
        # of the page that is being read: its number, the revisions seen, what it goes on top of, what it is stored as, and
        # which of its revisions are here
        self.page = -1
        self.seen = 0
        self.target: Page | None = None
        self.itemid = ""
        self.there: set[str] = set()
        self.before: str | None = None
        self.failed = False

    def revision(self, page: int, meta: dict, data: BinaryIO) -> None:
        expected = self.pages[page]
        if page != self.page:
            stop_here(self.summary())
            self.page, self.seen, self.before, self.failed = page, 0, None, False
            self.place(*self.here.place_of(expected))
        self.seen += 1
        self.progress.step()
        newest = self.seen == len(expected.revids)
        if self.failed or (self.target and not newest):
            return
        try:
            if self.target:
                self.on_top(self.target, meta, data)
            else:
                self.as_it_was(meta, data, newest)
        except ValueError as error:  # MoinMoin's own rules, stricter than ours
            self.failed = True
            self.tell_of(FAILED, f"not stored: {shown(error)}")
        if len(self.stored) >= BATCH:
            self.index()

    def place(self, present: Page | None, itemid: str) -> None:
        """Decides what becomes of the page that begins."""
        self.target, self.itemid, self.there = present, itemid, set()
        if name := self.here.name_of_another(self.pages[self.page], itemid):
            self.failed = True
            self.tell_of(FAILED, f"not stored: another page is named {shown(name)}")
            return
        if present is None:
            return
        self.newest[itemid] = (order(present.meta), (present.backend, present.revids[-1]))
        # what an import that was cut off has stored, and the index has not taken in
        lost = [(present.backend, revid) for revid in present.revids if self.indexed.document(revid=revid) is None]
        self.stored += [(key, itemid) for key in lost if readable(*key)]
        if is_older(present, self.pages[self.page]):
            self.target, self.there = None, set(present.revids)

    def as_it_was(self, meta: dict, data: BinaryIO, newest: bool) -> None:
        """A revision that the wiki does not have, of a page of which it has nothing newer, with its own time and author."""
        if meta["revid"] in self.there:
            self.before = meta["revid"]
        else:
            new = {key: meta[key] for key in TAKEN if key in meta} | {"itemid": self.itemid, "rev_number": self.seen}
            new.pop("parentid", None)
            if self.here.has_revision(meta["revid"]):
                del new["revid"]
            if self.before:
                new["parentid"] = self.before
            self.before = self.store(new, data)
        if newest and self.there:
            missing = self.seen - len(self.there)
            self.tell_of("got what was missing", f"{count(missing, 'revision')} that it did not have")
        elif newest:
            self.tell_of("came new", f"new, with {count(self.seen, 'revision')}")

    def on_top(self, target: Page, meta: dict, data: BinaryIO) -> None:
        """The file's newest revision as the newest one of a page that the wiki has."""
        deleted = bool(target.meta.get("trash"))
        if not deleted and all((meta.get(key) or None) == (target.meta.get(key) or None) for key in SAME):
            self.tell_of("stayed, the same already", "the same already")
            return
        new = {key: meta[key] for key in TAKEN if key in meta and key not in GIVEN}
        comment = f"Imported. {meta.get('comment') or ''}".strip()
        new |= {
            "itemid": target.itemid,
            "parentid": target.revids[-1],
            "rev_number": max(number(target.meta, "rev_number"), len(target.revids)) + 1,
            "mtime": max(int(time.time()), number(target.meta, "mtime") + 1),
            "action": "SAVE",
            "comment": comment,
        }
        self.store(new, data)
        what = "was deleted, is back with a new revision" if deleted else f"a new revision, number {new['rev_number']}"
        self.tell_of("got a new revision", what)

    def store(self, meta: dict, data: BinaryIO) -> str:
        meta = {"action": "SAVE", "address": "127.0.0.1"} | meta
        if meta.get("userid") not in self.here.users:
            meta.pop("userid", None)
        item = self.storage.get_item(itemid=meta["itemid"])
        item.store_revision(meta, data, overwrite=True, trusted=True)
        key = (BACKENDS[meta["namespace"]], meta["revid"])
        self.stored.append((key, meta["itemid"]))
        self.newest[meta["itemid"]] = max((order(meta), key), self.newest.get(meta["itemid"], ((0, 0), key)))
        return meta["revid"]

    def tell_of(self, kind: str, what: str) -> None:
        self.counted[kind] += 1
        seen = self.pages[self.page]
        self.done.append((f"{seen.namespace}/{seen.names[0]}" if seen.namespace else seen.names[0], what))

    def index(self) -> None:
        """Takes what was stored into the search index."""
        stored, self.stored = self.stored, []
        if not stored:
            return
        indexer = self.storage

        def update(name: str, changed: list[tuple[str, str]]) -> None:
            until_unlocked(lambda: indexer._modify_index(indexer.ix[name], indexer.schemas[name], changed, "update", limitmb=64))

        update("all_revs", [key for key, _ in stored])
        # MoinMoin would look for them in the whole index, for each page anew
        newest = [self.newest[itemid][1] for itemid in {itemid for _, itemid in stored}]
        update("latest_revs", newest)
        update("latest_meta", newest)
        self.newest = {self.itemid: self.newest[self.itemid]} if self.itemid in self.newest else {}

    def tell(self) -> None:
        """What was done with each page: the first in a table, all in a file."""
        frames.table(["Page", "What was done"], self.done[:1000])
        if len(self.done) > 1000:
            path = frames.artifact_path("imported-pages.txt")
            path.write_text("".join(f"{shown(what)}\t{shown(name)}\n" for name, what in self.done))
            frames.artifact(path, "What was done with each page")

    def summary(self) -> str:
        parts = [f"{count(number, 'page')} {kind}" for kind, number in self.counted.items()]
        return (", ".join(parts) or "No page was changed") + "."


def is_older(page: Page, seen: Seen) -> bool:
    """Whether the wiki has an older part of what the file has."""
    return set(page.revids) < set(seen.revids)


class Here:
    """What the wiki has."""

    def __init__(self) -> None:
        self.by_name: dict[tuple[str, str], Page] = {}
        self.by_id: dict[str, Page] = {}
        for page in pages(deleted=True):
            self.by_id[page.itemid] = page
            if not page.meta.get("trash"):
                for name in names(page.meta):
                    self.by_name[page.meta.get("namespace") or "", name] = page
        self.users = {meta["itemid"] for _, meta in revisions(PROFILES)}
        # accounts and help pages: a page that is imported must not take the place of one of them
        others = [backend for backend in BACKENDS.values() if backend not in PAGES]
        self.others = {meta["itemid"] for backend in others for _, meta in revisions(backend)}

    def name_of_another(self, seen: Seen, itemid: str) -> str | None:
        """A name of the page that another page of the wiki has."""
        pages_by_name = ((name, self.by_name.get((seen.namespace, name))) for name in seen.names)
        return next((name for name, page in pages_by_name if page and page.itemid != itemid), None)

    def place_of(self, seen: Seen) -> tuple[Page | None, str]:
        """The page that it goes on top of, if there is one, and the item that it is."""
        for name in seen.names:
            if page := self.by_name.get((seen.namespace, name)):
                return page, page.itemid
        page = self.by_id.get(seen.itemid)
        if page is None and seen.itemid not in self.others:
            return None, seen.itemid
        if page and (page.meta.get("namespace") or "") == seen.namespace and (page.meta.get("trash") or is_older(page, seen)):
            return page, page.itemid
        return None, uuid.uuid4().hex  # the item is something else here: a page of its own

    @staticmethod
    def has_revision(revid: str) -> bool:
        return any(meta_path(backend, revid).exists() for backend in BACKENDS.values())
