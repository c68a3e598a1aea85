"""Who is an administrator beside the one of the settings: a list of names in a file, which wikiconfig.py reads."""

import json
import os
import tempfile
from pathlib import Path

from .stores import HOME

FILE = HOME / "administrators.json"
STATE = HOME / "appliance.json"


def of_the_settings() -> str | None:
    """The administrator whom the answers name."""
    try:
        return json.loads(STATE.read_text())["administrator"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def appointed() -> list[str]:
    try:
        listed = json.loads(FILE.read_text())
    except (FileNotFoundError, ValueError):
        return []
    return [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []


def everybody() -> set[str]:
    return {*appointed(), *filter(None, [of_the_settings()])}


def appoint(names: list[str]) -> None:
    replace(FILE, json.dumps(sorted(set(names)), ensure_ascii=False).encode())


def replace(path: Path, content: bytes, mode: int = 0o640) -> None:
    """The file has this content, whole or not at all."""
    handle, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        os.fchmod(file.fileno(), mode)
    os.rename(new, path)
