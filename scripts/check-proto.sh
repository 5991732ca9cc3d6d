#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The protos: linted, compatible with the accepted ones (api/proto/accepted.binpb,
# renewed by `npm run proto:accept`), and api/gen made from them as they are.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

buf lint
buf breaking --against api/proto/accepted.binpb
buf generate -o "$fresh"
diff -r "$fresh/api/gen" api/gen || {
	echo 'api/gen is not what the protos say: run npm run build:proto' >&2
	exit 1
}
