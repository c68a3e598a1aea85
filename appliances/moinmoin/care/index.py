"""The search index, built anew beside the present one, which is searched meanwhile, and then put into its place.

What is saved in the wiki during the work is caught up with: first while everybody writes on, the rest while the old
index's write locks are held. Then the two folders change places in one step of the kernel, and the old one goes.
"""

import ctypes
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from whoosh.filedb.filestore import FileStorage

from . import frames
from .frames import Progress, Refused
from .opened import PATIENCE, exclusive, open_wiki
from .stores import BACKENDS, HOME, Damaged, data_path, is_uuid, meta_path, order, read_meta, revids, unindexable

PLACE = HOME / "wiki/index"
LATEST = ("latest_revs", "latest_meta")
NAMES = ("latest_revs", "all_revs", "latest_meta")
# Memory of the writer, in MB: the rest of the action's is MoinMoin's.
POOL = 64
RENAME_EXCHANGE = 2
AT_FDCWD = -100

Key = tuple[str, str]


def rebuild(_: dict) -> str:
    with exclusive("the search index"):
        return build()


def build() -> str:
    """Needs the lock `exclusive`. Gives the result's message."""
    set_broken_aside()
    began = time.time_ns()
    with open_wiki(without_index=True) as app:
        indexer = app.storage
        indexer.destroy(tmp=True)
        indexer.create(tmp=True)
        try:
            new = NewIndex(indexer)
            left_out = new.fill()
            frames.phase("catch-up", "Catch up with what was saved meanwhile", 3, 4)
            mark = time.time_ns()
            new.catch_up(began)
            with write_locks():
                new.catch_up(mark)
                frames.phase("swap", "Put the new index into the place of the old one", 4, 4)
                put_in_place(Path(f"{PLACE}.temp"))
        finally:
            indexer.destroy(tmp=True)
    if left_out:
        frames.warning(f"Not in the index: {frames.count(left_out, 'damaged revision')}. Check the storage: it names them.")
    return f"The search index has {frames.count(len(new.indexed), 'revision')}. It was searched all the while."


def set_broken_aside() -> None:
    """An index that cannot even be opened is as good as none."""
    shutil.rmtree(f"{PLACE}.broken", ignore_errors=True)
    if not PLACE.exists():
        return
    try:
        storage = FileStorage(str(PLACE))
        for name in NAMES:
            if storage.index_exists(name):
                storage.open_index(name).close()
    except Exception as error:  # a damaged pickle raises whatever it likes
        frames.warning(f"The present index is damaged ({type(error).__name__}), and is not searched meanwhile.")
        os.rename(PLACE, f"{PLACE}.broken")
        shutil.rmtree(f"{PLACE}.broken")


