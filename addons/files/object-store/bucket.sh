# Makes the bucket unless it is there, and an account that may read it and nothing else; then
# writes, reads and removes an object in it.
set -eu
s3() {
  curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused \
    --header "x-amz-content-sha256: UNSIGNED-PAYLOAD" \
    --aws-sigv4 "aws:amz:$AWS_REGION:s3" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" "$@"
}
bucket="$AWS_ENDPOINT_URL/$BUCKET"
s3 --head --output /dev/null "$bucket" 2>/dev/null || s3 --request PUT "$bucket"
cat > /tmp/account <<END
<Account><Access>$READER</Access><Secret>$READER_SECRET</Secret><Role>user</Role></Account>
END
s3 --request PATCH --data-binary @/tmp/account "$AWS_ENDPOINT_URL/create-user" >/dev/null 2>&1 ||
  s3 --request PATCH --data-binary @/tmp/account "$AWS_ENDPOINT_URL/update-user?access=$READER"
cat > /tmp/policy <<END
{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Principal": {"AWS": ["$READER"]},
   "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::$BUCKET"]},
  {"Effect": "Allow", "Principal": {"AWS": ["$READER"]},
   "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::$BUCKET/*"]}]}
END
s3 --upload-file /tmp/policy "$bucket?policy="
printf 'cnai' > /tmp/object
s3 --upload-file /tmp/object "$bucket/.cnai-proof"
[ "$(s3 "$bucket/.cnai-proof")" = "cnai" ]
s3 --request DELETE "$bucket/.cnai-proof"
echo "bucket $BUCKET is there; an object went in and came back"
