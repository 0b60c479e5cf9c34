#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# vkernel mitigate: rule sets on top of running instances. Needs root, and a guest.

setup_file() {
	vkernel check >&2
}

setup() {
	load ../cli/lib.bash
	vkernel=$(command -v vkernel)
	cd "$BATS_TEST_TMPDIR" || return
	cat >base.yaml <<'END'
vkernel: 1
name: base
files: {default: allow, rules: [{deny: [read], path: /etc/shadow}]}
END
	sed 's/name: base/name: other/; s/shadow/passwd/' base.yaml >other.yaml
	"$vkernel" events >/dev/null || true
}

teardown() {
	"$vkernel" ps --quiet | xargs -r "$vkernel" rm --kill
}

# A member of instance NAME that answers: python evaluates what it is asked, with an errno for what
# fails.
start_member() { # name policy...
	local name=$1 p=()
	shift
	for policy; do p+=(-p "$policy"); done
	mkfifo "$name.q" "$name.a"
	"$vkernel" run --name "$name" "${p[@]}" -- python3 -u -c '
import os, socket, sys
nft = None
for line in sys.stdin:
    try:
        exec(line)
        print("ok")
    except OSError as e:
        print(e.errno)
' <"$name.q" >"$name.a" 3>&- &
	# Both ends stay open for as long as the test runs.
	eval "exec {in_$name}>$name.q {out_$name}<$name.a"
	[[ $(ask "$name" 'pass') == ok ]]
}

ask() { # name statement
	local in=in_$1 out=out_$1 answer
	echo "$2" >&"${!in}"
	read -r answer <&"${!out}"
	echo "$answer"
}

alg='socket.socket(38, socket.SOCK_SEQPACKET, 0).close()'
shadow='open("/etc/shadow").close()'
passwd='open("/etc/passwd").close()'

@test "audit, enforce and lift, one instance of two" {
	start_member one base.yaml
	start_member two base.yaml
	[ "$(ask one "$shadow")" = 13 ]
	[ "$(ask one "$alg")" != 13 ]
	run "$vkernel" mitigate --audit copy-fail one
	is 0 "no-af-alg: audited in 1 instance"
	[ "$(ask one "$alg")" != 13 ]
	run "$vkernel" events --json --instance one
	[ "$(jq -r 'select(.op == "socket") | .verdict + " " + .policy' <<<"$output" | sort -u)" = \
		"audited no-af-alg" ]
	run "$vkernel" mitigate --enforce CVE-2026-31431 one
	is 0 "no-af-alg: enforced in 1 instance"
	[ "$(ask one "$alg")" = 13 ]
	[ "$(ask two "$alg")" != 13 ]
	[ "$(ask one "$shadow")" = 13 ]
	run "$vkernel" mitigate --list
	[[ $output =~ no-af-alg\ +1\ +0 ]]
	[[ $output =~ one\ +no-af-alg\ +enforce\ +CVE-2026-31431 ]]
	run "$vkernel" mitigate --list --json
	[ "$(jq -r '.applied[] | .instance + " " + .set + " " + .mode' <<<"$output")" = \
		"one no-af-alg enforce" ]
	run "$vkernel" mitigate --lift no-af-alg --all
	is 0 "no-af-alg: lifted in 1 instance"
	[ "$(ask one "$alg")" != 13 ]
	[ "$(ask one "$shadow")" = 13 ]
	run "$vkernel" mitigate --lift no-af-alg --all
	is 1 "vkernel: it is not applied there
  vkernel mitigate --list shows what is"
}

@test "mitigations survive update and mode, and have modes of their own" {
	start_member one base.yaml
	"$vkernel" mitigate --enforce no-af-alg,shocker one
	"$vkernel" mitigate --audit no-io-uring one
	"$vkernel" update one -p other.yaml
	[ "$(ask one "$shadow")" = ok ]
	[ "$(ask one "$passwd")" = 13 ]
	[ "$(ask one "$alg")" = 13 ]
	"$vkernel" mode one audit
	[ "$(ask one "$passwd")" = ok ]
	[ "$(ask one "$alg")" = 13 ]
	run "$vkernel" ps
	[[ $output =~ one\ +audit\ +other,mitigations,mitigations-audit ]]
	run "$vkernel" mitigate --list --json
	[ "$(jq -r '.applied[] | .set + " " + .mode' <<<"$output" | sort | tr '\n' ,)" = \
		"no-af-alg enforce,no-io-uring audit,shocker enforce," ]
	run "$vkernel" show one
	has "used by mitigations: no-af-alg"
	"$vkernel" mitigate --lift all one
	[ "$(ask one "$alg")" != 13 ]
	run "$vkernel" ps
	[[ $output =~ one\ +audit\ +other\ +1 ]]
	"$vkernel" mitigate --enforce no-af-alg one
	"$vkernel" update one -p base.yaml --drop-mitigations
	[ "$(ask one "$alg")" != 13 ]
}

