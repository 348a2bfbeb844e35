# Takes a team's account away, which shuts it out, then all objects of its bucket and the bucket;
# twice is the same as once.
set -eu
as_owner() {
  curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused \
    --header "x-amz-content-sha256: UNSIGNED-PAYLOAD" \
    --aws-sigv4 "aws:amz:$AWS_REGION:s3" --user "$ROOT_ACCESS_KEY_ID:$ROOT_SECRET_ACCESS_KEY" "$@"
}
bucket="$AWS_ENDPOINT_URL/$BUCKET"
as_owner --request PATCH "$AWS_ENDPOINT_URL/delete-user?access=$BUCKET"
# The list of all buckets tells one that is gone from a gateway that is ill.
as_owner "$AWS_ENDPOINT_URL/" > /tmp/buckets
if ! grep -q "<Name>$BUCKET</Name>" /tmp/buckets; then
  echo "bucket $BUCKET is gone"
  exit
fi
before=
while :; do
  as_owner "$bucket?list-type=2&max-keys=1000" > /tmp/page
  # Keys stay as they are written in the one document when they go into the other.
  keys="$(sed 's/<Contents>/\n&/g' /tmp/page | sed -n 's/^<Contents>.*\(<Key>.*<\/Key>\).*/\1/p')"
  [ "$keys" ] || break
  if [ "$keys" = "$before" ]; then
    echo "objects of $BUCKET do not go: $(cat /tmp/answer)" >&2
    exit 1
  fi
  before="$keys"
  { echo '<Delete><Quiet>true</Quiet>'
    printf '%s\n' "$keys" | sed 's/.*/<Object>&<\/Object>/'
    echo '</Delete>'; } > /tmp/delete
  sum="$(openssl dgst -md5 -binary /tmp/delete | base64)"
  as_owner --request POST --header "content-md5: $sum" --header 'content-type: application/xml' \
    --data-binary @/tmp/delete "$bucket?delete=" > /tmp/answer
done
as_owner --request DELETE "$bucket"
echo "account and bucket $BUCKET went, with all that was in it"
