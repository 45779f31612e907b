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
say "installing the $count packages of requirements.lock (the first time this takes about a minute)"
export PIP_DISABLE_PIP_VERSION_CHECK=1
.venv/bin/python -m pip install -q --require-hashes -r requirements.lock
say "installing recoverops from this checkout"
.venv/bin/python -m pip install -q --no-deps --no-build-isolation -e .
# Where PYTHONDONTWRITEBYTECODE is set, every start of a command would compile all of it once more.
.venv/bin/python -m compileall -q src
say "compiling the detection kernels (once; later starts read them from __pycache__)"
.venv/bin/python -c 'from recoverops.detection.metrics import joint, streaming; streaming.StreamDetector, joint.train
import recoverops.sources.remote_write'
pwd -P >.venv/.installed
say "ready; see what it does with: make demo"
