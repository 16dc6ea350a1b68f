#!/usr/bin/env bash
# Everything that wants a GPU, in one command: tools/gpu_checks.sh OUT [SECONDS [options of tools/gpu_whole.py]].
# The programs first (tools/gpu_checks.py), then, in the last two minutes of SECONDS, whole grids and a whole
# ranking (tools/gpu_whole.py, which needs --data-dir and --tokenizer for all but the quickstart).
set -euo pipefail
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export JAX_COMPILATION_CACHE_DIR="${JAX_COMPILATION_CACHE_DIR:-$(mktemp -d)}"
# Without it, JAX would take most of the memory first, and torch, in the same process, would run short of it.
export XLA_PYTHON_CLIENT_PREALLOCATE=false
export PYTHONPATH="$repository" HF_HUB_OFFLINE=1
out="$1" seconds="${2:-480}"
started=$SECONDS
python3 "$repository/tools/gpu_checks.py" --out "$out" --seconds "$((seconds - 120))"
left="$((seconds - (SECONDS - started)))"
timeout "$((left > 60 ? left : 60))" python3 "$repository/tools/gpu_whole.py" --out "$out" --seconds "$((left - 60))" "${@:3}"
