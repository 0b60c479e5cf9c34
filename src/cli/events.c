// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * events.c - vkernel events: what was denied or audited, and which rule said so.
 *
 * The kernel reports facts; the rule is found here, from the policies of the instance. They are
 * kept per instance and fetched again when an event carries another rule word, that is, when the
 * policy was replaced since.
 */
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "oci.h"
#include "programs.h"

#define CACHED 64
#define POLL_MS 500

static const struct cli_option options[] = {
	{'c', "container", "ID", "only those of this container: id, its beginning, or name"},
	{'f', "follow", NULL, "wait for more until interrupted"},
	{'i', "instance", "NAME", "only those of this instance"},
	{'j', "json", NULL, "print one JSON object per line"},
	{0},
};

/* What is known of one instance; id 0: free. */
struct cached {
	struct vk_info info;
	struct oci_record container; /* id "": none, as far as is known */
	uint64_t tried; /* the rule word the info was last fetched for */
};

/**
 * struct reader - the state of one run
 * @eng:       for look-ups and the counter of lost events
 * @only:      id of the one instance that counts, or 0
 * @json:      lines of JSON
 * @mechanism: what enforces here, for JSON
 * @offset_ns: real time minus monotonic time
 * @cache:     direct-mapped by id
 */
struct reader {
	struct vk_engine *eng;
	uint32_t only;
	bool json;
	const char *mechanism;
	int64_t offset_ns;
	struct cached cache[CACHED];
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

static void fetch(struct reader *r, struct cached *c, const struct vk_event *ev)
{
	struct vk_error ignored = {0};

	vk_info_free(&c->info);
	c->info = (struct vk_info){.id = ev->vki};
	c->tried = ev->rule;
	vk_instance_get_id(r->eng, ev->vki, &c->info, &ignored);
	/* Removed since: only its number is left. */
	if (!c->info.name[0])
		snprintf(c->info.name, sizeof(c->info.name), "#%u", ev->vki);
	c->container = (struct oci_record){0};
	if (oci_record_read(c->info.name, &c->container) < 0)
		oci_record_read_ended(c->info.name, &c->container);
}

static const struct cached *info_of(struct reader *r, const struct vk_event *ev)
{
	struct cached *c = &r->cache[ev->vki % CACHED];

	if (c->info.id != ev->vki || (c->info.counters.rule != ev->rule && c->tried != ev->rule))
		fetch(r, c, ev);
	return c;
}

static struct timespec real_time(const struct reader *r, const struct vk_event *ev)
{
	int64_t ns = (int64_t)ev->time_ns + r->offset_ns;

	return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

/* A container's instance by the engine's name and the beginning of its id, as engines have it. */
static void print_instance(const struct cached *c)
{
	char text[300];

	if (c->container.name[0])
		snprintf(text, sizeof(text), "%s(%.12s)", c->container.name, c->container.id);
	else
		snprintf(text, sizeof(text), "%-8s", c->info.name);
	cli_put_safe(stdout, text, strlen(text));
}

/* The instance whose layer decided, if it is one above. */
static const char *layer_owner(const struct vk_info *info, const struct vk_reason *why)
{
	const struct vk_layer_origin *o = &info->origins[why->layer];

	return why->policy && why->layer < info->n_layers && o->instance != info->id ? o->name :
										       NULL;
}

static void print_line(const struct reader *r, const struct vk_event *ev, const struct cached *c,
		       const struct vk_reason *why)
{
	bool denied = ev->verdict == VK_EVENT_DENIED;
	struct timespec t = real_time(r, ev);
	char clock[16], resource[VK_EVENT_PATH + 64], rights[256];
	struct tm tm;

	localtime_r(&t.tv_sec, &tm);
	strftime(clock, sizeof(clock), "%T", &tm);
	cli_event_resource(ev, resource, sizeof(resource));
	printf("%s.%03ld ", clock, t.tv_nsec / 1000000);
	print_instance(c);
	printf(" %s%s%s %s ", cli_style(stdout, denied ? CLI_RED : CLI_YELLOW),
	       denied ? "DENIED " : "AUDITED", cli_style(stdout, CLI_PLAIN), cli_op_name(ev->op));
	cli_put_safe(stdout, resource, strlen(resource));
	vk_rights_text(ev->missing, rights, sizeof(rights));
	if (rights[0])
		printf(" (%s)", rights);
	fputs(" by ", stdout);
	cli_put_safe(stdout, ev->comm, strnlen(ev->comm, sizeof(ev->comm)));
	printf("[%u] uid %u: ", ev->tgid, ev->uid);
	if (why->policy) {
		if (layer_owner(&c->info, why))
			printf("%s's ", layer_owner(&c->info, why));
		printf("policy %s: ", why->policy->name);
		cli_put_safe(stdout, why->text, strlen(why->text));
		printf(" at %s:%u:%u", why->policy->file, why->pos.line, why->pos.column);
	} else {
		cli_put_safe(stdout, why->text, strlen(why->text));
	}
	if (ev->err)
		printf(" (%s)", strerrorname_np(ev->err) ?: "error");
	if (ev->suppressed)
		printf(" [and %u more like it]", ev->suppressed);
	putchar('\n');
}

static json_t *rights_array(uint32_t rights)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < VK_R_COUNT; i++)
		if (rights & 1u << i)
			cli_json_add(a, cli_json_string(vk_right_name(1u << i)));
	return a;
}

