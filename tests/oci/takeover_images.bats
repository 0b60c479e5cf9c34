#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Servers as Debian packages them, under the profiles that dockerd makes, taken over: they start,
# serve and stop under vkernel alone, and nothing that they do is denied. Takes minutes, so it is run
# by hand: see TESTING.md.

profile=/tmp/docker-seccomp.json

setup_file() {
	load lib.bash
	begin_servers
	docker_profile $profile
	stop_docker
	printf 'policy = container-default\ntakeover = true\n' >/etc/vkernel/runtime.conf
}

teardown_file() {
	rm -f /etc/vkernel/runtime.conf
	end_servers
}

setup() {
	load lib.bash
	vkernel events >/dev/null
}

teardown() {
	cat /tmp/detached
	vkernel events
	runc delete -f c 2>/dev/null || true
}

# Starts a server of Debian's under Docker's profiles and container-default, taken over.
serve() { # name
	with_profiles $bundles/"$1"
	start_server "$1" c
}

# It ran under vkernel alone, ended when it was told to, and nothing of it was denied.
served() { # signal
	local pid
	pid=$(runc state c | jq .pid)
	grep -qx unconfined "/proc/$pid/attr/current"
	grep -q '^Seccomp_filters:.1$' "/proc/$pid/status"
	runc kill c "$1"
	has_ended "$pid"
	no_event
}

@test "nginx under takeover" {
	image nginx 0 nginx -g 'daemon off;'
	echo "it works" >$bundles/nginx/root/var/www/html/index.html
	serve nginx
	wait_for 60 curl -fs http://127.0.0.1/
	[[ $(curl -fs http://127.0.0.1/) == "it works" ]]
	served TERM
}

@test "redis under takeover" {
	image redis "$(id -u redis)" redis-server /etc/redis/redis.conf --daemonize no
	mkdir -p $bundles/redis/root/run/redis
	chown redis: $bundles/redis/root/run/redis
	serve redis
	wait_for 60 redis-cli ping
	[[ $(redis-cli set key value) == OK && $(redis-cli get key) == value ]]
	served TERM
}

@test "postgres under takeover" {
	local psql=(psql -h 127.0.0.1 -U postgres -Atc) data=/var/lib/postgresql/data
	image postgres "$(id -u postgres)" /bin/sh -c \
		"cd /usr/lib/postgresql/15/bin; ./initdb --no-sync -A trust -D $data; exec ./postgres -D $data"
	mkdir -p $bundles/postgres/root/run/postgresql
	chown postgres: $bundles/postgres/root/run/postgresql $bundles/postgres/root/var/lib/postgresql
	serve postgres
	wait_for 120 "${psql[@]}" 'select 1'
	run "${psql[@]}" 'create table t as select generate_series(1, 1000) n; select sum(n) from t'
	has 0 500500
	served INT
}

@test "python under takeover" {
	image python 65534 python3 -m http.server --directory /srv 8000
	echo "it works" >$bundles/python/root/srv/page
	serve python
	wait_for 60 curl -fs http://127.0.0.1:8000/page
	[[ $(curl -fs http://127.0.0.1:8000/page) == "it works" ]]
	served INT
}