class NewIndex:
    """The index that is being built: what it has, and which revision is each page's newest."""

    def __init__(self, indexer) -> None:
        self.indexer = indexer
        self.indexed: set[Key] = set()
        # By backend and item: its order, and its identifier. MoinMoin goes by the time alone, which two can have in common.
        self.newest: dict[Key, tuple[tuple[int, int], str]] = {}

    def fill(self) -> int:
        """All revisions, then the newest ones of each page. Gives how many were left out."""
        every = [key for key in stored() if is_uuid(key[1])]
        frames.phase("revisions", "Index all revisions", 1, 4)
        progress = Progress(len(every), "revisions")
        self.change("all_revs", progress.over(self.taken(every)), "add")
        frames.phase("pages", "Index the newest revision of each page", 2, 4)
        latest = self.latest()
        progress = Progress(2 * len(latest), "steps")
        for name in LATEST:
            self.change(name, progress.over(key for key in latest if readable(*key)), "add")
        return len(every) - len(self.indexed)

    def catch_up(self, since: int) -> None:
        """Takes in what was stored, changed in place or destroyed since then (nanoseconds)."""
        present = set(stored())
        changed = [key for key in present if written_since(key, since) and is_uuid(key[1])]
        gone = self.indexed - present
        if not changed and not gone:
            return
        before = self.latest()
        self.change("all_revs", gone, "delete")
        self.forget(gone)
        self.change("all_revs", self.taken(changed), "update")
        after = self.latest()
        for name in LATEST:
            self.change(name, before - after, "delete")
            self.change(name, (after - before) | (after & set(changed)), "update")

    def change(self, name: str, keys: Iterable[Key], mode: str) -> None:
        index = self.indexer.get_storage(tmp=True).open_index(name)
        try:
            self.indexer._modify_index(index, self.indexer.schemas[name], keys, mode, limitmb=POOL)
        finally:
            index.close()

    def taken(self, keys: Iterable[Key]) -> Iterator[Key]:
        """Those that can be indexed: a damaged revision must not keep the others out of the index."""
        for key in keys:
            if meta := readable(*key):
                self.indexed.add(key)
                self.rank(key, meta)
                yield key

    def rank(self, key: Key, meta: dict) -> None:
        item = key[0], meta["itemid"]
        self.newest[item] = max((order(meta), key[1]), self.newest.get(item, ((0, 0), "")))

    def latest(self) -> set[Key]:
        return {(backend, revid) for (backend, _), (_, revid) in self.newest.items()}

    def forget(self, gone: set[Key]) -> None:
        """Of pages that have lost their newest revision, the one before is it."""
        self.indexed -= gone
        lost = {item for item, (_, revid) in self.newest.items() if (item[0], revid) in gone}
        for item in lost:
            del self.newest[item]
        for key in self.indexed if lost else ():
            if (meta := readable(*key)) and (key[0], meta["itemid"]) in lost:
                self.rank(key, meta)


def stored() -> list[Key]:
    return [(backend, revid) for backend in BACKENDS.values() for revid in revids(backend)]


def readable(backend: str, revid: str) -> dict | None:
    """A revision's metadata, when the revision can be indexed."""
    try:
        meta = read_meta(meta_path(backend, revid))
    except Damaged:
        return None
    good = (
        isinstance(meta.get("name"), list)
        and all(isinstance(name, str) for name in meta["name"])
        and isinstance(meta.get("contenttype"), str)
        and all(isinstance(meta.get(key) or 0, int) for key in ("rev_number", "size"))
        and unindexable(meta) is None
        and isinstance(meta.get("namespace"), str)
        and is_uuid(meta.get("itemid"))
        and meta.get("revid") == revid
        and is_uuid(meta.get("dataid"))
        and data_path(backend, meta["dataid"]).is_file()
    )
    return meta if good else None


def written_since(key: Key, since: int) -> bool:
    try:
        return meta_path(*key).stat().st_mtime_ns >= since - 2_000_000_000
    except FileNotFoundError:
        return False


@contextmanager
def write_locks() -> Iterator[None]:
    """Nobody writes to the present index meanwhile. Who wants to, waits, and finds the new one."""
    with ExitStack() as stack:
        if PLACE.is_dir():
            storage = FileStorage(str(PLACE))
            for name in NAMES:
                lock = storage.lock(f"{name}_WRITELOCK")
                end = time.monotonic() + PATIENCE
                while not lock.acquire(blocking=False):
                    if time.monotonic() > end:
                        raise Refused("The wiki did not let go of its index for half a minute. Try again later.")
                    time.sleep(0.1)
                stack.callback(lock.release)
        yield


def put_in_place(new: Path) -> None:
    """The new folder stands where the old one was, which lies where the new one was. There is no moment without an index."""
    if not PLACE.exists():
        os.rename(new, PLACE)
        return
    library = ctypes.CDLL(None, use_errno=True)
    if library.renameat2(AT_FDCWD, os.fsencode(new), AT_FDCWD, os.fsencode(PLACE), RENAME_EXCHANGE) == 0:
        return
    # a file system that cannot: for a moment there is no index, and readers try again
    old = Path(f"{PLACE}.old")
    shutil.rmtree(old, ignore_errors=True)
    os.rename(PLACE, old)
    os.rename(new, PLACE)
    os.rename(old, new)
