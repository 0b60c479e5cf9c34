// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sockets: other names of a unix socket, ways to send without connecting, leaked listeners. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "live.h"

#define SOCKET_PATH "/tmp/k/run/denied.sock"

static socklen_t unix_address(const char *name, struct sockaddr_un *ret)
{
	size_t len = strlen(name);

	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	memcpy(ret->sun_path, name, len);
	if (*name != '@')
		return sizeof(*ret);
	ret->sun_path[0] = '\0';
	return offsetof(struct sockaddr_un, sun_path) + len;
}

static int serve(const char *name, int type)
{
	struct sockaddr_un addr;
	socklen_t len = unix_address(name, &addr);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	ASSERT(bind(fd, (void *)&addr, len) == 0);
	if (type == SOCK_STREAM)
		ASSERT(listen(fd, 5) == 0);
	return fd;
}

/* The errno of reaching @name. */
static int reach(const char *name, int type, bool send)
{
	struct sockaddr_un addr;
	socklen_t len = unix_address(name, &addr);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0), r;

	r = send ? (int)sendto(fd, "x", 1, 0, (void *)&addr, len) : connect(fd, (void *)&addr, len);
	r = r < 0 ? errno : 0;
	close(fd);
	return r;
}

#define UNIX_POLICY                                                                                \
	"network: {default: allow, deny: [{connect: 'unix:/tmp/k/run/denied*'}, "                  \
	"{connect: 'unix:@denied*'}]}"

