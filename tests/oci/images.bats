#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Servers as Debian packages them, in containers under the policies that are shipped for them: they
# start, serve and stop, and nothing that they do is denied. Run by hand: see TESTING.md.

setup_file() {
	load lib.bash
	begin_servers
}

teardown_file() {
	end_servers
}

setup() {
	load lib.bash
	rm -f /etc/vkernel/runtime.conf /etc/vkernel/default.yaml
	vkernel events >/dev/null
}

teardown() {
	cat /tmp/detached
	vkernel events
	crun delete -f server || true
}

start() { # policy
	start_server "$1" server --vkernel-runtime /usr/bin/crun --policy "$1"
}

# By a signal, as engines do; nothing was denied but what comes now.
stops_without_denial() { # signal
	local pid
	pid=$(crun state server | jq .pid)
	run crun exec server /bin/sh -c true
	[[ $status != 0 ]]
	run vkernel events --container server
	[[ $(wc -l <<<"$output") == 1 && $output == *"DENIED  exec /usr/bin/dash"* ]] || {
		echo "$output"
		return 1
	}
	crun kill server "$1"
	has_ended "$pid"
	no_event
	crun delete server
	run vkernel ps --quiet
	[[ $output == $'keep\nwarm' ]]
}

@test "nginx serves a page" {
	image nginx 0 nginx -g 'daemon off;'
	echo "it works" >$bundles/nginx/root/var/www/html/index.html
	start nginx
	wait_for 60 curl -fs http://127.0.0.1/
	run curl -fs http://127.0.0.1/
	has 0 "it works"
	grep -q 'GET / ' $bundles/nginx/root/var/log/nginx/access.log
	stops_without_denial TERM
}

@test "redis keeps what it is told" {
	image redis "$(id -u redis)" redis-server /etc/redis/redis.conf --daemonize no
	mkdir -p $bundles/redis/root/run/redis
	chown redis: $bundles/redis/root/run/redis
	start redis
	wait_for 60 redis-cli ping
	[[ $(redis-cli set key value) == OK && $(redis-cli get key) == value ]]
	[[ $(redis-cli bgsave) == "Background saving started" ]]
	wait_for 60 test -s $bundles/redis/root/var/lib/redis/dump.rdb
	[[ $(crun exec server redis-cli get key) == value ]]
	stops_without_denial TERM
}

@test "postgres commits and reads" {
	local psql=(psql -h 127.0.0.1 -U postgres -Atc)
	image postgres "$(id -u postgres)" /usr/lib/postgresql/15/bin/initdb --no-sync -A trust \
		-D /var/lib/postgresql/data
	mkdir -p $bundles/postgres/root/run/postgresql
	chown postgres: $bundles/postgres/root/run/postgresql $bundles/postgres/root/var/lib/postgresql
	# The cluster is made under the default of containers.
	run "$runtime" --vkernel-runtime /usr/bin/crun --policy container-default run -b $bundles/postgres server </dev/null
	has 0 Success
	image postgres "$(id -u postgres)" /usr/lib/postgresql/15/bin/postgres \
		-D /var/lib/postgresql/data
	vkernel events >/dev/null
	start postgres
	wait_for 120 "${psql[@]}" 'select 1'
	run "${psql[@]}" 'create table t as select generate_series(1, 50000) n' \
		-c 'set parallel_setup_cost = 0; set parallel_tuple_cost = 0' \
		-c 'set min_parallel_table_scan_size = 0; select sum(n) from t' \
		-c "copy (select 1) to '/var/lib/postgresql/copy'" -c checkpoint -c 'vacuum t'
	has 0 1250025000
	run "${psql[@]}" "copy (select 1) to program 'id'"
	has 1 ""
	run vkernel events
	has 0 DENIED "/usr/bin/dash"
	stops_without_denial TERM
}

@test "python serves files" {
	image python 65534 python3 -m http.server --directory /srv 8000
	echo "it works" >$bundles/python/root/srv/page
	start python
	wait_for 60 curl -fs http://127.0.0.1:8000/page
	run curl -fs http://127.0.0.1:8000/page
	has 0 "it works"
	# As process 1 it does not see SIGTERM.
	stops_without_denial INT
}
