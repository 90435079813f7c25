# What should be: views that compare what posture stores and reports with what plain SQL
# or a recomputation makes of the findings. Each row of an _error view is a difference.
# A view is one statement and so one snapshot: writers may go on meanwhile.
package TestOracle;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(oracle_sql);

sub oracle_sql
{
	return <<'SQL';
CREATE SCHEMA oracle;

-- the counts of each metric without exemptions and weights, from the findings
CREATE VIEW oracle.metric_count AS
    SELECT metric_id,
           count(DISTINCT asset_id) FILTER (WHERE state = 'non_compliant') AS exposed,
           count(DISTINCT asset_id) FILTER (WHERE state <> 'not_applicable') AS assessed
    FROM posture.metric
    LEFT JOIN posture.metric_recommendation USING (metric_id)
    LEFT JOIN posture.finding USING (recommendation_id)
    GROUP BY metric_id;
CREATE VIEW oracle.reported_count AS
    SELECT metric_id, exposed, assessed FROM posture_internal.metric_state('infinity');
CREATE VIEW oracle.count_error AS
    SELECT 'reported count' AS error, x::text AS item
    FROM (TABLE oracle.reported_count EXCEPT ALL TABLE oracle.metric_count) x
    UNION ALL
    SELECT 'count of the findings', x::text
    FROM (TABLE oracle.metric_count EXCEPT ALL TABLE oracle.reported_count) x;

-- all counts, from the stored sets and recomputed from the findings
CREATE VIEW oracle.stored_state AS
    SELECT * FROM posture_internal.current_state('infinity');
CREATE VIEW oracle.recomputed_state AS
    SELECT * FROM posture_internal.current_state('infinity', false);
CREATE VIEW oracle.state_error AS
    SELECT 'stored state' AS error, x::text AS item
    FROM (TABLE oracle.stored_state EXCEPT ALL TABLE oracle.recomputed_state) x
    UNION ALL
    SELECT 'recomputed state', x::text
    FROM (TABLE oracle.recomputed_state EXCEPT ALL TABLE oracle.stored_state) x;

-- the sets of each recommendation of a metric
CREATE VIEW oracle.finding_count AS
    SELECT metric_id, recommendation_id,
           count(*) FILTER (WHERE state = 'non_compliant') AS failing,
           count(*) FILTER (WHERE state <> 'not_applicable') AS assessed
    FROM posture.metric_recommendation JOIN posture.finding USING (recommendation_id)
    GROUP BY metric_id, recommendation_id;
CREATE VIEW oracle.set_count AS
    SELECT metric_id, recommendation_id, posture.cardinality(s.exposed)::bigint AS failing,
           posture.cardinality(s.assessed)::bigint AS assessed
    FROM posture.metric_recommendation
    JOIN posture_internal.stored_set('infinity', NULL, NULL) s USING (recommendation_id);
CREATE VIEW oracle.set_error AS
    SELECT 'set' AS error, x::text AS item
    FROM (TABLE oracle.set_count EXCEPT ALL TABLE oracle.finding_count) x
    WHERE failing + assessed > 0
    UNION ALL
    SELECT 'findings', x::text
    FROM (TABLE oracle.finding_count EXCEPT ALL TABLE oracle.set_count) x
    WHERE failing + assessed > 0;

CREATE VIEW oracle.verify_error AS
    SELECT 'verify' AS error, v::text AS item FROM posture.verify() v;
-- A session keeps its working tables until it ends.
CREATE VIEW oracle.temporary_table AS
    SELECT 'temporary table' AS error, c.relname::text AS item
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relpersistence = 't'
      AND substring(n.nspname FROM '[0-9]+$')::integer
          NOT IN (SELECT pg_stat_get_backend_idset());
SQL
}

1;
