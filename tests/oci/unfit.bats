#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# On a kernel that cannot enforce, no container starts.

@test "the kernel cannot enforce: no start, why, and nothing is left" {
	load lib.bash
	install -D "$(command -v vkernel-hook)" "$hook"
	install -D "$(command -v vkernel-runtime)" "$runtime"
	make_bundle u 'echo started'
	run "$runtime" --policy container-default run -b $bundles/u u </dev/null
	has 1 "this host cannot enforce anything"
	[[ $output != *started* ]]
	[[ -z $(runc list -q) && -z $(ls /run/vkernel/containers 2>/dev/null) ]]
	[[ ! -e /sys/fs/bpf/vkernel && ! -e /sys/fs/bpf/vkernel_new ]]
}
