"""The storage looked through: every revision's metadata and data, each damaged one named. Changes nothing.

What can be done about a damage is decided here (`Damage.cure`), so that the check shows what the repair will do:

* `COMPLETE`: what the data tells (size, hash) or the file's name tells is put into the metadata
* `RELINK`: the revision before it is named, as the numbers have it
* `REWRITE`: metadata that is lost is made again from what the search index kept of it
* `ASIDE`: the revision is moved to a folder of its own, its page has the revision before again
"""

import hashlib
import os
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from . import frames
from .frames import Progress, shown
from .stores import (
    BACKENDS,
    DATA,
    PROFILES,
    Damaged,
    data_path,
    full_name,
    is_uuid,
    meta_path,
    number,
    read_meta,
    revids,
    unindexable,
)

COMPLETE = "complete its metadata"
RELINK = "correct its number and the revision before it"
REWRITE = "make its metadata again from the search index"
ASIDE = "move it aside"
# A file that is being written while it is looked at is no damage: it is looked at again after so many seconds.
SETTLE = 2.0
# So long the wiki may take from a file to the search index (seconds).
ON_ITS_WAY = 60.0
# Data that nothing refers to, older than this (seconds): what is being saved has its data first.
FORGOTTEN = 3600.0


class Damage(NamedTuple):
    backend: str
    revid: str
    name: str
    problem: str
    cure: str


class Link(NamedTuple):
    """A revision in its page's history. Kept for all revisions at once, so it is small; they sort as they follow each other."""

    number: int
    mtime: int
    revid: str
    parent: str


Items = dict[tuple[str, str], list[Link]]


class Loose(NamedTuple):
    """Files of data that no revision refers to."""

    backend: str
    dataid: str
    size: int


class Found(NamedTuple):
    damages: list[Damage]
    loose: list[Loose]
    # How the search index differs from the storage, in words.
    index: str


def report(_: dict) -> str:
    found = look()
    if not any(found):
        return "The storage is whole: every revision has its metadata and its data, as they were written."
    tell(found)
    if not found.damages:
        return "Every revision is whole."
    frames.say("text", title="What to do", text="Repair the storage does what stands in the last column. Nothing is deleted. Make a backup before it.")
    return f"Found: {frames.count(len(found.damages), 'damaged revision')}. Nothing was changed."


def tell(found: Found) -> None:
    frames.table(
        ["Page", "Revision", "Damage", "A repair would"],
        ([d.name, f"{d.backend}/{d.revid}", d.problem, d.cure] for d in found.damages),
    )
    if found.loose:
        total = sum(item.size for item in found.loose)
        frames.warning(
            f"{len(found.loose)} files of data ({total} bytes) belong to no revision: left over from saving that was cut off, or from damaged metadata. "
            "They harm nothing; a repair moves them aside."
        )
    if found.index:
        frames.warning(f"{found.index} Rebuild the search index; a repair does that, too.")


def look(index: int = 1, of: int = 1) -> Found:
    """All damages of all namespaces; the phase `index` of `of`."""
    kept = IndexMemory()
    every = [(backend, revid) for backend in BACKENDS.values() for revid in revids(backend)]
    frames.phase("check", "Look through the storage", index, of)
    progress = Progress(len(every), "revisions")
    damages: list[Damage] = []
    items: Items = {}
    used: set[tuple[str, str]] = set()
    for backend, revid in progress.over(every):
        damage, meta = settled(backend, revid, kept)
        if damage:
            damages.append(damage)
        if meta and is_uuid(meta.get("dataid")):
            used.add((backend, meta["dataid"]))
        if meta and not (damage and damage.cure in (ASIDE, REWRITE)) and backend != PROFILES:
            items.setdefault((backend, meta["itemid"]), []).append(link(revid, meta))
    known = {d.revid for d in damages}
    behind = kept.behind(every, known)
    damages += [d for d in broken_chains(items) if d.revid not in known]
    return Found(damages, list(unreferenced(used)), behind)


def settled(backend: str, revid: str, kept: "IndexMemory") -> tuple[Damage | None, dict | None]:
    """Looks at a revision, and again where the wiki may just be writing it."""
    damage, meta = look_at(backend, revid, kept)
    if damage:
        path = meta_path(backend, revid)
        try:
            fresh = time.time() - path.stat().st_mtime < SETTLE
        except FileNotFoundError:
            return None, None  # destroyed meanwhile
        if fresh:
            time.sleep(SETTLE)
            damage, meta = look_at(backend, revid, kept)
    return damage, meta


def look_at(backend: str, revid: str, kept: "IndexMemory") -> tuple[Damage | None, dict | None]:
    """One revision: what is damaged, and its metadata when that can be read."""

    def damage(problem: str, cure: str, meta: dict | None = None) -> tuple[Damage, dict | None]:
        name = full_name(meta) if meta and is_uuid(meta.get("itemid")) else kept.name(revid)
        return Damage(backend, revid, shown(name), problem, cure), meta

    if not is_uuid(revid):
        return Damage(backend, revid, shown(revid), "a file that is no revision", ASIDE), None
    try:
        meta = read_meta(meta_path(backend, revid))
    except Damaged as error:
        cure = REWRITE if kept.can_rewrite(backend, revid) else ASIDE
        return damage(f"its metadata {error}", cure)
    if problem := essential(backend, meta):
        cure = REWRITE if kept.can_rewrite(backend, revid) else ASIDE
        return damage(problem, cure, meta)[0], None
    try:
        size, digest = measure(backend, meta["dataid"])
    except OSError as error:
        return damage(f"its data cannot be read: {error.strerror}", ASIDE, meta)
    wrong = [key for key, value in (("size", size), ("sha1", digest)) if key in meta and meta[key] != value]
    if wrong:
        return damage(f"its data is not what was saved ({size} bytes, {shown(meta.get('size'))} were saved)", ASIDE, meta)
    if missing := [key for key in ("size", "sha1") if key not in meta]:
        return damage(f"its metadata lacks {' and '.join(missing)}", COMPLETE, meta)
    if meta.get("revid") != revid:
        return damage("its metadata has another revision's identifier", COMPLETE, meta)
    return None, meta


