"""Pages out as HTML: an archive to open in a browser or to put on any web server. The newest revision of each page.

`index.html`, `pages/NAME-ID.html`, `files/NAME-ID.png` for what is no text. Names of files are made of letters and digits, so a
page's name decides nothing about where its file lies. Links between the pages lead to each other.
"""

import html
import mimetypes
import re
import shutil
import zipfile
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from . import frames
from .export_xml import choose, file_name, wiki_name
from .frames import Progress, count, shown, warning
from .opened import open_wiki
from .stores import Page, data_path, full_names

LINK = re.compile(r'(?P<what>\b(?:href|src|data)=")(?P<link>[^"]*)(?P<end>")')
ITEM_REVISION = re.compile(r"\+[0-9a-f]{32}/")
STYLE = """:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: break-word }
table { border-collapse: collapse } td, th { border: 1px solid #8888; padding: .2rem .5rem }
pre { overflow-x: auto } img, object { max-width: 100% } footer { margin-top: 3rem; color: #888 }
"""
FORM = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="script-src 'none'; object-src 'none'">
<title>{title}</title><link rel="stylesheet" href="{up}style.css"></head>
<body><nav><a href="{up}index.html">{wiki}</a></nav>
<h1>{title}</h1>
{body}
</body></html>
"""


class Place(NamedTuple):
    """Where a page's HTML is, and its data when that is no text."""

    page: str
    file: str | None


def export(parameters: dict) -> str:
    chosen = choose(parameters)
    frames.phase("export", "Write the pages", 1, 1)
    path = frames.artifact_path(f"{file_name(parameters)}.zip")
    places = {name: place for page in chosen for place in [place_of(page)] for name in full_names(page.meta)}
    wiki, failed = wiki_name(), 0
    with open_wiki() as app, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        render = renderer(app)
        archive.writestr("style.css", STYLE)
        for page in Progress(len(chosen), "pages").over(chosen):
            place = places[page.name]
            try:
                body = write_file(archive, page, place) or relink(render(page), places)
            except Exception as error:  # one page that cannot be shown must not cost the others
                failed += 1
                warning(f"{shown(page.name)} could not be rendered: {type(error).__name__}: {shown(error)}")
                continue
            body += f"<footer>Revision {int(page.meta.get('rev_number') or 0)}</footer>"
            archive.writestr(place.page, document(page.name, body, wiki, "../"))
        archive.writestr("index.html", document(wiki, index(chosen, places), wiki, ""))
    frames.artifact(path, "The pages as HTML")
    gaps = f" {count(failed, 'page')} could not be rendered and stand above." if failed else ""
    return f"{count(len(chosen) - failed, 'page')} as HTML.{gaps}"


def place_of(page: Page) -> Place:
    slug = "".join(c if c.isalnum() else "_" for c in page.name)[:50].strip("_") or "page"
    stem = f"{slug}-{page.itemid[:12]}"
    kind = str(page.meta.get("contenttype", "")).split(";")[0]
    if kind.startswith("text/"):
        return Place(f"pages/{stem}.html", None)
    return Place(f"pages/{stem}.html", f"files/{stem}{mimetypes.guess_extension(kind) or '.bin'}")


def renderer(app) -> Callable[[Page], str]:
    """Gives a page's content as HTML, as the wiki shows it to whoever may read everything."""
    from moin.app import before_wiki
    from moin.items import Item

    context = app.test_request_context("/")
    context.push()
    for _, acls in app.cfg.acl_mapping:
        acls["before"] = "All:read"
    before_wiki()

    def render(page: Page) -> str:
        item = Item.create(page.name)
        try:
            return str(item.content._render_data())
        finally:
            item.rev.data.close()

    return render


def write_file(archive: zipfile.ZipFile, page: Page, place: Place) -> str | None:
    """Of a page that is no text: its data into the archive, in blocks. Gives the body that leads there."""
    if not place.file:
        return None
    with open(data_path(page.backend, page.meta["dataid"]), "rb") as data, archive.open(place.file, "w", force_zip64=True) as out:
        shutil.copyfileobj(data, out, 1 << 20)
    link = f"../{place.file}"
    picture = f'<p><img src="{html.escape(link)}" alt=""></p>' if str(page.meta.get("contenttype")).startswith("image/") else ""
    return f'{picture}<p><a href="{html.escape(link)}" download>{html.escape(page.name)}</a></p>'


def relink(body: str, places: dict[str, Place]) -> str:
    """Links to pages of the archive lead to their files, all others stay."""

    def target(match: re.Match) -> str:
        try:
            parts = urlsplit(html.unescape(match["link"]))
        except ValueError:
            return match[0]
        if parts.scheme or parts.netloc or not parts.path.startswith("/"):
            return match[0]
        path = unquote(parts.path).lstrip("/")
        raw = path.startswith("+get/")
        if raw:
            path = ITEM_REVISION.sub("", path.removeprefix("+get/"), count=1)
        place = places.get(path)
        if place is None:
            return match[0]
        to = place.file if raw and place.file else place.page
        fragment = f"#{parts.fragment}" if parts.fragment else ""
        return f"{match['what']}../{html.escape(to + fragment)}{match['end']}"

    return LINK.sub(target, body)


def document(title: str, body: str, wiki: str, up: str) -> str:
    return FORM.format(title=html.escape(title), body=body, wiki=html.escape(wiki), up=up)


def index(chosen: list[Page], places: dict[str, Place]) -> str:
    entries = (f'<li><a href="{html.escape(places[p.name].page)}">{html.escape(p.name)}</a></li>\n' for p in chosen)
    return f"<ul>\n{''.join(entries)}</ul>"
