# What the machine calls itself; anything that is no host name is not used.
host_name=$(uname -n)
host_name=${host_name%%.*}
is_hostname "$host_name" || host_name=localhost
host_fqdn=$(hostname -f 2>/dev/null) || host_fqdn=
case $host_fqdn in *.*) is_hostname "$host_fqdn" || host_fqdn=$host_name ;; *) host_fqdn=$host_name ;; esac
host_address=
for address in $(hostname -I 2>/dev/null || true); do
    case $address in *[!0-9.]*) ;; *) host_address=$address; break ;; esac
    if [ -z "$host_address" ]; then host_address=$address; fi
done
case $host_address in '' | *[!0-9a-fA-F.:]*) host_address=127.0.0.1 ;; esac
case $host_fqdn in *.*) host_domain=${host_fqdn#*.} ;; *) host_domain= ;; esac
host_timezone=$(readlink /etc/localtime 2>/dev/null) || host_timezone=
case $host_timezone in */zoneinfo/*) host_timezone=${host_timezone#*/zoneinfo/} ;; *) host_timezone=$(cat /etc/timezone 2>/dev/null) || host_timezone= ;; esac
case $host_timezone in '' | *[!A-Za-z0-9/_+-]*) host_timezone=Etc/UTC ;; esac
