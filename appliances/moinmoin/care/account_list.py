"""Queries: the wiki's accounts as a table, and their names as choices. Without MoinMoin, for they have to be quick."""

from typing import NamedTuple

from . import administrators, frames, stores
from .stores import PROFILES, order, revisions


class Account(NamedTuple):
    itemid: str
    name: str
    email: str
    disabled: bool
    administrator: bool


def accounts() -> list[Account]:
    """All accounts by name."""
    newest: dict[str, dict] = {}
    for _, meta in revisions(PROFILES):
        known = newest.get(meta["itemid"])
        if known is None or order(meta) >= order(known):
            newest[meta["itemid"]] = meta
    may = administrators.everybody()
    found = []
    for itemid, meta in newest.items():
        name = (stores.names(meta) or ["(no name)"])[0]
        email = meta.get("email") or meta.get("email_unvalidated") or ""
        found.append(Account(itemid, name, str(email), meta.get("disabled") is True, name in may))
    return sorted(found, key=lambda account: account.name.casefold())


def matching(search: object) -> list[Account]:
    wanted = str(search or "").casefold()
    return [a for a in accounts() if wanted in a.name.casefold() or wanted in a.email.casefold() or wanted == a.itemid]


def users(request: dict) -> str:
    found = matching(request.get("search"))
    page, rows = max(int(request.get("page", 1)), 1), min(max(int(request.get("rows", 50)), 1), frames.ROWS)
    part = found[(page - 1) * rows : page * rows]
    frames.table(
        ["Name", "Mail address", "State", "Role"],
        (
            [a.name, a.email, "disabled" if a.disabled else "may sign in", "administrator" if a.administrator else "writer"]
            for a in part
        ),
        total=len(found),
    )
    return f"{frames.count(len(found), 'account')}."


def names_to_choose(found: list[Account]) -> list[tuple[str, str]]:
    """What stands for an account in an answer: its name, or its identifier where a name could not be a choice."""
    choices = []
    for account in found:
        plain = account.name.isprintable() and "," not in account.name and account.name == account.name.strip()
        value = account.name if plain and len(account.name) <= 200 else account.itemid
        choices.append((value, frames.shown(account.name) + (" (disabled)" if account.disabled else "")))
    return choices


def names(request: dict) -> str:
    """Those whose name is exactly what is looked for at the front."""
    wanted = str(request.get("search") or "")
    choices = names_to_choose(matching(wanted))
    choices.sort(key=lambda choice: choice[0] != wanted)
    frames.choices(choices)
    return f"{frames.count(len(choices), 'account')}."
