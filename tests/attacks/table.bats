#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# docs/attacks.md and the attacks say the same.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	attacks=$top/${VKERNEL_BUILD:-build}/tests/attacks/test_attacks
	[[ -x $attacks ]] || skip "$attacks is not built"
}

@test "the table in the documentation is the one that the attacks print" {
	diff <(grep '^|' "$top/docs/attacks.md") <(ATTACKS_TABLE=1 "$attacks") || {
		echo "ATTACKS_TABLE=1 build/tests/attacks/test_attacks prints it"
		false
	}
}

@test "every attack of the table is a test, and the other way round" {
	diff <(ATTACKS_TABLE=1 "$attacks" | sed -n '3,$s/^| \([^ ]*\) .*/\1/p' | sort) \
		<("$attacks" --list | sort)
}
