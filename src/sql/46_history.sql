/*
 * What is kept for each day: how things stood at its end, and what each score
 * was made of. Rows refer to metrics and initiatives by id without a foreign
 * key, and carry their key and name of that day: history outlives its objects.
 */

CREATE TABLE posture.snapshot (
    day date PRIMARY KEY,
    taken_at timestamptz NOT NULL DEFAULT now(),
    gone posture.assetset NOT NULL DEFAULT '{}',
    ends_at timestamptz
);
ALTER TABLE posture.snapshot ALTER gone SET STORAGE EXTERNAL;
COMMENT ON TABLE posture.snapshot IS 'the days that have a snapshot; one taken before the day''s end is taken again';
COMMENT ON COLUMN posture.snapshot.day IS 'a local day of posture.timezone';
COMMENT ON COLUMN posture.snapshot.taken_at IS 'when it was taken';
COMMENT ON COLUMN posture.snapshot.ends_at IS 'when the day ended, by the posture.timezone it was taken under; NULL: as by the one in force';
COMMENT ON COLUMN posture.snapshot.gone IS 'the assets that did not count at its end: retired or stale';

-- Exemptions of single assets are kept as a set, those of a group by
-- reference: the same group is often exempt from hundreds of recommendations.
CREATE TABLE posture.exemption_snapshot (
    day date,
    recommendation_id integer,
    kind posture.exemption_kind,
    for_all boolean NOT NULL,
    assets posture.assetset NOT NULL,
    asset_groups integer[] NOT NULL,
    PRIMARY KEY (day, recommendation_id, kind)
);
COMMENT ON TABLE posture.exemption_snapshot IS 'the exemptions in force at the end of a day';
COMMENT ON COLUMN posture.exemption_snapshot.day IS 'the day';
COMMENT ON COLUMN posture.exemption_snapshot.recommendation_id IS 'the recommendation';
COMMENT ON COLUMN posture.exemption_snapshot.kind IS 'what they did to the score';
COMMENT ON COLUMN posture.exemption_snapshot.for_all IS 'whether one was of all assets';
COMMENT ON COLUMN posture.exemption_snapshot.assets IS 'the assets that were exempt one by one';
COMMENT ON COLUMN posture.exemption_snapshot.asset_groups IS 'the groups that were exempt: ids in asset_group_snapshot';

CREATE TABLE posture.asset_group_snapshot (
    day date,
    asset_group_id integer,
    assets posture.assetset NOT NULL,
    PRIMARY KEY (day, asset_group_id)
);
COMMENT ON TABLE posture.asset_group_snapshot IS 'the groups that were exempt from something, at the end of a day';
COMMENT ON COLUMN posture.asset_group_snapshot.day IS 'the day';
COMMENT ON COLUMN posture.asset_group_snapshot.asset_group_id IS 'the group';
COMMENT ON COLUMN posture.asset_group_snapshot.assets IS 'the assets in it';

CREATE TABLE posture.finding_history (
    day date,
    recommendation_id integer,
    assessed posture.assetset NOT NULL,
    exposed posture.assetset NOT NULL,
    PRIMARY KEY (day, recommendation_id)
);
COMMENT ON TABLE posture.finding_history IS 'what changed on each day, net: the sets at the end of a day are those of now, xor all that is here of later days';
COMMENT ON COLUMN posture.finding_history.day IS 'the day';
COMMENT ON COLUMN posture.finding_history.recommendation_id IS 'the recommendation';
COMMENT ON COLUMN posture.finding_history.assessed IS 'assets that came to the assessed ones or left them on that day';
COMMENT ON COLUMN posture.finding_history.exposed IS 'assets that became exposed or stopped being so on that day';

CREATE TABLE posture.recommendation_snapshot (
    day date,
    recommendation_id integer,
    exposed bigint NOT NULL,
    assessed bigint NOT NULL,
    achieved numeric,
    possible numeric,
    is_reported boolean NOT NULL DEFAULT false,
    is_measured boolean NOT NULL DEFAULT false,
    PRIMARY KEY (day, recommendation_id)
);
COMMENT ON TABLE posture.recommendation_snapshot IS 'each recommendation at the end of a day';
COMMENT ON COLUMN posture.recommendation_snapshot.day IS 'the day';
COMMENT ON COLUMN posture.recommendation_snapshot.recommendation_id IS 'the recommendation';
COMMENT ON COLUMN posture.recommendation_snapshot.exposed IS 'assets that failed it';
COMMENT ON COLUMN posture.recommendation_snapshot.assessed IS 'assets that it applied to';
COMMENT ON COLUMN posture.recommendation_snapshot.achieved IS 'points achieved; NULL: worth no points';
COMMENT ON COLUMN posture.recommendation_snapshot.possible IS 'points possible; NULL: worth no points';
COMMENT ON COLUMN posture.recommendation_snapshot.is_reported IS 'whether its source told how that day was; a snapshot leaves it as it is';
COMMENT ON COLUMN posture.recommendation_snapshot.is_measured IS 'whether the points are those of a measure';

