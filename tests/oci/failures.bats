#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What stops a container from starting, and what cleans up: needs root, and a guest with engines.

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

@test "an annotation adds a layer to what the administrator says, and relaxes nothing" {
	policy default /secret
	mv /etc/vkernel/policies/default.yaml /etc/vkernel/default.yaml
	make_bundle d 'cat /secret; cat /other'
	jq '.annotations."io.vkernel.policy" = "no-other"' $bundles/d/config.json >$bundles/new
	mv $bundles/new $bundles/d/config.json
	run "$runtime" run -b $bundles/d d </dev/null
	has 1 "can't open '/secret'" "can't open '/other'"
	nothing_left
}

@test "a policy that is missing, wrong, not root's or a path: no start, and why" {
	make_bundle e 'cat /other'
	run "$runtime" --policy no-such run -b $bundles/e e </dev/null
	has 1 "no policy is named 'no-such'"
	run "$runtime" --policy bad --log $bundles/log --log-format json run -b $bundles/e e </dev/null
	has 1 "/etc/vkernel/policies/bad.yaml:3:1"
	grep '"level":"error"' $bundles/log | grep -q bad.yaml:3:1
	policy owned /x
	chown 1000 /etc/vkernel/policies/owned.yaml
	run "$runtime" --policy owned run -b $bundles/e e </dev/null
	has 1 "can be changed by others than root"
	jq '.annotations."io.vkernel.policy" = "../bad"' $bundles/e/config.json >$bundles/new
	mv $bundles/new $bundles/e/config.json
	run "$runtime" run -b $bundles/e e </dev/null
	has 1 'is no name of a policy'
	[[ -z $(runc list -q) ]]
	nothing_left
}

@test "no runtime, no hook, no bundle, a config.json that is none: no start, and why" {
	make_bundle f 'cat /other'
	run "$runtime" --vkernel-runtime /no/runc --log $bundles/log2 --log-format json \
		create -b $bundles/f f
	has 1 "the runtime /no/runc cannot be executed"
	jq -e '.level == "error" and (.msg | contains("/no/runc"))' $bundles/log2
	echo "runtime = $runtime" >/etc/vkernel/runtime.conf
	run "$runtime" list
	has 1 "is vkernel-runtime itself"
	echo "runtimes = /x" >/etc/vkernel/runtime.conf
	run "$runtime" list
	has 1 "/etc/vkernel/runtime.conf"
	rm /etc/vkernel/runtime.conf
	mv $hook $hook.gone
	run "$runtime" run -b $bundles/f f
	mv $hook.gone $hook
	has 1 "hook $hook cannot be executed"
	run "$runtime" run -b $bundles/none f
	has 1 "$bundles/none/config.json"
	echo '{"hooks": 5}' >$bundles/f/config.json
	run "$runtime" run -b $bundles/f f
	has 1 "$bundles/f/config.json"
	run "$runtime" restore -b $bundles/f f
	has 1 "restored"
	nothing_left
}

@test "the hook refuses a container that shares the host's mount namespace and cgroup" {
	run $hook createRuntime --policy no-secret <<<"{\"id\":\"x\",\"pid\":$$}"
	has 1 "neither a mount namespace nor a cgroup of its own"
	run $hook createRuntime <<<'{"id":"x"}'
	has 1 "no process"
	run $hook createRuntime <<<'nonsense'
	has 1 "not JSON"
	run unshare -Ur $hook createRuntime --policy no-secret <<<"{\"id\":\"x\",\"pid\":$$}"
	has 1 "rootless"
	run unshare -pf $hook createRuntime --policy no-secret <<<"{\"id\":\"x\",\"pid\":$$}"
	has 1 "pid namespace"
	run $hook poststop <<<'{"id":"kee"}'
	has 0
	nothing_left
}

@test "gc removes what a crashed engine left, and nothing else" {
	make_bundle g 'sleep 1000'
	run_detached "$runtime" --policy no-secret run -d -b $bundles/g g
	has 0
	run vkernel gc
	[[ $status == 0 && -z $output ]]
	# No poststop: the runtime's state is lost.
	kill -9 "$(runc state g | jq .pid)"
	rm -r /run/runc/g
	wait_for 20 rmdir /sys/fs/cgroup/g
	run vkernel gc --dry-run
	has 0 "would remove g"
	run vkernel gc
	has 0 "removed g"
	nothing_left
}

@test "setup: merges, can be repeated, and is undone" {
	install -D "$(command -v vkernel-runtime)" "$runtime"
	mkdir -p /etc/docker
	echo '{"debug": true, "runtimes": {"other": {"path": "/x"}}}' >/etc/docker/daemon.json
	cp /etc/docker/daemon.json $bundles/daemon
	run vkernel setup --dry-run docker
	has 0 "would write /etc/docker/daemon.json"
	cmp $bundles/daemon /etc/docker/daemon.json
	run vkernel setup docker
	has 0 "wrote /etc/docker/daemon.json; as it was: /etc/docker/daemon.json.before-vkernel"
	cmp $bundles/daemon /etc/docker/daemon.json.before-vkernel
	jq -e ".debug and .runtimes.other.path == \"/x\" and .runtimes.vkernel.path == \"$runtime\"" \
		/etc/docker/daemon.json
	run vkernel setup docker
	has 0 "nothing to do"
	run vkernel setup --undo docker
	has 0
	diff <(jq -S . $bundles/daemon) <(jq -S . /etc/docker/daemon.json)
	echo '{' >/etc/docker/daemon.json
	run vkernel setup docker
	has 1 "nothing is changed"
	rm /etc/docker/daemon.json
	mkdir -p /usr/share/containers
	for engine in podman containerd cdi; do
		find /etc /usr/share/containers -type f -not -name '*.before-vkernel' | sort >$bundles/before
		run vkernel setup $engine
		has 0 wrote
		run vkernel setup $engine
		has 0 "nothing to do"
		run vkernel setup --undo $engine
		has 0
		diff $bundles/before <(find /etc /usr/share/containers -type f -not -name '*.before-vkernel' | sort)
	done
}
