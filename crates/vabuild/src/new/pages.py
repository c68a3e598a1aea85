#!/usr/bin/python3
"""The query pages: which pages the web site has."""

import json
import os
import sys

FOLDER = "/srv/@NAME@"


def say(**frame):
    print(json.dumps(frame), flush=True)


json.loads(sys.stdin.readline())
try:
    names = sorted(name for name in os.listdir(FOLDER) if name.endswith(".html"))
except FileNotFoundError:
    names = []
say(event="fact", label="Pages", value=str(len(names)))
say(event="table", columns=["Page"], rows=[[name] for name in names[:1000]])
say(event="result", status="ok")
