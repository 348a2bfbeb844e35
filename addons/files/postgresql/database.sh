# Makes a database and the user that owns it, gives it its password, and logs in as that user.
# PG* name the database, its user and password; it may run any number of times.
set -eu
as_superuser() {
  PGPASSWORD="$SUPERUSER_PASSWORD" psql --host="$PGHOST" --port="$PGPORT" --username=postgres \
    --dbname=postgres --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 \
    --set=user="$PGUSER" --set=password="$PGPASSWORD" --set=database="$PGDATABASE"
}
as_superuser <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'user')
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'user') \gexec
SELECT format('ALTER ROLE %I PASSWORD %L', :'user', :'password') \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'user')
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
SELECT format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', :'database') \gexec
SQL
psql --no-psqlrc --set=ON_ERROR_STOP=1 --command='SELECT current_user, current_database()'
