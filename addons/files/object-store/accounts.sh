# Writes the accounts that may read one bucket each; the key of each is a file in /readers.
set -eu
list= comma=
for key in /readers/*; do
  name="$(basename "$key")-reader"
  list="$list$comma\"$name\": {\"access\": \"$name\", \"secret\": \"$(cat "$key")\", \"role\": \"user\"}"
  comma=,
done
umask 077
printf '{"accessAccounts": {%s}}' "$list" > /accounts/users.json
