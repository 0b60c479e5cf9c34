#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Starts without a hook: needs root, and a guest with engines.

setup_file() {
	load lib.bash
	begin_bundles
	# What no-secret means is kept when its file has not changed for a while.
	wait_for 120 known
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
	no_traces
}

# Whether a container that asks for no-secret is started without hooks by now.
known() {
	make_bundle known 'true'
	"$runtime" --policy no-secret create -b $bundles/known known </dev/null
	"$runtime" delete -f known
	jq -e '.hooks == null' $bundles/known/config.json
}

no_traces() {
	[[ $(entries vk_places) == 0 && $(entries vk_starts) == 0 ]]
}

# A program in place of a runtime.
stand_in() { # program
	cat >$bundles/stand-in
	chmod +x $bundles/stand-in
	fake=("$runtime" --vkernel-runtime $bundles/stand-in --policy no-secret)
}

# One life of a container, under a real runtime.
life() { # runtime id
	local id=$2 pid wrapped=("$runtime" --vkernel-runtime "$1" --policy no-secret)
	make_bundle "$id" 'cat /secret; cat /other; sleep 1000'
	cp "$bundles/$id/config.json" $bundles/before
	run_detached "${wrapped[@]}" create -b "$bundles/$id" "$id"
	has 0
	cmp $bundles/before "$bundles/$id/config.json"
	# Before it is started it has its places, and who comes there joins.
	[[ $(entries vk_places) == 2 ]]
	run vkernel ps --members
	has 0 "$id" pending
	run vkernel gc
	[[ $status == 0 && -z $output ]]
	pid=$("$1" state "$id" | jq .pid)
	run nsenter -t "$pid" -m cat /secret
	has 1 "Permission denied"
	run sh -c 'echo $$ >/sys/fs/cgroup/'"$id"'/cgroup.procs; exec cat /secret'
	has 1 "Permission denied"
	"${wrapped[@]}" start "$id"
	wait_for 20 grep -q other /tmp/detached
	grep "can't open '/secret': Permission denied" /tmp/detached
	run vkernel ps --members
	has 0 "$id" active
	[[ $output != *pending* ]]
	run "$1" exec "$id" cat /secret
	has 1 "Permission denied"
	run "${wrapped[@]}" exec "$id" cat /other
	has 0 other
	run nsenter -t "$pid" -m cat /secret
	has 1 "Permission denied"
	run vkernel events --json --container "$id"
	has 0 "\"instance\":\"$id\"" '"path":"/secret"'
	# Who is refused has changed nothing.
	run "${wrapped[@]}" delete "$id"
	[[ $status != 0 ]]
	run vkernel rm "$id"
	has 1 "running member"
	run nsenter -t "$pid" -m cat /secret
	has 1 "Permission denied"
	run "${wrapped[@]}" delete -f "$id"
	has 0
	nothing_left
}

@test "runc: from create to delete, with config.json as it was" {
	life /usr/sbin/runc first
}

@test "crun: from create to delete, with config.json as it was" {
	life /usr/bin/crun second
}

@test "in a user namespace of its own, and detached" {
	local real
	for real in /usr/sbin/runc /usr/bin/crun; do
		make_bundle user 'cat /proc/self/uid_map /secret; cat /other; sleep 1000'
		jq '.linux.namespaces += [{type: "user"}] |
			.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
			.linux.gidMappings = .linux.uidMappings' $bundles/user/config.json >$bundles/new
		mv $bundles/new $bundles/user/config.json
		run_detached "$runtime" --vkernel-runtime $real --policy no-secret \
			run --detach --bundle $bundles/user user
		has 0
		wait_for 20 grep -q other /tmp/detached
		grep -q ' 100000 ' /tmp/detached
		grep "can't open '/secret': Permission denied" /tmp/detached
		run $real exec user cat /secret
		has 1 "Permission denied"
		[[ $(jq .hooks $bundles/user/config.json) == null ]]
		run "$runtime" --vkernel-runtime $real delete -f user
		has 0
		nothing_left
	done
}

@test "what is not plain is started with hooks" {
	local change
	stand_in <<<'#!/bin/true'
	while read -r change; do
		make_bundle long 'cat /secret'
		jq "$change" $bundles/long/config.json >$bundles/new
		mv $bundles/new $bundles/long/config.json
		"${fake[@]}" create -b $bundles/long long </dev/null
		jq -e '.hooks.createRuntime[0].path' $bundles/long/config.json || {
			echo "without hooks: $change"
			return 1
		}
		nothing_left
	done <<-'END'
		.hooks = {createContainer: [{path: "/bin/true"}]}
		.linux.namespaces |= map(select(.type != "mount"))
		(.linux.namespaces[] | select(.type == "mount")).path = "/proc/1/ns/mnt"
		(.linux.namespaces[] | select(.type == "mount")).path = ""
		.linux.namespaces += [{type: "mount"}]
	END
	# Who stays until the end of the container would bear the mark as long.
	make_bundle long 'cat /secret'
	run "$runtime" --policy no-secret run -b $bundles/long long </dev/null
	has 1 "Permission denied"
	jq -e '.hooks.createRuntime[0].path' $bundles/long/config.json
	nothing_left
}

