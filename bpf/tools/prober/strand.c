// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "strand.h"
#include "clock.h"

#include <string.h>

/* What RTTVAR counts for at least, and a whole wait. */
#define LEAST_RTTVAR MILLISECOND
#define LEAST_PATIENCE (2 * MILLISECOND)
/* How long the first answer of all may take. */
#define FIRST_PATIENCE SECOND
/* So many probes without an answer are no accident, however slow they follow each other. */
#define LEAST_LOST 3
/* Whoever asks for more does so by mistake. */
#define LEAST_INTERVAL (5 * MILLISECOND)
/* A turn that is later than this, or than three intervals, was a pause. */
#define PAUSE (200 * MILLISECOND)
/* Probes go together that are due within an eighth of the interval, or this. */
#define LONGEST_EARLY (4 * MILLISECOND)

static uint64_t least(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

static uint64_t most(uint64_t one, uint64_t other)
{
	return one > other ? one : other;
}

/* How long an answer may take. */
static uint64_t patience(const struct ww_quality *quality)
{
	if (LOAD(quality->answered_ns) == 0)
		return FIRST_PATIENCE;
	return most(LOAD(quality->srtt_ns) + 4 * most(LOAD(quality->rttvar_ns), LEAST_RTTVAR),
		    LEAST_PATIENCE);
}

/*
 * From when on answers are missed: when the newest answered probe was sent, moved
 * forward by the time in which none was. An interval that was longer then does not count.
 */
static uint64_t missed_from(const struct strand *strand, const struct ww_quality *quality)
{
	uint64_t real = LOAD(quality->answered_ns);
	uint64_t from = real == strand->paused_answered ? real + strand->paused_ns : real;

	return strand->lost == 0 ? from : most(from, strand->lost_since - strand->interval_ns);
}

static void note_pause(struct strand *strand, const struct ww_quality *quality, uint64_t length)
{
	uint64_t real = LOAD(quality->answered_ns);

	if (real != strand->paused_answered)
		strand->paused_ns = 0;
	strand->paused_answered = real;
	strand->paused_ns += length;
}

static void set_silent(const struct plane *plane, struct strand *strand, bool silent, uint64_t now)
{
	struct ww_quality *quality = &plane->quality[strand->number];
	struct ww_strand *of = &plane->strands[strand->number];

	if (strand->silent != silent) {
		strand->silent = silent;
		strand->silent_answered = LOAD(quality->answered_ns);
		STORE(quality->changed_ns, now);
		if (silent)
			STORE(quality->silences, quality->silences + 1);
	} else if (LOAD(of->silent) == silent) {
		return;
	}
	STORE(of->silent, silent);
	if (silent)
		__atomic_fetch_or(&of->avoid, 1, __ATOMIC_RELEASE);
}

/* Its next moment, of those that the intervals of all strands have in common. */
static uint64_t next_moment(const struct strand *strand, uint32_t moments, uint64_t now)
{
	uint64_t interval = strand->interval_ns;
	uint64_t moment = interval / moments * (strand->number % moments);

	return now + interval - (now + interval - moment) % interval;
}

/* Go on where a forerunner ended, or begin. */
static void begin(const struct plane *plane, struct strand *strand, uint64_t now)
{
	struct ww_quality *quality = &plane->quality[strand->number];
	struct ww_strand *of = &plane->strands[strand->number];
	uint64_t under_way = quality->sent - quality->judged;

	memcpy(strand->local, of->local, sizeof(strand->local));
	memcpy(strand->remote, of->remote, sizeof(strand->remote));
	strand->seq = quality->seq;
	strand->judged = quality->seq - least(under_way, WW_SENT - 1);
	strand->judged_ns = 0;
	strand->lost = 0;
	strand->silent = of->silent != 0;
	strand->silent_answered = LOAD(quality->answered_ns);
	strand->paused_ns = 0;
	strand->paused_answered = 0;
	/* Whoever asked a forerunner asks again. */
	strand->large = LOAD(plane->probes[strand->number].large);
	if (quality->sent_ns != 0 && quality->sent_ns < now)
		note_pause(strand, quality, now - quality->sent_ns);
}

static bool is_another(const struct strand *strand, const struct ww_strand *of,
		       const struct ww_quality *quality)
{
	return strand->seq != quality->seq ||
	       memcmp(strand->local, of->local, sizeof(of->local)) != 0 ||
	       memcmp(strand->remote, of->remote, sizeof(of->remote)) != 0;
}

bool strand_follow(const struct plane *plane, struct strand *strand, uint32_t moments, uint64_t now)
{
	const struct ww_strand *of = &plane->strands[strand->number];
	uint64_t interval = LOAD(plane->probes[strand->number].interval_us) * MICROSECOND;
	uint64_t before = strand->interval_ns;

	if (of->family != 4 && of->family != 6)
		interval = 0;
	if (interval != 0)
		interval = most(interval, LEAST_INTERVAL);
	strand->interval_ns = interval;
	if (interval == 0) {
		/* Nobody looks any more whether it answers. */
		if (before != 0)
			set_silent(plane, strand, false, now);
		return before != 0;
	}
	if (before == 0 || is_another(strand, of, &plane->quality[strand->number]))
		begin(plane, strand, now);
	else if (before == interval)
		return false;
	strand->verdict = NEVER;
	strand->next_send = next_moment(strand, moments, now);
	strand->due = strand->next_send;
	return true;
}

/* How early its probe may go. */
static uint64_t early(const struct strand *strand)
{
	return least(strand->interval_ns / 8, LONGEST_EARLY);
}

bool strand_is_due(const struct strand *strand, uint64_t now)
{
	return strand->verdict <= now || strand->next_send <= now + early(strand);
}

/* Judge the probes that have had their time. */
static void judge(const struct plane *plane, struct strand *strand, uint64_t now)
{
	struct ww_quality *quality = &plane->quality[strand->number];
	uint64_t wait = patience(quality);

	while (strand->judged != strand->seq) {
		uint32_t seq = strand->judged + 1, state = WW_SENT_UNDER_WAY;
		struct ww_sent *sent = plane_sent(plane, strand->number, seq);
		/* The next probe takes the place of the oldest. */
		bool last = strand->seq - seq >= WW_SENT - 1;
		uint64_t sent_ns = LOAD(sent->sent_ns);

		if (!last && sent_ns + wait > now)
			return;
		strand->judged = seq;
		strand->judged_ns = sent_ns;
		if (__atomic_compare_exchange_n(&sent->state, &state, WW_SENT_LOST, false,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			if (strand->lost++ == 0)
				strand->lost_since = sent_ns;
			STORE(quality->lost, quality->lost + 1);
		} else {
			strand->lost = 0;
		}
		STORE(quality->judged, quality->judged + 1);
	}
}

/* Whether it is silent now. */
static void decide(const struct plane *plane, struct strand *strand, uint64_t now)
{
	const struct ww_quality *quality = &plane->quality[strand->number];
	const struct ww_probe *probe = &plane->probes[strand->number];
	uint64_t detect_ns = LOAD(probe->detect_us) * MICROSECOND;
	bool silent = strand->lost >= LEAST_LOST &&
		      strand->judged_ns >= missed_from(strand, quality) + detect_ns;

	/* Silence ends with an answer, not with a pause. */
	if (strand->silent && LOAD(quality->answered_ns) == strand->silent_answered)
		silent = true;
	if ((LOAD(probe->flags) & WW_PROBE_JUDGE) == 0 || LOAD(quality->answered_ns) == 0)
		silent = false;
	set_silent(plane, strand, silent, now);
}

/*
 * When the probe has had its time whose missing answer makes it silent; NEVER
 * where there is no doubt, or it is not sent yet.
 */
static uint64_t next_verdict(const struct plane *plane, const struct strand *strand)
{
	const struct ww_quality *quality = &plane->quality[strand->number];
	uint64_t detect_ns = LOAD(plane->probes[strand->number].detect_us) * MICROSECOND;
	uint64_t from = missed_from(strand, quality);
	uint64_t wait = patience(quality), when = 0;
	uint32_t lost = strand->lost;

	if (lost == 0 || strand->silent || LOAD(quality->answered_ns) == 0)
		return NEVER;
	for (uint32_t seq = strand->judged + 1; seq != strand->seq + 1; seq++) {
		uint64_t sent_ns = LOAD(plane_sent(plane, strand->number, seq)->sent_ns);

		/* They are judged in order, also where one waited before it left. */
		when = most(when, sent_ns + wait);
		if (++lost >= LEAST_LOST && sent_ns >= from + detect_ns)
			return when;
	}
	return NEVER;
}

static void send_probe(const struct plane *plane, struct strand *strand, struct batches *batches,
		       uint64_t now)
{
	struct ww_quality *quality = &plane->quality[strand->number];
	uint32_t seq = ++strand->seq;
	struct ww_sent *sent = plane_sent(plane, strand->number, seq);

	STORE(sent->state, WW_SENT_EMPTY);
	STORE(sent->seq, seq);
	STORE(sent->stamp, clock_stamp(now));
	STORE(sent->sent_ns, now);
	STORE(sent->state, WW_SENT_UNDER_WAY);
	STORE(quality->seq, seq);
	STORE(quality->sent_ns, now);
	STORE(quality->sent, quality->sent + 1);
	batches_add(batches, &(struct packet){
				     .strand = strand->number,
				     .seq = seq,
				     .stamp = sent->stamp,
				     .size = LOAD(plane->probes[strand->number].size),
			     });
}

void strand_failed(const struct plane *plane, uint32_t strand, int error)
{
	struct ww_quality *quality = &plane->quality[strand];

	(void)error;
	STORE(quality->failed, quality->failed + 1);
}

void strand_turn(const struct plane *plane, struct strand *strand, struct batches *batches,
		 uint64_t now)
{
	uint64_t late = now > strand->due ? now - strand->due : 0;

	if (late > least(3 * strand->interval_ns, PAUSE))
		note_pause(strand, &plane->quality[strand->number], late);
	judge(plane, strand, now);
	decide(plane, strand, now);
	if (strand->next_send <= now + early(strand)) {
		send_probe(plane, strand, batches, now);
		/* Missed ones are not made up for. */
		if (strand->next_send < now)
			strand->next_send += (now - strand->next_send) / strand->interval_ns *
					     strand->interval_ns;
		strand->next_send += strand->interval_ns;
	}
	/* Whatever others store meanwhile: a turn is never followed by itself. */
	strand->verdict = most(next_verdict(plane, strand), now + MILLISECOND);
	strand->due = least(strand->next_send, strand->verdict);
}
