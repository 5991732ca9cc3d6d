# SPDX-License-Identifier: Apache-2.0
# Sourced: `step NAME COMMAND...` runs a step quietly. One that takes over two
# seconds gets a line with its name and time; one that fails, its whole log.

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
# A descriptor on which nothing ever comes: `read -t` on it is a sleep without a process.
exec {never}<> <(:)

step() {
	local name=$1 log="$logs/step" began=$SECONDS rc=0 told=0 ticker
	shift
	(read -rt 2 -u "$never" || printf '%s ... ' "$name") &
	ticker=$!
	"$@" >"$log" 2>&1 </dev/null || rc=$?
	kill "$ticker" 2>/dev/null || true
	wait "$ticker" 2>/dev/null || told=$?
	if ((rc == 0)); then
		((told != 0)) || printf '%s s\n' "$((SECONDS - began))"
		return 0
	fi
	((told == 0)) || printf '%s ... ' "$name"
	printf 'failed:\n'
	cat "$log"
	return "$rc"
}
