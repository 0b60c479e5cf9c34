# SPDX-License-Identifier: LGPL-2.1-or-later
# Of lines that differ in their last word, a figure, prints the one with the median of the figures.
{
	figure = $NF
	$NF = ""
	if (!($0 in count))
		order[++lines] = $0
	list[$0, ++count[$0]] = figure
}
END {
	for (i = 1; i <= lines; i++) {
		line = order[i]
		n = count[line]
		for (j = 2; j <= n; j++) {
			v = list[line, j]
			for (k = j - 1; k >= 1 && list[line, k] > v; k--)
				list[line, k + 1] = list[line, k]
			list[line, k + 1] = v
		}
		print line list[line, int((n + 1) / 2)]
	}
}
