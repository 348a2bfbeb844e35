# Brings the schema up to date, then serves. The connections are those of the Secrets `database`
# and `bucket`; the password goes by libpq's own variable and never stands on a command line.
set -eu
store="postgresql://$PGUSER@$PGHOST:$PGPORT/$PGDATABASE"
python3 -m mlflow db upgrade "$store"
exec python3 -m mlflow server --host 0.0.0.0 --port "$PORT" --workers "$WORKERS" \
  --backend-store-uri "$store" --serve-artifacts --artifacts-destination "s3://$BUCKET"
