#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Members that tighten themselves through vkerneld: needs root, and a guest.

setup_file() {
	# As distributions ship it.
	sysctl -qw kernel.unprivileged_bpf_disabled=2 || [[ $(sysctl -n kernel.unprivileged_bpf_disabled) == [12] ]]
	export dir=/tmp/broker-test client=/src/build/tests/kernel/broker_client
	export objects=/src/build/tests/kernel
	mkdir -p $dir
	chmod 755 $dir
	policy() { # name rules...
		printf '%s\n' 'vkernel: 1' "name: $1" "${@:2}" >"$dir/$1.yaml"
	}
	policy open 'files: {default: allow}' 'push: {layers: 2, programs: 1, children: 3, poppable: true}'
	policy fixed 'files: {default: allow}' 'push: {layers: 2}'
	policy closed 'files: {default: allow}'
	policy layer 'files: {default: allow, rules: [{deny: [read], path: /tmp/broker-test/a}]}'
	policy other 'files: {default: allow, rules: [{deny: [read], path: /tmp/broker-test/b}]}'
	policy caps 'capabilities: none'
	policy programs 'push: {programs: 3, layers: 1, poppable: true}'
	policy tight 'push: {programs: 1}'
	policy greedy 'push: {layers: 7, poppable: true}'
	echo a >$dir/a
	echo b >$dir/b
	vkernel run --keep --name keep -p $dir/layer.yaml -- true
	start_broker
}

teardown_file() {
	kill "$(cat /tmp/vkerneld.pid)"
	vkernel ps --quiet | xargs -r vkernel rm --kill --recursive || true
}

start_broker() {
	vkerneld 3>&- >/tmp/vkerneld.log 2>&1 &
	echo $! >/tmp/vkerneld.pid
	for _ in {1..100}; do
		[[ -S /run/vkernel/broker.sock ]] && kill -0 $! && return
		sleep 0.1
	done
	return 1
}

setup() {
	load ../cli/lib.bash
	as_user="setpriv --reuid 1000 --regid 1000 --clear-groups"
	cd $dir || return
	status=0
}

# Runs a shell command as uid 1000 in a new instance.
member() { # policy command...
	run vkernel run --name "m$BATS_TEST_NUMBER" -p "$dir/$1.yaml" -- $as_user sh -c "$2"
}

@test "a user in a member process pushes a layer: it binds at once, and nobody else" {
	vkernel run --name sibling -p open.yaml -- sh -c 'while [ ! -e stop ]; do sleep 0.1; done; cat a' >out 3>&- &
	sibling=$!
	member open 'cat a; vkernel push layer.yaml; cat a; cat b; id -u'
	touch stop
	wait $sibling
	rm stop
	is 0 "a
cat: a: Permission denied
b
1000"
	cat out
	[ "$(cat out)" = a ]
	[ "$(cat a)" = a ]
}

@test "what was pushed stays, cannot be loosened, and is shown" {
	member open 'vkernel push layer.yaml && vkernel push closed.yaml && vkernel push --list && cat a'
	[ "$status" -eq 1 ]
	has "1 layer given"
	has "pushed by uid 1000, $(stat -c %s layer.yaml) bytes"
	has "0 more may be pushed, and can be popped; 3 instances may be made below"
	has "a: Permission denied"
	member open 'vkernel push --list --json' </dev/null
	[ "$(jq -r .may_push <<<"$output")" = 2 ]
}

@test "not without the policy's leave, nor beyond it, nor from outside" {
	member closed 'vkernel push layer.yaml; cat a'
	[ "$status" -eq 0 ]
	has 'do not permit members to push layers'
	has 'push: {layers: 1}'
	member open 'for i in 1 2 3; do vkernel push layer.yaml; done'
	[ "$status" -eq 1 ]
	has "members have pushed 2 layers"
	member open 'vkernel push greedy.yaml'
	[ "$status" -eq 1 ]
	has "a pushed layer cannot say what may be pushed"
	member open 'vkernel push caps.yaml'
	[ "$status" -eq 1 ]
	has "only root can push a ceiling of capabilities"
	run $as_user vkernel push layer.yaml
	[ "$status" -eq 1 ]
	has "a member of no instance"
	run vkernel push layer.yaml
	[ "$status" -eq 1 ]
	has "a member of no instance"
}

