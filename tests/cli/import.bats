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

@test "an AppArmor profile: a policy that checks, and a line for what differs" {
	mkdir -p dir/tunables dir/abstractions/x.d
	printf '@{run}=/run/ /var/run/\n' >dir/tunables/global
	printf '  /etc/a r,\n' >dir/abstractions/x.d/a
	printf '\n  owner /etc/b r,\n' >dir/abstractions/x.d/b
	cat >web.profile <<-'END'
		include <tunables/global>
		profile web /usr/sbin/web {
		  include <abstractions/x.d>
		  capability setuid,
		  @{run}/web.pid rw,
		  deny /etc/secret/** r,
		}
	END
	run "$vkernel" policy import --include dir -o web.yaml web.profile
	[ "$status" -eq 0 ]
	has "web.profile:2: not carried over: profile web /usr/sbin/web: "
	has "abstractions/x.d/b:2: wider: owner /etc/b r: files of all owners"
	run "$vkernel" policy check web.yaml
	[ "$status" -eq 0 ]
	grep -q 'path: \[/run/web.pid, /var/run/web.pid\]} # web.profile:5' web.yaml
	grep -q 'path: /etc/a} # abstractions/x.d/a:1' web.yaml
	run "$vkernel" why -p web.yaml read /etc/secret/x
	has "web.yaml:"
	has "deny [read, rename]"
}

@test "an AppArmor profile with a mistake: its place, and no policy" {
	printf 'profile web {\n  /a r,\n  /b q,\n}\n' >bad.profile
	run "$vkernel" policy import -o bad.yaml bad.profile
	[ "$status" -eq 1 ]
	has "bad.profile:3: "
	[ ! -e bad.yaml ]
	printf 'profile web {\n  include <nothing>\n}\n' >bad.profile
	run "$vkernel" policy import --include . -o bad.yaml bad.profile
	has "cannot read the included file nothing"
	has "--include"
}
