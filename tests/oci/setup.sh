# SPDX-License-Identifier: LGPL-2.1-or-later
# An installation and containers for the suites of this directory; needs root, in a guest.
# shellcheck shell=bash

# shellcheck disable=SC2034 # for those who source this
hook=/usr/local/libexec/vkernel/vkernel-hook
runtime=/usr/local/bin/vkernel-runtime
bundles=/tmp/bundles

policy() { # name path
	cat >"/etc/vkernel/policies/$1.yaml" <<END
vkernel: 1
name: $1
files:
  default: allow
  rules:
    - {deny: [read], path: $2}
END
}

# Put what is built where it is installed. An instance that stays keeps the programs loaded.
install_vkernel() {
	install -D "$(command -v vkernel-hook)" "$hook"
	install -D "$(command -v vkernel-runtime)" "$runtime"
	mkdir -p /etc/vkernel/policies
	policy no-secret /secret
	policy no-other /other
	printf 'vkernel: 1\nname: bad\nfilez: {}\n' >/etc/vkernel/policies/bad.yaml
	vkernel run --keep --name keep -p no-secret -- true
}

# A root file system with busybox in it.
make_root() { # directory
	local name
	mkdir -p "$1"/{bin,dev,proc,sys,etc,tmp}
	cp /bin/busybox "$1/bin/"
	for name in sh cat sleep ls mount; do
		ln -sf busybox "$1/bin/$name"
	done
	echo secret >"$1/secret"
	echo other >"$1/other"
	echo root:x:0:0:root:/:/bin/sh >"$1/etc/passwd"
}

# A bundle that runs a shell command.
make_bundle() { # name command
	local dir=$bundles/$1
	rm -rf "$dir"
	mkdir -p "$dir" "$bundles/root"
	[[ -d $bundles/root/bin ]] || make_root "$bundles/root"
	runc spec --bundle "$dir"
	jq --arg command "$2" --arg root "$bundles/root" '.process.terminal = false |
		.root = {path: $root} | .process.args = ["sh", "-c", $command] |
		."x-unknown" = {"a": [1.50, {}]}' "$dir/config.json" >"$dir/new"
	mv "$dir/new" "$dir/config.json"
}

# Wait until a command succeeds.
wait_for() { # seconds command...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		sleep 0.2
	done
}
