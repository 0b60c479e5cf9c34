#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Takeover: containers under vkernel alone, in the place of the seccomp and AppArmor profiles that
# their engine asks for. The profiles are those that dockerd makes.

policy=/etc/vkernel/policies/take.yaml
profile=/tmp/docker-seccomp.json

setup_file() {
	load lib.bash
	begin_bundles
	mount -t tmpfs images $bundles
	printf 'vkernel: 1\nname: take\ntakeover: true\nfiles: {default: allow, foreign: deny}\n' >$policy
	docker_profile $profile
}

teardown_file() {
	stop_docker
	rm -f $policy
	vkernel rm keep
}

setup() {
	load lib.bash
	echo 'policy = take' >/etc/vkernel/runtime.conf
	rm -f /etc/vkernel/default.yaml
	vkernel events >/dev/null
}

teardown() {
	rm -f /etc/vkernel/runtime.conf
	vkernel events
	runc delete -f c 2>/dev/null || true
}

# A bundle with Docker's profiles, and rights that only they take away.
take_bundle() { # command
	make_bundle c "$1"
	with_profiles $bundles/c
	jq '.linux.maskedPaths = [] |
		.linux.readonlyPaths = [] | .process.noNewPrivileges = false |
		.mounts |= map(if .destination == "/sys" then .options |= map(select(. != "ro")) else . end) |
		(.process.capabilities | .bounding, .effective, .permitted) |=
			. + ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"]' $bundles/c/config.json >$bundles/c/new
	mv $bundles/c/new $bundles/c/config.json
}

