#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# policy import: what is taken for a profile, and what is said otherwise.

setup() {
	load lib.bash
	[[ -x $vkernel ]] || skip "$vkernel is not built"
	cd "$BATS_TEST_TMPDIR" || return
}

@test "import: the output must be named" {
	run "$vkernel" policy import profile.json
	[ "$status" -eq 2 ]
	has "-o FILE"
}

@test "import: a file that is not there" {
	run "$vkernel" policy import -o out.yaml profile.json
	is 1 "vkernel: cannot read profile.json: No such file or directory"
}

@test "import: what is no profile is refused, and nothing is written" {
	echo "hello" >profile
	run "$vkernel" policy import -o out.yaml profile
	is 1 "vkernel: profile: this is no profile that can be imported
  seccomp profiles (JSON), config.json of a container, and AppArmor profiles are known; --kind says which it is meant to be"
	[ ! -e out.yaml ]
}

@test "import: a kind that does not exist" {
	echo "{}" >profile
	run "$vkernel" policy import -o out.yaml --kind secomp profile
	[ "$status" -eq 2 ]
	has "did you mean seccomp?"
}

@test "import: a capability and a kernel that do not exist" {
	run "$vkernel" policy import -o out.yaml --capabilities NET_ADMIM profile
	[ "$status" -eq 2 ]
	has "'NET_ADMIM' is no capability"
	run "$vkernel" policy import -o out.yaml --kernel new profile
	[ "$status" -eq 2 ]
	has "'new' is no version"
}
