#!/bin/sh
# Makes the Python environment of this checkout: home/venv holds exactly what requirements.lock says,
# and the packages of this repository in place. Where packages come from is pip's own configuration.
#
# Run it as often as you like: a finished environment is told by a stamp, and costs nothing. Kill it
# at any moment: the stamp is written last, so the next run starts again from a clean environment.
set -eu

repo=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
home=${CNAI_HOME:-$repo/.cnai}
cache=${CNAI_CACHE:-${XDG_CACHE_HOME:-${HOME:-$home}/.cache}/cnai}
venv=$home/venv
stamp=$venv/.cnai-stamp

say() { printf 'cnai: %s\n' "$*" >&2; }

# problem ID WHAT WHY FIX EXIT_CODE, in the form of tools/errors.py
problem() {
    page=docs/reference/errors.md#$(printf %s "$1" | tr '[:upper:]' '[:lower:]')
    printf '%s  %s\n  why  %s\n  fix  %s\n  more %s\n' "$1" "$2" "$3" "$4" "$page" >&2
    exit "$5"
}

digest() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }

# The place of the checkout is part of the key, since the environment points to it.
key=$({ printf '%s\n' "$repo"; cat "$repo/requirements.lock" "$repo/pyproject.toml" "$0" "$repo/tools/uv.sh"; } | digest)
finished() {
    [ -x "$venv/bin/python" ] && [ -r "$stamp" ] && IFS= read -r old <"$stamp" && [ "$old" = "$key" ]
}
if finished; then exit 0; fi

mkdir -p "$home" "$cache"
# Two runs at once: the second waits, then finds the work done. The kernel frees the lock of a killed run.
exec 9>"$home/bootstrap.lock"
if command -v flock >/dev/null; then flock 9; fi
if finished; then exit 0; fi

newer() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
complete() { newer "$1" && "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }
find_python() {
    for python in ${CNAI_PYTHON:+"$CNAI_PYTHON"} python3.11 python3 python3.12 python3.13 python3.14 \
        /usr/bin/python3; do
        if complete "$python"; then return 0; fi
    done
    return 1
}

if ! find_python; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "no Python 3.11 with its venv module: installing python3 and python3-venv from the distribution"
        { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y \
            --no-install-recommends python3 python3-venv ca-certificates; } >"$home/apt.log" 2>&1 ||
            problem CNAI-HOST-051 "the distribution's Python could not be installed" \
                "apt-get failed: $(tail -n 1 "$home/apt.log") (all of it: $home/apt.log)" \
                "apt-get update && apt-get install python3 python3-venv" 2
    fi
    find_python || problem CNAI-HOST-050 "no Python 3.11 or newer with its venv module was found" \
        "looked for python3.11, python3, python3.12, python3.13, python3.14 and CNAI_PYTHON" \
        "apt-get install python3 python3-venv   (or set CNAI_PYTHON to a newer Python)" 2
fi

if [ ! -r "$stamp" ]; then
    say "making the Python environment in $venv with $("$python" -V)"
    PYTHONNOUSERSITE=1 "$python" -m venv --clear "$venv" >"$home/venv.log" 2>&1 ||
        problem CNAI-HOST-052 "the Python environment could not be made in $venv" \
            "$(tail -n 1 "$home/venv.log")" "free some disk space, then: make up" 2
else
    say "bringing the Python environment in $venv to requirements.lock"
    rm -f "$stamp"
fi

export PIP_CACHE_DIR="$cache/pip" PIP_DISABLE_PIP_VERSION_CHECK=1 UV_CACHE_DIR="$cache/uv"
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV PIP_TARGET PIP_USER PIP_PREFIX PIP_REQUIRE_VIRTUALENV

# Every file is checked against the lock, so any index may deliver it.
with_uv() {
    "$repo/tools/uv.sh" "$venv" pip sync --python "$venv/bin/python" \
        --index-strategy unsafe-best-match --require-hashes "$repo/requirements.lock"
}
with_pip() { "$venv/bin/python" -m pip install -q --require-hashes -r "$repo/requirements.lock"; }

say "installing $(grep -c '==' "$repo/requirements.lock") packages, each checked against its hash"
# The first stage is the installer itself, by the same lock.
awk '/^uv==/ { on = 1 } on { print } on && !/\\$/ { exit }' "$repo/requirements.lock" >"$home/uv.lock.txt"
if "$venv/bin/python" -m pip install -q --require-hashes -r "$home/uv.lock.txt" && with_uv; then
    :
else
    say "uv did not manage; trying pip, which takes a minute or two"
    with_pip || problem CNAI-HOST-053 "the packages of requirements.lock could not be installed" \
        "pip's message is above: usually no network, or an index that lacks a file" \
        "pip config list   (names the package index in use), then: make up" 1
fi
# The editable install needs no network: its build backend is in the lock.
"$venv/bin/python" -m pip install -q --no-deps --no-build-isolation --no-index --root-user-action=ignore \
    -e "$repo" || problem CNAI-HOST-054 "this checkout could not be installed into its environment" \
    "pip's message is above" "git status   (pyproject.toml must be whole), then: make up" 1
rm -f "$home/uv.lock.txt" "$home/apt.log" "$home/venv.log"

printf '%s\n' "$key" >"$stamp.new"
mv "$stamp.new" "$stamp"
say "the Python environment is ready"
