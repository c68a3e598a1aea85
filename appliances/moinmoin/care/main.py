"""Which program does what: `plugin/wiki` runs this for each action and query, by `$ACTION` or `$QUERY`."""

import errno
import importlib
import os
import traceback
from collections.abc import Callable

from . import frames
from .frames import Cancelled, Refused, say
from .stores import HOME

# Each is called with the parameters of an action, or with the request of a query, and gives the result's message.
ACTIONS = {
    "create-user": "accounts:create",
    "disable-user": "accounts:disable",
    "enable-user": "accounts:enable",
    "reset-password": "accounts:reset_password",
    "make-administrator": "accounts:make_administrator",
    "unmake-administrator": "accounts:unmake_administrator",
    "rebuild-index": "index:rebuild",
    "check-storage": "check:report",
    "repair-storage": "repair:repair",
    "export-html": "export_html:export",
    "export-xml": "export_xml:export",
    "import": "import_xml:import_pages",
    "maintenance-on": "maintenance:begin",
    "maintenance-off": "maintenance:end",
}
QUERIES = {
    "figures": "figures:figures",
    "users": "account_list:users",
    "user-names": "account_list:names",
}


def main() -> int:
    os.umask(0o027)
    os.chdir(HOME)
    request = frames.read_request()
    if name := os.environ.get("ACTION"):
        if os.geteuid() != HOME.stat().st_uid:
            # what root writes here the wiki could not read
            return result("failed", f"This is for the user whom {HOME} belongs to. Start the action with appliance-control action.")
        frames.listen_for_cancel()
        return run(ACTIONS[name], request["parameters"])
    return run(QUERIES[os.environ["QUERY"]], request)


def run(place: str, argument: dict) -> int:
    module, function = place.split(":")
    try:
        work: Callable[[dict], str] = getattr(importlib.import_module(f"moin_care.{module}"), function)
        return result("ok", work(argument))
    except Refused as refused:
        return result("failed", str(refused), refused.details)
    except Cancelled as cancelled:
        return result("cancelled", f"Cancelled. {cancelled}".strip())
    except OSError as error:
        traceback.print_exc()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return result("failed", "The disk is full. Make room and start it again.")
        return result("failed", f"{frames.shown(error)}")
    except Exception as error:
        traceback.print_exc()
        return result("failed", f"It broke off: {type(error).__name__}: {frames.shown(error)}")


def result(status: str, message: str, details: list[str] | None = None) -> int:
    say("result", status=status, message=message, details=[frames.shown(line, 500) for line in details or []][:100])
    return 0 if status == "ok" else 1
