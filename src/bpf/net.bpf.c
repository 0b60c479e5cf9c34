/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net.bpf.c - sockets: which families, where to bind and to connect.
 *
 * Sending to an address without connecting (UDP, and TCP fast open, for which the kernel calls no
 * connect hook) is connecting to it. Accepting is serving under the address that the socket listens
 * on: where a member may not bind, it may not accept either, on a socket that leaked to it or was
 * handed over.
 */

/* Judges a socket, or a message on a netlink socket, by family, type and protocol. */
static __always_inline int vk_judge_socket(struct vk_call *c, u32 family, u32 type, u32 protocol)
{
	struct vk_detail d = {.op = VK_OP_SOCKET};
	u32 bit = 1u << (type & 15), f = family;
	bool allow, audit;

	if (family == AF_NETLINK) {
		f = protocol;
		asm volatile("" : "+r"(f));
		f &= VK_NETLINK - 1; /* the kernel has no others */
		allow = vk_image(c)->netlink_allow[f] & bit;
		audit = vk_image(c)->netlink_audit[f] & bit;
	} else {
		if (f >= VK_FAMILIES)
			f = VK_FAMILIES - 1;
		asm volatile("" : "+r"(f));
		f &= VK_FAMILIES - 1;
		allow = vk_image(c)->socket_allow[f] & bit;
		audit = vk_image(c)->socket_audit[f] & bit;
	}
	if (allow && !audit)
		return 0; /* allow: this family, type and protocol */
	if (!allow)
		d.err = family != AF_NETLINK && vk_image(c)->socket_errno[f] ?
				vk_image(c)->socket_errno[f] :
				EACCES;
	d.arg[0] = family;
	d.arg[1] = type;
	d.arg[2] = protocol;
	return vk_report(c, &d);
}

SEC("lsm/socket_create")
int VK_HOOK_LEAVING(vk_socket, socket_create, none, int family, int type, int protocol, int kern)
{
	struct vk_call c;
	int r;

	if (kern)
		return 0; /* allow: the kernel's own socket */
	r = vk_begin_rules(&c, EACCES);
	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	return vk_judge_socket(&c, family, type, protocol);
}

/* Each message: a rule on a netlink protocol holds for sockets that were made before it, too. */
SEC("lsm/netlink_send")
int BPF_PROG(vk_netlink, struct sock *sk, void *skb)
{
	struct vk_call c;
	int r = vk_begin_rules(&c, EACCES);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	if (!(vk_image(&c)->needs & VK_NEED_NETLINK))
		return 0; /* allow: no rule of this instance names a netlink protocol */
	return vk_judge_socket(&c, AF_NETLINK, sk->sk_type, sk->sk_protocol);
}

/**
 * struct vk_endpoint - what bind and connect rules are matched against
 * @img:     the image
 * @addr:    as in struct vk_net_rule
 * @port:    host byte order
 * @family:  AF_INET or AF_INET6
 * @proto:   IPPROTO_*
 * @op:      VK_NET_BIND or VK_NET_CONNECT
 * @deny:    bit per component: a deny rule matched
 * @allow:   bit per component: an allow rule matched
 * @audit:   an audit rule matched
 * @raw:     a raw socket: protocol, port and even address are what the sender writes, so only
 *           allow rules for every protocol and port count, and every deny rule does
 * @blind:   the address is that of a socket of SMC, which is bound by another one, inside it. It is
 *           not known: only allow rules for every address and port count, and every deny rule does
 */
struct vk_endpoint {
	const u8 *img;
	u32 addr[4];
	u16 port;
	u8 family;
	u8 proto;
	u32 op;
	u32 deny;
	u32 allow;
	u32 audit;
	u32 raw;
	u32 blind;
};

static __always_inline bool vk_prefix_matches(const struct vk_net_rule *rule,
					      const struct vk_endpoint *e)
{
	const u32 *want = (const u32 *)rule->addr;
	int left = rule->prefix;

#pragma unroll
	for (int i = 0; i < 4; i++) {
		u32 mask;

		if (left <= 0)
			return true;
		mask = left >= 32 ? ~0u : ~0u << (32 - left);
		if ((want[i] ^ e->addr[i]) & __builtin_bswap32(mask))
			return false;
		left -= 32;
	}
	return true;
}

