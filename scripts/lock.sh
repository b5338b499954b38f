#!/usr/bin/env bash
# Pins every dependency, with hashes, from pyproject.toml. Run it after a change there.
#
#   scripts/lock.sh [--upgrade]
set -euo pipefail
cd "$(dirname "$0")/.."

compile() { # LOCK [uv flags]: no index is named in the file, so any mirror serves
    uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
        --no-annotate --python-version 3.11 pyproject.toml --output-file "$@"
}
compile requirements.lock "$@"
compile requirements-test.lock --extra test --constraint requirements.lock "$@"
