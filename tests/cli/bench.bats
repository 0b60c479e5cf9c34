#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the benchmark concludes from figures; the figures themselves come from guests.

setup() {
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_DIRNAME/../.." || return
	work=$BATS_TEST_TMPDIR
}

lines() { # cost of open-close in the column "outside"
	printf 'micro bare open-close 6000\nmicro outside open-close %d\n' "$1"
	printf 'micro container open-close 6350\nmicro layers8 open-close 6350\n'
}

# shellcheck disable=SC2154 # run sets status and output
check() { # reference now
	lines "$1" | awk -v kernel=6.1 -f bench/json.awk >"$work/old.json"
	lines "$2" | awk -v kernel=6.1 -f bench/json.awk >"$work/new.json"
	run awk -v kernel=6.1 -v rows=open-close -f bench/check.awk "$work/old.json" "$work/new.json"
}

@test "the gate passes what costs the same, a little more, or less" {
	for now in 6200 6250 6000; do
		check 6200 $now
		[[ $status == 0 && $output == *"ok 1 - open-close"* && $output != *"not ok"* ]]
	done
}

@test "the gate fails with the row and the column that became dearer" {
	check 6200 6251
	[[ $status == 1 && $output == *"not ok 1 - open-close"* ]]
	[[ $output == *"outside: +251 instructions over bare, the reference +200, allowed +250"* ]]
}

@test "the gate fails for a row that was not measured, or is not in the reference" {
	lines 6200 | awk -v kernel=6.1 -f bench/json.awk >"$work/old.json"
	lines 6200 | grep -v layers8 | awk -v kernel=6.1 -f bench/json.awk >"$work/new.json"
	run awk -v kernel=6.1 -v rows=open-close -f bench/check.awk "$work/old.json" "$work/new.json"
	[[ $status == 1 && $output == *"layers8 was not measured"* ]]
	run awk -v kernel=6.1 -v rows=open-close -f bench/check.awk "$work/new.json" "$work/old.json"
	[[ $status == 1 && $output == *"layers8 is not in the reference"* ]]
}

# Rounds of an operation of about 1000 ns, give or take $1, that costs a member $2 more.
rounds() { # noise effect
	awk -v noise="$1" -v effect="$2" 'BEGIN {
		srand(7)
		for (i = 1; i <= 25; i++) {
			printf "round %d bare x %f\n", i, 1000 + noise * (rand() - 0.5)
			printf "round %d again x %f\n", i, 1000 + noise * (rand() - 0.5)
			printf "round %d outside x %f\n", i, 1000 + noise * (rand() - 0.5)
			printf "round %d container x %f\n", i, 1000 + effect + noise * (rand() - 0.5)
		}
	}' | awk -v rounds=25 -f bench/native.awk
}

@test "time: an effect larger than the noise is told, with its interval and its ratio" {
	run -0 rounds 20 100
	[[ ${lines[1]} == *"no verdict"*"x 1."* ]]
}

@test "time: there is no verdict on an effect smaller than the noise" {
	run -0 rounds 400 10
	[[ ${lines[1]} == *"no verdict"*"no verdict"* && ${lines[1]} != *"x 1."* ]]
}

@test "time: a machine that cannot enforce is told so, and nothing is measured" {
	if ((EUID != 0)); then
		skip "needs root"
	fi
	mkdir -p "$work/build/src/cli"
	printf '#!/bin/sh\necho "no BPF here"\nexit 1\n' >"$work/build/src/cli/vkernel"
	chmod +x "$work/build/src/cli/vkernel"
	VKERNEL_BUILD=$work/build run bench/native
	[[ $status == 1 && $output == *"cannot enforce"*"no BPF here"* ]]
}
