"""The wiki of /etc/moin/wikiconfig.py, or of the file that MOINCFG names, for mod_wsgi."""

import logging
import os

from moin.app import create_app

application = create_app(os.environ.get("MOINCFG", "/etc/moin/wikiconfig.py"))
# Apache's error log is for errors: no line for each page that is read.
logging.getLogger().setLevel(logging.WARNING)
