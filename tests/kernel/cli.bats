#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The commands on a kernel that can enforce: needs root, and a guest.

setup_file() {
	# Not a skip: where this suite runs, it must work.
	vkernel check >&2
}

setup() {
	load ../cli/lib.bash
	vkernel=$(command -v vkernel)
	cd "$BATS_TEST_TMPDIR" || return
	cat >no-shadow.yaml <<'END'
vkernel: 1
name: no-shadow
files:
  default: allow
  rules:
    - {deny: [read], path: /etc/shadow}
END
	sed 's/no-shadow/no-passwd/; s/shadow/passwd/' no-shadow.yaml >no-passwd.yaml
	"$vkernel" events >/dev/null
}

teardown() {
	"$vkernel" ps --quiet | xargs -r "$vkernel" rm --kill
}

# A member that waits until its standard input ends, of instance NAME.
start_member() { # name policy
	"$vkernel" run --name "$1" -p "$2" -- sleep 100 3>&- &
	for _ in {1..100}; do
		[[ $("$vkernel" ps --members) == *sleep* ]] && return
		sleep 0.1
	done
	return 1
}

@test "run: the status of the command, of signals, and of failures" {
	run "$vkernel" run -p no-shadow.yaml true
	is 0 ""
	run "$vkernel" run -p no-shadow.yaml -- sh -c 'exit 7'
	is 7 ""
	run "$vkernel" run -p no-shadow.yaml -- sh -c 'kill -KILL $$'
	is 137 ""
	run "$vkernel" run -p no-shadow.yaml no-such-command
	is 127 "vkernel: cannot run no-such-command: No such file or directory"
	run "$vkernel" run -p no-shadow.yaml /etc/passwd
	[ "$status" -eq 126 ]
	run "$vkernel" run --name 'no/name' -p no-shadow.yaml true
	[ "$status" -eq 125 ]
}

@test "run: denies, and leaves no instance behind" {
	run "$vkernel" run -p no-shadow.yaml -- cat /etc/shadow
	[ "$status" -eq 1 ]
	has "Permission denied"
	run "$vkernel" run -p no-shadow.yaml -- cat /etc/hostname
	is 0 "$(cat /etc/hostname)"
	run "$vkernel" ps --quiet
	is 0 ""
}

@test "run: a command that its own policy denies is explained" {
	printf 'vkernel: 1\nname: none\nexec: {default: deny, allow: [/bin/nothing]}\n' >none.yaml
	run "$vkernel" run -p none.yaml /usr/bin/true
	[ "$status" -eq 126 ]
	has "policy none: default of exec: deny at none.yaml:3:17"
}

@test "run: the command gets no descriptor of ours, and its streams untouched" {
	run "$vkernel" run -p no-shadow.yaml -- sh -c 'cat; ls /proc/self/fd | wc -l' <<<input
	plain=$(sh -c 'cat; ls /proc/self/fd | wc -l' <<<input)
	is 0 "$plain"
}

@test "run: signals are passed on" {
	"$vkernel" run --name sig -p no-shadow.yaml -- \
		sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done' >out 3>&- &
	pid=$!
	until grep -q ready out; do sleep 0.1; done
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	[ "$status" -eq 9 ]
}

@test "run: a daemon keeps its instance, and one line says so" {
	run "$vkernel" run --name daemon -p no-shadow.yaml -- \
		sh -c 'setsid sleep 100 </dev/null >/dev/null 2>&1 3>&- &'
	is 0 "vkernel: instance daemon stays: it has members (vkernel rm --kill daemon ends them)"
	run "$vkernel" rm daemon
	[ "$status" -eq 1 ]
	has "--kill"
	run "$vkernel" rm --kill daemon
	is 0 ""
	run "$vkernel" ps --quiet
	is 0 ""
}

@test "run --keep keeps an empty instance; rm removes it" {
	"$vkernel" run --keep --name kept -p no-shadow.yaml true
	run "$vkernel" ps --quiet
	is 0 "kept"
	run "$vkernel" rm kept
	is 0 ""
	run "$vkernel" rm kept
	[ "$status" -eq 1 ]
}

@test "two policies: both must allow" {
	run "$vkernel" run -p no-shadow.yaml -p no-passwd.yaml -- cat /etc/shadow /etc/passwd
	[ "$status" -eq 1 ]
	[ "$(grep -c 'Permission denied' <<<"$output")" -eq 2 ]
}

