# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of vkernel for bash.
# shellcheck shell=bash

_vkernel_words() { # words...
	mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$*" -- "$cur")
}

_vkernel_instances() {
	_vkernel_words "$(vkernel ps --quiet 2>/dev/null)"
}

_vkernel_containers() {
	_vkernel_words "$(vkernel ps --json 2>/dev/null |
		sed -n 's/^ *"container\(_name\)\?": "\(.*\)",\?$/\2/p')"
}

_vkernel_policies() {
	_vkernel_words "$(vkernel policy list 2>/dev/null | awk 'NR > 1 { print $1 }')"
	mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -X '!*.yaml' -- "$cur"
		compgen -d -S / -- "$cur")
	compopt -o filenames -o nospace 2>/dev/null
}

_vkernel_operations() {
	_vkernel_words read write append exec create unlink rename link symlink mkdir rmdir mknod \
		truncate chmod chown ioctl mmap-exec unix-connect unix-bind mount bind remount move \
		umount pivot connect socket capability syscall ptrace signal bpf perf modules keys io_uring xattrs userns
}

# The number of operands before the cursor; options and their arguments are none.
_vkernel_operands() {
	local i n=0
	for ((i = first; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-p | --policy | -n | --name | --parent | -A | --abi | --cgroup | --mntns | -i | --instance | -c | --container) ((i++)) ;;
		-*) ;;
		*) ((n++)) ;;
		esac
	done
	echo "$n"
}

_vkernel() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} first=2 operands
	local command=${COMP_WORDS[1]}
	COMPREPLY=()

	if ((COMP_CWORD == 1)); then
		_vkernel_words check run attach ps show events why stats update mode mitigate rm push pop setup gc policy program helper help \
			version --help --version
		return
	fi
	if [[ $command =~ ^(policy|program|helper|help)$ ]] && ((COMP_CWORD == 2)); then
		if [[ $command == policy ]]; then
			_vkernel_words check plan list show import export groups build --help
		elif [[ $command == program ]]; then
			_vkernel_words push pop ls show stats map mode --help
		elif [[ $command == helper ]]; then
			_vkernel_words add ls rm --help
		else
			_vkernel_words check run attach ps show events why stats update mode mitigate rm push pop setup gc policy program helper
		fi
		return
	fi
	if [[ $command =~ ^(policy|program|helper)$ ]]; then
		command="$command ${COMP_WORDS[2]}"
		first=3
	fi

	case $prev in
	-p | --policy) _vkernel_policies && return ;;
	-i | --instance | --parent) _vkernel_instances && return ;;
	-c | --container) _vkernel_containers && return ;;
	--cgroup) mapfile -t COMPREPLY < <(compgen -d -S / -- "$cur") && return ;;
	--mntns) _vkernel_words "$(ps -eo pid= 2>/dev/null)" && return ;;
	-n | --name | --profile | --capabilities | --kernel) return ;;
	-A | --abi) _vkernel_words x86-64 ia32 x32 && return ;;
	-k | --kind) [[ $command == "policy import" ]] && _vkernel_words seccomp oci apparmor && return ;;
	-o | --output | --include) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
	esac
	if [[ $cur == -* ]]; then
		case $command in
		check | stats) _vkernel_words --json --help ;;
		run) _vkernel_words --policy --name --parent --audit --keep --help ;;
		attach) _vkernel_words --policy --container --audit --allow-degraded --cgroup --mntns --help ;;
		ps) _vkernel_words --container --members --quiet --json --help ;;
		show) _vkernel_words --json --yaml --help ;;
		events) _vkernel_words --follow --container --instance --json --help ;;
		why) _vkernel_words --policy --foreign --abi --json --help ;;
		update) _vkernel_words --policy --container --drop-mitigations --drop-pushed --allow-degraded --help ;;
		mitigate) _vkernel_words --audit --enforce --lift --all --list --json --help ;;
		rm) _vkernel_words --kill --recursive --help ;;
		setup) _vkernel_words --dry-run --undo --help ;;
		gc) _vkernel_words --dry-run --help ;;
		push) _vkernel_words --audit --name --onto --replace --list --json --help ;;
		pop) _vkernel_words --from --program --help ;;
		"policy import") _vkernel_words --output --kind --name --profile --capabilities --kernel --include \
			--help ;;
		"policy export") _vkernel_words --seccomp --output --help ;;
		"program push") _vkernel_words --audit --name --replace --help ;;
		"program ls" | "program stats" | "program show" | "helper ls") _vkernel_words --json --help ;;
		"program map") _vkernel_words --json --delete --offset --size --mine --from --helper --help ;;
		"policy build") _vkernel_words --output --help ;;
		"policy plan") _vkernel_words --rules --json --help ;;
		"policy check" | "policy list" | "policy groups") _vkernel_words --json --help ;;
		*) _vkernel_words --help ;;
		esac
		return
	fi

	operands=$(_vkernel_operands)
	case $command in
	run) mapfile -t COMPREPLY < <(compgen -c -- "$cur") ;;
	push) _vkernel_policies ;;
	show | update | rm) _vkernel_instances ;;
	setup) _vkernel_words docker podman containerd cdi ;;
	attach)
		if ((operands == 0)); then
			_vkernel_instances
		else
			_vkernel_words "$(ps -eo pid= 2>/dev/null)"
		fi
		;;
	mitigate)
		if ((operands == 0)); then
			_vkernel_words "$(vkernel mitigate --list 2>/dev/null |
				awk 'NR > 1 && !NF { exit } NR > 1 { $2 = $3 = ""; print }' | tr -d ,)"
		else
			_vkernel_instances
		fi
		;;
	mode)
		if ((operands == 0)); then
			_vkernel_instances
		else
			_vkernel_words audit enforce
		fi
		;;
	why)
		if [[ " ${COMP_WORDS[*]} " == *" -p "* || " ${COMP_WORDS[*]} " == *" --policy "* ]]; then
			((operands++))
		fi
		case $operands in
		0) _vkernel_instances ;;
		1) _vkernel_operations ;;
		*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
		esac
		;;
	"program push")
		if ((operands == 0)); then
			_vkernel_instances
		else
			mapfile -t COMPREPLY < <(compgen -f -X '!*.o' -- "$cur"; compgen -d -S / -- "$cur")
		fi
		;;
	"program "*)
		case $operands in
		0) _vkernel_instances ;;
		1) _vkernel_words "$(vkernel program ls 2>/dev/null | awk 'NR > 1 { print $2 }')" ;;
		2) [[ $command == "program mode" ]] && _vkernel_words audit enforce ;;
		esac
		;;
	"helper add") mapfile -t COMPREPLY < <(compgen -f -X '!*.o' -- "$cur"; compgen -d -S / -- "$cur") ;;
	"helper rm") _vkernel_words "$(vkernel helper ls 2>/dev/null | awk 'NR > 1 { print $1 }')" ;;
	"policy build") mapfile -t COMPREPLY < <(compgen -f -X '!*.c' -- "$cur"; compgen -d -S / -- "$cur") ;;
	"policy import") mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	"policy "*) _vkernel_policies ;;
	esac
}

complete -F _vkernel vkernel
