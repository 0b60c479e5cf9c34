// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * AppArmor profiles to policies: what each kind of rule becomes, exactly, and what is said about
 * the rest. Whether the verdicts are AppArmor's is the business of tests/import/.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "cleanup.h"
#include "compile.h"
#include "import.h"
#include "parse.h"
#include "tap.h"

/* Included files, by name. */
static const struct file {
	const char *name, *text;
} files[] = {
	{"tunables/global", "@{PROC}=/proc/\n@{HOMEDIRS}=/home/\n"
			    "@{HOME}=@{HOMEDIRS}/*/ /root/\n#include <tunables/more.d>\n"},
	{"tunables/more.d", "#@file tunables/more.d/a\n@{run}=/run/ # first\n"
			    "#@file tunables/more.d/b\n\n@{run}+=/var/run/ \"/a b/\"\n"},
	{"abstractions/base", "  # comment\n  /etc/ld.so.cache mr,\n  @{PROC}/meminfo r,\n"
			      "  dbus send bus=system,\n"},
	{"abi/3.0", "network_v8 {af_mask {unix\n}\n}\nmount {mask {mount\n}\n}\nptrace {\n}\n"
		    "signal {\n}\n"},
	{"abi/old", "mount {mask {mount\n}\n}\n"},
	{"abi/4.0", "network_v8 {\n}\nmount {\n}\nptrace {\n}\nsignal {\n}\nnamespaces "
		    "{userns_create {pciu&\n}\n}\n"},
	{"loop", "include <loop>\n"},
};

static int include(const char *name, char **ret_text, size_t *ret_len, void *data)
{
	(void)data;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if (strcmp(files[i].name, name) != 0)
			continue;
		*ret_text = strdup(files[i].text);
		*ret_len = strlen(files[i].text);
		return *ret_text ? 0 : -ENOMEM;
	}
	return -ENOENT;
}

static struct vk_error error;

static int import(const char *text, const char *profile, struct vk_imported *ret)
{
	struct vk_import_from from = {.file = "p",
				      .text = text,
				      .len = strlen(text),
				      .profile = profile,
				      .include = include};

	memset(&error, 0, sizeof(error));
	*ret = (struct vk_imported){0};
	return vk_import(VK_IMPORT_APPARMOR, &from, ret, &error);
}

/* A profile of these rules, without the lines on what holds for all profiles. */
static struct vk_imported made(const char *rules)
{
	_cleanup_free_ char *text = NULL;
	struct vk_imported out;

	if (asprintf(&text, "include <tunables/global>\nprofile t {\n%s\n}\n", rules) < 0)
		tap_abort();
	if (import(text, NULL, &out) < 0) {
		tap_diag("%s:%u: %s", error.file, error.line, error.message);
		tap_abort();
	}
	return out;
}

/* Parses and compiles what was made. */
static struct vk_image *compile(const struct vk_imported *out, struct vk_policy **ret)
{
	const struct vk_policy *layer;
	struct vk_image *image = NULL;
	struct vk_error e = {0};

	*ret = NULL;
	if (vk_policy_parse("made", out->yaml, strlen(out->yaml), NULL, NULL, ret, &e) < 0 ||
	    (layer = *ret, vk_compile(&layer, 1, &image, &e)) < 0) {
		tap_diag("%u:%u: %s\n%s", e.line, e.column, e.message, out->yaml);
		tap_abort();
	}
	return image;
}

/* Everything between "rules:" and the next section is exactly these lines. */
#define CHECK_FILES(rules, want) check_files(__LINE__, rules, want)
static void check_files(int line, const char *rules, const char *want)
{
	vk_cleanup(vk_imported_free) struct vk_imported out = made(rules);
	static const char first[] = "    - {allow: [ioctl], path: /**} # AppArmor does not "
				    "restrict it\n";
	const char *at = strstr(out.yaml, "  rules:\n"), *end;
	struct vk_policy *policy;
	_cleanup_free_ struct vk_image *image = compile(&out, &policy);

	vk_policy_free(policy);
	at = at ? at + 9 : "";
	end = strstr(at, "capabilities:");
	if (strncmp(at, first, sizeof(first) - 1) == 0)
		at += sizeof(first) - 1;
	if (!end || strlen(want) != (size_t)(end - at) || memcmp(at, want, strlen(want)) != 0)
		tap_fail(__FILE__, line, "got:\n%.*s", end ? (int)(end - at) : 0, at);
}

