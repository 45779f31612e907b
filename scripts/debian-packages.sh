#!/bin/sh
# Installs Debian packages that are missing: debian-packages.sh PACKAGE:PROGRAM ...
# PROGRAM is a name on the PATH or a file pattern; when it is there, nothing is done and nobody is asked for rights.
# --always PACKAGE installs without looking. Called by the Makefile and by setup.sh.
set -eu

has_program() {
    case "$1" in
        /*)
            for file in $1; do
                if [ -x "$file" ]; then return 0; fi
            done
            return 1
            ;;
        *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

missing=
always=
for item in "$@"; do
    if [ "$item" = --always ]; then
        always=yes
    elif [ -n "$always" ]; then
        missing="$missing $item"
        always=
    elif ! has_program "${item#*:}"; then
        missing="$missing ${item%%:*}"
    fi
done
missing=${missing# }
if [ -z "$missing" ]; then exit 0; fi

give_up() {
    echo "recoverops: needs $missing, but $1; install it by hand (Debian: sudo apt-get install $missing) and run make again" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 || give_up "this system has no apt-get"
if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true >/dev/null 2>&1; then
    as_root="sudo -n"
else
    give_up "this user is not root and sudo asks for a password"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# RUNLEVEL=1: the packages are for the tests, which start their own servers; none is to be started by the package.
install_missing() {
    # shellcheck disable=SC2086  # both are lists of words
    $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=120 $missing >"$log" 2>&1
}

echo "recoverops: installing the Debian package(s) $missing"
if ! install_missing; then
    echo "recoverops: the package lists are old or empty; reading them anew"
    $as_root apt-get update -q >"$log" 2>&1 || { tail -n 5 "$log" >&2; give_up "apt-get update failed"; }
    install_missing || { tail -n 5 "$log" >&2; give_up "apt-get install failed"; }
fi
