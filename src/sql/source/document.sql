/*
 * Documents as text: reading JSON and XML, and saying what a document is that
 * is neither, or not of the format that it was loaded as.
 */

CREATE FUNCTION posture.load_format()
    RETURNS TABLE (format text, document text, mapping text, counted text, expects text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
VALUES
    ('graph-secure-score-profiles', 'json', 'graph_profile_item', 'recommendation',
     'secureScoreControlProfiles of Microsoft Graph'),
    ('graph-secure-scores', 'json', 'graph_score_item', 'recommendation',
     'secureScores of Microsoft Graph'),
    ('azure-assessments', 'json', 'azure_assessment_item', 'finding',
     'assessments of Defender for Cloud, by REST or Resource Graph'),
    ('azure-secure-score-controls', 'json', 'azure_control_item', 'metric',
     'secureScoreControls of Defender for Cloud, by REST or Resource Graph'),
    ('ocsf', 'json', 'ocsf_item', 'finding',
     'Compliance (class_uid 2003), Vulnerability (2002) or Detection Findings (2004) of OCSF'),
    ('asff', 'json', 'asff_item', 'finding', 'findings of AWS Security Hub'),
    ('xccdf', 'xml', 'xccdf_item', 'finding',
     'results of XCCDF 1.2: a TestResult, a Benchmark with one, or ARF'),
    ('prowler-checks', 'json', 'prowler_check_item', 'recommendation',
     'check definitions of Prowler'),
    ('compliance-framework', 'json', 'framework_item', 'metric',
     'a compliance framework of Prowler'),
    ('trivy', 'json', 'trivy_item', 'finding', 'reports of Trivy about vulnerabilities'),
    ('grype', 'json', 'grype_item', 'finding', 'reports of Grype'),
    ('entra-devices', 'json', 'entra_device_item', 'asset', 'devices of Microsoft Entra ID'),
    ('intune-devices', 'json', 'intune_device_item', 'asset', 'managedDevices of Microsoft Intune'),
    ('azure-resources', 'json', 'azure_resource_item', 'asset',
     'resources of Azure, by Resource Graph or REST'),
    ('aws-config', 'json', 'aws_config_item', 'asset',
     'configuration items of AWS Config, or results of its queries'),
    ('kubectl', 'json', 'kubectl_item', 'asset', 'objects of Kubernetes, from "kubectl get -o json"'),
    ('servicenow', 'json', 'servicenow_item', 'asset', 'configuration items of ServiceNow'),
    ('inventory', 'json', 'inventory_item', 'asset',
     'assets, each with a key, or {"assets": [...]}'),
    ('posture', 'json', 'native_item', NULL,
     'objects as posture.export() writes them, each with a type');
END;
COMMENT ON FUNCTION posture.load_format() IS
    'returns the formats that load() accepts: json or xml, the function that splits a document '
    'into items, the type of object that load() counts (NULL for all), and what a document '
    'contains';

-- Only the beginning is read, whatever the document is.
CREATE FUNCTION posture_internal.document_notation(content text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN left(content, 1000) ~ '^[[:space:]]*[[{]' THEN 'JSON'
        WHEN left(content, 1000) ~* '^[[:space:]]*<(!doctype[[:space:]]+html|html|head)[[:space:]>]'
        THEN 'HTML'
        WHEN left(content, 1000) ~ '^[[:space:]]*<[?!a-zA-Z_]' THEN 'XML'
        -- the names of columns
        WHEN rtrim(split_part(translate(left(content, 10000), chr(9), ','), chr(10), 1), chr(13))
             ~ '^"?[a-zA-Z_][a-zA-Z0-9_ ./()-]*"?([,;|]"?[a-zA-Z0-9_ ./()-]*"?){2,}$'
        THEN 'CSV' END;
COMMENT ON FUNCTION posture_internal.document_notation(text) IS
    'returns the notation that a document begins like: JSON, XML, HTML or CSV; NULL: another one';

-- The functions that split documents decide, so that this one knows of every format.
CREATE FUNCTION posture_internal.document_format(document jsonb) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp SET jit = off
AS $$
DECLARE
    -- the first elements: of an array, and of each array in an object
    sample jsonb := CASE jsonb_typeof(document)
        WHEN 'array' THEN jsonb_path_query_array(document, '$[0 to 4]')
        WHEN 'object' THEN (
            SELECT jsonb_object_agg(f.key, CASE jsonb_typeof(f.value)
                                           WHEN 'array'
                                           THEN jsonb_path_query_array(f.value, '$[0 to 4]')
                                           ELSE f.value END)
            FROM jsonb_each(document) f) END;
    form record;
    is_loadable boolean;
BEGIN
    FOR form IN SELECT f.* FROM load_format() f
                WHERE f.document = 'json' AND sample IS NOT NULL LOOP
        EXECUTE format(
            'SELECT EXISTS (
                 SELECT
                 FROM %I($1, NULL) i
                 CROSS JOIN LATERAL item_error($2, i.error, i.type, i.source, i.details, i.object,
                                               $3) e
                 WHERE i.type NOT IN (''source'', ''left_out'') AND e.reason IS NULL)',
            form.mapping)
        INTO is_loadable USING sample, form.format, object_types();
        IF is_loadable THEN
            RETURN form.format;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.document_format(jsonb) IS
    'returns the format as which the first elements of a document in JSON can be loaded; NULL: '
    'none';

CREATE FUNCTION posture_internal.text_format(content text) RETURNS text
    LANGUAGE sql
    RETURN CASE document_notation(content)
        WHEN 'JSON' THEN document_format(json_values(content))
        WHEN 'XML' THEN CASE WHEN strpos(content, '//checklists.nist.gov/xccdf/') > 0
                        THEN 'xccdf' END END;
COMMENT ON FUNCTION posture_internal.text_format(text) IS
    'returns the format that a document looks like; NULL: none';

CREATE FUNCTION posture_internal.format_hint(looks_like text, missing text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN looks_like IS NOT NULL
                THEN format('It looks like a document of format "%s".', looks_like)
                ELSE name_hint('Formats', ARRAY(SELECT f.format FROM load_format() f), missing)
           END;
COMMENT ON FUNCTION posture_internal.format_hint(text, text) IS
    'returns a hint for a wrong format: the one that the document looks like, else all formats';

CREATE FUNCTION posture_internal.check_notation(content text, due text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    found text := document_notation(content);
    code text := CASE due WHEN 'XML' THEN 'invalid_xml_document'
                          ELSE 'invalid_text_representation' END;
BEGIN
    IF left(content, 1000) !~ '[^[:space:]]' AND btrim(content, E' \t\r\n') = '' THEN
        RAISE EXCEPTION 'document is empty'
            USING ERRCODE = code,
                  HINT = 'Was the file found? psql sets a variable to an empty text if the command '
                         'in backquotes fails.';
    -- the marks at the beginning of a file, taken for characters
    ELSIF ARRAY[ascii(left(content, 1)), ascii(substr(content, 2, 1))] IN ('{255,254}', '{254,255}')
    THEN
        RAISE EXCEPTION 'document is in UTF-16'
            USING ERRCODE = code,
                  HINT = 'Convert it: "iconv -f UTF-16 -t UTF-8 FILE". PowerShell writes UTF-8 with '
                         '"Out-File -Encoding utf8".';
    ELSIF ARRAY[ascii(left(content, 1)), ascii(substr(content, 2, 1)), ascii(substr(content, 3, 1))]
          = '{239,187,191}' THEN
        RAISE EXCEPTION 'document is in UTF-8, but was read in another encoding'
            USING ERRCODE = code,
                  HINT = 'Read the file as UTF-8; for psql, "export PGCLIENTENCODING=UTF8".';
    ELSIF left(content, 300) ~ '^:[A-Za-z0-9_]+$' THEN
        RAISE EXCEPTION 'document is not %: it looks like the name of a psql variable', due
            USING ERRCODE = code,
                  HINT = format('Put the colon before the quotes, as in :%L.', substr(content, 2));
    ELSIF left(content, 300) ~ '^[^][:space:]{}<>[]{1,200}$' AND left(content, 300) ~ '[./]' THEN
        RAISE EXCEPTION 'document is not %: it looks like the name of a file', due
            USING ERRCODE = code, HINT = 'Pass what the file contains.';
    ELSIF found <> due THEN
        RAISE EXCEPTION 'document is not %: it begins like %', due, found
            USING ERRCODE = code,
                  HINT = CASE found
                      WHEN 'HTML' THEN 'A server may have answered with a page, such as a login '
                                       'or an error. Look at the file.'
                      WHEN 'CSV' THEN format('Have its product write %s, or COPY the rows into '
                                             'posture.inbox.', due)
                      ELSE format_hint(text_format(content), NULL) END;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.check_notation(text, text) IS
    'raises an error if a text is empty, or begins like another notation than the one due: JSON '
    'or XML';

CREATE FUNCTION posture_internal.json_document(document text) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    found jsonb;
    code text;
    reason text;
    line text;
BEGIN
    RETURN document::jsonb;
EXCEPTION WHEN invalid_text_representation OR untranslatable_character THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, reason = PG_EXCEPTION_DETAIL,
                            line = PG_EXCEPTION_CONTEXT;
    found := json_values(document);
    IF found IS NOT NULL THEN
        RETURN found;
    END IF;
    PERFORM check_notation(document, 'JSON');
    RAISE EXCEPTION '%', CASE code WHEN '22P02' THEN 'document is not valid JSON' ELSE SQLERRM END
        USING ERRCODE = code,
              -- the first line of the context is the place in the document
              DETAIL = concat_ws(E'\n', left(reason, 200), left(split_part(line, E'\n', 1), 200)),
              HINT = CASE WHEN code = '22P05' THEN 'Remove it from the document.'
                          WHEN reason ~ 'found "[]}]"' AND document ~ ',[[:space:]]*[]}]'
                          THEN 'Remove the comma before the bracket that ends an array or object.'
                          WHEN document_notation(document) IS NULL
                          THEN 'The file may contain a message in place of the document.'
                          WHEN translate(left(ltrim(left(document, 1000), E' \t\r\n'), 1),
                                         '[{', ']}')
                               <> right(rtrim(right(document, 1000), E' \t\r\n'), 1)
                          THEN 'The document may be cut off.'
                          ELSE 'Look at this place in the document.' END;
END $$;
COMMENT ON FUNCTION posture_internal.json_document(text) IS
    'returns a document in JSON; lines of JSON (NDJSON), or values one after the other, as an array';

CREATE FUNCTION posture_internal.xml_document(content text) RETURNS xml
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM check_notation(content, 'XML');
    IF xml_declares_type(content) THEN
        RAISE EXCEPTION 'document type declarations are not accepted'
            USING ERRCODE = 'invalid_xml_document',
                  DETAIL = 'Entities are not expanded and external resources are not fetched.',
                  HINT = 'Remove "<!DOCTYPE ...>" from it.';
    END IF;
    RETURN xmlparse(DOCUMENT content);
END $$;
COMMENT ON FUNCTION posture_internal.xml_document(text) IS
    'returns a document in XML; raises an error if it is malformed or declares a document type';
