# Ends admission to a team's queue when its budget is spent, and begins it again when it is not. What
# runs goes on: `Hold` takes nothing away from it. Without an answer of Prometheus all stays as it is,
# and so does a queue that somebody else holds.
set -eu
account=${ACCOUNT:-/var/run/secrets/kubernetes.io/serviceaccount}
queue="${API:-https://kubernetes.default.svc}/apis/kueue.x-k8s.io/v1beta2/clusterqueues/$QUEUE"
held='"cnai.dev/held":"budget"'

said=$(curl --silent --show-error --max-time 20 --get --data-urlencode "query=$SPENT" "$PROMETHEUS/api/v1/query") || {
  echo "Prometheus does not answer: nothing is changed"
  exit 1
}
case "$said" in
*'"result":[{'*',"1"]}]'*) spent=yes ;;
*'"result":[{'*',"0"]}]'*) spent=no ;;
*)
  echo "Prometheus does not know what was spent: nothing is changed ($said)"
  exit 1
  ;;
esac

ask() {
  curl --silent --show-error --fail-with-body --max-time 20 --cacert "$account/ca.crt" \
    --header "Authorization: Bearer $(cat "$account/token")" "$@"
}
change() {
  ask --output /dev/null --request PATCH --header 'Content-Type: application/merge-patch+json' --data "$1" \
    "$queue?fieldManager=cnai-budget"
}
now=$(ask "$queue" | tr -d ' \n')
case "$now" in
*'"stopPolicy":"Hold"'* | *'"stopPolicy":"HoldAndDrain"'*) open=no ;;
*) open=yes ;;
esac
case "$now" in *"$held"*) ours=yes ;; *) ours=no ;; esac

if [ "$spent" = yes ] && [ "$open" = yes ]; then
  change "{\"metadata\":{\"annotations\":{$held}},\"spec\":{\"stopPolicy\":\"Hold\"}}"
  echo "the budget of $QUEUE is spent: its queue admits nothing more"
elif [ "$spent" = no ] && [ "$ours" = yes ]; then
  change '{"metadata":{"annotations":{"cnai.dev/held":null}},"spec":{"stopPolicy":"None"}}'
  echo "the budget of $QUEUE is not spent: its queue admits again"
else
  echo "nothing to do: spent $spent, open $open, held for its budget $ours"
fi
