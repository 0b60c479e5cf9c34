# SPDX-License-Identifier: LGPL-2.1-or-later
# Compares two files of json.awk, the reference first: what vkernel adds to an operation may have
# grown by 15 instructions or 3 % of the operation. Exit status 1: a row is over. -v kernel=K
/^    "[a-z0-9-]+": \{/ {
	split($0, part, "\"")
	name = part[2]
	for (i = 4; i in part; i += 2) {
		v = part[i + 1]
		gsub(/[^0-9]/, "", v)
		if (NR == FNR)
			old[name, part[i]] = v
		else
			new[name, part[i]] = v
	}
	rows[name] = 1
}
END {
	split("outside container files layers8", columns, " ")
	for (name in rows)
		for (i in columns) {
			c = columns[i]
			if (!((name, c) in new) || !((name, c) in old))
				continue
			grown = new[name, c] - new[name, "bare"] - (old[name, c] - old[name, "bare"])
			room = 0.03 * old[name, c]
			if (grown > 15 && grown > room) {
				printf "%s: %s, %s: %d instructions more than the reference\n", \
					kernel, name, c, grown
				bad = 1
			}
		}
	exit bad
}
