/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of requests, `ww-request=USER.NUMBER;`: where bytes have some, and
 * which of them were told already.
 */
#ifndef WITNESS_TOKENS_H
#define WITNESS_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USER_MOST 32
/* As many as a JSON reader's numbers hold exactly. */
#define DIGITS_MOST 15
/* "ww-request=" USER "." NUMBER ";" */
#define TOKEN_MOST (11 + USER_MOST + 1 + DIGITS_MOST + 1)

enum direction { IN, OUT };

/* When, and which way, the bytes went by. */
struct moment {
	uint64_t ns;
	enum direction direction;
};

struct tokens {
	struct token *table;
	/* Slots of the table: a power of two. */
	uint64_t room;
	/* Told so far, and how often one was seen that could not be remembered, and so was not told. */
	uint64_t count;
	uint64_t overflow;
};

/* A set for at most this many tokens; false where there is no memory. */
bool tokens_init(struct tokens *tokens, uint64_t most);

/* Tell each token in these bytes that was not told yet: a line of JSON on stdout. */
void tokens_in(struct tokens *tokens, const uint8_t *bytes, size_t length, struct moment when);

#endif
