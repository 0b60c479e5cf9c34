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

# Whether after one more start what its words mean is kept.
meaning_kept() { # before
	"$runtime" --policy fresh run -b $bundles/k k </dev/null
	(($(meanings) > $1))
}

meanings() {
	entries vk_meanings
}

@test "what policies mean is kept for the next container, until one of their files changes" {
	local before
	policy fresh /secret
	make_bundle k 'cat /secret; cat /other'
	before=$(meanings)
	# Not of files that have changed just now.
	wait_for 60 meaning_kept "$before"
	vkernel run --keep --name alike -p fresh -- true
	run "$runtime" --policy fresh run -b $bundles/k k </dev/null
	has 0 "can't open '/secret': Permission denied" other
	policy fresh /other
	run "$runtime" --policy fresh run -b $bundles/k k </dev/null
	has 1 secret "can't open '/other': Permission denied"
	rm /etc/vkernel/policies/fresh.yaml
	run "$runtime" --policy fresh run -b $bundles/k k </dev/null
	has 1 "no policy is named 'fresh'"
	vkernel rm alike
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

@test "no bpf file system, and none can be mounted: no start, and why" {
	make_bundle n 'echo started'
	cat >$bundles/without <<'END'
mkdir -p /tmp/cgroup
mount --move /sys/fs/cgroup /tmp/cgroup
mount -t tmpfs none /sys/fs
mkdir /sys/fs/cgroup
mount --move /tmp/cgroup /sys/fs/cgroup
exec "$@"
END
	run unshare -m --propagation private sh -e $bundles/without \
		"$runtime" --policy no-secret run -b $bundles/n n </dev/null
	has 1 "the bpf file system is not mounted on /sys/fs/bpf" "mount -t bpf bpf /sys/fs/bpf"
	[[ $output != *started* && -z $(runc list -q) ]]
	nothing_left
}

@test "a full disk where state is written, or beside config.json: no start, and why" {
	make_bundle w 'echo started'
	mount -t tmpfs -o size=16k state /run/vkernel
	dd if=/dev/zero of=/run/vkernel/fill bs=4k 2>/dev/null || true
	run "$runtime" --policy no-other run -b $bundles/w w </dev/null
	ls -R /run/vkernel >$bundles/left
	umount -l /run/vkernel
	has 1 "cannot write /run/vkernel/" "No space left on device"
	[[ $output != *started* && -z $(runc list -q) ]]
	run ! grep -E '^w$|new$' $bundles/left
	nothing_left
	mkdir -p $bundles/full
	mount -t tmpfs -o size=16k full $bundles/full
	cp $bundles/w/config.json $bundles/full/
	dd if=/dev/zero of=$bundles/full/fill bs=1k 2>/dev/null || true
	run "$runtime" run -b $bundles/full w </dev/null
	has 1 "$bundles/full/config.json" "No space left on device"
	cmp $bundles/w/config.json $bundles/full/config.json
	[[ $(ls $bundles/full) == $'config.json\nfill' ]]
	umount $bundles/full
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

# Real containers: those with even numbers in the foreground, which takes hooks, the others
# detached, which takes none; every fourth under runc, which is dearer than crun.
real() { # number
	(($1 % 4 == 1)) && echo /usr/sbin/runc || echo /usr/bin/crun
}

start_many() { # count
	local i detach
	for ((i = 0; i < $1; i++)); do
		detach=()
		((i % 2 == 0)) || detach=(--detach)
		cp -r $bundles/many $bundles/many$i
		"$runtime" --vkernel-runtime "$(real $i)" --policy no-secret \
			run "${detach[@]}" -b $bundles/many$i many$i \
			</dev/null >$bundles/many$i/log 2>&1 3>&- &
		pids[i]=$!
	done
}

# Those in the foreground clean up by themselves, when their program is killed.
end_many() { # count
	local i
	for ((i = 0; i < $1; i++)); do
		if ((i % 2 == 0)); then
			crun kill many$i KILL
		else
			"$runtime" --vkernel-runtime "$(real $i)" delete -f many$i 3>&- &
			pids[i]=$!
		fi
	done
}

all_denied() { # count
	[[ $(grep -ls "can't open '/secret': Permission denied" $bundles/many*/log | wc -l) == "$1" ]]
}

@test "many containers started at the same time and removed at the same time leave nothing" {
	local count=${CONTAINERS:-20} i pids=()
	make_bundle many 'cat /secret; exec sleep 1000'
	start_many "$count"
	wait_for $((300 + 5 * count)) all_denied "$count" || {
		tail $bundles/many*/log
		return 1
	}
	for ((i = 1; i < count; i += 2)); do wait "${pids[i]}"; done
	[[ $(vkernel ps --quiet | wc -l) == $((count + 1)) ]]
	[[ $(entries vk_places) == $((2 * count)) ]]
	end_many "$count"
	for ((i = 0; i < count; i++)); do
		wait "${pids[i]}" || ((i % 2 == 0 && $? == 137))
	done
	nothing_left
	[[ $(entries vk_places) == 0 ]]
	[[ $(entries vk_starts) == 0 ]]
	[[ -z $(runc list -q) && -z $(crun list -q) ]]
	# Nor processes of ours: one cleans up for all, and ends.
	[[ $(pgrep -c vkernel-trim) -le 1 ]]
	wait_for 60 sh -c '! pgrep vkernel-trim'
	run ! pgrep -f "sleep 1000"
	run ! compgen -G '/sys/fs/cgroup/many*'
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