CREATE TABLE posture.metric_snapshot (
    day date,
    metric_id integer,
    exposed numeric NOT NULL,
    assessed numeric NOT NULL,
    score posture.score,
    importance posture.importance NOT NULL,
    key text,
    name text,
    recommendations integer[],
    switched_off integer[],
    PRIMARY KEY (day, metric_id)
);
CREATE INDEX metric_snapshot_metric_id ON posture.metric_snapshot (metric_id, day);
COMMENT ON TABLE posture.metric_snapshot IS 'each metric at the end of a day';
COMMENT ON COLUMN posture.metric_snapshot.day IS 'the day';
COMMENT ON COLUMN posture.metric_snapshot.metric_id IS 'the metric';
COMMENT ON COLUMN posture.metric_snapshot.exposed IS 'distinct assets exposed, as many times as the metric weighed them, and points missing';
COMMENT ON COLUMN posture.metric_snapshot.assessed IS 'distinct assets assessed, as many times as the metric weighed them, and points possible';
COMMENT ON COLUMN posture.metric_snapshot.score IS 'its score; NULL: unavailable';
COMMENT ON COLUMN posture.metric_snapshot.importance IS 'its importance';
COMMENT ON COLUMN posture.metric_snapshot.key IS 'its key';
COMMENT ON COLUMN posture.metric_snapshot.name IS 'its name';
COMMENT ON COLUMN posture.metric_snapshot.recommendations IS 'ids of the recommendations that it measured';
COMMENT ON COLUMN posture.metric_snapshot.switched_off IS 'ids of its recommendations that did not count because they, or their source, were inactive';

CREATE TABLE posture.initiative_snapshot (
    day date,
    initiative_id integer,
    score posture.score,
    method posture.initiative_method NOT NULL,
    key text,
    name text,
    recommendations integer[],
    is_reported boolean NOT NULL DEFAULT false,
    PRIMARY KEY (day, initiative_id)
);
CREATE INDEX initiative_snapshot_initiative_id ON posture.initiative_snapshot (initiative_id, day);
COMMENT ON TABLE posture.initiative_snapshot IS 'each initiative at the end of a day';
COMMENT ON COLUMN posture.initiative_snapshot.day IS 'the day';
COMMENT ON COLUMN posture.initiative_snapshot.initiative_id IS 'the initiative';
COMMENT ON COLUMN posture.initiative_snapshot.score IS 'its score; NULL: unavailable';
COMMENT ON COLUMN posture.initiative_snapshot.method IS 'how the score was added up';
COMMENT ON COLUMN posture.initiative_snapshot.key IS 'its key';
COMMENT ON COLUMN posture.initiative_snapshot.name IS 'its name';
COMMENT ON COLUMN posture.initiative_snapshot.recommendations IS 'ids of the recommendations that it scored without a metric between';
COMMENT ON COLUMN posture.initiative_snapshot.is_reported IS 'whether its source told how that day was; a snapshot leaves it as it is';

CREATE TABLE posture.initiative_metric_snapshot (
    day date,
    initiative_id integer,
    metric_id integer,
    weight numeric NOT NULL,
    PRIMARY KEY (day, initiative_id, metric_id)
);
COMMENT ON TABLE posture.initiative_metric_snapshot IS 'the metrics of each initiative at the end of a day';
COMMENT ON COLUMN posture.initiative_metric_snapshot.day IS 'the day';
COMMENT ON COLUMN posture.initiative_metric_snapshot.initiative_id IS 'the initiative';
COMMENT ON COLUMN posture.initiative_metric_snapshot.metric_id IS 'a metric of it';
COMMENT ON COLUMN posture.initiative_metric_snapshot.weight IS 'the weight that the metric had in it';

CREATE TYPE posture.event_kind AS ENUM ('metric_score_drop', 'initiative_score_drop', 'new_initiative');
COMMENT ON TYPE posture.event_kind IS 'what happened: the score of a metric or of an initiative dropped, or an initiative is new';

