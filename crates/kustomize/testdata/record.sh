#!/usr/bin/env bash
# Records what kustomize itself makes of each case, with the one that kubectl carries: expected.yaml. Read the difference
# before you commit it. A case below errors/ is one that kustomize refuses.
set -euo pipefail
cd "$(dirname "$0")"
for case in */ errors/*/; do
  [ -d "$case/overlay" ] || continue
  if kubectl kustomize "$case/overlay" >"$case/expected.yaml" 2>/tmp/kustomize.err; then
    case "$case" in errors/*) echo "$case is not refused" ;; esac
  else
    rm "$case/expected.yaml"
    case "$case" in errors/*) ;; *) echo "$case is refused: $(cat /tmp/kustomize.err)" ;; esac
  fi
done
