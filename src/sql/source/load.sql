/*
 * load(): the function of its format splits a document into items, and the
 * items become rows. Findings go through the inbox and ingest().
 */

CREATE FUNCTION posture_internal.load_form(
    of_format text, json_document jsonb, content text, of_source text, complete boolean,
    OUT document text, OUT mapping text, OUT counted text, OUT expects text)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    SELECT f.document, f.mapping, f.counted, f.expects INTO document, mapping, counted, expects
    FROM load_format() f
    WHERE f.format = of_format;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'format "%" does not exist', left(of_format, 100)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = CASE WHEN document_notation(of_format) IN ('JSON', 'XML')
                              THEN 'The format is the first argument, the document the second.'
                              ELSE format_hint(coalesce(document_format(json_document),
                                                        text_format(content)), of_format) END;
    ELSIF complete AND counted NOT IN ('finding', 'asset') THEN
        RAISE EXCEPTION 'format "%" does not support complete deliveries', of_format
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Omit the argument "complete".';
    -- each finding of a document could name another source, and so close all of its findings
    ELSIF complete AND of_source IS NULL THEN
        RAISE EXCEPTION 'a complete delivery requires its source'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = CASE counted WHEN 'asset'
                           THEN 'Assets of the source that the document does not contain leave it.'
                           ELSE 'Findings of the source that the document does not contain are '
                                'closed.' END,
                  HINT = 'Give the argument "source".';
    ELSIF key_error('source', of_source) IS NOT NULL AND of_source IS NOT NULL THEN
        RAISE EXCEPTION '%', key_error('source', of_source)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.load_form(text, jsonb, text, text, boolean) IS
    'step of load(): returns what load_format() says of a format; raises an error if an argument of '
    'load() is wrong, before the document is read';

-- Objects and details are wide, and no plan depends on what they contain.
CREATE FUNCTION posture_internal.load_analyze() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    ANALYZE posture_item (type, source, recommendation, asset);
END $$;
COMMENT ON FUNCTION posture_internal.load_analyze() IS
    'step of load(): lets plans know the number of items';

