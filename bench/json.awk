# SPDX-License-Identifier: LGPL-2.1-or-later
# JSON, one row a line, from the lines of bench/guest. -v kernel=K
$1 == "micro" {
	if (!($3 in seen)) { seen[$3] = 1; row[++rows] = $3 }
	text[$3] = text[$3] (text[$3] == "" ? "" : ", ") "\"" $2 "\": " $4
}
$1 == "scale" { scale[++scales] = "\"" $2 "\": " $3 }
END {
	printf "{\n  \"kernel\": \"%s\",\n  \"unit\": \"guest instructions\",\n  \"micro\": {\n", kernel
	for (i = 1; i <= rows; i++)
		printf "    \"%s\": {%s}%s\n", row[i], text[row[i]], i < rows ? "," : ""
	print "  },\n  \"scale\": {"
	for (i = 1; i <= scales; i++)
		printf "    %s%s\n", scale[i], i < scales ? "," : ""
	print "  }\n}"
}
