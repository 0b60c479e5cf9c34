// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sockets: dangerous families and protocols, and services that are root of the host. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "attack.h"
#include "cleanup.h"

static int try_socket(int family, int type, int protocol)
{
	_cleanup_close_ int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	return attack_errno(fd);
}

#define FAMILY .hook = "socket_create", .op = VK_OP_SOCKET, .err = EACCES, .plain = EVERYWHERE

ATTACK(af_alg, .against = "CVE-2026-31431", .primitive = "socket(2) to the kernel's cryptography",
       .policy = "use: no-af-alg", .rule = "no-af-alg: deny {socket: alg}", FAMILY)
{
	return try_socket(AF_ALG, SOCK_SEQPACKET, 0);
}
ATTACK(pf_key, .against = "CVE-2026-43284", .primitive = "socket(2) to IPsec's state, PF_KEY",
       .policy = "use: dirty-frag", .rule = "dirty-frag: deny {socket: key}",
       .hook = "socket_create", .op = VK_OP_SOCKET, .err = EACCES, .plain = PRIVILEGED)
{
	return try_socket(AF_KEY, SOCK_RAW, 2 /* PF_KEY_V2 */);
}
ATTACK(netlink_xfrm, .against = "CVE-2026-43284",
       .primitive = "socket(2) to IPsec's state, netlink", .policy = "use: dirty-frag",
       .rule = "dirty-frag: deny {socket: netlink/xfrm}", FAMILY)
{
	return try_socket(AF_NETLINK, SOCK_RAW, NETLINK_XFRM);
}
ATTACK(rxrpc, .against = "CVE-2026-43500", .primitive = "socket(2) for RxRPC",
       .policy = "use: dirty-frag", .rule = "dirty-frag: deny {socket: rxrpc}", FAMILY)
{
	return try_socket(AF_RXRPC, SOCK_DGRAM, AF_INET);
}
ATTACK(packet_socket, .against = "CVE-2020-14386", .primitive = "socket(2) for raw packets",
       .policy = "network: {default: allow, deny: [{socket: packet}]}",
       .rule = "test: deny {socket: packet}", FAMILY)
{
	return try_socket(AF_PACKET, SOCK_RAW, 0);
}
ATTACK(vsock, .against = "hypervisor sockets", .primitive = "socket(2) past network namespaces",
       .policy = "use: container-default", .rule = "container-default: deny {socket: vsock}",
       FAMILY)
{
	return try_socket(AF_VSOCK, SOCK_STREAM, 0);
}

static int netfilter_in_userns(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return errno;
	return try_socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
}
ATTACK(nf_tables_in_a_user_namespace, .against = "CVE-2024-1086",
       .primitive = "unshare(2) of user and network namespace, netfilter socket",
       .policy = "use: nf-tables", .rule = "nf-tables: userns: deny", .hook = "userns_create",
       .op = VK_OP_USERNS, .err = EPERM, .plain = EVERYWHERE)
{
	return attack_child(netfilter_in_userns);
}

/* A socket that the container had before the rule set was applied. */
static int netfilter = -1;
static void open_netfilter(void)
{
	if (netfilter < 0)
		netfilter = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	ASSERT(netfilter >= 0);
}
ATTACK(nf_tables_by_an_old_socket, .against = "CVE-2024-1086",
       .primitive = "send(2) on a netfilter socket from before", .policy = "use: nf-tables",
       .rule = "nf-tables: deny {socket: netlink/netfilter}", .hook = "netlink_send",
       .op = VK_OP_SOCKET, .err = EACCES, .plain = EVERYWHERE, .prepare = open_netfilter)
{
	struct nlmsghdr nothing = {.nlmsg_len = sizeof(nothing), .nlmsg_type = NLMSG_NOOP};

	return attack_errno(send(netfilter, &nothing, sizeof(nothing), 0));
}

/* ---- unix sockets ---- */

static int connect_unix(const char *name, size_t len)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	memcpy(addr.sun_path, name, len);
	return attack_errno(connect(fd, (void *)&addr,
				    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)));
}
static int listen_unix(const char *name, size_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	memcpy(addr.sun_path, name, len);
	ASSERT(bind(fd, (void *)&addr, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) ==
	       0);
	ASSERT(listen(fd, 8) == 0);
	return fd;
}

static const char docker[] = "/tmp/k/run/docker.sock", shim[] = "\0/containerd-shim/k8s/shim.sock";
static void run_docker(void)
{
	live_dir("/tmp/k/run");
	if (access(docker, F_OK) < 0)
		listen_unix(docker, sizeof(docker));
}
ATTACK(docker_socket, .against = "docker.sock", .primitive = "connect(2) to the engine",
       .policy = "use: runtime-sockets",
       .rule = "runtime-sockets: deny [unix-connect] "
	       "/**/{docker,dockershim,containerd,cri-dockerd,crio,podman,buildkitd}.sock",
       .hook = "unix_stream_connect", .op = VK_OP_UNIX_CONNECT, .err = EACCES, .plain = EVERYWHERE,
       .prepare = run_docker)
{
	return connect_unix(docker, sizeof(docker));
}

static void run_shim(void)
{
	static bool running;

	if (!running)
		listen_unix(shim, sizeof(shim) - 1);
	running = true;
}
ATTACK(abstract_shim_socket, .against = "CVE-2020-15257",
       .primitive = "connect(2) to an abstract socket of the host",
       .policy = "use: runtime-sockets",
       .rule = "runtime-sockets: deny [unix-connect] @/containerd-shim/*",
       .hook = "unix_stream_connect", .op = VK_OP_UNIX_CONNECT, .err = EACCES, .plain = PRIVILEGED,
       .prepare = run_shim)
{
	return connect_unix(shim, sizeof(shim) - 1);
}

/* ---- listening sockets that leaked ---- */

static int service_fd = -1, named_fd = -1;
static const char leaked_name[] = "\0vkernel-leaked";

int leaked_service(void)
{
	return service_fd;
}

/* A server of the host, on a port of its own, whose socket the container has; a client waits. */
void leak_service(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_port = htons(7011),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (service_fd < 0) {
		service_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		setsockopt(service_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		ASSERT(bind(service_fd, (void *)&addr, sizeof(addr)) == 0);
		ASSERT(listen(service_fd, 8) == 0);
	}
	ASSERT(connect(client, (void *)&addr, sizeof(addr)) == 0);
}
static int accept_on(int fd)
{
	_cleanup_close_ int made = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	return attack_errno(made);
}
ATTACK(leaked_service, .against = "leaked sockets",
       .primitive = "accept(2) on a listening socket of the host",
       .policy = "network: {default: deny, allow: [{bind: tcp/80}]}",
       .rule = "test: default of network: deny", .hook = "socket_accept", .op = VK_OP_ACCEPT,
       .err = EACCES, .plain = EVERYWHERE, .prepare = leak_service)
{
	return accept_on(service_fd);
}

static void leak_named(void)
{
	if (named_fd < 0)
		named_fd = listen_unix(leaked_name, sizeof(leaked_name) - 1);
	ASSERT(connect_unix(leaked_name, sizeof(leaked_name) - 1) == 0);
}
ATTACK(leaked_unix_service, .against = "leaked sockets",
       .primitive = "accept(2) on a unix socket of the host",
       .policy = "network: {default: allow, deny: [{bind: 'unix:@vkernel-*'}]}",
       .rule = "test: deny [unix-bind] @vkernel-*", .hook = "socket_accept", .op = VK_OP_ACCEPT,
       .err = EACCES, .plain = EVERYWHERE, .prepare = leak_named)
{
	return accept_on(named_fd);
}
