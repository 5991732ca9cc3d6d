#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Kubernetes for the demo and the tests: builds its programs with Go from the modules that
# test/kube/go.mod names, into a cache that outlives this clone, and installs Debian's etcd and containerd.
# Usage: kube.sh [path | missing]: `path` prints the folder of the programs alone, `missing` what is not there yet.
# WANWIRE_KUBE_CACHE names the cache, ~/.cache/wanwire/kube-VERSION-HASH where it is not set.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/step.sh

readonly programs=(kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl) go_wanted=1.26
version=$(sed -nE 's/^require k8s\.io\/kubernetes (v[0-9.]+)$|^\tk8s\.io\/kubernetes (v[0-9.]+).*/\1\2/p' test/kube/go.mod)
hash=$(cat test/kube/go.mod test/kube/go.sum | sha256sum | cut -c1-12)
readonly version hash
readonly cache=${WANWIRE_KUBE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/wanwire/kube-$version-$hash}

# Each command or file the node uses, with the Debian package that has it.
needs=(etcd:etcd-server containerd:containerd runc:runc /usr/lib/cni/bridge:containernetworking-plugins
	/bin/busybox:busybox-static iptables:iptables conntrack:conntrack)

at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n1) == "$2" ]]; }

missing_packages() {
	local need
	for need in "${needs[@]}"; do
		command -v "${need%%:*}" >/dev/null || [[ -e ${need%%:*} ]] || echo "${need##*:}"
	done
}

missing_programs() {
	local program
	for program in "${programs[@]}"; do
		[[ -x $cache/$program ]] || echo "$program"
	done
}

install_packages() {
	local packages
	mapfile -t packages < <(missing_packages)
	((${#packages[@]} > 0)) || return 0
	if ! command -v apt-get >/dev/null; then
		printf 'These are missing, and there is no apt-get to install them: %s\n' "${packages[*]}" >&2
		exit 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	step 'apt-get update' apt-get -q update
	# Its service must not start here: the node has an etcd and a containerd of its own.
	RUNLEVEL=1 step "installing ${packages[*]}" apt-get -q install -y --no-install-recommends "${packages[@]}"
}

check_go() {
	local found
	if ! command -v go >/dev/null; then
		printf 'Kubernetes cannot be built here: Go %s or later is missing, from go.dev/dl.\n' "$go_wanted" >&2
		exit 1
	fi
	found=$(go env GOVERSION)
	if ! at_least "${found#go}" "$go_wanted"; then
		printf 'Kubernetes %s cannot be built here: %s is too old, Go %s or later is needed.\n' \
			"$version" "$found" "$go_wanted" >&2
		exit 1
	fi
}

# Built aside and then renamed, so that two at once do not harm each other.
build_programs() {
	local minor=${version#v*.} new flags package=k8s.io/component-base/version
	mkdir -p "$(dirname "$cache")"
	new=$(mktemp -d "$cache.XXXXXX")
	flags="-s -w -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
	flags+=" -X $package.gitTreeState=archive -X k8s.io/client-go/pkg/version.gitVersion=$version"
	if (cd test/kube && CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags "$flags" -o "$new/" \
		"${programs[@]/#/k8s.io/kubernetes/cmd/}"); then
		chmod 755 "$new"
		# Another may have been faster, or one of ours is incomplete.
		[[ -z $(missing_programs) ]] || rm -rf "$cache"
		mv -T "$new" "$cache" 2>/dev/null || rm -rf "$new"
		[[ -z $(missing_programs) ]]
	else
		rm -rf "$new"
		return 1
	fi
}

# Only for the test of the chart, and only where it builds.
build_helm() {
	local new
	new=$(mktemp "$cache/helm.XXXXXX")
	if (cd test/kube/helm && CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags '-s -w' -o "$new" helm.sh/helm/v3/cmd/helm); then
		mv "$new" "$cache/helm"
	else
		rm -f "$new"
		return 1
	fi
}

case ${1-} in
path)
	echo "$cache"
	exit
	;;
missing)
	missing_packages
	missing_programs
	exit
	;;
esac
install_packages
if [[ -n $(missing_programs) ]]; then
	check_go
	step "building Kubernetes $version (go build, some minutes once)" build_programs
fi
if [[ ! -x $cache/helm ]] && command -v go >/dev/null; then
	step 'building helm (go build)' build_helm || printf 'Going on without helm: only the test of the chart needs it.\n' >&2
fi
