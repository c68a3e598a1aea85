"""The wiki, for mod_wsgi. Apache starts it while create-wiki is still at work: who comes in that moment is told to come again."""

import logging
import threading
import time
from pathlib import Path

from moin.app import create_app

# Written by create-wiki when all is there.
MADE = Path("/var/lib/moin/appliance.json")
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


def application(environ, start_response):
    if opened is None:
        open_wiki()
    if opened is None:
        start_response("503 Service Unavailable", [("Content-Type", "text/html"), ("Retry-After", "5")])
        return [PAGE]
    return opened(environ, start_response)


threading.Thread(target=wait_for_the_wiki, daemon=True).start()