static long vk_net_step(u32 i, void *data)
{
	struct vk_endpoint *e = data;
	const struct vk_image *img = (const void *)e->img;
	const struct vk_net_rule *rule;
	u32 bit;

	if (!img || i >= img->n_net)
		return 1;
	i &= VK_NET_RULES - 1;
	rule = &img->net[i];
	if (!(rule->ops & e->op))
		return 0;
	if (e->blind) {
		if ((rule->proto && rule->proto != e->proto) ||
		    (rule->action == VK_NET_ALLOW &&
		     (rule->family || rule->prefix || rule->port_lo || rule->port_hi != 0xffff)))
			return 0;
	} else if ((rule->family && rule->family != e->family) || !vk_prefix_matches(rule, e)) {
		return 0;
	} else if (e->raw) {
		if (rule->action == VK_NET_ALLOW &&
		    (rule->proto || rule->port_lo || rule->port_hi != 0xffff))
			return 0;
	} else if ((rule->proto && rule->proto != e->proto) || e->port < rule->port_lo ||
		   e->port > rule->port_hi) {
		return 0;
	}
	bit = 1u << (rule->component & 31);
	if (rule->action == VK_NET_DENY)
		e->deny |= bit;
	else if (rule->action == VK_NET_ALLOW)
		e->allow |= bit;
	else
		e->audit = 1;
	return 0;
}

/* An IPv4-mapped address is the IPv4 address. */
static __always_inline void vk_unmap(struct vk_endpoint *e)
{
	if (e->addr[0] || e->addr[1] || e->addr[2] != __builtin_bswap32(0xffff))
		return;
	e->family = AF_INET;
	e->addr[0] = e->addr[3];
	e->addr[1] = e->addr[2] = e->addr[3] = 0;
}

/* What an address means depends on the socket: family, protocol, IPv4 address bound to or 0. */
struct vk_socket_facts {
	u16 family;
	u16 proto;
	u32 bound;
	u32 smc;
};

/* A socket around the one that is bound, connected and accepted on; its own address stays 0. */
static __always_inline bool vk_is_smc(struct sock *sk)
{
	return sk->__sk_common.skc_family == AF_SMC || sk->sk_protocol == IPPROTO_SMC;
}

static __always_inline struct vk_socket_facts vk_socket_facts(struct sock *sk)
{
	struct vk_socket_facts f = {
		.family = sk->__sk_common.skc_family,
		.proto = sk->sk_protocol,
		.bound = sk->__sk_common.skc_rcv_saddr,
		.smc = vk_is_smc(sk),
	};

	return f;
}

/* Reads an address; false: not an internet address, or cut short. */
static __always_inline bool vk_read_address(struct vk_endpoint *e, const void *address, int len,
					    const struct vk_socket_facts *sk, bool unspec)
{
	u8 raw[28] = {};
	u16 family;

	if (len < 2)
		return false;
	bpf_probe_read_kernel(raw, 2, address);
	family = *(u16 *)raw;
	/* inet_bind, smc_bind, udp_sendmsg and raw_sendmsg take it so, and rawv6_sendmsg. */
	if (family == AF_UNSPEC && unspec) {
		if (sk->family != AF_INET6)
			family = AF_INET;
		else if (sk->proto != IPPROTO_UDP)
			family = AF_INET6;
	}
	if (family == AF_INET && len >= 16) {
		bpf_probe_read_kernel(raw, 16, address);
		e->family = AF_INET;
		e->addr[0] = *(u32 *)(raw + 4);
	} else if (family == AF_INET6 && len >= 24) {
		bpf_probe_read_kernel(raw, 24, address);
		e->family = AF_INET6;
		e->addr[0] = *(u32 *)(raw + 8);
		e->addr[1] = *(u32 *)(raw + 12);
		e->addr[2] = *(u32 *)(raw + 16);
		e->addr[3] = *(u32 *)(raw + 20);
		vk_unmap(e);
	} else {
		return false;
	}
	/* To connect or send to "any address" is to reach this host: by IPv4, where it is bound. */
	if (e->op == VK_NET_CONNECT && !e->addr[0] && !e->addr[1] && !e->addr[2] && !e->addr[3]) {
		e->blind = sk->smc;
		if (e->family == AF_INET6)
			e->addr[3] = __builtin_bswap32(1);
		else if (sk->bound)
			e->addr[0] = sk->bound;
		else
			e->addr[0] = __builtin_bswap32(0x7f000001);
	}
	e->port = __builtin_bswap16(*(u16 *)(raw + 2));
	return true;
}

