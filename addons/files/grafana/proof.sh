# Look at every dashboard and ask Prometheus one question, as a person who is logged in would.
set -eu
ask() { curl --fail --silent --show-error --user "admin:$PASSWORD" "$@"; }
for uid in $UIDS; do
  ask "$URL/api/dashboards/uid/$uid" | grep -q "\"uid\":\"$uid\""
done
ask --get --data-urlencode 'query=up == 1' \
  "$URL/api/datasources/proxy/uid/prometheus/api/v1/query" | grep -q '"result":\[{'