#define CHECK_YAML(rules, want) check_yaml(__LINE__, rules, want, true)
#define CHECK_NO_YAML(rules, want) check_yaml(__LINE__, rules, want, false)
static void check_yaml(int line, const char *rules, const char *want, bool there)
{
	vk_cleanup(vk_imported_free) struct vk_imported out = made(rules);
	struct vk_policy *policy;
	_cleanup_free_ struct vk_image *image = compile(&out, &policy);

	vk_policy_free(policy);
	if (!strstr(out.yaml, want) == there)
		tap_fail(__FILE__, line, "%s \"%s\" in:\n%s", there ? "no" : "there is", want,
			 out.yaml);
}

/* One of the lines of the report; NULL: none about a rule. */
#define CHECK_LOST(rules, want) check_lost(__LINE__, rules, want)
static void check_lost(int line, const char *rules, const char *want)
{
	vk_cleanup(vk_imported_free) struct vk_imported out = made(rules);
	bool found = !want;

	for (size_t i = 0; i < out.n_lost; i++) {
		if (want && strcmp(out.lost[i], want) == 0)
			found = true;
		if (!want && strncmp(out.lost[i], "p:3: ", 5) == 0)
			found = false;
	}
	if (found)
		return;
	tap_fail(__FILE__, line, "report of \"%s\":", rules);
	for (size_t i = 0; i < out.n_lost; i++)
		tap_diag("  %s", out.lost[i]);
}

static void check_error(int line, const char *text, uint32_t want_line, const char *want)
{
	vk_cleanup(vk_imported_free) struct vk_imported out;
	int r = import(text, NULL, &out);

	if (r != -EINVAL || error.line != want_line || !strstr(error.message, want))
		tap_fail(__FILE__, line, "%d, line %u: %s", r, error.line, error.message);
}
#define CHECK_ERROR(text, at, want) check_error(__LINE__, text, at, want)

#define WRITES "write, create, unlink, symlink, mknod, chmod, chown"
#define ALL_WRITES "write, create, unlink, rename, symlink, mknod, chmod, chown"

TEST(permissions)
{
	CHECK_FILES("/a r,", "    - {allow: [read], path: /a} # p:3\n");
	CHECK_FILES("r /a,", "    - {allow: [read], path: /a} # p:3\n");
	CHECK_FILES("file /a r,", "    - {allow: [read], path: /a} # p:3\n");
	CHECK_FILES("/a rw,", "    - {allow: [read, " ALL_WRITES "], path: /a} # p:3\n");
	CHECK_FILES("/a w,", "    - {allow: [" WRITES "], path: /a} # p:3\n");
	CHECK_FILES("/a a,", "    - {allow: [append], path: /a} # p:3\n");
	CHECK_FILES("/a ix,", "    - {allow: [exec, mmap-exec], path: /a} # p:3\n");
	CHECK_FILES("/a Pixr -> b,", "    - {allow: [read, exec, mmap-exec], path: /a} # p:3\n");
	CHECK_FILES("/a m,", "    - {allow: [mmap-exec], path: /a} # p:3\n");
	CHECK_FILES("/a rl,", "    - {allow: [read, link], path: /a} # p:3\n");
	CHECK_FILES("/a rk,", "    - {allow: [read], path: /a} # p:3\n");
	CHECK_FILES("deny /a x,", "    - {deny: [exec], path: /a} # p:3\n");
	CHECK_FILES("deny /a r,", "    - {deny: [read, rename], path: /a} # p:3\n");
	CHECK_FILES("deny /a w,", "    - {deny: [" ALL_WRITES "], path: /a} # p:3\n");
	CHECK_FILES("audit /a r,", "    - {allow: [read], path: /a} # p:3\n"
				   "    - {audit: [read], path: /a} # p:3\n");
	CHECK_FILES("audit deny /a m,", "    - {deny: [mmap-exec], path: /a} # p:3\n");
	CHECK_FILES("allow /a r,\n/a r,", "    - {allow: [read], path: /a} # p:3\n");
	CHECK_FILES("deny { /a r,\n }", "    - {deny: [read, rename], path: /a} # p:3\n");
}

