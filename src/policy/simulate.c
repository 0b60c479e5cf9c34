// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * simulate.c - the kernel side's reading of an image, statement by statement, in user space.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "compile.h"

static const uint16_t *row(const struct vk_image *img, uint16_t entry)
{
	return (const uint16_t *)((const char *)img + VK_IMAGE_HEADER +
				  (size_t)entry * VK_ROW_UNIT);
}

uint16_t vk_image_state(const struct vk_image *img, const char *name)
{
	uint16_t entry = img->start;

	if (strcmp(name, "/") == 0)
		return entry;
	for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
		if (*p == '/' ? row(img, entry)[0] & VK_ROW_FINAL : entry >= img->settled)
			continue;
		entry = row(img, entry)[img->class_of[*p] / 2];
	}
	return entry;
}

struct vk_verdict vk_image_match(const struct vk_image *img, const char *name)
{
	return img->verdicts[row(img, vk_image_state(img, name))[0] & VK_ROW_VERDICT];
}

bool vk_image_same_future(const struct vk_image *img, uint16_t a, uint16_t b)
{
	const uint16_t *x = row(img, a), *y = row(img, b);
	size_t slash = img->class_of['/'] / 2;

	return ((x[0] ^ y[0]) & VK_ROW_VERDICT) == 0 && x[slash] == y[slash];
}

static bool prefix_equal(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) & (0xff00 >> bits % 8) & 0xff) == 0;
}

/* An IPv4-mapped IPv6 address is the IPv4 address that it stands for. */
static uint16_t unmap(uint16_t family, const void *addr, uint8_t ret[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	memset(ret, 0, 16);
	if (family == AF_INET6 && memcmp(addr, mapped, 12) == 0) {
		memcpy(ret, (const uint8_t *)addr + 12, 4);
		return AF_INET;
	}
	memcpy(ret, addr, family == AF_INET6 ? 16 : 4);
	return family;
}

enum vk_outcome vk_image_inet(const struct vk_image *img, uint8_t op, uint8_t proto,
			      uint16_t family, const void *addr, uint16_t port)
{
	uint32_t deny = 0, allow = 0, denied;
	bool audit = false;
	uint8_t a[16];

	family = unmap(family, addr, a);
	for (uint32_t i = 0; i < img->n_net && i < VK_NET_RULES; i++) {
		const struct vk_net_rule *r = &img->net[i];

		if (!(r->ops & op) || (r->proto && r->proto != proto) ||
		    (r->family && r->family != family) || port < r->port_lo || port > r->port_hi ||
		    !prefix_equal(r->addr, a, r->prefix))
			continue;
		if (r->action == VK_NET_DENY)
			deny |= 1u << (r->component & 31);
		else if (r->action == VK_NET_ALLOW)
			allow |= 1u << (r->component & 31);
		else
			audit = true;
	}
	denied = deny | (img->net_default_deny & ~allow);
	if (denied & img->net_enforce)
		return VK_DENIED;
	return denied || audit ? VK_AUDITED : VK_ALLOWED;
}

static enum vk_outcome outcome(bool allowed, bool audited)
{
	if (!allowed)
		return VK_DENIED;
	return audited ? VK_AUDITED : VK_ALLOWED;
}

enum vk_outcome vk_image_socket(const struct vk_image *img, int family, int type, int protocol)
{
	unsigned int f =
		family >= 0 && family < VK_FAMILIES ? (unsigned int)family : VK_FAMILIES - 1;
	/* SOCK_NONBLOCK and SOCK_CLOEXEC are flags above the type. */
	unsigned int bit = 1u << (type & 15);

	if (f == AF_NETLINK) {
		f = (unsigned int)protocol % VK_NETLINK;
		return outcome(img->netlink_allow[f] & bit, img->netlink_audit[f] & bit);
	}
	return outcome(img->socket_allow[f] & bit, img->socket_audit[f] & bit);
}

enum vk_outcome vk_image_capable(const struct vk_image *img, int cap)
{
	if (cap < 0 || cap > 63)
		return VK_DENIED;
	return outcome(img->caps_allow >> cap & 1, img->caps_audit >> cap & 1);
}

static bool header_ok(const struct vk_image *img, size_t len)
{
	return img->magic == VK_IMAGE_MAGIC && img->abi == VK_IMAGE_ABI && img->size <= len &&
	       img->size > VK_IMAGE_HEADER && img->stride && img->stride % VK_ROW_UNIT == 0 &&
	       img->classes >= 1 && img->classes <= 127 &&
	       2u * (img->classes + 1u) <= img->stride && img->n_verdicts >= 1 &&
	       img->n_verdicts <= VK_VERDICTS && img->n_net <= VK_NET_RULES &&
	       img->max_entry <= VK_LARGE_ENTRY &&
	       img->size == VK_IMAGE_HEADER + (size_t)img->max_entry * VK_ROW_UNIT + img->stride;
}

static bool entry_ok(const struct vk_image *img, uint16_t entry)
{
	return entry <= img->max_entry && entry % (img->stride / VK_ROW_UNIT) == 0;
}

static bool net_ok(const struct vk_net_rule *r)
{
	unsigned int bits = r->family == AF_INET ? 32 : r->family == AF_INET6 ? 128 : 0;

	return r->ops && !(r->ops & ~(VK_NET_BIND | VK_NET_CONNECT)) && r->action >= VK_NET_ALLOW &&
	       r->action <= VK_NET_AUDIT && r->component < VK_MAX_COMPONENTS && r->prefix <= bits &&
	       r->port_lo <= r->port_hi && (r->family == 0 || bits);
}

/* A state taken for settled or final that is not would end a walk too early. */
static bool settled_ok(const struct vk_image *img, uint16_t entry)
{
	const uint16_t *r = row(img, entry);
	bool final = r[0] & VK_ROW_FINAL;

	if (entry < img->settled)
		return !final;
	for (size_t b = 1; b < 256; b++) {
		if ((b != '/' || final) && r[img->class_of[b] / 2] != entry)
			return false;
	}
	return true;
}

int vk_image_validate(const void *buf, size_t len)
{
	const struct vk_image *img = buf;

	if (len < VK_IMAGE_HEADER || (uintptr_t)buf % _Alignof(struct vk_image))
		return -EINVAL;
	if (!header_ok(img, len) || !entry_ok(img, img->start))
		return -EINVAL;
	for (size_t b = 0; b < 256; b++) {
		uint8_t c = img->class_of[b];

		if (c % 2 || c < 2 || c > 2 * img->classes)
			return -EINVAL;
	}
	for (size_t i = 0; i < img->n_net; i++) {
		if (!net_ok(&img->net[i]))
			return -EINVAL;
	}
	if (img->ptrace_scope > VK_SCOPE_ALL || img->ptrace_audit > VK_SCOPE_ALL ||
	    img->signal_scope > VK_SCOPE_ALL || img->signal_audit > VK_SCOPE_ALL)
		return -EINVAL;
	for (uint32_t e = 0; e <= img->max_entry; e += img->stride / VK_ROW_UNIT) {
		const uint16_t *r = row(img, (uint16_t)e);

		if ((r[0] & VK_ROW_VERDICT) >= img->n_verdicts || !settled_ok(img, (uint16_t)e))
			return -EINVAL;
		for (size_t c = 1; c <= img->classes; c++) {
			if (!entry_ok(img, r[c]))
				return -EINVAL;
		}
	}
	return 0;
}
