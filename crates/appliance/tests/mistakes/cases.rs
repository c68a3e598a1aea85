//! The cases: a change to the good definition, and what is said about it.

use super::Case;

#[rustfmt::skip]
pub const CASES: &[Case] = &[
    Case {
        from: r#"name = "wiki"
version"#,
        to: r#"name = "wiki
version"#,
        expect: &[
            r#"appliance.toml:2:13: not TOML: invalid basic string, expected `"`"#,
        ],
    },
    Case {
        from: "",
        to: r#"x = = 1
y ="#,
        expect: &[
            "appliance.toml:28:5: not TOML: extra `=`, expected nothing",
            "appliance.toml:28:7: not TOML: unexpected key or value, expected newline, `#`",
            "appliance.toml:29:4: not TOML: string values must be quoted, expected literal string",
        ],
    },
    Case {
        from: "url = \"http:",
        to: "package-users = [\"pdns\", \"p:s\", \"pdns\"]\nurl = \"htps:",
        expect: &[
            "appliance.toml:7:28: not a user's name; use lower case letters, digits, `_` and `-`, a letter or `_` first, at most 31 characters",
            "appliance.toml:7:33: `pdns` stands here a second time; take it out",
            "appliance.toml:8:7: `htps` is no scheme of an address here; did you mean `https`?",
        ],
    },
    Case {
        from: "",
        to: r#"[[database]]
engine = "postgresql"
name = "notes"
[backup]
quiesce = ["postgresql.service"]"#,
        expect: &[
            "appliance.toml:32:12: `postgresql.service` has to run: it dumps the definition's `[[database]]`; take it out, and name the units that write to the database",
        ],
    },
    Case {
        from: "packages =",
        to: "package =",
        expect: &[
            r#"appliance.toml:1:1: `appliance` lacks the key `packages`; add `packages = ["…"]`: What the metapackage depends on, each a relation as in `Depends` (Policy 7.1)."#,
            "appliance.toml:6:1: `appliance` has no key `package`; did you mean `packages`?",
        ],
    },
    Case {
        from: "url =",
        to: "uri =",
        expect: &[
            "appliance.toml:7:1: `appliance` has no key `uri`; did you mean `url`?",
        ],
    },
    Case {
        from: "",
        to: r#"[[step]]
name = "s"
rnu = "files/run""#,
        expect: &[
            r#"appliance.toml:28:1: `step` lacks the key `run`; add `run = "…"`: Executable in the definition's folder; must be safe to run again."#,
            "appliance.toml:30:1: `step` has no key `rnu`; did you mean `run`?",
        ],
    },
    Case {
        from: r#"summary = "Wiki, ready to use"
"#,
        to: "",
        expect: &[
            r#"appliance.toml:1:1: `appliance` lacks the key `summary`; add `summary = "…"`: One line, at most 60 characters (Policy 3.4.1)."#,
        ],
    },
    Case {
        from: r#"version = "1.0""#,
        to: "version = 1.0",
        expect: &[
            "appliance.toml:3:11: `version` is text, this is a number with a point; write it in quotation marks",
        ],
    },
    Case {
        from: r#"["apache2"]"#,
        to: r#""apache2""#,
        expect: &[
            r#"appliance.toml:6:12: `packages` is a list, this is text; write `packages = ["apache2"]`"#,
        ],
    },
    Case {
        from: "",
        to: r#"[[question]]
name = "a"
prompt = "A"
type = "multiselect"
choices = ["x", "y, z"]
when = "wiki-nam"
min = 3

[[question]]
name = "b"
prompt = "B"
default = "{{ answers.admin_password }}"
when = { question = "a", is = "z", not = "x" }
min-length = 5
max-length = 4
pattern = "^a$"

[[question]]
name = "c"
prompt = "C"
group = ""
when = { question = "a", not = ["x", "w"] }
default = "{{ answers.d }}"

[[question]]
name = "d"
prompt = "D"
type = "port"
when = 3
pattern-hint = "x"
max = 65535
translations = { de = { prompt = "D" } }
"#,
        expect: &[
            "appliance.toml:32:17: a choice of a `multiselect` has no comma; the answer has one between two choices; say it without",
            "appliance.toml:33:8: there is no question `wiki-nam`; did you mean `wiki-name`?",
            "appliance.toml:34:7: `min` is for a number or a port; take it out",
            "appliance.toml:39:11: `admin_password` is a secret: it cannot be used here",
            "appliance.toml:40:8: a condition has one of `is` and `not`; write `{ question = \"…\", is = \"…\" }`, or only the question's name",
            "appliance.toml:42:14: no answer fits: 5 is more than 4; exchange the two",
            "appliance.toml:43:13: the pattern has a `^` or `$`: it means the whole answer anyway; write a backslash before a character that has a meaning and is to stand for itself",
            "appliance.toml:48:9: `group` is empty; write something",
            "appliance.toml:49:32: `w` is no answer to `a`; did you mean `x`?",
            "appliance.toml:50:11: `d` is not asked before `c`; move the question `d` up",
            "appliance.toml:56:8: `when` is text or a table, this is a whole number; write it in quotation marks",
            "appliance.toml:57:16: `pattern-hint` is for a question with `pattern`; take it out",
            "appliance.toml:59:1: `question` has no key `translations`; there are `choices`, `default`, `description`, `generate`, `group`, `internal`, `max`, `max-length`, `min`, `min-length`, `name`, `optional`, `pattern`, `pattern-hint`, `prompt`, `type`, `when`",
        ],
    },
    Case {
        from: r#"[[question]]
name = "wiki-name""#,
        to: r#"[question]
name = "wiki-name""#,
        expect: &[
            "appliance.toml:14:3: not TOML: duplicate key",
        ],
    },
    Case {
        from: "[appliance]",
        to: "[[appliance]]",
        expect: &[
            "appliance.toml:1:1: `appliance` is a table, this is a list; write `[appliance]`: there is only one",
        ],
    },
    Case {
        from: "{ length = 22 }",
        to: r#"{ length = "22" }"#,
        expect: &[
            "appliance.toml:18:23: `length` is a whole number, this is text; write `22` without quotation marks",
        ],
    },
    Case {
        from: "{ length = 22 }",
        to: "{ length = -1 }",
        expect: &[
            "appliance.toml:18:23: `length` is a number from 0 to 4294967295",
        ],
    },
    Case {
        from: r#"type = "password""#,
        to: r#"type = "pasword""#,
        expect: &[
            "appliance.toml:17:8: `pasword` is not a `type` that there is; did you mean `password`? There are `string`, `text`, `boolean`, `select`, `multiselect`, `password`, `email`, `hostname`, `domain`, `address`, `port`, `path`, `number`",
        ],
    },
    Case {
        from: r#"type = "password""#,
        to: r#"type = "secret""#,
        expect: &[
            "appliance.toml:17:8: `secret` is not a `type` that there is; write one of `string`, `text`, `boolean`, `select`, `multiselect`, `password`, `email`, `hostname`, `domain`, `address`, `port`, `path`, `number`",
        ],
    },
    Case {
        from: r#"type = "password""#,
        to: "type = 5",
        expect: &[
            "appliance.toml:17:8: `type` is text, this is a whole number; write one of `string`, `text`, `boolean`, `select`, `multiselect`, `password`, `email`, `hostname`, `domain`, `address`, `port`, `path`, `number`",
        ],
    },
    Case {
        from: r#""Name of the wiki""#,
        to: r#""Name\nof the wiki""#,
        expect: &[
            "appliance.toml:11:10: `prompt` is one line of text; write it in one line; only `description` may have several",
        ],
    },
    Case {
        from: r#""Name of the wiki""#,
        to: r#""\u001b[31mName""#,
        expect: &[
            "appliance.toml:11:10: a control character (U+001B) in `prompt`; take it out",
        ],
    },
    Case {
        from: r#"name = "wiki"
version"#,
        to: r#"name = "Wiki_One"
version"#,
        expect: &[
            "appliance.toml:2:8: not a Debian package name; write `wiki-one`",
        ],
    },
    Case {
        from: r#"name = "wiki"
version"#,
        to: r#"name = "wiki-appliance"
version"#,
        expect: &[
            "appliance.toml:2:8: this ending or beginning is taken by the packages that are made; write the application's name only: `moinmoin` becomes `moinmoin-appliance`",
        ],
    },
    Case {
        from: r#""wiki-name""#,
        to: r#""Wiki Name""#,
        expect: &[
            "appliance.toml:10:8: not a valid name; write `wiki-name`",
        ],
    },
    Case {
        from: r#""1.0""#,
        to: r#""v1.0""#,
        expect: &[
            "appliance.toml:3:11: not a Debian version: it does not begin with a digit; write one such as `1.0`, `2.0~b5-1` or `1:1.2-3`",
        ],
    },
    Case {
        from: r#""Wiki, ready to use""#,
        to: r#""xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx""#,
        expect: &[
            "appliance.toml:4:72: a summary of 61 characters: at most 60; shorten it; `description` has room for the rest",
        ],
    },
    Case {
        from: r#""Wiki, ready to use""#,
        to: r#""Wiki.""#,
        expect: &[
            "appliance.toml:4:16: a summary is no sentence; leave the full stop out",
        ],
    },
    Case {
        from: r#""Ada Lovelace <ada@example.org>""#,
        to: r#""ada@example.org""#,
        expect: &[
            "appliance.toml:5:14: a maintainer is a name and a mail address in `<` `>`; write it as `Ada Lovelace <ada@example.org>`",
        ],
    },
    Case {
        from: r#"["apache2"]"#,
        to: r#"["apache2", "Moin", "a2 (> 1)", "postfix, slapd", "apache2", "wiki-appliance"]"#,
        expect: &[
            "appliance.toml:6:24: not a Debian package name; write `moin`",
            "appliance.toml:6:35: not a relation between packages: write (>= VERSION); write it as `a2` or `a2 (>= 1.2)`",
            "appliance.toml:6:52: several relations in one text; write each as an element of the list",
            "appliance.toml:6:62: `apache2` stands here a second time; take it out",
            "appliance.toml:6:73: the package depends on itself; take it out",
        ],
    },
    Case {
        from: "http://{{ host.address }}/",
        to: "{{ host.address }}",
        expect: &[
            "appliance.toml:7:7: not an address; write it as `https://example.org/` or `ldap://example.org`",
        ],
    },
    Case {
        from: "http://{{ host.address }}/",
        to: "http://{{ host.adress }}/",
        expect: &[
            "appliance.toml:7:15: `{{ host.adress }}` is no placeholder; did you mean `{{ host.address }}`?",
        ],
    },
    Case {
        from: "http://{{ host.address }}/",
        to: "http://{{ answers.admin_password }}/",
        expect: &[
            "appliance.toml:7:7: the answer to `admin-password` is a secret, and an address is shown; leave it out of the address",
        ],
    },
    Case {
        from: r#""admin-password""#,
        to: r#""wiki-name""#,
        expect: &[
            "appliance.toml:15:8: `wiki-name` stands here a second time; the first is in line 10; keep one of them",
        ],
    },
    Case {
        from: r#"default = "My Wiki""#,
        to: r#"default = "My Wiki"
type = "select""#,
        expect: &[
            r#"appliance.toml:9:1: a `select` without choices; add `choices = ["…", "…"]`"#,
        ],
    },
    Case {
        from: r#"default = "My Wiki""#,
        to: r#"default = "reed"
type = "select"
choices = ["red", "green", "red"]"#,
        expect: &[
            "appliance.toml:12:11: the default is no valid answer: it must be one of red, green, red; did you mean `red`?",
            "appliance.toml:14:28: `red` stands here a second time; take it out",
        ],
    },
    Case {
        from: r#"default = "My Wiki""#,
        to: r#"default = "{{ answers.x }}""#,
        expect: &[
            "appliance.toml:12:11: there is no question `x`; ask for it before",
        ],
    },
    Case {
        from: r#"default = "My Wiki""#,
        to: r#"default = "80x"
type = "port""#,
        expect: &[
            "appliance.toml:12:11: the default is no valid answer: it must be a port, a number from 1 to 65535; write a default that is a valid answer",
        ],
    },
    Case {
        from: r#"default = "My Wiki""#,
        to: "generate = { length = 30 }",
        expect: &[
            r#"appliance.toml:12:12: only a password is generated; add `type = "password"`, or give a `default`"#,
        ],
    },
    Case {
        from: "{ length = 22 }",
        to: "{ length = 20 }",
        expect: &[
            "appliance.toml:18:23: a secret has 22 to 200 characters: 22 are 128 bits; write `generate = { length = 22 }`",
        ],
    },
    Case {
        from: "generate = { length = 22 }",
        to: r#"default = "turnkey""#,
        expect: &[
            "appliance.toml:18:11: a secret in the definition is a secret in a public package; write `generate = { length = 22 }` instead",
        ],
    },
    Case {
        from: "",
        to: r#"[[seed]]
package = "postfix"
question = "mailname"
value = "{{ answers.wiki_nam }}""#,
        expect: &[
            "appliance.toml:30:12: not the name of a debconf question; write it as `debconf-show PACKAGE` prints it, such as `postfix/mailname`",
            "appliance.toml:31:13: `answers.wiki_nam`: there is no such question; did you mean `answers.wiki_name`?",
        ],
    },
    Case {
        from: "",
        to: r#"[[seed]]
package = "postfix"
question = "postfix/x"
type = "bool"
value = "{{ host.name | upper }}""#,
        expect: &[
            "appliance.toml:31:8: `bool` is no type of debconf's; debconf has string, boolean, select, multiselect, password, note, text, error",
            "appliance.toml:32:9: `{{ host.name | upper }}` is no placeholder; there are `{{ host.name }}`, `{{ host.fqdn }}`, `{{ host.domain }}`, `{{ host.address }}`, `{{ host.timezone }}`, `{{ answers.NAME }}` and, in seeds, `{{ database.NAME.password }}`; filters and conditions are for files only",
        ],
    },
    Case {
        from: "",
        to: r#"[[seed]]
package = "postfix"
question = "postfix/x"
type = "boolean"
value = "yes""#,
        expect: &[
            r#"appliance.toml:32:9: a boolean is `true` or `false`; write `value = "true"` or `value = "false"`"#,
        ],
    },
    Case {
        from: "",
        to: r#"[[seed]]
package = "slapd"
question = "slapd/password1"
type = "password"
value = "secret""#,
        expect: &[
            r#"appliance.toml:32:9: a secret in the definition is a secret in a public package; ask for it: `[[question]]` with `type = "password"`, and write `{{ answers.NAME }}` here"#,
        ],
    },
    Case {
        from: "",
        to: r#"[[seed]]
package = "slapd"
question = "slapd/x"
value = """a
b""""#,
        expect: &[
            "appliance.toml:31:9: `value` is one line of text; write it in one line; only `description` may have several",
        ],
    },
    Case {
        from: "",
        to: r#"[[directory]]
path = "var/lib/wiki"
mode = "0999"
owner = "wikki"
group = "nobodies""#,
        expect: &[
            "appliance.toml:29:8: a path on the machine is absolute; write `/var/lib/wiki`",
            "appliance.toml:30:8: not a mode; write octal digits as chmod takes them, such as `0644` or `0755`",
            "appliance.toml:31:9: nobody makes the user `wikki`; did you mean `wiki`?",
            r#"appliance.toml:32:9: nobody makes the group `nobodies`; make it: `[[user]]` with `name = "nobodies"`, or say in `package-users` that a package does"#,
        ],
    },
    Case {
        from: "",
        to: r#"[[directory]]
path = "/var/../etc"
[[directory]]
path = "/etc/"
[[directory]]
path = "/var/lib/dpkg/x""#,
        expect: &[
            "appliance.toml:29:14: a path with `..`; write the path itself, without going up",
            "appliance.toml:31:14: a path with an empty part or `.`; write it without a slash at the end, without `//` and `./`",
            "appliance.toml:33:8: `/var/lib/dpkg` is not for an appliance's files; use a folder below /etc, /var/lib or /srv",
        ],
    },
    Case {
        from: r#"template = "files/wiki.conf""#,
        to: r#"template = "files/wiki.conf"
source = "files/run""#,
        expect: &[
            "appliance.toml:24:1: both `template` and `source`; write one: `template` is rendered on the machine, `source` is copied as it is",
        ],
    },
    Case {
        from: r#"template = "files/wiki.conf""#,
        to: "",
        expect: &[
            "appliance.toml:24:1: neither `template` nor `source`; write one: `template` is rendered on the machine, `source` is copied as it is",
        ],
    },
    Case {
        from: r#"template = "files/wiki.conf""#,
        to: r#"template = "files/wkii.conf""#,
        expect: &[
            "appliance.toml:26:12: there is no file `files/wkii.conf`; did you mean `files/wiki.conf`?",
        ],
    },
    Case {
        from: r#"template = "files/wiki.conf""#,
        to: r#"template = "../wiki.conf""#,
        expect: &[
            "appliance.toml:26:12: a path with `..`; write the path itself, without going up",
        ],
    },
    Case {
        from: r#"template = "files/wiki.conf""#,
        to: r#"template = "files""#,
        expect: &[
            "appliance.toml:26:12: `files` is a folder; name a file in it",
        ],
    },
    Case {
        from: r#"template = "files/wiki.conf""#,
        to: r#"template = "files/names.conf""#,
        expect: &[
            "files/names.conf:1:4: `answers.wiki_nam` is not known here; did you mean `answers.wiki_name`?",
            "files/names.conf:2:4: `answers.admin_password` is not known here; write `secrets.admin_password`: the answer is a secret",
            "files/names.conf:2:33: `hots` is not known here; did you mean `host`?",
            "files/names.conf:3:4: `host.nmae` is not known here; did you mean `host.name`?",
        ],
    },
    Case {
        from: r#"template = "files/wiki.conf""#,
        to: r#"template = "files/broken.conf""#,
        expect: &[
            "files/broken.conf:2:1: syntax error: unexpected end of input, expected end of block",
        ],
    },
    Case {
        from: r#"template = "files/wiki.conf""#,
        to: r#"template = "files/secret.conf""#,
        expect: &[
            r#"appliance.toml:24:1: `/etc/wiki.conf` has mode 0644, so that everybody can read the secret in files/part.conf, line 1; write `mode = "0640"` and the group that reads it, or `mode = "0600"`"#,
        ],
    },
    Case {
        from: r#"template = "files/wiki.conf""#,
        to: r#"template = "files/a.conf""#,
        expect: &[
            "files/b.conf:2:12: templates in a circle: files/a.conf → files/b.conf → files/a.conf; take one of the includes out",
        ],
    },
    Case {
        from: r#"template = "files/wiki.conf""#,
        to: r#"template = "files/lost.conf""#,
        expect: &[
            "files/lost.conf:1:12: there is no file `files/prat.conf`; did you mean `files/part.conf`?",
            "files/lost.conf:1:35: the name of another template is fixed text in quotation marks",
        ],
    },
    Case {
        from: "",
        to: r#"[[step]]
name = "go"
run = "files/wiki.conf"
user = "www-data"
timeout = 0"#,
        expect: &[
            "appliance.toml:30:7: `files/wiki.conf` cannot be executed; chmod +x files/wiki.conf",
            "appliance.toml:32:11: a step that has no time; write the seconds, or leave `timeout` out",
        ],
    },
    Case {
        from: "",
        to: r#"[apache]
sites = ["wiki.conf", "a b"]
disable-modules = ["ssl"]
modules = ["ssl"]"#,
        expect: &[
            "appliance.toml:29:15: named without its suffix; write `wiki`",
            "appliance.toml:29:25: not a name in Apache's folders; write the file's name only, without folder and suffix",
            "appliance.toml:30:20: `ssl` is enabled and disabled; take one of them out",
        ],
    },
    Case {
        from: "",
        to: r#"[[unit]]
name = "apache2""#,
        expect: &[
            "appliance.toml:29:8: a unit's name without its suffix; write `apache2.service`, or the suffix of its kind",
        ],
    },
    Case {
        from: "",
        to: r#"[backup]
paths = []
exclude = ["/x/y"]
quiesce = ["apache2"]"#,
        expect: &[
            "appliance.toml:29:9: a backup of nothing; name the folders of the application's data",
            "appliance.toml:30:12: `/x/y` is not below any of `paths`; take it out, or correct it",
            "appliance.toml:31:12: a unit's name without its suffix; write `apache2.service`, or the suffix of its kind",
        ],
    },
    Case {
        from: "",
        to: r#"[[health]]
url = "http://127.0.0.1/"
unit = "a.service"
[[health]]
[[health]]
unit = "a.service"
contains = "x"
[[health]]
tcp = "127.0.0.1"
[[health]]
url = "http://{{ host.address }}/"
status = 900"#,
        expect: &[
            "appliance.toml:28:1: a health check with url and unit; write exactly one; several checks are several `[[health]]`",
            "appliance.toml:31:1: a health check with none of `url`, `unit` and `tcp`; write exactly one; several checks are several `[[health]]`",
            "appliance.toml:34:12: `contains` means something with `url` only; take it out",
            "appliance.toml:36:7: not an address with a port; write it as `127.0.0.1:5432`",
            "appliance.toml:38:15: a health check takes no placeholders; it runs on the machine itself: write `http://127.0.0.1/`",
            "appliance.toml:39:10: 900 is no HTTP status; write a number from 100 to 599",
        ],
    },
    Case {
        from: "",
        to: r#"[[action]]
name = "backup"
title = " "
run = "files/wiki.conf"
role = "admin"
parameters = { Name = "string", mail = "emial" }
writable = ["tmp"]"#,
        expect: &[
            "appliance.toml:29:8: the action `backup` is made from `[backup]`; take another name",
            "appliance.toml:30:9: `title` is empty; write something",
            "appliance.toml:31:7: `files/wiki.conf` cannot be executed; chmod +x files/wiki.conf",
            "appliance.toml:32:8: `admin` is no role; there are viewer, administrator",
            "appliance.toml:33:23: not a valid name; write `name`",
            "appliance.toml:33:40: `emial` is no parameter's type; did you mean `email`?",
            "appliance.toml:34:13: a path on the machine is absolute; write `/tmp`",
        ],
    },
    Case {
        from: "",
        to: r#"[[package]]
name = "moin"
version = "1"
summary = "wiki engine"
description = "A wiki."
maintainer = "Ada <ada@example.org>"
copyright = "files/copyright"
architecture = "x86"
section = "Web"
depends = ["moin"]
purge = ["/var"]
triggers = ["interest"]
python = ["/usr/lib/moin"]
"#,
        expect: &[
            "appliance.toml:35:16: `x86` is no architecture of Debian's; write `all`, `amd64` or `arm64`",
            "appliance.toml:36:11: not a section; write one such as `admin`, `web` or `contrib/web`",
            "appliance.toml:37:12: the package depends on itself; take it out",
            "appliance.toml:38:10: purge would remove `/var` with all that is in it; name the package's own folder, such as `/var/lib/NAME`",
            "appliance.toml:39:13: not a line of the control file `triggers`; write it as `interest-noawait /usr/share/NAME` (deb-triggers(5))",
            "appliance.toml:40:10: Python folders need `python3`; add `python3` to `depends`",
        ],
    },
    Case {
        from: "",
        to: r#"[[package]]
name = "moin"
version = "1"
summary = "wiki engine"
description = "A wiki."
maintainer = "Ada <ada@example.org>"
copyright = "files/copyright"
[[package.archive]]
project = "a b"
version = ""
file = "x.zip"
sha256 = "AB"
take = {}
leave = ["a/b"]
[[package.file]]
source = "{bin}/../x"
path = "/usr/bin/x"
[[package.file]]
source = "files/nix"
path = "/usr/bin/x"
mode = "9"
[[package.lintian]]
tag = "a,b"
reason = ""
"#,
        expect: &[
            "appliance.toml:36:11: not the name of a project; write it as the registry does, such as `moin`",
            "appliance.toml:37:11: not a version of the registry's; write one such as `2.0.0b5`",
            "appliance.toml:38:8: not the file name of an archive; it ends in `.whl` or `.tar.gz`, and has no folder",
            "appliance.toml:39:10: not a SHA256: it has 64 hexadecimal digits in lower case; `sha256sum FILE` prints it",
            r#"appliance.toml:40:8: nothing is taken out of the archive; write `take = { "." = "/usr/share/…" }`"#,
            "appliance.toml:41:10: not a file's name; write a name without folders: it is left out wherever it stands",
            "appliance.toml:43:10: not a program's name; write `{bin}/NAME`",
            "appliance.toml:46:10: there is no file `files/nix`; make the file, or write the path from the definition's folder",
            "appliance.toml:47:8: `/usr/bin/x` stands here a second time; keep one of them",
            "appliance.toml:48:8: not a mode; write octal digits as chmod takes them, such as `0644` or `0755`",
            "appliance.toml:50:7: not a tag of lintian's; write one as lintian prints it, such as `no-manual-page`",
            "appliance.toml:51:10: `reason` is empty; write something",
        ],
    },
    Case {
        from: "",
        to: r#"[[package]]
name = "wiki-appliance"
version = "1"
summary = "wiki engine"
description = "A wiki."
maintainer = "Ada <ada@example.org>"
copyright = "files/copyright"
"#,
        expect: &[
            "appliance.toml:29:8: `wiki-appliance` is made from `[appliance]`; take another name",
        ],
    },
    Case {
        from: r#"[appliance]
"#,
        to: r#"[[user]]
"#,
        expect: &[
            r#"appliance.toml:1:1: `user` lacks the key `title`; add `title = "…"`: GECOS field."#,
            "appliance.toml:1:1: `user` belongs to an appliance, and there is no `[appliance]`; add `[appliance]` with `name`, `version`, `summary`, `maintainer` and `packages`",
            "appliance.toml:1:1: nothing to build: neither `[appliance]` nor `[[package]]`; `vabuild new NAME` writes a definition to begin with",
            "appliance.toml:3:1: `user` has no key `version`; there are `groups`, `home`, `name`, `title`",
            "appliance.toml:4:1: `user` has no key `summary`; there are `groups`, `home`, `name`, `title`",
            "appliance.toml:5:1: `user` has no key `maintainer`; there are `groups`, `home`, `name`, `title`",
            "appliance.toml:6:1: `user` has no key `packages`; there are `groups`, `home`, `name`, `title`",
            "appliance.toml:7:1: `user` has no key `url`; there are `groups`, `home`, `name`, `title`",
            "appliance.toml:9:1: `question` belongs to an appliance, and there is no `[appliance]`; add `[appliance]` with `name`, `version`, `summary`, `maintainer` and `packages`",
            "appliance.toml:21:8: `wiki` stands here a second time; the first is in line 2; keep one of them",
            "appliance.toml:24:1: `file` belongs to an appliance, and there is no `[appliance]`; add `[appliance]` with `name`, `version`, `summary`, `maintainer` and `packages`",
        ],
    },
    Case {
        from: "",
        to: r#"[[database]]
engine = "mariadb"
name = "Wiki-DB"
user = "root"
password-question = "wiki-name"
[[database]]
engine = "postgres"
name = "x"
[[database]]
engine = "mariadb"
[[database]]
engine = "mariadb"
name = "ok"
charset = "x'"
dbconfig = "ab"
password-question = "admin-pasword"
[[database]]
engine = "postgresql"
name = "ok"
[[seed]]
package = "apache2"
question = "apache2/x"
value = "{{ database.oks.password }}"
[[file]]
path = "/etc/wiki/database.conf"
template = "files/database.conf"
[[question]]
name = "key"
prompt = "Key"
internal = true
"#,
        expect: &[
            "appliance.toml:30:8: not a name of a database or its user; use lower case letters, digits and single `_`, a letter first, at most 32 characters",
            "appliance.toml:31:8: the servers use this name themselves; name it after the application",
            "appliance.toml:32:21: the answer to `wiki-name` is no secret; write `type = \"password\"` at the question",
            "appliance.toml:34:10: `postgres` is not a `engine` that there is; did you mean `postgresql`? There are `mariadb`, `postgresql`",
            "appliance.toml:36:1: a database without a name; add `name = \"…\"`",
            "appliance.toml:41:11: not a name of a character set or a collation; write one such as `utf8mb4`, `utf8mb4_unicode_ci`, `UTF8` or `C.UTF-8`",
            "appliance.toml:42:12: `dbconfig` without `package`; name the package that dbconfig-common asks for, or take it out",
            "appliance.toml:43:21: there is no question `admin-pasword`; did you mean `admin-password`?",
            "appliance.toml:46:8: there is a database `ok` already; give each a name of its own: templates know it by that",
            "appliance.toml:50:9: `database.oks.password` is not known here; did you mean `database.ok.password`?",
            "appliance.toml:51:1: `/etc/wiki/database.conf` has mode 0644, so that everybody can read the secret in files/database.conf, line 1; write `mode = \"0640\"` and the group that reads it, or `mode = \"0600\"`",
            "appliance.toml:57:12: a question that nobody is asked, and no machine answers; write `type = \"password\"` and `generate = { length = 32 }`, or take `internal` out",
            "files/database.conf:2:4: `database.ok.hots` is not known here; did you mean `database.ok.host`?",
        ],
    },
];
