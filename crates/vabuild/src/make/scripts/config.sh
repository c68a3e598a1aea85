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

is_ipv4() {
    rest=$1. parts=0
    while [ -n "$rest" ]; do
        part=${rest%%.*}
        rest=${rest#*.}
        case $part in '' | *[!0-9]* | 0?* | ????*) return 1 ;; esac
        [ "$part" -le 255 ] || return 1
        parts=$((parts + 1))
    done
    [ "$parts" -eq 4 ]
}

is_ipv6() {
    # the last 32 bits may be written as IPv4
    case $1 in
    *.*)
        is_ipv4 "${1##*:}" || return 1
        set -- "${1%:*}:0:0"
        ;;
    esac
    case $1 in '' | *[!0-9a-fA-F:]* | *:::* | *::*::* | :[!:]* | *[!:]: | :) return 1 ;; esac
    rest=$1: groups=0
    while [ -n "$rest" ]; do
        group=${rest%%:*}
        rest=${rest#*:}
        case $group in '') ;; ?????*) return 1 ;; *) groups=$((groups + 1)) ;; esac
    done
    case $1 in *::*) [ "$groups" -le 7 ] ;; *) [ "$groups" -eq 8 ] ;; esac
}

is_address() { is_ipv4 "$1" || is_ipv6 "$1"; }

is_path() {
    case $1 in / ) ;; [!/]* | */ | *//* | */./* | */. | */../* | */..) return 1 ;; esac
}

# is_selection ANSWER: choices with a comma and a space between two, each once.
is_selection() {
    rest="$1, " before_it=', '
    while [ -n "$rest" ]; do
        one=${rest%%, *}
        rest=${rest#*, }
        is_choice "$one" || return 1
        case $before_it in *", $one, "*) return 1 ;; esac
        before_it="$before_it$one, "
    done
}

# is_within NUMBER: `min` and `max` of the question.
is_within() {
    if [ -n "$min" ] && [ "$1" -lt "$min" ]; then why="It is less than $min."; return 1; fi
    if [ -n "$max" ] && [ "$1" -gt "$max" ]; then why="It is more than $max."; return 1; fi
}

# fits LINE: `min-length`, `max-length` and `pattern` of the question. Characters, not bytes.
fits() {
    if [ -n "$min_length$max_length" ]; then
        characters=$(printf %s "$1" | tr -d '\200-\277' | wc -c)
        if [ "$characters" -lt "${min_length:-0}" ]; then why="It has fewer than $min_length characters."; return 1; fi
        if [ "$characters" -gt "${max_length:-4096}" ]; then why="It has more than $max_length characters."; return 1; fi
    fi
    if [ -n "$pattern" ] && ! printf '%s\n' "$1" | LC_ALL=C.UTF-8 grep -Eqx -e "$pattern"; then
        why="It must be ${hint:-like $pattern}."
        return 1
    fi
}

has_controls() {
    case $1 in *[[:cntrl:]]*) return 0 ;; esac
    case $1 in *[!\ -~]*) ;; *) return 1 ;; esac
    # those beyond ASCII, U+0080 to U+009F
    printf '%s\n' "$1" | grep -q "$(printf '\302[\200-\237]')"
}

# of the question that is looked at
min= max= min_length= max_length= pattern= hint=

# is_valid TYPE ANSWER: the same as appliance::answers::validate; says why not.
is_valid() {
    [ "${#2}" -le 4096 ] || { why="It is too long."; return 1; }
    if has_controls "$2"; then why="It has control characters."; return 1; fi
    case $1 in
    boolean) why="It is neither true nor false."; case $2 in true | false) ;; *) return 1 ;; esac ;;
    email) why="It is no mail address such as ada@example.org."; is_email "$2" ;;
    hostname) why="It is no host name such as wiki or wiki.example.org."; is_hostname "$2" ;;
    domain) why="It is no domain name such as example.org."; is_domain "$2" ;;
    address) why="It is no network address such as 192.0.2.7 or 2001:db8::7."; is_address "$2" ;;
    path) why="It is no whole path such as /srv/data."; is_path "$2" ;;
    port) why="It is no port: a number from 1 to 65535."; is_port "$2" && is_within "$2" ;;
    number) why="It is no whole number."; is_number "$2" && is_within "$2" ;;
    select) why="It is none of the choices."; is_choice "$2" ;;
    multiselect) why="They are not all choices, with a comma between two."; is_selection "$2" ;;
    string | password) fits "$2" ;;
    esac
}

# A question's own secret, made here: each character of the 57 is equally likely.
make_secret() {
    LC_ALL=C tr -dc 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789' </dev/urandom | head -c "$1"
}

# tell_default TYPE EMPTY VALUE: the frontends without a window show no default, so the question's text does.
tell_default() {
    case $1,$2,$3 in
    *, | boolean,* | select,* | multiselect,* | password,*) said= ;;
    *,may,*) said="So far it is \"$3\"." ;;
    *) said="Left empty, it is \"$3\"." ;;
    esac
    db_subst "$question" default "$said"
}

