# SPDX-License-Identifier: LGPL-2.1-or-later
# From sorted kallsyms and the counts of profile.so: what a function takes of one operation, without
# and with vkernel, and the difference. The first half of the sections is without; of each half
# that which took least counts, of rows of many short batches the fifth percentile.
# -v units=OPERATIONS-IN-A-SECTION
NR == FNR {
	if ($2 ~ /^[tTwW]$/) {
		address[++symbols] = $1
		name[symbols] = $3
	}
	next
}
$1 == "section" { sections++; next }
{
	where[sections, ++lines[sections]] = $1
	count[sections, lines[sections]] = $2
	sum[sections] += $2
}
# The function that has an address: addresses are of equal length, so they compare as text.
function function_at(a,   low, high, middle) {
	if (a == "0000000000000000")
		return "(user)"
	low = 1
	high = symbols
	while (low < high) {
		middle = int((low + high + 1) / 2)
		if (("x" address[middle]) <= ("x" a))
			low = middle
		else
			high = middle - 1
	}
	return name[low]
}
function least(from, to,   i, rank, best, taken) {
	for (rank = to - from < 64 ? 1 : int((to - from) / 20); rank > 0; rank--) {
		best = 0
		for (i = from; i <= to; i++)
			if (!(i in taken) && (!best || sum[i] < sum[best]))
				best = i
		taken[best] = 1
	}
	return best
}
function add(section, column,   i, f) {
	for (i = 1; i <= lines[section]; i++) {
		f = function_at(where[section, i])
		total[f, column] += count[section, i]
		all[f] = 1
	}
	total["(all)", column] = sum[section]
}
END {
	all["(all)"] = 1
	add(least(1, sections / 2), 1)
	add(least(sections / 2 + 1, sections), 2)
	for (f in all)
		printf "%10.0f %10.0f %+10.0f  %s\n", total[f, 1] / units, total[f, 2] / units, \
			(total[f, 2] - total[f, 1]) / units, f
}
