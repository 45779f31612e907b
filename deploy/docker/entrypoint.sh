#!/bin/sh
# Writes the configuration that was handed in as text, takes it out of the environment, and becomes RecoverOps.
set -eu
umask 077
folder=${CONFIGURATION_FOLDER:-/run/recoverops}
if [ -n "${CONFIGURATION_YAML:-}" ]; then
    printf '%s\n' "$CONFIGURATION_YAML" >"$folder/recoverops.yaml"
    unset CONFIGURATION_YAML
    RECOVEROPS_CONFIG=$folder/recoverops.yaml
    export RECOVEROPS_CONFIG
fi
exec recoverops "$@"
