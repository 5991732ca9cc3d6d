// SPDX-License-Identifier: Apache-2.0
/*
 * Maps: many entries at a time, keys and values packed side by side. A map type
 * that the kernel has no batches for is gone through one by one.
 */
#include "loader.h"

#include <errno.h>
#include <string.h>

#define NOT_SUPPORTED 524 /* the kernel's own ENOTSUPP */

static bool has_no_batches(int err)
{
	return err == NOT_SUPPORTED || err == EOPNOTSUPP;
}

static struct handle *sized_map(napi_env env, napi_value value)
{
	struct handle *map = handle_of(env, value, MAP);
	struct bpf_map_info info;
	int err;

	if (!map || map->max_entries)
		return map;
	err = ask_map(map, &info);
	if (err)
		throw_error(env, err, "bpf_obj_get_info");
	return err ? NULL : map;
}

napi_value update_batch(napi_env env, napi_callback_info info)
{
	size_t keys_length, values_length, total, at;
	uint8_t *keys, *values;
	struct handle *map;
	napi_value argv[3];
	uint32_t count;
	int err;

	if (!arguments(env, info, 3, argv) || !(map = sized_map(env, argv[0])) ||
	    !bytes_of(env, argv[1], &keys, &keys_length) ||
	    !bytes_of(env, argv[2], &values, &values_length))
		return NULL;
	total = keys_length / map->key_size;
	if (keys_length % map->key_size || values_length != total * map->value_bytes)
		return throw_error(env, EINVAL, "bytes");
	count = total;
	if (!count)
		return NULL;
	err = bpf_map_update_batch(map->fd, keys, values, &count, NULL) ? errno : 0;
	if (!has_no_batches(err))
		return err ? throw_error(env, err, "bpf_map_update_batch") : NULL;
	for (at = 0; at < total; at++)
		if (bpf_map_update_elem(map->fd, keys + at * map->key_size,
					values + at * map->value_bytes, BPF_ANY))
			return throw_error(env, errno, "bpf_map_update");
	return NULL;
}

/* An errno; a key that is not there is none. */
static int remove_all(const struct handle *map, const uint8_t *keys, size_t total)
{
	size_t at = 0;

	while (at < total) {
		uint32_t count = total - at;
		int err = bpf_map_delete_batch(map->fd, keys + at * map->key_size, &count, NULL)
				  ? errno
				  : 0;

		if (has_no_batches(err)) {
			err = bpf_map_delete_elem(map->fd, keys + at * map->key_size) ? errno : 0;
			count = err ? 0 : 1;
		}
		if (err && err != ENOENT)
			return err;
		/* the batch stops at one that is not there: behind that, another */
		at += count + (err == ENOENT);
	}
	return 0;
}

napi_value remove_batch(napi_env env, napi_callback_info info)
{
	struct handle *map;
	napi_value argv[2];
	uint8_t *keys;
	size_t length;
	int err;

	if (!arguments(env, info, 2, argv) || !(map = sized_map(env, argv[0])) ||
	    !bytes_of(env, argv[1], &keys, &length))
		return NULL;
	err = length % map->key_size ? EINVAL : remove_all(map, keys, length / map->key_size);
	return err ? throw_error(env, err, "bpf_map_delete_batch") : NULL;
}

/* What is being read. */
struct found {
	uint8_t *keys, *values;
	size_t count, room;
};

static bool make_room(struct found *found, const struct handle *map, size_t more)
{
	size_t room = found->count + more;
	uint8_t *bytes;

	if (room <= found->room)
		return true;
	if (room < 2 * found->room)
		room = 2 * found->room;
	bytes = realloc(found->keys, room * map->key_size);
	if (!bytes)
		return false;
	found->keys = bytes;
	bytes = realloc(found->values, room * map->value_bytes);
	if (!bytes)
		return false;
	found->values = bytes;
	found->room = room;
	return true;
}

/* One key after the other. Of a type without batches; ends also where keys come and go. */
static int read_singly(const struct handle *map, struct found *found)
{
	uint8_t *last = NULL, *key = malloc(map->key_size);
	size_t most = 2 * (size_t)map->max_entries;
	int err = key ? 0 : ENOMEM;

	while (!err && most-- && !bpf_map_get_next_key(map->fd, last, key)) {
		last = key;
		if (!make_room(found, map, 1)) {
			err = ENOMEM;
			break;
		}
		if (bpf_map_lookup_elem(map->fd, key,
					found->values + found->count * map->value_bytes)) {
			/* gone meanwhile, or a place that holds nothing */
			err = errno == ENOENT ? 0 : errno;
			continue;
		}
		memcpy(found->keys + found->count++ * map->key_size, key, map->key_size);
	}
	free(key);
	return err;
}

/*
 * In batches. A hash table gives bucket by bucket, each under its lock: what is
 * there all the time is there once, whatever changes beside it.
 */
static int read_batches(const struct handle *map, struct found *found)
{
	size_t chunk = map->max_entries < 4096 ? map->max_entries : 4096;
	uint8_t *place = calloc(1, map->key_size + sizeof(uint32_t));
	bool begun = false;
	uint32_t count;
	int err = place ? 0 : ENOMEM;

	while (!err) {
		if (!make_room(found, map, chunk)) {
			err = ENOMEM;
			break;
		}
		count = chunk;
		err = bpf_map_lookup_batch(map->fd, begun ? place : NULL, place,
					   found->keys + found->count * map->key_size,
					   found->values + found->count * map->value_bytes, &count,
					   NULL)
			      ? errno
			      : 0;
		if (err == ENOSPC) { /* a bucket with more than that */
			chunk *= 2;
			err = 0;
			continue;
		}
		if (!err || err == ENOENT)
			found->count += count;
		begun = true;
	}
	free(place);
	return err == ENOENT ? 0 : err;
}

napi_value entries(napi_env env, napi_callback_info info)
{
	napi_value argument, out = NULL, bytes;
	struct found found = { 0 };
	struct handle *map;
	int err;

	if (!arguments(env, info, 1, &argument) || !(map = sized_map(env, argument)))
		return NULL;
	err = read_batches(map, &found);
	if (has_no_batches(err))
		err = read_singly(map, &found);
	if (!err) {
		napi_create_array(env, &out);
		napi_create_buffer_copy(env, found.count * map->key_size, found.keys, NULL, &bytes);
		napi_set_element(env, out, 0, bytes);
		napi_create_buffer_copy(env, found.count * map->value_bytes, found.values, NULL,
					&bytes);
		napi_set_element(env, out, 1, bytes);
	}
	free(found.keys);
	free(found.values);
	return err ? throw_error(env, err, "bpf_map_lookup_batch") : out;
}
