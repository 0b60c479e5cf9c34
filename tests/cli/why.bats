#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# why: the rule that decides, found without running anything.

setup() {
	load lib.bash
	[[ -x $vkernel ]] || skip "$vkernel is not built"
	cd "$BATS_TEST_TMPDIR" || return
	cat >web.yaml <<'END'
vkernel: 1
name: web
files:
  default: allow
  rules:
    - deny: [write]
      path: [/etc/**, "/usr/**"]
    - {audit: [read], path: /etc/passwd}
exec: {default: deny, allow: [/usr/sbin/nginx]}
capabilities: [CHOWN]
network:
  default: deny
  allow:
    - {bind: tcp/80}
    - {connect: tcp/443, to: 10.0.0.0/8}
processes: {ptrace: own}
bpf: deny
END
}

why() {
	run "$vkernel" why -p web.yaml "$@"
}

@test "a denied right shows its rule" {
	why write /etc/shadow
	is 1 'denied: write /etc/shadow
  policy web: deny [write] /etc/**
  at web.yaml:7:14
        path: [/etc/**, "/usr/**"]
               ^~~~~~~'
}

@test "a quoted pattern is underlined whole" {
	why write /usr/bin/true
	[ "$status" -eq 1 ]
	has '        path: [/etc/**, "/usr/**"]
                        ^~~~~~~~~'
}

@test "an allowed right" {
	why read /etc/shadow
	[ "$status" -eq 0 ]
	has "allowed: read /etc/shadow"
}

@test "an audited right is allowed" {
	why read /etc/passwd
	[ "$status" -eq 0 ]
	has "audited: read /etc/passwd"
	has "audit [read] /etc/passwd"
}

@test "a default that decides" {
	why exec /bin/sh
	[ "$status" -eq 1 ]
	has "policy web: default of exec: deny"
	has "at web.yaml:9:17"
}

@test "paths are made canonical" {
	why write //etc/./shadow/
	[ "$status" -eq 1 ]
	why write /etc/../shadow
	is 2 "vkernel why: '..' depends on symbolic links: give the path without it
  see vkernel why --help"
	why write etc/shadow
	is 2 "vkernel why: 'etc/shadow' is no absolute path
  see vkernel why --help"
}

@test "capabilities" {
	why capability CHOWN && [ "$status" -eq 0 ]
	why capability cap_net_admin && [ "$status" -eq 1 ]
	why capability FLY
	is 2 "vkernel why: 'FLY' is no capability
  see vkernel why --help"
}

@test "bind and connect" {
	why bind tcp 80 && [ "$status" -eq 0 ]
	why bind tcp 127.0.0.1 80 && [ "$status" -eq 0 ]
	why bind tcp 81 && [ "$status" -eq 1 ]
	why bind udp 80 && [ "$status" -eq 1 ]
	why connect tcp 10.1.2.3 443 && [ "$status" -eq 0 ]
	why connect tcp 11.1.2.3 443 && [ "$status" -eq 1 ]
	why connect tcp ::1 443 && [ "$status" -eq 1 ]
	why connect tcp nowhere 443 && [ "$status" -eq 2 ]
	why connect tcp 10.1.2.3 65536 && [ "$status" -eq 2 ]
	why connect icmp 10.1.2.3 1 && [ "$status" -eq 2 ]
}

@test "sockets" {
	why socket inet && [ "$status" -eq 0 ]
	why socket alg && [ "$status" -eq 1 ]
	why socket AF_ALG && [ "$status" -eq 1 ]
	why socket inet raw && [ "$status" -eq 1 ]
	why socket nothing && [ "$status" -eq 2 ]
	why socket inet round && [ "$status" -eq 2 ]
}

@test "processes and facilities" {
	why ptrace own && [ "$status" -eq 0 ]
	why ptrace other && [ "$status" -eq 1 ]
	why signal other && [ "$status" -eq 0 ]
	why bpf && [ "$status" -eq 1 ]
	why perf && [ "$status" -eq 0 ]
	why bpf now && [ "$status" -eq 2 ]
}

@test "bind is a right on mount points, too" {
	run "$vkernel" why -p container-default bind /mnt
	[ "$status" -eq 1 ]
	has "default of mounts: deny"
}

@test "unix sockets, by path and abstract" {
	why unix-connect /run/x.sock && [ "$status" -eq 1 ]
	why unix-connect @x && [ "$status" -eq 1 ]
}

@test "foreign mounts" {
	run "$vkernel" why --foreign -p foreign-mounts read /mnt/x
	[ "$status" -eq 1 ]
	run "$vkernel" why -p foreign-mounts read /mnt/x
	[ "$status" -eq 0 ]
}

@test "every layer must allow" {
	run "$vkernel" why -p web.yaml -p no-af-alg write /etc/x
	[ "$status" -eq 1 ]
	run "$vkernel" why -p no-af-alg -p web.yaml write /etc/x
	[ "$status" -eq 1 ]
	run "$vkernel" why -p no-af-alg write /etc/x
	[ "$status" -eq 0 ]
}

@test "an operation that is none, and one like it" {
	why raed /x
	is 2 "vkernel why: unknown operation 'raed': did you mean read?
  see vkernel why --help"
	why fly
	is 2 "vkernel why: unknown operation 'fly'
  see vkernel why --help"
}

@test "operands that are missing or too many" {
	why read
	is 2 "vkernel why: an operand is missing after 'read'; the form is: RIGHT PATH, as in: read /etc/shadow
  see vkernel why --help"
	why read /x /y
	[ "$status" -eq 2 ]
	why connect tcp 443
	[ "$status" -eq 2 ]
}

@test "--json is valid" {
	why --json write /etc/shadow
	[ "$status" -eq 1 ]
	run python3 -c '
import json, sys
a = json.loads(sys.argv[1])
print(a["verdict"], a["op"], a["resource"], a["policy"], a["rule"], a["file"], a["line"], a["column"])
' "$output"
	is 0 "denied write /etc/shadow web deny [write] /etc/** web.yaml 7 14"
	run "$vkernel" why -p no-af-alg --json read /x
	valid_json <<<"$output"
}
