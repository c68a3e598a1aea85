"""The wiki's storage, read without MoinMoin: a file of metadata (JSON) for each revision, a file of data beside it.

`wiki/data/BACKEND/meta/REVID`, `wiki/data/BACKEND/data/DATAID`. A namespace has its backend. Nothing here writes.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HOME = Path("/var/lib/moin")
DATA = HOME / "wiki/data"
# Namespace to backend, as wikiconfig.py has it. Pages are in the first two, the others are the wiki's own.
BACKENDS = {
    "": "default",
    "users": "users",
    "userprofiles": "userprofiles",
    "help-common": "help-common",
    "help-en": "help-en",
}
PAGES = ("default", "users")
PROFILES = "userprofiles"
# Of one revision's metadata, in bytes: more is no metadata that the wiki has written.
META_LIMIT = 4 << 20
UUID = re.compile(r"[0-9a-f]{32}")
# The end of the year 9999.
LAST_TIME = 253_402_300_799
# What else of the metadata goes into the search index, which takes nothing but texts and lists of texts.
TEXTS = ("action", "acl", "address", "comment", "hostname", "itemtype", "language", "summary", "userid", "wikiname")
LISTS = ("name_old", "tags", "itemlinks", "itemtransclusions", "externallinks", "subscriptions")


class Damaged(Exception):
    """A file that is not what it should be; says why."""


class Page(NamedTuple):
    """An item with its newest revision."""

    backend: str
    itemid: str
    meta: dict
    revids: list[str]

    @property
    def name(self) -> str:
        return full_name(self.meta)


def meta_path(backend: str, revid: str) -> Path:
    return DATA / backend / "meta" / revid


def data_path(backend: str, dataid: str) -> Path:
    return DATA / backend / "data" / dataid


def is_uuid(value: object) -> bool:
    return isinstance(value, str) and UUID.fullmatch(value) is not None


def read_meta(path: Path) -> dict:
    """The metadata in a file."""
    try:
        with open(path, "rb") as file:
            content = file.read(META_LIMIT + 1)
    except OSError as error:
        raise Damaged(f"cannot be read: {error.strerror}") from error
    if not content:
        raise Damaged("is empty")
    if len(content) > META_LIMIT:
        raise Damaged("is too long")
    try:
        meta = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Damaged("is no JSON") from error
    if not isinstance(meta, dict):
        raise Damaged("is no JSON object")
    return meta


def revids(backend: str) -> list[str]:
    try:
        return sorted(os.listdir(DATA / backend / "meta"))
    except FileNotFoundError:
        return []


def revisions(backend: str) -> Iterator[tuple[str, dict]]:
    """All revisions that can be read, with their metadata."""
    for revid in revids(backend):
        try:
            meta = read_meta(meta_path(backend, revid))
        except Damaged:
            continue
        if is_uuid(meta.get("itemid")):
            yield revid, meta


def unindexable(meta: dict) -> str | None:
    """What keeps a revision of this metadata out of the search index."""
    for key in TEXTS:
        if not isinstance(meta.get(key) or "", str):
            return f"its metadata's {key} is no text"
    for key in LISTS:
        value = meta.get(key) or []
        if not (isinstance(value, list) and all(isinstance(text, str) for text in value)):
            return f"its metadata's {key} is no list of texts"
    return None if is_time(meta.get("mtime")) and is_time(meta.get("ptime") or 0) else "its metadata lacks the time"


def names(meta: dict) -> list[str]:
    found = meta.get("name")
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def full_names(meta: dict) -> list[str]:
    """With the namespace, as the wiki's addresses have it."""
    namespace = meta.get("namespace") or ""
    return [f"{namespace}/{name}" if namespace else name for name in names(meta) or ["(no name)"]]


def full_name(meta: dict) -> str:
    return full_names(meta)[0]


def is_time(value: object) -> bool:
    """Seconds since 1970 that a calendar has a date for."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LAST_TIME


def number(meta: dict, key: str) -> int:
    value = meta.get(key)
    return value if isinstance(value, int) else 0


def order(meta: dict) -> tuple[int, int]:
    """What MoinMoin takes for the newest revision has the latest time; within a second the number decides."""
    return number(meta, "mtime"), number(meta, "rev_number")


def is_page(meta: dict) -> bool:
    """Whether a page whose newest revision this is has not been deleted."""
    return not meta.get("trash") and bool(names(meta))


def pages(backends: tuple[str, ...] = PAGES, deleted: bool = False) -> list[Page]:
    """All pages by name; with `deleted` those too that were deleted and kept."""
    newest: dict[tuple[str, str], dict] = {}
    history: dict[tuple[str, str], list[tuple[tuple[int, int], str]]] = {}
    for backend in backends:
        for revid, meta in revisions(backend):
            key = (backend, meta["itemid"])
            history.setdefault(key, []).append((order(meta), revid))
            if key not in newest or order(meta) >= order(newest[key]):
                newest[key] = meta
    found = [
        Page(backend, itemid, meta, [revid for _, revid in sorted(history[backend, itemid])])
        for (backend, itemid), meta in newest.items()
        if deleted or is_page(meta)
    ]
    return sorted(found, key=lambda page: page.name)