/* A path that is not UTF-8 is given twice: readable, and exact. */
static void set_path(json_t *o, const struct vk_event *ev)
{
	static const char digits[] = "0123456789abcdef";
	size_t len = strnlen(ev->path, sizeof(ev->path));
	char hex[2 * VK_EVENT_PATH + 1];

	if (ev->name_class != VK_NAME_KNOWN && ev->name_class != VK_NAME_FOREIGN)
		return;
	cli_json_set(o, "path", cli_json_string(len ? ev->path : "/"));
	if (cli_valid_utf8(ev->path, len))
		return;
	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digits[(unsigned char)ev->path[i] >> 4];
		hex[2 * i + 1] = digits[ev->path[i] & 0xf];
	}
	hex[2 * len] = '\0';
	cli_json_set(o, "path_hex", cli_json_string(hex));
}

static void set_reason(json_t *o, const struct vk_reason *why)
{
	cli_json_set(o, "rule", cli_json_string(why->text));
	if (!why->policy)
		return;
	cli_json_set(o, "policy", cli_json_string(why->policy->name));
	cli_json_set(o, "file", cli_json_string(why->policy->file));
	cli_json_set(o, "line", json_integer(why->pos.line));
	cli_json_set(o, "column", json_integer(why->pos.column));
}

static void print_json(const struct reader *r, const struct vk_event *ev, const struct cached *c,
		       const struct vk_reason *why)
{
	struct timespec t = real_time(r, ev);
	char date[32], stamp[64], resource[VK_EVENT_PATH + 64], comm[17];
	json_t *o = json_object();
	struct tm tm;

	gmtime_r(&t.tv_sec, &tm);
	strftime(date, sizeof(date), "%FT%T", &tm);
	snprintf(stamp, sizeof(stamp), "%s.%06ldZ", date, t.tv_nsec / 1000);
	snprintf(comm, sizeof(comm), "%.16s", ev->comm);
	cli_event_resource(ev, resource, sizeof(resource));
	cli_json_set(o, "time", cli_json_string(stamp));
	cli_json_set(o, "instance", cli_json_string(c->info.name));
	cli_json_set(o, "instance_id", json_integer(ev->vki));
	if (c->container.id[0])
		cli_json_set(o, "container", cli_json_string(c->container.id));
	if (c->container.name[0])
		cli_json_set(o, "container_name", cli_json_string(c->container.name));
	cli_json_set(o, "verdict",
		     cli_json_string(ev->verdict == VK_EVENT_DENIED ? "denied" : "audited"));
	cli_json_set(o, "op", cli_json_string(cli_op_name(ev->op)));
	cli_json_set(o, "resource", cli_json_string(resource));
	set_path(o, ev);
	cli_json_set(o, "foreign", json_boolean(ev->name_class == VK_NAME_FOREIGN));
	cli_json_set(o, "rights", rights_array(ev->rights));
	cli_json_set(o, "missing", rights_array(ev->missing));
	cli_json_set(o, "errno",
		     ev->err ? cli_json_string(strerrorname_np(ev->err) ?: "?") : json_null());
	set_reason(o, why);
	if (layer_owner(&c->info, why))
		cli_json_set(o, "layer_of", cli_json_string(layer_owner(&c->info, why)));
	cli_json_set(o, "pid", json_integer(ev->tgid));
	cli_json_set(o, "tid", json_integer(ev->tid));
	cli_json_set(o, "ppid", json_integer(ev->ppid));
	cli_json_set(o, "uid", json_integer(ev->uid));
	cli_json_set(o, "gid", json_integer(ev->gid));
	cli_json_set(o, "comm", cli_json_string(comm));
	cli_json_set(o, "cgroup", json_integer((json_int_t)ev->cgroup));
	cli_json_set(o, "mechanism", cli_json_string(r->mechanism));
	cli_json_set(o, "suppressed", json_integer(ev->suppressed));
	cli_json_print(o, true);
}

/* "program rate-limit of web": its name stays known for some time after it was popped. */
static void program_reason(const struct reader *r, const struct vk_event *ev, struct vk_reason *why)
{
	vk_cleanup(vk_info_free) struct vk_info info = {0};
	struct vk_error ignored = {0};
	char name[VK_PROGRAM_NAME];

	vk_program_name_of(r->eng, (uint32_t)ev->arg[1], name);
	*why = (struct vk_reason){.outcome =
					  ev->verdict == VK_EVENT_DENIED ? VK_DENIED : VK_AUDITED};
	if (ev->arg[2] == ev->vki ||
	    vk_instance_get_id(r->eng, (uint32_t)ev->arg[2], &info, &ignored) < 0)
		snprintf(why->text, sizeof(why->text), "program %s", name);
	else
		snprintf(why->text, sizeof(why->text), "program %s of instance %s", name,
			 info.name);
}

