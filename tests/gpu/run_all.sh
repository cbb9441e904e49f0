#!/usr/bin/env bash
# One part of the checks that need a GPU: features, training, engine, cost or memory (or `all`: as many as fit).
#
#   tests/gpu/run_all.sh training                # on a GPU; at most nine minutes, 25 for all five on one H200
#   tests/gpu/run_all.sh all --device cpu --tiny # the same code on a processor, in a minute, with figures that say nothing
#
# A measurement that was finished is not made again: parts go on where they were stopped. The table of all that was
# measured so far lands in $OUT (or .gpu-checks/out) as table.md and table.json. A machine without trl, peft or datasets
# finds them as wheels in $GPU_WHEELS (default .gpu-wheels), where there are any.
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-python3}
state=${GPU_STATE:-.gpu-checks}
wheels=${GPU_WHEELS:-.gpu-wheels}
mkdir -p "$state"
if [ -d "$wheels" ] && [ ! -e "$state/site/.ready" ]; then
  "$PYTHON" -m pip install --quiet --no-index --no-deps --target "$state/site" "$wheels"/*.whl
  touch "$state/site/.ready"
fi
export PYTHONPATH="$PWD:$PWD/tests:$PWD/tests/gpu:$PWD/$state/site${PYTHONPATH:+:$PYTHONPATH}"
export TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
exec timeout --signal=INT "${GPU_LIMIT:-540}" "$PYTHON" tests/gpu/measure.py "$@" --state "$state" --out "${OUT:-$state/out}"
