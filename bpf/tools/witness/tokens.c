// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "tokens.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START "ww-request="

struct token {
	uint64_t number;
	/* 0: a free slot. */
	uint8_t user_length;
	uint8_t direction;
	char user[USER_MOST];
};

bool tokens_init(struct tokens *tokens, uint64_t most)
{
	memset(tokens, 0, sizeof(*tokens));
	/* A third stays free, so that looking for one that is not there ends soon. */
	for (tokens->room = 16; tokens->room * 2 / 3 < most; tokens->room *= 2)
		;
	tokens->table = calloc(tokens->room, sizeof(*tokens->table));
	return tokens->table != NULL;
}

static bool in_user(int c)
{
	return isalnum(c) || c == '_' || c == '-';
}

/* Read what follows the start of a token; false where it is none. */
static bool read_token(const uint8_t *at, const uint8_t *end, struct token *token)
{
	int digits = 0;

	memset(token, 0, sizeof(*token));
	for (; at < end && in_user(*at); at++) {
		if (token->user_length == USER_MOST)
			return false;
		token->user[token->user_length++] = *at;
	}
	if (token->user_length == 0 || at == end || *at++ != '.')
		return false;
	for (; at < end && isdigit(*at); at++) {
		if (digits++ == DIGITS_MOST)
			return false;
		token->number = token->number * 10 + (*at - '0');
	}
	return digits > 0 && at < end && *at == ';';
}

static uint64_t hash(const struct token *token)
{
	const uint8_t *bytes = (const uint8_t *)token;
	uint64_t value = 14695981039346656037ull;

	for (size_t at = 0; at < sizeof(*token); at++)
		value = (value ^ bytes[at]) * 1099511628211ull;
	return value ^ value >> 32;
}

/* Whether it is new, and now known. */
static bool is_first(struct tokens *tokens, const struct token *token)
{
	uint64_t at = hash(token) & (tokens->room - 1);

	for (; tokens->table[at].user_length > 0; at = (at + 1) & (tokens->room - 1)) {
		if (memcmp(&tokens->table[at], token, sizeof(*token)) == 0)
			return false;
	}
	if (tokens->count >= tokens->room * 2 / 3) {
		tokens->overflow++;
		return false;
	}
	tokens->table[at] = *token;
	tokens->count++;
	return true;
}

void tokens_in(struct tokens *tokens, const uint8_t *bytes, size_t length, struct moment when)
{
	const uint8_t *end = bytes + length, *at = bytes;
	struct token token;

	while ((at = memmem(at, end - at, START, strlen(START))) != NULL) {
		at += strlen(START);
		if (!read_token(at, end, &token))
			continue;
		token.direction = when.direction;
		if (!is_first(tokens, &token))
			continue;
		printf("{\"user\":\"%.*s\",\"number\":%llu,\"direction\":\"%s\",\"at\":%llu.%03u}"
		       "\n",
		       token.user_length, token.user, (unsigned long long)token.number,
		       when.direction == OUT ? "out" : "in",
		       (unsigned long long)(when.ns / 1000000),
		       (unsigned int)(when.ns / 1000 % 1000));
	}
}
