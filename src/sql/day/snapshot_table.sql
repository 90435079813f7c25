/*
 * What is kept for each day: how things stood at its end, and what each score
 * was made of. Rows refer to metrics and initiatives by id without a foreign
 * key, and carry their key and name of that day: history outlives its objects.
 */

CREATE TABLE posture.snapshot (
    day date PRIMARY KEY,
    taken_at timestamptz NOT NULL DEFAULT now(),
    inactive assetset NOT NULL DEFAULT '{}',
    ends_at timestamptz
);
ALTER TABLE posture.snapshot ALTER inactive SET STORAGE EXTERNAL;
COMMENT ON TABLE posture.snapshot IS 'the days that have a snapshot; one taken before the day''s end is taken again';
COMMENT ON COLUMN posture.snapshot.day IS 'a local day of posture.timezone';
COMMENT ON COLUMN posture.snapshot.taken_at IS 'when it was taken';
COMMENT ON COLUMN posture.snapshot.ends_at IS 'when the day ended, by the posture.timezone it was taken under; NULL: as by the one in force';
COMMENT ON COLUMN posture.snapshot.inactive IS 'the assets that did not count at its end: retired or stale';

-- Exemptions of single assets are kept as a set, those of a group by
-- reference: the same group is often exempt from hundreds of recommendations.
CREATE TABLE posture_internal.exemption_snapshot (
    day date,
    recommendation_id integer,
    kind exemption_kind,
    for_all boolean NOT NULL,
    assets assetset NOT NULL,
    asset_groups integer[] NOT NULL,
    PRIMARY KEY (day, recommendation_id, kind)
);
COMMENT ON TABLE posture_internal.exemption_snapshot IS 'the exemptions in force at the end of a day';
COMMENT ON COLUMN posture_internal.exemption_snapshot.day IS 'the day';
COMMENT ON COLUMN posture_internal.exemption_snapshot.recommendation_id IS 'the recommendation';
COMMENT ON COLUMN posture_internal.exemption_snapshot.kind IS 'what they did to the score';
COMMENT ON COLUMN posture_internal.exemption_snapshot.for_all IS 'whether one was of all assets';
COMMENT ON COLUMN posture_internal.exemption_snapshot.assets IS 'the assets that were exempt one by one';
COMMENT ON COLUMN posture_internal.exemption_snapshot.asset_groups IS 'the groups that were exempt: ids in asset_group_snapshot';

CREATE TABLE posture_internal.asset_group_snapshot (
    day date,
    asset_group_id integer,
    assets assetset NOT NULL,
    PRIMARY KEY (day, asset_group_id)
);
COMMENT ON TABLE posture_internal.asset_group_snapshot IS 'the groups that were exempt from something, at the end of a day';
COMMENT ON COLUMN posture_internal.asset_group_snapshot.day IS 'the day';
COMMENT ON COLUMN posture_internal.asset_group_snapshot.asset_group_id IS 'the group';
COMMENT ON COLUMN posture_internal.asset_group_snapshot.assets IS 'the assets in it';

CREATE TABLE posture_internal.finding_history (
    day date,
    recommendation_id integer,
    assessed assetset NOT NULL,
    exposed assetset NOT NULL,
    PRIMARY KEY (day, recommendation_id)
);
COMMENT ON TABLE posture_internal.finding_history IS 'what changed on each day, net: the sets at the end of a day are those of now, xor all that is here of later days';
COMMENT ON COLUMN posture_internal.finding_history.day IS 'the day';
COMMENT ON COLUMN posture_internal.finding_history.recommendation_id IS 'the recommendation';
COMMENT ON COLUMN posture_internal.finding_history.assessed IS 'assets that came to the assessed ones or left them on that day';
COMMENT ON COLUMN posture_internal.finding_history.exposed IS 'assets that became exposed or stopped being so on that day';

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
    score score,
    importance importance NOT NULL,
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
    score score,
    method initiative_method NOT NULL,
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
