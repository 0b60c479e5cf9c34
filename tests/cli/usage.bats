#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is said to those who mistype, and to those who ask.

setup() {
	load lib.bash
	[[ -x $vkernel ]] || skip "$vkernel is not built"
}

@test "without a command, the overview is on standard error, status 2" {
	run --separate-stderr "$vkernel"
	[ "$status" -eq 2 ] && [ -z "$output" ]
	[[ $stderr == "usage: vkernel COMMAND"* ]]
}

@test "--help and help print the same overview, status 0" {
	run "$vkernel" --help
	[ "$status" -eq 0 ]
	has "sudo vkernel check"
	overview=$output
	run "$vkernel" help
	is 0 "$overview"
}

@test "the overview names every command" {
	run "$vkernel" --help
	for command in "${commands[@]}"; do
		has "
  $command "
	done
}

@test "every command has --help with an example, and help COMMAND is the same" {
	for command in "${commands[@]}"; do
		# shellcheck disable=SC2086
		run --separate-stderr "$vkernel" $command --help
		[ "$status" -eq 0 ] && [ -z "$stderr" ]
		has "usage: vkernel $command"
		has "Example"
		text=$output
		# shellcheck disable=SC2086
		run "$vkernel" help $command
		is 0 "$text"
	done
}

@test "no line of help exceeds 100 columns" {
	for command in "${commands[@]}"; do
		# shellcheck disable=SC2086
		run "$vkernel" $command --help
		while IFS= read -r line; do
			[ ${#line} -le 100 ] || { echo "$line" && false; }
		done <<<"$output"
	done
}

@test "an unknown command" {
	run "$vkernel" chekc
	is 2 "vkernel: unknown command 'chekc'
  did you mean vkernel check?
  vkernel --help lists the commands"
}

@test "an unknown command of policy" {
	run "$vkernel" policy lst
	is 2 "vkernel: unknown command 'policy lst'
  did you mean vkernel policy list?
  vkernel --help lists the commands"
}

@test "policy alone lists its commands, status 2" {
	run "$vkernel" policy
	[ "$status" -eq 2 ]
	has "policy plan"
}

@test "an unknown option" {
	run "$vkernel" ps --jsno
	is 2 "vkernel ps: option --jsno is unknown
  did you mean --json?
  see vkernel ps --help"
}

@test "an unknown letter" {
	run "$vkernel" ps -x
	is 2 "vkernel ps: option -x is unknown
  see vkernel ps --help"
}

@test "an option without its argument" {
	run "$vkernel" run -p
	is 2 "vkernel run: option -p needs an argument
  see vkernel run --help"
	run "$vkernel" run --policy
	is 2 "vkernel run: option --policy needs an argument
  see vkernel run --help"
}

@test "too many operands" {
	run "$vkernel" check this
	is 2 "vkernel check: unexpected 'this'
  see vkernel check --help"
}

@test "too few operands" {
	for command in run show update mode rm why "policy check" "policy plan" "policy show"; do
		# shellcheck disable=SC2086
		run "$vkernel" $command
		[ "$status" -eq 2 ]
		has "something is missing; usage: vkernel $command"
	done
}

@test "run and update want a policy" {
	run "$vkernel" run true
	is 2 "vkernel run: a policy is missing: give -p POLICY
  see vkernel run --help"
	run "$vkernel" update web
	is 2 "vkernel update: a policy is missing: give -p POLICY
  see vkernel update --help"
}

@test "options of the command that run starts are its own" {
	run "$vkernel" run -p no-such-policy true --help
	[ "$status" -eq 125 ]
	has "no policy is named 'no-such-policy'"
}

@test "at most 8 policies" {
	run "$vkernel" run -p{a,b,c,d,e,f,g,h,i} true
	is 2 "vkernel run: -p can be given at most 8 times
  see vkernel run --help"
}

@test "a mode that is none" {
	run "$vkernel" mode web audt
	is 2 "vkernel mode: 'audt' is no mode: audit or enforce
  see vkernel mode --help"
}

@test "attach wants something to attach, and process ids that are numbers" {
	run "$vkernel" attach web
	is 2 "vkernel attach: nothing to attach: give a PID, --container, --cgroup or --mntns
  see vkernel attach --help"
	run "$vkernel" attach web 12x
	is 2 "vkernel attach: '12x' is no process id
  see vkernel attach --help"
	run "$vkernel" attach web -- -1
	[ "$status" -eq 2 ]
}

@test "show --json and --yaml exclude each other" {
	run "$vkernel" show --json --yaml web
	[ "$status" -eq 2 ]
}

@test "the version is that of the build" {
	version=$(sed -n "s/^  version: '\(.*\)',/\1/p" "$top/meson.build")
	run "$vkernel" version
	is 0 "vkernel $version"
	run "$vkernel" --version
	is 0 "vkernel $version"
}

@test "a full disk is a failure" {
	[ -c /dev/full ] || skip "no /dev/full"
	run bash -c "'$vkernel' --help 2>&1 >/dev/full"
	[ "$status" -eq 1 ]
	has "cannot write to standard output"
}
