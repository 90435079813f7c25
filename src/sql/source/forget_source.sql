/*
 * forget_source(): undoes the loads of a source, such as those of a document
 * that was loaded with a wrong source or format.
 */

-- Assets have no mark of the source that brought them. A person who set an
-- attribute that no source reports, or gave an asset an alias, wants to keep it.
CREATE FUNCTION posture_internal.assets_only_in(of_sources integer[]) RETURNS SETOF integer
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a.asset_id
    FROM asset a
    JOIN (SELECT f.asset_id
          FROM finding f JOIN recommendation r USING (recommendation_id)
          WHERE r.source_id = ANY (of_sources)
          UNION
          SELECT e.asset_id
          FROM exemption e JOIN recommendation r USING (recommendation_id)
          WHERE r.source_id = ANY (of_sources)
          UNION
          SELECT x.asset_id FROM asset_source x WHERE x.source_id = ANY (of_sources))
          k ON k.asset_id = a.asset_id
    WHERE (a.owner IS NULL AND a.criticality = 'medium'
           -- an inventory reports these, too
           OR EXISTS (SELECT
                      FROM asset_source x
                      WHERE x.asset_id = a.asset_id AND x.source_id = ANY (of_sources)))
      AND a.retired_at IS NULL
      AND NOT EXISTS (SELECT
                      FROM finding f JOIN recommendation r USING (recommendation_id)
                      WHERE f.asset_id = a.asset_id AND r.source_id <> ALL (of_sources))
      AND NOT EXISTS (SELECT
                      FROM exemption e JOIN recommendation r USING (recommendation_id)
                      WHERE e.asset_id = a.asset_id AND r.source_id <> ALL (of_sources))
      AND NOT EXISTS (SELECT
                      FROM asset_source x
                      WHERE x.asset_id = a.asset_id AND x.source_id <> ALL (of_sources))
      AND NOT EXISTS (SELECT
                      FROM asset_alias l
                      WHERE l.asset_id = a.asset_id AND l.how IN ('given', 'merged'))
    ORDER BY a.asset_id;
END;
COMMENT ON FUNCTION posture_internal.assets_only_in(integer[]) IS
    'step of forget_source(): ids of the assets that are known only through these sources';

-- A framework that another source measures, too, keeps its manual controls.
CREATE FUNCTION posture_internal.manual_sources(of_source_id integer) RETURNS integer[]
    LANGUAGE sql STABLE
    RETURN ARRAY(SELECT s.source_id
                 FROM initiative i
                 JOIN source s ON s.key = i.key
                 WHERE i.loaded_source_id = of_source_id AND s.source_id <> of_source_id
                   AND (SELECT bool_and(r.is_manual)
                        FROM recommendation r WHERE r.source_id = s.source_id)
                   AND NOT EXISTS (SELECT
                                   FROM initiative_metric x
                                   JOIN metric_recommendation b USING (metric_id)
                                   JOIN recommendation r USING (recommendation_id)
                                   WHERE x.initiative_id = i.initiative_id
                                     AND r.source_id NOT IN (of_source_id, s.source_id))
                 ORDER BY s.source_id);
COMMENT ON FUNCTION posture_internal.manual_sources(integer) IS
    'step of forget_source(): returns the sources of the manual controls of frameworks that '
    'documents of a source brought';

CREATE TYPE posture_internal.forgotten_count AS (
    recommendations bigint, findings bigint, assets bigint
);
COMMENT ON TYPE posture_internal.forgotten_count IS 'what forget_recommendations() deleted';
COMMENT ON COLUMN posture_internal.forgotten_count.recommendations IS 'number of recommendations';
COMMENT ON COLUMN posture_internal.forgotten_count.findings IS 'number of findings';
COMMENT ON COLUMN posture_internal.forgotten_count.assets IS 'number of assets';

