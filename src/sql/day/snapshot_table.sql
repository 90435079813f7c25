/*
 * The tables of a day's snapshot: the state at the end of the day, and what each
 * score was computed from. Rows refer to metrics and initiatives by id without a
 * foreign key, and store their key and name of that day, because history is kept
 * after an object is deleted.
 */

CREATE TABLE posture.snapshot (
    day date PRIMARY KEY
        CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31'),
    taken_at timestamptz NOT NULL DEFAULT now()
        CONSTRAINT "taken_at is in the years 1900 to 9999"
        CHECK (taken_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    inactive assetset NOT NULL DEFAULT '{}',
    ends_at timestamptz
        CONSTRAINT "ends_at is in the years 1900 to 9999"
        CHECK (ends_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    inactive_sources integer[] NOT NULL DEFAULT '{}',
    inactive_recommendations integer[] NOT NULL DEFAULT '{}',
    retired assetset,
    scanner_recommendations integer[],
    scanners integer[]
);
ALTER TABLE posture.snapshot ALTER inactive SET STORAGE EXTERNAL;
ALTER TABLE posture.snapshot ALTER retired SET STORAGE EXTERNAL;
COMMENT ON TABLE posture.snapshot IS
    'days that have a snapshot; one that was taken before the end of its day is taken again';
COMMENT ON COLUMN posture.snapshot.day IS 'local day of posture.timezone';
COMMENT ON COLUMN posture.snapshot.taken_at IS 'time when the snapshot was taken';
COMMENT ON COLUMN posture.snapshot.ends_at IS
    'end of the day in the posture.timezone with which the snapshot was taken; NULL: in the '
    'current one';
COMMENT ON COLUMN posture.snapshot.inactive IS
    'assets that did not count at the end of the day: retired or stale';
COMMENT ON COLUMN posture.snapshot.retired IS
    'those of them that were retired, and so no members of a population; NULL for a day before '
    'version 0.3: all';
COMMENT ON COLUMN posture.snapshot.scanner_recommendations IS
    'ids of the recommendations of all sources that assessed for a metric with a population; NULL: '
    'there was none';
COMMENT ON COLUMN posture.snapshot.scanners IS 'id of the source of each of them';
COMMENT ON COLUMN posture.snapshot.inactive_sources IS
    'ids of the sources that were inactive at the end of the day';
COMMENT ON COLUMN posture.snapshot.inactive_recommendations IS
    'ids of the recommendations that were themselves inactive at the end of the day; for a day '
    'before version 0.3, of those that did not count';

-- Exemptions of single assets are stored as a set, those of a group by
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
COMMENT ON TABLE posture_internal.exemption_snapshot IS
    'exemptions in force at the end of a day, by recommendation and kind';
COMMENT ON COLUMN posture_internal.exemption_snapshot.day IS 'day of the snapshot';
COMMENT ON COLUMN posture_internal.exemption_snapshot.recommendation_id IS
    'id of the recommendation';
COMMENT ON COLUMN posture_internal.exemption_snapshot.kind IS
    'effect on the score: mitigated, waived or risk_accepted';
COMMENT ON COLUMN posture_internal.exemption_snapshot.for_all IS
    'whether one of the exemptions covered all assets';
COMMENT ON COLUMN posture_internal.exemption_snapshot.assets IS
    'assets that had an exemption of their own';
COMMENT ON COLUMN posture_internal.exemption_snapshot.asset_groups IS
    'ids of the groups that had an exemption; their assets are in asset_group_snapshot';

CREATE TABLE posture_internal.asset_group_snapshot (
    day date,
    asset_group_id integer,
    assets assetset NOT NULL,
    PRIMARY KEY (day, asset_group_id)
);
COMMENT ON TABLE posture_internal.asset_group_snapshot IS
    'groups that had an exemption or were the population of a metric at the end of a day, with '
    'their assets';
COMMENT ON COLUMN posture_internal.asset_group_snapshot.day IS 'day of the snapshot';
COMMENT ON COLUMN posture_internal.asset_group_snapshot.asset_group_id IS 'id of the group';
COMMENT ON COLUMN posture_internal.asset_group_snapshot.assets IS 'assets in the group';

-- recommendation_snapshot has the points that counted, and no row for a measure that was waived.
CREATE TABLE posture_internal.measure_snapshot (
    day date,
    recommendation_id integer,
    achieved points NOT NULL,
    possible points NOT NULL,
    PRIMARY KEY (day, recommendation_id),
    CONSTRAINT "achieved is not more than possible" CHECK (achieved <= possible)
);
COMMENT ON TABLE posture_internal.measure_snapshot IS
    'measures at the end of a day, whether exempt or not';
COMMENT ON COLUMN posture_internal.measure_snapshot.day IS 'day of the snapshot';
COMMENT ON COLUMN posture_internal.measure_snapshot.recommendation_id IS
    'id of the recommendation';
COMMENT ON COLUMN posture_internal.measure_snapshot.achieved IS 'points achieved';
COMMENT ON COLUMN posture_internal.measure_snapshot.possible IS 'points possible';

CREATE TABLE posture_internal.finding_history (
    day date,
    recommendation_id integer,
    assessed assetset NOT NULL,
    exposed assetset NOT NULL,
    late_assessed assetset NOT NULL DEFAULT '{}',
    late_exposed assetset NOT NULL DEFAULT '{}',
    PRIMARY KEY (day, recommendation_id)
);
COMMENT ON TABLE posture_internal.finding_history IS
    'net changes of findings on each day: XORing the current sets with the history of all later '
    'days gives the sets at the end of a day; with the late changes as well, the sets by what '
    'is known now';
COMMENT ON COLUMN posture_internal.finding_history.day IS 'day of the changes';
COMMENT ON COLUMN posture_internal.finding_history.recommendation_id IS
    'id of the recommendation';
COMMENT ON COLUMN posture_internal.finding_history.assessed IS
    'assets that were added to the assessed assets or removed from them on the day';
COMMENT ON COLUMN posture_internal.finding_history.exposed IS
    'assets that were added to the exposed assets or removed from them on the day';
COMMENT ON COLUMN posture_internal.finding_history.late_assessed IS
    'assets whose change on this day is another one by what became known after days were closed, '
    'among the assessed assets';
COMMENT ON COLUMN posture_internal.finding_history.late_exposed IS
    'the same among the exposed assets';

CREATE TABLE posture_internal.asset_history (
    day date,
    attribute text
        CONSTRAINT "attribute is kind or criticality"
        CHECK (attribute IN ('kind', 'criticality')),
    value text,
    assets assetset NOT NULL,
    PRIMARY KEY (day, attribute, value)
);
COMMENT ON TABLE posture_internal.asset_history IS
    'net changes of the kinds and criticalities of assets on each day, as finding_history has '
    'those of findings';
COMMENT ON COLUMN posture_internal.asset_history.day IS
    'day of the changes: the first that was not closed when they were folded';
COMMENT ON COLUMN posture_internal.asset_history.attribute IS 'kind or criticality';
COMMENT ON COLUMN posture_internal.asset_history.value IS 'kind or criticality';
COMMENT ON COLUMN posture_internal.asset_history.assets IS
    'assets that got the value or lost it on the day';

CREATE TABLE posture.recommendation_snapshot (
    day date
        CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31'),
    recommendation_id integer,
    exposed bigint NOT NULL CONSTRAINT "exposed is not negative" CHECK (exposed >= 0),
    assessed bigint NOT NULL CONSTRAINT "assessed is not negative" CHECK (assessed >= 0),
    achieved numeric
        CONSTRAINT "achieved is from 0 to 10^15" CHECK (achieved >= 0 AND achieved <= 1e15),
    possible numeric
        CONSTRAINT "possible is from 0 to 10^15 with at most 12 decimals"
        CHECK (possible >= 0 AND possible <= 1e15 AND possible = round(possible, 12)),
    is_reported boolean NOT NULL DEFAULT false,
    is_measured boolean NOT NULL DEFAULT false,
    PRIMARY KEY (day, recommendation_id),
    CONSTRAINT "exposed is not more than assessed" CHECK (exposed <= assessed),
    CONSTRAINT "achieved is not more than possible" CHECK (achieved <= possible)
);
COMMENT ON TABLE posture.recommendation_snapshot IS 'each recommendation at the end of a day';
COMMENT ON COLUMN posture.recommendation_snapshot.day IS 'day of the snapshot';
COMMENT ON COLUMN posture.recommendation_snapshot.recommendation_id IS 'id of the recommendation';
COMMENT ON COLUMN posture.recommendation_snapshot.exposed IS
    'number of assets that failed the recommendation';
COMMENT ON COLUMN posture.recommendation_snapshot.assessed IS
    'number of assets that the recommendation applied to';
COMMENT ON COLUMN posture.recommendation_snapshot.achieved IS
    'points achieved; NULL if it was worth no points';
COMMENT ON COLUMN posture.recommendation_snapshot.possible IS
    'points possible; NULL if it was worth no points';
COMMENT ON COLUMN posture.recommendation_snapshot.is_reported IS
    'whether the source itself reported this day; if so, taking a snapshot does not change the row';
COMMENT ON COLUMN posture.recommendation_snapshot.is_measured IS
    'whether the points are those of a measure';

CREATE TABLE posture.metric_snapshot (
    day date
        CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31'),
    metric_id integer,
    exposed numeric NOT NULL
        CONSTRAINT "exposed is from 0 to 10^30 with at most 12 decimals"
        CHECK (exposed >= 0 AND exposed <= 1e30 AND exposed = round(exposed, 12)),
    assessed numeric NOT NULL
        CONSTRAINT "assessed is from 0 to 10^30 with at most 12 decimals"
        CHECK (assessed >= 0 AND assessed <= 1e30 AND assessed = round(assessed, 12)),
    score score,
    importance importance NOT NULL,
    key text,
    name text,
    recommendations integer[],
    switched_off integer[],
    asset_kinds text[],
    criticality_weights integer[],
    population numeric
        CONSTRAINT "population is from 0 to 10^30 with at most 12 decimals"
        CHECK (population >= 0 AND population <= 1e30 AND population = round(population, 12)),
    unassessed numeric
        CONSTRAINT "unassessed is from 0 to 10^30 with at most 12 decimals"
        CHECK (unassessed >= 0 AND unassessed <= 1e30 AND unassessed = round(unassessed, 12)),
    population_group_id integer,
    unassessed_as text,
    score_low score,
    score_high score,
    PRIMARY KEY (day, metric_id),
    CONSTRAINT "exposed is not more than assessed" CHECK (exposed <= assessed),
    CONSTRAINT "unassessed is not more than population" CHECK (unassessed <= population)
);
CREATE INDEX metric_snapshot_metric_id ON posture.metric_snapshot (metric_id, day);
COMMENT ON TABLE posture.metric_snapshot IS 'each metric at the end of a day';
COMMENT ON COLUMN posture.metric_snapshot.day IS 'day of the snapshot';
COMMENT ON COLUMN posture.metric_snapshot.metric_id IS 'id of the metric';
COMMENT ON COLUMN posture.metric_snapshot.exposed IS
    'number of distinct exposed assets, each times its weight by criticality, plus points missing';
COMMENT ON COLUMN posture.metric_snapshot.assessed IS
    'number of distinct assessed assets, each times its weight by criticality, plus points '
    'possible';
COMMENT ON COLUMN posture.metric_snapshot.score IS 'score, 0 to 100; NULL: unavailable';
COMMENT ON COLUMN posture.metric_snapshot.importance IS 'importance of the metric on that day';
COMMENT ON COLUMN posture.metric_snapshot.key IS 'key of the metric on that day';
COMMENT ON COLUMN posture.metric_snapshot.name IS 'name of the metric on that day';
COMMENT ON COLUMN posture.metric_snapshot.recommendations IS
    'ids of the recommendations that the metric measured';
COMMENT ON COLUMN posture.metric_snapshot.switched_off IS
    'ids of its recommendations that did not count because they, or their source, were inactive';
COMMENT ON COLUMN posture.metric_snapshot.asset_kinds IS
    'kinds of assets that counted on that day; NULL: all kinds';
COMMENT ON COLUMN posture.metric_snapshot.criticality_weights IS
    'how many times low, medium, high and critical assets counted on that day; NULL: once each';
COMMENT ON COLUMN posture.metric_snapshot.population IS
    'number of distinct assets assessed or unassessed, weighted as these, plus points possible; '
    'NULL for a day before version 0.3';
COMMENT ON COLUMN posture.metric_snapshot.unassessed IS
    'number of members of its population that nothing assessed, weighted likewise; NULL for a day '
    'before version 0.3';
COMMENT ON COLUMN posture.metric_snapshot.population_group_id IS
    'id of the group that was its population, whose assets are in asset_group_snapshot; NULL: the '
    'assets that were assessed';
COMMENT ON COLUMN posture.metric_snapshot.unassessed_as IS
    'what members that were not assessed counted as: excluded, exposed or compliant';
COMMENT ON COLUMN posture.metric_snapshot.score_low IS
    'score if all unassessed members were exposed; NULL: not known';
COMMENT ON COLUMN posture.metric_snapshot.score_high IS
    'score if none of them were; NULL: not known';

CREATE TABLE posture.initiative_snapshot (
    day date
        CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31'),
    initiative_id integer,
    score score,
    method initiative_method NOT NULL,
    key text,
    name text,
    recommendations integer[],
    is_reported boolean NOT NULL DEFAULT false,
    switched_off integer[],
    chosen_method initiative_method,
    score_low score,
    score_high score,
    exposed bigint,
    assessed bigint,
    population bigint,
    unassessed bigint,
    PRIMARY KEY (day, initiative_id)
);
CREATE INDEX initiative_snapshot_initiative_id ON posture.initiative_snapshot (initiative_id, day);
COMMENT ON TABLE posture.initiative_snapshot IS 'each initiative at the end of a day';
COMMENT ON COLUMN posture.initiative_snapshot.day IS 'day of the snapshot';
COMMENT ON COLUMN posture.initiative_snapshot.initiative_id IS 'id of the initiative';
COMMENT ON COLUMN posture.initiative_snapshot.score IS 'score, 0 to 100; NULL: unavailable';
COMMENT ON COLUMN posture.initiative_snapshot.method IS
    'method by which the score was computed on that day';
COMMENT ON COLUMN posture.initiative_snapshot.key IS 'key of the initiative on that day';
COMMENT ON COLUMN posture.initiative_snapshot.name IS 'name of the initiative on that day';
COMMENT ON COLUMN posture.initiative_snapshot.recommendations IS
    'ids of the recommendations that the initiative scored without a metric';
COMMENT ON COLUMN posture.initiative_snapshot.is_reported IS
    'whether the source itself reported this day; if so, taking a snapshot does not change the row';
COMMENT ON COLUMN posture.initiative_snapshot.switched_off IS
    'ids of its recommendations without a metric that did not count because they, or their '
    'source, were inactive; NULL for a day before version 0.3';
COMMENT ON COLUMN posture.initiative_snapshot.chosen_method IS
    'method of the initiative on that day, which differs from method if it had no metrics; NULL: '
    'method';
COMMENT ON COLUMN posture.initiative_snapshot.score_low IS
    'score if all unassessed members of populations were exposed; NULL: not known';
COMMENT ON COLUMN posture.initiative_snapshot.score_high IS
    'score if none of them were; NULL: not known';
COMMENT ON COLUMN posture.initiative_snapshot.exposed IS
    'number of distinct assets exposed; NULL: not recorded';
COMMENT ON COLUMN posture.initiative_snapshot.assessed IS
    'number of distinct assets assessed; NULL: not recorded';
COMMENT ON COLUMN posture.initiative_snapshot.population IS
    'number of distinct assets that it is about, assessed or not; NULL: not recorded';
COMMENT ON COLUMN posture.initiative_snapshot.unassessed IS
    'number of these that nothing assesses; NULL: not recorded';

CREATE TABLE posture.initiative_metric_snapshot (
    day date
        CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31'),
    initiative_id integer,
    metric_id integer,
    weight numeric NOT NULL
        CONSTRAINT "weight is from 0 to 10^15 with at most 12 decimals"
        CHECK (weight >= 0 AND weight <= 1e15 AND weight = round(weight, 12)),
    is_own boolean NOT NULL DEFAULT false,
    PRIMARY KEY (day, initiative_id, metric_id)
);
COMMENT ON TABLE posture.initiative_metric_snapshot IS
    'the metrics of each initiative at the end of a day';
COMMENT ON COLUMN posture.initiative_metric_snapshot.day IS 'day of the snapshot';
COMMENT ON COLUMN posture.initiative_metric_snapshot.initiative_id IS 'id of the initiative';
COMMENT ON COLUMN posture.initiative_metric_snapshot.metric_id IS 'id of a metric in it';
COMMENT ON COLUMN posture.initiative_metric_snapshot.weight IS
    'weight of the metric in the initiative on that day';
COMMENT ON COLUMN posture.initiative_metric_snapshot.is_own IS
    'whether the initiative set the weight itself, rather than the importance of the metric';