static void other_names(void *arg)
{
	int fd;

	(void)arg;
	CHECK_EQ(reach(SOCKET_PATH, SOCK_STREAM, false), EACCES);
	CHECK_ERRNO(symlink(SOCKET_PATH, "/tmp/k/ok.sock"), 0);
	CHECK_EQ(reach("/tmp/k/ok.sock", SOCK_STREAM, false), EACCES);
	fd = open(SOCKET_PATH, O_PATH | O_CLOEXEC);
	CHECK_EQ(reach(live_fd_path(fd), SOCK_STREAM, false), EACCES);
	CHECK_EQ(reach("/proc/self/root" SOCKET_PATH, SOCK_STREAM, false), EACCES);
	ASSERT(chdir("/tmp/k/run") == 0);
	CHECK_EQ(reach("denied.sock", SOCK_STREAM, false), EACCES);
	CHECK_ERRNO(rename(SOCKET_PATH, "/tmp/k/run/x"), EXDEV);
	CHECK_ERRNO(link(SOCKET_PATH, "/tmp/k/run/x"), EXDEV);
	CHECK_ERRNO(mount("/tmp/k/run", "/tmp/k/other", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(reach("/tmp/k/other/denied.sock", SOCK_STREAM, false), EACCES);
	CHECK_ERRNO(mount(SOCKET_PATH, "/tmp/k/run/allowed", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(reach("/tmp/k/run/allowed", SOCK_STREAM, false), EACCES);
}
LIVE_TEST(unix_socket_by_other_names)
{
	int fd;

	live_policy(UNIX_POLICY);
	live_dir("/tmp/k/run");
	live_dir("/tmp/k/other");
	live_file("/tmp/k/run/allowed", "");
	fd = serve(SOCKET_PATH, SOCK_STREAM);
	live_run(other_names, NULL);
	close(fd);
}

static void datagrams(void *arg)
{
	(void)arg;
	CHECK_EQ(reach("/tmp/k/run/denied", SOCK_DGRAM, false), EACCES);
	CHECK_EQ(reach("/tmp/k/run/denied", SOCK_DGRAM, true), EACCES);
	CHECK_EQ(reach("/tmp/k/run/ok", SOCK_DGRAM, true), 0);
	CHECK_EQ(reach("@denied-abstract", SOCK_DGRAM, true), EACCES);
	CHECK_EQ(reach("@denied-abstract", SOCK_DGRAM, false), EACCES);
	CHECK_EQ(reach("@ok-abstract", SOCK_DGRAM, true), 0);
}
LIVE_TEST(unix_datagrams_and_abstract_names)
{
	live_policy(UNIX_POLICY);
	live_dir("/tmp/k/run");
	serve("/tmp/k/run/denied", SOCK_DGRAM);
	serve("/tmp/k/run/ok", SOCK_DGRAM);
	serve("@denied-abstract", SOCK_DGRAM);
	serve("@ok-abstract", SOCK_DGRAM);
	live_run(datagrams, NULL);
}

/* ---- internet ---- */

static const struct sockaddr_in no_in = {.sin_family = AF_INET,
					 .sin_port = 0x5000, /* any */
					 .sin_addr.s_addr = 0x0200007f};

#define INET_POLICY                                                                                \
	"network: {default: allow, deny: [{connect: any, to: 127.0.0.2}, {bind: 'tcp/0-65535'}]}"

static void send_unconnected(void *arg)
{
	struct sockaddr_in addr = no_in;
	struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = addr.sin_port};
	struct iovec iov = {(char *)(uintptr_t) "x", 1};
	struct mmsghdr mm = {.msg_hdr = {.msg_name = &addr,
					 .msg_namelen = sizeof(addr),
					 .msg_iov = &iov,
					 .msg_iovlen = 1}};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int v6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)arg;
	CHECK_ERRNO(connect(fd, (void *)&addr, sizeof(addr)), EACCES);
	CHECK_ERRNO(sendto(fd, "x", 1, 0, (void *)&addr, sizeof(addr)), EACCES);
	CHECK_ERRNO(sendmmsg(fd, &mm, 1, 0), EACCES);
	inet_pton(AF_INET6, "::ffff:127.0.0.2", &mapped.sin6_addr);
	CHECK_ERRNO(sendto(v6, "x", 1, 0, (void *)&mapped, sizeof(mapped)), EACCES);
	CHECK_ERRNO(sendto(v6, "x", 1, 0, (void *)&addr, sizeof(addr)), EACCES);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_ERRNO(sendto(fd, "x", 1, 0, (void *)&addr, sizeof(addr)), 0);
}
LIVE_TEST(udp_without_connect)
{
	live_policy(INET_POLICY);
	live_run(send_unconnected, NULL);
}

/* udp_sendmsg() and raw_sendmsg() take AF_UNSPEC for AF_INET. */
static void send_unspec(void *arg)
{
	struct sockaddr_in addr = no_in;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 253);

	(void)arg;
	addr.sin_family = AF_UNSPEC;
	CHECK_ERRNO(sendto(fd, "x", 1, 0, (void *)&addr, sizeof(addr)), EACCES);
	CHECK_ERRNO(sendto(raw, "x", 1, 0, (void *)&addr, sizeof(addr)), EACCES);
}
LIVE_TEST(udp_to_an_unspecified_family)
{
	live_policy(INET_POLICY);
	live_run(send_unspec, NULL);
}

/* rawv6_sendmsg() takes AF_UNSPEC for AF_INET6. */
static void send_unspec6(void *arg)
{
	struct sockaddr_in6 addr = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int raw = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, 253);

	(void)arg;
	CHECK_ERRNO(sendto(raw, "x", 1, 0, (void *)&addr, sizeof(addr)), EACCES);
	addr.sin6_family = AF_UNSPEC;
	CHECK_ERRNO(sendto(raw, "x", 1, 0, (void *)&addr, sizeof(addr)), EACCES);
}
LIVE_TEST(raw_ipv6_to_an_unspecified_family)
{
	live_policy("network: {default: allow, deny: [{connect: any, to: '::1'}]}");
	live_run(send_unspec6, NULL);
}

/* "Any address" is the loopback address, or the source address that a socket is bound to. */
static void connect_to_any(void *arg)
{
	struct sockaddr_in addr = no_in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int dgram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)arg;
	addr.sin_port = 0;
	CHECK_ERRNO(bind(fd, (void *)&addr, sizeof(addr)), 0);
	CHECK_ERRNO(bind(dgram, (void *)&addr, sizeof(addr)), 0);
	addr.sin_addr.s_addr = 0;
	addr.sin_port = no_in.sin_port;
	CHECK_ERRNO(connect(fd, (void *)&addr, sizeof(addr)), EACCES);
	CHECK_ERRNO(sendto(dgram, "x", 1, 0, (void *)&addr, sizeof(addr)), EACCES);
}
LIVE_TEST(any_address_of_a_bound_socket)
{
	live_policy("network: {default: allow, deny: [{connect: any, to: 127.0.0.2}]}");
	live_run(connect_to_any, NULL);
}

