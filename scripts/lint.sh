#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# All linters; each one runs even where another has complained.
set -uo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"
rc=0
eslint . --max-warnings 0 || rc=1
prettier --check --log-level=warn . || rc=1
make -s -C bpf check-format || rc=1
bash scripts/check-proto.sh || rc=1
# The judge is for machines that have Go.
if command -v go >/dev/null; then
	unformatted=$(gofmt -l test/judge) || rc=1
	[[ -z $unformatted ]] || { printf 'run gofmt -w on:\n%s\n' "$unformatted" && rc=1; }
	go -C test/judge vet . || rc=1
fi
exit "$rc"
