/*
 * The counting core: what counts, as a value, and the aggregate that counts by it
 * (src/count.c). A rule is made from the catalog in counting_rule.sql.
 */

CREATE TYPE posture_internal.recommendation_rule AS (
    recommendation_id integer,
    source integer,
    is_remediated boolean,
    by_group boolean,
    with_sets boolean,
    visible assetset,
    source_id integer
);
COMMENT ON TYPE posture_internal.recommendation_rule IS
    'recommendation of a counting_rule; they are in ascending order of their ids';
COMMENT ON COLUMN posture_internal.recommendation_rule.recommendation_id IS 'id';
COMMENT ON COLUMN posture_internal.recommendation_rule.source IS
    'position in unseen of its source''s limit; NULL: the source has none';
COMMENT ON COLUMN posture_internal.recommendation_rule.is_remediated IS
    'whether its exposed assets are counted as compliant';
COMMENT ON COLUMN posture_internal.recommendation_rule.by_group IS
    'whether it is counted for groups; with a single group, so are those whose sets are returned';
COMMENT ON COLUMN posture_internal.recommendation_rule.with_sets IS
    'whether its sets are returned';
COMMENT ON COLUMN posture_internal.recommendation_rule.visible IS
    'assets that may be counted; NULL: all';
COMMENT ON COLUMN posture_internal.recommendation_rule.source_id IS
    'id of its source; NULL: the recommendation was deleted since';

CREATE TYPE posture_internal.exemption_rule AS (
    recommendation_id integer,
    kind text,
    for_all boolean,
    assets assetset,
    asset_groups integer[]
);
COMMENT ON TYPE posture_internal.exemption_rule IS
    'assets that exemptions of a kind exempt from a recommendation';
COMMENT ON COLUMN posture_internal.exemption_rule.recommendation_id IS 'id of the recommendation';
COMMENT ON COLUMN posture_internal.exemption_rule.kind IS 'waived, mitigated or risk_accepted';
COMMENT ON COLUMN posture_internal.exemption_rule.for_all IS 'whether all assets are exempt';
COMMENT ON COLUMN posture_internal.exemption_rule.assets IS
    'assets that have an exemption of their own; NULL: none';
COMMENT ON COLUMN posture_internal.exemption_rule.asset_groups IS
    'positions in asset_groups of groups that have one; NULL: none';

CREATE TYPE posture_internal.metric_rule AS (
    metric_id integer,
    recommendations integer[],
    kinds integer[],
    weights integer[],
    with_sets boolean,
    population integer,
    unassessed_as text,
    scanners integer[]
);
COMMENT ON TYPE posture_internal.metric_rule IS 'metric of a counting_rule';
COMMENT ON COLUMN posture_internal.metric_rule.metric_id IS 'id';
COMMENT ON COLUMN posture_internal.metric_rule.recommendations IS 'ids of what it measures';
COMMENT ON COLUMN posture_internal.metric_rule.kinds IS
    'positions in kinds of those that it counts; NULL: all';
COMMENT ON COLUMN posture_internal.metric_rule.weights IS
    'criticality_weights of the metric; NULL: each asset counts once';
COMMENT ON COLUMN posture_internal.metric_rule.with_sets IS 'whether its sets are returned';
COMMENT ON COLUMN posture_internal.metric_rule.population IS
    'position in asset_groups of its population; 0: the group is empty; NULL: the assets that are '
    'assessed';
COMMENT ON COLUMN posture_internal.metric_rule.unassessed_as IS
    'what members that are not assessed count as: excluded, exposed or compliant';
COMMENT ON COLUMN posture_internal.metric_rule.scanners IS
    'ids of the sources of its recommendations; NULL: what they scanned is not needed';

CREATE TYPE posture_internal.initiative_rule AS (
    initiative_id integer,
    metrics integer[],
    recommendations integer[]
);
COMMENT ON TYPE posture_internal.initiative_rule IS 'initiative of a counting_rule';
COMMENT ON COLUMN posture_internal.initiative_rule.initiative_id IS 'id';
COMMENT ON COLUMN posture_internal.initiative_rule.metrics IS 'positions in metrics of its metrics';
COMMENT ON COLUMN posture_internal.initiative_rule.recommendations IS
    'ids of recommendations that it scores without a metric';

CREATE TYPE posture_internal.counting_rule AS (
    day date,
    recommendations recommendation_rule[],
    exemptions exemption_rule[],
    asset_groups assetset[],
    metrics metric_rule[],
    initiatives initiative_rule[],
    kinds assetset[],
    criticalities assetset[],
    inactive assetset,
    stale_candidates assetset,
    unseen assetset[],
    keeps_accepted boolean,
    group_ids integer[],
    groups assetset[],
    with_inactive boolean,
    retired assetset,
    scanners integer[]
);
COMMENT ON TYPE posture_internal.counting_rule IS
    'what counts, for count_assets(): the definitions and the sets of assets that they refer to';
COMMENT ON COLUMN posture_internal.counting_rule.day IS
    'day whose end is counted; NULL: what is there before changes are undone; -infinity: what is '
    'there when all are undone';
COMMENT ON COLUMN posture_internal.counting_rule.recommendations IS
    'recommendations that count, of active sources';
COMMENT ON COLUMN posture_internal.counting_rule.exemptions IS 'exemptions in force';
COMMENT ON COLUMN posture_internal.counting_rule.asset_groups IS
    'assets of the groups of exemptions and populations';