#define VK_SENDING 0x100 /* beside VK_NET_CONNECT: a destination, not a connection */
#define VK_ACCEPTING 0x200 /* beside VK_NET_BIND: what is bound */

/* Judges an endpoint whose address is known. */
static __noinline int vk_judge_inet(struct vk_call *c, struct vk_endpoint *e)
{
	const struct vk_image *img = vk_image(c);
	struct vk_detail d = {};
	u32 denied;

	e->img = c->img;
	bpf_loop(VK_NET_RULES, vk_net_step, e, 0);
	denied = e->deny | (img->net_default_deny & ~e->allow);
	if (!denied && !e->audit)
		return 0; /* allow: every component's network section does */
	d.op = e->op & VK_ACCEPTING ? VK_OP_ACCEPT :
	       e->op == VK_NET_BIND ? VK_OP_BIND :
				      VK_OP_CONNECT;
	d.err = denied & img->net_enforce ? EACCES : 0;
	d.arg[0] = e->family;
	d.arg[1] = e->proto;
	d.arg[2] = e->port;
	__builtin_memcpy(d.addr, e->addr, 16);
	return vk_report(c, &d);
}

/* AF_SMC has internet addresses, and is TCP for whoever does not speak it. */
static __always_inline bool vk_is_inet(u16 family)
{
	return family == AF_INET || family == AF_INET6 || family == AF_SMC;
}

static __always_inline u8 vk_protocol(struct sock *sk)
{
	u32 proto = sk->sk_protocol;

	/* All fall back to TCP. */
	return proto == IPPROTO_MPTCP || vk_is_smc(sk) ? IPPROTO_TCP : proto;
}

static __always_inline int vk_check_inet(struct vk_call *c, struct sock *sk, const void *address,
					 int len, u32 op)
{
	struct vk_socket_facts facts = vk_socket_facts(sk);
	struct vk_endpoint e = {.op = op & ~VK_SENDING};

	if (!vk_read_address(&e, address, len, &facts, op != VK_NET_CONNECT))
		return 0; /* allow: AF_UNSPEC dissolves an association; the rest fails by itself */
	e.proto = vk_protocol(sk);
	e.raw = sk->sk_type == SOCK_RAW;
	return vk_judge_inet(c, &e);
}

/* Feeds a kernel string to the automaton from its start: abstract socket names. Leaves it in scratch. */
static __noinline u32 vk_abstract_name(struct vk_call *c, const void *name, u32 len)
{
	struct vk_scratch *s = vk_scratch_take(c->task);

	if (!s)
		return VK_NAME(VK_NAME_LOST, 0);
	s->off = VK_PATH;
	if (!vk_prepend(s, (u64)name, len))
		return VK_NAME(VK_NAME_LOST, 0);
	u64 off = s->off;

	if (off == 0 || off > VK_PATH)
		return VK_NAME(VK_NAME_LOST, 0);
	off--;
	s->buf[off & (VK_PATH - 1)] = '@';
	s->off = off;
	s->class = VK_NAME_KNOWN;
	return vk_feed_scratch(c, VK_NAME_KNOWN);
}

/* Gives scratch back. */
static __always_inline int vk_judge_abstract(struct vk_call *c, u32 op, u32 want, u32 name)
{
	u64 rights = vk_name_rights(c, name);
	u32 missing = want & ~(u32)rights, audit = want & (u32)(rights >> 32);
	struct vk_detail d = {.op = op, .rights = want};
	int r = 0; /* allow, unless a right is missing */

	if (missing || audit) {
		d.err = missing ? EACCES : 0;
		d.missing = missing ? missing : audit;
		d.class = VK_NAME_CLASS(name);
		r = vk_report(c, &d);
	}
	vk_scratch_give_back(c->task);
	return r;
}