def essential(backend: str, meta: dict) -> str | None:
    """What is wrong with metadata without which the revision is of no use."""
    for key in ("itemid", "dataid"):
        if not is_uuid(meta.get(key)):
            return f"its metadata lacks {key}"
    name = meta.get("name")
    if not (isinstance(name, list) and all(isinstance(n, str) for n in name)):
        return "its metadata lacks the page's name"
    if not isinstance(meta.get("contenttype"), str):
        return "its metadata lacks the kind"
    if problem := unindexable(meta):
        return problem
    if BACKENDS.get(meta.get("namespace")) != backend:
        return "it lies in another namespace than its metadata says"
    return None


def measure(backend: str, dataid: str) -> tuple[int, str]:
    size, digest = 0, hashlib.sha1(usedforsecurity=False)
    with open(data_path(backend, dataid), "rb") as file:
        while block := file.read(1 << 20):
            size += len(block)
            digest.update(block)
    return size, digest.hexdigest()


def link(revid: str, meta: dict) -> Link:
    parent = meta.get("parentid")
    return Link(number(meta, "rev_number"), number(meta, "mtime"), revid, parent if isinstance(parent, str) else "")


def chains(items: Items) -> Iterator[tuple[str, str, int, str]]:
    """Of each revision whose number or predecessor is wrong: its backend and identifier, and what they should be."""
    for (backend, _), links in items.items():
        before, last = "", 0
        for rev_number, _mtime, revid, parent in sorted(links):
            rank = rev_number if rev_number > last else last + 1
            if rev_number != rank or parent != before:
                yield backend, revid, rank, before
            before, last = revid, rank


def broken_chains(items: Items) -> Iterator[Damage]:
    for backend, revid, _, _ in chains(items):
        try:
            name = full_name(read_meta(meta_path(backend, revid)))
        except Damaged:
            continue  # destroyed meanwhile
        yield Damage(backend, revid, shown(name), "its number or the revision before it is wrong", RELINK)


def unreferenced(used: set[tuple[str, str]]) -> Iterator[Loose]:
    for backend in BACKENDS.values():
        try:
            entries = os.scandir(DATA / backend / "data")
        except FileNotFoundError:
            continue
        with entries:
            for entry in entries:
                if (backend, entry.name) in used:
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if time.time() - status.st_mtime > FORGOTTEN:
                    yield Loose(backend, entry.name, status.st_size)


class IndexMemory:
    """What the search index remembers of revisions, as it is now. A damaged one remembers nothing."""

    def __init__(self) -> None:
        self.all = self.latest = None
        self.opened = time.time()
        from whoosh.filedb.filestore import FileStorage

        from .index import PLACE

        try:
            storage = FileStorage(str(PLACE))
            self.all = storage.open_index("all_revs").searcher()
            self.latest = storage.open_index("latest_revs").searcher()
        except Exception as error:  # whatever a damaged index raises, it is of no help
            print(f"the search index: {type(error).__name__}: {error}", file=sys.stderr)
            self.all = self.latest = None

    def fields(self, revid: str) -> dict | None:
        """All that is known of a revision. Of the newest one of a page that is everything, its access list too."""
        if not self.all or not self.latest:
            return None
        try:
            return self.latest.document(revid=revid) or self.all.document(revid=revid)
        except Exception:
            return None

    def behind(self, every: list[tuple[str, str]], damaged: set[str]) -> str:
        """What it lacks of the revisions, and what it has beside them, in words. What was written just now may be on its way."""
        if not self.all or not self.latest:
            return "The search index is missing or damaged."
        try:
            lacking = [key for key in every if self.all.document_number(revid=key[1]) is None]
            gone = self.all.doc_count() - (len(every) - len(lacking))
        except Exception:
            return "The search index is damaged."
        lost = sum(1 for key in lacking if key[1] not in damaged and self.settled(*key))
        told = [f"lacks {lost} revisions that are stored"] * (lost > 0) + [f"has {gone} revisions that are not"] * (gone > 0)
        return f"The search index {' and '.join(told)}." if told else ""

    def settled(self, backend: str, revid: str) -> bool:
        try:
            return meta_path(backend, revid).stat().st_mtime < self.opened - ON_ITS_WAY
        except FileNotFoundError:
            return False

    def name(self, revid: str) -> str:
        fields = self.fields(revid)
        return full_name(fields) if fields else f"unknown ({revid})"

    def can_rewrite(self, backend: str, revid: str) -> bool:
        """Not an account: its password is not in the index."""
        fields = self.fields(revid) if backend != PROFILES else None
        return bool(
            fields and is_uuid(fields.get("dataid")) and data_path(backend, fields["dataid"]).is_file() and fields.get("backendname") == backend
        )