@test "nobody reaches another instance" {
	member open 'vkernel push --onto keep layer.yaml; vkernel pop --from keep'
	[ "$status" -eq 1 ]
	has 'there is no instance "keep" below this one'
	run vkernel show keep
	[[ $output != *pushed* ]]
}

@test "pop takes back one's own last layer, where the policies say so" {
	member open 'vkernel push layer.yaml; vkernel push other.yaml; vkernel pop; cat b; cat a; vkernel pop; cat a; vkernel pop'
	[ "$status" -eq 1 ]
	has "b
cat: a: Permission denied
a"
	has "uid 1000 has pushed no layer"
	member fixed 'vkernel push layer.yaml; vkernel pop; cat a'
	has "do not permit members to pop layers"
	has "a: Permission denied"
	run vkernel run --name two -p open.yaml -- sh -c "vkernel push layer.yaml; $as_user vkernel pop; cat a"
	has "uid 1000 has pushed no layer"
	has "a: Permission denied"
}

@test "mistakes in a layer have their place" {
	printf 'vkernel: 1\nfilez: {}\n' >bad.yaml
	member open 'vkernel push bad.yaml'
	[ "$status" -eq 1 ]
	has 'bad.yaml:2:1: unknown key "filez"'
}

@test "run from inside makes an instance below, which is gone afterwards" {
	member open 'vkernel run -p layer.yaml -- sh -c "cat b; cat a; vkernel push --list"; cat a; vkernel run -p other.yaml -- cat b; echo $?'
	is 0 "b
cat: a: Permission denied
$(echo "$output" | sed -n 3,6p)
a
cat: b: Permission denied
1"
	has "m$BATS_TEST_NUMBER."
	run vkernel ps --quiet
	is 0 keep
}

@test "an instance below: not for who can gain privileges, not popped, not left" {
	member open "$client move && cat b && vkernel pop"
	[ "$status" -eq 1 ]
	has "m$BATS_TEST_NUMBER.moved-"
	has "b"
	has "uid 1000 has pushed no layer"
	run vkernel events
	member open "$client handed"
	is 0 ""
}

@test "an update by root keeps what members pushed, or drops it" {
	vkernel run --name kept -p open.yaml -- $as_user sh -c \
		"vkernel push layer.yaml; vkernel push $objects/deny_open.bpf.o; touch /tmp/pushed; while [ ! -e stop ]; do sleep 0.1; done; cat a" >out 2>&1 3>&- &
	for _ in {1..200}; do [[ -e /tmp/pushed ]] && break || sleep 0.1; done
	vkernel update kept -p open.yaml -p other.yaml
	run vkernel show kept
	has "pushed by uid 1000"
	vkernel mode kept audit
	vkernel mode kept enforce
	vkernel program push kept $objects/deny_setuid.bpf.o
	vkernel update kept -p open.yaml --drop-pushed
	run vkernel program ls --json kept
	[ "$(jq -r '.[].name' <<<"$output")" = deny_setuid ]
	run vkernel show kept
	[[ $output != *"pushed by"* ]]
	touch stop
	wait
	rm stop /tmp/pushed
	is_out=$(cat out)
	[ "$is_out" = a ]
}

@test "a program binds at once, and nobody else; it is popped, replaced and switched by its owner" {
	vkernel run --name sibling -p programs.yaml -- sh -c 'while [ ! -e stop ]; do sleep 0.1; done; cat a' >out 3>&- &
	sibling=$!
	member programs "cat a; vkernel push $objects/deny_open.bpf.o; cat a; cat b; vkernel push --list; id -u
		vkernel push --audit --replace $objects/deny_open.bpf.o; cat a
		vkernel push --name second $objects/deny_open.bpf.o; cat a
		vkernel pop --program second; cat a; vkernel pop --program second"
	touch stop
	wait $sibling
	rm stop
	[ "$status" -eq 1 ]
	has "a
cat: a: Disk quota exceeded
b
m$BATS_TEST_NUMBER: 1 layer given
  program deny_open
  1 more may be pushed, and can be popped; 0 instances may be made below
  2 more programs may be pushed
1000
a
cat: a: Disk quota exceeded
a
vkernel: uid 1000 has pushed no program second onto"
	cat out
	[ "$(cat out)" = a ]
	[ "$(cat a)" = a ]
}

