mark='appliance @NAME@'

# drop_mariadb DATABASE USER
drop_mariadb() {
    sql() { HOME=/root mariadb --batch --skip-column-names; }
    look="SELECT SCHEMA_COMMENT FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '$1'"
    if [ "$(echo "$look" | sql 2>/dev/null)" = "$mark" ]; then
        # a user without rights on it is somebody else's
        rights="SELECT 'rights' FROM mysql.db WHERE User = '$2' AND Host = 'localhost'
            AND REPLACE(Db, CONCAT(CHAR(92), '_'), '_') = '$1'"
        rights=$(echo "$rights" | sql) || true
        # a name may be a word of SQL
        printf 'DROP DATABASE `%s`;\n' "$1" | sql || true
        [ -z "$rights" ] || printf "DROP USER IF EXISTS '%s'@'localhost';\n" "$2" | sql || true
    fi
}

# drop_postgresql DATABASE USER
drop_postgresql() {
    sql() { (cd / && runuser -u postgres -- psql -X -q -A -t -d postgres); }
    look="SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '$1'"
    if [ "$(echo "$look" | sql 2>/dev/null)" = "$mark" ]; then
        owner=$(echo "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '$1'" | sql) || true
        printf 'DROP DATABASE "%s" WITH (FORCE);\n' "$1" | sql || true
        # a user who did not own it is somebody else's
        [ "$owner" != "$2" ] || printf 'DROP ROLE IF EXISTS "%s";\n' "$2" | sql || true
    fi
}

