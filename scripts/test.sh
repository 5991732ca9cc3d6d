#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the tests part by part and adds up what tap counted. The last line is the
# sum: `N passed, N failed`. Usage: test.sh [types|unit|kernel|kube|netns|bpf|fault|interop ...],
# where kernel is the last four at once.
set -euo pipefail
cd "$(dirname "$0")/.."
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
PATH="$PWD/node_modules/.bin:$PATH"
shopt -s nullglob globstar

passed=0 failed=0 skipped=0
# The files that failed in the last run of tap.
again=()

# A count of tap's closing line, `# { total: 12, pass: 10, fail: 1, skip: 1 }`.
count() {
	local found
	found=$(sed -nE "s/^# \{.*\b$1: ([0-9]+).*\}$/\1/p" "$2" 2>/dev/null | tail -n1)
	echo "${found:-0}"
}

# Each failed assertion with what tap says of it, but for its stack and source.
failures() {
	awk '
		/^ *not ok / && !/# (TODO|SKIP)/ { print; telling = 1; next }
		/^ *(stack|source): / { telling = 0 }
		/^ *(diff|expected|actual|found|wanted|message|compare|signal|timeout): / && failed { telling = 1 }
		/^ *---$/ { failed = telling }
		/^ *\.\.\.$/ { telling = failed = 0 }
		/^ *(# Subtest|ok )/ { telling = failed = 0 }
		telling && ++lines <= 400
	' | cut -c1-300
}

verdict() { # NAME PASSED FAILED SKIPPED SINCE
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
	printf '%-13s %5s passed, %s failed, %s skipped (%s s)\n' "$1" "$2" "$3" "$4" "$((SECONDS - $5))"
}

tests() { # NAME ARGUMENTS OF RUN-TESTS...
	local name=$1 began=$SECONDS rc=0 fail
	shift
	node scripts/run-tests.js "$@" >"$results/tap" 2>"$results/report" </dev/null || rc=$?
	fail=$(count fail "$results/tap")
	# A tap that fails without counting a failure has not run what it should.
	((rc == 0 || fail > 0)) || fail=1
	if ((fail > 0)); then
		failures <"$results/tap" >"$results/failures"
		[[ -s $results/failures ]] || cp "$results/report" "$results/failures"
	fi
	verdict "$name" "$(count pass "$results/tap")" "$fail" "$(count skip "$results/tap")" "$began"
	sed -nE 's/^(not )?ok [0-9]+ - (\S+) # time=([0-9]+)[0-9]{3}\..*/\3 s \2/p' "$results/tap" |
		sort -rn | sed 3q | sed 's/^/  slowest: /'
	mapfile -t again < <(sed -nE 's/^not ok [0-9]+ - (\S+\.test\.ts) .*/\1/p' "$results/tap")
	rm -f "$results/tap"
}

# What failed, once: behind a mark where it is not the last word.
tell() { # [MARK]
	[[ ! -f $results/failures ]] || sed "s/^/${1-}/" "$results/failures"
	rm -f "$results/failures"
}

# Tests of clocks, sockets and links share two cores with each other and the machine with strangers: a few
# files that fail beside others are told, and run once more by themselves. What fails then counts.
steady_tests() { # NAME ARGUMENTS OF RUN-TESTS...
	local was=("$passed" "$failed" "$skipped") first
	tests "$@"
	first=$((failed - was[1]))
	if ((first == 0 || ${#again[@]} == 0 || ${#again[@]} > 5)); then
		tell
		return
	fi
	tell '  first try: '
	was=("$passed" "${was[1]}" "$skipped")
	passed=0 failed=0
	printf '%-13s %s\n' "$1, again" "${again[*]}, alone"
	tests "$1, again" --jobs=1 --timeout=600 "${again[@]}"
	tell
	# Counted once: what failed first and does so no more has passed.
	passed=$((was[0] + (failed < first ? first - failed : 0)))
	failed=$((was[1] + failed)) skipped=${was[2]}
}

# The tests run without being checked.
types() {
	local began=$SECONDS
	if tsc -b . test/bench >"$results/report" 2>&1; then
		verdict types 1 0 0 "$began"
	else
		cat "$results/report"
		verdict types 0 1 0 "$began"
	fi
}

# A busy machine may take its time; a test that hangs is ended all the same.
unit() {
	local files
	# What package.json says of tap; the long ones, with an API server, are mostly at the end.
	mapfile -t files < <(tap list | tac)
	steady_tests unit --jobs=2 --timeout=120 "${files[@]}"
}

# Tests that touch the kernel. Each has namespaces, pins and names of its own, so
# that two files run at a time, but for those that say why not; they must leave nothing.
in_kernel() { # NAME FOLDERS...
	local name=$1 before left began folder files=() alone limit=180
	# One cluster, and all that happens to it.
	[[ $name != kube ]] || limit=600
	shift
	for folder; do files+=("test/$folder"/**/*.test.ts); done
	mapfile -t alone < <(grep -l '^// Alone: ' "${files[@]}")
	mapfile -t files < <(grep -L '^// Alone: ' "${files[@]}")
	before=$(leavings)
	steady_tests "$name" --jobs=2 --timeout="$limit" "${files[@]}"
	((${#alone[@]} == 0)) || steady_tests "$name, alone" --jobs=1 --timeout="$limit" "${alone[@]}"
	began=$SECONDS
	sleep 2
	# What others have left before may be gone: some tests take it away.
	left=$(comm -13 <(echo "$before") <(leavings))
	if [[ -n $left ]]; then
		printf 'left behind by %s:\n%s\n' "$name" "$left"
		verdict "$name, left" 0 1 0 "$began"
	fi
}

leavings() {
	{
		ip -brief link | awk '{ print "interface", $1 }'
		ip netns list | awk '/^ww-/ { print "namespace", $1 }'
		# Each ends within a second of its plane.
		pgrep -x wanwire-prober | sed 's/^/prober /' || true
		# A forwarder mounts one there, once, for all to come.
		awk '$3 == "bpf" && $2 != "/run/wanwire/bpf" { print "bpffs", $2 }' /proc/mounts
		find /sys/fs/bpf /run/wanwire/bpf -mindepth 1 -maxdepth 2 -fstype bpf ! -name '*.debug' 2>/dev/null || true
	} | sort
}

(($# > 0)) || set -- types unit kernel kube
[[ $* == types ]] || node scripts/sources.js
for part; do
	case $part in
	types | unit) "$part" ;;
	# In one run, so that no part waits for the last file of another.
	kernel) in_kernel kernel netns bpf fault interop ;;
	netns | bpf | fault | interop | kube) in_kernel "$part" "$part" ;;
	*) printf 'no such part: %s\n' "$part" >&2 && exit 2 ;;
	esac
done

if ((skipped > 0)); then
	printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
else
	printf '%s passed, %s failed\n' "$passed" "$failed"
fi
((failed == 0))
