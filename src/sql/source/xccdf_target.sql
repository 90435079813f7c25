/*
 * Format xccdf: the targets of TestResults, which become assets.
 */

CREATE TYPE posture_internal.xccdf_target AS (
    test_result bigint,
    name text,
    key text,
    value text
);
COMMENT ON TYPE posture_internal.xccdf_target IS
    'an element of a TestResult about its target, in the order of the document';
COMMENT ON COLUMN posture_internal.xccdf_target.test_result IS
    'number of the TestResult, as in xccdf_test_result';
COMMENT ON COLUMN posture_internal.xccdf_target.name IS
    'name of the element: target, target-address, fact, set-value, ...';
COMMENT ON COLUMN posture_internal.xccdf_target.key IS 'attribute name or idref';
COMMENT ON COLUMN posture_internal.xccdf_target.value IS 'text of the element';

CREATE FUNCTION posture_internal.xccdf_target(document xml, namespace text)
    RETURNS SETOF xccdf_target
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.* FROM (
        SELECT count(*) FILTER (WHERE x.name = 'TestResult') OVER (ORDER BY x.n) AS test_result,
               x.name, x.key, x.value
        FROM xmltable(xmlnamespaces(namespace AS x),
                      '/descendant::*[self::x:TestResult or parent::x:target-facts
                       or parent::x:TestResult and (self::x:target or self::x:target-address
                          or self::x:target-id-ref or self::x:organization or self::x:platform
                          or self::x:set-value)]' PASSING document
                      COLUMNS n FOR ORDINALITY,
                              name text PATH 'local-name()',
                              key text PATH 'string(@name | @idref)',
                              value text PATH
                                  'normalize-space(self::*[not(self::x:TestResult)])') x) t
    WHERE t.name <> 'TestResult';
END;
COMMENT ON FUNCTION posture_internal.xccdf_target(xml, text) IS
    'returns what the TestResults of a document contain about their targets: '
    'names, addresses, facts and the values that were set';