@test "a start that fails leaves nothing that counts; the next one goes on" {
	make_bundle fails 'cat /secret; sleep 1000'
	jq '.process.args = ["/no/program"]' $bundles/fails/config.json >$bundles/fails/good
	mv $bundles/fails/config.json $bundles/good
	mv $bundles/fails/good $bundles/fails/config.json
	run "$runtime" --vkernel-runtime /usr/bin/crun --policy no-secret run -d -b $bundles/fails fails
	[[ $status != 0 ]]
	run vkernel ps --quiet
	[[ $status == 0 && $output == keep ]]
	run vkernel gc
	has 0 "removed fails"
	nothing_left
	no_traces
	run "$runtime" --vkernel-runtime /usr/bin/crun --policy no-secret run -d -b $bundles/fails fails
	[[ $status != 0 ]]
	mv $bundles/good $bundles/fails/config.json
	run_detached "$runtime" --vkernel-runtime /usr/bin/crun --policy no-secret \
		run -d -b $bundles/fails fails
	has 0
	wait_for 20 grep -q "Permission denied" /tmp/detached
	"$runtime" --vkernel-runtime /usr/bin/crun delete -f fails
	nothing_left
}

@test "a runtime that is killed leaves nothing that counts" {
	make_bundle killed true
	stand_in <<-'END'
		#!/bin/sh
		echo $$ >/tmp/stand-in
		exec sleep 1000
	END
	rm -f /tmp/stand-in
	"${fake[@]}" create -b $bundles/killed killed </dev/null 3>&- &
	wait_for 60 test -s /tmp/stand-in
	# A start that goes on is not collected.
	run vkernel gc
	[[ $status == 0 && -z $output ]]
	run vkernel rm killed
	has 1 "running member"
	run vkernel ps --members
	has 0 killed pending
	kill -9 "$(</tmp/stand-in)"
	wait $! || true
	run vkernel ps --quiet
	[[ $status == 0 && $output == keep ]]
	run vkernel gc
	has 0 "removed killed"
	nothing_left
}

@test "the runtime's own work is bound by nothing outside, by the set-up policy inside" {
	make_bundle works true
	stand_in <<-'END'
		#!/usr/bin/python3
		import ctypes, errno, os
		def tried(path, flags, **where):
		    try:
		        os.close(os.open(path, flags, **where))
		        return "ok"
		    except OSError as e:
		        return errno.errorcode[e.errno]
		libc = ctypes.CDLL(None, use_errno=True)
		core = "/proc/sys/kernel/core_pattern"
		old = os.open("/etc", os.O_PATH)
		out = [tried(core, os.O_WRONLY), tried("passwd", os.O_RDONLY, dir_fd=old),
		       os.popen("cat /secret").read().strip()]
		pid = os.fork()
		if pid == 0:
		    assert libc.unshare(0x20000) == 0
		    out += [tried(core, os.O_WRONLY), tried("passwd", os.O_RDONLY, dir_fd=old),
		            tried("/etc/passwd", os.O_RDONLY)]
		    # Whoever it is that executes something here: it is a member.
		    out += [os.popen("cat /secret 2>&1").read().strip().split(": ")[-1]]
		    open("/tmp/told", "w").write(" ".join(out))
		    os._exit(0)
		os.waitpid(pid, 0)
		# Back outside nothing has changed.
		open("/tmp/told", "a").write(" " + os.popen("cat /secret").read().strip())
	END
	rm -f /tmp/told
	run "${fake[@]}" create -b $bundles/works works </dev/null
	has 0
	run cat /tmp/told
	has 0 "ok ok secret EACCES EACCES ok Permission denied secret"
	vkernel gc
	nothing_left
}

@test "a cgroup that others are in is no place of the container's" {
	make_bundle shares true
	mkdir -p /sys/fs/cgroup/outer/inner
	stand_in <<-'END'
		#!/bin/sh
		# In the engine's own cgroup, then in one above it.
		unshare -m cat /secret
		echo $$ >/sys/fs/cgroup/outer/cgroup.procs
		unshare -m cat /secret
		bpftool -j map dump pinned /sys/fs/bpf/vkernel/maps/vk_places | jq -c 'map(.formatted.key.kind)'
		unshare -m sleep 1000 </dev/null >/dev/null 2>&1 &
	END
	run sh -c 'echo $$ >/sys/fs/cgroup/outer/inner/cgroup.procs; exec "$@"' sh \
		"${fake[@]}" create -b $bundles/shares shares </dev/null 3>&-
	has 0 "Permission denied" "[2]"
	run sh -c 'echo $$ >/sys/fs/cgroup/outer/cgroup.procs; exec cat /secret'
	has 0 secret
	run vkernel ps --members
	has 0 active sleep
	vkernel rm --kill shares
	wait_for 20 rmdir /sys/fs/cgroup/outer/inner /sys/fs/cgroup/outer
}

