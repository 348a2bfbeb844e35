# Makes the database cluster once, then serves it. It is made beside its place and renamed, so that
# a pod that is killed half-way leaves nothing that looks complete.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  rm -rf "$PGDATA.new"
  initdb --pgdata="$PGDATA.new" --username=postgres --pwfile=/run/secrets/cnai/password \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
  echo "host all all all scram-sha-256" >> "$PGDATA.new/pg_hba.conf"
  mv "$PGDATA.new" "$PGDATA"
fi
exec postgres -c listen_addresses='*' -c shared_buffers=64MB -c max_connections=100