@test "the profiles are put aside, and what they deny is denied by layers" {
	take_bundle 'cat /proc/self/attr/current; grep Seccomp_filters /proc/self/status
		echo x >/proc/sysrq-trigger; echo 1 >/sys/kernel/mm/ksm/run; mount -t tmpfs x /tmp
		echo x >/proc/sys/kernel/core_pattern; busybox adjtimex -f 0 2>&1; echo done'
	run "$runtime" run -b $bundles/c c </dev/null
	has 0 unconfined 'Seccomp_filters:	1' done "sysrq-trigger: Permission denied" \
		"ksm/run: Permission denied" "mount: permission denied" "Operation not permitted" \
		"core_pattern: Permission denied"
	run vkernel events
	has 0 "docker-default"
	[[ $(jq -c '[.process.apparmorProfile, .process."x-vkernel-apparmorProfile",
		(.linux | has("x-vkernel-seccomp"))]' $bundles/c/config.json) == \
		'[null,"docker-default",true]' ]]

	# Again with the same bundle, and then without takeover: the engine's profiles are back.
	run "$runtime" run -b $bundles/c c </dev/null
	has 0 unconfined done "sysrq-trigger: Permission denied"
	printf 'vkernel: 1\nname: plain\nfiles: {default: allow}\n' >/etc/vkernel/policies/plain.yaml
	echo 'policy = plain' >/etc/vkernel/runtime.conf
	run "$runtime" run -b $bundles/c c </dev/null
	has 0 "docker-default (enforce)" done "sysrq-trigger: Permission denied"
	[[ $(jq -S .linux.seccomp $bundles/c/config.json) == "$(jq -S . $profile)" ]]
}

@test "runtime.conf takes over under any policy; updates and modes keep what was taken" {
	printf 'policy = no-secret\ntakeover = true\n' >/etc/vkernel/runtime.conf
	take_bundle 'sleep 1000'
	run_detached "$runtime" run -d -b $bundles/c c
	has 0
	run runc exec c sh -c 'cat /secret; echo x >/proc/sysrq-trigger'
	has 1 "/secret': Permission denied" "sysrq-trigger: Permission denied"
	run vkernel show c
	has 0 docker-default engine-seccomp no-secret
	vkernel update c -p no-other
	vkernel mode c audit
	run runc exec c sh -c 'cat /secret /other; echo x >/proc/sysrq-trigger'
	has 1 secret other "sysrq-trigger: Permission denied"
	run vkernel show c
	has 0 docker-default engine-seccomp no-other
}

# What is kept of profiles, by inode: it changes when one is made anew.
kept() {
	stat -c '%n %i' /run/vkernel/profiles/[0-9a-f][0-9a-f]
}

# The profile that the bundle's runtime gets, and whether it was made anew for it.
made() { # yes|no
	local before
	before=$(kept)
	"$runtime" --vkernel-runtime $bundles/stand-in create -b $bundles/c c </dev/null
	jq -S .linux.seccomp $bundles/c/config.json >/tmp/made
	[[ $1 == "$([[ $(kept) == "$before" ]] && echo no || echo yes)" ]] || {
		echo "made anew, other than: $1; before: $before, now: $(kept)"
		return 1
	}
}

# Whether the profile is kept: its files may have changed just now.
is_kept() {
	made yes && made no
}

@test "what was made of profiles is kept, and made anew when anything differs" {
	local file good=/tmp/good
	take_bundle 'busybox adjtimex -f 0 2>&1; mkdir /tmp/x && echo there'
	printf '#!/bin/true\n' >$bundles/stand-in
	chmod +x $bundles/stand-in
	rm -rf /run/vkernel/profiles
	mkdir -m 700 /run/vkernel/profiles
	touch /run/vkernel/profiles/00
	wait_for 120 is_kept
	cp /tmp/made $good
	file=$(ls -t /run/vkernel/profiles/[0-9a-f][0-9a-f] | head -n 1)
	jq -S . "$file" | cmp - $good
	[[ $(stat -c '%a %u' "$file") == "600 0" ]]

	# Damaged, cut off, another one's, or somebody else's: never used.
	jq '.defaultAction = "SCMP_ACT_ALLOW"' $good >"$file"
	made yes
	cmp /tmp/made $good
	truncate -s -1 "$file"
	made yes
	cmp /tmp/made $good
	chmod o+w "$file"
	made yes
	chown 1000 "$file"
	made yes
	rm "$file"
	made yes
	cmp /tmp/made $good
	made no
	cmp /tmp/made $good
	# Who writes one does not keep others waiting.
	flock /run/vkernel/profiles/lock "$BASH" -c 'rm "$1"; shift; "$@" </dev/null' - "$file" \
		"$runtime" --vkernel-runtime $bundles/stand-in create -b $bundles/c c
	jq -S .linux.seccomp $bundles/c/config.json | cmp - $good
	[[ ! -e $file ]]
	made yes

	# By both steps of a start.
	run "$runtime" run -b $bundles/c c </dev/null
	has 0 "Operation not permitted" there
	made no

	# Another profile of the engine's.
	jq '.linux."x-vkernel-seccomp".syscalls[].names -= ["mkdir", "mkdirat"]' \
		$bundles/c/config.json >$bundles/c/new
	cp $bundles/c/config.json $bundles/c/old
	mv $bundles/c/new $bundles/c/config.json
	made yes
	run cmp /tmp/made $good
	[[ $status == 1 ]]
	run "$runtime" --vkernel-runtime /usr/bin/crun run -b $bundles/c c </dev/null
	has 1 "Operation not permitted" "can't create directory"
	mv $bundles/c/old $bundles/c/config.json
	made no
	cmp /tmp/made $good

	# Another text of the policy, and a profile of the administrator's in place of the built-in one.
	cp $policy /tmp/policy
	echo 'syscalls: {deny: [getpriority]}' >>$policy
	made no # but not as before
	jq -e 'any(.syscalls[].names[]; . == "getpriority")' $good
	jq -e 'all(.syscalls[].names[]; . != "getpriority")' /tmp/made
	cp /tmp/policy $policy
	wait_for 120 is_kept
	cmp /tmp/made $good
	printf '#include <tunables/global>\nprofile docker-default {\nfile,\ncapability,\nset rlimit nofile <= 10,\n}\n' \
		>/etc/apparmor.d/mine
	run "$runtime" --vkernel-runtime $bundles/stand-in create -b $bundles/c c </dev/null
	has 1 "limits of resources are not set by a policy"
	rm /etc/apparmor.d/mine
}

@test "what cannot be taken over stops the container, with the reason" {
	take_bundle true
	jq '.process.apparmorProfile = "mine"' $bundles/c/config.json >$bundles/c/new
	mv $bundles/c/new $bundles/c/config.json
	run "$runtime" run -b $bundles/c c </dev/null
	has 1 "AppArmor profile mine: it cannot be taken over: no file in /etc/apparmor.d has it" \
		"leave takeover out"
	# A source of the administrator's.
	printf '#include <tunables/global>\nprofile mine {\n#include <abstractions/base>\nfile,\ncapability,\nptrace peer=mine,\ndeny /secret r,\n}\n' \
		>/etc/apparmor.d/mine
	jq '.process.args[2] = "cat /secret"' $bundles/c/config.json >$bundles/c/new
	mv $bundles/c/new $bundles/c/config.json
	run "$runtime" run -b $bundles/c c </dev/null
	has 1 "/secret': Permission denied"
	sed -i 's/^file.*/&\nset rlimit nofile <= 10,/' /etc/apparmor.d/mine
	run "$runtime" run -b $bundles/c c </dev/null
	has 1 "it cannot be taken over: " "limits of resources are not set by a policy"
	rm /etc/apparmor.d/mine

	take_bundle true
	jq '.linux.seccomp.syscalls += [{"names": ["chdir"], "action": "SCMP_ACT_TRACE"}]' \
		$bundles/c/config.json >$bundles/c/new
	mv $bundles/c/new $bundles/c/config.json
	run "$runtime" run -b $bundles/c c </dev/null
	has 1 "linux.seccomp: it cannot be taken over: another process or a signal handler decides"
}

@test "docker: run and exec are under vkernel alone" {
	docker run -d --runtime vkernel --name taken --network none box sleep 1000
	run docker exec taken sh -c 'cat /proc/1/attr/current /proc/self/attr/current
		grep Seccomp_filters /proc/self/status; kill -0 1 && echo signalled'
	has 0 $'unconfined\nunconfined\n' 'Seccomp_filters:	1' signalled
	run docker exec plain cat /proc/1/attr/current
	has 0 "docker-default (enforce)"
	docker kill taken
}

@test "Docker's default seccomp profile, imported, is the original" {
	VK_PROFILE=$profile "$BATS_TEST_DIRNAME/../../build/tests/kernel/test_profile" >/tmp/tap
	cat /tmp/tap
	! grep -q '^not ok' /tmp/tap
}

@test "the AppArmor profile that dockerd brings is part of docker-default" {
	local line missing=0
	grep -aA 60 '^profile {{.Name}} flags=' /usr/sbin/dockerd | sed '/^}/q' >/tmp/template
	[[ $(wc -l </tmp/template) -gt 20 ]]
	{
		echo '#include <tunables/global>'
		sed -e 's/{{.Name}}/docker-default/g; s/{{.DaemonProfile}}/unconfined/; /^ *{{/d' \
			-e '0,/mediate_deleted) {/s//&\n#include <abstractions\/base>/' /tmp/template
	} >/tmp/docker-default
	vkernel policy import -o /tmp/docker-default.yaml /tmp/docker-default
	while IFS= read -r line; do
		vkernel policy show docker-default | grep -qF -- "${line%% #*}" || {
			echo "not in docker-default: $line"
			missing=1
		}
	done < <(grep -oE "path: .*|'/proc[^']*'" /tmp/docker-default.yaml | grep -v '\[ *$')
	[[ $missing == 0 ]]
}
