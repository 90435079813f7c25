/*
 * Keys of Prowler's checks. The name of a check is unique within its provider, and a few names
 * are of several. The first provider that has a check of a name gives it the name as its key, and
 * the check of another one, or of each if they come in one document, has the key provider/name.
 */

-- Documents say it, of checks, of the assets that findings are about, or of frameworks.
CREATE FUNCTION posture_internal.check_provider(of_recommendation integer) RETURNS text
    LANGUAGE sql STABLE
    RETURN lower(coalesce(
        (SELECT coalesce(r.details ->> 'Provider', r.details ->> 'provider')
         FROM recommendation r WHERE r.recommendation_id = of_recommendation),
        (SELECT a.tags ->> 'provider'
         FROM finding f JOIN asset a USING (asset_id)
         WHERE f.recommendation_id = of_recommendation ORDER BY f.asset_id LIMIT 1),
        (SELECT min(i.details ->> 'Provider')
         FROM metric_recommendation m
         JOIN initiative_metric USING (metric_id)
         JOIN initiative i USING (initiative_id)
         WHERE m.recommendation_id = of_recommendation)));
COMMENT ON FUNCTION posture_internal.check_provider(integer) IS
    'returns the provider of the check that a recommendation is; NULL if nothing tells it';

CREATE FUNCTION posture_internal.check_key(
    of_source text, of_provider text, check_name text, is_shared boolean) RETURNS text
    LANGUAGE sql STABLE
    RETURN (
        SELECT CASE WHEN of_provider IS NULL THEN check_name
                    WHEN q.recommendation_id IS NULL
                         AND coalesce(CASE WHEN r.recommendation_id IS NOT NULL
                                           THEN check_provider(r.recommendation_id) END,
                                      CASE WHEN NOT is_shared THEN of_provider END) = of_provider
                    THEN check_name
                    ELSE of_provider || '/' || check_name END
        FROM (SELECT) one
        LEFT JOIN source s ON s.key = of_source
        LEFT JOIN recommendation r ON r.source_id = s.source_id AND r.key = check_name
        LEFT JOIN recommendation q
            ON q.source_id = s.source_id AND q.key = of_provider || '/' || check_name);
COMMENT ON FUNCTION posture_internal.check_key(text, text, text, boolean) IS
    'returns the key of the recommendation that a check of a provider is; is_shared says that the '
    'document has checks of several providers with the name';

CREATE FUNCTION posture_internal.add_provider(object jsonb, provider text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN provider IS NULL THEN object
                ELSE object || jsonb_build_object('details',
                         coalesce(object -> 'details', '{}')
                         || jsonb_build_object('provider', provider)) END;
COMMENT ON FUNCTION posture_internal.add_provider(jsonb, text) IS
    'returns the object of a check with its provider in the details, where check_provider() looks';

-- The check of another provider had the name as its key until then, see load_former_check().
CREATE FUNCTION posture_internal.former_check(provider text, name text, key text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN key <> name THEN
        jsonb_build_object('former', jsonb_build_object('key', name, 'provider', provider))
    ELSE '{}' END;
COMMENT ON FUNCTION posture_internal.former_check(text, text, text) IS
    'returns the field former of the object of a check: the name that findings of its provider '
    'may be loaded under; an empty object if that is its key';