@test "the maps of a program are its owner's: read, and tuned while it runs" {
	map="vkernel program map --mine"
	member programs "vkernel push $objects/gate.bpf.o
		cat a; $map gate opens; $map gate opens 1000
		$map gate bss 0 1; cat a; $map gate bss 0; $map gate bss 0 0; cat a
		$map --delete gate opens 1000; $map gate opens; $map gate opens 7 5; $map gate opens 8 6
		$map gate opens 9 7; $map gate opens | wc -l; $map gate pages | cut -f 1 | tail -n 1
		$map gate
		$map --json gate | jq -c '.[] | select(.name == \"pages\")'
		$map --json gate opens | jq -c 'sort_by(.key)'; $map -j gate opens 8 | jq -c ."
	[ "$status" -eq 0 ]
	[ "$(sed '/^MAP/,$d' <<<"$output")" = "a
1000	1
1
cat: a: Disk quota exceeded
1
a
vkernel: the map is full, or has no such key
2
15" ] || { echo "$output" && false; }
	has "opens          hash     4      8         2"
	has "pages          array    4   4096        16"
	has '{"name":"pages","type":"array","key_size":4,"value_size":4096,"max_entries":16}'
	has '[{"key":7,"value":5},{"key":8,"value":6}]'
	has '[{"key":8,"value":6}]'
}

@test "maps: not those of others, nor by who may not pop, nor what is read-only" {
	map="vkernel program map --mine"
	run vkernel run --name shared -p programs.yaml -- sh -c "vkernel push $objects/gate.bpf.o
		$as_user $map gate bss 0; $as_user $map gate bss 0 1; $map gate bss 0; $map gate none
		$map none bss; $map --from keep gate bss; $map gate bss 0 1 --offset 2; $map gate bss 1 1
		$map gate rodata.str1.1 0 $(printf '00%.0s' {1..19})"
	has 'uid 1000 has pushed no program gate onto "shared"'
	[ "$(grep -c "uid 1000 has pushed no program gate" <<<"$output")" = 2 ]
	has "program gate has no map none"
	has "uid 0 has pushed no program none"
	has 'there is no instance "keep" below this one'
	has "values of map bss have 4 bytes"
	has "the map is full, or has no such key"
	has "map rodata.str1.1 is read-only"
	# What root gave is not the members', whatever their user.
	vkernel run --name given -p programs.yaml -- sh -c 'while [ ! -e stop ]; do sleep 0.1; done
		vkernel program map --mine gate bss 0' >out 2>&1 3>&- &
	for _ in {1..300}; do vkernel ps --quiet | grep -q given && break || sleep 0.1; done
	vkernel program push given $objects/gate.bpf.o
	touch stop
	wait $! || true
	rm stop
	grep -q "uid 0 has pushed no program gate" out
	member tight "vkernel push $objects/gate.bpf.o; $map gate bss 0 && $map gate bss 0 1
		$map --delete gate opens 1000; cat a"
	has "0
vkernel: the policies of \"m$BATS_TEST_NUMBER\" do not permit members to change what programs keep"
	[ "${lines[-1]}" = a ]
	run $as_user $map gate
	[ "$status" -eq 1 ]
	has "a member of no instance"
}

@test "programs: the policy decides, and only root's may confuse set-user-ID programs" {
	member closed "vkernel push $objects/deny_open.bpf.o; cat a"
	[ "$status" -eq 0 ]
	has "do not permit members to push programs"
	has "push: {programs: 1}"
	member tight "vkernel push $objects/deny_open.bpf.o; vkernel push --name more $objects/deny_open.bpf.o
		vkernel pop --program deny_open; vkernel push --replace $objects/deny_open.bpf.o; cat a"
	[ "$status" -eq 1 ]
	has "members have pushed 1 program"
	has "do not permit members to pop programs"
	has "do not permit members to replace programs"
	has "cat: a: Disk quota exceeded"
	member programs "vkernel push $objects/deny_setuid.bpf.o"
	[ "$status" -eq 1 ]
	has "only root can push a program at capable, task_fix_setuid or task_prctl"
	run vkernel run --name mine -p programs.yaml -- sh -c "vkernel push $objects/deny_open.bpf.o
		$as_user vkernel pop --program deny_open; $as_user vkernel push --replace $objects/deny_open.bpf.o
		$as_user vkernel push --onto keep $objects/deny_open.bpf.o; vkernel pop --program deny_open; cat a"
	has "uid 1000 has pushed no program deny_open onto"
	has "uid 1000 has pushed no program deny_open to replace"
	has 'there is no instance "keep" below this one'
	[ "${lines[-1]}" = a ]
	run $as_user vkernel push $objects/deny_open.bpf.o
	[ "$status" -eq 1 ]
	has "a member of no instance"
}

@test "hostile programs are refused, and crowds and kill -9 change nothing in force" {
	member programs "$client hostile"
	is 0 "67 refused"
	# Root's: what uid 1000 pushed, the crowd may pop.
	vkernel run --name crowd -p programs.yaml -- sh -c \
		"vkernel push $objects/deny_open.bpf.o; $as_user $client programs ${CROWD:-20} ${HAMMER_SECONDS:-4}; cat a" >out 2>&1 3>&- &
	crowd=$!
	wait $crowd || true
	cat out
	grep -q "lost 0" out
	grep -q "a: Disk quota exceeded" out
	kill -0 "$(cat /tmp/vkerneld.pid)"
	vkernel run --name bound -p programs.yaml -- sh -c \
		"vkernel push $objects/deny_open.bpf.o; touch /tmp/bound; $as_user $client programs 8 3
		while [ ! -e stop ]; do sleep 0.1; done; cat a" >out 2>&1 3>&- &
	bound=$!
	for _ in {1..600}; do [[ -e /tmp/bound ]] && break || sleep 0.1; done
	kill -KILL "$(cat /tmp/vkerneld.pid)"
	rm -f /run/vkernel/broker.sock /tmp/bound
	vkernel mode bound enforce
	touch stop
	wait $bound || true
	rm stop
	grep -q "a: Disk quota exceeded" out
	start_broker
}

@test "garbage, silence and crowds do not stop it; kill -9 changes nothing in force" {
	member open "$client garbage 60"
	is 0 ""
	member open "$client idle 40 vkernel push layer.yaml"
	is 0 ""
	vkernel run --name hammered -p open.yaml -- $as_user sh -c \
		"$client hammer ${CROWD:-20} ${HAMMER_SECONDS:-4}; vkernel push --list --json" >out 2>&1 3>&- &
	hammered=$!
	sleep 3
	[ "$(cat a)" = a ]
	wait $hammered
	cat out
	grep -q "lost 0" out
	[ "$(sed -n "/^{/,\$p" out | jq -r .may_make)" = 3 ]
	kill -0 "$(cat /tmp/vkerneld.pid)"
	vkernel run --name killed -p fixed.yaml -- $as_user sh -c \
		"vkernel push layer.yaml; touch /tmp/killed; $client hammer 10 4
		while [ ! -e stop ]; do sleep 0.1; done; cat a" >out 2>&1 3>&- &
	killed=$!
	for _ in {1..600}; do [[ -e /tmp/killed ]] && break || sleep 0.1; done
	sleep 1
	kill -KILL "$(cat /tmp/vkerneld.pid)"
	rm /run/vkernel/broker.sock /tmp/killed
	# What is stored is what is in force, or this fails.
	vkernel mode killed enforce
	touch stop
	wait $killed || true
	rm stop
	grep -q "a: Permission denied" out
	start_broker
	member open 'vkernel push layer.yaml; cat a'
	has "Permission denied"
}
