# Makes the bucket unless it is there, then writes, reads and removes an object in it.
set -eu
s3() {
  curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused \
    --header "x-amz-content-sha256: UNSIGNED-PAYLOAD" \
    --aws-sigv4 "aws:amz:$AWS_REGION:s3" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" "$@"
}
bucket="$AWS_ENDPOINT_URL/$BUCKET"
s3 --head --output /dev/null "$bucket" 2>/dev/null || s3 --request PUT "$bucket"
printf 'cnai' > /tmp/object
s3 --upload-file /tmp/object "$bucket/.cnai-proof"
[ "$(s3 "$bucket/.cnai-proof")" = "cnai" ]
s3 --request DELETE "$bucket/.cnai-proof"
echo "bucket $BUCKET is there; an object went in and came back"