/* AppArmor wants r to rename from a name; so does the policy where it can tell. */
TEST(renaming_needs_reading)
{
	CHECK_FILES("/a/* w,\n/a/** r,", "    - {allow: [" ALL_WRITES "], path: /a/*} # p:3\n"
					 "    - {allow: [read], path: /a/**} # p:4\n");
	CHECK_FILES("/a/* w,\n/a/b r,", "    - {allow: [" WRITES "], path: /a/*} # p:3\n"
					"    - {allow: [read], path: /a/b} # p:4\n");
	CHECK_LOST("/a w,", "p: narrower: what may be written but not read (w without r) is not "
			    "renamed (1 rule, the first at p:3)");
}

TEST(directories_end_in_a_slash)
{
	CHECK_FILES("/a/ r,", "    - {allow: [read], path: /a} # p:3\n");
	CHECK_FILES("/ r,", "    - {allow: [read], path: /} # p:3\n");
	CHECK_FILES("/a/ rw,", "    - {allow: [read, rename, mkdir, rmdir, chmod, chown], "
			       "path: /a} # p:3\n");
	CHECK_FILES("/a/** rw,",
		    "    - {allow: [read, write, create, unlink, rename, symlink, mkdir, rmdir, "
		    "mknod, chmod, chown], path: /a/**} # p:3\n");
	/* By pattern, they would be files as well. */
	CHECK_FILES("/**/ r,", "");
	CHECK_FILES("/a/*/ rw,", "    - {allow: [mkdir, rmdir], path: /a/*} # p:3\n");
	CHECK_FILES("/a/*/b/ r,", "    - {allow: [read], path: /a/*/b} # p:3\n");
	CHECK_FILES("/a/{b,c*}/ r,", "    - {allow: [read], path: /a/b} # p:3\n");
	CHECK_LOST("/**/ r,",
		   "p:3: not carried over: /**/ r: directories by pattern are made and removed, "
		   "and not read or changed: it would count for files");
	CHECK_FILES("deny /a/*/ r,", "    - {deny: [read, rename], path: /a/*} # p:3\n");
	CHECK_FILES("/a/{,b} r,", "    - {allow: [read], path: /a/b} # p:3\n"
				  "    - {allow: [read], path: /a} # p:3\n");
	CHECK_FILES("/a/{*,b} r,", "    - {allow: [read], path: [/a/*, /a/b]} # p:3\n"
				   "    - {allow: [read], path: /a} # p:3\n");
	CHECK_FILES("/a/** ix,", "    - {allow: [exec, mmap-exec], path: /a/**} # p:3\n");
	CHECK_FILES("/a/ ix,", "");
}

