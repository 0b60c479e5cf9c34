# SPDX-License-Identifier: LGPL-2.1-or-later
# What the suites of the command line share.
# shellcheck shell=bash disable=SC2034

bats_require_minimum_version 1.5.0

top=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)
vkernel=${VKERNEL:-$top/${VKERNEL_BUILD:-build}/src/cli/vkernel}
export LC_ALL=C.UTF-8 NO_COLOR=1
unset VKERNEL_POLICY_PATH

commands=(check run attach ps show events why stats update mode mitigate rm push pop setup gc
	"program push" "program pop" "program ls" "program show" "program stats" "program map" "program mode"
	"helper add" "helper ls" "helper rm" "policy build"
	"policy check" "policy plan" "policy list" "policy show" "policy import" "policy export" "policy groups")

# The status and the whole output, which bats prints when a test fails.
is() { # status text
	[[ $status == "$1" ]] || {
		echo "status $status instead of $1"
		return 1
	}
	[[ $output == "$2" ]] || {
		diff <(echo "$2") <(echo "$output")
		return 1
	}
}

has() { # text
	[[ $output == *"$1"* ]] || {
		echo "not in the output: $1"
		return 1
	}
}

valid_json() {
	python3 -c 'import json, sys; json.load(sys.stdin)'
}

# Long options of a command, from its --help.
# shellcheck disable=SC2086 # a command may be two words
options_of() {
	"$vkernel" $1 --help | sed -n '/^Options:/,/^Example/p' | grep -o -- '--[a-z-]*' | sort -u
}
