"""Maintenance: as long as there is a page for it, /etc/moin/wiki.wsgi answers visitors with that page and status 503.

Requests from the machine itself are served as always. The page is in no backup, so a restore neither begins nor ends it.
"""

import html

from . import frames
from .administrators import replace
from .stores import HOME

PAGE = HOME / "maintenance.html"

FORM = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>Back soon</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1rem }}
p {{ white-space: pre-line }}
</style>
</head>
<body>
<h1>Back soon</h1>
<p>{text}</p>
</body>
</html>
"""
TEXT = "This wiki is being maintained. Please come back in a little while."


def since() -> float | None:
    """When it began."""
    try:
        return PAGE.stat().st_mtime
    except FileNotFoundError:
        return None


def begin(parameters: dict) -> str:
    frames.phase("maintenance", "Close the wiki for visitors", 1, 1)
    text = parameters.get("message", "").strip() or TEXT
    already = since() is not None
    replace(PAGE, FORM.format(text=html.escape(text)).encode())
    if already:
        return "Visitors have been told of maintenance already; now with this explanation."
    return "Visitors are told that the wiki is being maintained, until maintenance is ended here."


def end(_: dict) -> str:
    frames.phase("maintenance", "Open the wiki again", 1, 1)
    if since() is None:
        return "The wiki was open already."
    PAGE.unlink(missing_ok=True)
    return "The wiki is open again."
