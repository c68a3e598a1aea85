"""Query: the wiki in numbers."""

import os
import time

from . import frames, maintenance
from .account_list import accounts
from .stores import DATA, HOME, PAGES, is_page, number, order, revisions

MONTH = 30 * 24 * 3600


def figures(_: dict) -> str:
    since = time.time() - MONTH
    stored, active, edits = 0, set(), 0
    newest: dict[str, tuple[tuple[int, int], bool]] = {}
    for backend in PAGES:
        for _revid, meta in revisions(backend):
            stored += 1
            seen = order(meta), is_page(meta)
            newest[meta["itemid"]] = max(seen, newest.get(meta["itemid"], seen))
            if number(meta, "mtime") >= since:
                edits += 1
                active.add(str(meta.get("userid")))
    people = accounts()
    disabled = sum(1 for account in people if account.disabled)
    if begun := maintenance.since():
        frames.fact("Maintenance", f"since {time.strftime('%Y-%m-%d %H:%M', time.localtime(begun))}: visitors are told to come back later")
    frames.fact("Pages", sum(1 for _, there in newest.values() if there))
    frames.fact("Revisions", stored)
    writers = frames.count(len(active - {"None"}), "person", "people")
    frames.fact("In the last 30 days", f"{frames.count(edits, 'revision')} by {writers}")
    frames.fact("Size", f"{size(used(DATA))}, search index {size(used(HOME / 'wiki/index'))}")
    frames.fact("Accounts", f"{len(people)}, {disabled} of them disabled" if disabled else len(people))
    return ""


def used(folder: os.PathLike) -> int:
    """Bytes of the files below a folder; what vanishes meanwhile counts for nothing."""
    total = 0
    for place, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except FileNotFoundError:
                pass
    return total


def size(count: int) -> str:
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{count} B"