COMMENT ON COLUMN posture_internal.counting_rule.metrics IS 'metrics that are counted';
COMMENT ON COLUMN posture_internal.counting_rule.initiatives IS 'initiatives that are counted';
COMMENT ON COLUMN posture_internal.counting_rule.kinds IS 'assets of each kind';
COMMENT ON COLUMN posture_internal.counting_rule.criticalities IS
    'low, medium, high and critical assets; NULL: none';
COMMENT ON COLUMN posture_internal.counting_rule.inactive IS
    'assets that do not count: retired, or known to be stale';
COMMENT ON COLUMN posture_internal.counting_rule.stale_candidates IS
    'assets that were last seen before the limit of any source; NULL: none';
COMMENT ON COLUMN posture_internal.counting_rule.unseen IS
    'for each limit, the candidates that were last seen before it';
COMMENT ON COLUMN posture_internal.counting_rule.keeps_accepted IS
    'whether assets whose risk is accepted stay exposed when a recommendation is remediated';
COMMENT ON COLUMN posture_internal.counting_rule.group_ids IS
    'groups to count, or of one group, whose assets alone are counted; NULL: all assets';
COMMENT ON COLUMN posture_internal.counting_rule.groups IS 'their assets';
COMMENT ON COLUMN posture_internal.counting_rule.with_inactive IS
    'whether the assets that do not count are returned, as exposed_set of an object of kind '
    'inactive, and those of them that are retired, as its assessed_set';
COMMENT ON COLUMN posture_internal.counting_rule.retired IS
    'retired assets, which are no members of a population; NULL: those of inactive';
COMMENT ON COLUMN posture_internal.counting_rule.scanners IS
    'ids of the sources of metrics that count what they scanned; NULL: none';

CREATE TYPE posture_internal.counted_object AS (
    rule integer,
    asset_group_id integer,
    object_kind text,
    object_id integer,
    assessed bigint,
    exposed bigint,
    failing bigint,
    critical bigint,
    population bigint,
    unassessed bigint,
    assessed_set assetset,
    exposed_set assetset,
    failing_set assetset,
    accepted_set assetset,
    unassessed_set assetset
);
COMMENT ON TYPE posture_internal.counted_object IS 'counts of an object, from count_assets()';
COMMENT ON COLUMN posture_internal.counted_object.rule IS 'position of the rule, from 1';
COMMENT ON COLUMN posture_internal.counted_object.asset_group_id IS
    'group whose assets are counted; NULL: all assets';
COMMENT ON COLUMN posture_internal.counted_object.object_kind IS
    'recommendation, metric, initiative or inactive';
COMMENT ON COLUMN posture_internal.counted_object.object_id IS 'id of the object';
COMMENT ON COLUMN posture_internal.counted_object.assessed IS
    'distinct assets assessed, each as many times as it weighs in a metric';
COMMENT ON COLUMN posture_internal.counted_object.exposed IS 'those of them that are exposed';
COMMENT ON COLUMN posture_internal.counted_object.failing IS
    'of a recommendation: assets that fail it, exempt or not';
COMMENT ON COLUMN posture_internal.counted_object.critical IS
    'of a metric or an initiative: critical assets exposed, each counted once';
COMMENT ON COLUMN posture_internal.counted_object.population IS
    'distinct assets assessed or unassessed, each as many times as it weighs in a metric';
COMMENT ON COLUMN posture_internal.counted_object.unassessed IS
    'those of them that are members of the population of a metric and that nothing assesses';
COMMENT ON COLUMN posture_internal.counted_object.assessed_set IS 'NULL: not asked for';
COMMENT ON COLUMN posture_internal.counted_object.exposed_set IS 'NULL: not asked for';
COMMENT ON COLUMN posture_internal.counted_object.failing_set IS
    'of a recommendation; NULL: not asked for';
COMMENT ON COLUMN posture_internal.counted_object.accepted_set IS
    'of a recommendation: exposed assets whose risk is accepted; NULL: not asked for';
COMMENT ON COLUMN posture_internal.counted_object.unassessed_set IS
    'of a metric; NULL: not asked for';

CREATE FUNCTION posture_internal.count_assets_accum(
    state internal, rules counting_rule[], chunk integer, day date,
    recommendation_id integer, assessed assetset, exposed assetset)
    RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.count_assets_accum(
    internal, counting_rule[], integer, date, integer, assetset, assetset) IS
    'transition function of count_assets()';
CREATE FUNCTION posture_internal.count_assets_final(state internal) RETURNS counted_object[]
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.count_assets_final(internal) IS
    'final function of count_assets()';

-- It has no combine function: one process counts all that it is given, in the order of the
-- chunks. Several count different chunks in count_parts().
CREATE AGGREGATE posture_internal.count_assets(
    rules counting_rule[], chunk integer, day date,
    recommendation_id integer, assessed assetset, exposed assetset) (
    SFUNC = count_assets_accum,
    STYPE = internal,
    FINALFUNC = count_assets_final,
    FINALFUNC_MODIFY = READ_WRITE,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE posture_internal.count_assets(
    counting_rule[], integer, date, integer, assetset, assetset) IS
    'counts the assets of objects by rules, which have descending days. Rows have sets of a '
    'recommendation in a chunk; chunks must ascend. Sets of a '
    'recommendation are XORed; those with a day are changes of that day, latest first, which are '
    'undone before the days before it are counted';