TEST(patterns)
{
	CHECK_FILES("/** r,", "    - {allow: [read], path: [/*, /*/**]} # p:3\n");
	CHECK_FILES("/a/**/b r,", "    - {allow: [read], path: /a/*/**/b} # p:3\n");
	CHECK_FILES("/a/**.so* r,", "    - {allow: [read], path: /a/**.so*} # p:3\n");
	CHECK_FILES("/{usr/,}lib{,32}/*.so r,",
		    "    - {allow: [read], path: '/{usr/,}lib{,32}/*.so'} # p:3\n");
	CHECK_FILES("/p/{a,b} r,", "    - {allow: [read], path: '/p/{a,b}'} # p:3\n");
	CHECK_FILES("/p/[0-9a] r,", "    - {allow: [read], path: '/p/[0-9a]'} # p:3\n");
	/* A negated set matches a slash, unless it lists it. */
	CHECK_FILES("/p/a[^b]c r,", "    - {allow: [read], path: [/p/a/c, '/p/a[!b]c']} # p:3\n");
	CHECK_FILES("/p/a[^b/]c r,", "    - {allow: [read], path: '/p/a[!b]c'} # p:3\n");
	CHECK_FILES("/p/[^b] r,", "    - {allow: [read], path: '/p/[!b]'} # p:3\n");
	CHECK_FILES("/p/[^b]c/** r,", "    - {allow: [read], path: '/p/[!b]c/**'} # p:3\n");
	CHECK_FILES("\"/a b\" r,", "    - {allow: [read], path: '/a b'} # p:3\n");
	CHECK_FILES("/a\\*b r,", "    - {allow: [read], path: '/a\\*b'} # p:3\n");
	CHECK_FILES("/a\\052b r,", "    - {allow: [read], path: '/a\\*b'} # p:3\n");
	CHECK_FILES("/a'b r,", "    - {allow: [read], path: '/a''b'} # p:3\n");
	CHECK_FILES("/a/b//c r,", "    - {allow: [read], path: /a/b/c} # p:3\n");
	CHECK_FILES("//a r,", "");
	/* Two stars that meet when braces are expanded are still one. */
	CHECK_FILES("/a/{b*,c}*d r,", "    - {allow: [read], path: [/a/b*d, /a/c*d]} # p:3\n");
	CHECK_LOST("/a\\nb r,",
		   "p:3: not carried over: /a\\nb r: its pattern: a policy cannot hold "
		   "its control character");
	CHECK_LOST("/a[b r,", "p:3: not carried over: /a[b r: its pattern: its set is not closed");
}

TEST(variables)
{
	CHECK_FILES("@{PROC}/sys/x r,", "    - {allow: [read], path: /proc/sys/x} # p:3\n");
	CHECK_FILES("@{HOME}/x r,", "    - {allow: [read], path: [/home/*/x, /root/x]} # p:3\n");
	CHECK_FILES("@{run}/x r,",
		    "    - {allow: [read], path: [/run/x, /var/run/x, '/a b/x']} # p:3\n");
	CHECK_FILES("/@{profile_name} r,", "    - {allow: [read], path: /t} # p:3\n");
	CHECK_ERROR("profile t {\n /@{nix} r,\n}", 2, "@{nix} is not set");
	CHECK_ERROR("@{a}=@{a}\nprofile t {\n /@{a} r,\n}", 3, "set to itself");
	CHECK_ERROR("@{a}=1\n@{a}=2\n", 2, "set twice");
	CHECK_ERROR("@{a}+=1\n", 1, "was not set");
}

TEST(aliases)
{
	vk_cleanup(vk_imported_free) struct vk_imported out;

	CHECK_EQ(import("alias /home/ -> /mnt/h/,\nprofile t {\n /home/x r,\n}\n", NULL, &out), 0);
	CHECK(strstr(out.yaml, "[/home/x, /mnt/h/x]"));
}

TEST(files_as_a_whole)
{
	CHECK_YAML("file,", "files:\n  default: allow # p:3\ncapabilities: none\n");
	CHECK_FILES("file,\n/a r,\ndeny /b r,", "    - {deny: [read, rename], path: /b} # p:5\n");
}

