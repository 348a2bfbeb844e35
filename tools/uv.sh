#!/bin/sh
# Runs uv with the package index that pip is configured for: uv installs in seconds what takes pip a
# minute, but does not read pip's configuration.
#
# Usage: uv.sh VENV ARGUMENTS-OF-UV...
set -eu
venv=$1
shift

settings=$("$venv/bin/python" -m pip config list 2>/dev/null || true)
# setting NAME: the value that pip would use; of several the last, which is that of the environment
setting() {
    printf '%s\n' "$settings" | sed -n -E "s/^(global|install|:env:)\\.$1='(.*)'\$/\\2/p" | tail -n 1
}
# hand_over NAME VARIABLE: what is already said to uv itself stands
hand_over() {
    value=$(setting "$1")
    if [ -n "$value" ] && [ -z "$(printenv "$2" || true)" ]; then export "$2=$value"; fi
}
hand_over index-url UV_DEFAULT_INDEX
hand_over extra-index-url UV_INDEX
hand_over trusted-host UV_INSECURE_HOST
hand_over cert SSL_CERT_FILE
hand_over timeout UV_HTTP_TIMEOUT
hand_over no-index UV_NO_INDEX
# pip ignores a folder that is not there, uv refuses it.
links=
for link in $(setting find-links); do
    case $link in *://*) ;; *) [ -e "$link" ] || continue ;; esac
    links=$links${links:+,}$link
done
if [ -n "$links" ] && [ -z "${UV_FIND_LINKS:-}" ]; then export UV_FIND_LINKS="$links"; fi

# The moving progress is for a terminal only.
if [ ! -t 2 ]; then set -- --quiet "$@"; fi
exec "$venv/bin/uv" --no-config --no-python-downloads "$@"
