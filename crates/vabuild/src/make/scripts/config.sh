export LC_ALL=C
umask 077

# Where the answers lie once the appliance has been configured.
state=/var/lib/appliances/$appliance
action=${1:-configure}

fail() {
    echo "$package: $1" >&2
    exit 1
}

# set_value QUESTION VALUE: debconf splits a line at white space unless it was asked for escapes, so these are
# asked for where they are needed, and only there: with them, every db_get starts a process.
set_value() {
    case $2 in
    *\\* | *'  '* | ' '* | *' ' | *'	'*)
        db_capb backup escape
        db_set "$1" "$(printf '%s\n' "$2" | sed 's/[\\[:space:]]/\\&/g')"
        db_capb backup
        ;;
    *) db_set "$1" "$2" ;;
    esac
}

is_hostname() {
    [ -n "$1" ] && [ "${#1}" -le 253 ] || return 1
    labels=$1.
    while [ -n "$labels" ]; do
        label=${labels%%.*}
        labels=${labels#*.}
        [ "${#label}" -le 63 ] || return 1
        case $label in '' | -* | *- | *[!A-Za-z0-9-]*) return 1 ;; esac
    done
}

is_domain() {
    is_hostname "$1" || return 1
    case $1 in *.*) ;; *) return 1 ;; esac
    case ${1##*.} in *[!0-9]*) ;; *) return 1 ;; esac
}

is_email() {
    case $1 in ?*@?*) ;; *) return 1 ;; esac
    account=${1%@*}
    [ "${#account}" -le 64 ] || return 1
    case $account in .* | *. | *..* | *[!A-Za-z0-9.!#$%\&\'*+/=?^_\`{\|}~-]*) return 1 ;; esac
    is_hostname "${1##*@}"
}

is_number() {
    digits=${1#-}
    case $digits in '' | *[!0-9]*) return 1 ;; esac
    while :; do case $digits in 0?*) digits=${digits#0} ;; *) break ;; esac; done
    if [ "${#digits}" -ne 19 ]; then [ "${#digits}" -lt 19 ]; return; fi
    # 64 bits: the shell itself cannot compare what goes beyond them
    high=${digits%?????????}
    low=${digits#"$high"}
    last=854775807
    case $1 in -*) last=854775808 ;; esac
    [ "$high" -lt 9223372036 ] || { [ "$high" -eq 9223372036 ] && [ "$low" -le "$last" ]; }
}

is_port() {
    case $1 in '' | 0* | *[!0-9]*) return 1 ;; esac
    [ "${#1}" -le 5 ] && [ "$1" -le 65535 ]
}

# is_valid TYPE ANSWER: the same as appliance::answers::validate; says why not.
is_valid() {
    [ "${#2}" -le 4096 ] || { why="It is too long."; return 1; }
    case $2 in *[[:cntrl:]]*) why="It has control characters."; return 1 ;; esac
    case $1 in
    boolean) why="It is neither true nor false."; case $2 in true | false) ;; *) return 1 ;; esac ;;
    email) why="It is no mail address such as ada@example.org."; is_email "$2" ;;
    hostname) why="It is no host name such as wiki or wiki.example.org."; is_hostname "$2" ;;
    domain) why="It is no domain name such as example.org."; is_domain "$2" ;;
    port) why="It is no port: a number from 1 to 65535."; is_port "$2" ;;
    number) why="It is no whole number."; is_number "$2" ;;
    select) why="It is none of the choices."; is_choice "$2" ;;
    esac
}

# A question's own secret, made here: each character of the 57 is equally likely.
make_secret() {
    LC_ALL=C tr -dc 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789' </dev/urandom | head -c "$1"
}

# tell_default TYPE EMPTY VALUE: the frontends without a window show no default, so the question's text does.
tell_default() {
    case $1,$2,$3 in
    *, | boolean,* | select,* | password,*) said= ;;
    *,may,*) said="So far it is \"$3\"." ;;
    *) said="Left empty, it is \"$3\"." ;;
    esac
    db_subst "$question" default "$said"
}

# ask NAME TYPE PRIORITY EMPTY LENGTH DEFAULT, the answer is in $answer; status 1: the person goes back.
# EMPTY: `may` when an empty answer is one. LENGTH: of the secret made instead of an empty answer, or 0.
ask() {
    name=$1 type=$2 priority=$3 empty=$4 length=$5 default=$6
    question=$package/$name
    kept=
    if [ "$type" = password ] && [ -s "$state/secrets/$name" ]; then
        kept=$(cat "$state/secrets/$name")
        # it was taken out of debconf, and nobody shall be asked a second time
        if [ "$action" != reconfigure ]; then answer=$kept; return 0; fi
    fi
    if [ -n "$default" ] && db_fget "$question" seen && [ "$RET" != true ]; then
        db_get "$question"
        if [ -z "$RET" ]; then set_value "$question" "$default"; fi
    fi
    db_get "$question"
    before=$RET
    tell_default "$type" "$empty" "$before"
    round=0
    while :; do
        round=$((round + 1))
        shown=
        if db_input "$priority" "$question"; then shown=yes; fi
        db_go || return 1
        db_get "$question"
        answer=$RET
        if [ -z "$answer" ] && [ "$empty" = must ] && [ -n "$before" ]; then
            # Enter: the frontends without a window start with an empty line, whatever the default is
            answer=$before
            set_value "$question" "$answer"
        fi
        if [ -z "$answer" ]; then
            if [ -n "$kept" ]; then answer=$kept; return 0; fi
            if [ "$length" -gt 0 ]; then
                answer=$(make_secret "$length")
                db_set "$question" "$answer"
                db_fset "$question" seen true
                return 0
            fi
            if [ "$empty" = may ]; then return 0; fi
            why="An answer is needed."
        elif is_valid "$type" "$answer"; then
            return 0
        fi
        if [ -z "$shown" ] || [ "$round" -ge 20 ]; then
            fail "the question $question has no usable answer. $why Give one in advance with debconf-set-selections(1), or install with vainstall."
        fi
        db_fset "$question" seen false
        db_subst "$package/not_valid" reason "$why"
        db_fset "$package/not_valid" seen false
        db_input critical "$package/not_valid" || true
        db_go || true
    done
}

# load_dummy QUESTION TYPE: a stand-in for the template of a package that debconf has not seen yet. The package's own
# template takes its place later and leaves the value alone.
load_dummy() {
    dummy=$(mktemp)
    printf 'Template: %s\nType: %s\nDescription: %s\n' "$1" "$2" "answered in advance by $package" >"$dummy"
    db_x_loadtemplatefile "$dummy" || true
    rm -f "$dummy"
}

# seed QUESTION TYPE TEMPLATE VALUE: answers another package's question, unless somebody has answered it before.
seed() {
    if ! db_fget "$1" seen; then
        if [ "$1" = "$3" ] || ! db_register "$3" "$1"; then load_dummy "$1" "$2"; fi
        db_fget "$1" seen || return 0
    fi
    if [ "$RET" = true ]; then return 0; fi
    if set_value "$1" "$4"; then db_fset "$1" seen true; fi
}
