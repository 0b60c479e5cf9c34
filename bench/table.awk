# SPDX-License-Identifier: LGPL-2.1-or-later
# The table for people, from the lines of bench/guest. -v kernel=K
BEGIN {
	# Targets: instructions over bare. "member" is every column of a member.
	limit["open-close", "member"] = 280
	limit["first-file", "member"] = 430
	limit["first-path", "member"] = 850
	limit["stat", "member"] = limit["fstat", "member"] = limit["read", "member"] = 0
	limit["getppid", "member"] = limit["getppid", "outside"] = 0
	limit["stat", "outside"] = limit["fstat", "outside"] = limit["read", "outside"] = 0
	limit["open-close", "outside"] = limit["first-file", "outside"] = 200
	limit["first-path", "outside"] = 200
	slack = 15 # what two runs may differ by
}
$1 == "micro" {
	if (!($3 in seen)) { seen[$3] = 1; row[++rows] = $3 }
	if (!($2 in known)) { known[$2] = 1; column[++columns] = $2 }
	value[$3, $2] = $4
}
$1 == "scale" { scale[++scales] = $2; figure[scales] = $3 }
END {
	printf "\nLinux %s: guest instructions; bare, and over bare\n%-16s", kernel, ""
	for (j = 1; j <= columns; j++)
		printf "%10s", column[j]
	print "   targets"
	for (i = 1; i <= rows; i++) {
		bare = value[row[i], "bare"]
		printf "%-16s%10d", row[i], bare
		verdict = ""
		for (j = 2; j <= columns; j++) {
			c = column[j]
			over = value[row[i], c] - bare
			printf "%+10d", over
			key = c == "container" || c == "files" || c == "layers8" ? "member" : c
			if ((row[i], key) in limit)
				verdict = verdict sprintf("  %s %s", c, \
					over <= limit[row[i], key] + slack ? "met" : \
					sprintf("missed by %d", over - limit[row[i], key]))
		}
		print " " verdict
	}
	for (i = 1; i <= scales; i++)
		printf "%-40s%14d\n", scale[i], figure[i]
}