TEST(what_differs_of_files_is_said)
{
	CHECK_LOST("owner /a r,", "p:3: wider: owner /a r: files of all owners");
	CHECK_LOST("owner deny /a w,", "p:3: narrower: owner deny /a w: files of all owners");
	CHECK_LOST("/a px,", "p:3: wider: /a px: the program stays under this policy; AppArmor "
			     "wants the profile to be loaded, and changes to it");
	CHECK_LOST("/a Cx -> b,",
		   "p:3: wider: /a Cx -> b: the program stays under this policy; AppArmor wants "
		   "the profile b to be loaded, and changes to it; its environment is not "
		   "cleaned");
	CHECK_LOST("/a ux,", "p:3: narrower: /a ux: the program stays under this policy");
	CHECK_LOST("/a ix,", NULL);
	CHECK_LOST("deny /a wk,", "p:3: wider: deny /a wk: k: file locks are not restricted");
	CHECK_LOST("deny /a rwk,", NULL);
	CHECK_LOST("deny /a k,",
		   "p:3: not carried over: deny /a k: k: file locks are not restricted");
	CHECK_LOST("deny /a m,", "p:3: narrower: deny /a m: what cannot be mapped cannot be "
				 "executed, either");
	CHECK_LOST("link /a -> /b,",
		   "p:3: not carried over: link /a -> /b: pairs of names cannot be allowed");
	CHECK_LOST("/a ix,", "p: wider: a program that may be executed may be mapped (m) as well "
			     "(1 rule, the first at p:3)");
}

/* Where "file" or "network" allows all, how a rule beside it is dropped says nothing. */
TEST(what_makes_no_difference_is_not_said)
{
	CHECK_LOST("owner /a rl,\nfile,", NULL);
	CHECK_LOST("unix peer=(label=x),\nnetwork,", NULL);
	CHECK_LOST("owner deny /a w,\nfile,",
		   "p:3: narrower: owner deny /a w: files of all owners");
}

TEST(capabilities)
{
	CHECK_YAML("", "capabilities: none\n");
	CHECK_YAML("capability,", "capabilities: all\n");
	CHECK_YAML("capability chown net_raw,", "capabilities: [CHOWN, NET_RAW]\n");
	CHECK_YAML("capability chown,\ncapability kill,\ndeny capability chown,",
		   "capabilities: [KILL]\n");
	CHECK_LOST("audit capability chown,", "p:3: differs: audit capability chown: the use of a "
					      "capability is not reported");
	CHECK_ERROR("profile t {\n capability fly,\n}", 2, "\"fly\" is no capability");
}

TEST(sockets)
{
	CHECK_YAML("", "network:\n  default: deny\nmounts:");
	CHECK_YAML("file,\nnetwork,", "network:\n  default: allow # p:4\nmounts:");
	CHECK_YAML("network inet stream,",
		   "  allow:\n    - socket: [inet/stream]\n    - bind: any\n    - connect: any\n"
		   "  deny:\n    - socket: [inet/dgram, inet/seqpacket, inet6/stream, inet6/dgram, "
		   "inet6/seqpacket]\n");
	CHECK_YAML("file,\nnetwork,\ndeny /run/d.sock w,\ndeny /proc/x w,",
		   "network:\n  default: allow # p:4\n  deny:\n    - bind: 'unix:/run/d.sock'\n"
		   "    - connect: 'unix:/run/d.sock'\nmounts:");
	CHECK_YAML("network tcp,", "    - socket: [inet/stream, inet6/stream]\n");
	CHECK_YAML("network netlink raw,", "  allow:\n    - socket: [netlink/raw]\nmounts:");
	CHECK_YAML("network inet,\ndeny network inet raw,",
		   "    - socket: [inet/stream, inet/dgram, inet/rdm, inet/seqpacket, inet/dccp, "
		   "inet/packet]\n");
	CHECK_YAML("/run/s w,\nnetwork unix stream,",
		   "    - socket: [unix/stream]\n    - bind: 'unix:/run/s'\n"
		   "    - connect: 'unix:/run/s'\n    - bind: 'unix:@**'\n"
		   "    - connect: 'unix:@**'\n  deny:\n"
		   "    - socket: [unix/dgram, unix/seqpacket]\n");
	CHECK_YAML("unix (create, bind) type=stream addr=\"@a/*\",",
		   "    - socket: [unix/stream]\n    - bind: 'unix:@a/*'\n");
	CHECK_YAML("unix (create, connect) peer=(addr=@x),",
		   "    - socket: [unix]\n    - connect: 'unix:@x'\n");
	CHECK_LOST("unix (connect) peer=(label=other),",
		   "p:3: not carried over: unix (connect) peer=(label=other): peers have no "
		   "labels; creating sockets is carried over, connecting to abstract names is "
		   "not");
	CHECK_LOST("network (bind) inet,",
		   "p:3: not carried over: network (bind) inet: single operations and addresses "
		   "are no conditions of ours");
	CHECK_LOST("network frobnet,", "p:3: not carried over: network frobnet: \"frobnet\" is no "
				       "family of sockets known here");
}

