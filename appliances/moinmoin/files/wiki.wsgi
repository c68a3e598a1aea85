"""The wiki, for mod_wsgi. At two times it is closed, and who comes is told to come again: while create-wiki is still at work, for
Apache starts this at the same time; and while there is a page of maintenance, which the wiki's plugin makes and takes away."""

import logging
import threading
import time
from pathlib import Path

from moin.app import create_app

# Written by create-wiki when all is there.
MADE = Path("/var/lib/moin/appliance.json")
MAINTENANCE = Path("/var/lib/moin/maintenance.html")
# Who looks after the wiki on the machine itself, health checks too, sees it as always.
HERE = ("127.0.0.1", "::1")
PAGE = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>One moment</title></head>
<body><h1>One moment</h1><p>The wiki is being set up. This page comes again by itself.</p></body></html>
"""

opened = None
opening = threading.Lock()


def open_wiki():
    global opened
    with opening:
        if opened is None and MADE.exists():
            opened = create_app("/etc/moin/wikiconfig.py")
            # Apache's error log is for errors: no line for each page that is read.
            logging.getLogger().setLevel(logging.WARNING)


def wait_for_the_wiki():
    """Opens it as soon as it is made: the first visitor does not wait for that."""
    while not MADE.exists():
        time.sleep(0.1)
    open_wiki()


def maintenance(environ):
    """What visitors see in place of the wiki, or None. Whom a proxy on this machine speaks for is a visitor."""
    if environ.get("REMOTE_ADDR") in HERE and not environ.get("HTTP_X_FORWARDED_FOR"):
        return None
    try:
        return MAINTENANCE.read_bytes()
    except FileNotFoundError:
        return None


def come_again(start_response, page, seconds):
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Retry-After", seconds), ("Cache-Control", "no-store")]
    start_response("503 Service Unavailable", headers)
    return [page]


def application(environ, start_response):
    if (page := maintenance(environ)) is not None:
        return come_again(start_response, page, "600")
    if opened is None:
        open_wiki()
    if opened is None:
        return come_again(start_response, PAGE, "5")
    return opened(environ, start_response)


threading.Thread(target=wait_for_the_wiki, daemon=True).start()
