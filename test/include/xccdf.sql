\set ECHO none
-- Functions and documents of the test xccdf.
CREATE FUNCTION pg_temp.finding(document xml, of_source text DEFAULT NULL)
    RETURNS TABLE (location text, error text, source text, recommendation text, asset text,
        state text, observed_at timestamptz)
    LANGUAGE sql AS $$
    SELECT location, error, source, recommendation, asset, state, observed_at
    FROM posture_internal.xccdf_item(document, of_source) WHERE type IS NULL OR type = 'finding'
    ORDER BY location COLLATE "C", error $$;
CREATE FUNCTION pg_temp.object(document xml, of_type text, of_source text DEFAULT NULL)
    RETURNS TABLE (location text, source text, object jsonb)
    LANGUAGE sql AS $$
    SELECT location, source, object
    FROM posture_internal.xccdf_item(document, of_source) WHERE type = of_type
    ORDER BY location COLLATE "C", object::text COLLATE "C" $$;
SELECT '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" id="t"
start-time="2024-03-01T09:00:00" end-time="2024-03-01T10:00:00" test-system="cpe:/a:redhat:openscap:1.3.9">
<target>Web1.Example.com.</target>
<rule-result idref="r_pass" time="2024-03-01T09:30:00"><result>pass</result></rule-result>
<rule-result idref="r_fail" time="2024-03-01T09:30:00Z"><result>fail</result></rule-result>
<rule-result idref="r_error" time="2024-03-01T09:30:00.5-05:00"><result>error</result></rule-result>
<rule-result idref="r_unknown"><result> unknown </result></rule-result>
<rule-result idref="r_notapplicable"><result>notapplicable</result></rule-result>
<rule-result idref="r_notchecked"><result>notchecked</result></rule-result>
<rule-result idref="r_notselected"><result>notselected</result></rule-result>
<rule-result idref="r_informational"><result>informational</result></rule-result>
<rule-result idref="r_fixed"><result>fixed</result></rule-result>
<score system="urn:xccdf:scoring:flat" maximum="2">1</score></TestResult>' AS every \gset
SELECT '<c:Benchmark xmlns:c="http://checklists.nist.gov/xccdf/1.2" xmlns:h="http://www.w3.org/1999/xhtml"
xmlns:dc="http://purl.org/dc/elements/1.1/" id="bench">
<c:status>accepted</c:status><c:title>Example Guide</c:title><c:version>1.2</c:version>
<c:Group id="g1"><c:title>Access</c:title><c:Group id="g2"><c:title>Remote access</c:title>
<c:Rule id="ssh" severity="high" weight="10.0" selected="true"><c:version>X-1</c:version>
<c:title>No root
 over SSH</c:title>
