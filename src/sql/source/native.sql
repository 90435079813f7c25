/*
 * Format posture: the rows of the catalog as objects, one per line, to move a
 * catalog to another database. Their fields are in object_field().
 */

CREATE FUNCTION posture_internal.native_item(document jsonb, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    WITH checked AS MATERIALIZED (
        SELECT e.location, e.element, e.type, e.object, r.error, t.types ? e.type AS is_known
        FROM (SELECT object_types() AS types OFFSET 0) t
        CROSS JOIN (
            SELECT e.location, e.element, t.type,
                   CASE WHEN of_source IS NOT NULL AND NOT e.element ? 'source'
                             AND t.type IN ('recommendation', 'finding', 'measure', 'exemption',
                                            'attestation', 'asset_source')
                        THEN t.object || jsonb_build_object('source', of_source)
                        ELSE t.object END
                   -- an exemption is granted by a person, unless the object says otherwise
                   || CASE WHEN t.type = 'exemption' AND NOT e.element ? 'is_reported'
                           THEN '{"is_reported": false}' ELSE '{}'::jsonb END AS object
            FROM document_element(document, '{}') e
            CROSS JOIN LATERAL (SELECT json_text(e.element -> 'type') AS type,
                                       e.element - 'type' AS object
                                WHERE jsonb_typeof(e.element) = 'object'
                                OFFSET 0) t
            OFFSET 0) e
        CROSS JOIN LATERAL object_error(e.type, e.object, t.types) r
    )
    SELECT c.location,
           CASE WHEN c.type IS NULL THEN 'missing type' WHEN NOT c.is_known
                    THEN format('type "%s" not recognized', left(c.type, 100))
                         || coalesce(', here perhaps ' || similar_name(
                             ARRAY(SELECT f.type FROM object_field() f), c.type), '')
                ELSE c.error END,
           CASE WHEN c.is_known THEN c.type END, c.object ->> 'source',
           f.recommendation, f.asset, f.state, f.observed_at, f.asset_kind, f.asset_name, f.details,
           CASE WHEN c.error IS NOT NULL OR NOT coalesce(c.is_known, false) THEN c.element
                WHEN c.type <> 'finding' THEN c.object END
    FROM checked c
    -- other objects, and objects with an error, may not fit the columns of the inbox
    LEFT JOIN LATERAL jsonb_populate_record(NULL::inbox, CASE WHEN c.type = 'finding'
                                            AND c.error IS NULL THEN c.object END) f ON true
    UNION ALL
    SELECT e.location, not_object_error(e.element), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           NULL, e.element
    FROM document_element(document, '{}') e
    WHERE jsonb_typeof(e.element) <> 'object';
END;
COMMENT ON FUNCTION posture_internal.native_item(jsonb, text) IS
    'returns the items of a document of format posture';
