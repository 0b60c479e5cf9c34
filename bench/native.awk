# SPDX-License-Identifier: LGPL-2.1-or-later
# Statistics of bench/native: lines "round N COLUMN ROW NANOSECONDS". -v rounds=N
$1 == "round" {
	if (!($4 in seen)) { seen[$4] = 1; row[++rows] = $4 }
	value[$4, $3, $2] = $5
}
function sort_list(list, n,   i, j, v) {
	for (i = 2; i <= n; i++) {
		v = list[i]
		for (j = i - 1; j >= 1 && list[j] > v; j--)
			list[j + 1] = list[j]
		list[j + 1] = v
	}
}
# Median of list[1..n], and the interval of order statistics that holds it with 95 %: ranks k and
# n + 1 - k, k the largest with P(Binomial(n, 1/2) < k) <= 2.5 %.
function median_of(list, n,   k, p, sum) {
	sort_list(list, n)
	p = 0.5 ^ n
	sum = p
	for (k = 1; sum + p * (n - k + 1) / k <= 0.025; k++) {
		p = p * (n - k + 1) / k
		sum += p
	}
	low = list[k]
	high = list[n + 1 - k]
	return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}
function column_median(name, column,   i, list) {
	for (i = 1; i <= rounds; i++)
		list[i] = value[name, column, i]
	return median_of(list, rounds)
}
# Median of the paired differences; low and high are set.
function difference(name, column,   i, list) {
	for (i = 1; i <= rounds; i++)
		list[i] = value[name, column, i] - value[name, "bare", i]
	return median_of(list, rounds)
}
function ratio(name, column,   i, list) {
	for (i = 1; i <= rounds; i++)
		list[i] = value[name, column, i] / value[name, "bare", i]
	return median_of(list, rounds)
}
function abs(x) { return x < 0 ? -x : x }
END {
	printf "%-16s %9s  %-38s%s\n", "ns, medians", "bare", "no member", "member of container-default"
	n = split("outside container", columns, " ")
	for (r = 1; r <= rows; r++) {
		name = row[r]
		printf "%-16s %9.0f", name, column_median(name, "bare")
		difference(name, "again")
		noise = abs(low) > abs(high) ? abs(low) : abs(high)
		for (c = 1; c <= n; c++) {
			d = difference(name, columns[c])
			from = low
			to = high
			q = ratio(name, columns[c])
			if (from <= 0 && to >= 0 || abs(d) <= noise)
				text = sprintf("no verdict: %+.0f, noise %.0f", d, \
					noise > (to - from) / 2 ? noise : (to - from) / 2)
			else
				text = sprintf("%+.0f (%+.0f .. %+.0f), x %.3f", d, from, to, q)
			printf "  %-36s", text
		}
		print ""
	}
}
