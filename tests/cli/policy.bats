#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# policy check, list and show; how policies are found; how mistakes are shown.

setup() {
	load lib.bash
	[[ -x $vkernel ]] || skip "$vkernel is not built"
	cd "$BATS_TEST_TMPDIR" || return
	cat >good.yaml <<'END'
vkernel: 1
name: good
files:
  default: allow
  rules:
    - {deny: [write], path: /etc/**}
END
	cat >bad.yaml <<'END'
vkernel: 1
name: bad
files:
  default: allow
  rules:
    - deny: [wirte]
      path: /etc/**
END
}

@test "check: a good policy" {
	run "$vkernel" policy check good.yaml
	[ "$status" -eq 0 ]
	[[ $output =~ ^"good.yaml: ok: policy good, 2 rules, "[0-9.]+" KiB compiled"$ ]]
}

@test "check: a mistake with its line, a caret and a suggestion" {
	run "$vkernel" policy check bad.yaml
	is 1 'vkernel: bad.yaml:6:14: unknown word "wirte" for a right
      - deny: [wirte]
               ^~~~~
  did you mean "write"?'
}

@test "check: the caret is under the word after wide characters and tabs" {
	printf 'vkernel: 1\nname: x\nfiles: {default: allow, rules: [{path: "/gr\xc3\xbc\xc3\x9fe/**", deny: [wirte]}]}\n' >wide.yaml
	run "$vkernel" policy check wide.yaml
	[ "$status" -eq 1 ]
	line=$(sed -n 2p <<<"$output") carets=$(sed -n 3p <<<"$output")
	at=${line%%wirte*} before=${carets%%^*}
	[ ${#at} -eq ${#before} ]
}

@test "check: control characters of a policy do not reach the terminal" {
	printf 'vkernel: 1\nname: x\nfi\033[31mles: 1\n' >evil.yaml
	run "$vkernel" policy check evil.yaml
	[ "$status" -eq 1 ]
	[[ $output != *$'\033'* ]]
}

@test "check: every policy is checked, whatever the first one says" {
	run "$vkernel" policy check bad.yaml good.yaml
	[ "$status" -eq 1 ]
	has "did you mean"
	has "good.yaml: ok"
}

@test "check: every built-in policy is in order" {
	for name in $("$vkernel" policy list | awk '$2 == "built-in" { print $1 }'); do
		run "$vkernel" policy check "$name"
		[ "$status" -eq 0 ] || { echo "$output" && false; }
	done
}

@test "check --json is valid and has the place of the mistake" {
	run --separate-stderr "$vkernel" policy check --json bad.yaml good.yaml
	[ "$status" -eq 1 ] && [ -z "$stderr" ]
	valid_json <<<"$output"
	run python3 -c '
import json, sys
bad, good = json.loads(sys.argv[1])
e = bad["error"]
print(bad["ok"], e["file"], e["line"], e["column"], e["errno"], good["ok"], good["rules"])
' "$output"
	is 0 "False bad.yaml 6 14 EINVAL True 2"
}

@test "a file that is not there" {
	run "$vkernel" policy check ./nothing.yaml
	is 1 "vkernel: ./nothing.yaml: no such file"
}

@test "a name that is not there, and one like it" {
	run "$vkernel" policy check container-defualt
	is 1 "vkernel: no policy is named 'container-defualt'
  did you mean container-default? (vkernel policy list shows all)"
	run "$vkernel" policy check something-else-altogether
	is 1 "vkernel: no policy is named 'something-else-altogether'
  vkernel policy list shows the names; a file is given as ./something-else-altogether or with .yaml"
}

@test "what is no regular file is refused, and not waited for" {
	mkdir dir.yaml
	run "$vkernel" policy check dir.yaml
	is 1 "vkernel: dir.yaml: a policy must be a regular file"
	mkfifo fifo.yaml
	run timeout 5 "$vkernel" policy check fifo.yaml
	is 1 "vkernel: fifo.yaml: a policy must be a regular file"
}

@test "the directories of named policies are searched in order, before the built-in ones" {
	mkdir one two
	cp good.yaml two/web.yaml
	export VKERNEL_POLICY_PATH=$PWD/one:$PWD/two
	run "$vkernel" policy show web
	is 0 "$(cat good.yaml)"
	sed 's/good/first/' good.yaml >one/web.yaml
	run "$vkernel" policy check web
	has "policy first"
	cp good.yaml one/container-default.yaml
	run "$vkernel" policy check container-default
	has "policy good"
}

@test "use: finds named policies, and names the file of their mistakes" {
	mkdir sets
	sed 's/name: bad/name: broken/' bad.yaml >sets/broken.yaml
	printf 'vkernel: 1\nname: user\nuse: [broken]\n' >user.yaml
	VKERNEL_POLICY_PATH=$PWD/sets run "$vkernel" policy check user.yaml
	[ "$status" -eq 1 ]
	has "sets/broken.yaml:6:14: unknown word"
	has "^~~~~"
}

@test "use: of a set that is not there shows the word" {
	printf 'vkernel: 1\nname: user\nuse: [no-such-set]\n' >user.yaml
	run "$vkernel" policy check user.yaml
	[ "$status" -eq 1 ]
	has "user.yaml:3:7: "
	has "        ^~~~~~~~~~~"
}

@test "as root, a policy that others may write to is refused" {
	[ "$EUID" -eq 0 ] || skip "not root"
	chmod 666 good.yaml
	run "$vkernel" policy check ./good.yaml
	is 1 "vkernel: ./good.yaml: every user may write to this policy
  chmod o-w ./good.yaml, after a look at what it says"
}

@test "as root, a policy found by name must be root's; one given by path need not" {
	[ "$EUID" -eq 0 ] || skip "not root"
	mkdir sets
	cp good.yaml sets/web.yaml
	chown 1000 sets/web.yaml
	VKERNEL_POLICY_PATH=$PWD/sets run "$vkernel" policy check web
	[ "$status" -eq 1 ]
	has "can be changed by others than root"
	run "$vkernel" policy check sets/web.yaml
	[ "$status" -eq 0 ]
}

@test "list: names, places and descriptions; --json is valid" {
	run "$vkernel" policy list
	[ "$status" -eq 0 ]
	[[ $output =~ container-default\ +built-in\ +the\ protections ]]
	run "$vkernel" policy list --json
	valid_json <<<"$output"
}

@test "show prints the bytes of the policy" {
	"$vkernel" policy show container-default | cmp - "$top/policies/container-default.yaml"
}

@test "check and plan answer yes or no, and their JSON is valid, whatever this host can do" {
	for command in "check" "policy plan nginx" "policy plan --rules nginx"; do
		# shellcheck disable=SC2086
		run "$vkernel" $command
		[ "$status" -le 1 ]
		# shellcheck disable=SC2086
		run --separate-stderr "$vkernel" $command --json
		[ "$status" -le 1 ] && [ -z "$stderr" ]
		valid_json <<<"$output"
	done
}

@test "plan lists every rule, with its place" {
	run "$vkernel" policy plan --rules good.yaml
	has "good.yaml:6:"
	has "files: deny [write] /etc/**"
}

@test "plan --rules: mechanism, cost class, and whether it can be changed on what runs" {
	cat >costs.yaml <<'END'
vkernel: 1
name: costs
files:
  default: allow
  rules:
    - {deny: [write], path: /etc/**}
network: {default: allow, deny: [{connect: any, to: 10.0.0.0/8}, {socket: packet}]}
capabilities: [CHOWN]
processes: {ptrace: own}
syscalls:
  deny: [bpf, acct, vserver, ptrace]
END
	"$vkernel" policy plan --rules --json costs.yaml >plan.json || true
	run python3 -c '
import json
plan = json.load(open("plan.json"))
here = plan["mechanism"] != "none"
for r in plan["rules"]:
    by = r["by"].replace(plan["mechanism"], "HOOK").replace("seccomp", "FILTER") if here else r["by"]
    if not here and by == "not here":
        by = "FILTER" if not r["live"] else "HOOK"
    print(r["section"], r["text"] if "text" in r else r["rule"], "|", by, "|", r["cost"], "|", r["live"])
for k in plan["kinds"]:
    if k["what"].startswith("system calls"):
        print(k["what"], k["rules"], k["hooks"], "|", k["cost"], "|",
              k["mechanism"].replace(plan["mechanism"], "HOOK"))
'
	echo "$output"
	has "files default: allow |  | none | True"
	has "files deny [write] /etc/** | HOOK | file operations | True"
	has "network deny socket packet | HOOK | when used | True"
	has "network deny connect any to 10.0.0.0/8 | HOOK | messages | True"
	has "capabilities at most CHOWN | HOOK | privileges | True"
	has "processes ptrace: own | HOOK | when used | True"
	has "syscalls deny with EPERM bpf | HOOK | when used | True"
	has "syscalls deny with EPERM acct | HOOK | privileges | True"
	has "syscalls deny with EPERM vserver | (nothing to do) | none | True"
	has "syscalls deny with EPERM ptrace | FILTER | system calls | False"
	has "system calls, by hooks 2 bpf, capable | privileges |"
	has "system calls, by a filter 1  | system calls |"
	run "$vkernel" policy plan --rules costs.yaml
	[[ $output =~ AT\ +ENFORCED\ BY\ +LIVE\ +COST\ +HOOKS\ +RULE ]]
	[[ $output =~ costs.yaml:11:[0-9]+\ +[a-z\ _]+\ +at\ start\ +system\ calls\ .*ptrace ]]
}

@test "plan: the classes of costs are those that the documentation explains" {
	for class in none "when used" privileges messages "file operations" "reads and writes" \
		"system calls"; do
		grep -qF "| \`$class\` |" "$top/docs/policy.md"
		grep -qxF ".B $class" "$top/man/vkernel-policy.1"
		grep -qF "\"$class\"," "$top/src/cli/policy_plan.c"
	done
	[ "$(grep -c '^	\[COST_' "$top/src/cli/policy_plan.c")" -eq 7 ]
}
