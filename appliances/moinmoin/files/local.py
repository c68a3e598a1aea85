# Settings of your own, read at the end of /etc/moin/wikiconfig.py. This file is yours: nothing overwrites it.
# After a change: systemctl reload apache2
#
# Config.theme_default = "modernized"
# Config.timezone_default = "Europe/Berlin"
# Config.mail_from = "wiki <wiki@example.org>"
# Config.mail_smarthost = "smtp.example.org"
