#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the tests part by part and adds up what tap counted. The last line is the
# sum: `N passed, N failed`. Usage: test.sh [types|unit|netns|bpf|fault ...]
set -euo pipefail
cd "$(dirname "$0")/.."
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
PATH="$PWD/node_modules/.bin:$PATH"
shopt -s nullglob globstar

passed=0 failed=0 skipped=0

# A count of tap's closing line, `# { total: 12, pass: 10, fail: 1, skip: 1 }`.
count() {
	local found
	found=$(sed -nE "s/^# \{.*\b$1: ([0-9]+).*\}$/\1/p" "$2" 2>/dev/null | tail -n1)
	echo "${found:-0}"
}

verdict() { # NAME PASSED FAILED SKIPPED SINCE
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
	printf '%-8s %5s passed, %s failed, %s skipped (%s s)\n' "$1" "$2" "$3" "$4" "$((SECONDS - $5))"
}

tests() { # NAME TAP'S ARGUMENTS...
	local name=$1 began=$SECONDS rc=0 fail
	shift
	tap --disable-coverage --reporter=terse --output-file="$results/tap" "$@" \
		>"$results/report" 2>&1 </dev/null || rc=$?
	fail=$(count fail "$results/tap")
	# A tap that fails without counting a failure has not run what it should.
	((rc == 0 || fail > 0)) || fail=1
	if ((fail > 0)); then
		# Before the first FAIL stand only the reporter's running counts.
		sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' "$results/report" >"$results/plain"
		sed -n '/^ FAIL /,$p' "$results/plain" | grep . || cat "$results/plain"
	fi
	verdict "$name" "$(count pass "$results/tap")" "$fail" "$(count skip "$results/tap")" "$began"
	rm -f "$results/tap"
}

# tap runs TypeScript without checking it.
types() {
	local began=$SECONDS
	if tsc -b >"$results/report" 2>&1; then
		verdict types 1 0 0 "$began"
	else
		cat "$results/report"
		verdict types 0 1 0 "$began"
	fi
}

# A busy machine may take its time; a test that hangs is ended all the same.
unit() { tests unit --jobs=2 --timeout=120; }

# Tests that touch the kernel run one after the other and must leave nothing.
in_kernel() { # NAME
	local files=("test/$1"/**/*.test.ts) before after began
	((${#files[@]} > 0)) || return 0
	before=$(leavings)
	tests "$1" --jobs=1 --timeout=180 "${files[@]}"
	began=$SECONDS
	after=$(leavings)
	if [[ $before != "$after" ]]; then
		printf 'left behind by %s:\n' "$1"
		diff <(echo "$before") <(echo "$after") || true
		verdict "$1 left" 0 1 0 "$began"
	fi
}

leavings() {
	ip -brief link | awk '{ print "interface", $1 }' | sort
	ip netns list | awk '/^ww-/ { print "namespace", $1 }' | sort
	# A forwarder mounts one there, once, for all to come.
	awk '$3 == "bpf" && $2 != "/run/wanwire/bpf" { print "bpffs", $2 }' /proc/mounts | sort
	find /sys/fs/bpf /run/wanwire/bpf -mindepth 1 -maxdepth 2 -fstype bpf ! -name '*.debug' 2>/dev/null | sort
}

(($# > 0)) || set -- types unit netns bpf fault
for part; do
	case $part in
	types | unit) "$part" ;;
	netns | bpf | fault) in_kernel "$part" ;;
	*) printf 'no such part: %s\n' "$part" >&2 && exit 2 ;;
	esac
done

if ((skipped > 0)); then
	printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
else
	printf '%s passed, %s failed\n' "$passed" "$failed"
fi
((failed == 0))
