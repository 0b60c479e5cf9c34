# SPDX-License-Identifier: LGPL-2.1-or-later
# The table for people, from the lines that the parts of the benchmark print. -v kernel=K
function verdict(over, target, slack) {
	return over <= target + slack ? "met" : sprintf("missed by %d", over - target)
}
# What vkernel may cost in a row under a real program, in thousandths of what the row takes.
function macro_target(name) {
	if (name ~ /^(redis|pwgen)/)
		return 0.9
	return name ~ /^(nginx-keepalive|postgres|compile)/ ? 5 : 0
}
BEGIN {
	# Targets: instructions over bare. "member" is every column of a member.
	limit["open-close", "member"] = 270
	limit["first-file", "member"] = 420
	limit["first-path", "member"] = 830
	n = split("getppid stat fstat read write page-fault context-switch", free, " ")
	for (i = 1; i <= n; i++)
		limit[free[i], "member"] = limit[free[i], "outside"] = 0
	limit["open-close", "outside"] = limit["first-file", "outside"] = 190
	limit["first-path", "outside"] = limit["capable", "outside"] = 190
	share["fork-exit"] = share["fork-exec"] = 0.015
	slack = 15 # what two runs may differ by
}
$1 == "micro" {
	if (!($3 in seen)) { seen[$3] = 1; row[++rows] = $3 }
	if (!($2 in known)) { known[$2] = 1; column[++columns] = $2 }
	value[$3, $2] = $4
}
$1 == "scale" { scale[++scales] = $2; figure[scales] = $3; by_name[$2] = $3 }
$1 == "macro" {
	if (!($3 in macro_seen)) { macro_seen[$3] = 1; macro[++macros] = $3 }
	macro_value[$3, $2] = $4
}
END {
	if (rows) {
		printf "\nLinux %s: guest instructions; bare, and over bare\n%-18s", kernel, ""
		for (j = 1; j <= columns; j++)
			printf "%10s", column[j]
		print "   targets"
	}
	for (i = 1; i <= rows; i++) {
		bare = value[row[i], "bare"]
		printf "%-18s%10d", row[i], bare
		text = ""
		for (j = 2; j <= columns; j++) {
			c = column[j]
			if (value[row[i], c] == "denied") {
				printf "%10s", "denied"
				continue
			}
			over = value[row[i], c] - bare
			printf "%+10d", over
			key = c ~ /^(container|nginx|files|layers8)$/ ? "member" : c
			if ((row[i], key) in limit)
				text = text sprintf("  %s %s", c, verdict(over, limit[row[i], key], slack))
			else if (key == "member" && row[i] in share)
				text = text sprintf("  %s %s", c, \
					verdict(over, share[row[i]] * bare, slack))
		}
		print " " text
	}
	if (scales)
		printf "\nLinux %s: many instances, rules, layers, members\n", kernel
	for (i = 1; i <= scales; i++)
		printf "%-42s%14d\n", scale[i], figure[i]
	if (macros)
		printf "\nLinux %s: instructions of the container per unit of work\n%-18s%14s%22s%22s" \
			"   targets\n", kernel, "", "plain runc", "seccomp + AppArmor", "vkernel"
	for (i = 1; i <= macros; i++) {
		plain = macro_value[macro[i], "plain"]
		printf "%-18s%14d", macro[i], plain
		if (!plain) {
			print ""
			continue
		}
		n = split("docker vkernel", both, " ")
		for (j = 1; j <= n; j++) {
			c = both[j]
			delta[c] = 0
			if (!((macro[i], c) in macro_value)) {
				printf "%22s", "-"
				continue
			}
			d = macro_value[macro[i], c] - plain
			printf "%+13d %+7.2f%%", d, 100 * d / plain
			delta[c] = d
		}
		if (delta["docker"] > 0 && delta["vkernel"] > 0)
			printf "   %3d%% of that", 100 * delta["vkernel"] / delta["docker"]
		else
			printf "   %12s", ""
		t = macro_target(macro[i])
		if (t)
			printf "   %.2f%% %s", t / 10, verdict(delta["vkernel"], plain * t / 1000, 0)
		print ""
	}
}
