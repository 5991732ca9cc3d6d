// SPDX-License-Identifier: Apache-2.0
/* Maps: one entry at a time, and words of arrays in memory. */
#include "loader.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t round8(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

static bool is_per_cpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

int ask_map(struct handle *map, struct bpf_map_info *info)
{
	uint32_t length = sizeof(*info);

	memset(info, 0, sizeof(*info));
	if (bpf_obj_get_info_by_fd(map->fd, info, &length))
		return errno;
	map->type = info->type;
	map->key_size = info->key_size;
	map->value_size = info->value_size;
	map->max_entries = info->max_entries;
	map->value_bytes = is_per_cpu(info->type)
				   ? round8(info->value_size) * libbpf_num_possible_cpus()
				   : info->value_size;
	return 0;
}

static napi_value wrap_map(napi_env env, int fd)
{
	return fd < 0 ? throw_error(env, -fd, "bpf_obj_get") : wrap_fd(env, MAP, fd);
}

napi_value open_map(napi_env env, napi_callback_info info)
{
	napi_value argument;
	char *path;
	int fd;

	if (!arguments(env, info, 1, &argument) || !(path = text_of(env, argument)))
		return NULL;
	fd = open_pin(path, MAP);
	free(path);
	return wrap_map(env, fd);
}

napi_value map_info(napi_env env, napi_callback_info info)
{
	struct bpf_map_info found;
	napi_value argument, object, name;
	struct handle *map;
	int err;

	if (!arguments(env, info, 1, &argument) || !(map = handle_of(env, argument, MAP)))
		return NULL;
	err = ask_map(map, &found);
	if (err)
		return throw_error(env, err, "bpf_obj_get_info");
	napi_create_object(env, &object);
	napi_create_string_utf8(env, found.name, NAPI_AUTO_LENGTH, &name);
	set(env, object, "name", name);
	set(env, object, "id", number(env, found.id));
	set(env, object, "type", number(env, found.type));
	set(env, object, "keySize", number(env, found.key_size));
	set(env, object, "valueSize", number(env, found.value_size));
	set(env, object, "maxEntries", number(env, found.max_entries));
	set(env, object, "valueBytes", number(env, map->value_bytes));
	return object;
}

/* A map that knows its sizes, and a key of its size. */
static struct handle *map_and_key(napi_env env, const napi_value *argv, uint8_t **key)
{
	struct handle *map = handle_of(env, argv[0], MAP);
	struct bpf_map_info info;
	size_t length;
	int err = 0;

	if (!map || !bytes_of(env, argv[1], key, &length))
		return NULL;
	if (!map->max_entries)
		err = ask_map(map, &info);
	if (!err && length != map->key_size)
		err = EINVAL;
	if (err)
		throw_error(env, err, "key");
	return err ? NULL : map;
}

napi_value lookup(napi_env env, napi_callback_info info)
{
	napi_value argv[2], value;
	struct handle *map;
	uint8_t *key;
	void *bytes;

	if (!arguments(env, info, 2, argv) || !(map = map_and_key(env, argv, &key)))
		return NULL;
	if (napi_create_buffer(env, map->value_bytes, &bytes, &value) != napi_ok)
		return throw_error(env, ENOMEM, "buffer");
	if (!bpf_map_lookup_elem(map->fd, key, bytes))
		return value;
	return errno == ENOENT ? NULL : throw_error(env, errno, "bpf_map_lookup");
}

napi_value update(napi_env env, napi_callback_info info)
{
	uint8_t *key, *value;
	struct handle *map;
	napi_value argv[4];
	uint32_t flags;
	size_t length;

	if (!arguments(env, info, 4, argv) || !(map = map_and_key(env, argv, &key)) ||
	    !bytes_of(env, argv[2], &value, &length) || !numbers_of(env, &argv[3], 1, &flags))
		return NULL;
	if (length != map->value_bytes)
		return throw_error(env, EINVAL, "value");
	if (bpf_map_update_elem(map->fd, key, value, flags))
		return throw_error(env, errno, "bpf_map_update");
	return NULL;
}

napi_value remove_key(napi_env env, napi_callback_info info)
{
	napi_value argv[2], was_there;
	struct handle *map;
	uint8_t *key;
	int err;

	if (!arguments(env, info, 2, argv) || !(map = map_and_key(env, argv, &key)))
		return NULL;
	err = bpf_map_delete_elem(map->fd, key) ? errno : 0;
	if (err && err != ENOENT)
		return throw_error(env, err, "bpf_map_delete");
	napi_get_boolean(env, !err, &was_there);
	return was_there;
}

/* A word of an array in memory, or NULL with an exception. */
static uint32_t *word_of(napi_env env, struct handle *map, uint32_t index, uint32_t offset)
{
	size_t page = sysconf(_SC_PAGESIZE), size;
	struct bpf_map_info info;
	uint8_t *memory;

	if (!map->max_entries && ask_map(map, &info)) {
		throw_error(env, errno, "bpf_obj_get_info");
		return NULL;
	}
	if (index >= map->max_entries || offset % 4 || (size_t)offset + 4 > map->value_size) {
		throw_error(env, ERANGE, "index");
		return NULL;
	}
	if (!map->memory) {
		size = (round8(map->value_size) * map->max_entries + page - 1) & ~(page - 1);
		memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, map->fd, 0);
		if (memory == MAP_FAILED) {
			throw_error(env, errno, "mmap");
			return NULL;
		}
		map->memory = memory;
		map->memory_size = size;
	}
	return (uint32_t *)(map->memory + round8(map->value_size) * index + offset);
}

napi_value store32(napi_env env, napi_callback_info info)
{
	struct handle *map;
	napi_value argv[4];
	uint32_t numbers[3], *word; /* index, offset, value */

	if (!arguments(env, info, 4, argv) || !(map = handle_of(env, argv[0], MAP)) ||
	    !numbers_of(env, &argv[1], 3, numbers) ||
	    !(word = word_of(env, map, numbers[0], numbers[1])))
		return NULL;
	/* Sequentially consistent: what was written before is seen before. */
	__atomic_store_n(word, numbers[2], __ATOMIC_SEQ_CST);
	return NULL;
}

napi_value load32(napi_env env, napi_callback_info info)
{
	struct handle *map;
	napi_value argv[3];
	uint32_t numbers[2], *word;

	if (!arguments(env, info, 3, argv) || !(map = handle_of(env, argv[0], MAP)) ||
	    !numbers_of(env, &argv[1], 2, numbers) ||
	    !(word = word_of(env, map, numbers[0], numbers[1])))
		return NULL;
	return number(env, __atomic_load_n(word, __ATOMIC_SEQ_CST));
}
