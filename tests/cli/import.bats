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

@test "import: a seccomp profile, and what it loses" {
	cat >profile.json <<'END'
{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
 "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
 "flags": ["SECCOMP_FILTER_FLAG_LOG"],
 "syscalls": [
  {"names": ["read", "write", "no_such_call"], "action": "SCMP_ACT_ALLOW"},
  {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_NE"}]},
  {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "99.0"}},
  {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
  {"names": ["acct"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "excludes": {"caps": ["CAP_SYS_PACCT"]}}]}
END
	run "$vkernel" policy import -o out.yaml --name demo --kernel 6.1 profile.json
	is 0 'SECCOMP_FILTER_FLAG_LOG: a flag of the filter; filters of ours have none
no_such_call: no call of this name is known; "unknown" decides
SCMP_ACT_ALLOW of ptrace: for kernels from 99.0 on
SCMP_ACT_ALLOW of mount: for containers with CAP_SYS_ADMIN'
	run cat out.yaml
	is 0 'vkernel: 1
name: demo
description: made of a seccomp profile by vkernel policy import
syscalls:
  default: deny
  unknown: deny
  errno: ENOSYS
  abis: [x86-64, ia32]
  other-abis: kill
  allow:
    [read, write]
  rules:
    - {allow: socket, when: {arg0: "!= 0x28"}}
    - {deny: acct, errno: EPERM}'
	run "$vkernel" policy import -o all.yaml --capabilities all --kernel 99.1 profile.json
	has "SCMP_ACT_ERRNO of acct: for containers without CAP_SYS_PACCT"
	run "$vkernel" why -p all.yaml syscall mount
	[ "$status" -eq 0 ]
}

@test "import: a config.json without a profile, and what is not JSON" {
	echo '{"ociVersion": "1.0.2", "linux": {}}' >config.json
	run "$vkernel" policy import -o out.yaml config.json
	is 1 "vkernel: config.json: linux.seccomp is not there
  the container has no seccomp profile, so there is nothing to import"
	printf '{"defaultAction": \n "SCMP_ACT_ALLOW",,}\n' >broken.json
	run "$vkernel" policy import -o out.yaml broken.json
	[ "$status" -eq 1 ]
	has "vkernel: broken.json:2:"
	has "not JSON"
}

@test "export: a profile that says what the policy says, hooks or not" {
	cat >web.yaml <<'END'
vkernel: 1
files: {default: allow}
syscalls:
  deny: [bpf, "600"]
  rules:
    - {deny: socket, when: {domain: AF_ALG}, errno: EAFNOSUPPORT}
END
	sed -i 's/, "600"/, 500/' web.yaml
	run "$vkernel" policy export --seccomp -o out.json web.yaml
	is 0 "web.yaml:2:18: files: seccomp knows system calls only
system call 500: the format has names only"
	valid_json <out.json
	run grep -c '"errnoRet": 97' out.json
	is 0 1
	run grep -c '"names": \[[^]]*"bpf"[^]]*\], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}' out.json
	is 0 1
}
