#!/usr/bin/env bash
# Sets the machine up if needed, then trains:  bash train.sh [RECIPE] [flags]
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
"$here/scripts/setup.sh"

recipe=demo
if [ $# -gt 0 ] && [[ "$1" != -* ]]; then
    recipe=$1
    shift
fi
exec "$here/.venv/bin/python" "$here/main.py" train "$recipe" "$@"
