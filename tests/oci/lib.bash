# SPDX-License-Identifier: LGPL-2.1-or-later
# What the suites of containers share.
# shellcheck shell=bash disable=SC2154

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/setup.sh"

# For suites that run bundles of their own.
begin_bundles() {
	install_vkernel
	mkdir -p $bundles
	echo secret >/secret
	# What other suites left unread would leave no room for the events of this one.
	vkernel events >/dev/null 2>&1 || true
}

# What a test left, so that the next one starts as it did.
remove_containers() {
	local id
	for id in $(runc list -q); do
		runc delete -f "$id"
	done
	rm -rf /run/vkernel/containers/*
	vkernel ps --quiet | grep -vx keep | xargs -r vkernel rm --kill
}

# The status and a part of the output, which bats prints when a test fails.
has() { # status text...
	local text
	[[ $status == "$1" ]] || {
		echo "status $status instead of $1: $output"
		return 1
	}
	shift
	for text; do
		[[ $output == *"$text"* ]] || {
			echo "not in the output: $text"
			echo "$output"
			return 1
		}
	done
}

# No instance but the one that keeps the programs loaded, and no record of a container.
nothing_left() {
	run vkernel ps --quiet
	has 0 keep
	[[ $output == keep ]] || {
		echo "instances: $output"
		return 1
	}
	[[ -z $(ls /run/vkernel/containers 2>/dev/null) ]]
}

# As run, for what leaves a process behind that would keep the output open.
run_detached() { # command...
	status=0
	"$@" </dev/null >/tmp/detached 2>&1 3>&- || status=$?
	output=$(cat /tmp/detached)
}