TEST(mounts)
{
	CHECK_YAML("", "mounts:\n  default: deny\nprocesses:");
	CHECK_YAML("umount,\ndeny mount,",
		   "mounts:\n  default: deny\n  allow:\n    - {op: [umount], on: /**} # p:3\n"
		   "  deny:\n    - {op: [mount, bind, remount, move], on: /**} # p:4\n");
	CHECK_YAML("mount options=(bind) -> /mnt/,", "    - {op: [bind], on: /mnt} # p:3\n");
	CHECK_YAML("mount options=(rw, make-rslave) -> /,", "mounts:\n  default: deny\nproc");
	CHECK_YAML("mount options=(make-rslave) -> /**,",
		   "    - {op: [remount], on: [/*, /*/**]} # p:3\n");
	CHECK_YAML("remount /a,", "    - {op: [remount], on: /a} # p:3\n");
	CHECK_YAML("pivot_root /a,", "    - {op: [pivot], on: /a} # p:3\n");
	CHECK_LOST("mount fstype=tmpfs -> /a,",
		   "p:3: not carried over: mount fstype=tmpfs -> /a: fstype is no condition of "
		   "ours");
	CHECK_LOST("mount options in (ro, nosuid) /x -> /a,",
		   "p:3: not carried over: mount options in (ro, nosuid) /x -> /a: the source of a "
		   "mount is no condition of ours");
	CHECK_LOST("deny mount fstype=proc,", "p:3: narrower: deny mount fstype=proc: fstype is no "
					      "condition of ours: denied whatever it is");
	CHECK_LOST("pivot_root oldroot=/o /a,",
		   "p:3: not carried over: pivot_root oldroot=/o /a: oldroot is no condition of "
		   "ours");
}

TEST(processes)
{
	CHECK_YAML("", "processes:\n  ptrace: none\n  signal: none\n");
	CHECK_YAML("ptrace,\nsignal,", "  ptrace: all # p:3\n  signal: all # p:4\n");
	CHECK_YAML("ptrace (trace,read) peer=t,", "  ptrace: own # p:3\n");
	CHECK_YAML("ptrace (trace) peer=@{profile_name},", "  ptrace: own # p:3\n");
	CHECK_YAML("ptrace (readby),", "  ptrace: none\n");
	CHECK_YAML("signal (send,receive) peer=t,", "  signal: own # p:3\n");
	CHECK_YAML("signal (receive) peer=unconfined,", "  signal: none\n");
	CHECK_YAML("signal,\ndeny signal send peer=x,", "  signal: own # p:3\n");
	CHECK_YAML("signal,\ndeny signal,", "  signal: none # p:3\n");
	CHECK_LOST("ptrace (trace) peer=x,", "p:3: not carried over: ptrace (trace) peer=x: peers "
					     "are members of the instance, or everybody");
	CHECK_LOST("signal (send) set=(term, \"hup\"),",
		   "p:3: not carried over: signal (send) set=(term, \"hup\"): set is no condition "
		   "of ours");
	CHECK_LOST("signal send set=term peer=t,",
		   "p:3: wider: signal send set=term peer=t: set is no condition of ours; among "
		   "members");
	CHECK_LOST("signal (receive) peer=unconfined,", NULL);
}

