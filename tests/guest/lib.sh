# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Shared by the scripts that make and run test guests: where the cache is, and
# a private apt configuration that reaches suites the machine does not use.

guest_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # for the scripts that source this file
source_dir=$(cd "$guest_dir/../.." && pwd)
cache_dir=${VKERNEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vkernel}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	say "$*"
	exit "${die_status:-1}"
}

# Print the address of the Debian archive that this machine's apt uses.
# $1 is the Label of the archive: Debian or Debian-Security.
debian_mirror() {
	apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' \
		'Origin: Debian' | awk -v label="$1" '$1 == label { print $2; exit }'
}

# Write the apt sources for bookworm (and, given "backports", the suites that
# the newer kernels come from) to file $1.
write_sources() {
	local main security

	main=$(debian_mirror Debian)
	if [[ -z $main && $EUID == 0 ]]; then
		apt-get -qq update || true
		main=$(debian_mirror Debian)
	fi
	[[ -n $main ]] || die "apt on this machine knows no Debian archive (run apt-get update?)"
	security=$(debian_mirror Debian-Security)
	{
		echo "deb [signed-by=$keyring] $main bookworm main"
		echo "deb [signed-by=$keyring] $main bookworm-updates main"
		if [[ -n $security ]]; then
			echo "deb [signed-by=$keyring] $security bookworm-security main"
		fi
		if [[ ${2:-} == backports ]]; then
			echo "deb [signed-by=$keyring] $main bookworm-backports main"
			echo "deb [signed-by=$keyring] $main trixie-backports main"
		fi
	} >"$1"
}

# Make a private apt configuration in directory $1 and set apt_options to use
# it.  The machine's own apt.conf stays in force (proxies, authentication).
private_apt() {
	mkdir -p "$1"/{lists/partial,cache/archives/partial}
	: >"$1/status"
	write_sources "$1/sources.list" backports
	# shellcheck disable=SC2034 # for the scripts that source this file
	apt_options=(
		-o Dir::Etc::sourcelist="$1/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o Dir::Etc::preferencesparts=/dev/null -o Dir::Etc::preferences=/dev/null
		-o Dir::State="$1" -o Dir::State::lists="$1/lists"
		-o Dir::State::status="$1/status" -o Dir::Cache="$1/cache"
		-o APT::Sandbox::User=root -o Acquire::Languages=none
		-o Acquire::Retries=3
	)
}

# Only one process at a time makes what $1 names; the others wait for it.
# The lock is held until this process exits.
lock_cache() {
	mkdir -p "$cache_dir"
	exec 9>"$cache_dir/.lock-$1"
	if ! flock -n 9; then
		say "waiting for another process that is preparing $1"
		flock 9
	fi
}
