#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# runc and crun through the wrapper: needs root, and a guest with engines.

setup_file() {
	load lib.bash
	begin_bundles
}

teardown_file() {
	vkernel rm keep
}

setup() {
	load lib.bash
	rm -f /etc/vkernel/runtime.conf /etc/vkernel/default.yaml
}

teardown() {
	remove_containers
}

# One life of a container under a real runtime.
life() { # runtime id
	local real=$1 id=$2
	make_bundle "$id" 'cat /secret; cat /other; sleep 1000'
	run_detached "$runtime" --vkernel-runtime "$real" --policy no-secret \
		run -d -b "$bundles/$id" "$id"
	has 0
	wait_for 20 grep -q other /tmp/detached
	grep "can't open '/secret': Permission denied" /tmp/detached
	run vkernel ps
	has 0 "$id" no-secret CONTAINER
	run vkernel ps --quiet --container "${id:0:3}"
	[[ $status == 0 && $output == "$id" ]]
	run "$real" exec "$id" cat /secret
	has 1 "Permission denied"
	run "$runtime" --vkernel-runtime "$real" exec "$id" cat /other
	has 0 other
	run nsenter -t "$("$real" state "$id" | jq .pid)" -m cat /secret
	has 1 "Permission denied"
	run vkernel events --json --container "$id"
	has 0 "\"instance\":\"$id\"" "\"container\":\"$id\"" '"path":"/secret"'
	vkernel update --container "$id" -p no-other
	run "$real" exec "$id" cat /secret
	has 0 secret
	run "$runtime" --vkernel-runtime "$real" delete -f "$id"
	has 0
	nothing_left
}

@test "runc: run, exec and nsenter are confined, events name the container, delete cleans up" {
	life /usr/sbin/runc first
}

@test "crun: run, exec and nsenter are confined, events name the container, delete cleans up" {
	life /usr/bin/crun second
}

@test "a container in a user namespace of its own is confined, and what is executed in it, too" {
	make_bundle user 'cat /proc/self/uid_map /secret; cat /other; sleep 1000'
	jq '.linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
		.linux.gidMappings = .linux.uidMappings' $bundles/user/config.json >$bundles/new
	mv $bundles/new $bundles/user/config.json
	run_detached "$runtime" --policy no-secret run -d -b $bundles/user user
	has 0
	wait_for 20 grep -q other /tmp/detached
	grep -q ' 100000 ' /tmp/detached
	grep "can't open '/secret': Permission denied" /tmp/detached
	run "$runtime" exec user cat /secret
	has 1 "Permission denied"
	run "$runtime" delete -f user
	has 0
	nothing_left
}

@test "a container that runs already is attached, with what was executed in it" {
	make_bundle late 'sleep 1000'
	run_detached runc run -d -b $bundles/late late
	has 0
	runc exec -d late sh -c 'while :; do cat /secret; sleep 1; done >/log 2>&1' 3>&-
	wait_for 20 grep -q secret $bundles/root/log
	run vkernel attach --container lat -p no-secret
	has 0 "joined late"
	wait_for 20 grep -q "Permission denied" $bundles/root/log
	run runc exec late cat /secret
	has 1 "Permission denied"
	run vkernel attach --container late -p no-secret
	has 1 "under vkernel already"
	run vkernel attach --container none -p no-secret
	has 1 "no container"
	runc delete -f late
	run vkernel gc
	has 0 "removed late"
	nothing_left
}

@test "create, start, and a joiner by cgroup; nothing else in config.json changes" {
	make_bundle c 'cat /secret'
	cp $bundles/c/config.json $bundles/before
	chmod 640 $bundles/c/config.json
	run_detached "$runtime" --policy no-secret create -b $bundles/c c
	has 0
	diff <(jq -S . $bundles/before) <(jq -S 'del(.hooks)' $bundles/c/config.json)
	[[ $(stat -c %a $bundles/c/config.json) == 640 ]]
	run vkernel ps --members
	has 0 pending
	run sh -c 'echo $$ >/sys/fs/cgroup/c/cgroup.procs; exec cat /secret'
	has 1 "Permission denied"
	runc start c
	wait_for 20 grep -q "Permission denied" /tmp/detached
	"$runtime" delete -f c
	run "$runtime" --policy no-secret run -b $bundles/c c </dev/null
	has 1 "Permission denied"
	# Twice in the same bundle gives the same text.
	cp $bundles/c/config.json $bundles/before
	run "$runtime" --policy no-secret run -b $bundles/c c </dev/null
	has 1 "Permission denied"
	cmp $bundles/before $bundles/c/config.json
	nothing_left
}

# One life of a container whose policy needs a filter for system calls.
filtered() { # runtime id
	local real=$1 id=$2
	printf 'vkernel: 1\nsyscalls: {deny: [mkdir, mkdirat]}\n' >/etc/vkernel/policies/no-mkdir.yaml
	make_bundle "$id" 'grep Seccomp: /proc/self/status; mkdir /tmp/a; chmod 700 /tmp; sleep 1000'
	# What the engine denies stays denied.
	jq '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
		syscalls: [{names: ["chmod", "fchmodat"], action: "SCMP_ACT_ERRNO", errnoRet: 95}]}' \
		"$bundles/$id/config.json" >"$bundles/$id/new"
	mv "$bundles/$id/new" "$bundles/$id/config.json"
	for name in grep mkdir chmod; do
		ln -sf busybox "$bundles/root/bin/$name"
	done
	run_detached "$runtime" --vkernel-runtime "$real" --policy no-mkdir \
		run -d -b "$bundles/$id" "$id"
	has 0
	wait_for 20 grep -q chmod: /tmp/detached
	output=$(cat /tmp/detached)
	has 0 "Seccomp:	2" "can't create directory '/tmp/a': Operation not permitted" \
		"chmod: /tmp: Operation not supported"
	run "$real" exec "$id" mkdir /tmp/b
	has 1 "Operation not permitted"
	run vkernel update --container "$id" -p no-secret
	has 0
	run vkernel update --container "$id" -p no-mkdir
	has 0
	printf 'vkernel: 1\nsyscalls: {deny: [mkdir, ptrace]}\n' >/etc/vkernel/policies/other.yaml
	run vkernel update --container "$id" -p other
	has 1 "which only a start can install"
	run "$real" delete -f "$id"
	has 0
	nothing_left
}

@test "runc: a policy's filter for system calls joins the engine's" {
	filtered /usr/sbin/runc filtered-runc
}

@test "crun: a policy's filter for system calls joins the engine's" {
	filtered /usr/bin/crun filtered-crun
}