@test "events: who, what, and the rule with its place; once" {
	run "$vkernel" run --name ev -p no-shadow.yaml -- cat /etc/shadow
	run "$vkernel" events
	[ "$status" -eq 0 ]
	[[ $output =~ DENIED\ +open\ /etc/shadow\ \(read\)\ by\ cat\[[0-9]+\]\ uid\ 0: ]]
	run "$vkernel" events
	is 0 ""
}

@test "events --json: valid, with the rule, while the instance lives" {
	start_member live no-shadow.yaml
	cat >reader.sh <<'END'
read -r _
cat /etc/shadow
END
	mkfifo go
	sh reader.sh <go 3>&- &
	pid=$!
	exec 5>go
	"$vkernel" attach live "$pid"
	echo >&5
	wait "$pid" || true
	run "$vkernel" events --json
	[ "$status" -eq 0 ]
	run jq -r '[.instance, .verdict, .op, .path, .errno, .policy, .rule, .line, .column] | map(tostring) | join("|")' <<<"$output"
	is 0 "live|denied|open|/etc/shadow|EACCES|no-shadow|deny [read] /etc/shadow|6|28"
}

@test "run --audit allows and reports" {
	run "$vkernel" run --audit -p no-shadow.yaml -- cat /etc/shadow
	[ "$status" -eq 0 ]
	run "$vkernel" events
	has "AUDITED open /etc/shadow"
}

@test "attach: a running process, its threads and children" {
	# Without descriptor 3: bats waits for all who have it.
	sh -c 'sleep 100 & wait' 3>&- &
	pid=$!
	until pgrep -P "$pid" >/dev/null; do sleep 0.05; done
	run "$vkernel" attach att -p no-shadow.yaml "$pid"
	is 0 "2 threads joined att"
	run "$vkernel" ps --members
	has "sleep"
	run "$vkernel" attach att "$pid"
	[ "$status" -eq 1 ]
	run "$vkernel" attach nothing "$pid"
	[ "$status" -eq 1 ]
	run "$vkernel" attach gone -p no-shadow.yaml 4194303
	[ "$status" -eq 1 ]
	run "$vkernel" ps --quiet
	is 0 "att"
}

@test "update and mode change a running instance" {
	mkfifo q
	: >answers
	"$vkernel" run --name chg -p no-shadow.yaml -- sh -c '
		while read -r file; do cat "$file" >/dev/null 2>&1; echo $?; done' <q >>answers 3>&- &
	exec 7>q
	ask() { # file
		cp answers answers.before
		echo "$1" >&7
		while cmp -s answers answers.before; do sleep 0.05; done
		tail -n 1 answers
	}
	[ "$(ask /etc/shadow)" = 1 ]
	[ "$(ask /etc/passwd)" = 0 ]
	"$vkernel" update chg -p no-passwd.yaml
	[ "$(ask /etc/shadow)" = 0 ]
	[ "$(ask /etc/passwd)" = 1 ]
	"$vkernel" mode chg audit
	[ "$(ask /etc/passwd)" = 0 ]
	"$vkernel" mode chg enforce
	[ "$(ask /etc/passwd)" = 1 ]
	exec 7>&-
}

@test "ps, show and stats: text, and JSON that is valid" {
	start_member one no-shadow.yaml
	run "$vkernel" ps
	[[ $output =~ one\ +enforce\ +no-shadow\ +1 ]]
	run "$vkernel" show on
	[ "$status" -eq 0 ]
	has "layer 1: no-shadow (enforce)"
	has "deny [read] /etc/shadow"
	run "$vkernel" show --yaml one
	has "$(cat no-shadow.yaml)"
	for command in "ps" "ps --members" "show one" "stats" "check"; do
		# shellcheck disable=SC2086
		run "$vkernel" $command --json
		[ "$status" -eq 0 ]
		jq -e . <<<"$output" >/dev/null
	done
	run "$vkernel" show nothing
	[ "$status" -eq 1 ]
}

@test "why asks an instance" {
	start_member ask no-shadow.yaml
	run "$vkernel" why ask read /etc/shadow
	[ "$status" -eq 1 ]
	has "policy no-shadow: deny [read] /etc/shadow"
	run "$vkernel" why ask read /etc/passwd
	[ "$status" -eq 0 ]
}

@test "plan: this host can enforce a policy that uses everything whole" {
	run "$vkernel" policy plan nginx
	[ "$status" -eq 0 ]
	has "This host can enforce it whole."
}
