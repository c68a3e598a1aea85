"""A wiki opened in this process, for programs that do several things to it.

Every call of the command line starts MoinMoin anew; a program that needs an index, help pages and an account
starts it once.
"""

import contextlib
import fcntl
import gc
import io
import json
import logging
import shutil
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import click
from moin import current_app, user
from moin import help as moin_help
from moin.app import before_wiki, create_app
from moin.cli.maint.modify_item import LoadHelp, LoadWelcome, PutItem
from moin.constants.keys import EMAIL, NAME_EXACT
from moin.utils.crypto import make_uuid

CONFIG = "/etc/moin/wikiconfig.py"
# Held by whoever changes storage or index as a whole.
LOCK = "/var/lib/moin/appliance.lock"
VERSION = version("moin")
HTML_ROLES = "abbr b cite del dfn i ins kbd mark q s samp small u var".split()


@contextlib.contextmanager
def open_wiki(config=CONFIG, without_index=False):
    """Opens the wiki of `config`. Without an index that is an error, unless `without_index` says that one will be made."""
    with contextlib.ExitStack() as stack:
        if without_index:
            # What MoinMoin asks when it decides whether a missing index matters.
            stack.enter_context(click.Context(click.Command("index-create"), info_name="index-create"))
        app = create_app(config)
        stack.enter_context(app.app_context())
        before_wiki()
        yield app


@contextlib.contextmanager
def exclusive(wait=0):
    """Nobody else changes storage or index as a whole meanwhile. BlockingIOError when somebody does for `wait` seconds."""
    end = time.monotonic() + wait
    with open(LOCK, "w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.2)
        yield


def be_brief():
    """Makes MoinMoin say what went wrong in a line for each page, without a traceback."""
    logging.getLogger().setLevel(logging.WARNING)

    def without_traceback(record):
        record.exc_info = None
        return not record.name.endswith("clock")

    for handler in logging.getLogger().handlers:
        handler.addFilter(without_traceback)


def build_index(load=lambda: None):
    """Makes storage and index where they are missing, and the index anew where there is one.

    `load` may store pages; they are indexed with all others, in one go: a commit for each page takes ten times as long.
    """
    with contextlib.suppress(FileNotFoundError):
        current_app.storage.destroy()
    current_app.init_backends(create_backend=True)
    before_wiki()
    storage = current_app.storage
    gc.freeze()  # MoinMoin collects garbage after each page: not what is here already
    storage.index_revision = lambda *args, **options: None
    try:
        load()
    finally:
        del storage.index_revision
    storage.rebuild()


def load_pages(welcome):
    """Stores the help pages of this version, and with `welcome` the first pages of a new wiki where there are none."""
    with contextlib.redirect_stdout(io.StringIO()):  # it names every page
        LoadHelp("help-common", None)
        load_english_help()
        if welcome:
            load_welcome()


def load_welcome():
    """Stores the first pages of a new wiki, where there are none: the front page under the name that it shall have."""
    LoadWelcome()
    name = current_app.cfg.default_root
    if name == "Home" or current_app.storage.has_item(name):
        return
    welcome = Path(moin_help.__file__).parent / "welcome"
    about = json.loads((welcome / "Home.meta").read_text())
    about |= {"name": [name], "itemid": make_uuid(), "revid": make_uuid(), "dataid": make_uuid()}
    with tempfile.TemporaryDirectory() as folder:
        meta = Path(folder) / "front.meta"
        meta.write_text(json.dumps(about))
        PutItem(str(meta), str(welcome / "Home.data"), True)


def load_english_help():
    """Stores the English help. Its page on reStructuredText includes a file of docutils 0.22, newer than Debian 13's."""
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder) / "help-en"
        shutil.copytree(Path(moin_help.__file__).parent / "help-en", pages)
        page, about = pages / "rst.data", pages / "rst.meta"
        roles = "".join(f".. role:: {role}\n" for role in HTML_ROLES)
        text = page.read_text().replace("\n.. include:: <html-roles.txt>\n", f"\n{roles}", 1).replace("\n", "\r\n")
        page.write_bytes(text.encode())
        meta = json.loads(about.read_text()) | {"size": len(text.encode())}
        del meta["sha1"]
        about.write_text(json.dumps(meta))
        LoadHelp("help-en", folder)


def find_user(name):
    """The account with this name, or None."""
    found = user.search_users(**{NAME_EXACT: name})
    return user.User(uid=found[0].meta["itemid"]) if found else None


def set_account(name, email=None, password=None):
    """Gives an account another mail address or password."""
    account = find_user(name)
    if email is not None:
        account.profile[EMAIL] = email
    if password is not None:
        account.set_password(password)
    account.save()