<c:description>Set <h:code>PermitRootLogin no</h:code>, wait <c:sub
idref="v_wait" use="legacy"/> s, if 1 &lt; 2.<h:br/><h:a
href="https://example.com/a?b=1&amp;c=2">more</h:a></c:description>
<c:warning category="functionality">Have <h:b>another</h:b> way in</c:warning>
<c:reference href="https://example.com/controls">AC-6(2)</c:reference><c:reference>
<dc:publisher>Example</dc:publisher> <dc:identifier>42</dc:identifier></c:reference>
<c:rationale>root &amp; no name</c:rationale><c:platform idref="cpe:/o:example:os:1"/>
<c:ident system="http://cce.mitre.org">CCE-1</c:ident>
<c:ident system="http://cyber.mil/cci">CCI-000001</c:ident>
<c:fixtext fixref="f1">edit a &amp; b, then reload &lt;service&gt;</c:fixtext>
<c:fix id="f1" system="urn:xccdf:fix:script:sh" complexity="low"
disruption="low" reboot="false" strategy="configure">sed -i s/yes/no/ /etc/ssh/sshd_config
</c:fix>
<c:check system="http://oval.mitre.org/XMLSchema/oval-definitions-5">
<c:check-content-ref href="oval.xml" name="oval:x:def:1"/></c:check></c:Rule></c:Group>
<c:Rule id="pw" severity="unknown"><c:title>Passwords</c:title>
<c:description>&lt;Discussion&gt;At least <c:sub idref="v_len"/> &amp; no fewer&lt;/Discussion&gt;</c:description>
<c:fixtext>minlen = <c:sub idref="v_len"/></c:fixtext></c:Rule></c:Group>
<c:Rule id="log" severity="info" weight="0.5"><c:title>Logs</c:title>
<c:description><![CDATA[a < b & c]]></c:description></c:Rule>
<c:Rule id="note" severity="low" role="unscored"><c:title>Note</c:title></c:Rule>
<c:Rule id="unused"><c:title>Not in the results</c:title></c:Rule>
<c:TestResult id="t1" end-time="2024-03-01T10:00:00" test-system="cpe:/a:spawar:scc:5.4">
<c:benchmark href="#b" id="bench"/><c:organization>Example Corp</c:organization>
<c:profile idref="p1"/><c:target>WEB1</c:target><c:target-address>127.0.0.1</c:target-address>
<c:target-address>192.0.2.7</c:target-address><c:target-address>0:0:0:0:0:0:0:1</c:target-address>
<c:target-address>2001:db8::1</c:target-address><c:target-facts>
<c:fact name="urn:xccdf:fact:scanner:version" type="string">5.4</c:fact>
<c:fact name="urn:scap:fact:asset:identifier:fqdn" type="string">web1.Example.com.</c:fact>
<c:fact name="urn:scap:fact:asset:identifier:host_name" type="string">WEB1</c:fact>
<c:fact name="urn:scap:fact:asset:identifier:os_name" type="string">Example OS</c:fact>
<c:fact name="urn:scap:fact:asset:identifier:os_version" type="string">7.7</c:fact>
<c:fact name="urn:scap:fact:asset:identifier:domain" type="string"/>
<c:fact name="urn:scap:fact:asset:identifier:processor_mhz" type="string">2712.006</c:fact>
<c:fact name="urn:scap:fact:asset:identifier:ipv4" type="string">127.0.0.1</c:fact>
<c:fact name="urn:scap:fact:asset:identifier:ipv4" type="string">192.0.2.8</c:fact>
<c:fact name="urn:scap:fact:asset:identifier:mac" type="string">00:00:00:00:00:00</c:fact>
<c:fact name="urn:xccdf:fact:ethernet:MAC" type="string">02:00:00:00:00:01</c:fact></c:target-facts>
<c:platform idref="cpe:/o:example:os:1"/><c:set-value idref="v_wait">&lt;30</c:set-value>
<c:set-value idref="v_len">15</c:set-value>
<c:rule-result idref="ssh" severity="medium" weight="5.000"><c:result>fail</c:result>
<c:override time="2024-02-01T00:00:00" authority="Auditor">
<c:old-result>pass</c:old-result><c:new-result>fail</c:new-result>
<c:remark>seen by hand</c:remark></c:override>
<c:message severity="error">root may &amp; can</c:message><c:message severity="info"> </c:message>
<c:instance context="file">/etc/ssh/sshd_config</c:instance>
<c:fix system="urn:xccdf:fix:script:sh">reload</c:fix>
<c:check system="http://oval.mitre.org/XMLSchema/oval-definitions-5">
<c:check-import import-name="stdout">yes</c:check-import>
<c:check-content-ref href="oval.xml" name="oval:x:def:1"/></c:check></c:rule-result>
<c:rule-result idref="pw"><c:result>pass</c:result></c:rule-result>
<c:rule-result idref="log"><c:result>fixed</c:result></c:rule-result>
<c:rule-result idref="note"><c:result>fail</c:result></c:rule-result></c:TestResult></c:Benchmark>' AS bench \gset
CREATE FUNCTION pg_temp.results(VARIADIC results text[]) RETURNS xml LANGUAGE sql AS $$
    SELECT xmlelement(name "TestResult",
        xmlattributes('http://checklists.nist.gov/xccdf/1.2' AS xmlns,
        '2024-03-01T10:00:00Z' AS "end-time"),
                      '<target>h1</target>'::xml,
                          xmlagg(format('<rule-result idref="r" time="2024-03-01T09:00:0%sZ">'
                                     '<result>%s</result><instance>i%s</instance></rule-result>',
                          n, r, n)::xml ORDER BY n))
    FROM unnest(results) WITH ORDINALITY u(r, n) $$;