static void tcp(void *arg)
{
	struct sockaddr_in addr = no_in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	int mptcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 262);

	(void)arg;
	CHECK_ERRNO(connect(fd, (void *)&addr, sizeof(addr)), EACCES);
	CHECK_ERRNO(sendto(fd, "x", 1, MSG_FASTOPEN, (void *)&addr, sizeof(addr)), EACCES);
	setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one));
	CHECK_ERRNO(connect(fd, (void *)&addr, sizeof(addr)), EACCES);
	if (mptcp >= 0)
		CHECK_ERRNO(connect(mptcp, (void *)&addr, sizeof(addr)), EACCES);
}
LIVE_TEST(tcp_fast_open)
{
	live_policy(INET_POLICY);
	live_run(tcp, NULL);
}

/* ---- accepting ---- */

static int listen_inet(int family, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, family == AF_INET ? (void *)&in : (void *)&in6,
		 family == AF_INET ? sizeof(in) : sizeof(in6)) < 0 ||
	    listen(fd, 5) < 0)
		return -1;
	return fd;
}

/* Nobody connects: who gets as far as to wait has been let through. */
static int accept_on(int fd)
{
	return accept4(fd, NULL, NULL, SOCK_NONBLOCK) < 0 ? errno : 0;
}

enum { HOST_80, HOST_81, HOST_SIX_81, HOST_PICKED, HOST_PATH, HOST_ABSTRACT, HOSTS };
static int leaked[HOSTS];

static void leak_all(void)
{
	leaked[HOST_80] = listen_inet(AF_INET, 7080);
	leaked[HOST_81] = listen_inet(AF_INET, 7081);
	leaked[HOST_SIX_81] = listen_inet(AF_INET6, 7082);
	leaked[HOST_PICKED] = listen_inet(AF_INET, 0);
	live_dir("/tmp/k/run");
	leaked[HOST_PATH] = serve("/tmp/k/run/host.sock", SOCK_STREAM);
	leaked[HOST_ABSTRACT] = serve("@host", SOCK_STREAM);
	for (int i = 0; i < HOSTS; i++)
		ASSERT(leaked[i] >= 0 && fcntl(leaked[i], F_SETFL, O_NONBLOCK) == 0);
}

static void default_denies(void *arg)
{
	static const struct sockaddr_un nameless = {.sun_family = AF_UNIX};
	int fd;

	(void)arg;
	CHECK_EQ(accept_on(leaked[HOST_80]), EAGAIN); /* may be bound, so may be served */
	CHECK_EQ(accept_on(leaked[HOST_81]), EACCES);
	CHECK_EQ(accept_on(leaked[HOST_SIX_81]), EACCES);
	CHECK_EQ(accept_on(leaked[HOST_PICKED]), EAGAIN);
	CHECK_EQ(accept_on(leaked[HOST_PATH]), EACCES);
	CHECK_EQ(accept_on(leaked[HOST_ABSTRACT]), EACCES);
	/* What it may bind it serves, by whatever port the kernel picks. */
	fd = listen_inet(AF_INET, 0);
	CHECK_EQ(accept_on(fd), EAGAIN);
	close(fd);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CHECK_ERRNO(listen(fd, 5), 0);
	CHECK_EQ(accept_on(fd), EAGAIN);
	close(fd);
	fd = serve("@own", SOCK_STREAM);
	ASSERT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	CHECK_EQ(accept_on(fd), EAGAIN);
	close(fd);
	fd = serve("/tmp/k/run/own.sock", SOCK_STREAM);
	ASSERT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	CHECK_EQ(accept_on(fd), EAGAIN);
	close(fd);
	/* autobind */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ASSERT(bind(fd, (const void *)&nameless, sizeof(sa_family_t)) == 0 && listen(fd, 5) == 0);
	CHECK_EQ(accept_on(fd), EAGAIN);
}
LIVE_TEST(accept_where_it_may_bind)
{
	leak_all();
	live_policy("network: {default: deny, allow: [{bind: [tcp/7080, tcp/0]}, {bind: "
		    "['unix:/tmp/k/run/own.sock', 'unix:@own']}, {socket: [inet, inet6, unix]}]}");
	live_run(default_denies, NULL);
	CHECK_EQ(live_counters().denied, 4);
}