@test "nf-tables and dirty-frag: one netlink protocol, also on sockets made before" {
	start_member one base.yaml
	route='socket.socket(16, 3, 0).send(bytes([16,0,0,0, 3,0, 0,0]) + bytes(8))'
	[ "$(ask one 'nft = socket.socket(16, 3, 12)')" = ok ]
	[ "$(ask one 'nft.send(bytes([16,0,0,0, 3,0, 0,0]) + bytes(8))')" = ok ]
	"$vkernel" mitigate --enforce CVE-2024-1086,dirty-frag one
	[ "$(ask one 'nft.send(bytes([16,0,0,0, 3,0, 0,0]) + bytes(8))')" = 13 ]
	[ "$(ask one 'socket.socket(16, 3, 12)')" = 13 ]
	[ "$(ask one 'socket.socket(16, 3, 6)')" = 13 ]
	[ "$(ask one 'socket.socket(33, 2, 0)')" = 13 ]
	[ "$(ask one "$route")" = ok ]
	run "$vkernel" events --instance one
	has "netlink raw protocol netfilter"
	run "$vkernel" why one socket netlink xfrm
	[ "$status" -eq 1 ]
	has "policy dirty-frag: deny {socket: netlink/xfrm}"
}

@test "all eight layers, tampered texts, and rule sets of one's own" {
	cat >mine.yaml <<'END'
vkernel: 1
name: mine
mitigates: [CVE-2099-1]
files: {default: allow, rules: [{deny: [read], path: /etc/hostname}]}
END
	start_member one base.yaml
	"$vkernel" mitigate --enforce ./mine.yaml one
	[ "$(ask one 'open("/etc/hostname")')" = 13 ]
	# What is stored is not trusted: fewer texts would lift it.
	for file in /run/vkernel/texts/*; do
		cp "$file" "$file.saved"
		jq -c '.[:1]' "$file.saved" >"$file"
	done
	for command in "update one -p other.yaml" "mitigate --lift all one" "mode one audit"; do
		# shellcheck disable=SC2086
		run "$vkernel" $command
		[ "$status" -eq 1 ]
		has "are not those in force"
		[ "$(ask one 'open("/etc/hostname")')" = 13 ]
	done
	"$vkernel" update one -p other.yaml --drop-mitigations
	[ "$(ask one 'open("/etc/hostname")')" = ok ]
	rm -f /run/vkernel/texts/*.saved
	many=()
	for i in 1 2 3 4 5 6 7 8; do
		sed "s/base/base$i/" base.yaml >"base$i.yaml"
		many+=("base$i.yaml")
	done
	start_member full "${many[@]}"
	start_member free base.yaml
	run "$vkernel" mitigate --enforce no-af-alg full free
	[ "$status" -eq 1 ]
	has "full: all 8 layers are in use"
	has "no-af-alg: enforced in 1 instance"
	[ "$(ask free "$alg")" = 13 ]
}

@test "every rule set can be enforced" {
	start_member one base.yaml
	sets=$("$vkernel" mitigate --list --json |
		jq -r '[.sets[].name | select(. != "dirty-pipe")] | join(",")')
	run "$vkernel" mitigate --enforce "$sets" one
	[ "$status" -eq 0 ]
	[ "$(ask one "$alg")" = 13 ]
	[ "$(ask one 'os.getpid()')" = ok ]
}

@test "what needs a filter from the start is refused on what runs, and holds from the start" {
	start_member one base.yaml
	splice='p = os.pipe(); f = open("/etc/hostname"); os.splice(f.fileno(), p[1], 1)'
	[ "$(ask one "$splice")" = ok ]
	for mode in --audit --enforce; do
		run "$vkernel" mitigate $mode CVE-2022-0847 one
		[ "$status" -eq 1 ]
		has "needs a filter for system calls, which only a start can install"
	done
	[ "$(ask one "$splice")" = ok ]
	sed 's/^name.*/&\nuse: dirty-pipe/' base.yaml >start.yaml
	start_member two start.yaml
	[ "$(ask two "$splice")" = 1 ]
	[ "$(ask two "$shadow")" = 13 ]
	# Others come on top of it, and so they do where such rules are left unenforced.
	"$vkernel" mitigate --enforce no-af-alg two
	[ "$(ask two "$alg")" = 13 ]
	[ "$(ask two "$splice")" = 1 ]
	"$vkernel" update one -p start.yaml --allow-degraded
	"$vkernel" mitigate --enforce no-af-alg one
	[ "$(ask one "$alg")" = 13 ]
	[ "$(ask one "$shadow")" = 13 ]
}