SELECT '<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="b"><title>B</title><version>1</version>
<Rule id="r1"><title>One</title></Rule><Rule id="r2"><title>Two</title></Rule>
<TestResult id="t1" end-time="2024-03-01T10:00:00Z"><profile idref="p1"/><target>h1</target>
<target>h1.example.com</target><target>the first host</target><target-facts>
<fact name="urn:xccdf:fact:os_version">1</fact></target-facts>
<rule-result idref="r1" weight="3"><result>fail</result></rule-result>
<rule-result idref="r2"><result>notselected</result></rule-result></TestResult>
<TestResult id="t2" end-time="2024-03-01T11:00:00Z"><profile idref="p2"/><target>H1.</target>
<target-facts><fact name="urn:xccdf:fact:os_version">2</fact></target-facts>
<rule-result idref="r1" weight="4"><result>notselected</result></rule-result>
<rule-result idref="r2"><result>pass</result></rule-result></TestResult>
<TestResult id="t3" end-time="2024-03-01T11:00:00Z" test-system="cpe:/a:spawar:scc:5">
<target>h2</target>
<rule-result idref="r1"><result>notselected</result></rule-result></TestResult></Benchmark>' AS two \gset
SELECT '<arf:asset-report-collection xmlns:arf="http://scap.nist.gov/schema/asset-reporting-format/1.1"
xmlns:core="http://scap.nist.gov/schema/reporting-core/1.1"
xmlns:ai="http://scap.nist.gov/schema/asset-identification/1.1">
<core:relationships xmlns:v="http://scap.nist.gov/specifications/arf/vocabulary/relationships/1.0#">
<core:relationship type="v:createdFor" subject="x1"><core:ref>c1</core:ref></core:relationship>
<core:relationship type="v:isAbout" subject="x1">
<core:ref>a1</core:ref></core:relationship></core:relationships><arf:report-requests>
<arf:report-request id="c1"><arf:content>
<ds:data-stream-collection xmlns:ds="http://scap.nist.gov/schema/scap/source/1.2">
<ds:component id="other"><Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="other">
<version>1</version><Rule id="r1">
<title>Of another benchmark</title></Rule></Benchmark></ds:component><ds:component id="b">
<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="b"><title>B</title><version>1</version>
<Rule id="r1">
<title>One</title></Rule></Benchmark></ds:component></ds:data-stream-collection></arf:content></arf:report-request></arf:report-requests>
<arf:assets><arf:asset id="a1"><ai:computing-device><ai:cpe>cpe:/o:example:os:1</ai:cpe>
<ai:connections><ai:connection><ai:ip-address>
<ai:ip-v4>127.0.0.1</ai:ip-v4></ai:ip-address></ai:connection><ai:connection><ai:ip-address>
<ai:ip-v4>192.0.2.1</ai:ip-v4><ai:ip-v6>2001:db8::2</ai:ip-v6></ai:ip-address>
<ai:mac-address>02:00:00:00:00:02</ai:mac-address></ai:connection></ai:connections>
<ai:fqdn>db1.example.com</ai:fqdn><ai:hostname>db1</ai:hostname>
<ai:motherboard-guid>g-1</ai:motherboard-guid></ai:computing-device></arf:asset><arf:asset id="a2">
<ai:computing-device><ai:fqdn>localhost.localdomain</ai:fqdn>
<ai:hostname>DB2</ai:hostname></ai:computing-device></arf:asset><arf:asset id="a3">
<ai:computing-device>
<ai:hostname>nobody</ai:hostname></ai:computing-device></arf:asset></arf:assets><arf:reports>
<arf:report id="x1"><arf:content>
<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" id="t1" end-time="2024-03-01T10:00:00+01:00" version="9">
<benchmark href="#b" id="b"/><target>db1</target><rule-result idref="r1"><result>pass</result>
<ident system="http://cce.mitre.org">CCE-1</ident></rule-result>
<rule-result idref="r9" version="V-9"><result>fail</result>
<ident system="http://cce.mitre.org">CCE-9</ident>
<ident system="http://cce.mitre.org">CCE-9</ident></rule-result></TestResult></arf:content></arf:report>
<arf:report id="x2"><arf:content>
<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" id="t2" end-time="2024-03-01T10:00:00+01:00">
<benchmark href="#b" id="b"/><target>db2</target>
<target-id-ref system="http://scap.nist.gov/schema/asset-identification/1.1" href="" name="a2"/>
<rule-result idref="r1"><result>fail</result></rule-result></TestResult></arf:content></arf:report></arf:reports></arf:asset-report-collection>' AS arf \gset
CREATE FUNCTION pg_temp.one(result text, target text DEFAULT '<target>h1</target>',
    attributes text DEFAULT '')
    RETURNS TABLE (error text, recommendation text, asset text, state text, observed_at timestamptz,
        element text)
    LANGUAGE sql AS $$
    SELECT error, left(recommendation, 20), left(asset, 20), state, observed_at,
        
        replace(left(object #>> '{}', 160), ' xmlns="http://checklists.nist.gov/xccdf/1.2"', '')
    FROM posture_internal.xccdf_item(format(
        '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" %s>%s%s</TestResult>',
        attributes, target, result)::xml, NULL)
    WHERE type IS NULL OR type = 'finding' $$;
CREATE FUNCTION pg_temp.other_documents() RETURNS text[] LANGUAGE sql RETURN
    ARRAY[
    '<html xmlns="http://www.w3.org/1999/xhtml"><body>TestResult</body></html>',
    '<testsuites><testsuite name="a"/></testsuites>',
    '<oval_results xmlns="http://oval.mitre.org/XMLSchema/oval-results-5"/>',
    '<TestResult><target>h</target></TestResult>',
    '<TestResult xmlns="urn:other"/>',
    '<x:TestResult xmlns:x="http://checklists.nist.gov/xccdf/1.3"/>',
    '<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="b"><Rule id="r"/></Benchmark>',
    '<arf:asset-report-collection xmlns:arf="http://scap.nist.gov/schema/asset-reporting-format/1.1"/>',
    '<a/><b/>', 'text', '', '<!-- only -->'];
CREATE FUNCTION pg_temp.declarations() RETURNS text[] LANGUAGE sql RETURN
    ARRAY[
    '<!DOCTYPE TestResult [<!ENTITY e "pass">]>'
        '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"><target>&e;</target></TestResult>',
    '<!DOCTYPE TestResult SYSTEM "http://example.com/x.dtd"><TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"/>',
    '<?xml version="1.0"?> <!DOCTYPE a><TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"/>',
    '<!-- <a> --><?p <b>?><!DOCTYPE a><TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"/>',
    '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"><![CDATA[<!DOCTYPE a>]]></TestResult>',
    '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"><!-- <!DOCTYPE a> --></TestResult>'];
CREATE VIEW pg_temp.f AS
SELECT s.key::text AS source, r.key::text AS recommendation, a.key::text AS asset, f.state,
    f.changed_at
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)
JOIN asset a USING (asset_id)
ORDER BY 1, 2, 3;
-- Results, most of them with an error.
CREATE TABLE pg_temp.one_result (
    n integer GENERATED ALWAYS AS IDENTITY, result text, target text, attributes text);
INSERT INTO one_result (result, target, attributes) VALUES
    ('<rule-result idref="r"><result>pass</result></rule-result>', '', ''),
    ('<rule-result idref="r"><result>pass</result></rule-result>', '<target> </target>', ''),
    ('<rule-result idref="r"><result>pass</result></rule-result>', '<target>.</target>', ''),
    ('<rule-result><result>pass</result></rule-result>', '<target>h1</target>', ''),
    ('<rule-result idref=" "><result>pass</result></rule-result>', '<target>h1</target>', ''),
    ('<rule-result idref="r"/>', '<target>h1</target>', ''),
    ('<rule-result idref="r"><result/></rule-result>', '<target>h1</target>', ''),
    ('<rule-result idref="r"><result xmlns="urn:other">pass</result></rule-result>',
     '<target>h1</target>', ''),
    ('<rule-result idref="r"><result>PASS</result></rule-result>', '<target>h1</target>', ''),
    ('<rule-result idref="r"><result>maybe &amp; &lt;so&gt;</result></rule-result>',
     '<target>h1</target>', ''),
    ('<rule-result idref="r" time="yesterday"><result>pass</result></rule-result>', '<target>h1</target>', ''),
    ('<rule-result idref="r" time="2024-02-30T00:00:00"><result>pass</result></rule-result>',
     '<target>h1</target>', ''),
    ('<rule-result idref="r" time="2024-03-01T00:00:00+99:00"><result>pass</result></rule-result>',
     '<target>h1</target>', ''),
    ('<rule-result idref="r" time="292277026596-12-04T15:30:08"><result>pass</result></rule-result>',
     '<target>h1</target>', ''),
    ('<rule-result idref="r" time=""><result>pass</result></rule-result>',
     '<target>h1</target>', 'end-time="-1"'),
    ('<rule-result idref="r" time="9999-12-31T23:59:59Z"><result>pass</result></rule-result>',
     '<target>h1</target>', ''),
    -- one result has one value
    ('<rule-result idref="a"><result>pass</result><result>fail</result></rule-result>'
     '<rule-result><result>x</result></rule-result>',
     '<target>h1</target>', ''),
    -- load() checks the length of keys, not the mapping
    (format('<rule-result idref="%s"><result>pass</result></rule-result>', repeat('k', 5000)),
     format('<target>%s</target>', repeat('t', 5000)), '');
\set ECHO all
