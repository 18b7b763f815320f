#!/usr/bin/env bash
# Writes constraints.txt anew: what pip chooses today for `.[dev]` (which holds the server and the builder) in an
# empty environment. Run it with the oldest supported Python: PYTHON=python3.11 deploy/pins.sh (or: make pins).
set -euo pipefail
cd "$(dirname "$0")/.."

environment=$(mktemp -d)
trap 'rm -rf "$environment"' EXIT
"${PYTHON:-python3}" -m venv "$environment"
"$environment/bin/pip" install --quiet -e '.[dev]'

{
  cat <<'HEADER'
# The exact versions of a reproducible install: pip install -c constraints.txt -e '.[dev]'
# For Python 3.11 to 3.13 on Linux. pyproject.toml says what is needed and why; this file only says which
# release. Written by `make pins`, never by hand; it names no index, so that any mirror serves.
HEADER
  # setuptools and wheel stay: TensorFlow and astunparse require them at run time.
  "$environment/bin/pip" freeze --quiet --all --exclude horngate --exclude pip
} >"$environment/constraints.txt"
mv "$environment/constraints.txt" constraints.txt