-- A document of another format raises one clear error, instead of being rejected
-- element by element. Formats recognize their elements by a few fields, which
-- other formats may have too.
CREATE FUNCTION posture_internal.load_check_format(
    of_format text, expects text, json_document jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    odd record;
    has_elements boolean;
    looks_like text;
BEGIN
    SELECT i.location, coalesce(i.error, i.object ->> 'reason') AS error INTO odd
    FROM posture_item i
    WHERE NOT EXISTS (SELECT FROM posture_item x
                      WHERE x.type NOT IN ('source', 'left_out') AND x.error IS NULL)
      AND (i.error IS NOT NULL OR i.type = 'left_out')
    ORDER BY i.error IS NULL, i.ctid
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    has_elements := EXISTS (SELECT FROM posture_item i WHERE i.type IS NOT NULL);
    looks_like := document_format(json_document);
    IF looks_like <> of_format OR NOT has_elements THEN
        RAISE EXCEPTION 'document is not of format "%"', of_format
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('Expected %s; found none of them, for instance at %s: %s.',
                                  expects, odd.location, odd.error),
                  HINT = format_hint(looks_like, NULL);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.load_check_format(text, text, jsonb) IS
    'step of load(): raises an error if nothing in the document is of its format, or nothing can '
    'be loaded and the document is of another format';

-- What is missing at the end of a file would be closed.
CREATE FUNCTION posture_internal.load_check_complete(json_document jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    is_array boolean := jsonb_typeof(json_document) = 'array';
    last_page jsonb := CASE WHEN is_array THEN json_document -> -1 ELSE json_document END;
    -- what could not be read became a string, see read_json()
    broken text := (SELECT format('%s: %s', i.location, i.error)
                    FROM posture_item i
                    WHERE i.error IS NOT NULL AND jsonb_typeof(i.object) = 'string'
                      AND json_document IS NOT NULL
                    ORDER BY i.ctid LIMIT 1);
    next_page text := (SELECT f.key
                       FROM jsonb_each_text(CASE jsonb_typeof(last_page)
                                            WHEN 'object' THEN last_page END) f
                       WHERE f.value <> ''
                         AND (lower(f.key) ~ '^[@$]?(odata[.])?(next|skip)_?(page_?)?(link|token)$'
                              OR lower(f.key) ~ '^result_?truncated$' AND f.value = 'true')
                       ORDER BY f.key LIMIT 1);
BEGIN
    -- a list of Kubernetes
    IF last_page #>> '{metadata,continue}' <> '' THEN
        next_page := 'metadata.continue';
    END IF;
    IF broken IS NOT NULL OR next_page IS NOT NULL THEN
        RAISE EXCEPTION 'document is not complete'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = CASE WHEN broken IS NOT NULL
                                THEN format('%s.', broken)
                                ELSE format('After its last page comes another: it has "%s".',
                                            next_page) END,
                  HINT = CASE WHEN broken ~ 'not valid JSON'
                              THEN 'The document may be cut off. Produce it again.'
                              WHEN broken IS NOT NULL
                              THEN 'Correct it, or omit the argument "complete".'
                              ELSE 'Load all pages as one document, each on a line of its own or '
                                   'in an array, or omit the argument "complete".' END;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.load_check_complete(jsonb) IS
    'step of load(): raises an error if a complete document in JSON is cut off in a line, or a '
    'page of it is missing';

CREATE FUNCTION posture_internal.document_item(mapping text, document jsonb, of_source text)
    RETURNS SETOF item
    AS 'MODULE_PATHNAME', 'posture_document_item' LANGUAGE C STABLE;
COMMENT ON FUNCTION posture_internal.document_item(text, jsonb, text) IS
    'returns the items of a document in JSON, as the function of its format splits it';
REVOKE EXECUTE ON FUNCTION posture_internal.document_item(text, jsonb, text) FROM PUBLIC;

CREATE FUNCTION posture_internal.document_item(mapping text, document xml, of_source text)
    RETURNS SETOF item
    AS 'MODULE_PATHNAME', 'posture_document_item' LANGUAGE C STABLE;
COMMENT ON FUNCTION posture_internal.document_item(text, xml, text) IS
    'returns the items of a document in XML, as the function of its format splits it';
REVOKE EXECUTE ON FUNCTION posture_internal.document_item(text, xml, text) FROM PUBLIC;

-- Plans for these arguments would have copies of the document as constants.
CREATE FUNCTION posture_internal.load_items(
    of_format text, mapping text, expects text, json_document jsonb, xml_document xml,
    of_source text, complete boolean) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    types jsonb := object_types();
    items bigint;
BEGIN
    PERFORM working_table('posture_item', 'LIKE item');
    INSERT INTO posture_item
    SELECT i.location, e.reason, i.type, i.source, i.recommendation, i.asset, i.state,
           i.observed_at, i.asset_kind, i.asset_name, i.details, r.rounded
    FROM (SELECT j.* FROM document_item(mapping, json_document, of_source) j
          WHERE xml_document IS NULL
          UNION ALL
          SELECT x.* FROM document_item(mapping, xml_document, of_source) x
          WHERE xml_document IS NOT NULL) i
    CROSS JOIN LATERAL item_error(of_format, i.error, i.type, i.source, i.details, i.object,
                                  types) e
    CROSS JOIN LATERAL round_fields(i.type, i.object, types) r;
    GET DIAGNOSTICS items = ROW_COUNT;
    PERFORM load_check_format(of_format, expects, json_document);
    IF of_format LIKE 'graph-%' THEN
        PERFORM graph_check_tenant(json_document, coalesce(of_source, 'microsoft-secure-score'));
    END IF;
    IF complete THEN
        PERFORM load_check_complete(json_document);
    END IF;
    RETURN items;
END $$;
COMMENT ON FUNCTION posture_internal.load_items(text, text, text, jsonb, xml, text, boolean) IS
    'step of load(): splits a document into items, and checks that it is of its format, and '
    'complete if it has to be. Returns the number of items.';

CREATE FUNCTION posture_internal.load_reject(complete_source text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET datestyle = 'ISO, YMD' SET timezone = 'UTC'
AS $$
DECLARE
    -- PostgreSQL inlines inbox_error() only where its arguments are stable
    arrived_at timestamptz := clock_timestamp();
    first_reason text;
    rejected bigint;
BEGIN
    IF complete_source IS NOT NULL THEN
        UPDATE posture_item i
        SET error = format('is of source "%s", and the delivery is complete for source "%s"',
                           left(coalesce(i.source, i.object ->> 'key'), 100), complete_source)
        WHERE i.error IS NULL
          AND coalesce(i.source, CASE WHEN i.type = 'source' THEN i.object ->> 'key' END)
              <> complete_source;
    END IF;
    -- the inbox has checks of its own for findings
    UPDATE posture_item i
    SET error = inbox_error(
        ROW(i.source, i.recommendation, i.asset, i.state, i.observed_at, i.asset_kind, i.asset_name,
            i.details)::inbox,
        ARRAY[i.source], arrived_at)
    WHERE i.type = 'finding' AND i.error IS NULL
      AND inbox_error(
        ROW(i.source, i.recommendation, i.asset, i.state, i.observed_at, i.asset_kind, i.asset_name,
            i.details)::inbox,
        ARRAY[i.source], arrived_at) IS NOT NULL;
    -- without its group an exemption would apply to all assets, and a metric be about others
    UPDATE posture_item i
    SET error = format('asset group "%s" does not exist', n.key)
    FROM (VALUES ('exemption', 'asset_group'), ('metric', 'population')) f(type, field)
    CROSS JOIN LATERAL (SELECT DISTINCT x.object ->> f.field AS key
                        FROM posture_item x
                        WHERE x.type = f.type) n
    WHERE i.type = f.type AND i.error IS NULL AND i.object ->> f.field = n.key
      AND NOT EXISTS (SELECT FROM asset_group g WHERE g.key = n.key)
      AND NOT EXISTS (SELECT FROM posture_item g
                      WHERE g.type = 'asset_group' AND g.error IS NULL
                        AND g.object ->> 'key' = n.key);
    PERFORM reject_attestation();
    first_reason := (SELECT format('%s: %s', i.location, i.error)
                     FROM posture_item i
                     WHERE i.error IS NOT NULL ORDER BY i.ctid LIMIT 1);
    WITH bad AS (
        DELETE FROM posture_item i
        WHERE i.error IS NOT NULL
        RETURNING i.*, i.ctid AS arrival,
                  -- the object of a finding that could be read has its extents
                  CASE WHEN i.type = 'finding' AND i.object ? 'extents' THEN i.details
                       ELSE coalesce(i.details, i.object) END AS kept
    ), repeated AS (
        -- the same element is rejected again each time that it is loaded
        DELETE FROM rejected r
        USING bad b
        WHERE coalesce(r.details, 'null') = coalesce(b.kept, 'null')
          AND (r.source, r.recommendation, r.asset, r.state)
              IS NOT DISTINCT FROM (b.source, b.recommendation, b.asset, b.state)
          AND substr(r.reason, strpos(r.reason, ': ') + 2) = b.error
    )
    INSERT INTO rejected (source, recommendation, asset, state, observed_at, asset_kind, asset_name,
                          details, reason, rejected_at)
    SELECT b.source, b.recommendation, b.asset, b.state, b.observed_at, b.asset_kind, b.asset_name,
           b.kept, format('%s: %s', b.location, b.error), clock_timestamp()
    FROM bad b
    ORDER BY b.arrival;
    GET DIAGNOSTICS rejected = ROW_COUNT;
    PERFORM report_rejected(rejected, first_reason);
    RETURN rejected;
END $$;
COMMENT ON FUNCTION posture_internal.load_reject(text) IS
    'step of load(): moves items that can''t be loaded, or are not of the source that a delivery '
    'is complete for, to rejected, with the place in the document and the reason. Returns their '
    'number.';

-- The row that such a name adds has no title and measures nothing, perhaps for ever.
CREATE FUNCTION posture_internal.load_report_new_metrics() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    keys text[] := ARRAY(SELECT i.object ->> 'key' FROM posture_item i
                         WHERE i.type = 'metric');
    missing text[] := ARRAY(
        SELECT n.key
        FROM (SELECT DISTINCT m.member ->> 'metric' AS key
              FROM posture_item i
              CROSS JOIN jsonb_array_elements(i.object -> 'metrics') m(member)
              WHERE i.type = 'initiative') n
        WHERE n.key <> ALL (keys) AND NOT EXISTS (SELECT FROM metric x WHERE x.key = n.key)
        ORDER BY n.key COLLATE "C");
BEGIN
    IF missing <> '{}' THEN
        RAISE NOTICE 'metric "%" is new and measures nothing yet%', left(missing[1], 100),
            CASE WHEN cardinality(missing) > 1
                 THEN format(', as are %s more', cardinality(missing) - 1) ELSE '' END
            USING DETAIL = 'An initiative names it.',
                  HINT = name_hint('Metrics', keys || ARRAY(SELECT x.key FROM metric x
                                                            WHERE x.key <> ALL (keys)
                                                            ORDER BY x.key COLLATE "C"),
                                   missing[1]);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.load_report_new_metrics() IS
    'step of load(): gives notice of metrics that only initiatives name';

CREATE FUNCTION posture_internal.load_finding(
    complete_source text, arrived_at timestamptz, complete_at timestamptz, OUT loaded bigint,
    OUT changed bigint, OUT unchanged bigint, OUT rejected bigint, OUT closed bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    sources text[] := ARRAY(SELECT DISTINCT i.source FROM posture_item i
                            WHERE i.type = 'finding');
BEGIN
    IF complete_source IS NOT NULL AND complete_at IS NOT NULL THEN
        sources := sources || complete_source;
    ELSIF sources = '{}' THEN
        IF complete_source IS NOT NULL THEN
            RAISE EXCEPTION 'document contains no finding'
                USING ERRCODE = 'no_data_found',
                      DETAIL = 'A complete delivery of nothing would close every finding of its '
                               'source.';
        END IF;
        loaded := 0;
        changed := 0;
        unchanged := 0;
        rejected := 0;
        closed := 0;
        RETURN;
    END IF;
    INSERT INTO inbox (source, recommendation, asset, state, observed_at, asset_kind, asset_name,
                       details)
    SELECT i.source, i.recommendation, i.asset, i.state, i.observed_at, i.asset_kind, i.asset_name,
           i.details
    FROM posture_item i
    WHERE i.type = 'finding';
    SELECT i.* INTO loaded, changed, unchanged, rejected, closed
    FROM ingest_sources(complete_source, sources, NULL, true, arrived_at, complete_at) i;
END $$;
COMMENT ON FUNCTION posture_internal.load_finding(text, timestamptz, timestamptz) IS
    'step of load(): loads findings through the inbox, as ingest() does; complete_at: see '
    'ingest_sources()';

-- A mistyped source adds one. The first document of a product is the time to say
-- what posture can make of it.
CREATE FUNCTION posture_internal.load_report_sources(of_source text, new_sources text[])
    RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    packs text[];
BEGIN
    IF of_source = ANY (new_sources) THEN
        RAISE NOTICE 'source "%" is new', of_source
            USING HINT = CASE WHEN has_all_levels(caller()) THEN
                concat_ws(' ', source_hint(of_source), format(
                    'If it is a mistake: SELECT posture.forget_source(%L).', of_source))
                ELSE 'If it is a mistake, who installed posture can forget it.' END;
    END IF;
    -- what others have installed is nothing for a role that only delivers
    IF NOT has_level(caller(), 'reader') THEN
        RETURN;
    END IF;
    SELECT array_agg(p.pack ORDER BY p.n) INTO packs
    FROM pack() WITH ORDINALITY p(pack, title, description, n)
    JOIN (SELECT DISTINCT m.packs[s.n] AS pack
          FROM (SELECT array_agg(c.rule) AS rules, array_agg(i.pack) AS packs
                FROM pack_initiative() i JOIN pack_metric() c USING (initiative)
                WHERE NOT EXISTS (SELECT
                                  FROM pack_initiative() o JOIN initiative x ON x.key = o.initiative
                                  WHERE o.pack = i.pack)) m
          CROSS JOIN LATERAL rule_selection(
              m.rules, ARRAY(SELECT r.recommendation_id
                             FROM recommendation r JOIN source s USING (source_id)
                             WHERE s.key = ANY (new_sources))) s) w USING (pack);
    IF packs IS NOT NULL THEN
        RAISE NOTICE 'packs measure what source % reports: %',
            (SELECT string_agg(format('"%s"', n.key), ', ') FROM unnest(new_sources) n(key)),
            array_to_string(packs, ', ')
            USING HINT = format('SELECT posture.install_pack(%L) adds its initiatives.', packs[1]);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.load_report_sources(text, text[]) IS
    'step of load(): gives notice of a source that its argument added, and of packs that measure '
    'what new sources report';

CREATE FUNCTION posture_internal.load_rows(
    of_format text, counted text, complete_source text, arrived_at timestamptz,
    complete_at timestamptz DEFAULT NULL,
    OUT loaded bigint, OUT changed bigint, OUT rejected bigint, OUT closed bigint,
    OUT retired bigint, OUT left_out bigint, OUT extent text)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    others bigint;
    sources bigint;
    recommendations bigint;
    is_head boolean := has_nodes();
    on_nodes node_delivery;
BEGIN
    IF of_format = 'posture' THEN
        PERFORM load_report_new_metrics();
    END IF;
    sources := load_source(of_format = 'posture');
    recommendations := load_recommendation();
    IF is_head THEN
        complete_at := route_items(complete_source, arrived_at, true);
    END IF;
    others := (SELECT count(*) FROM posture_item i
               WHERE i.type NOT IN ('finding', 'left_out', 'covered')
                 AND (counted IS NULL OR i.type = counted));
    PERFORM load_former_asset(), load_former_check(), load_alias(true);
    PERFORM progress(format('load: %s recommendations are new or changed', recommendations));
    IF counted = 'asset' THEN
        SELECT others, i.changed, 0, i.closed, i.retired
        INTO loaded, changed, rejected, closed, retired
        FROM load_inventory(complete_source, of_format <> 'inventory', complete_at) i;
    ELSE
        SELECT f.loaded + others, f.changed, f.rejected, f.closed
        INTO loaded, changed, rejected, closed
        FROM load_finding(complete_source, arrived_at, complete_at) f;
        changed := changed + load_catalog(of_format, counted)
            + CASE WHEN counted = 'recommendation' THEN recommendations
                   WHEN counted IS NULL THEN sources + recommendations ELSE 0 END;
    END IF;
    IF is_head THEN
        on_nodes := load_on_nodes(of_format, counted, complete_source, complete_at, arrived_at);
        loaded := loaded + on_nodes.loaded;
        changed := changed + on_nodes.changed;
        rejected := rejected + on_nodes.rejected;
        closed := closed + on_nodes.closed;
        retired := retired + on_nodes.retired;
        extent := on_nodes.extent;
        left_out := on_nodes.left_out;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.load_rows(text, text, text, timestamptz, timestamptz) IS
    'step of load(): writes the items of a document, which arrived at a time; counted: type of '
    'objects that the format counts, NULL: all; complete_source: source whose document is '
    'complete, NULL: none; complete_at: see ingest_sources(); left_out, extent: what nodes left '
    'out, and what they closed';

CREATE FUNCTION posture_internal.load_document(
    of_format text, json_document jsonb, content text, of_source text, complete boolean,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint, OUT left_out bigint, OUT extent text)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp SET jit = off
    -- items are wide, and few compared to the rows of the tables: a small sample is enough
    SET default_statistics_target = 10
    -- a time of format posture that names no zone is UTC
    SET timezone = 'UTC'
AS $$
DECLARE
    form record;
    xml_document xml;
    others bigint;
    new_sources text[];
    arrived_at timestamptz;
    complete_source text := CASE WHEN complete THEN of_source END;
BEGIN
    form := load_form(of_format, json_document, content, of_source, complete);
    IF json_document IS NULL AND content IS NULL THEN
        RAISE EXCEPTION 'document must not be null'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Was the file found?';
    ELSIF form.document = 'xml' AND json_document IS NOT NULL THEN
        RAISE EXCEPTION 'format "%" requires a document in XML', of_format
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format_hint(document_format(json_document), NULL);
    ELSIF form.document = 'xml' THEN
        xml_document := posture_internal.xml_document(content);
    ELSIF json_document IS NULL THEN
        json_document := posture_internal.json_document(content);
    END IF;

    PERFORM require_level('loader or curator');
    IF complete OR NOT has_level(caller(), 'curator') THEN
        PERFORM require_delivery(of_source);
    END IF;
    -- one load or ingest at a time; all of it is one transaction
    PERFORM lock_delivery();
    arrived_at := clock_timestamp();
    -- an assignment makes no plan for these arguments
    others := load_items(of_format, form.mapping, form.expects, json_document, xml_document,
                         of_source, complete);
    PERFORM restrict_items(of_format);
    IF is_node() THEN
        PERFORM keep_catalog();
    END IF;
    rejected := load_reject(complete_source);
    PERFORM leave_out_superseded();
    IF NOT complete THEN
        PERFORM load_keep_failures();
    END IF;
    left_out := load_leave_out();
    IF rejected + left_out > 0 AND form.counted = 'finding' THEN
        PERFORM load_drop_unused();
    END IF;
    IF NOT complete AND NOT EXISTS (SELECT FROM posture_item WHERE type <> 'left_out') THEN
        SELECT 0, 0, 0, 0 INTO loaded, changed, unchanged, closed;
        RETURN;
    END IF;
    PERFORM load_analyze();
    PERFORM progress(format('load: %s elements taken, %s rejected',
                            (SELECT count(*) FROM posture_item), rejected));
    new_sources := ARRAY(SELECT DISTINCT i.source
                         FROM posture_item i
                         WHERE i.source IS NOT NULL AND i.type <> 'left_out'
                           AND NOT EXISTS (SELECT FROM source s WHERE s.key = i.source));
    SELECT r.loaded, r.changed, load_document.rejected + r.rejected, r.closed,
           load_document.left_out + coalesce(r.left_out, 0), r.extent
    INTO loaded, changed, rejected, closed, left_out, extent
    FROM load_rows(of_format, form.counted, complete_source, arrived_at) r;
    unchanged := loaded - changed;
    extent := CASE WHEN complete THEN covered_extent(complete_source)
                   WHEN closed > 0 THEN coalesce(extent, covered_extent(complete_source)) END;
    IF new_sources <> '{}' THEN
        PERFORM load_report_sources(of_source, new_sources);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.load_document(text, jsonb, text, text, boolean) IS
    'loads a document in JSON, or a text in the notation of its format, as load() does';

-- What load() does with each type of document. Its functions in schema posture run
-- these without the context of errors.
CREATE FUNCTION posture_internal.load(
    format text, document jsonb, source text, complete boolean,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint, OUT left_out bigint, OUT extent text)
    LANGUAGE sql
BEGIN ATOMIC
    SELECT l.* FROM load_document(format, document, NULL, source, coalesce(complete, false)) l;
END;
COMMENT ON FUNCTION posture_internal.load(text, jsonb, text, boolean) IS
    'loads a document in JSON, see posture.load()';

CREATE FUNCTION posture_internal.load(
    format text, document text, source text, complete boolean,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint, OUT left_out bigint, OUT extent text)
    LANGUAGE sql
BEGIN ATOMIC
    SELECT l.* FROM load_document(format, NULL, trim_byte_order_mark(document), source,
                                  coalesce(complete, false)) l;
END;
COMMENT ON FUNCTION posture_internal.load(text, text, text, boolean) IS
    'loads a document as text, see posture.load()';

CREATE FUNCTION posture_internal.load(
    format text, document xml, source text, complete boolean,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint, OUT left_out bigint, OUT extent text)
    LANGUAGE sql
BEGIN ATOMIC
    SELECT l.* FROM load_document(format, NULL, document::text, source,
                                  coalesce(complete, false)) l;
END;
COMMENT ON FUNCTION posture_internal.load(text, xml, text, boolean) IS
    'loads a document in XML, see posture.load()';

CREATE FUNCTION posture.load(
    format text, document jsonb, source text DEFAULT NULL, complete boolean DEFAULT false,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint, OUT left_out bigint, OUT extent text)
    AS 'MODULE_PATHNAME', 'posture_call_definer' LANGUAGE C;
COMMENT ON FUNCTION posture.load(text, jsonb, text, boolean) IS
    'loads a document as its product publishes it: its objects into the catalog, its findings '
    'through the inbox into finding. The formats are in load_format(). With complete, findings of '
    'the source that it does not contain are closed in the extent that it states, such as its '
    'accounts, and what it has of other sources is rejected; assets that an inventory does not '
    'contain leave it, and are retired if no other one knows them. '
    'loaded = changed + unchanged counts what the '
    'format is about; left_out counts elements that are not meant to be loaded; '
    'extent is what closed is about.';

CREATE FUNCTION posture.load(
    format text, document xml, source text DEFAULT NULL, complete boolean DEFAULT false,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint, OUT left_out bigint, OUT extent text)
    AS 'MODULE_PATHNAME', 'posture_call_definer' LANGUAGE C;
COMMENT ON FUNCTION posture.load(text, xml, text, boolean) IS
    'loads a document in XML; see load(text, jsonb, text, boolean)';

CREATE FUNCTION posture.load(
    format text, document text, source text DEFAULT NULL, complete boolean DEFAULT false,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint, OUT left_out bigint, OUT extent text)
    AS 'MODULE_PATHNAME', 'posture_call_definer' LANGUAGE C;
COMMENT ON FUNCTION posture.load(text, text, text, boolean) IS
    'loads a document as text in the notation of its format, JSON also in lines (NDJSON); see '
    'load(text, jsonb, text, boolean)';
