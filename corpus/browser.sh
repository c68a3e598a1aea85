# What a check needs to use a web application as a browser does; sourced by `usable`.
# The last page is in $PAGE, the cookies in $COOKIES.

PAGE=$(mktemp) COOKIES=$(mktemp)

fail() { echo "$*" >&2; exit 1; }

# a secret, as the owner was told it at the end
secret() { cat "$CREDENTIALS_DIRECTORY/$1"; }

# get ADDRESS [curl's options]
get() {
    curl --silent --show-error --location --insecure --max-time 120 --cookie "$COOKIES" --cookie-jar "$COOKIES" --output "$PAGE" "$@" ||
        fail "no answer from $1"
}

# post ADDRESS NAME=VALUE…
post() {
    address=$1; shift
    # as many words as fields: a value may have blanks
    for field do shift; set -- "$@" --data-urlencode "$field"; done
    get "$address" --referer "$address" "$@"
}

# field NAME: the value of the input with this name in the last page
field() {
    tr '\n' ' ' < "$PAGE" | grep -o '<input[^>]*>' | grep -F -e "name=\"$1\"" -e "name='$1'" | head -1 |
        sed -E "s/.*value=[\"']([^\"']*)[\"'].*/\\1/;t;s/.*//" | sed 's/&#43;/+/g;s/&#x2F;/\//g;s/&amp;/\&/g'
}

# shows TEXT: the last page has it
shows() {
    grep -qF -e "$1" "$PAGE" || fail "the page does not show \"$1\", but: $(sed 's/<[^>]*>/ /g' "$PAGE" | tr -s ' \n\t' ' ' | cut -c 1-300)"
}
