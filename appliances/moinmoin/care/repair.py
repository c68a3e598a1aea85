"""The storage repaired: what the check found, each after it was looked at once more. Nothing is deleted.

What cannot be made good is moved to `damaged/TIME/BACKEND/meta|data/` below the wiki's folder, as it was, with a list.
"""

import calendar
import json
import os
import time
from pathlib import Path

from . import frames
from .administrators import replace
from .check import (
    COMPLETE,
    RELINK,
    REWRITE,
    Damage,
    IndexMemory,
    Items,
    chains,
    link,
    look,
    look_at,
    measure,
    tell,
    unreferenced,
)
from .frames import shown, stop_here
from .opened import exclusive
from .stores import BACKENDS, DATA, HOME, PROFILES, Damaged, data_path, is_uuid, meta_path, read_meta, revids

# What the index keeps for itself and what metadata does not have.
INDEX_ONLY = ("backendname", "names", "name_sort", "content", "has_tag", "name_exact")


def repair(_: dict) -> str:
    with exclusive("the storage"):
        found = look(1, 3)
        if not any(found):
            return "The storage is whole. There was nothing to repair."
        tell(found)
        damages = found.damages
        frames.phase("repair", "Repair", 2, 3)
        kept = IndexMemory()
        shelf = Shelf()
        done = []
        for damage in damages:
            stop_here(f"{len(done)} of {len(damages)} damages were repaired. The search index is behind now: start the repair again.")
            done.append((damage, cure(damage, kept, shelf)))
        relinked = relink()
        used = references()
        loose_now = {(item.backend, item.dataid) for item in unreferenced(used)}
        for backend, dataid in loose_now | (shelf.orphans - used):
            shelf.take(data_path(backend, dataid), backend, "data")
        frames.table(["Page", "Revision", "What was done"], ([d.name, f"{d.backend}/{d.revid}", what] for d, what in done))
        shelf.write_list(done)
        frames.phase("index", "Build the search index anew", 3, 3)
        from .index import build

        build()
    where = f" What was moved aside lies in {shelf.folder}." if shelf.taken else ""
    chain = f" Linked anew: {frames.count(relinked, 'revision')}." if relinked else ""
    dealt = f"Dealt with: {frames.count(len(done), 'damaged revision')}." if done else "The search index was built anew."
    return f"{dealt}{chain}{where}"


def cure(damage: Damage, kept: IndexMemory, shelf: "Shelf") -> str:
    """Does what the check announced, if it is still needed."""
    backend, revid = damage.backend, damage.revid
    if damage.cure == RELINK:
        return "its number and the revision before it were corrected"
    now, meta = look_at(backend, revid, kept)
    if now is None:
        return "nothing: it is whole by now"
    if now.cure == COMPLETE and meta:
        size, digest = measure(backend, meta["dataid"])
        write_meta(backend, revid, meta | {"size": size, "sha1": digest, "revid": revid})
        return "its metadata was completed"
    if now.cure == REWRITE and rewrite(backend, revid, kept, shelf):
        return "its metadata was made again from the search index"
    if meta and is_uuid(meta.get("dataid")):
        shelf.orphans.add((backend, meta["dataid"]))
    shelf.take(meta_path(backend, revid), backend, "meta")
    return "it was moved aside"


def rewrite(backend: str, revid: str, kept: IndexMemory, shelf: "Shelf") -> bool:
    """Metadata from the index's fields, with size and hash as the data has them now. The damaged file is kept."""
    fields = kept.fields(revid)
    if not fields:
        return False
    meta = {key: value for key, value in fields.items() if key not in INDEX_ONLY and value is not None}
    for key in ("mtime", "ptime"):
        if key in meta:
            meta[key] = calendar.timegm(meta[key].utctimetuple())
    for key in ("itemlinks", "itemtransclusions", "tags", "name_old"):
        if not isinstance(meta.get(key, []), list):
            meta[key] = []
    size, digest = measure(backend, meta["dataid"])
    if meta.get("size") not in (None, size):
        return False  # the data is damaged too
    try:
        json.dumps(meta)
    except TypeError:
        return False
    shelf.take(meta_path(backend, revid), backend, "meta", copy=True)
    write_meta(backend, revid, meta | {"size": size, "sha1": digest, "revid": revid})
    return True


def relink() -> int:
    """Numbers and predecessors of all revisions as they are now, after damaged ones have gone."""
    items: Items = {}
    for backend in BACKENDS.values():
        if backend == PROFILES:
            continue
        for revid in revids(backend):
            try:
                meta = read_meta(meta_path(backend, revid))
            except Damaged:
                continue
            if is_uuid(meta.get("itemid")):
                items.setdefault((backend, meta["itemid"]), []).append(link(revid, meta))
    count = 0
    for backend, revid, rank, parent in chains(items):
        meta = read_meta(meta_path(backend, revid))
        meta.pop("parentid", None)
        write_meta(backend, revid, meta | {"rev_number": rank} | ({"parentid": parent} if parent else {}))
        count += 1
    return count


def write_meta(backend: str, revid: str, meta: dict) -> None:
    replace(meta_path(backend, revid), json.dumps(meta, ensure_ascii=False).encode("utf-8", "backslashreplace"))


def references() -> set[tuple[str, str]]:
    found = set()
    for backend in BACKENDS.values():
        for revid in revids(backend):
            try:
                dataid = read_meta(meta_path(backend, revid)).get("dataid")
            except Damaged:
                continue
            if isinstance(dataid, str):
                found.add((backend, dataid))
    return found


class Shelf:
    """Where damaged files are put, each below its backend and kind."""

    def __init__(self) -> None:
        self.folder = HOME / "damaged" / time.strftime("%Y-%m-%d-%H%M%S")
        self.taken: list[str] = []
        # data of revisions that were moved aside: it goes along, unless another revision has it too
        self.orphans: set[tuple[str, str]] = set()

    def take(self, path: Path, backend: str, kind: str, copy: bool = False) -> None:
        place = self.folder / backend / kind
        place.mkdir(parents=True, exist_ok=True)
        try:
            if copy:
                (place / path.name).write_bytes(path.read_bytes())
            else:
                os.rename(path, place / path.name)
        except FileNotFoundError:
            return
        self.taken.append(str(path.relative_to(DATA)))

    def write_list(self, done: list[tuple[Damage, str]]) -> None:
        if self.taken:
            lines = [f"{d.backend}/{shown(d.revid)}\t{d.name}\t{d.problem}\t{what}\n" for d, what in done]
            (self.folder / "LIST").write_text("".join(lines), errors="backslashreplace")
