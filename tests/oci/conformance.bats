#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# vkernel-runtime is the runtime that it wraps: needs root, and a guest with engines.

setup_file() {
	load lib.bash
	begin_bundles
	# Says what it was given, and ends with a status that no runtime has.
	cat >$bundles/told <<'END'
#!/bin/sh
printf '[%s]' "$@"
for fd in 3 4 5; do
	[ ! -e /proc/self/fd/$fd ] || printf ' %s:%s' $fd "$(cat <&$fd)"
done
cat
echo error >&2
exit 42
END
	chmod +x $bundles/told
}

teardown_file() {
	vkernel rm keep
}

setup() {
	load lib.bash
	rm -f /etc/vkernel/runtime.conf /etc/vkernel/default.yaml
}

teardown() {
	remove_containers
}

@test "arguments, status, streams and descriptors go to the real runtime, and come from it" {
	local words quoted
	while read -r -a words; do
		run --separate-stderr "$runtime" --policy no-secret --root /r \
			--vkernel-runtime $bundles/told --log=/l "${words[@]}" <<<" input" 3>&- 4>&-
		quoted=$(printf '[%s]' --root /r --log=/l "${words[@]}")
		[[ $status == 42 && $output == "$quoted input" && $stderr == error ]] || {
			echo "$status: $output: $stderr instead of $quoted"
			return 1
		}
	done <<'END'
start id
state id
kill --all id KILL
delete --force id
exec --process p.json --detach --pid-file /p id cat --policy x
exec id vkernel-runtime --policy y run
pause id
resume id
ps --format json id
events --stats id
list --format json
update --memory 1 id
checkpoint --image-path /i --leave-running id
spec --bundle /b
features
--version
END
	run "$runtime" --vkernel-runtime $bundles/told exec --preserve-fds 2 id sh \
		3< <(printf three) 4< <(printf four) </dev/null
	has 42 "[exec][--preserve-fds][2][id][sh] 3:three 4:four"
	# Only what it says of its features gets our annotation.
	run "$runtime" --vkernel-runtime /usr/sbin/runc features
	jq -e '.potentiallyUnsafeConfigAnnotations | index("io.vkernel.policy") != null' <<<"$output"
	diff <(/usr/sbin/runc features | jq -S 'del(.potentiallyUnsafeConfigAnnotations)') \
		<(jq -S 'del(.potentiallyUnsafeConfigAnnotations)' <<<"$output")
	# What is started is the edited bundle, with the same arguments.
	make_bundle a 'true'
	run "$runtime" --vkernel-runtime $bundles/told create --bundle $bundles/a --no-pivot a </dev/null
	has 42 "[create][--bundle][$bundles/a][--no-pivot][a]"
	jq -e '.hooks.createRuntime[0].path' $bundles/a/config.json
	run "$runtime" --vkernel-runtime $bundles/told restore --bundle $bundles/a a </dev/null
	has 1 restored
}

@test "a life by single steps: create, state, start, exec, pause, resume, list, kill, delete" {
	make_bundle s 'exec sleep 1000'
	run_detached "$runtime" --policy no-secret create --pid-file $bundles/pid -b $bundles/s s
	has 0
	[[ $("$runtime" state s | jq -r .status) == created ]]
	"$runtime" start s
	[[ $("$runtime" state s | jq -r .status) == running ]]
	[[ $("$runtime" state s | jq .pid) == "$(<$bundles/pid)" ]]
	run "$runtime" exec --env A=b s sh -c 'echo $A; exit 7'
	has 7 b
	"$runtime" pause s
	[[ $("$runtime" state s | jq -r .status) == paused ]]
	"$runtime" resume s
	[[ $("$runtime" list --format json | jq -r '.[].status') == running ]]
	"$runtime" kill s KILL
	wait_for 20 eval '[[ $("$runtime" state s | jq -r .status) == stopped ]]'
	"$runtime" delete s
	run "$runtime" state s
	has 1 "does not exist"
	nothing_left
}

@test "a console comes by its socket, and descriptors are kept" {
	make_bundle t 'test -t 0 && echo on a terminal; cat /secret'
	jq '.process.terminal = true' $bundles/t/config.json >$bundles/new
	mv $bundles/new $bundles/t/config.json
	cat >$bundles/receive <<'END'
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
_, data, _, _ = s.accept()[0].recvmsg(4096, socket.CMSG_SPACE(4))
fd, text = array.array("i", data[0][2])[0], b""
try:
    while chunk := os.read(fd, 4096):
        text += chunk
except OSError:
    pass
sys.stdout.write(text.decode())
END
	python3 $bundles/receive $bundles/socket >$bundles/terminal 3>&- &
	wait_for 20 test -S $bundles/socket
	run_detached "$runtime" --policy no-secret run -d --console-socket $bundles/socket \
		-b $bundles/t t
	has 0
	wait_for 20 grep -q "can't open '/secret'" $bundles/terminal
	grep -q "on a terminal" $bundles/terminal
	make_bundle d 'cat <&3; cat <&4'
	run "$runtime" --policy no-secret run --preserve-fds 2 -b $bundles/d d </dev/null \
		3< <(echo three) 4< <(echo four)
	has 0 three four
}

@test "a config.json of 10 MB, with fields that nobody knows" {
	make_bundle b 'cat /secret'
	python3 - $bundles/b/config.json <<'END'
import json, sys
c = json.load(open(sys.argv[1]))
c["annotations"] = {"big": "x" * (10 << 20)}
c["x-unknown"] = {"deep": [[[{"\u20ac": 1e300}]]], "big": 18446744073709551615}
json.dump(c, open(sys.argv[1], "w"))
END
	cp $bundles/b/config.json $bundles/before
	run "$runtime" --policy no-secret run -b $bundles/b b </dev/null
	has 1 "can't open '/secret': Permission denied"
	python3 - $bundles/before $bundles/b/config.json <<'END'
import json, sys
before, after = (json.load(open(f)) for f in sys.argv[1:])
assert len(after.pop("hooks")) == 2 and before == after
END
	nothing_left
}
