mark='appliance @NAME@'

# drop_mariadb DATABASE USER
drop_mariadb() {
    sql() { HOME=/root mariadb --batch --skip-column-names; }
    look="SELECT SCHEMA_COMMENT FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '$1'"
    if [ "$(echo "$look" | sql 2>/dev/null)" = "$mark" ]; then
        # a name may be a word of SQL
        printf "DROP DATABASE \`%s\`; DROP USER IF EXISTS '%s'@'localhost';\n" "$1" "$2" | sql || true
    fi
}

# drop_postgresql DATABASE USER
drop_postgresql() {
    sql() { runuser -u postgres -- psql -X -q -A -t -d postgres; }
    look="SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '$1'"
    if [ "$(cd / && echo "$look" | sql 2>/dev/null)" = "$mark" ]; then
        (cd / && printf 'DROP DATABASE "%s" WITH (FORCE);\nDROP ROLE IF EXISTS "%s";\n' "$1" "$2" | sql) || true
    fi
}

