#!/bin/sh
# Makes .venv and installs the locked packages and this checkout into it. Called by `make setup` when pyproject.toml,
# the lock or the folder changed; safe to call again after an interruption.
set -eu
cd "$(dirname "$0")/.."

say() { echo "recoverops: $*"; }

python=$(sh scripts/find-python.sh)
version=$("$python" -c 'import platform; print(platform.python_version())')

# A stamp from another folder means that the whole .venv was copied or moved: its scripts still call the old place.
if [ -f .venv/.installed ] && [ "$(cat .venv/.installed)" != "$(pwd -P)" ]; then
    say ".venv was made in another folder; making it anew"
    rm -rf .venv
fi

if ! .venv/bin/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        case "$(basename "$python")" in
            python3) package=python3-venv ;;
            *) package=python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv ;;
        esac
        sh scripts/debian-packages.sh --always "$package"
    fi
    say "making .venv with Python $version"
    rm -rf .venv
    "$python" -m venv .venv
fi

rm -f .venv/.installed
count=$(grep -c '^[a-zA-Z0-9]' requirements.lock)
say "installing the $count packages of requirements.lock (the first time this takes up to a minute)"
export PIP_DISABLE_PIP_VERSION_CHECK=1

# uv stands in the lock like every other package, and does in seconds what pip does in a minute and a half. It does not
# read pip's settings, so the index that pip was told of is handed on.
install_with_uv() {
    sed -n '/^uv==/,/[^\\]$/p' requirements.lock >.venv/uv.txt
    .venv/bin/python -m pip install -q --require-hashes -r .venv/uv.txt || return 1
    index=$(.venv/bin/python -m pip config get global.index-url 2>/dev/null || true)
    index=${PIP_INDEX_URL:-$index}
    if [ -n "$index" ]; then export UV_DEFAULT_INDEX="$index"; fi
    .venv/bin/uv pip install -q --python .venv/bin/python --require-hashes -r requirements.lock
}
if ! install_with_uv >.venv/uv.log 2>&1; then
    say "uv could not install them (.venv/uv.log says why); pip does it, which takes some minutes"
    .venv/bin/python -m pip install -q --no-compile --require-hashes -r requirements.lock
fi
say "installing recoverops from this checkout"
.venv/bin/python -m pip install -q --no-deps --no-build-isolation -e .
say "compiling the packages and the detection kernels (once; later starts read them from __pycache__)"
# Where PYTHONDONTWRITEBYTECODE is set, every start of a command would compile all of it once more. Tests of the
# packages are left out, and what is not for this version of Python says so to nobody.
.venv/bin/python -m compileall -q src
.venv/bin/python -m compileall -qq -j 0 -x '/tests?/' .venv/lib &
packages=$!
.venv/bin/python -c 'from recoverops.detection.metrics import joint, streaming; streaming.StreamDetector, joint.train
import recoverops.sources.remote_write'
wait "$packages" || true
pwd -P >.venv/.installed
say "ready; see what it does with: make demo"
