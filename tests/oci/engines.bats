#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Docker, podman and containerd: needs root, and a guest with engines.

setup_file() {
	load lib.bash
	install_vkernel
	make_root /tmp/root
	echo program >/tmp/root/program
	echo layer >/tmp/root/layer
	# As for Docker, no overlay on the overlay that is the guest's root.
	mkdir -p /var/lib/containers
	mount -t tmpfs storage /var/lib/containers
	vkernel setup podman
	vkernel setup cdi
	mkdir -p /etc/containers
	cat >/etc/containers/containers.conf <<END
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
[containers]
netns = "none"
END
}

teardown_file() {
	stop_docker
	vkernel rm keep
}

setup() {
	load lib.bash
	rm -f /etc/vkernel/runtime.conf
	containerd=/run/docker/containerd/containerd.sock
	podman=(podman --storage-driver vfs)
	by_annotation=(--annotation io.vkernel.policy=no-secret --rootfs /tmp/root)
}

@test "docker: run, exec, restart and rm; and why a container does not start" {
	start_docker
	tar -C /tmp/root -c . | docker import - box
	echo 'policy = no-secret' >/etc/vkernel/runtime.conf
	docker run --runtime vkernel -d --name web --network none box sleep 1000
	run docker exec web sh -c 'cat /secret; cat /other'
	has 0 "can't open '/secret': Permission denied" other
	run vkernel events --json
	has 0 "\"container\":\"$(docker inspect -f '{{.Id}}' web)\"" '"container_name":"web"'
	run vkernel ps --quiet --container web
	has 0 "$(docker inspect -f '{{.Id}}' web)"
	docker restart -t 0 web
	run docker exec web cat /secret
	has 1 "Permission denied"
	id=$(docker inspect -f '{{.Id}}' web)
	vkernel events >/dev/null
	run docker exec web cat /secret
	docker rm -f web
	nothing_left
	run vkernel events --json
	has 0 "\"container\":\"$id\"" '"container_name":"web"'
	echo 'policy = bad' >/etc/vkernel/runtime.conf
	run docker run --runtime vkernel --rm --network none box cat /other
	has 125 "/etc/vkernel/policies/bad.yaml:3:1"
	echo 'runtime = /no/runc' >/etc/vkernel/runtime.conf
	run docker run --runtime vkernel --rm --network none box cat /other
	has 125 "the runtime /no/runc cannot be executed"
	nothing_left
}

@test "docker: a user in a container pushes a program and a layer onto it, and nobody else is bound" {
	policy layer /layer
	cat >/etc/vkernel/policies/pushy.yaml <<-END
		vkernel: 1
		name: pushy
		use: [container-default]
		push: {layers: 1, programs: 1}
	END
	echo 'policy = pushy' >/etc/vkernel/runtime.conf
	vkerneld >/tmp/vkerneld 2>&1 3>&- &
	broker=$!
	wait_for 60 test -S /run/vkernel/broker.sock
	mkdir /tmp/push
	cp "$(command -v vkernel)" /src/build/tests/kernel/deny_open.bpf.o \
		/etc/vkernel/policies/layer.yaml /tmp/push
	for name in pusher sibling; do
		docker run --runtime vkernel -d --name $name --network none --user 1000:1000 \
			-v /tmp/push:/push:ro -v /lib:/lib:ro -v /lib64:/lib64:ro -v /usr/lib:/usr/lib:ro \
			box sleep 1000
	done
	# The engine does not keep the order of two streams.
	run docker exec pusher sh -c 'exec 2>&1
		cat /program /layer
		/push/vkernel push /push/deny_open.bpf.o && cat /program; cat /layer
		/push/vkernel push /push/layer.yaml && cat /layer; cat /other'
	has 0 "program
layer
cat: can't open '/program': Disk quota exceeded
layer
cat: can't open '/layer': Permission denied
other"
	run docker exec pusher cat /program
	has 1 "Disk quota exceeded"
	run docker exec sibling cat /program /layer
	has 0 "program
layer"
	[ "$(cat /tmp/root/program /tmp/root/layer)" = "program
layer" ]
	kill $broker
	wait $broker || true
	run docker exec pusher sh -c 'cat /layer; cat /program'
	has 1 "Permission denied" "Disk quota exceeded"
	docker rm -f pusher sibling
	rm -r /run/vkernel/broker.sock /tmp/push
	nothing_left
}

@test "containerd: ctr run with the wrapper" {
	run ctr -a $containerd run --rm --runc-binary $runtime --annotation \
		io.vkernel.policy=no-secret --rootfs /tmp/root box /bin/sh -c '/bin/cat /secret; /bin/cat /other'
	has 0 "can't open '/secret': Permission denied" other
	nothing_left
}

@test "podman: run, exec, a health check and rm with the wrapper" {
	"${podman[@]}" --runtime vkernel run -d --name web --health-cmd 'cat /secret' \
		--health-interval disable "${by_annotation[@]}" sleep 1000 3>&-
	run "${podman[@]}" --runtime vkernel exec web sh -c 'cat /secret; cat /other'
	has 0 "can't open '/secret': Permission denied" other
	run vkernel ps --quiet --container web
	has 0 "$("${podman[@]}" inspect -f '{{.Id}}' web)"
	# A check of its health is a member, too.
	vkernel events >/dev/null
	run "${podman[@]}" --runtime vkernel healthcheck run web
	has 1 unhealthy
	run vkernel events --json --container web
	has 0 '"path":"/secret"'
	"${podman[@]}" --runtime vkernel rm -f -t 0 web
	nothing_left
}

@test "podman: hooks.d alone, with crun and with runc, and a CDI device" {
	run "${podman[@]}" --runtime crun run --rm "${by_annotation[@]}" cat /secret
	has 1 "Permission denied"
	run "${podman[@]}" --runtime runc run --rm "${by_annotation[@]}" cat /secret
	has 1 "Permission denied"
	run "${podman[@]}" run --rm --device vkernel.io/policy=no-secret --rootfs /tmp/root cat /secret
	has 1 "Permission denied"
	nothing_left
}