static int on_event(const struct vk_event *ev, void *data)
{
	struct reader *r = data;
	struct vk_reason why;

	if (r->only && ev->vki != r->only)
		return 0;

	const struct cached *c = info_of(r, ev);

	cli_event_reason(ev, (const struct vk_policy *const *)c->info.layers, c->info.n_layers,
			 &why);
	if (ev->op == VK_OP_PROGRAM)
		program_reason(r, ev, &why);
	(r->json ? print_json : print_line)(r, ev, c, &why);
	return 0;
}

static uint64_t lost_events(struct vk_engine *eng)
{
	struct vk_stats s = {0};

	return vk_stats_get(eng, &s, NULL) < 0 ? 0 : s.lost;
}

/* On standard error, so that it is seen, and does not end up among the events. */
static void report_lost(struct vk_engine *eng, uint64_t *known)
{
	uint64_t lost = lost_events(eng);

	if (lost > *known)
		fprintf(stderr, "vkernel: %" PRIu64 " reports were lost: the buffer was full\n",
			lost - *known);
	*known = lost;
}

static int read_events(struct reader *r, struct vk_event_reader *events, bool follow)
{
	uint64_t lost = lost_events(r->eng);
	int n;

	do {
		/* A short wait, although a signal ends it too: one that came just before would
		 * only be seen after it. */
		n = vk_events_poll(events, follow ? POLL_MS : 0, on_event, r);
		fflush(stdout);
		if (n >= 0)
			report_lost(r->eng, &lost);
	} while ((follow || n > 0) && (n >= 0 || n == -EINTR) && !interrupted && !ferror(stdout));
	if (n < 0 && n != -EINTR)
		return cli_fail("cannot read events: %s", strerror(-n));
	return CLI_OK;
}

static int64_t clock_offset(void)
{
	struct timespec real, mono;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &real);
	return (real.tv_sec - mono.tv_sec) * INT64_C(1000000000) + real.tv_nsec - mono.tv_nsec;
}

static int prepare(struct reader *r, const char *only, const char *container,
		   struct vk_event_reader **events, struct vk_error *e)
{
	vk_cleanup(vk_info_free) struct vk_info info = {0};
	int result = vk_engine_open(&r->eng, VK_OPEN_READ_ONLY, e);
	struct oci_record record;

	if (result == 0 && container) {
		result = oci_record_find(container, &record, e);
		only = record.instance;
	}
	if (result == 0 && only) {
		result = vk_instance_get(r->eng, only, &info, e);
		r->only = info.id;
	}
	if (result == 0)
		result = vk_events_open(r->eng, events, e);
	if (result == 0 && r->json) {
		_cleanup_free_ struct vk_host *host = cli_alloc(1, sizeof(*host));

		vk_host_check(host);
		r->mechanism = vk_mechanism_name(host->mechanism);
	}
	return result;
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_signal};
	struct reader *r = cli_alloc(1, sizeof(*r));
	struct vk_event_reader *events = NULL;
	struct vk_error e = {0};
	const char *only = NULL, *container = NULL, *arg;
	bool follow = false;
	int status = CLI_FAIL;

	for (int key; (key = cli_next(cmd, argc, argv, &arg)) != CLI_END;) {
		if (key == 'i')
			only = arg;
		if (key == 'c')
			container = arg;
		follow |= key == 'f';
		r->json |= key == 'j';
	}
	cli_operands(cmd, argc, argv, 0, 0, NULL);
	if (only && container)
		exit(cli_usage(cmd, "give --instance or --container"));
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	r->offset_ns = clock_offset();

	int result = prepare(r, only, container, &events, &e);

	if (result == 0)
		status = read_events(r, events, follow);
	else if (result == -ENOENT && !only && !container && !follow)
		status = CLI_OK; /* nothing was ever set up here, so nothing has happened */
	else
		cli_report(&e);
	vk_events_close(events);
	for (size_t i = 0; i < CACHED; i++)
		vk_info_free(&r->cache[i].info);
	vk_engine_close(r->eng);
	free(r);
	return status;
}

const struct cli_command cli_events = {
	.name = "events",
	.synopsis = "[--follow] [--instance NAME|--container ID] [--json]",
	.summary = "print what was denied or audited, and by which rule",
	.details = "Prints the reports that wait, and ends; with --follow it waits for more. Each\n"
		   "names the policy and the place of the rule that decided. A report is printed\n"
		   "once, to one reader; repetitions of one cause are counted, not repeated.",
	.examples = "sudo vkernel events --follow\n"
		    "sudo vkernel events --json | jq 'select(.verdict == \"denied\") | .resource'",
	.options = options,
	.run = run,
};
