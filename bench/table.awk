# SPDX-License-Identifier: LGPL-2.1-or-later
# The table for people, from the lines that the parts of the benchmark print. -v kernel=K
$1 == "micro" {
	if (!($3 in seen)) { seen[$3] = 1; row[++rows] = $3 }
	if (!($2 in known)) { known[$2] = 1; column[++columns] = $2 }
	value[$3, $2] = $4
}
$1 == "scale" { scale[++scales] = $2; figure[scales] = $3; by_name[$2] = $3 }
$1 == "programs" { runs[$2] = $3; inside[$2] = $4 }
$1 == "split" {
	if (!($3 in split_seen)) { split_seen[$3] = 1; split_row[++splits] = $3 }
	user[$3, $2] = $4
	kernel_side[$3, $2] = $5
}
$1 == "target" { target[++targets] = $0 }
$1 == "macro" {
	if (!($3 in macro_seen)) { macro_seen[$3] = 1; macro[++macros] = $3 }
	macro_value[$3, $2] = $4
}
END {
	if (rows) {
		printf "\nLinux %s: guest instructions; bare, and over bare\n%-18s", kernel, ""
		for (j = 1; j <= columns; j++)
			printf "%10s", column[j]
		print ""
	}
	for (i = 1; i <= rows; i++) {
		bare = value[row[i], "bare"]
		printf "%-18s%10d", row[i], bare
		for (j = 2; j <= columns; j++) {
			c = column[j]
			if (value[row[i], c] == "denied")
				printf "%10s", "denied"
			else if ((row[i], c) in value)
				printf "%+10d", value[row[i], c] - bare
			else
				printf "%10s", "-"
		}
		print ""
	}
	if (scales)
		printf "\nLinux %s: many instances, rules, layers, members\n", kernel
	for (i = 1; i <= scales; i++)
		printf "%-42s%14d\n", scale[i], figure[i]
	if (macros)
		printf "\nLinux %s: instructions of the container per unit of work\n%-18s%14s%22s%22s%22s%s\n", \
			kernel, "", "plain runc", "seccomp + AppArmor", "taken over", "vkernel", \
			"   runs of its programs, instructions in them"
	for (i = 1; i <= macros; i++) {
		plain = macro_value[macro[i], "plain"]
		printf "%-18s%14d", macro[i], plain
		if (!plain) {
			print ""
			continue
		}
		n = split("docker takeover vkernel", both, " ")
		for (j = 1; j <= n; j++) {
			c = both[j]
			if (!((macro[i], c) in macro_value)) {
				printf "%22s", "-"
				continue
			}
			d = macro_value[macro[i], c] - plain
			printf "%+13d %+7.2f%%", d, 100 * d / plain
		}
		if (macro[i] in runs)
			printf "%14.2f%14.1f", runs[macro[i]], inside[macro[i]]
		print ""
	}
	if (splits)
		printf "\nLinux %s: instructions of the whole machine per unit of work: programs, kernel\n%-18s%28s%28s%28s%28s\n", \
			kernel, "", "plain runc", "seccomp + AppArmor", "taken over", "vkernel"
	for (i = 1; i <= splits; i++) {
		printf "%-18s", split_row[i]
		n = split("plain docker takeover vkernel", all, " ")
		for (j = 1; j <= n; j++)
			if ((split_row[i], all[j]) in user)
				printf "%14d%14d", user[split_row[i], all[j]], kernel_side[split_row[i], all[j]]
			else
				printf "%28s", "-"
		print ""
	}
	if (targets)
		printf "\nLinux %s: what is to be reached\n", kernel
	for (i = 1; i <= targets; i++) {
		split(target[i], field, "\t")
		printf "%-56s%8s  %-38s%s\n", field[2], field[3], field[4], field[5]
	}
}
