# Prints what is in a team's bucket: an object of JSON for each object of the store, by key, and
# last how many there were: none of a bucket that is not there.
set -eu
as_owner() {
  curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused \
    --header "x-amz-content-sha256: UNSIGNED-PAYLOAD" \
    --aws-sigv4 "aws:amz:$AWS_REGION:s3" --user "$ROOT_ACCESS_KEY_ID:$ROOT_SECRET_ACCESS_KEY" "$@"
}
# Texts are still XML's here, in which nothing has the look of an element or of a quote.
entries() {
  awk 'BEGIN { RS = "<Contents>" }
    function field(name, start) {
      start = index($0, "<" name ">") + length(name) + 2
      return substr($0, start, index($0, "</" name ">") - start)
    }
    NR > 1 {
      etag = field("ETag"); gsub(/&#34;|&quot;/, "", etag)
      printf "{\"key\": \"%s\", \"size\": %s, \"etag\": \"%s\", \"last_modified\": \"%s\"}\n",
        field("Key"), field("Size"), etag, field("LastModified")
    }' /tmp/page
}
# The last one is the sign that stands in all others.
as_text() {
  sed -E -e 's/&(#34|quot);/"/g' -e "s/&(#39|apos);/'/g" -e 's/&#xA;/\n/g' -e 's/&#x9;/\t/g' \
    -e 's/&#xD;/\r/g' -e 's/&lt;/</g' -e 's/&gt;/>/g' -e 's/&amp;/\&/g'
}
as_json() {
  sed -E -e 's/\\/\\\\/g' -e 's/&(#34|quot);/\\"/g' -e 's/&#xA;/\\n/g' -e 's/&#x9;/\\t/g' \
    -e 's/&#xD;/\\r/g' | as_text
}
# As the signature has it: curl writes the numbers in small letters.
in_address() {
  od -An -v -tu1 | awk '{
    for (i = 1; i <= NF; i++) {
      sign = sprintf("%c", $i)
      if (sign ~ /[A-Za-z0-9_.~-]/) printf "%s", sign; else printf "%%%02X", $i
    }
  }'
}
export LC_ALL=C
as_owner "$AWS_ENDPOINT_URL/" > /tmp/buckets
if ! grep -q "<Name>$BUCKET</Name>" /tmp/buckets; then
  echo '{"count": 0}'
  exit
fi
: > /tmp/lines
query="list-type=2&max-keys=1000" from=
while :; do
  as_owner "$AWS_ENDPOINT_URL/$BUCKET?$from$query" > /tmp/page
  entries | as_json | tee -a /tmp/lines
  next="$(sed -n 's/.*<NextContinuationToken>\(.*\)<\/NextContinuationToken>.*/\1/p' /tmp/page)"
  [ "$next" ] || break
  from="continuation-token=$(printf '%s' "$next" | as_text | in_address)&"
done
printf '{"count": %s}\n' "$(wc -l < /tmp/lines)"
