# SPDX-License-Identifier: LGPL-2.1-or-later
# JSON, one row a line, from the lines that the parts of the benchmark print. -v kernel=K
function quoted(value) {
	if (value ~ /^-?[0-9]+(\.[0-9]+)?$/)
		return value
	gsub(/[\\"]/, "\\\\&", value)
	return "\"" value "\""
}
function add(part, name, item) {
	if (!((part, name) in text)) {
		rows[part]++
		row[part, rows[part]] = name
	}
	text[part, name] = text[part, name] (text[part, name] == "" ? "" : ", ") item
}
function print_part(part, last,   i) {
	printf "  \"%s\": {\n", part
	for (i = 1; i <= rows[part]; i++)
		printf "    \"%s\": {%s}%s\n", row[part, i], text[part, row[part, i]], \
			i < rows[part] ? "," : ""
	print "  }" last
}
function print_flat(part, last,   i) {
	printf "  \"%s\": {\n", part
	for (i = 1; i <= rows[part]; i++)
		printf "    \"%s\": %s%s\n", row[part, i], text[part, row[part, i]], \
			i < rows[part] ? "," : ""
	print "  }" last
}
$1 == "micro" { add("micro", $3, "\"" $2 "\": " quoted($4)) }
$1 == "macro" { add("macro", $3, "\"" $2 "\": " quoted($4)) }
# In programs, and in the kernel.
$1 == "split" { add("split", $3, "\"" $2 "\": [" quoted($4) ", " quoted($5) "]") }
# Of what is told twice the last counts.
function set(part, name, item) {
	if (!((part, name) in known)) {
		known[part, name] = 1
		rows[part]++
		row[part, rows[part]] = name
	}
	text[part, name] = item
}
# Calls of our programs in one operation of a task in no instance.
$1 == "calls" { set("calls", $2, quoted($3)) }
$1 == "programs" {
	add("programs", $2, "\"runs\": " quoted($3))
	add("programs", $2, "\"instructions\": " quoted($4))
}
$1 == "target" {
	split($0, field, "\t")
	add("targets", field[2], "\"limit\": " quoted(field[3]))
	add("targets", field[2], "\"measured\": " quoted(field[4]))
	add("targets", field[2], "\"verdict\": " quoted(field[5]))
}
$1 == "scale" { set("scale", $2, quoted($3)) }
$1 == "about" {
	value = $0
	sub(/^about [^ ]+ /, "", value)
	set("about", $2, quoted(value))
}
END {
	printf "{\n  \"kernel\": \"%s\",\n  \"unit\": \"guest instructions\",\n", kernel
	print_flat("about", ",")
	print_part("micro", ",")
	print_flat("calls", ",")
	print_flat("scale", ",")
	print_part("macro", ",")
	print_part("split", ",")
	print_part("programs", ",")
	print_part("targets", "")
	print "}"
}
