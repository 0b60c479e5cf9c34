# SPDX-License-Identifier: LGPL-2.1-or-later
# What the suites of containers share.
# shellcheck shell=bash disable=SC2154

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/setup.sh"

# For suites that run bundles of their own.
begin_bundles() {
	install_vkernel
	mkdir -p $bundles
	echo secret >/secret
	# What other suites left unread would leave no room for the events of this one.
	vkernel events >/dev/null 2>&1 || true
}

# What a test left, so that the next one starts as it did.
remove_containers() {
	local id
	for id in $(runc list -q); do
		runc delete -f "$id"
	done
	rm -rf /run/vkernel/containers/*
	vkernel ps --quiet | grep -vx keep | xargs -r vkernel rm --kill
}

# The status and a part of the output, which bats prints when a test fails.
has() { # status text...
	local text
	[[ $status == "$1" ]] || {
		echo "status $status instead of $1: $output"
		return 1
	}
	shift
	for text; do
		[[ $output == *"$text"* ]] || {
			echo "not in the output: $text"
			echo "$output"
			return 1
		}
	done
}

# How many a map of ours has.
entries() { # map
	bpftool -j map dump pinned "/sys/fs/bpf/vkernel/maps/$1" | jq length
}

# No instance but the one that keeps the programs loaded, and no record of a container.
nothing_left() {
	run vkernel ps --quiet
	has 0 keep
	[[ $output == keep ]] || {
		echo "instances: $output"
		return 1
	}
	[[ -z $(ls /run/vkernel/containers 2>/dev/null) ]]
}

# A bundle on Debian with the software in it: the guest's own root, copied on write.
image() { # name uid command argument...
	local dir=$bundles/$1 uid=$2
	if [[ ! -d $dir ]]; then
		mkdir -p "$dir"/{root,upper,work}
		mount -t overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" image "$dir/root"
		runc spec --bundle "$dir"
	fi
	shift 2
	jq --argjson uid "$uid" --argjson args "$(printf '%s\n' "$@" | jq -R . | jq -s .)" '.process.terminal = false | .root = {path: "root"} |
		.process.args = $args | .process.user = {uid: $uid, gid: $uid} |
		(.process.capabilities | .bounding, .effective, .permitted) |=
			. + ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_SETGID", "CAP_SETUID"] |
		.linux.namespaces |= map(select(.type != "network"))' \
		"$dir/config.json" >"$dir/new"
	mv "$dir/new" "$dir/config.json"
}

# As run, for what leaves a process behind that would keep the output open.
run_detached() { # command...
	status=0
	"$@" </dev/null >/tmp/detached 2>&1 3>&- || status=$?
	output=$(cat /tmp/detached)
}

# Docker on a store of its own: an overlay, as the guest's root is, cannot be under another one.
start_docker() {
	mkdir -p /var/lib/docker
	mount -t tmpfs storage /var/lib/docker
	vkernel setup docker
	dockerd --iptables=false --ip6tables=false --bridge=none --storage-driver overlay2 \
		--exec-opt native.cgroupdriver=cgroupfs >/tmp/dockerd 2>&1 3>&- &
	echo $! >/tmp/dockerd.pid
	wait_for 300 docker version || {
		tail -n 20 /tmp/dockerd
		return 1
	}
}

# Until it has ended: another suite of this boot may start its own, under the same names.
stop_docker() {
	local pid
	pid=$(cat /tmp/dockerd.pid)
	docker ps -q | xargs -r docker kill >/dev/null
	kill "$pid"
	wait_for 300 eval '! kill -0 '"$pid"
	wait_for 300 eval '! pgrep -x containerd'
	umount -l /var/lib/docker
}

# The config.json that dockerd wrote for a container.
config_of() { # container
	find /run -path "*/moby/$(docker inspect -f '{{.Id}}' "$1")/config.json"
}

# Starts Docker with a container "plain" of an image "box", and writes the seccomp profile that
# dockerd makes for it.
docker_profile() { # file
	make_root /tmp/root
	start_docker
	tar -C /tmp/root -c . | docker import - box
	docker run -d --name plain --network none box sleep 1000
	jq .linux.seccomp "$(config_of plain)" >"$1"
	[[ $(jq -r .process.apparmorProfile "$(config_of plain)") == docker-default ]]
	[[ $(jq '.syscalls | length' "$1") -gt 3 ]]
}

# The profiles that Docker asks for, into a bundle.
with_profiles() { # bundle
	jq --slurpfile seccomp "$profile" '.linux.seccomp = $seccomp[0] |
		.process.apparmorProfile = "docker-default"' "$1/config.json" >"$1/new"
	mv "$1/new" "$1/config.json"
}

# ---- servers of Debian's, in bundles made by image() ----

# The bundles need room. An instance that has nginx's hooks keeps them attached between tests.
begin_servers() {
	begin_bundles
	mount -t tmpfs images $bundles
	vkernel run --keep --name warm -p nginx -- /usr/sbin/nginx -v
}

end_servers() {
	vkernel rm warm
	vkernel rm keep
}

# Into a pipe, as engines do: a file of the host would be foreign to the container.
start_server() { # bundle id [argument...]
	local bundle=$1 id=$2
	shift 2
	"$runtime" "$@" run -d -b "$bundles/$bundle" "$id" </dev/null \
		> >(cat >/tmp/detached 3>&-) 2>&1 3>&-
}

has_ended() { # pid
	wait_for 60 grep -Eqs 'State:.Z|^$' "/proc/$1/status" || wait_for 60 test ! -d "/proc/$1"
}

no_event() {
	run vkernel events
	[[ $status == 0 && -z $output ]] || {
		echo "$output"
		return 1
	}
}
