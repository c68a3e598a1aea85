"""A file of pages looked through before anything of it is stored: all that is wrong with it, at once."""

import codecs
import hashlib
import time
from typing import BinaryIO, NamedTuple

from .frames import shown
from .stores import PAGES, PROFILES, is_uuid

# So many faults are told.
FAULTS = 50
# Characters of a page's name, and of a comment, a tag, a summary or an access list.
NAME_LIMIT = 500
TEXT_LIMIT = 10_000
TEXTS = ("comment", "summary", "acl", "address", "hostname", "itemtype", "action", "wikiname", "language")
LISTS = ("tags", "name_old", "usergroup")
# MoinMoin's index keeps numbers in 31 bits.
INDEX_LIMIT = (1 << 31) - 1
# Clocks differ (seconds). A page from the future would stay its newest revision whatever is written.
DAY = 86_400
OWN_KINDS = ("application/x.moin.userprofile", "application/x-nonexistent")
ACTIONS = ("SAVE", "REVERT", "TRASH", "COPY", "RENAME", "CONVERT")


class Seen(NamedTuple):
    """A page of the file, as its newest revision has it."""

    itemid: str
    namespace: str
    names: list[str]
    revids: list[str]


class Looker:
    """Takes each revision in turn; afterwards `faults` has what is wrong, and `pages` what is there."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.more = 0
        self.revisions = 0
        self.revids: set[str] = set()
        self.names: dict[tuple[str, str], int] = {}
        self.itemids: dict[str, int] = {}
        self.pages: list[Seen] = []
        # of the page that is being read
        self.newest: dict | None = None
        self.page = -1
        self.kept: list[str] = []

    def fault(self, what: str) -> None:
        if len(self.faults) < FAULTS:
            self.faults.append(f"page {self.page + 1}, revision {self.revisions}: {what}")
        else:
            self.more += 1

    def revision(self, page: int, meta: dict, data: BinaryIO) -> None:
        if page != self.page:
            self.end_page()
            self.page, self.kept = page, []
        self.revisions += 1
        self.kept.append(str(meta.get("revid")))
        for wrong in faults(meta):
            self.fault(wrong)
        self.identifiers(page, meta)
        self.data(meta, data)
        self.newest = meta

    def identifiers(self, page: int, meta: dict) -> None:
        revid, itemid = meta.get("revid"), meta.get("itemid")
        if isinstance(revid, str):
            if revid in self.revids:
                self.fault(f"the revision {shown(revid, 40)} stands there twice")
            self.revids.add(revid)
        if isinstance(itemid, str) and self.itemids.setdefault(itemid, page) != page:
            self.fault(f"the item {shown(itemid, 40)} is two pages")
        if self.newest and self.newest.get("itemid") != itemid:
            self.fault("a page's revisions are of one item")
        if self.newest and self.newest.get("namespace") != meta.get("namespace"):
            self.fault("a page's revisions are in one namespace")

    def data(self, meta: dict, data: BinaryIO) -> None:
        digest, size = hashlib.sha1(usedforsecurity=False), 0
        while block := data.read(1 << 20):
            digest.update(block)
            size += len(block)
        if meta.get("size") != size or meta.get("sha1") != digest.hexdigest():
            self.fault("the data is not what the metadata says: size or hash differ")
        if is_text(meta):
            data.seek(0)
            decoder = codecs.getincrementaldecoder("utf-8")()
            try:
                while block := data.read(1 << 20):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                self.fault("the text is not UTF-8")

    def end_page(self) -> None:
        """The newest revision is what the page will be."""
        meta, self.newest = self.newest, None
        if meta is None:
            return
        names = [name for name in listed(meta.get("name")) if isinstance(name, str)]
        namespace = str(meta.get("namespace"))
        if not names or meta.get("trash"):
            self.fault("the newest revision has no name: the page was deleted")
        for name in names:
            if self.names.setdefault((namespace, name), self.page) != self.page:
                self.fault(f"two pages are named {shown(name)}")
        self.pages.append(Seen(str(meta.get("itemid")), namespace, names, self.kept))


def listed(value: object) -> list:
    return value if isinstance(value, list) else []


def is_text(meta: dict) -> bool:
    return str(meta.get("contenttype")).startswith("text/")


def faults(meta: dict) -> list[str]:
    """What is wrong with one revision's metadata."""
    wrong = []
    if meta.get("namespace") not in ("", *(b for b in PAGES if b != "default")):
        wrong.append(f"pages of the namespace {shown(meta.get('namespace'), 60)} are not imported")
    names = meta.get("name")
    if not isinstance(names, list) or len(names) > 20:
        wrong.append("the page's name is no list of names")
    else:
        wrong += [f"the name {shown(name, 100)} {why}" for name in names for why in [name_fault(name)] if why]
    for key in ("revid", "itemid"):
        if not is_uuid(meta.get(key)):
            wrong.append(f"{key} is no identifier")
    for key in ("parentid", "dataid", "userid"):
        if meta.get(key) is not None and not is_uuid(meta[key]):
            wrong.append(f"{key} is no identifier")
    if not whole(meta.get("mtime"), 1, int(time.time()) + DAY):
        wrong.append("mtime is no time until now")
    for key, least in (("rev_number", 1), ("size", 0)):
        if key in meta and not whole(meta[key], least, INDEX_LIMIT):
            wrong.append(f"{key} is no number that the wiki can keep")
    if why := kind_fault(meta.get("contenttype")):
        wrong.append(why)
    if meta.get("itemtype") == "userprofile" or PROFILES == meta.get("namespace"):
        wrong.append("an account is no page")
    if meta.get("action", "SAVE") not in ACTIONS:
        wrong.append("action is none that the wiki knows")
    for key in TEXTS:
        if meta.get(key) is not None and not (isinstance(meta[key], str) and len(meta[key]) <= TEXT_LIMIT):
            wrong.append(f"{key} is no text of at most {TEXT_LIMIT} characters")
    for key in LISTS:
        if key in meta and not (isinstance(meta[key], list) and all(isinstance(t, str) and len(t) <= NAME_LIMIT for t in meta[key])):
            wrong.append(f"{key} is no list of words")
    entries = meta.get("wikidict", {})
    if not (isinstance(entries, dict) and all(isinstance(value, str) for value in entries.values())):
        wrong.append("wikidict is no dictionary of words")
    return wrong


def whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def name_fault(name: object) -> str | None:
    """Why the wiki could not show a page of this name."""
    if not isinstance(name, str) or not name:
        return "is no name"
    if len(name) > NAME_LIMIT:
        return f"is longer than {NAME_LIMIT} characters"
    if not name.isprintable():
        return "has characters that cannot be seen"
    if name != name.strip() or name.startswith(("+", "/", "@")) or name.endswith("/") or "//" in name:
        return "begins or ends with a blank or a slash, begins with + or @, or has two slashes in a row"
    if any(part in (".", "..") for part in name.split("/")):
        return "has a part that is . or .."
    return None


def kind_fault(kind: object) -> str | None:
    if not isinstance(kind, str) or not kind.isascii() or len(kind) > 200:
        return "contenttype is none"
    main, _, rest = kind.partition("/")
    if main not in ("text", "image", "audio", "video", "application") or not rest or not kind.isprintable():
        return "contenttype is none that the wiki keeps"
    if kind.split(";")[0].strip() in OWN_KINDS:
        return "an account is no page"
    if main == "text" and "charset=utf-8" not in kind.replace(" ", "").lower():
        return "contenttype of a text has no charset=utf-8"
    return None
