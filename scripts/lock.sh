#!/bin/sh
# Writes requirements.lock anew: every extra, every platform, Python 3.11 and newer, with hashes. Called by `make lock`.
# Versions that are locked already stay; `make lock UPGRADE=1` takes the newest of everything.
set -eu
cd "$(dirname "$0")/.."

upgrade=
if [ -n "${UPGRADE:-}" ]; then upgrade=--upgrade; else cp requirements.lock requirements.lock.new; fi
echo "recoverops: resolving pyproject.toml"
# shellcheck disable=SC2086  # empty, or one option
.venv/bin/uv pip compile pyproject.toml scripts/build-requirements.in -q --all-extras --universal --python-version 3.11 \
    --generate-hashes --no-annotate --no-header $upgrade -o requirements.lock.new
if grep -q '://' requirements.lock.new; then
    rm requirements.lock.new
    echo "recoverops: the new lock names an address, which would tie it to one machine; requirements.lock is unchanged" >&2
    exit 1
fi
mv requirements.lock.new requirements.lock
echo "recoverops: requirements.lock has $(grep -c '^[a-zA-Z0-9]' requirements.lock) packages; now run: make setup"
