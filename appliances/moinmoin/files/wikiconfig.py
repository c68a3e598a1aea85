"""The wiki's configuration, written by appliance-configure: changes in this file do not last.

Settings of your own go into /etc/moin/local.py.
"""

import json
from pathlib import Path

from moin.config import AclConfig, IndexStorageConfig
from moin.config.default import DefaultConfig
from moin.constants.namespaces import (
    NAMESPACE_DEFAULT,
    NAMESPACE_HELP_COMMON,
    NAMESPACE_HELP_EN,
    NAMESPACE_USERPROFILES,
    NAMESPACE_USERS,
)
from moin.contrib import __file__ as contrib
from moin.datastructures import CompositeGroups, ConfigGroups, WikiGroups
from moin.storage import create_mapping
from moin.utils import get_xstatic_module_path_map
from moin.utils.interwiki import InterWikiMap

HOME = Path("/var/lib/moin")
ADDRESS = "http://" + {{ host.fqdn | tojson }} + "/"
# The languages that the wiki's own texts are in.
LOCALES = {"English": "en", "German": "de", "Portuguese": "pt_BR", "Russian": "ru", "Swedish": "sv"}
LOCALE = LOCALES.get({{ answers.language | tojson }})


def administrators():
    """The one of the settings, and those whom the management page has made administrators."""
    try:
        appointed = list(json.loads((HOME / "administrators.json").read_text()))
    except (OSError, ValueError, TypeError):
        appointed = []
    return [{{ answers.admin_name | tojson }}, *(name for name in appointed if isinstance(name, str))]


def acl(hierarchic=False):
    """The administrator does everything, who has an account writes, everybody reads."""
    return AclConfig(
        before="AdminGroup:read,write,create,destroy,admin",
        default="Known:read,write,create All:read",
        after="",
        hierarchic=hierarchic,
    )


class Config(DefaultConfig):
    sitename = {{ answers.wiki_name | tojson }}
    # Part of the search index: it has to stay the same when the wiki gets another name.
    interwikiname = "ThisWiki"
    interwiki_map = InterWikiMap.from_file(str(Path(contrib).with_name("intermap.txt"))).iwmap
    interwiki_map[interwikiname] = interwiki_map["Self"] = ADDRESS

    wikiconfig_dir = str(HOME)
    instance_dir = str(HOME / "wiki")
    data_dir = str(HOME / "wiki/data")
    wiki_local_dir = str(HOME / "wiki_local")
    template_dirs = [wiki_local_dir]
    index_storage = IndexStorageConfig(name="FileStorage", args=(str(HOME / "wiki/index"),), kwargs={})

    serve_files = {
        "wiki_local": wiki_local_dir,
        "external_docs": "https://moin-20.readthedocs.io/en/latest/",
        **get_xstatic_module_path_map(["font_awesome", "svgedit_moin", "pygments"]),
    }

    admin_emails = [{{ answers.admin_email | tojson }}]
    email_tracebacks = False
    content_security_policy_report_only = ""
    theme_default = {{ answers.theme | tojson }}
    # Without a language of the wiki's own, each visitor's browser decides; who has an account may choose in any case.
    user_defaults = {**DefaultConfig.user_defaults, "locale": LOCALE}
    locale_default = LOCALE or "en_US"
    registration_only_by_superuser = {{ "False" if answers.registration == "everybody" else "True" }}
    registration_hint = "The administrator of this wiki makes the accounts: " + {{ answers.admin_email | tojson }}
    acl_functions = "AdminGroup:superuser"

    def groups(self):
        # A group, because a name with a space or a comma could not stand in an ACL.
        return CompositeGroups(ConfigGroups({"AdminGroup": administrators()}), WikiGroups())

    uri = f"stores:fs:{data_dir}/%(backend)s/%(kind)s"
    namespaces = {
        NAMESPACE_DEFAULT: "default",
        NAMESPACE_USERS: "users",
        NAMESPACE_USERPROFILES: "userprofiles",
        NAMESPACE_HELP_COMMON: "help-common",
        NAMESPACE_HELP_EN: "help-en",
    }
    namespace_mapping, backend_mapping, acl_mapping = create_mapping(
        uri,
        namespaces,
        dict.fromkeys(namespaces.values(), uri),
        {
            NAMESPACE_DEFAULT: acl(),
            NAMESPACE_USERS: acl(hierarchic=True),
            NAMESPACE_USERPROFILES: AclConfig(before="All:", default="", after="", hierarchic=False),
            NAMESPACE_HELP_COMMON: acl(),
            NAMESPACE_HELP_EN: acl(),
        },
    )
    root_mapping = {NAMESPACE_USERS: "UserHome"}
    default_root = {{ answers.front_page | tojson }}


MOINCFG = Config
# Signs the cookies of everybody who is signed in; made on this machine by the step create-wiki.
SECRET_KEY = (HOME / "secret-key").read_text()
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

_local = Path("/etc/moin/local.py")
if _local.exists():
    exec(compile(_local.read_text(), _local, "exec"))