CREATE TABLE posture.event (
    event_id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    kind posture.event_kind NOT NULL,
    day date NOT NULL,
    previous_day date,
    metric_id integer,
    initiative_id integer,
    previous_score posture.score,
    score posture.score,
    drop numeric,
    weight numeric,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'acknowledged', 'recovered')),
    acknowledged_by text,
    acknowledged_at timestamptz,
    note text,
    recovered_on date,
    reopened_by text,
    reopened_at timestamptz,
    is_quiet boolean NOT NULL DEFAULT false,
    CHECK (num_nonnulls(metric_id, initiative_id) = 1),
    UNIQUE NULLS NOT DISTINCT (day, kind, metric_id, initiative_id)
);
CREATE UNIQUE INDEX event_new_initiative ON posture.event (initiative_id) WHERE kind = 'new_initiative';
COMMENT ON TABLE posture.event IS 'a score that dropped, or an initiative that is new';
COMMENT ON COLUMN posture.event.event_id IS 'id, for acknowledge() and reopen()';
COMMENT ON COLUMN posture.event.kind IS 'what happened';
COMMENT ON COLUMN posture.event.day IS 'the day on which it was found';
COMMENT ON COLUMN posture.event.previous_day IS 'the day that it was compared with';
COMMENT ON COLUMN posture.event.metric_id IS 'the metric that dropped';
COMMENT ON COLUMN posture.event.initiative_id IS 'the initiative that dropped or is new';
COMMENT ON COLUMN posture.event.previous_score IS 'the score on the previous day';
COMMENT ON COLUMN posture.event.score IS 'the score on the day';
COMMENT ON COLUMN posture.event.drop IS 'how many points it fell: previous_score - score';
COMMENT ON COLUMN posture.event.weight IS 'the greatest weight that the metric has in an initiative';
COMMENT ON COLUMN posture.event.status IS 'open, acknowledged, or recovered when the score is back at its level before the drop';
COMMENT ON COLUMN posture.event.acknowledged_by IS 'who acknowledged it';
COMMENT ON COLUMN posture.event.acknowledged_at IS 'when';
COMMENT ON COLUMN posture.event.note IS 'what they said';
COMMENT ON COLUMN posture.event.recovered_on IS 'the day on which the score was back; one that was opened again since recovers again on a later day at the earliest';
COMMENT ON COLUMN posture.event.reopened_by IS 'who opened it again after it was acknowledged or had recovered';
COMMENT ON COLUMN posture.event.reopened_at IS 'when';
COMMENT ON COLUMN posture.event.is_quiet IS 'whether nobody was notified of it, because of an earlier drop within quiet_days';

CREATE TABLE posture.event_cause (
    event_id integer NOT NULL REFERENCES posture.event ON DELETE CASCADE,
    metric_id integer,
    recommendation_id integer,
    initiative_id integer,
    reason text NOT NULL,
    points numeric,
    newly_exposed bigint,
    assets posture.assetset,
    only_this bigint
);
CREATE INDEX ON posture.event_cause (event_id);
COMMENT ON TABLE posture.event_cause IS 'why a score dropped: the signed parts of the drop, which sum exactly to it; for a metric also its effect on each initiative, and the newly exposed assets of each recommendation, without points because these overlap';
COMMENT ON COLUMN posture.event_cause.event_id IS 'the event';
COMMENT ON COLUMN posture.event_cause.metric_id IS 'the metric that the part is due to';
COMMENT ON COLUMN posture.event_cause.recommendation_id IS 'the recommendation that the part is due to';
COMMENT ON COLUMN posture.event_cause.initiative_id IS 'the initiative that lost the points; NULL: the metric itself';
COMMENT ON COLUMN posture.event_cause.reason IS 'one of change_reason(), or effect: what an initiative lost through the metric';
COMMENT ON COLUMN posture.event_cause.points IS 'points lost through it; negative: gained; NULL: a detail of another part';
COMMENT ON COLUMN posture.event_cause.newly_exposed IS 'assets that were not exposed before';
COMMENT ON COLUMN posture.event_cause.assets IS 'the assets that it is about';
COMMENT ON COLUMN posture.event_cause.only_this IS 'of the newly exposed ones, those that fail no other recommendation of the metric';

CREATE TABLE posture.run (
    run_id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    day date NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('ok', 'failed')),
    message text,
    counts jsonb
);
COMMENT ON TABLE posture.run IS 'what run_daily() did, a row for each day that was due';
COMMENT ON COLUMN posture.run.run_id IS 'id';
COMMENT ON COLUMN posture.run.day IS 'the day whose snapshot was due';
COMMENT ON COLUMN posture.run.started_at IS 'when it began';
COMMENT ON COLUMN posture.run.finished_at IS 'when it ended';
COMMENT ON COLUMN posture.run.outcome IS 'ok or failed';
COMMENT ON COLUMN posture.run.message IS 'what a person should know of it, or the error';
COMMENT ON COLUMN posture.run.counts IS 'metrics, initiatives, events, recovered, purged';
