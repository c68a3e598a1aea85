"""What the management page can do for the wiki: the actions and queries of its plugin.

* `main`: which program does what; `frames`: what it says, in the words of docs/plugin-protocol.md
* `stores`: the wiki's files, read without MoinMoin, which takes seconds to start
* `accounts`, `account_list`: people; `figures`: numbers; `maintenance`: the wiki closed for a while
* `index`: the search index; `check`, `repair`: the storage
* `export_html`, `export_xml`, `import_xml`: pages out and in; `pages_xml`: the file between them

Whatever comes out of the wiki's files or out of an upload is somebody else's text: it is shown, never believed.
"""
