#!/usr/bin/env bash
# Makes .venv from requirements.lock. Does nothing when .venv already matches it.
#
#   scripts/setup.sh          what training needs
#   scripts/setup.sh test     the same, and what the tests need
set -euo pipefail
cd "$(dirname "$0")/.."

lock=requirements.lock
[ "${1:-train}" = test ] && lock=requirements-test.lock
# The test lock holds everything the other one does, at the same versions.
for done in "$lock" requirements-test.lock; do
    cmp -s "$done" ".venv/installed-$done" && exit 0
done

if ! command -v python3 >/dev/null || ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "setup: Python 3.11 or newer is needed as python3; found: $(python3 --version 2>&1 || true)" >&2
    exit 2
fi
uv() { if command -v uv >/dev/null; then command uv "$@"; else python3 -m uv "$@"; fi; }
if ! uv --version >/dev/null 2>&1; then
    # Its own environment, so that a Python that refuses `pip install` serves too.
    python3 -m venv .venv-uv && .venv-uv/bin/pip install --quiet uv
    uv() { .venv-uv/bin/uv "$@"; }
fi

echo "setup: installing $lock into .venv" >&2
[ -x .venv/bin/python ] || uv venv --quiet --python "$(command -v python3)" .venv
rm -f .venv/installed-*
# All cores compile once what an import would compile by one, or anew each time where Python may not write.
uv pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes "$lock"
cp "$lock" ".venv/installed-$lock"