static void some_denied(void *arg)
{
	(void)arg;
	CHECK_EQ(accept_on(leaked[HOST_80]), EAGAIN);
	CHECK_EQ(accept_on(leaked[HOST_81]), EACCES);
	CHECK_EQ(accept_on(leaked[HOST_SIX_81]), EAGAIN);
	CHECK_EQ(accept_on(leaked[HOST_PICKED]), EAGAIN);
	CHECK_EQ(accept_on(leaked[HOST_PATH]), EACCES);
	CHECK_EQ(accept_on(leaked[HOST_ABSTRACT]), EAGAIN);
}
static void none_denied(void *arg)
{
	(void)arg;
	for (int i = 0; i < HOSTS; i++)
		CHECK_EQ(accept_on(leaked[i]), EAGAIN);
}
LIVE_TEST(accept_where_binding_is_not_denied)
{
	leak_all();
	live_policy("network: {default: allow, deny: [{bind: tcp/7081-7082, on: 127.0.0.0/8}, "
		    "{bind: 'unix:/tmp/k/run/*'}]}");
	live_run(some_denied, NULL);
	CHECK_EQ(live_counters().denied, 2);
	/* Without a rule on their names, unix sockets need none. */
	live_update("network: {default: allow, deny: [{bind: tcp/1}]}");
	live_run(none_denied, NULL);
	CHECK_EQ(live_counters().denied, 2);
}

/* AF_SMC is TCP for whoever does not speak it. */
static void smc(void *arg)
{
	struct sockaddr_in addr = no_in, any = {.sin_family = AF_INET};
	int fd = *(const int *)arg;

	CHECK_ERRNO(connect(fd, (void *)&addr, sizeof(addr)), EACCES);
	CHECK_ERRNO(sendto(fd, "x", 1, MSG_FASTOPEN, (void *)&addr, sizeof(addr)), EACCES);
	CHECK_ERRNO(bind(fd, (void *)&any, sizeof(any)), EACCES);
	any.sin_family = AF_UNSPEC;
	CHECK_ERRNO(bind(fd, (void *)&any, sizeof(any)), EACCES);
	CHECK_ERRNO(listen(fd, 1), EACCES);
}
/* The address that counts is that of a socket inside. Who may not serve one may serve none. */
static void smc_accept(void *arg)
{
	const int *fds = arg;

	CHECK_EQ(accept_on(fds[0]), EACCES);
	CHECK_ERRNO(listen(fds[1], 1), EACCES);
	CHECK_EQ(accept_on(listen_inet(AF_INET, 0)), EAGAIN);
}
static void smc_allowed(void *arg)
{
	CHECK_EQ(accept_on(*(const int *)arg), EAGAIN);
}
LIVE_TEST(accept_by_another_family)
{
	struct sockaddr_in addr = no_in;
	int fds[] = {socket(AF_SMC, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
		     socket(AF_SMC, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};

	if (fds[0] < 0 && errno == EAFNOSUPPORT)
		SKIP("this kernel has no AF_SMC");
	ASSERT(fds[0] >= 0 && fds[1] >= 0);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ASSERT(bind(fds[0], (void *)&addr, sizeof(addr)) == 0 && listen(fds[0], 5) == 0);
	live_policy("network: {default: deny, allow: [{bind: [tcp/0, tcp/7080]}, "
		    "{bind: 'tcp/0-65535', on: 0.0.0.0}, {socket: [inet, smc]}]}");
	live_run(smc_accept, fds);
	live_update("network: {default: allow, deny: [{bind: tcp/7081}]}");
	live_run(smc_accept, fds);
	live_update("network: {default: deny, allow: [{bind: 'tcp/0-65535'}]}");
	live_run(smc_allowed, fds);
	close(fds[0]);
	close(fds[1]);
}
LIVE_TEST(tcp_by_another_family)
{
	int fd = socket(AF_SMC, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 && errno == EAFNOSUPPORT)
		SKIP("this kernel has no AF_SMC");
	ASSERT(fd >= 0);
	live_policy(INET_POLICY);
	live_run(smc, &fd);
	close(fd);
}
