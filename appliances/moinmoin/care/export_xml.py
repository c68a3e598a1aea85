"""Pages out as XML: with all revisions and their metadata, as `import` takes them. Accounts and help pages are not in it."""

import json
import time
from pathlib import Path

from . import frames
from .frames import Progress, Refused, count, shown, warning
from .pages_xml import Writer
from .stores import HOME, Damaged, Page, data_path, full_names, meta_path, pages, read_meta


def export(parameters: dict) -> str:
    chosen = choose(parameters)
    path = frames.artifact_path(f"{file_name(parameters)}.xml")
    frames.phase("export", "Write the pages", 1, 1)
    progress = Progress(len(chosen), "pages")
    written = left_out = 0
    with open(path, "wb", buffering=1 << 20) as file:
        writer = Writer(file, wiki_name())
        for page in progress.over(chosen):
            writer.begin_page(page.name)
            for revid in page.revids:
                try:
                    meta = read_meta(meta_path(page.backend, revid))
                    with open(data_path(page.backend, meta["dataid"]), "rb") as data:
                        writer.revision(meta, data)
                    written += 1
                except (Damaged, FileNotFoundError, KeyError) as error:
                    left_out += 1
                    warning(f"{shown(page.name)}: revision {revid} is damaged ({shown(error)}) and left out.")
            writer.end_page()
        writer.end()
    frames.artifact(path, "The pages as XML")
    gaps = f" {left_out} damaged revisions are not in it." if left_out else ""
    return f"{count(len(chosen), 'page')} with {count(written, 'revision')}.{gaps}"


def choose(parameters: dict) -> list[Page]:
    """All pages, or the one that was asked for."""
    name = parameters.get("page", "").strip()
    if not name:
        return pages()
    every = pages()
    if found := [page for page in every if name in full_names(page.meta)]:
        return found
    alike = [shown(page.name) for page in every if name.casefold() in page.name.casefold()][:10]
    hint = ["Pages with these words in their names:", *alike] if alike else []
    raise Refused(f"The wiki has no page {shown(name)}. Names are exact; of a page in a namespace, with it: users/Ada.", hint)


def file_name(parameters: dict) -> str:
    name = parameters.get("page", "").strip() or "wiki"
    return f"{name[:60]}-{time.strftime('%Y-%m-%d')}"


def wiki_name() -> str:
    """From the configuration, without running it."""
    for line in Path("/etc/moin/wikiconfig.py").read_text().splitlines():
        if line.strip().startswith("sitename = "):
            try:
                return str(json.loads(line.split("=", 1)[1]))
            except ValueError:
                break
    return str(HOME)
