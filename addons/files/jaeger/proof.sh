# Sends one span and asks for it by its id until it is there, or 60 s have passed.
set -euo pipefail

id=$(tr -d '-' </proc/sys/kernel/random/uuid)
now=$(date +%s)
curl --silent --show-error --fail --output /dev/null --header 'Content-Type: application/json' "$OTLP/v1/traces" --data @- <<JSON
{"resourceSpans": [{
  "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "jaeger-proof"}}]},
  "scopeSpans": [{"spans": [{
    "traceId": "$id", "spanId": "${id:0:16}", "name": "proof", "kind": 1,
    "startTimeUnixNano": "${now}000000000", "endTimeUnixNano": "${now}000042000"
  }]}]
}]}
JSON

for _ in $(seq 60); do
    if found=$(curl --silent --fail "$JAEGER/api/traces/$id"); then
        grep --quiet '"operationName":"proof"' <<<"$found"
        grep --quiet '"duration":42,' <<<"$found"
        echo "span ${id:0:16} came back"
        exit 0
    fi
    sleep 1
done
echo "the span did not come back" >&2
exit 1
