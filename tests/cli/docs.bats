#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Man pages and completion know what the command knows.

setup() {
	load lib.bash
	[[ -x $vkernel ]] || skip "$vkernel is not built"
}

page_of() { # command
	case $1 in
	"policy "*) echo "$top/man/vkernel-policy.1" ;;
	"program "*) echo "$top/man/vkernel-program.1" ;;
	"helper "*) echo "$top/man/vkernel-helper.1" ;;
	*) echo "$top/man/vkernel-$1.1" ;;
	esac
}

@test "every command has a man page that mentions each of its options" {
	for command in "${commands[@]}"; do
		page=$(page_of "$command")
		[ -f "$page" ] || { echo "no $page" && false; }
		for option in $(options_of "$command"); do
			grep -qF -- "${option//-/\\-}" "$page" ||
				{ echo "$page says nothing of $option" && false; }
		done
	done
}

@test "a man page mentions no long option that its command does not have" {
	for command in check run attach ps show events why stats update mode mitigate rm push pop setup gc; do
		known=" $(options_of "$command" | tr '\n' ' ') --kill "
		# In the sections about options only: examples may use other programs.
		for option in $(sed -n '/^\.SH OPTIONS/,/^\.SH/p' "$(page_of "$command")" |
			sed -n '/^\.TP/{n;p}' | sed 's/\\-/-/g' | grep -o -- '--[a-z-]*'); do
			[[ $known == *" $option "* ]] || { echo "$command: $option" && false; }
		done
	done
}

@test "vkernel(1) lists every command" {
	for command in check run attach ps show events why stats update mode mitigate rm push pop setup gc; do
		grep -qF "vkernel $command" "$top/man/vkernel.1" || { echo "$command" && false; }
	done
}

@test "the man pages are well-formed" {
	command -v groff >/dev/null || skip "no groff"
	for page in "$top"/man/*.[1578]; do
		run groff -man -Tutf8 -ww -z "$page"
		is 0 ""
	done
}

@test "bash completion knows every command and option" {
	for command in "${commands[@]}"; do
		grep -qw "${command#* }" "$top/completion/vkernel.bash"
		for option in $(options_of "$command"); do
			grep -qF -- "$option" "$top/completion/vkernel.bash" ||
				{ echo "$command $option" && false; }
		done
	done
}

@test "zsh completion knows every command and option" {
	for command in "${commands[@]}"; do
		grep -qF "'${command#* }:" "$top/completion/_vkernel"
		for option in $(options_of "$command"); do
			[ "$option" = --help ] || grep -qF -- "$option" "$top/completion/_vkernel" ||
				{ echo "$command $option" && false; }
		done
	done
}

@test "bash completion completes commands, options and names" {
	run bash -c '
		PATH=$(dirname "$1"):$PATH
		source "$2"
		compopt() { :; }
		try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vkernel; echo "${COMPREPLY[*]}"; }
		try vkernel ev
		try vkernel policy pl
		try vkernel run --na
		try vkernel policy show container-
		try vkernel mode web e
		try vkernel why web rea
	' - "$vkernel" "$top/completion/vkernel.bash"
	is 0 "events
plan
--name
container-default
enforce
read"
}

@test "zsh accepts its completion" {
	command -v zsh >/dev/null || skip "no zsh"
	zsh -n "$top/completion/_vkernel"
}
