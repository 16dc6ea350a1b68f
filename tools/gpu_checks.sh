#!/usr/bin/env bash
# Everything that wants a GPU, in one command: tools/gpu_checks.sh OUT [SECONDS]. See tools/gpu_checks.py.
set -euo pipefail
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export JAX_COMPILATION_CACHE_DIR="${JAX_COMPILATION_CACHE_DIR:-$(mktemp -d)}"
# Without it, JAX would take most of the memory first, and torch, in the same process, would run short of it.
export XLA_PYTHON_CLIENT_PREALLOCATE=false
export PYTHONPATH="$repository" HF_HUB_OFFLINE=1
python3 "$repository/tools/gpu_checks.py" --out "$1" --seconds "${2:-480}" "${@:3}"
