"""Actions: people's accounts in the wiki."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from . import administrators, frames
from .frames import Refused, shown
from .opened import exclusive, open_wiki
from .stores import is_uuid

# Generated passwords have 20 of 56 characters: 116 bits.
LENGTH = 20


def create(parameters: dict) -> str:
    from moin import user

    name, email, password = (parameters.get(key, "") for key in ("name", "email", "password"))
    frames.phase("create-user", "Make the account", 1, 1)
    with changing():
        made = password or new_password()
        if user.search_users(name_exact=name):
            raise Refused(f"There is an account {shown(name)} already.")
        if problem := user.create_user(name, made, email):
            raise Refused(shown(problem, 500))
    if not password:
        frames.secret(f"Password of {shown(name, 100)}", made)
    if parameters.get("administrator") == "true":
        administrators.appoint([*administrators.appointed(), name])
        return f"{shown(name)} can sign in to the wiki now, and is an administrator."
    return f"{shown(name)} can sign in to the wiki now."


def disable(parameters: dict) -> str:
    def change(account) -> None:
        if account.name0 == administrators.of_the_settings():
            raise Refused(
                f"{shown(account.name0)} is the administrator whom the settings name. Name another one there before this account is disabled."
            )
        account.profile["disabled"] = True
        account.generate_session_token(False)  # ends the sessions that there are

    name = change_account(parameters, change)
    return f"{shown(name)} cannot sign in any more, and is signed out everywhere. What they wrote stays."


def enable(parameters: dict) -> str:
    def change(account) -> None:
        account.profile["disabled"] = False

    return f"{shown(change_account(parameters, change))} can sign in again."


def reset_password(parameters: dict) -> str:
    password = new_password()

    def change(account) -> None:
        account.set_password(password)  # ends the sessions that there are
        account.profile["recoverpass_key"] = ""

    name = change_account(parameters, change)
    frames.secret(f"Password of {shown(name, 100)}", password)
    return f"{shown(name)} has a new password. Whoever was signed in with the old one is signed out."


def make_administrator(parameters: dict) -> str:
    with changing():
        name = find(parameters["user"]).name0
        present = administrators.appointed()
        # a name whose account is gone must not wait for somebody who takes it
        administrators.appoint([*(n for n in present if exists(n)), name])
    return f"{shown(name)} is an administrator: may change every page and all accounts in the wiki."


def unmake_administrator(parameters: dict) -> str:
    with changing():
        name = find(parameters["user"]).name0
        if name == administrators.of_the_settings():
            raise Refused(f"{shown(name)} is the administrator whom the settings name. Name another one there.")
        if name not in administrators.appointed():
            raise Refused(f"{shown(name)} is no administrator.")
        administrators.appoint([n for n in administrators.appointed() if n != name and exists(n)])
    return f"{shown(name)} is no administrator any more."


@contextmanager
def changing() -> Iterator[None]:
    with exclusive("an account"), open_wiki():
        yield


def change_account(parameters: dict, change: Callable) -> str:
    """Changes an account and saves it; gives its name."""
    frames.phase("account", "Change the account", 1, 1)
    with changing():
        account = find(parameters["user"])
        change(account)
        account.save(force=True)
        return account.name0


def find(who: str):
    """The account with this name or identifier."""
    from moin import user

    found = user.search_users(name_exact=who)
    if not found and is_uuid(who):
        found = user.search_users(itemid=who)
    if not found:
        raise Refused(f"The wiki has no account {shown(who)}.")
    return user.User(uid=found[0].meta["itemid"])


def exists(name: str) -> bool:
    from moin import user

    return bool(user.search_users(name_exact=name))


def new_password() -> str:
    return "".join(secrets.choice(frames.SECRET_ALPHABET) for _ in range(LENGTH))
