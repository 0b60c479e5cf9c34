// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * names.c - names of files out of the text of a profile: samples of each pattern, and what is next
 * to them. Deliberately no parser of rules: every word that looks like a pattern is one.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "tap.h"

#define VARIABLES 64
#define VALUES 16
#define PATTERNS 4096

static struct {
	char name[64];
	char *value[VALUES];
	size_t n;
} vars[VARIABLES];
static size_t n_vars;
static char *patterns[PATTERNS];
static size_t n_patterns;
static uint64_t state = 88172645463325252u;

unsigned int cmp_random(unsigned int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n ? (unsigned int)(state >> 33) % n : 0;
}

/* @{NAME} = value... of one line. */
static bool take_variable(const char *line)
{
	char name[64], sign[3];
	int at = 0;

	if (sscanf(line, " @{%63[A-Za-z_0-9]} %2[+=] %n", name, sign, &at) != 2 &&
	    sscanf(line, " @{%63[A-Za-z_0-9]}%2[+=]%n", name, sign, &at) != 2)
		return false;
	if (!at)
		return false;

	size_t i = 0;

	while (i < n_vars && strcmp(vars[i].name, name) != 0)
		i++;
	if (i == VARIABLES)
		return true;
	if (i == n_vars) {
		memcpy(vars[i].name, name, sizeof(name));
		n_vars++;
	}
	char *copy = strdup(line + at), *save = NULL;

	for (char *word = strtok_r(copy, " \t", &save); word && *word != '#';
	     word = strtok_r(NULL, " \t", &save))
		if (vars[i].n < VALUES)
			vars[i].value[vars[i].n++] = strdup(word);
	free(copy);
	return true;
}

static void take_line(char *line)
{
	char *save = NULL;

	if (line[strspn(line, " \t")] == '#' || take_variable(line))
		return;
	for (char *word = strtok_r(line, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		size_t len = strlen(word);

		if (*word == '#')
			return;
		if (*word == '"') {
			word++;
			len = strcspn(word, "\"");
		} else if (len && word[len - 1] == ',') {
			len--;
		}
		if ((*word == '/' || strncmp(word, "@{", 2) == 0) && n_patterns < PATTERNS)
			patterns[n_patterns++] = strndup(word, len);
	}
}

void cmp_names_text(const char *text)
{
	char *copy = strdup(text), *save = NULL;

	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		take_line(line);
	free(copy);
}

/* The end of the group or set that begins at @s. */
static const char *group_end(const char *s)
{
	int depth = 0;

	for (; *s; s++) {
		if (*s == '\\' && s[1])
			s++;
		else if (*s == '{')
			depth++;
		else if (*s == '}' && --depth == 0)
			return s;
	}
	return NULL;
}

/* One name that the pattern matches, or nearly so. */
static void sample(FILE *f, const char *s, const char *end, int depth)
{
	static const char *const few[] = {"", "v", "vw", "x.so"};
	static const char *const many[] = {"v", "v/w", ".h", "v/w/x.so", ""};

	while (s < end && depth < 20) {
		const char *close = *s == '{' || (*s == '@' && s[1] == '{') ? group_end(s) : NULL;

		if (*s == '@' && close) {
			for (size_t i = 0; i < n_vars; i++) {
				const char *value =
					vars[i].value[cmp_random((unsigned int)vars[i].n)];

				if (strncmp(vars[i].name, s + 2, (size_t)(close - s) - 2) == 0 &&
				    !vars[i].name[close - s - 2] && value)
					sample(f, value, value + strlen(value), depth + 1);
			}
			s = close + 1;
		} else if (*s == '{' && close) {
			const char *alt[64];
			size_t n = 0;
			int nest = 0;

			alt[n++] = s + 1;
			for (const char *p = s + 1; p < close && n < 63; p++) {
				nest += (*p == '{') - (*p == '}');
				if (*p == ',' && !nest)
					alt[n++] = p + 1;
			}
			alt[n] = close + 1;
			size_t k = cmp_random((unsigned int)n);

			sample(f, alt[k], alt[k + 1] - 1, depth + 1);
			s = close + 1;
		} else if (*s == '*') {
			bool two = s + 1 < end && s[1] == '*';

			fputs(two ? many[cmp_random(5)] : few[cmp_random(4)], f);
			s += 1 + two;
		} else if (*s == '?') {
			fputc('q', f);
			s++;
		} else if (*s == '[' && strchr(s, ']')) {
			const char *stop = strchr(s, ']');
			unsigned int pick = cmp_random((unsigned int)(stop - s - 1));

			/* A member most of the time, whatever the set says. */
			fputc(s[1 + pick] == '^' || s[1 + pick] == '-' ? 'k' : s[1 + pick], f);
			s = stop + 1;
		} else {
			if (*s == '\\' && s + 1 < end)
				s++;
			fputc(*s++, f);
		}
	}
}

/* Folds slashes; false: no name, or one that the test needs for itself. */
static bool tidy(char *s)
{
	char *to = s;

	for (const char *p = s; *p; p++)
		if (*p != '/' || p[1] != '/')
			*to++ = *p;
	while (to > s + 1 && to[-1] == '/')
		to--;
	*to = '\0';
	if (*s != '/' || !s[1] || strlen(s) > CMP_PATH / 2 || strstr(s, "/./") || strstr(s, "/../"))
		return false;
	to = strrchr(s, '/');
	return strcmp(to, "/.") != 0 && strcmp(to, "/..") != 0;
}

void cmp_names_add(struct cmp_names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->v[i], name) == 0)
			return;
	names->v = reallocarray(names->v, names->n + 1, sizeof(*names->v));
	ASSERT(names->v);
	names->v[names->n++] = strdup(name);
}

static void add_tidied(struct cmp_names *names, const char *name)
{
	char copy[4096];

	snprintf(copy, sizeof(copy), "%s", name);
	if (tidy(copy))
		cmp_names_add(names, copy);
}

/* A name and its neighbours. */
static void add_near(struct cmp_names *names, const char *name)
{
	char near[4096];
	size_t len = strlen(name);

	add_tidied(names, name);
	if (len < 2 || len > CMP_PATH / 2)
		return;
	switch (cmp_random(5)) {
	case 0:
		snprintf(near, sizeof(near), "%sx", name);
		break;
	case 1:
		snprintf(near, sizeof(near), "%.*s", (int)len - 1, name);
		break;
	case 2:
		snprintf(near, sizeof(near), "%s/y", name);
		break;
	case 3:
		snprintf(near, sizeof(near), "%.*s", (int)(strrchr(name, '/') - name), name);
		break;
	default:
		snprintf(near, sizeof(near), "%s", name);
		near[1 + cmp_random((unsigned int)len - 1)] = 'z';
		break;
	}
	add_tidied(names, near);
}

struct cmp_names cmp_names_make(size_t most)
{
	struct cmp_names names = {0};

	/* All patterns once before any of them twice. */
	for (size_t round = 0; round < 50 && names.n < most; round++) {
		for (size_t i = 0; i < n_patterns && names.n < most; i++) {
			size_t k = n_patterns > most ? cmp_random((unsigned int)n_patterns) : i;
			size_t size = 0;
			char *name = NULL;
			FILE *f = open_memstream(&name, &size);

			ASSERT(f);
			sample(f, patterns[k], patterns[k] + strlen(patterns[k]), 0);
			fclose(f);
			add_near(&names, name);
			free(name);
		}
	}
	return names;
}
