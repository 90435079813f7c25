/*
 * The tables of events and their causes. drop_detection.sql finds events, and
 * event.sql writes them.
 */

CREATE TYPE posture.event_kind AS ENUM (
    'metric_score_drop', 'initiative_score_drop', 'new_initiative', 'coverage_drop');
COMMENT ON TYPE posture.event_kind IS
    'kind of an event: the score of a metric or of an initiative dropped, an initiative is new, or '
    'the coverage of a metric dropped';

CREATE TABLE posture.event (
    event_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind event_kind NOT NULL,
    day date NOT NULL
        CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31'),
    previous_day date
        CONSTRAINT "previous_day is in the years 1900 to 9999"
        CHECK (previous_day BETWEEN '1900-01-01' AND '9999-12-31'),
    metric_id integer,
    initiative_id integer,
    previous_score score,
    score score,
    drop numeric
        CONSTRAINT "drop is from 0 to 100" CHECK (drop >= 0 AND drop <= 100),
    weight numeric
        CONSTRAINT "weight is from 0 to 10^15 with at most 12 decimals"
        CHECK (weight >= 0 AND weight <= 1e15 AND weight = round(weight, 12)),
    status text NOT NULL DEFAULT 'open'
        CONSTRAINT "status is open, acknowledged, recovered or superseded"
        CHECK (status IN ('open', 'acknowledged', 'recovered', 'superseded')),
    acknowledged_by text,
    acknowledged_at timestamptz
        CONSTRAINT "acknowledged_at is in the years 1900 to 9999"
        CHECK (acknowledged_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    note text,
    recovered_on date
        CONSTRAINT "recovered_on is in the years 1900 to 9999"
        CHECK (recovered_on BETWEEN '1900-01-01' AND '9999-12-31'),
    reopened_by text,
    reopened_at timestamptz
        CONSTRAINT "reopened_at is in the years 1900 to 9999"
        CHECK (reopened_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    in_cooldown boolean NOT NULL DEFAULT false,
    superseded_on date
        CONSTRAINT "superseded_on is in the years 1900 to 9999"
        CHECK (superseded_on BETWEEN '1900-01-01' AND '9999-12-31'),
    superseded_by text,
    cause text,
    CONSTRAINT "an event is of a metric or of an initiative"
        CHECK (num_nonnulls(metric_id, initiative_id) = 1),
    UNIQUE NULLS NOT DISTINCT (day, kind, metric_id, initiative_id)
);
CREATE UNIQUE INDEX event_new_initiative ON posture.event (initiative_id)
    WHERE kind = 'new_initiative';
COMMENT ON TABLE posture.event IS 'drops of scores and of coverage, and new initiatives';
COMMENT ON COLUMN posture.event.event_id IS 'id of the event, for acknowledge() and reopen()';
COMMENT ON COLUMN posture.event.kind IS
    'metric_score_drop, initiative_score_drop, new_initiative or coverage_drop';
COMMENT ON COLUMN posture.event.day IS 'day whose snapshot shows the event';
COMMENT ON COLUMN posture.event.previous_day IS
    'day that it was compared with; NULL for a new initiative';
COMMENT ON COLUMN posture.event.metric_id IS
    'id of the metric that dropped; NULL for an event of an initiative';
COMMENT ON COLUMN posture.event.initiative_id IS
    'id of the initiative that dropped or is new; NULL for an event of a metric';
COMMENT ON COLUMN posture.event.previous_score IS
    'score on the previous day, of a coverage_drop the coverage in percent; NULL for a new '
    'initiative';
COMMENT ON COLUMN posture.event.score IS
    'score on the day, of a coverage_drop the coverage in percent; NULL: unavailable';
COMMENT ON COLUMN posture.event.drop IS
    'points lost, previous_score - score; NULL for a new initiative';
COMMENT ON COLUMN posture.event.weight IS
    'greatest weight that the metric has in an initiative; NULL for an event of an initiative';
COMMENT ON COLUMN posture.event.status IS
    'open or acknowledged; recovered once changes of posture brought the score back to '
    'previous_score; superseded once another change did, or the object is no longer measured';
COMMENT ON COLUMN posture.event.acknowledged_by IS
    'user who acknowledged the event last; NULL if nobody did';
COMMENT ON COLUMN posture.event.acknowledged_at IS
    'time of the last acknowledgement; NULL if there is none';
COMMENT ON COLUMN posture.event.note IS
    'latest note of a user who acknowledged or reopened the event; NULL if there is none';
COMMENT ON COLUMN posture.event.recovered_on IS
    'day on which the event recovered; a reopened event keeps this day and ends again on a later '
    'day at the earliest; NULL if the event has not recovered';
COMMENT ON COLUMN posture.event.reopened_by IS
    'user who reopened the event last; NULL if nobody did';
COMMENT ON COLUMN posture.event.reopened_at IS
    'time when the event was last reopened; NULL if it never was';
COMMENT ON COLUMN posture.event.in_cooldown IS
    'whether no notification was sent, because an earlier drop was notified within cooldown_days';
COMMENT ON COLUMN posture.event.superseded_on IS
    'day on which the event was superseded; a reopened event keeps this day and ends again on a '
    'later day at the earliest; NULL if the event was not superseded';
COMMENT ON COLUMN posture.event.superseded_by IS
    'reason of the change that superseded the event, one of change_reason(); NULL if none did';
COMMENT ON COLUMN posture.event.cause IS
    'why the score dropped, in one sentence, as it was on the day, for roles that see all; NULL: '
    'a new initiative, or the event has no causes';

CREATE TABLE posture.event_cause (
    event_id integer NOT NULL REFERENCES event ON DELETE CASCADE,
    metric_id integer,
    recommendation_id integer,
    initiative_id integer,
    reason text NOT NULL,
    points numeric
        CONSTRAINT "points are from -10^100 to 10^100" CHECK (abs(points) <= 1e100),
    newly_exposed bigint
        CONSTRAINT "newly_exposed is not negative" CHECK (newly_exposed >= 0),
    assets assetset,
    only_this bigint
        CONSTRAINT "only_this is not negative" CHECK (only_this >= 0)
);
CREATE INDEX ON posture.event_cause (event_id);
COMMENT ON TABLE posture.event_cause IS
    'causes of drops: parts whose points sum exactly to score - previous_score of the event; for '
    'a metric also its effect on each initiative, and its newly exposed assets by recommendation, '
    'which have no points because they overlap';
COMMENT ON COLUMN posture.event_cause.event_id IS 'id of the event';
COMMENT ON COLUMN posture.event_cause.metric_id IS
    'id of the metric that caused the part; NULL if it was a recommendation or the method';
COMMENT ON COLUMN posture.event_cause.recommendation_id IS
    'id of the recommendation that caused the part; NULL if there is no single one';
COMMENT ON COLUMN posture.event_cause.initiative_id IS
    'id of the initiative whose score changed by the points; NULL: that of the metric itself';
COMMENT ON COLUMN posture.event_cause.reason IS
    'one of change_reason(), or effect: how the metric changed the score of an initiative';
COMMENT ON COLUMN posture.event_cause.points IS
    'change of the score, signed as the score moves: negative if points were lost; NULL in a row '
    'that details another part';
COMMENT ON COLUMN posture.event_cause.newly_exposed IS
    'number of assets that the part exposed; NULL where they are not counted';
COMMENT ON COLUMN posture.event_cause.assets IS
    'assets that the part concerns; NULL where they are not recorded';
COMMENT ON COLUMN posture.event_cause.only_this IS
    'number of these assets that fail no other recommendation of the metric; NULL where they are '
    'not counted';