TEST(what_has_no_counterpart)
{
	CHECK_LOST("dbus send bus=system,", "p:3: not carried over: dbus send bus=system: messages "
					    "on D-Bus are not mediated");
	CHECK_LOST("change_profile -> x,", "p:3: not carried over: change_profile -> x: members "
					   "change to no other profile");
	CHECK_LOST("set rlimit nproc <= 10,", "p:3: not carried over: set rlimit nproc <= 10: "
					      "limits of resources are not set by a policy");
	CHECK_LOST("^hat {\n /x r,\n}", "p:3: not carried over: ^hat: members change to no other "
					"profile; --profile t//hat imports it");
	CHECK_LOST("profile c /bin/c {\n /x r,\n}",
		   "p:3: not carried over: profile c /bin/c: members change to no other profile; "
		   "--profile t//c imports it");
	CHECK_NO_YAML("^hat {\n /x r,\n}", "/x");
	CHECK_YAML("userns,", "  userns: allow # p:3\n");
	CHECK_NO_YAML("", "userns");
}

TEST(abi_says_what_is_mediated)
{
	vk_cleanup(vk_imported_free) struct vk_imported a, b, c;

	CHECK_EQ(import("abi <abi/old>,\nprofile t {\n}\n", NULL, &a), 0);
	CHECK(!strstr(a.yaml, "network:") && !strstr(a.yaml, "processes:"));
	CHECK(strstr(a.yaml, "mounts:"));
	CHECK_EQ(import("abi <abi/4.0>,\nprofile t {\n}\n", NULL, &b), 0);
	CHECK(strstr(b.yaml, "  userns: deny\n"));
	CHECK_EQ(import("abi <abi/none>,\nprofile t {\n}\n", NULL, &c), 0);
	CHECK(strstr(c.lost[0], "p:1: differs: abi <abi/none>: the file is not there"));
}

TEST(profiles_of_a_file)
{
	static const char text[] = "include <tunables/global>\n"
				   "profile one /bin/one flags=(complain) {\n /1 r,\n}\n"
				   "/usr/sbin/two {\n /2 r,\n profile in { /3 r, }\n}\n";
	vk_cleanup(vk_imported_free) struct vk_imported a, b, c, d;

	CHECK_EQ(import(text, NULL, &a), 0);
	CHECK(strstr(a.yaml, "name: \"one\"\nmode: audit # flag complain\n"));
	CHECK(strstr(a.yaml, "path: /1}") && !strstr(a.yaml, "path: /2}"));
	CHECK_STREQ(a.lost[0], "p:2: not carried over: profile one /bin/one flags=(complain): a "
			       "policy is attached to no program; vkernel run -p, or the "
			       "container's configuration, says who gets it");
	CHECK_STREQ(a.lost[1], "p:5: not carried over: /usr/sbin/two: another profile; --profile "
			       "/usr/sbin/two imports it");
	CHECK_EQ(import(text, "/usr/sbin/two", &b), 0);
	CHECK(strstr(b.yaml, "name: \"usr.sbin.two\"\n"));
	CHECK(strstr(b.yaml, "path: /2}") && !strstr(b.yaml, "path: /3}"));
	CHECK_EQ(import(text, "/usr/sbin/two//in", &c), 0);
	CHECK(strstr(c.yaml, "path: /3}") && !strstr(c.yaml, "path: /2}"));
	CHECK_EQ(import(text, "three", &d), -ENOENT);
	CHECK_STREQ(error.message, "the file has no profile \"three\"");
}

