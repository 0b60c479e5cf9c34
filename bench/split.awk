# SPDX-License-Identifier: LGPL-2.1-or-later
# What the whole machine executed for a unit of work, in programs and in the kernel: lines
# "split COLUMN ROW USER KERNEL" from those that bench/profile.so wrote with totals=on, the first
# file, and the "section COLUMN ROW UNITS" that bench/macro printed, in the same order.
FILENAME == ARGV[1] {
	user[FNR] = $3
	kernel[FNR] = $4
	next
}
$1 == "section" && ++n in user {
	printf "split %s %s %.0f %.0f\n", $2, $3, user[n] / $4, kernel[n] / $4
}