CREATE FUNCTION posture_internal.forget_recommendations(
    of_sources integer[], OUT recommendations bigint, OUT findings bigint, OUT assets bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    only_here integer[];
    on_nodes forgotten_count;
BEGIN
    IF has_nodes() THEN
        PERFORM flush_catalog();
        on_nodes := (SELECT ROW(sum(n.recommendations), sum(n.findings),
                                sum(n.assets))::forgotten_count
                     FROM tell_nodes(NULL::forgotten_count,
                                     format('forget_recommendations(%L)', of_sources)) n);
    END IF;
    -- Writers of findings lock their recommendation and their asset. These locks
    -- make them wait, and fail after the rows are deleted.
    PERFORM FROM recommendation r
    WHERE r.source_id = ANY (of_sources) ORDER BY r.recommendation_id FOR UPDATE;
    only_here := ARRAY(SELECT assets_only_in(of_sources));
    PERFORM FROM asset a
    WHERE a.asset_id = ANY (only_here) ORDER BY a.asset_id FOR UPDATE;
    -- a person may have given one an owner, an exemption or an alias before it was locked
    only_here := ARRAY(SELECT a.asset_id FROM assets_only_in(of_sources) a(asset_id)
                       WHERE a.asset_id = ANY (only_here));

    DELETE FROM asset_source x WHERE x.source_id = ANY (of_sources);
    DELETE FROM finding f USING recommendation r
    WHERE r.source_id = ANY (of_sources) AND f.recommendation_id = r.recommendation_id;
    GET DIAGNOSTICS findings = ROW_COUNT;
    -- Cascades would delete these row by row. A metric with a rule loses its members
    -- with the recommendations that the rule selects.
    DELETE FROM exemption e USING recommendation r
    WHERE r.source_id = ANY (of_sources) AND e.recommendation_id = r.recommendation_id;
    DELETE FROM attestation a USING recommendation r
    WHERE r.source_id = ANY (of_sources) AND a.recommendation_id = r.recommendation_id;
    DELETE FROM metric_recommendation x USING recommendation r, metric m
    WHERE r.source_id = ANY (of_sources) AND x.recommendation_id = r.recommendation_id
      AND m.metric_id = x.metric_id AND m.rule IS NULL;
    DELETE FROM initiative_recommendation x USING recommendation r
    WHERE r.source_id = ANY (of_sources) AND x.recommendation_id = r.recommendation_id;
    -- A snapshot that posture took is history. What the source reported is not.
    DELETE FROM recommendation_snapshot s USING recommendation r
    WHERE r.source_id = ANY (of_sources) AND s.recommendation_id = r.recommendation_id
      AND s.is_reported;
    DELETE FROM recommendation r WHERE r.source_id = ANY (of_sources);
    GET DIAGNOSTICS recommendations = ROW_COUNT;
    DELETE FROM asset a
    WHERE a.asset_id = ANY (only_here)
      AND NOT EXISTS (SELECT FROM finding f WHERE f.asset_id = a.asset_id);
    GET DIAGNOSTICS assets = ROW_COUNT;
    findings := findings + coalesce(on_nodes.findings, 0);
    assets := assets + coalesce(on_nodes.assets, 0);
END $$;
COMMENT ON FUNCTION posture_internal.forget_recommendations(integer[]) IS
    'step of forget_source(): deletes the recommendations of sources with all that belongs to '
    'them, on a head also on its nodes, and the assets that are known only through them; returns '
    'their numbers';

CREATE FUNCTION posture_internal.forget_source(
    source text, OUT recommendations bigint, OUT findings bigint, OUT assets bigint,
    OUT metrics bigint, OUT initiatives bigint, OUT rejected bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp SET jit = off
AS $$
DECLARE
    of_source_id integer;
    of_sources integer[];
BEGIN
    -- not beside load() and ingest()
    PERFORM lock_delivery();
    SELECT s.source_id INTO of_source_id
    FROM source s
    WHERE s.key = forget_source.source FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" does not exist', left(source, 100)
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce(source_hint(source), 'No source has been loaded.');
    END IF;
    of_sources := of_source_id || manual_sources(of_source_id);
    SELECT f.* INTO recommendations, findings, assets FROM forget_recommendations(of_sources) f;

    -- wait for those who give these a member, and see it in the statements that follow
    PERFORM FROM metric m
    WHERE m.loaded_source_id = ANY (of_sources) ORDER BY m.metric_id FOR UPDATE;
    PERFORM FROM initiative i
    WHERE i.loaded_source_id = ANY (of_sources) ORDER BY i.initiative_id FOR UPDATE;
    DELETE FROM metric m
    WHERE m.loaded_source_id = ANY (of_sources) AND m.rule IS NULL
      AND NOT EXISTS (SELECT FROM metric_recommendation x WHERE x.metric_id = m.metric_id);
    GET DIAGNOSTICS metrics = ROW_COUNT;
    WITH removed AS (
        DELETE FROM initiative i
        WHERE i.loaded_source_id = ANY (of_sources)
          AND NOT EXISTS (SELECT FROM initiative_metric x
                          WHERE x.initiative_id = i.initiative_id)
          AND NOT EXISTS (SELECT FROM initiative_recommendation x
                          WHERE x.initiative_id = i.initiative_id)
        RETURNING i.initiative_id
    ), reported AS (
        DELETE FROM initiative_snapshot s USING removed r
        WHERE s.initiative_id = r.initiative_id AND s.is_reported
    )
    SELECT count(*) INTO initiatives FROM removed;
    WITH waiting AS (
        DELETE FROM inbox i WHERE i.source = forget_source.source RETURNING 1
    ), waiting_asset AS (
        DELETE FROM asset_inbox i WHERE i.source = forget_source.source RETURNING 1
    ), refused AS (
        DELETE FROM rejected j WHERE j.source = forget_source.source RETURNING 1
    )
    SELECT (SELECT count(*) FROM waiting) + (SELECT count(*) FROM waiting_asset)
           + (SELECT count(*) FROM refused) INTO rejected;
    DELETE FROM source s WHERE s.source_id = ANY (of_sources);
    PERFORM fold_if_many();
END $$;
COMMENT ON FUNCTION posture_internal.forget_source(text) IS
    'undoes the loads of a source, see posture.forget_source()';

CREATE FUNCTION posture.forget_source(
    source text, OUT recommendations bigint, OUT findings bigint, OUT assets bigint,
    OUT metrics bigint, OUT initiatives bigint, OUT rejected bigint)
    AS 'MODULE_PATHNAME', 'posture_call_definer' LANGUAGE C;
COMMENT ON FUNCTION posture.forget_source(text) IS
    'deletes a source and what it alone brought: its recommendations, and the manual controls of '
    'its frameworks, with their findings, measures, exemptions and attestations, what it knows as '
    'an inventory, the assets that only it knows, the metrics and initiatives that its documents '
    'made and that measure nothing else, the days that it reported, and its rows in the inbox, the '
    'asset_inbox and rejected; returns their numbers; snapshots and events of past days stay';
REVOKE EXECUTE ON FUNCTION posture.forget_source(text) FROM PUBLIC;
