#!/bin/sh
# Start PostgreSQL; on an empty volume, make the cluster, the user and the database first.
#
# Reads the settings that the published image reads: POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE,
# POSTGRES_USER (postgres), POSTGRES_DB (the user's name), POSTGRES_INITDB_ARGS, PGDATA.
# A first start that is killed leaves no half-made cluster: it is made beside and moved in.
set -eu

case "${1:-postgres}" in
-*) set -- postgres "$@" ;;
postgres) ;;
*) exec "$@" ;;
esac

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    : "${POSTGRES_USER:=postgres}"
    : "${POSTGRES_DB:=$POSTGRES_USER}"
    if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
        POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
    fi
    if [ -z "${POSTGRES_PASSWORD:-}" ]; then
        echo "POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE must be set for the first start" >&2
        exit 1
    fi
    umask 077
    mkdir -p "$PGDATA"
    new="$PGDATA/.new"
    rm -rf "$new"
    secret=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" >"$secret"
    # shellcheck disable=SC2086  # several arguments in one setting
    initdb -D "$new" --username="$POSTGRES_USER" --pwfile="$secret" --encoding=UTF8 \
        --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 ${POSTGRES_INITDB_ARGS:-}
    rm -f "$secret"
    printf 'host all all all scram-sha-256\n' >>"$new/pg_hba.conf"
    printf "listen_addresses = '*'\n" >>"$new/postgresql.conf"
    if [ "$POSTGRES_DB" != postgres ]; then
        # Single-user mode: no server that somebody could reach before all is set.
        printf 'CREATE DATABASE "%s";\n' "$POSTGRES_DB" |
            postgres --single -j -D "$new" postgres >/dev/null
    fi
    # The version file comes last: with it, the cluster is there.
    find "$new" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv -f {} "$PGDATA/" \;
    mv "$new/PG_VERSION" "$PGDATA/"
    rmdir "$new"
fi
exec "$@"