@test "an engine in a mount namespace of its own: hooks, and the host's is no place" {
	make_bundle away true
	stand_in <<-'END'
		#!/bin/sh
		nsenter -t 1 -m cat /secret
	END
	run unshare -m "${fake[@]}" create -b $bundles/away away </dev/null
	has 0 secret
	[[ $output != *denied* ]]
	jq -e '.hooks.createRuntime[0].path' $bundles/away/config.json
	nothing_left
}

@test "a handler of crun's in place of a program: no start, and why" {
	local change bin=/usr/bin/crun
	while read -r change; do
		make_bundle handled 'cat /secret'
		jq "$change" $bundles/handled/config.json >$bundles/handled/new
		mv $bundles/handled/new $bundles/handled/config.json
		cp $bundles/handled/config.json $bundles/before
		run "$runtime" --vkernel-runtime $bin --policy no-secret create -b $bundles/handled handled
		has 1 "handler of crun's" "with a program"
		cmp $bundles/before $bundles/handled/config.json
	done <<-'END'
		.annotations = {"run.oci.handler": "krun"}
		.annotations = {"a": "b", "module.wasm.image/variant": "compat-smart"}
		.annotations = {"run.oci.handler": "wasm"} | .hooks = {prestart: [{path: "/bin/true"}]}
	END
	make_bundle handled 'cat /secret'
	for bin in krun crun-wasm; do
		ln -sf /usr/bin/crun $bundles/$bin
		run "$runtime" --vkernel-runtime $bundles/$bin --policy no-secret run -b $bundles/handled handled
		has 1 "handler of crun's" "\"$bin\""
	done
	nothing_left
}

@test "a delete that deletes something else, or nothing, ends no member" {
	local pid wrapped=("$runtime" --vkernel-runtime /usr/bin/crun --policy no-secret)
	make_bundle stays 'cat /secret; sleep 1000'
	run_detached "${wrapped[@]}" run -d -b $bundles/stays stays
	has 0
	wait_for 20 grep -q "Permission denied" /tmp/detached
	pid=$(crun state stays | jq .pid)
	run "${wrapped[@]}" delete --help stays
	has 0
	run "${wrapped[@]}" --root $bundles/elsewhere delete --force stays
	has 0
	kill -0 "$pid"
	run vkernel ps --members
	has 0 stays active
	run nsenter -t "$pid" -m cat /secret
	has 1 "Permission denied"
	run "${wrapped[@]}" delete --force stays
	has 0
	nothing_left
}

@test "a namespace that the runtime makes for a while is not taken for the container's" {
	make_bundle twice true
	stand_in <<-'END'
		#!/usr/bin/python3
		import ctypes, os
		libc = ctypes.CDLL(None)
		here = os.open("/proc/self/ns/mnt", os.O_RDONLY)
		assert libc.unshare(0x20000) == 0
		os.close(os.open("/dev/null", os.O_RDONLY))
		assert libc.setns(here, 0x20000) == 0
		if os.fork() == 0:
		    assert libc.unshare(0x20000) == 0
		    out = os.open("/tmp/told", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
		    for fd in 1, 2:
		        os.dup2(out, fd)
		    os.execvp("sh", ["sh", "-c", "cat /secret; echo $$; exec sleep 1000"])
	END
	rm -f /tmp/told
	run_detached "${fake[@]}" create -b $bundles/twice twice
	has 0
	wait_for 60 grep -q '^[0-9]' /tmp/told
	grep "Permission denied" /tmp/told
	run nsenter -t "$(tail -n 1 /tmp/told)" -m cat /secret
	has 1 "Permission denied"
	vkernel rm --kill twice
}

@test "crun, in a user namespace with a device of a group that is not in it" {
	make_bundle device 'ls -ln /dev/extra; cat /secret; sleep 1000'
	jq '.linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
		.linux.gidMappings = .linux.uidMappings |
		.linux.devices = [{path: "/dev/extra", type: "c", major: 1, minor: 3,
			fileMode: 438, uid: 0, gid: 200000}]' $bundles/device/config.json >$bundles/new
	mv $bundles/new $bundles/device/config.json
	run_detached "$runtime" --vkernel-runtime /usr/bin/crun --policy no-secret \
		run --detach --bundle $bundles/device device
	has 0
	wait_for 20 grep -q "'/secret': Permission denied" /tmp/detached
	run crun exec device cat /secret
	has 1 "Permission denied"
	run nsenter -t "$(crun state device | jq .pid)" -m cat /secret
	has 1 "Permission denied"
	run "$runtime" --vkernel-runtime /usr/bin/crun delete -f device
	has 0
	nothing_left
}
