# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What the parts of the benchmark share, in a guest and on a real machine. $programs is the
# directory of the built programs of bench/.

# shellcheck disable=SC2034 # for those who source this
policies=bench/policies

bench_say() {
	echo "bench: $*" >&2
}

# Rows that are measured in processes of their own, in as many as $processes says: what fork and
# exec take depends on what their process did before, and varies from one to the next.
alone=fork-exit,fork-exec
processes=0
# Rows of which outside() also counts how many of our programs they call, between spaces.
calls=''
# How many policy programs the instance has, and which of bench/programs.
pushed=0
program=opens

# Run micro with arguments $4..., print its lines with prefix $1; before it measures, attach it to
# instance $2, which is made and removed, with options $3 of vkernel attach. "-": no instance. No time limits here: while a
# guest that counts instructions waits for its host, its clock leaps to the next timer.
measure_once() { # prefix instance attach-options [argument...]
	local prefix=$1 instance=$2 options=$3 n=$pushed pid line in out job
	shift 3
	coproc MICRO { exec "${programs:?}/micro" "$@"; }
	in=${MICRO[1]} out=${MICRO[0]} job=$MICRO_PID
	if ! read -r line pid <&"$out" || [[ $line != ready ]]; then
		bench_say "$prefix: micro does not start"
		exit 1
	fi
	if [[ $instance != - ]]; then
		# shellcheck disable=SC2086 # options are several words
		vkernel attach "$instance" $options "$pid" >/dev/null
	fi
	for ((; n > 0; n--)); do
		vkernel program push --replace --name "$program$n" "$instance" \
			"$programs/$program.bpf.o" >/dev/null
	done
	echo go >&"$in"
	while read -r line; do
		echo "$prefix $line"
	done <&"$out"
	wait "$job"
	if [[ $instance != - ]]; then
		vkernel rm "$instance"
	fi
}

# The same, and of the rows that are measured alone the median of several processes.
measure() { # prefix instance attach-options [argument...]
	local i
	measure_once "$@"
	((processes)) || return 0
	for ((i = 0; i < processes; i++)); do
		measure_once "$@" --only "$alone"
	done | awk -f bench/median.awk
}

# Measure a member of an instance of its own.
member() { # column attach-options [argument...]
	local column=$1 options=$2
	shift 2
	measure "micro $column" "bench-$column" "$options" "$@"
}

# Measure a process in no instance, while another one is confined.
outside() { # column [argument...]
	local column=$1 pid
	shift
	sleep infinity &
	pid=$!
	disown
	vkernel attach bench-other -p container-default "$pid" >/dev/null
	measure "micro $column" - '' "$@"
	# shellcheck disable=SC2086 # several words
	count_calls $calls
	vkernel rm --kill bench-other
}

# How many of our programs one operation calls: what micro makes them run more in 64 batches than in
# 48, by the kernel's own count.
count_calls() { # [row...]
	local row batch ran i
	echo 1 >/proc/sys/kernel/bpf_stats_enabled
	for row; do
		batch=$("$programs/micro" list | awk -v row="$row" '$1 == row { print $2 }')
		ran=$(programs_ran)
		for i in 1 2; do
			measure_once "" - '' --only "$row" "$i" >/dev/null
			ran+=" $(programs_ran)"
		done
		echo "$ran $batch" | awk -v row="$row" '{
			printf "calls %s %.1f\n", row, ($5 - 2 * $3 + $1) / (64 - 48) / $7 }'
	done
	echo 0 >/proc/sys/kernel/bpf_stats_enabled
}

# Runs of our programs, and what was executed in them, since they were loaded.
programs_ran() {
	bpftool prog show --json | jq -r '[.[] | select((.name // "") | startswith("vk_"))]
		| "\([.[].run_cnt // 0] | add) \([.[].run_time_ns // 0] | add)"'
}

# Options of vkernel attach for so many layers.
layers() { # count
	local all=(container-default "$policies"/{files20,layer1,layer2,layer3,layer4,layer5,layer6}.yaml) i
	for ((i = 0; i < $1; i++)); do
		printf -- '-p %s ' "${all[i]}"
	done
}
