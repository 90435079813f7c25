/*
 * Format xccdf: the document. XCCDF results come as a TestResult alone, in its
 * Benchmark, or in a report of ARF; a document may contain several TestResults.
 * XCCDF 1.2 and 1.1 are read in the same way. Elements are recognized by
 * namespace, whatever its prefix.
 *
 * A document may have 100,000 elements. So each function goes through the whole
 * document once and numbers what it finds. No function looks up a path for each
 * row, and no path counts siblings.
 */

-- Some programs begin a file with a byte order mark, which is not part of XML.
-- xmlconcat() returns a copy of the document in memory. A document in a table
-- would be fetched and decompressed again by each function that reads it.
CREATE FUNCTION posture_internal.strip_byte_order_mark(document xml) RETURNS xml
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN convert_to(left(document::text, 1), 'UTF8') = decode('efbbbf', 'hex')
           THEN xmlparse(CONTENT substr(document::text, 2)) ELSE xmlconcat(document) END;
COMMENT ON FUNCTION posture_internal.strip_byte_order_mark(xml) IS
    'returns a document without the byte order mark that it may begin with';

CREATE FUNCTION posture_internal.xccdf_namespace(document xml) RETURNS SETOF text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT v.namespace
    FROM (VALUES ('http://checklists.nist.gov/xccdf/1.2'),
                 ('http://checklists.nist.gov/xccdf/1.1')) v(namespace)
    WHERE strpos(document::text, v.namespace) > 0;
END;
COMMENT ON FUNCTION posture_internal.xccdf_namespace(xml) IS
    'returns the namespaces of XCCDF that occur in the text of a document';

-- A document type can declare entities that grow without limit or name files.
-- The declaration stands before the root element, where only comments and
-- processing instructions may stand beside it. "<!DOCTYPE" in a comment or in
-- character data declares nothing.
CREATE FUNCTION posture_internal.xml_declares_type(content text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN strpos(content, '<!DOCTYPE') > 0
       AND content !~ '^\s*(?:<\?(?:[^?]|\?+[^?>])*\?+>\s*|<!--(?:[^-]|-[^-])*-->\s*)*<[^!?]';
COMMENT ON FUNCTION posture_internal.xml_declares_type(text) IS
    'returns whether a text in XML has a document type declaration';

CREATE FUNCTION posture_internal.xml_error(document xml) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN xml_declares_type(d.document::text)
        THEN 'document type declarations are not allowed, because they can define entities'
        WHEN d.document IS NOT DOCUMENT THEN 'not an XML document with one root element'
        WHEN NOT EXISTS (
            SELECT
            FROM xmltable(xmlnamespaces('http://checklists.nist.gov/xccdf/1.2' AS a,
                                        'http://checklists.nist.gov/xccdf/1.1' AS b),
                          '/descendant::*[self::a:TestResult or self::b:TestResult][1]'
                          PASSING d.document COLUMNS n FOR ORDINALITY))
        THEN (SELECT 'expected XCCDF results (TestResult), found '
                     || CASE WHEN r.name IN ('Benchmark', 'asset-report-collection',
                                             'data-stream-collection', 'Tailoring')
                                  AND r.namespace ~ '^http://(checklists|scap)[.]nist[.]gov/'
                             THEN r.name || ' without one'
                             WHEN r.namespace = '' THEN r.name || ' without a namespace'
                             ELSE format('%s of namespace "%s"', r.name, left(r.namespace, 100)) END
              FROM xmltable('/*' PASSING d.document
                            COLUMNS name text PATH 'local-name()',
                                    namespace text PATH 'namespace-uri()') x,
                   LATERAL (SELECT left(x.name, 100) AS name,
                                   coalesce(x.namespace, '') AS namespace) r)
    END
    FROM (SELECT strip_byte_order_mark(document) AS document OFFSET 0) d;
END;
COMMENT ON FUNCTION posture_internal.xml_error(xml) IS
    'returns why an XML document can''t be loaded; NULL if it has XCCDF results';

CREATE FUNCTION posture_internal.xccdf_product(test_system text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(source_key(CASE
        WHEN test_system ~* '^\s*cpe:/[aoh]:' THEN split_part(test_system, ':', 4)
        WHEN test_system ~* '^\s*cpe:2[.]3:[aoh]:' THEN split_part(test_system, ':', 5)
        END), 'xccdf');
COMMENT ON FUNCTION posture_internal.xccdf_product(text) IS
    'returns the key of the source for a TestResult/@test-system, a CPE name of either form: '
    'openscap for cpe:/a:redhat:openscap:1.2.17';

CREATE FUNCTION posture_internal.xccdf_source_name(product text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE product
        WHEN 'openscap' THEN 'OpenSCAP' WHEN 'oscap' THEN 'OpenSCAP'
        WHEN 'scc' THEN 'SCAP Compliance Checker' WHEN 'cis-cat' THEN 'CIS-CAT'
        WHEN 'joval' THEN 'jOVAL' WHEN 'xccdf' THEN 'XCCDF' ELSE product END;
COMMENT ON FUNCTION posture_internal.xccdf_source_name(text) IS
    'returns the name of a product that publishes XCCDF results, for its key';
