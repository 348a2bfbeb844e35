# Brings the schema up to date and serves. The connections are those of the Secrets `database` and
# `bucket`; the password goes by libpq's own variable and stands in no address and no argument.
set -eu
export MLFLOW_BACKEND_STORE_URI="postgresql+psycopg2://$PGUSER@$PGHOST:$PGPORT/$PGDATABASE"
export MLFLOW_S3_ENDPOINT_URL="$AWS_ENDPOINT_URL"
exec python3 -m mlflow server --host 0.0.0.0 --port "$PORT" --workers "$WORKERS" \
  --serve-artifacts --artifacts-destination "s3://$BUCKET"
