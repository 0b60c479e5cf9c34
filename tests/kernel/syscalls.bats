#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# System calls: what hooks enforce on what runs, and what a filter does from the start.

setup() {
	load ../cli/lib.bash
	cd "$BATS_TEST_TMPDIR" || return
	cat >hooks.yaml <<'END'
vkernel: 1
syscalls:
  deny: [perf_event_open, "@module", acct]
  rules:
    - {deny: socket, when: {domain: AF_ALG}, errno: EAFNOSUPPORT}
END
	cat >filter.yaml <<'END'
vkernel: 1
syscalls:
  deny: [ptrace, "@clock"]
  rules:
    - {deny: personality, when: {persona: 8}, errno: EACCES}
    - {kill: sethostname}
END
}

# The errno of a call by number; 0 when it succeeds.
# shellcheck disable=SC2016 # for perl
call='($n, @a) = map { /^0x/ ? hex : $_ + 0 } @ARGV; $r = syscall($n, @a); print $r == -1 ? $! + 0 : 0'

errno_of() { # policy number args...
	"$vkernel" run -p "$1" -- perl -e "$call" "${@:2}"
}

@test "a hook denies: no filter, exact errno, other calls as before" {
	run errno_of hooks.yaml 41 38 5 0 # socket(AF_ALG, SOCK_SEQPACKET, 0)
	is 0 97
	run errno_of hooks.yaml 41 0x7fff00000026 5 0 # bits that the kernel drops
	is 0 97
	run errno_of hooks.yaml 41 2 1 0
	is 0 0
	run errno_of hooks.yaml 163 0 # acct(NULL)
	is 0 1
	run errno_of hooks.yaml 176 0 0 # delete_module
	is 0 1
	run "$vkernel" run -p hooks.yaml -- grep '^Seccomp:' /proc/self/status
	is 0 "Seccomp:	0"
}

@test "a filter denies: exact errno, by argument, and kills" {
	run errno_of filter.yaml 101 0 0 0 0 # ptrace(PTRACE_TRACEME)
	is 0 1
	run errno_of filter.yaml 135 8
	is 0 13
	run errno_of filter.yaml 135 0x700000008
	is 0 13
	run errno_of filter.yaml 135 0
	is 0 0
	run "$vkernel" run -p filter.yaml -- perl -e "$call" 170 0 0
	[ "$status" -eq 159 ]
	run "$vkernel" run -p filter.yaml -- grep '^Seccomp:' /proc/self/status
	is 0 "Seccomp:	2"
}

@test "x32: a filter says the same there, and closes it" {
	printf 'vkernel: 1\nsyscalls: {abis: [x86-64, ia32], other-abis: deny, errno: ENOSYS}\n' >closed.yaml
	printf 'vkernel: 1\nsyscalls: {abis: [x86-64, ia32]}\n' >killed.yaml
	printf 'vkernel: 1\nsyscalls: {rules: [{deny: sethostname, abi: x32, errno: EXDEV}]}\n' >only.yaml
	run errno_of filter.yaml 0x40000087 8 # personality
	is 0 13
	run errno_of filter.yaml 0x40000087 0
	is 0 0
	run "$vkernel" run -p filter.yaml -- perl -e "$call" 0x400000aa 0 0 # sethostname
	[ "$status" -eq 159 ]
	run errno_of hooks.yaml 0x40000029 38 5 0 # socket(AF_ALG, SOCK_SEQPACKET, 0)
	is 0 97
	run errno_of closed.yaml 0x40000087 0
	is 0 38
	run "$vkernel" run -p killed.yaml -- perl -e "$call" 0x40000087 0
	[ "$status" -eq 159 ]
	run errno_of only.yaml 0x400000aa 0 -1
	is 0 18
	run errno_of only.yaml 170 0 -1 # EINVAL, by the kernel itself
	is 0 22
}

@test "no_new_privs is not set by the filter" {
	run "$vkernel" run -p filter.yaml -- grep '^NoNewPrivs:' /proc/self/status
	is 0 "NoNewPrivs:	0"
}

@test "a policy that denies execve is refused before anything runs" {
	printf 'vkernel: 1\nsyscalls: {allow: [read, write, exit_group]}\n' >no-exec.yaml
	run "$vkernel" run -p no-exec.yaml -- true
	[ "$status" -eq 125 ]
	has "execve is denied, so no command can be started"
}

@test "in audit mode the filter denies nothing" {
	run "$vkernel" run --audit -p filter.yaml -- perl -e "$call" 135 8
	is 0 0
}

@test "attach: rules of hooks at once, rules of the filter not without --allow-degraded" {
	sleep 100 3>&- &
	pid=$!
	run "$vkernel" attach sys -p filter.yaml $pid
	[ "$status" -eq 1 ]
	has "needs a filter for system calls, which only a start can install"
	run "$vkernel" attach sys -p hooks.yaml $pid
	[ "$status" -eq 0 ]
	run "$vkernel" update sys -p filter.yaml
	[ "$status" -eq 1 ]
	has "filter.yaml:3:10"
	run "$vkernel" update sys -p filter.yaml --allow-degraded
	[ "$status" -eq 0 ]
	# The next one could share its rules, and still lacks the filter.
	sleep 100 3>&- &
	run "$vkernel" attach second -p filter.yaml $!
	[ "$status" -eq 1 ]
	has "needs a filter for system calls, which only a start can install"
	kill $! $pid
	"$vkernel" rm --kill sys
}

@test "update: the filter that an instance started with may stay, and no other" {
	"$vkernel" run --name sys --keep -p filter.yaml -- sleep 100 3>&- &
	while ! "$vkernel" ps --quiet | grep -qx sys; do :; done
	cat >more.yaml <<'END'
vkernel: 1
files: {default: allow, rules: [{deny: read, path: /etc/shadow}]}
END
	run "$vkernel" update sys -p filter.yaml -p more.yaml
	[ "$status" -eq 0 ]
	printf 'vkernel: 1\nsyscalls: {deny: [ptrace]}\n' >other.yaml
	run "$vkernel" update sys -p other.yaml
	[ "$status" -eq 1 ]
	run "$vkernel" update sys -p more.yaml
	[ "$status" -eq 0 ]
	"$vkernel" rm --kill sys
	wait
}
