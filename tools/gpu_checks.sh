#!/usr/bin/env bash
# Everything that wants a GPU, in one command: tools/gpu_checks.sh OUT [SECONDS [DATA TOKENIZER]]. The programs
# first (tools/gpu_checks.py), then, in the last two minutes of SECONDS, whole grids and a whole ranking
# (tools/gpu_whole.py; those of DATA, a folder of task folders, only where it and a tokenizer's folder are given).
# --tiny as the last argument rehearses it with small shapes.
set -euo pipefail
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export JAX_COMPILATION_CACHE_DIR="${JAX_COMPILATION_CACHE_DIR:-$(mktemp -d)}"
# Without it, JAX would take most of the memory first, and torch, in the same process, would run short of it.
export XLA_PYTHON_CLIENT_PREALLOCATE=false
export PYTHONPATH="$repository:$repository/tools" HF_HUB_OFFLINE=1
tiny=() folders=()
if [[ "${!#}" == --tiny ]]; then
  tiny=(--tiny)
  set -- "${@:1:$#-1}"
fi
out="$1" seconds="${2:-480}"
if (($# > 3)); then
  folders=(--data-dir "$3" --tokenizer "$4")
fi
started=$SECONDS
python3 "$repository/tools/gpu_checks.py" --out "$out" --seconds "$((seconds - 120))" ${tiny[@]+"${tiny[@]}"}
left="$((seconds - (SECONDS - started)))"
timeout "$((left > 60 ? left : 60))" python3 "$repository/tools/gpu_whole.py" --out "$out" --seconds "$((left - 60))" \
  ${folders[@]+"${folders[@]}"} ${tiny[@]+"${tiny[@]}"}
