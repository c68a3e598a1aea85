#!/usr/bin/python3
"""The action add-page: writes a page, unless it is there."""

import html
import json
import os
import sys

FOLDER = "/srv/@NAME@"


def say(**frame):
    print(json.dumps(frame), flush=True)


given = json.loads(sys.stdin.readline())["parameters"]
path = os.path.join(FOLDER, given["name"] + ".html")
say(event="phase", id="write", title="Write the page")
try:
    # beside its place first: whoever is cut off here leaves no half page
    draft = path + ".new"
    with open(draft, "w", encoding="utf-8") as file:
        file.write(f"<!doctype html><title>{html.escape(given['name'])}</title><p>{html.escape(given['text'])}</p>\n")
    os.link(draft, path)
except FileExistsError:
    say(event="result", status="failed", message=f"There is a page {given['name']} already.")
    sys.exit(1)
except OSError as error:
    say(event="result", status="failed", message=f"The page cannot be written: {error}.")
    sys.exit(1)
finally:
    if os.path.exists(draft):
        os.remove(draft)
say(event="result", status="ok", message=f"The page {given['name']} is there.")