SEC("lsm/socket_bind")
int VK_HOOK(vk_bind, socket_bind, none, struct socket *sock, void *address, int len)
{
	struct sock *sk = sock->sk;
	struct vk_call c;
	char zero = 1;
	u16 family;
	int r = vk_begin_rules(&c, EACCES);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	if (!sk)
		return -EACCES; /* deny: nothing to bind */
	family = sk->__sk_common.skc_family;
	if (vk_is_inet(family))
		return vk_check_inet(&c, sk, address, len, VK_NET_BIND);
	if (family != AF_UNIX || len <= 2)
		return 0; /* allow: autobind, or a family that socket rules govern */
	bpf_probe_read_kernel(&zero, 1, address + 2);
	if (zero)
		return 0; /* allow: a path, which path_mknod checks */
	return vk_judge_abstract(&c, VK_OP_UNIX_BIND, VK_R_UNIX_BIND,
				 vk_abstract_name(&c, address + 3, len - 3));
}

/* Listening on a socket that is not bound binds it to any address and a port of the kernel's. */
SEC("lsm/socket_listen")
int VK_HOOK(vk_listen, socket_listen, none, struct socket *sock, int backlog)
{
	struct vk_endpoint e = {.op = VK_NET_BIND};
	struct sock *sk = sock->sk;
	struct vk_call c;
	u16 family;
	int r;

	if (!sk)
		return -EACCES; /* deny: nothing to listen on */
	family = sk->__sk_common.skc_family;
	if (!vk_is_inet(family) || sk->__sk_common.skc_num)
		return 0; /* allow: no internet socket, or bound before, which was checked */
	r = vk_begin_rules(&c, EACCES);
	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	e.family = family == AF_INET6 ? AF_INET6 : AF_INET;
	e.proto = vk_protocol(sk);
	e.raw = sk->sk_type == SOCK_RAW;
	e.blind = vk_is_smc(sk);
	return vk_judge_inet(&c, &e);
}

SEC("lsm/socket_connect")
int VK_HOOK(vk_connect, socket_connect, none, struct socket *sock, void *address, int len)
{
	struct sock *sk = sock->sk;
	struct vk_call c;
	u16 family;
	int r = vk_begin_rules(&c, EACCES);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	if (!sk)
		return -EACCES; /* deny: nothing to connect */
	family = sk->__sk_common.skc_family;
	if (!vk_is_inet(family))
		return 0; /* allow: unix sockets are checked by their peer, the rest by family */
	return vk_check_inet(&c, sk, address, len, VK_NET_CONNECT);
}

/* A function of its own, so that messages without an address save no registers for it. */
static __noinline int vk_check_message(struct socket *sock, struct msghdr *msg)
{
	struct vk_call c;
	struct sock *sk;
	u16 family;
	int r = vk_begin_rules(&c, EACCES);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	sk = sock->sk;
	if (!sk)
		return -EACCES; /* deny: nothing to send from */
	family = sk->__sk_common.skc_family;
	if (!vk_is_inet(family))
		return 0; /* allow: as in vk_connect */
	return vk_check_inet(&c, sk, msg->msg_name, msg->msg_namelen, VK_NET_CONNECT | VK_SENDING);
}

SEC("lsm/socket_sendmsg")
int VK_HOOK(vk_sendmsg, socket_sendmsg, none, struct socket *sock, struct msghdr *msg, int size)
{
	if (!msg->msg_name)
		return 0; /* allow: to where it is connected, which was checked */
	return vk_check_message(sock, msg);
}

/* A name as autobind gives it, which no rule speaks of: five digits. */
static __always_inline bool vk_is_autobound(struct unix_address *addr)
{
	u8 name[5] = {};

	bpf_probe_read_kernel(name, sizeof(name), (void *)addr->name + 3);
#pragma unroll
	for (int i = 0; i < 5; i++)
		if ((name[i] < '0' || name[i] > '9') && (name[i] < 'a' || name[i] > 'f'))
			return false;
	return addr->len == 8;
}