TEST(includes)
{
	vk_cleanup(vk_imported_free) struct vk_imported out =
		made("  #include <abstractions/base>\n"
		     "  include if exists <no/such>\n");

	CHECK(strstr(out.yaml, "path: /etc/ld.so.cache} # abstractions/base:2\n"));
	CHECK(strstr(out.yaml, "path: /proc/meminfo} # abstractions/base:3\n"));
	CHECK_STREQ(out.lost[0], "abstractions/base:4: not carried over: dbus send bus=system: "
				 "messages on D-Bus are not mediated");
	CHECK_ERROR("profile t {\n include <no/such>\n}", 2,
		    "cannot read the included file no/such");
	CHECK_ERROR("include <loop>\n", 1, "more than 32 deep");
	CHECK_STREQ(error.file, "loop");
	/* A file within a directory is named. */
	CHECK_ERROR("include <tunables/more.d>\n@{run}=x\n", 2, "set twice");
}

TEST(mistakes)
{
	CHECK_ERROR("", 0, "the file has no profile");
	CHECK_ERROR("profile t {\n /a r\n}", 3, "not ended by a comma");
	CHECK_ERROR("profile t {\n /a r,\n", 3, "a '}' is missing");
	CHECK_ERROR("profile t {\n}\n}", 3, "'}' without '{'");
	CHECK_ERROR("profile t {\n /a q,\n}", 2, "\"q\" is no set of permissions");
	CHECK_ERROR("profile t {\n /a wa,\n}", 2, "w and a exclude each other");
	CHECK_ERROR("profile t {\n /a x,\n}", 2, "x needs i, p, c or u before it");
	CHECK_ERROR("profile t {\n frobnicate /a,\n}", 2, "no rule that this version knows");
	CHECK_ERROR("profile t {\n priority=1 /a r,\n}", 2, "\"priority\" are not understood");
	CHECK_ERROR("profile t {\n if $x {\n /a r,\n}\n}", 2, "conditions");
	CHECK_ERROR("/a r,\n", 1, "is no part of a profile");
	CHECK_ERROR("profile t {\n \"/a r,\n}", 2, "does not end");
}

/* The rules of container engines: text of our own benchmark, equal in kind. */
TEST(docker_default)
{
	static const char *const denied[] = {
		"/proc/sysrq-trigger",
		"/proc/kcore",
		"/proc/x",
		"/proc/sys/fs/x",
		"/proc/sys/kernel/core_pattern",
		"/proc/acpi/x",
		"/proc/fs/nfsd/versions",
		"/sys/kernel/x",
		"/sys/fs/bpf/x",
		"/sys/fs/cg/x/y",
		"/sys/firmware/a/b",
	};
	static const char *const allowed[] = {
		"/proc/1/mem", "/proc/12345/attr/current", "/proc/sys/kernel/shmmax",
		"/etc/passwd", "/sys/fs/cgroup/x",	   "/dev/null",
	};
	struct vk_import_from from = {.file = "docker", .include = include};
	vk_cleanup(vk_imported_free) struct vk_imported out = {0};
	_cleanup_fclose_ FILE *f = fopen("bench/docker-default.apparmor", "re");
	struct vk_policy *policy;
	char text[8192];

	ASSERT(f);
	from.text = text;
	from.len = fread(text, 1, sizeof(text), f);
	ASSERT(vk_import(VK_IMPORT_APPARMOR, &from, &out, &error) == 0);
	_cleanup_free_ struct vk_image *image = compile(&out, &policy);

	for (size_t i = 0; i < sizeof(denied) / sizeof(*denied); i++)
		if (vk_image_match(image, denied[i]).allow & VK_R_WRITE)
			FAIL("%s may be written", denied[i]);
	for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
		if (!(vk_image_match(image, allowed[i]).allow & VK_R_WRITE))
			FAIL("%s may not be written", allowed[i]);
	CHECK_EQ(vk_image_match(image, "/a").allow & VK_R_MOUNTS_ALL, VK_R_UMOUNT);
	CHECK_EQ(image->ptrace_scope, VK_SCOPE_OWN);
	CHECK_EQ(image->signal_scope, VK_SCOPE_OWN);
	CHECK_EQ(vk_image_socket(image, 40, 1, 0), VK_ALLOWED);
	vk_policy_free(policy);
}
