#!/usr/bin/env bash
# test.sh - all that `make test` checks, one layer after the other.
#
# Stops at the first layer that fails: what is built on it would only repeat
# the news.  Ends with a summary of the layers and their times, and of the
# integration tests that failed at first.
set -u

make=${MAKE:-make}
# Integration tests that failed and passed when they were run again.
export UNSTEADY=${B:-build}/unsteady
layers=(lint docs-check test-web test-unit fuzz-smoke test-integration
    test-layouts test-e2e test-aarch64)
summary=""
failed=

note() { summary+=$(printf '%-18s %-8s %s' "$1" "$2" "${3-}")$'\n'; }

scripts/deps.sh build run test || exit 1
# Tests that need the model are skipped without it, saying so.
scripts/fetch-model.sh "${B:-build}/model" || true
# The PostgreSQL with pgvector that unit tests use is in there.
$make --no-print-directory "${B:-build}/venv/ready" || true
rm -f "$UNSTEADY"
for layer in "${layers[@]}"; do
    if [ -n "$failed" ]; then
        note "$layer" 'not run'
        continue
    fi
    echo "== $layer"
    start=$SECONDS
    if $make --no-print-directory "$layer"; then
        note "$layer" ok "$((SECONDS - start)) s"
    else
        note "$layer" FAILED "$((SECONDS - start)) s"
        failed=$layer
    fi
done
printf '\n== summary (%d s)\n%s' $SECONDS "$summary"
if [ -s "$UNSTEADY" ]; then
    echo "failed beside others, see above; mend them:"
    cat "$UNSTEADY"
fi
if [ -n "$failed" ]; then
    echo "repeat: make $failed"
    exit 1
fi
