#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# vkernel mitigate on containers of Docker that run: needs root, and a guest with engines.
#
# Every container tries ten times a second to make an AF_ALG socket, and writes down when the answer
# changes.

count=${CONTAINERS:-5}
out=/tmp/answers

setup_file() {
	load lib.bash
	install_vkernel
	make_root /tmp/root
	cp "$BATS_TEST_DIRNAME/../../build/tests/kernel/probe" /tmp/root/bin/
	mkdir -p "$out"
	# Once, and not by all containers at the same time.
	modprobe af_alg
	start_docker
	tar -C /tmp/root -c . | docker import - box
}

teardown_file() {
	stop_docker
	vkernel rm keep
}

setup() {
	load lib.bash
}

# As "docker run -d" does; but as many starts of that program take longer than those of containers.
start_one() { # number
	local id api="curl -sSf --unix-socket /var/run/docker.sock http://docker"
	id=$($api/containers/create -H 'Content-Type: application/json' -d "{\"Image\": \"box\",
		\"Cmd\": [\"probe\", \"watch\", \"$out/$1\", \"38\", \"5\"],
		\"HostConfig\": {\"Runtime\": \"vkernel\", \"NetworkMode\": \"none\",
			\"Binds\": [\"$out:$out\"]}}" | jq -r .Id)
	$api/containers/"$id"/start -X POST
}

# Whether the last answer of every container is that one.
all_answer() { # errno
	[[ $(tail -qn 1 "$out"/* | awk -v want="$1" '$2 == want' | wc -l) == "$count" ]]
}

# Waits for that; if it does not come, says what there is instead.
wait_for_all() { # errno
	wait_for 300 all_answer "$1" || {
		echo "not all answer $1; the answers, the containers, and Docker's last words:"
		tail -n 3 "$out"/*
		docker ps -a --format '{{.ID}} {{.Status}}'
		tail -n 20 /tmp/dockerd
		free -m
		return 1
	}
}

# Runs a command and waits until all containers answer so; sets seconds from the start of the
# command to its end, and to the last change of an answer.
change() { # errno command...
	local start end want=$1
	shift
	start=$(date +%s%N)
	"$@"
	end=$(date +%s%N)
	wait_for_all "$want"
	command_seconds=$(awk "BEGIN { printf \"%.3f\", ($end - $start) / 1e9 }")
	last_seconds=$(tail -qn 1 "$out"/* |
		awk -v start="$start" '{ t = ($1 - start) / 1e9; if (t > m) m = t } END { printf "%.3f", m }')
}

@test "AF_ALG on running containers: audited, denied within a second, and lifted" {
	local ids
	printf 'runtime = /usr/bin/crun\npolicy = no-secret\n' >/etc/vkernel/runtime.conf
	export -f start_one
	export out
	seq "$count" | xargs -P 2 -I '{}' bash -c 'start_one {}'
	wait_for_all 0
	ids=$(docker ps -q --no-trunc | sort)
	[[ $(wc -l <<<"$ids") == "$count" ]]
	vkernel events >/dev/null

	run vkernel mitigate --audit CVE-2026-31431 "${ids//$'\n'/ }"
	has 1 "there is no instance"
	# shellcheck disable=SC2086 # names
	vkernel mitigate --audit CVE-2026-31431 $ids
	# Nothing is denied, and every container's attempts are reported.
	reported() {
		vkernel events --json >>/tmp/events
		[[ $(jq -r 'select(.op == "socket" and .verdict == "audited" and
			.policy == "no-af-alg") | .instance' /tmp/events | sort -u) == "$ids" ]]
	}
	wait_for 300 reported
	all_answer 0

	# shellcheck disable=SC2086
	change 13 vkernel mitigate --enforce CVE-2026-31431 $ids
	echo "# enforced: command $command_seconds s, last container $last_seconds s" >&3
	# A second, on a processor that is emulated beside others: several times slower than a real one.
	awk "BEGIN { exit !($last_seconds < 1.0 * ${TAP_TIMEOUT_SCALE:-1}) }"

	# The containers are those of before, and their own policy is still in force.
	[[ $(docker ps -q --no-trunc | sort) == "$ids" ]]
	run docker exec "$(head -n 1 <<<"$ids")" cat /secret
	has 1 "Permission denied"

	change 0 vkernel mitigate --lift CVE-2026-31431 --all
	echo "# lifted: command $command_seconds s, last container $last_seconds s" >&3
}
