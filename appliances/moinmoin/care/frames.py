"""Frames of the plugin protocol: what a program says, one JSON object a line."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

# A frame has 64 KiB at most; what is longer is said in several. A query's answer has 1 MiB.
FRAME = 48 * 1024
ANSWER = 900 * 1024
ROWS = 500
CHOICES = 2000
# Characters of a cell. A query's 50 rows have to fit into one frame.
CELL = 200
QUERY_CELL = 100
# So many warnings are told one by one.
WARNINGS = 100
SECRET_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

_cancelled = False
_warned = 0


class Refused(Exception):
    """Something that the person who asked can put right: a message, and lines of details."""

    def __init__(self, message: str, details: Iterable[str] = ()):
        super().__init__(message)
        self.details = list(details)


class Cancelled(Exception):
    """The task was asked to stop. What was done until then, in words."""


def listen_for_cancel() -> None:
    """From now on SIGTERM is heard at the next point where stopping harms nothing."""

    def heard(*_: object) -> None:
        global _cancelled
        _cancelled = True

    signal.signal(signal.SIGTERM, heard)


def stop_here(done: str = "") -> None:
    """A point where stopping harms nothing."""
    if _cancelled:
        raise Cancelled(done)


def said(event: str, **fields: object) -> str:
    return json.dumps({"event": event, **fields}, ensure_ascii=False)


def say(event: str, **fields: object) -> None:
    print(said(event, **fields), flush=True)


def shown(text: object, limit: int = 200) -> str:
    """Foreign text in one line: what cannot be seen is written as an escape, what is long is cut."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text)[: limit + 1])
    return line[: limit - 1] + "…" if len(line) > limit else line


def count(number: int, one: str, more: str = "") -> str:
    return f"{number} {one if number == 1 else more or f'{one}s'}"


def phase(name: str, title: str, index: int, of: int) -> None:
    say("phase", id=name, title=title, index=index, of=of)


def warning(message: str) -> None:
    """A warning. Of thousands the first are told."""
    global _warned
    _warned += 1
    if _warned <= WARNINGS:
        say("warning", message=message)
    elif _warned == WARNINGS + 1:
        say("warning", message="There are more warnings like these, which are not told one by one.")


def fact(label: str, value: object) -> None:
    say("fact", label=label, value=str(value))


def secret(label: str, value: str) -> None:
    say("secret", label=label, value=value)


def table(columns: list[str], rows: Iterable[Iterable[object]], total: int | None = None) -> None:
    """One table; several where it does not fit into a frame. With `total` (one page of a query's table) always one."""
    ready: list[list[str]] = []
    size = 0
    limit = CELL if total is None else QUERY_CELL
    for row in rows:
        cells = [shown(cell, limit) for cell in row]
        length = len(json.dumps(cells, ensure_ascii=False).encode())
        if ready and (size + length > FRAME or len(ready) == ROWS):
            if total is not None:
                break
            say("table", columns=columns, rows=ready)
            ready, size = [], 0
        ready.append(cells)
        size += length
    if total is not None:
        say("table", columns=columns, rows=ready, total=total)
    elif ready:
        say("table", columns=columns, rows=ready)


def choices(offered: Iterable[tuple[str, str]]) -> None:
    """Values and what is shown for each: as many as an answer holds."""
    size = 0
    for offered_before, (value, text) in enumerate(offered):
        line = said("choice", value=value, text=text)
        size += len(line.encode()) + 1
        if offered_before == CHOICES or size > ANSWER:
            return
        print(line)


class Progress:
    """Percentages, four a second at most. Each step is a point where the work can be stopped."""

    def __init__(self, total: int, what: str):
        self.total, self.what, self.done, self.last = total, what, 0, 0.0

    def step(self, count: int = 1) -> None:
        stop_here()
        self.done += count
        now = time.monotonic()
        if now - self.last >= 0.25:
            self.last = now
            percent = min(100.0, round(100 * self.done / max(self.total, 1), 1))
            say("progress", percent=percent, detail=f"{self.done} of {self.total} {self.what}")

    def over(self, things: Iterable) -> Iterator:
        for thing in things:
            self.step()
            yield thing


def artifact_path(name: str) -> Path:
    """Where a file of this name is made. The name keeps its letters and digits of ASCII."""
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "-", name).strip("-.")[:120] or "file"
    return Path(os.environ["ARTIFACTS_DIRECTORY"], plain)


def artifact(path: Path, title: str) -> None:
    say("artifact", name=path.name, size=path.stat().st_size, title=title)


def read_request() -> dict:
    """The one line on standard input."""
    return json.loads(sys.stdin.readline())