# For each question N there are functions made from the definition:
#   question_N  sets name, type, variable, empty (`may` when an empty answer is one), length (of the secret made instead of
#               an empty answer, or 0), default, computed (`yes` when debconf cannot know the default), internal (`yes`
#               when nobody is asked), and the limits
#   wanted_N    whether it is asked, by the answers before

# prepare N: its default, and what is known of it, before it is shown.
prepare() {
    question=$package/$name
    kept= settled=
    if [ "$type" = password ] && [ -s "$state/secrets/$name" ]; then
        kept=$(cat "$state/secrets/$name")
        # it was taken out of debconf, and nobody shall be asked a second time
        if [ "$action" != reconfigure ]; then settled=yes; fi
    fi
    # a default that is no answer on this machine is none
    if [ -n "$default" ] && ! is_valid "$type" "$default"; then default=; fi
    if [ "$computed" = yes ] && [ -n "$default" ] && db_fget "$question" seen && [ "$RET" != true ]; then
        db_get "$question"
        if [ -z "$RET" ]; then set_value "$question" "$default"; fi
    fi
    db_get "$question"
    # the next command puts its own result into RET
    before=$RET
    tell_default "$type" "$empty" "$before"
    priority=high
    if [ -z "$default" ] && [ "$length" -eq 0 ] && [ "$empty" = must ]; then priority=critical; fi
    eval "kept_$1=\$kept settled_$1=\$settled before_$1=\$before priority_$1=\$priority shown_$1="
}

# take N: the answer after it was shown; status 1 and $why: it cannot be used.
take() {
    question=$package/$name
    eval "kept=\$kept_$1 settled=\$settled_$1 before=\$before_$1"
    if [ "$settled" = yes ]; then answer=$kept; return 0; fi
    db_get "$question"
    answer=$RET
    if [ -z "$answer" ] && [ "$empty" = must ] && [ -n "$before" ]; then
        # Enter: the frontends without a window start with an empty line, whatever the default is
        answer=$before
        set_value "$question" "$answer"
    fi
    if [ -n "$answer" ]; then is_valid "$type" "$answer"; return; fi
    if [ -n "$kept" ]; then answer=$kept; return 0; fi
    if [ "$length" -gt 0 ]; then
        answer=$(make_secret "$length")
        db_set "$question" "$answer"
        db_fset "$question" seen true
        return 0
    fi
    why="An answer is needed."
    [ "$empty" = may ]
}

# show_page N…: asks questions at once, again until their answers can be used. Status 1: the person goes back; 2: none is asked.
show_page() {
    open=
    for n in "$@"; do
        "question_$n"
        if "wanted_$n"; then
            eval "asked_$n=yes"
            prepare "$n"
            open="$open $n"
        else
            eval "asked_$n=no answer_$variable="
        fi
    done
    if [ -z "$open" ]; then return 2; fi
    round=0
    while [ -n "$open" ]; do
        round=$((round + 1))
        for n in $open; do
            "question_$n"
            eval "settled=\$settled_$n priority=\$priority_$n shown_$n="
            if [ "$settled,$internal" = ,no ] && db_input "$priority" "$package/$name"; then eval "shown_$n=yes"; fi
        done
        db_go || return 1
        wrong= reasons=
        for n in $open; do
            "question_$n"
            if take "$n"; then
                eval "answer_$variable=\$answer"
            else
                wrong="$wrong $n" reasons="$reasons $prompt $why"
                eval "shown=\$shown_$n"
                if [ -z "$shown" ] || [ "$round" -ge 20 ]; then
                    fail "the question $package/$name has no usable answer. $why Give one in advance with debconf-set-selections(1), or install with vainstall."
                fi
                db_fset "$package/$name" seen false
            fi
        done
        open=$wrong
        if [ -n "$open" ]; then
            db_subst "$package/not_valid" reason "$reasons"
            db_fset "$package/not_valid" seen false
            db_input critical "$package/not_valid" || true
            db_go || true
        fi
    done
}

# ask_all COUNT: the pages forwards and back, those left out that have nothing to ask.
ask_all() {
    page=1 way=1
    while [ "$page" -le "$1" ]; do
        status=0
        "page_$page" || status=$?
        case $status in
        0) way=1 ;;
        1) way=-1 ;;
        esac
        page=$((page + way))
        if [ "$page" -lt 1 ]; then page=1 way=1; fi
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

is_configured() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$appliance-appliance" 2>/dev/null)" = installed ]; }

# seed QUESTION TYPE TEMPLATE VALUE: answers another package's question, unless somebody has answered it before. A
# password was used and forgotten when the appliance has been configured: debconf is no safe.
seed() {
    if [ "$2" = password ] && is_configured; then return 0; fi
    if ! db_fget "$1" seen; then
        if [ "$1" = "$3" ] || ! db_register "$3" "$1"; then load_dummy "$1" "$2"; fi
        db_fget "$1" seen || return 0
    fi
    if [ "$RET" = true ]; then return 0; fi
    if set_value "$1" "$4"; then db_fset "$1" seen true; fi
}
