# SPDX-License-Identifier: LGPL-2.1-or-later
# What vkernel is meant to reach, held against the lines that the parts of the benchmark print.
# Prints lines of five fields, tabs between them: "target", what, the limit, what was measured, and
# "met", "missed by N" or "not measured".
BEGIN {
	varied = "it varies by more: no verdict"
	# Policies that tell no files of the benchmark's directories apart, and those that do.
	alike = "container nginx"
	apart = "files layers8"
	# Programs of ours that a task in no instance leaves in one operation.
	free = "getppid stat fstat read write page-fault context-switch"
	hooks["open-close"] = hooks["first-file"] = hooks["first-path"] = hooks["capable"] = 1
	hooks["ptrace-attach"] = hooks["open-close-deep"] = hooks["open-close-long"] = 1
	hooks["signal"] = hooks["mmap"] = hooks["mmap-exec"] = hooks["pipe"] = 1
	# Of what runs several, how many is counted ("calls" lines): a socket's own name, as any, is
	# watched (d_instantiate), beside the check; overlayfs opens the file underneath, too. Not
	# looked at is what takes the kernel itself more or less by chance: making files, connections
	# of TCP, fork and cold files by hundreds.
}
$1 == "calls" && $3 >= 0.5 { hooks[$2] = $3 }
$1 == "micro" { micro[$3, $2] = $4 }
$1 == "scale" { scale[$2] = $3 }
$1 == "macro" { macro[$3, $2] = $4 }
$1 == "programs" { runs[$2] = $3; inside[$2] = $4 }
function target(what, limit, measured, verdict) {
	printf "target\t%s\t%s\t%s\t%s\n", what, limit, measured, verdict
}
function verdict(over, text) {
	return over <= 0 ? "met" : "missed by " text
}
function known(row, column) {
	return (row, column) in micro && (row, "bare") in micro && micro[row, column] != "denied"
}
function over(row, column) {
	return micro[row, column] - micro[row, "bare"]
}
# What the columns of such policies reach: the dearest counts, and is named beside the first.
function member_target(what, row, limit, columns,   i, n, list, worst, text) {
	n = split(columns, list, " ")
	if (!known(row, list[1]))
		return target(what, "+" limit, "-", "not measured")
	worst = over(row, list[1])
	text = sprintf("%+d", worst)
	for (i = 2; i <= n; i++)
		if (known(row, list[i]) && over(row, list[i]) > worst + 15) {
			worst = over(row, list[i])
			text = sprintf("%+d; under %s %+d", over(row, list[1]), list[i], worst)
		}
	target(what, "+" limit, text, verdict(worst - limit, worst - limit))
}
function share_target(what, row, limit,   d) {
	if (!known(row, "container"))
		return target(what, limit " %", "-", "not measured")
	d = 100 * over(row, "container") / micro[row, "bare"]
	target(what, limit " %", sprintf("%+.2f %%", d), \
		verdict(d - limit, sprintf("%.2f %%", d - limit)))
}
function outside_targets(   row, part, n, i, worst, name, d, none) {
	for (part in micro) {
		split(part, row, SUBSEP)
		if (row[2] != "outside" || !(row[1] in hooks) || !known(row[1], "outside"))
			continue
		d = over(row[1], "outside") / hooks[row[1]]
		if (name == "" || d > worst) {
			worst = d
			name = row[1]
		}
	}
	if (name == "")
		target("task in no instance, a hooked operation", "+190", "-", "not measured")
	else
		target("task in no instance, a hooked operation", "+190", \
			sprintf("%+d (%s)", worst, name), verdict(worst - 190, int(worst - 190)))
	n = split(free, none, " ")
	name = ""
	worst = 0
	for (i = 1; i <= n; i++) {
		if (!known(none[i], "outside"))
			return target("task in no instance, elsewhere", "0", "-", "not measured")
		d = over(none[i], "outside")
		if (d > worst) {
			worst = d
			name = " (" none[i] ")"
		}
	}
	# Two runs may differ by a few: a longer chain of a hash table on the way to a file.
	target("task in no instance, elsewhere", "0", sprintf("%+d%s", worst, name), \
		worst <= 15 ? "met" : "missed by " worst)
}
# What our programs execute is counted; what calling them takes is what a task in no instance pays.
function counted(row,   call) {
	call = known("open-close", "outside") ? over("open-close", "outside") : 200
	return inside[row] + runs[row] * call
}
# A quarter of what an engine's profiles add; no verdict within what such a row @varies by.
function docker_target(row, what, cost, varies,   plain, dock, of) {
	plain = macro[row, "plain"]
	dock = macro[row, "docker"] - plain
	# What varies by a percent tells nothing of less.
	if (dock < plain / 100)
		return target(what, "25 %", "they add less than 1 %", "no verdict")
	of = 100 * cost / dock
	target(what, "25 %", sprintf("%.1f %% of %+d", of, dock), \
		cost < dock / 4 + varies && cost > dock / 4 - varies ? varied : \
		verdict(of - 25, sprintf("%.1f %%", of - 25)))
}
# The figures of nginx repeat to a tenth of a percent; the others vary by more than their limits, so
# what is counted decides.
function macro_targets(row, limit,   plain, cost, text) {
	plain = macro[row, "plain"]
	if (!plain || !(row in runs)) {
		target(row ", over plain runc", limit " %", "-", "not measured")
		return
	}
	cost = macro[row, "vkernel"] - plain
	text = sprintf("%+.2f %% measured", 100 * cost / plain)
	if (row !~ /^nginx/) {
		cost = counted(row)
		text = sprintf("%.3f %% counted, %s", 100 * cost / plain, text)
	}
	target(row ", over plain runc", limit " %", text, \
		verdict(100 * cost / plain - limit, sprintf("%.2f %%", 100 * cost / plain - limit)))
	if ((row, "docker") in macro)
		docker_target(row, row ", of what seccomp + AppArmor add", cost, 0)
}
# The same under the profiles of an engine that vkernel takes over. The filter that stays runs in no
# program of ours, so all is as measured; where servers vary by more than decides, that is no verdict.
function takeover_targets(row, limit,   plain, cost, what, varies) {
	plain = macro[row, "plain"]
	what = row ", taken over: over plain runc"
	if (!plain || !((row, "takeover") in macro) || !((row, "docker") in macro))
		return target(what, limit " %", "-", "not measured")
	cost = macro[row, "takeover"] - plain
	varies = row ~ /^(redis|postgres)/ ? plain / 100 : 0
	target(what, limit " %", sprintf("%+.2f %% measured", 100 * cost / plain), \
		varies && cost < varies ? varied : \
		verdict(100 * cost / plain - limit, sprintf("%.2f %%", 100 * cost / plain - limit)))
	docker_target(row, row ", taken over: of what seccomp + AppArmor add", cost, varies)
}
# Policy programs that only allow, over the same member without any.
function program_targets(   first, each) {
	if (!known("open-close", "container") || !("open-close-trivial-programs-16" in scale)) {
		target("a policy program that only allows", "+160", "-", "not measured")
		target("each further one", "+20", "-", "not measured")
		return
	}
	first = scale["open-close-trivial-programs-1"] - micro["open-close", "container"]
	each = (scale["open-close-trivial-programs-16"] - scale["open-close-trivial-programs-1"]) / 15
	target("a policy program that only allows", "+160", sprintf("%+d", first), \
		verdict(first - 160, first - 160))
	target("each further one", "+20", sprintf("%+.1f", each), \
		verdict(each - 20, sprintf("%.1f", each - 20)))
}
# Of what the engine waits for.
function start_target(row, limit,   plain, d) {
	plain = macro[row, "plain"]
	if (!plain || !((row, "vkernel") in macro))
		return target(row, limit " %", "-", "not measured")
	d = 100 * (macro[row, "vkernel"] - plain) / plain
	target(row, limit " %", sprintf("%+.2f %%", d), \
		verdict(d - limit, sprintf("%.2f %%", d - limit)))
}
function ratio_target(what, one, many,   d) {
	if (!(one in scale) || !(many in scale))
		return target(what, "5 %", "-", "not measured")
	d = 100 * (scale[many] / scale[one] - 1)
	target(what, "5 %", sprintf("%+.1f %%", d), verdict(d - 5, sprintf("%.1f %%", d - 5)))
}
function bytes_target(what, name, kib,   d) {
	if (!(name in scale))
		return target(what, kib " KiB", "-", "not measured")
	d = scale[name] / 1024
	target(what, kib " KiB", sprintf("%.1f KiB", d), \
		verdict(d - kib, sprintf("%.1f KiB", d - kib)))
}
END {
	member_target("warm open+close, member", "open-close", 270, alike " " apart)
	member_target("first touch of a file, member", "first-file", 420, alike)
	member_target("first touch of a path, member", "first-path", 830, alike)
	member_target("the same, of a file that rules tell apart by its name", "first-file", 420, apart)
	member_target("the same, of a path to such a file", "first-path", 830, apart)
	outside_targets()
	program_targets()
	share_target("fork+exit, member", "fork-exit", 1.5)
	share_target("fork+exec, member", "fork-exec", 1.5)
	n = split("nginx-keepalive 0.5 redis-get 0.09 redis-set 0.09 pwgen 0.09 " \
		"postgres-select 0.5 postgres-tpcb 0.5 compile 0.5", programs, " ")
	for (i = 1; i < n; i += 2)
		macro_targets(programs[i], programs[i + 1])
	for (i = 1; i < n; i += 2)
		takeover_targets(programs[i], programs[i + 1])
	start_target("container-start-runc", 10)
	start_target("container-start-crun", 10)
	ratio_target("10,000 instances over 1, open+close", "open-close-instances-1", \
		"open-close-instances-10000")
	ratio_target("1,000 rules over 10, open+close", "open-close-rules-10", "open-close-rules-1000")
	bytes_target("memory of a further instance", "bytes-per-instance-kernel", 4)
	bytes_target("the same with a member that has used files", "bytes-per-container-used", 4)
	bytes_target("memory of a policy of 20 rules", "bytes-per-policy-kernel", 128)
}
