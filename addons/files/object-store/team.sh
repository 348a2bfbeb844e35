# Makes a team's account and its bucket, which the account owns; twice is the same as once. Then the
# team itself writes, reads and removes an object in it.
set -eu
as() {
  who="$1" && shift
  curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused \
    --header "x-amz-content-sha256: UNSIGNED-PAYLOAD" \
    --aws-sigv4 "aws:amz:$AWS_REGION:s3" --user "$who" "$@"
}
owner="$ROOT_ACCESS_KEY_ID:$ROOT_SECRET_ACCESS_KEY"
team="$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"
cat > /tmp/account <<END
<Account><Access>$AWS_ACCESS_KEY_ID</Access><Secret>$AWS_SECRET_ACCESS_KEY</Secret><Role>user</Role></Account>
END
as "$owner" --request PATCH --data-binary @/tmp/account "$AWS_ENDPOINT_URL/create-user" >/dev/null 2>&1 ||
  as "$owner" --request PATCH --data-binary @/tmp/account \
    "$AWS_ENDPOINT_URL/update-user?access=$AWS_ACCESS_KEY_ID"
bucket="$AWS_ENDPOINT_URL/$BUCKET"
as "$owner" --head --output /dev/null "$bucket" 2>/dev/null || as "$owner" --request PUT "$bucket"
as "$owner" --request PATCH "$AWS_ENDPOINT_URL/change-bucket-owner?bucket=$BUCKET&owner=$AWS_ACCESS_KEY_ID"
printf 'cnai' > /tmp/object
as "$team" --upload-file /tmp/object "$bucket/.cnai-proof"
[ "$(as "$team" "$bucket/.cnai-proof")" = "cnai" ]
as "$team" --request DELETE "$bucket/.cnai-proof"
echo "bucket $BUCKET is there, and its team's"
