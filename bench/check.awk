# SPDX-License-Identifier: LGPL-2.1-or-later
# Compares two files of json.awk, the reference first: what vkernel adds to an operation must not
# have grown. Prints TAP, a test a row. -v rows=ROW,... -v kernel=K
BEGIN {
	# Runs of one build differ by less than this: some names more in chains of a hash table.
	room = 50
	# A directory or a socket more or less in the kernel's own structures.
	wide["first-file"] = wide["first-path"] = wide["tcp-socket"] = 60
	# Whether another process of the user has a signal pending: 45.
	wide["signal"] = 60
	wide["rename"] = 100
	wide["create-unlink"] = 600
	wide["fork-exit"] = wide["fork-exec"] = 2500
}
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
}
END {
	count = split(rows, row, ",")
	n_columns = split("outside container layers8", columns, " ")
	print "1.." count
	for (k = 1; k <= count; k++) {
		name = row[k]
		allowed = name in wide ? wide[name] : room
		text = ""
		for (i = 1; i <= n_columns; i++) {
			c = columns[i]
			if (!((name, c) in new) || !((name, "bare") in new)) {
				text = text sprintf("# %s: %s was not measured\n", name, c)
				continue
			}
			if (!((name, c) in old)) {
				text = text sprintf("# %s: %s is not in the reference\n", name, c)
				continue
			}
			now = new[name, c] - new[name, "bare"]
			before = old[name, c] - old[name, "bare"]
			if (now > before + allowed)
				text = text sprintf("# %s: %s: %+d instructions over bare, " \
					"the reference %+d, allowed %+d\n", name, c, now, before, \
					before + allowed)
		}
		printf "%s%s %d - %s on %s costs no more than the reference\n", text, \
			text == "" ? "ok" : "not ok", k, name, kernel
		bad += text != ""
	}
	exit bad > 0
}
