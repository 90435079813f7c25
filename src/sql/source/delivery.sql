/*
 * What a role may deliver. A loader delivers for the sources that it was granted:
 * their findings, points, recommendations and assets. All else that a document
 * brings, such as metrics, exemptions, owners and weights, is for a curator.
 *
 * load() and ingest() run as their owner, so these checks are the only ones.
 */

CREATE FUNCTION posture_internal.delivery_sources() RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT has_all_levels(caller()) THEN
        RETURN ARRAY(SELECT a.source FROM access_of(caller(), 'loader') a);
    END IF;
    -- those of the role that delivers on the head, where this is a node
    RETURN acting_sources();
END $$;
COMMENT ON FUNCTION posture_internal.delivery_sources() IS
    'returns the keys of the sources that the caller delivers for; NULL: of all';

CREATE FUNCTION posture_internal.require_delivery(of_source text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF of_source <> ALL (delivery_sources()) THEN
        RAISE EXCEPTION 'permission denied: role "%" is no loader of source "%"',
            (SELECT r.rolname FROM pg_roles r WHERE r.oid = caller()), left(of_source, 100)
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('A superuser, or the role that created the extension, can run: '
                                'SELECT posture.grant_access(%L, ''loader'', %L);',
                                (SELECT r.rolname FROM pg_roles r WHERE r.oid = caller()),
                                of_source);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.require_delivery(text) IS
    'raises an error unless the caller delivers for a source';

CREATE FUNCTION posture_internal.require_deliveries(source_keys text[]) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    source_key text;
BEGIN
    FOREACH source_key IN ARRAY array_remove(source_keys, NULL) LOOP
        PERFORM require_delivery(source_key);
        IF NOT EXISTS (SELECT FROM source s WHERE s.key = source_key) THEN
            RAISE EXCEPTION 'source "%" does not exist', left(source_key, 100)
                USING ERRCODE = 'undefined_object',
                      HINT = concat_ws(' ', source_hint(source_key),
                                       'Add a new one to posture.source first.');
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION posture_internal.require_deliveries(text[]) IS
    'step of ingest() and ingest_assets(): raises an error unless the caller delivers for these '
    'sources, and they exist; NULLs are ignored';

CREATE FUNCTION posture_internal.curated_field() RETURNS TABLE (type text, field text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
VALUES ('source', 'is_active'), ('source', 'stale_after'), ('source', 'time_zone'),
       ('source', 'reports'), ('recommendation', 'reports'),
       ('asset', 'criticality'), ('asset', 'owner'), ('asset', 'tags'), ('asset', 'aliases'),
       ('asset', 'retired_at'),
       ('recommendation', 'assigned_to'), ('recommendation', 'due_on'),
       ('recommendation', 'effort_hours'), ('recommendation', 'is_active'),
       ('recommendation', 'is_manual');
END;
COMMENT ON FUNCTION posture_internal.curated_field() IS
    'returns the fields of what a loader delivers that it may not set';

-- Who may not curate the catalog changes the kind and name of the assets that its sources alone
-- assess, or know as inventories. They decide which metrics count an asset, of other sources too.
CREATE FUNCTION posture_internal.may_update_asset(
    of_asset integer, sources text[], curates boolean) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN curates OR sources IS NULL
        OR (SELECT bool_and(s.key = ANY (sources))
            FROM (SELECT r.source_id
                  FROM finding f JOIN recommendation r USING (recommendation_id)
                  WHERE f.asset_id = of_asset
                  UNION ALL
                  SELECT x.source_id FROM asset_source x WHERE x.asset_id = of_asset) k
            JOIN source s USING (source_id)) IS TRUE;
COMMENT ON FUNCTION posture_internal.may_update_asset(integer, text[], boolean) IS
    'returns whether a role that delivers for these sources, NULL: for all, may change the kind '
    'and name of an asset';

-- What a source reports of a recommendation is a choice in format posture, and a fact in others.
CREATE FUNCTION posture_internal.restrict_items(of_format text) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    sources text[] := delivery_sources();
    curates boolean := has_level(caller(), 'curator');
    withheld text[];
BEGIN
    IF sources IS NULL THEN
        RETURN;
    END IF;
    UPDATE posture_item i
    SET error = CASE
        WHEN i.type IN ('finding', 'measure', 'recommendation', 'source', 'asset', 'asset_source',
                        'left_out')
            THEN format('source "%s" is not delivered by this role',
                        left(coalesce(i.source, i.object ->> 'key'), 100))
        ELSE format('%s: only a curator may load it', i.type) END
    WHERE i.error IS NULL
      AND CASE WHEN i.type IN ('finding', 'measure', 'asset_source')
                    -- an asset of an inventory has its key here
                    OR i.type = 'asset' AND i.asset IS NOT NULL
               THEN coalesce(i.source, '') <> ALL (sources)
               WHEN i.type = 'left_out' OR curates THEN false
               WHEN i.type = 'source' THEN coalesce(i.object ->> 'key', '') <> ALL (sources)
               WHEN i.type = 'recommendation' THEN coalesce(i.source, '') <> ALL (sources)
               ELSE i.type <> 'asset' END;
    IF NOT curates THEN
        WITH restricted AS (
            UPDATE posture_item i
            SET object = i.object - f.fields
            FROM (SELECT c.type, array_agg(c.field) AS fields
                  FROM curated_field() c
                  WHERE of_format = 'posture' OR c.field <> 'reports'
                  GROUP BY c.type) f
            WHERE i.type = f.type AND i.error IS NULL AND i.object ?| f.fields
            RETURNING i.type, f.fields
        )
        SELECT array_agg(DISTINCT r.type ORDER BY r.type) INTO withheld FROM restricted r;
        IF withheld IS NOT NULL THEN
            RAISE NOTICE 'fields that only a curator may load were left out of each %',
                array_to_string(withheld, ' and ')
                USING DETAIL = (SELECT string_agg(c.type || '.' || c.field, ', ')
                                FROM curated_field() c WHERE c.type = ANY (withheld)),
                      HINT = 'Load it as a role that is a curator, too.';
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.restrict_items(text) IS
    'step of load(): marks the items that the caller may not deliver, and takes the fields from '
    'the others that it may not set';

-- A transition table, because COPY takes rows one at a time for a row trigger.
CREATE FUNCTION posture_internal.check_delivery() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    sources text[] := delivery_sources();
    other text;
BEGIN
    IF sources IS NOT NULL THEN
        SELECT n.source INTO other FROM delivered n WHERE n.source <> ALL (sources) LIMIT 1;
        IF FOUND THEN
            PERFORM require_delivery(other);
        END IF;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.check_delivery() IS
    'raises an error if a loader puts rows of a source into the inbox that it does not deliver for';
REVOKE EXECUTE ON FUNCTION posture_internal.check_delivery() FROM PUBLIC;
CREATE TRIGGER check_delivery AFTER INSERT ON posture.inbox
    REFERENCING NEW TABLE AS delivered
    FOR EACH STATEMENT EXECUTE FUNCTION check_delivery();
COMMENT ON TRIGGER check_delivery ON posture.inbox IS
    'lets loaders deliver for their sources alone';

CREATE FUNCTION posture.rejections(source text) RETURNS SETOF rejected
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF source IS NULL THEN
        RAISE EXCEPTION 'source must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM require_level('loader or operator');
    IF NOT has_level(caller(), 'operator') THEN
        PERFORM require_delivery(source);
    END IF;
    RETURN QUERY
    SELECT r.* FROM rejected r WHERE r.source = rejections.source ORDER BY r.rejected_at;
END $$;
COMMENT ON FUNCTION posture.rejections(text) IS
    'returns what was rejected of a source, oldest first, for its loaders';