/* A socket is judged by its own name, so renaming or bind-mounting it changes nothing. */
static __always_inline int vk_judge_unix(struct vk_call *c, struct sock *sk, u32 op, u32 want)
{
	struct unix_sock *unix = bpf_skc_to_unix_sock(sk);
	struct unix_address *addr;
	struct dentry *dentry;
	int len;

	if (!(vk_image(c)->needs & VK_NEED_UNIX))
		return 0; /* allow: all names of this instance grant all, also what has none */
	if (!unix)
		return 0; /* allow: not a unix socket */
	dentry = unix->path.dentry;
	if (dentry)
		return vk_judge(c, op, want, vk_rights_at(c, dentry, unix->path.mnt), EACCES,
				dentry, unix->path.mnt);
	addr = unix->addr;
	if (!addr)
		return 0; /* allow: unnamed: its descriptor was handed over */
	len = addr->len;
	if (len <= 3)
		return 0; /* allow: no name to speak of */
	if (want == VK_R_UNIX_BIND && vk_is_autobound(addr))
		return 0; /* allow: as binding was */
	/* name[0] is a family, a NUL, and the name */
	return vk_judge_abstract(c, op, want, vk_abstract_name(c, (void *)addr->name + 3, len - 3));
}

static __always_inline int vk_check_peer(struct sock *other)
{
	struct vk_call c;
	int r = vk_begin_rules(&c, EACCES);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	if (!other)
		return -EACCES; /* deny: the peer is gone */
	return vk_judge_unix(&c, other, VK_OP_UNIX_CONNECT, VK_R_UNIX_CONNECT);
}

SEC("lsm/unix_stream_connect")
int VK_HOOK(vk_unix_stream, unix_stream_connect, stream, struct sock *sock, struct sock *other,
	    struct sock *newsk)
{
	return vk_check_peer(other);
}

SEC("lsm/unix_may_send")
int VK_HOOK(vk_unix_send, unix_may_send, dgram, struct socket *sock, struct socket *other)
{
	return vk_check_peer(other->sk);
}

/*
 * The address that the socket listens on, as bind(2) was asked for it: a port that the kernel picked
 * is port 0. Of other protocols than TCP it is not known who picked it.
 */
static __noinline int vk_accept_inet(struct vk_call *c, struct sock *sk)
{
	struct vk_endpoint e = {.op = VK_NET_BIND | VK_ACCEPTING};

	e.family = sk->__sk_common.skc_family == AF_INET6 ? AF_INET6 : AF_INET;
	if (e.family == AF_INET) {
		e.addr[0] = sk->__sk_common.skc_rcv_saddr;
	} else {
		e.addr[0] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[0];
		e.addr[1] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[1];
		e.addr[2] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[2];
		e.addr[3] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[3];
		vk_unmap(&e);
	}
	e.proto = vk_protocol(sk);
	e.blind = vk_is_smc(sk);
	if (sk->sk_protocol != IPPROTO_TCP ||
	    BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDPORT_LOCK)
		e.port = sk->__sk_common.skc_num;
	return vk_judge_inet(c, &e);
}

SEC("lsm/socket_accept")
int VK_HOOK(vk_accept, socket_accept, none, struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct vk_call c;
	u16 family;
	int r = vk_begin_rules(&c, EACCES);

	if (r <= 0)
		return r; /* allow: not a member; deny: no rules */
	if (!(vk_image(&c)->needs & VK_NEED_ACCEPT))
		return 0; /* allow: no rule of this instance speaks of binding */
	if (!sk)
		return -EACCES; /* deny: nothing to accept on */
	family = sk->__sk_common.skc_family;
	if (vk_is_inet(family))
		return vk_accept_inet(&c, sk);
	if (family == AF_UNIX)
		return vk_judge_unix(&c, sk, VK_OP_ACCEPT, VK_R_UNIX_BIND);
	return 0; /* allow: a family that socket rules govern */
}
