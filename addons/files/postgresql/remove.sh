# Takes a database and the user that owns it away, whoever is logged in; twice is the same as once.
# PG* name the server and the database; the user is called as the database is.
set -eu
PGPASSWORD="$SUPERUSER_PASSWORD" psql --host="$PGHOST" --port="$PGPORT" --username=postgres \
  --dbname=postgres --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=name="$PGDATABASE" <<'SQL'
SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', :'name') \gexec
SELECT format('DROP ROLE IF EXISTS %I', :'name') \gexec
SQL
echo "database $PGDATABASE went, with its user"
