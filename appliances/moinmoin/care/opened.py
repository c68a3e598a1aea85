"""The wiki opened with MoinMoin, beside the web server that has it open as well."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import moin_instance
from whoosh.index import LockError

from .frames import Refused

T = TypeVar("T")
# So long a change waits for the web server to finish with the index (seconds).
PATIENCE = 30.0


@contextmanager
def open_wiki(without_index: bool = False) -> Iterator[object]:
    moin_instance.be_brief()
    try:
        with moin_instance.open_wiki(without_index=without_index) as app:
            index_revision = app.storage.index_revision
            app.storage.index_revision = lambda *args, **more: until_unlocked(lambda: index_revision(*args, **more))
            yield app
    except SystemExit as error:  # what MoinMoin says of a missing index
        raise Refused("The search index is missing. Rebuild the search index first.") from error


@contextmanager
def exclusive(what: str) -> Iterator[None]:
    """Nobody else changes index or storage as a whole meanwhile: neither another action nor the configuration."""
    try:
        with moin_instance.exclusive():
            yield
    except BlockingIOError as error:
        raise Refused(f"Something else is changing the wiki's storage, so {what} was left alone. Try again later.") from error


def until_unlocked(change: Callable[[], T]) -> T:
    """Does it again for as long as the web server holds the index. The change has to be one that can be repeated."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return change()
        except LockError:
            if time.monotonic() > end:
                print("the index stayed locked", file=sys.stderr)
                raise
            time.sleep(0.2)