CREATE FUNCTION posture_internal.xccdf_arf_asset(document xml)
    RETURNS TABLE (arf_asset text, name text, value text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT x.arf_asset, x.name, x.value
    FROM xmltable(xmlnamespaces('http://scap.nist.gov/schema/asset-reporting-format/1.1' AS arf,
                                'http://scap.nist.gov/schema/asset-identification/1.1' AS ai),
                  '/*/arf:assets/arf:asset/ai:*/descendant::ai:*[not(*)]' PASSING document
                  COLUMNS arf_asset text PATH 'string(ancestor::arf:asset[1]/@id)',
                          name text PATH 'local-name()',
                          value text PATH 'normalize-space(.)') x
    WHERE x.value <> ''
    UNION ALL
    SELECT x.arf_asset, 'report', x.report
    FROM xmltable(xmlnamespaces('http://scap.nist.gov/schema/reporting-core/1.1' AS core),
                  '/*/core:relationships/core:relationship[contains(@type, "isAbout")]/core:ref'
                  PASSING document
                  COLUMNS arf_asset text PATH 'normalize-space(.)',
                          report text PATH 'string(../@subject)') x;
END;
COMMENT ON FUNCTION posture_internal.xccdf_arf_asset(xml) IS
    'returns the facts about the assets of an ARF document, '
    'and with the name "report" the reports that are about each asset';

-- Sources write the same fact under several names. Addresses that every host
-- has identify none, and what differs in each scan is not stored.
CREATE FUNCTION posture_internal.xccdf_tag(name text, value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN coalesce(value, '') = '' OR t.tag IN ('', 'processor_mhz')
                     OR t.tag = 'addresses' AND value ~ '^(127[.]|[0:]*:0*1$|0[.]0[.]0[.]0$)'
                     OR t.tag = 'mac' AND value ~ '^[0:.-]+$' THEN NULL
                ELSE t.tag END
    FROM (SELECT CASE WHEN name IN ('target-address', 'ipv4', 'ipv6', 'ip-v4', 'ip-v6')
                      THEN 'addresses'
                      WHEN name = 'mac-address' THEN 'mac'
                      WHEN name = 'hostname' THEN 'host_name'
                      WHEN name = 'cpe' THEN 'platform'
                      ELSE replace(name, '-', '_') END AS tag OFFSET 0) t;
END;
COMMENT ON FUNCTION posture_internal.xccdf_tag(text, text) IS
    'returns the tag of an asset that a fact about a host is stored in; NULL if it is not stored';

-- localhost is a name of every host, so it identifies none.
CREATE FUNCTION posture_internal.xccdf_alias(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN host_key(name) ~ '^([[:alnum:]_-]{1,63}[.])+[[:alpha:]][[:alnum:]-]{0,62}$'
                 AND host_key(name) !~ '^localhost[0-9]*[.]' THEN host_key(name) END;
COMMENT ON FUNCTION posture_internal.xccdf_alias(text) IS
    'returns the alias of an asset for a fully qualified name of the host; '
    'NULL if the name is not fully qualified';

-- Facts come from target-facts and from the assets of ARF.
CREATE FUNCTION posture_internal.xccdf_fact(
    document xml, test_results xccdf_test_result[], targets xccdf_target[])
    RETURNS TABLE (test_result bigint, n bigint, tag text, value text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH test_result AS (
        SELECT * FROM unnest(test_results)
    ), target AS (
        SELECT t.* FROM unnest(targets) WITH ORDINALITY t(test_result, name, key, value, n)
        JOIN test_result USING (test_result)
    ), arf_asset AS (
        SELECT a.*, row_number() OVER () AS n FROM xccdf_arf_asset(document) a
        WHERE EXISTS (SELECT FROM test_result r WHERE r.report IS NOT NULL)
    ), test_result_asset AS (
        SELECT t.test_result, t.key AS arf_asset FROM target t WHERE t.name = 'target-id-ref'
        UNION
        SELECT r.test_result, a.arf_asset
        FROM test_result r JOIN arf_asset a ON a.value = r.report
        WHERE a.name = 'report'
        UNION
        SELECT r.test_result, a.arf_asset
        FROM test_result r JOIN arf_asset a ON host_key(a.value) = r.asset
        WHERE a.name IN ('fqdn', 'hostname')
    )
    SELECT f.test_result, min(f.n), xccdf_tag(f.name, f.value) AS tag, f.value
    FROM (SELECT t.test_result, t.n,
                 CASE t.name WHEN 'fact' THEN lower(regexp_replace(t.key, '^.*[:/]', ''))
                             ELSE t.name END AS name,
                 CASE t.name WHEN 'platform' THEN t.key ELSE t.value END AS value
          FROM target t
          WHERE t.name NOT IN ('set-value', 'target-id-ref') AND t.key !~ ':scanner:'
          UNION ALL
          SELECT t.test_result, 1000000000 + a.n, a.name, a.value
          FROM test_result_asset t JOIN arf_asset a USING (arf_asset)
          WHERE a.name <> 'report'
          UNION ALL
          SELECT r.test_result, 0, 'profile', r.profile FROM test_result r) f
    GROUP BY f.test_result, tag, f.value;
END;
COMMENT ON FUNCTION posture_internal.xccdf_fact(xml, xccdf_test_result[], xccdf_target[]) IS
    'returns the facts about the targets of TestResults, those of the TestResult first, each with '
    'the tag of an asset that it is stored in';

-- A host that has no name or calls itself localhost has its name from a fact, else what tells it
-- apart: an id of the system, a MAC address, or an address. The bridge of Docker has the same ones
-- on every host.
CREATE FUNCTION posture_internal.xccdf_host(
    document xml, namespace text, of_source text, targets xccdf_target[])
    RETURNS SETOF xccdf_test_result
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH test_result AS (
        SELECT * FROM xccdf_test_result(document, namespace, of_source)
    )
    SELECT r.test_result, r.location, r.source, r.product, coalesce(r.asset, h.key), r.asset_name,
           r.ended, r.started, r.benchmark, r.benchmark_version, r.profile, r.report
    FROM test_result r
    LEFT JOIN (
        SELECT DISTINCT ON (f.test_result)
               f.test_result,
               CASE WHEN f.rank <= 3 THEN host_key(f.value)
                    WHEN f.tag = 'mac' THEN 'localhost/' || lower(replace(f.value, '-', ':'))
                    ELSE 'localhost/' || lower(f.value) END AS key
        FROM (SELECT f.*, CASE WHEN f.tag ~ '(guid|uuid|machine_id)$' THEN 4
                               ELSE array_position('{fqdn,target,host_name,-,mac,addresses}', f.tag)
                          END AS rank
              FROM xccdf_fact(document, (SELECT array_agg(u::xccdf_test_result)
                                         FROM test_result u WHERE u.asset IS NULL),
                              targets) f
              WHERE named_host(f.value) IS NOT NULL
                AND f.value !~* '^(02:42:|fe80:|169[.]254[.]|172[.]17[.])') f
        WHERE f.rank IS NOT NULL
        ORDER BY f.test_result, f.rank, f.n) h USING (test_result);
END;
COMMENT ON FUNCTION posture_internal.xccdf_host(xml, text, text, xccdf_target[]) IS
    'returns the TestResults of a document with the keys of their hosts, also of those whose target '
    'names none';

CREATE FUNCTION posture_internal.xccdf_target_error(target text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN host_key(target) IS NULL THEN 'missing target'
                ELSE no_host_error('target', target) END;
COMMENT ON FUNCTION posture_internal.xccdf_target_error(text) IS
    'error text for a target that gives its host no key';

-- A tag that may have several values for one host is an array.
CREATE FUNCTION posture_internal.xccdf_asset_item(
    document xml, test_results xccdf_test_result[], targets xccdf_target[]) RETURNS SETOF item
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH test_result AS (
        SELECT * FROM unnest(test_results)
    ), fact AS (
        SELECT * FROM xccdf_fact(document, test_results, targets)
    ), tag AS (
        SELECT f.test_result, f.tag,
               CASE WHEN count(*) > 1 OR f.tag IN ('addresses', 'mac', 'platform', 'profile')
                    THEN jsonb_agg(f.value ORDER BY f.value COLLATE "C")
                    ELSE to_jsonb(min(f.value)) END AS value
        FROM fact f WHERE f.tag IS NOT NULL
        GROUP BY f.test_result, f.tag
        -- A single name of a host is the name of its asset.
        HAVING f.tag <> 'target' OR count(*) > 1
    ), asset AS (
        SELECT DISTINCT ON (r.asset) r.*
        FROM test_result r WHERE r.asset IS NOT NULL
        ORDER BY r.asset, coalesce(r.ended, r.started) COLLATE "C" DESC NULLS LAST, r.test_result
    )
    SELECT a.location, NULL::text, 'asset', NULL::text, NULL::text, NULL::text, NULL::text,
           NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb,
           jsonb_strip_nulls(jsonb_build_object(
               'key', a.asset, 'kind', 'host', 'name', a.asset_name,
               'tags', t.tags, 'aliases', n.aliases))
           || former_asset(host_key(a.asset_name), a.asset, coalesce(t.tags, '{}'))
    FROM asset a
    LEFT JOIN (SELECT t.test_result, jsonb_object_agg(t.tag, t.value) AS tags
               FROM tag t
               GROUP BY t.test_result) t USING (test_result)
    LEFT JOIN (SELECT r.asset, jsonb_agg(DISTINCT xccdf_alias(f.value)) AS aliases
               FROM fact f JOIN test_result r USING (test_result)
               WHERE f.tag IN ('fqdn', 'target') AND xccdf_alias(f.value) <> r.asset
               GROUP BY r.asset) n USING (asset);
END;
COMMENT ON FUNCTION posture_internal.xccdf_asset_item(xml, xccdf_test_result[], xccdf_target[]) IS
    'returns the items of the targets of TestResults; '
    'of a host that was assessed several times the last TestResult counts';
