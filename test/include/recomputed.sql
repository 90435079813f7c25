-- recomputed: the assets of each metric and recommendation that count, recomputed from finding.
CREATE VIEW pg_temp.recomputed AS
SELECT c.object_kind, c.object_id, c.assessed_set AS assessed, c.exposed_set AS exposed
FROM (VALUES ('metric'), ('recommendation')) k(kind)
CROSS JOIN LATERAL count_recomputed(
    counting_rule('infinity', NULL, NULL, 'recomputed', NULL, NULL,
                  ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL, k.kind)::counting_scope),
    'infinity') c
WHERE c.object_kind = k.kind;
