// SPDX-License-Identifier: Apache-2.0
/*
 * loader - BPF objects, maps, programs and where they are attached, by libbpf.
 *
 * openObject(path) -> object; setMaxEntries(object, map, n); setRodata(object,
 * symbol, bytes); load(object, pin directory or ""); mapNames, programNames
 * mapOf(object, name) -> map; openMap(pin) -> map; mapInfo(map)
 * lookup, update, remove, updateBatch, removeBatch, entries	keys packed side by side
 * openRing(pin, record size, most at a time, (records, full) => ...) -> ring, at rest
 * readRing, restRing, closeRing(ring)	after each call it is at rest
 * store32, load32(map, index, offset)	of an mmap-able array, atomic
 * programOf(object, name) -> program; openProgram(pin); programInfo; pin; testRun
 * linkAttach, linkDetach, linkInfo	a pinned tcx link; promises
 * filterAttach, filterDetach, filterInfo	our filter at clsact; promises
 * probe(feature), grace(by map?), mountBpf(directory), library() -> libbpf's version
 * close(handle)	idempotent; leaks() -> handles that the collector had to close
 *
 * Errors carry errno and syscall, and what libbpf said as `said`; of a refused
 * program its name as `program` and the verifier's words as `log`.
 */
#include "loader/loader.h"

#define FUNCTION(name, function)                                                                   \
	{                                                                                          \
		name, NULL, function, NULL, NULL, NULL, napi_enumerable, NULL                      \
	}

NAPI_MODULE_INIT()
{
	static const napi_property_descriptor all[] = {
		FUNCTION("openObject", open_object),
		FUNCTION("setMaxEntries", set_max_entries),
		FUNCTION("setRodata", set_rodata),
		FUNCTION("load", load),
		FUNCTION("mapNames", map_names),
		FUNCTION("programNames", program_names),
		FUNCTION("mapOf", map_of),
		FUNCTION("programOf", program_of),
		FUNCTION("openMap", open_map),
		FUNCTION("mapInfo", map_info),
		FUNCTION("lookup", lookup),
		FUNCTION("update", update),
		FUNCTION("remove", remove_key),
		FUNCTION("updateBatch", update_batch),
		FUNCTION("removeBatch", remove_batch),
		FUNCTION("entries", entries),
		FUNCTION("store32", store32),
		FUNCTION("load32", load32),
		FUNCTION("openRing", open_ring),
		FUNCTION("readRing", read_ring),
		FUNCTION("restRing", rest_ring),
		FUNCTION("closeRing", close_ring),
		FUNCTION("openProgram", open_program),
		FUNCTION("programInfo", program_info),
		FUNCTION("pin", pin),
		FUNCTION("testRun", test_run),
		FUNCTION("linkAttach", link_attach),
		FUNCTION("linkDetach", link_detach),
		FUNCTION("linkInfo", link_info),
		FUNCTION("filterAttach", filter_attach),
		FUNCTION("filterDetach", filter_detach),
		FUNCTION("filterInfo", filter_info),
		FUNCTION("probe", probe),
		FUNCTION("library", library),
		FUNCTION("grace", grace),
		FUNCTION("mountBpf", mount_bpf),
		FUNCTION("close", close_handle),
		FUNCTION("leaks", leaks),
	};

	libbpf_set_print(on_said);
	napi_define_properties(env, exports, sizeof(all) / sizeof(all[0]), all);
	return exports;
}
