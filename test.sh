#!/usr/bin/env bash
# Sets the machine up if needed, then runs the tests:  bash test.sh [pytest flags]
set -euo pipefail
cd "$(dirname "$0")"
scripts/setup.sh test
exec .venv/bin/python -m pytest -n auto --maxprocesses 8 --dist worksteal "$@"
