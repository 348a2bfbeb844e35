# Brings the schema up to date and serves. The connections are those of the Secrets `database` and
# `bucket`; the password goes by libpq's own variable and stands in no address and no argument.
set -eu
export MLFLOW_BACKEND_STORE_URI="postgresql+psycopg2://$PGUSER@$PGHOST:$PGPORT/$PGDATABASE"
export MLFLOW_S3_ENDPOINT_URL="$AWS_ENDPOINT_URL"
# Who has no role in a workspace sees nothing of it.
export MLFLOW_AUTH_CONFIG_PATH=/tmp/auth.ini
cat > "$MLFLOW_AUTH_CONFIG_PATH" <<END
[mlflow]
default_permission = NO_PERMISSIONS
database_uri = $MLFLOW_BACKEND_STORE_URI
# A password is looked at once in half a minute: that takes a tenth of a second.
auth_cache_ttl_seconds = 30
END
exec python3 -m mlflow server --host 0.0.0.0 --port "$PORT" --workers "$WORKERS" \
  --app-name basic-auth --enable-workspaces \
  --serve-artifacts --artifacts-destination "s3://$BUCKET"
