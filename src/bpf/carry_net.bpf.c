/* SPDX-License-Identifier: GPL-2.0-only */
/* carry_net.bpf.c - carriers of the hooks of sockets: see carry.h */

/* ---- sockets ---- */

SEC("lsm/socket_create")
int BPF_PROG(vk_c_socket_create, int family, int type, int protocol, int kern)
{
	if (kern)
		return 0; /* allow: the kernel's own */
	VK_EVENT(socket_create);
	ev->net.family = family;
	ev->net.type = type;
	ev->net.protocol = protocol;
	return vk_answer(&fixed, VK_NO_PATH);
}

static __always_inline void vk_socket_object(struct vk_policy_event *ev, struct socket *sock)
{
	struct sock *sk = sock->sk;

	if (!sk)
		return;
	ev->net.family = sk->__sk_common.skc_family;
	ev->net.type = sk->sk_type;
	ev->net.protocol = sk->sk_protocol;
}

/* A function of its own: its stack is not the carrier's. */
static __noinline int vk_put_address(struct vk_policy_event *ev, const void *address, u64 len,
				     u64 op, struct socket *sock)
{
	struct vk_endpoint e = {.op = op & ~VK_SENDING};
	struct vk_socket_facts facts = {};
	struct sock *sk = sock->sk;

	if (sk)
		facts = vk_socket_facts(sk);
	if (!vk_read_address(&e, address, len, &facts, op != VK_NET_CONNECT))
		return 0;
	ev->net.port = e.port;
	ev->addr32[0] = e.addr[0];
	ev->addr32[1] = e.addr[1];
	ev->addr32[2] = e.addr[2];
	ev->addr32[3] = e.addr[3];
	if (e.family == AF_INET)
		ev->net.family = AF_INET; /* also of a mapped address */
	return 0;
}

SEC("lsm/socket_bind")
int BPF_PROG(vk_c_socket_bind, struct socket *sock, void *address, int len)
{
	VK_EVENT(socket_bind);
	vk_socket_object(ev, sock);
	vk_put_address(ev, address, len, VK_NET_BIND, sock);
	return vk_answer(&fixed, VK_NO_PATH);
}

SEC("lsm/socket_connect")
int BPF_PROG(vk_c_socket_connect, struct socket *sock, void *address, int len)
{
	VK_EVENT(socket_connect);
	vk_socket_object(ev, sock);
	vk_put_address(ev, address, len, VK_NET_CONNECT, sock);
	return vk_answer(&fixed, VK_NO_PATH);
}

SEC("lsm/socket_listen")
int BPF_PROG(vk_c_socket_listen, struct socket *sock, int backlog)
{
	VK_EVENT(socket_listen);
	vk_socket_object(ev, sock);
	ev->net.value = (u32)backlog;
	return vk_answer(&fixed, VK_NO_PATH);
}

SEC("lsm/socket_accept")
int BPF_PROG(vk_c_socket_accept, struct socket *sock)
{
	VK_EVENT(socket_accept);
	vk_socket_object(ev, sock);
	return vk_answer(&fixed, VK_NO_PATH);
}

SEC("lsm/socket_sendmsg")
int BPF_PROG(vk_c_socket_sendmsg, struct socket *sock, struct msghdr *msg, int size)
{
	void *address = msg->msg_name;

	VK_EVENT(socket_sendmsg);
	vk_socket_object(ev, sock);
	if (address)
		vk_put_address(ev, address, msg->msg_namelen, VK_NET_CONNECT | VK_SENDING, sock);
	ev->net.value = (u32)size;
	return vk_answer(&fixed, VK_NO_PATH);
}

static __always_inline int vk_carry_peer(struct vk_fixed_event *fixed, struct sock *other)
{
	struct unix_sock *peer = other ? bpf_skc_to_unix_sock(other) : NULL;
	struct dentry *dentry = peer ? peer->path.dentry : NULL;

	if (dentry)
		vk_entry(vk_event_of(*fixed), dentry);
	return vk_answer(fixed, VK_ONE_PATH);
}

SEC("lsm/unix_stream_connect")
int BPF_PROG(vk_c_unix_stream_connect, struct sock *sock, struct sock *other)
{
	VK_EVENT(unix_stream_connect);
	return vk_carry_peer(&fixed, other);
}

SEC("lsm/unix_may_send")
int BPF_PROG(vk_c_unix_may_send, struct socket *sock, struct socket *other)
{
	VK_EVENT(unix_may_send);
	return vk_carry_peer(&fixed, other->sk);
}
