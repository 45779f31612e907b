#!/bin/sh
# Prints the path of a Python that RecoverOps runs on: $PYTHON when it is set, otherwise the first on the PATH of
# 3.11 or newer. Called by setup.sh.
set -eu

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    if ! path=$(command -v "$PYTHON"); then
        echo "recoverops: PYTHON is \"$PYTHON\", but there is no such program; leave it out or name a Python of 3.11 or newer" >&2
        exit 1
    fi
    if ! is_new_enough "$path"; then
        version=$("$path" -c 'import platform; print(platform.python_version())' 2>/dev/null || echo "no Python at all")
        echo "recoverops: PYTHON is \"$PYTHON\", which is $version; RecoverOps needs Python 3.11 or newer" >&2
        exit 1
    fi
    echo "$path"
    exit 0
fi

for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if path=$(command -v "$name") && is_new_enough "$path"; then
        echo "$path"
        exit 0
    fi
done

found=$(python3 --version 2>/dev/null || echo "no python3")
echo "recoverops: found $found, but RecoverOps needs Python 3.11 or newer; install one (Debian 12: apt-get install python3) or name it: make setup PYTHON=/path/to/python3.11" >&2
exit 1
