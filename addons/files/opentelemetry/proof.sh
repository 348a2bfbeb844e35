# Sends a span, a metric and a log record with one id, and waits for all three to come out:
# the span as a rate and, where there is a store of the platform, from the store; the metric where
# metrics are collected; the log record as one more that the collector has handed on.
set -euo pipefail

id=$(tr -d '-' </proc/sys/kernel/random/uuid)
now=$(date +%s)
resource='"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "opentelemetry-proof"}}]}'

post() {
    curl --silent --show-error --fail --output /dev/null --header 'Content-Type: application/json' \
        "$OTLP/v1/$1" --data @-
}

logs_out() {
    curl --silent --show-error --fail "$OWN_METRICS" |
        awk '/^otelcol_exporter_sent_log_records/ { n += $2 } END { print n + 0 }'
}

come_out() { # what, command...
    local what=$1
    shift
    for _ in $(seq 60); do
        if "$@"; then
            echo "$what came out"
            return
        fi
        sleep 1
    done
    echo "$what did not come out" >&2
    exit 1
}

in_metrics() { grep --quiet "$1" <(curl --silent --fail "$METRICS"); }
in_store() { grep --quiet '"operationName":"proof-' <(curl --silent --fail "$JAEGER/api/traces/$id"); }
more_logs() { [ "$(logs_out)" -gt "$before" ]; }

before=$(logs_out)
post traces <<JSON
{"resourceSpans": [{$resource, "scopeSpans": [{"spans": [{
  "traceId": "$id", "spanId": "${id:0:16}", "name": "proof-$id", "kind": 1,
  "startTimeUnixNano": "${now}000000000", "endTimeUnixNano": "${now}500000000"
}]}]}]}
JSON
post metrics <<JSON
{"resourceMetrics": [{$resource, "scopeMetrics": [{"metrics": [{"name": "proof", "gauge": {"dataPoints": [
  {"asInt": "42", "timeUnixNano": "${now}000000000", "attributes": [{"key": "id", "value": {"stringValue": "$id"}}]}
]}}]}]}]}
JSON
post logs <<JSON
{"resourceLogs": [{$resource, "scopeLogs": [{"logRecords": [
  {"timeUnixNano": "${now}000000000", "traceId": "$id", "severityNumber": 9, "body": {"stringValue": "proof $id"}}
]}]}]}
JSON

come_out "the span, as a rate" in_metrics "^traces_span_metrics_calls_total.*proof-$id"
if [ -n "${JAEGER:-}" ]; then come_out "the span" in_store; fi
come_out "the metric" in_metrics "^proof{.*id=\"$id\".* 42"
come_out "the log record" more_logs
