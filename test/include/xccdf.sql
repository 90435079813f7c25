\set ECHO none
-- Documents of XCCDF, and the items that they are taken apart into. Needs item.sql.
CREATE TEMP TABLE doc (name text PRIMARY KEY, body text);
CREATE TEMP TABLE expected (name text PRIMARY KEY, items jsonb);
CREATE FUNCTION pg_temp.doc(text) RETURNS text
    LANGUAGE sql AS $$ SELECT body FROM doc WHERE name = $1 $$;
CREATE FUNCTION pg_temp.expected(text) RETURNS jsonb
    LANGUAGE sql AS $$ SELECT items FROM expected WHERE name = $1 $$;

-- every result in a bare TestResult, some with a time of their own
INSERT INTO doc VALUES ('every',
    '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" id="t"'
    ' start-time="2024-03-01T09:00:00" end-time="2024-03-01T10:00:00"'
    ' test-system="cpe:/a:redhat:openscap:1.3.9"><target>Web1.Example.com.</target>'
    '<rule-result idref="r_pass" time="2024-03-01T09:30:00"><result>pass</result>'
    '</rule-result><rule-result idref="r_fail" time="2024-03-01T09:30:00Z">'
    '<result>fail</result></rule-result>'
    '<rule-result idref="r_error" time="2024-03-01T09:30:00.5-05:00"><result>error</result>'
    '</rule-result><rule-result idref="r_unknown"><result> unknown </result></rule-result>'
    '<rule-result idref="r_notapplicable"><result>notapplicable</result></rule-result>'
    '<rule-result idref="r_notchecked"><result>notchecked</result></rule-result>'
    '<rule-result idref="r_notselected"><result>notselected</result></rule-result>'
    '<rule-result idref="r_informational"><result>informational</result></rule-result>'
    '<rule-result idref="r_fixed"><result>fixed</result></rule-result>'
    '<score system="urn:xccdf:scoring:flat" maximum="2">1</score></TestResult>');
INSERT INTO expected VALUES ('every', '[
    {"location": "/TestResult", "type": "source", "source": "openscap",
     "object": {"key": "openscap", "name": "OpenSCAP", "product": "OpenSCAP"}},
    {"location": "/TestResult", "type": "asset",
     "object": {"key": "web1.example.com", "kind": "host", "name": "Web1.Example.com."}},
    {"location": "/TestResult/rule-result[6]", "type": "recommendation", "source": "openscap",
     "object": {"key": "r_notchecked", "max_points": 1}},
    {"location": "/TestResult/rule-result[2]", "type": "recommendation", "source": "openscap",
     "object": {"key": "r_fail", "max_points": 1}},
    {"location": "/TestResult/rule-result[9]", "type": "recommendation", "source": "openscap",
     "object": {"key": "r_fixed", "max_points": 1}},
    {"location": "/TestResult/rule-result[3]", "type": "recommendation", "source": "openscap",
     "object": {"key": "r_error", "max_points": 1}},
    {"location": "/TestResult/rule-result[5]", "type": "recommendation", "source": "openscap",
     "object": {"key": "r_notapplicable", "max_points": 1}},
    {"location": "/TestResult/rule-result[4]", "type": "recommendation", "source": "openscap",
     "object": {"key": "r_unknown", "max_points": 1}},
    {"location": "/TestResult/rule-result[1]", "type": "recommendation", "source": "openscap",
     "object": {"key": "r_pass", "max_points": 1}},
    {"location": "/TestResult/rule-result[3]", "type": "finding", "source": "openscap",
     "recommendation": "r_error", "asset": "web1.example.com", "state": "non_compliant",
     "observed_at": "2024-03-01T14:30:00.5+00:00", "asset_kind": "host",
     "asset_name": "Web1.Example.com.", "details": {"result": "error"}},
    {"location": "/TestResult/rule-result[2]", "type": "finding", "source": "openscap",
     "recommendation": "r_fail", "asset": "web1.example.com", "state": "non_compliant",
     "observed_at": "2024-03-01T09:30:00+00:00", "asset_kind": "host",
     "asset_name": "Web1.Example.com.", "details": {"result": "fail"}},
    {"location": "/TestResult/rule-result[9]", "type": "finding", "source": "openscap",
     "recommendation": "r_fixed", "asset": "web1.example.com", "state": "compliant",
     "observed_at": "2024-03-01T09:00:00+00:00", "asset_kind": "host",
     "asset_name": "Web1.Example.com.", "details": {"result": "fixed"}},
    {"location": "/TestResult/rule-result[8]", "type": "left_out", "source": "openscap",
     "asset": "web1.example.com",
     "object": {"reason": "an informational rule or result, which is not scored"}},
    {"location": "/TestResult/rule-result[5]", "type": "finding", "source": "openscap",
     "recommendation": "r_notapplicable", "asset": "web1.example.com", "state": "not_applicable",
     "observed_at": "2024-03-01T09:00:00+00:00", "asset_kind": "host",
     "asset_name": "Web1.Example.com.", "details": {"result": "notapplicable"}},
    {"location": "/TestResult/rule-result[6]", "type": "finding", "source": "openscap",
     "recommendation": "r_notchecked", "asset": "web1.example.com", "state": "not_applicable",
     "observed_at": "2024-03-01T09:00:00+00:00", "asset_kind": "host",
     "asset_name": "Web1.Example.com.", "details": {"result": "notchecked"}},
    {"location": "/TestResult/rule-result[7]", "type": "left_out", "source": "openscap",
     "recommendation": "r_notselected", "asset": "web1.example.com",
     "object": {"reason": "a rule that the profile did not select"}},
    {"location": "/TestResult/rule-result[1]", "type": "finding", "source": "openscap",
     "recommendation": "r_pass", "asset": "web1.example.com", "state": "compliant",
     "observed_at": "2024-03-01T08:30:00+00:00", "asset_kind": "host",
     "asset_name": "Web1.Example.com.", "details": {"result": "pass"}},
    {"location": "/TestResult/rule-result[4]", "type": "finding", "source": "openscap",
     "recommendation": "r_unknown", "asset": "web1.example.com", "state": "non_compliant",
     "observed_at": "2024-03-01T09:00:00+00:00", "asset_kind": "host",
     "asset_name": "Web1.Example.com.", "details": {"result": "unknown"}}]');

-- a Benchmark with its rules
INSERT INTO doc VALUES ('bench',
    E'<c:Benchmark xmlns:c="http://checklists.nist.gov/xccdf/1.2"'
    ' xmlns:h="http://www.w3.org/1999/xhtml" xmlns:dc="http://purl.org/dc/elements/1.1/" id="bench">'
    '<c:status>accepted</c:status><c:title>Example Guide</c:title><c:version>1.2</c:version>'
    '<c:Group id="g1"><c:title>Access</c:title><c:Group id="g2">'
    '<c:title>Remote access</c:title>'
    '<c:Rule id="ssh" severity="high" weight="10.0" selected="true"><c:version>X-1</c:version>'
    '<c:title>No root\n over SSH</c:title>'
    '<c:description>Set <h:code>PermitRootLogin no</h:code>, wait <c:sub idref="v_wait"'
    ' use="legacy"/> s, if 1 &lt; 2.<h:br/>'
    '<h:a href="https://example.com/a?b=1&amp;c=2">more</h:a></c:description>'
    '<c:warning category="functionality">Have <h:b>another</h:b> way in</c:warning>'
    '<c:reference href="https://example.com/controls">AC-6(2)</c:reference><c:reference>'
    '<dc:publisher>Example</dc:publisher> <dc:identifier>42</dc:identifier></c:reference>'
    '<c:rationale>root &amp; no name</c:rationale><c:platform idref="cpe:/o:example:os:1"/>'
    '<c:ident system="http://cce.mitre.org">CCE-1</c:ident>'
    '<c:ident system="http://cyber.mil/cci">CCI-000001</c:ident>'
    '<c:fixtext fixref="f1">edit a &amp; b, then reload &lt;service&gt;</c:fixtext>'
    '<c:fix id="f1" system="urn:xccdf:fix:script:sh" complexity="low" disruption="low"'
    ' reboot="false" strategy="configure">sed -i s/yes/no/ /etc/ssh/sshd_config\n</c:fix>'
    '<c:check system="http://oval.mitre.org/XMLSchema/oval-definitions-5">'
    '<c:check-content-ref href="oval.xml" name="oval:x:def:1"/></c:check></c:Rule></c:Group>'
    '<c:Rule id="pw" severity="unknown"><c:title>Passwords</c:title>'
    '<c:description>&lt;Discussion&gt;At least <c:sub idref="v_len"/> &amp; no'
    ' fewer&lt;/Discussion&gt;</c:description><c:fixtext>minlen = <c:sub idref="v_len"/>'
    '</c:fixtext></c:Rule></c:Group><c:Rule id="log" severity="low" weight="0.5">'
    '<c:title>Logs</c:title><c:description><![CDATA[a < b & c]]></c:description></c:Rule>'
    '<c:Rule id="note" severity="low" role="unscored"><c:title>Note</c:title></c:Rule>'
    '<c:Rule id="unused"><c:title>Not in the results</c:title></c:Rule>'
    '<c:TestResult id="t1" end-time="2024-03-01T10:00:00" test-system="cpe:/a:spawar:scc:5.4">'
    '<c:benchmark href="#b" id="bench"/><c:organization>Example Corp</c:organization>'
    '<c:profile idref="p1"/><c:target>WEB1</c:target>'
    '<c:target-address>127.0.0.1</c:target-address>'
    '<c:target-address>192.0.2.7</c:target-address>'
    '<c:target-address>0:0:0:0:0:0:0:1</c:target-address>'
    '<c:target-address>2001:db8::1</c:target-address><c:target-facts>'
    '<c:fact name="urn:xccdf:fact:scanner:version" type="string">5.4</c:fact>'
    '<c:fact name="urn:scap:fact:asset:identifier:fqdn" type="string">web1.Example.com.</c:fact>'
    '<c:fact name="urn:scap:fact:asset:identifier:host_name" type="string">WEB1</c:fact>'
    '<c:fact name="urn:scap:fact:asset:identifier:os_name" type="string">Example OS</c:fact>'
    '<c:fact name="urn:scap:fact:asset:identifier:os_version" type="string">7.7</c:fact>'
    '<c:fact name="urn:scap:fact:asset:identifier:domain" type="string"/>'
    '<c:fact name="urn:scap:fact:asset:identifier:processor_mhz" type="string">2712.006</c:fact>'
    '<c:fact name="urn:scap:fact:asset:identifier:ipv4" type="string">127.0.0.1</c:fact>'
    '<c:fact name="urn:scap:fact:asset:identifier:ipv4" type="string">192.0.2.8</c:fact>'
    '<c:fact name="urn:scap:fact:asset:identifier:mac" type="string">00:00:00:00:00:00</c:fact>'
    '<c:fact name="urn:xccdf:fact:ethernet:MAC" type="string">02:00:00:00:00:01</c:fact>'
    '</c:target-facts><c:platform idref="cpe:/o:example:os:1"/>'
    '<c:set-value idref="v_wait">&lt;30</c:set-value>'
    '<c:set-value idref="v_len">15</c:set-value>'
    '<c:rule-result idref="ssh" severity="medium" weight="5.000"><c:result>fail</c:result>'
    '<c:override time="2024-02-01T00:00:00" authority="Auditor">'
    '<c:old-result>pass</c:old-result><c:new-result>fail</c:new-result>'
    '<c:remark>seen by hand</c:remark></c:override>'
    '<c:message severity="error">root may &amp; can</c:message>'
    '<c:message severity="info"> </c:message>'
    '<c:instance context="file">/etc/ssh/sshd_config</c:instance>'
    '<c:fix system="urn:xccdf:fix:script:sh">reload</c:fix>'
    '<c:check system="http://oval.mitre.org/XMLSchema/oval-definitions-5">'
    '<c:check-import import-name="stdout">yes</c:check-import>'
    '<c:check-content-ref href="oval.xml" name="oval:x:def:1"/></c:check></c:rule-result>'
    '<c:rule-result idref="pw"><c:result>pass</c:result></c:rule-result>'
    '<c:rule-result idref="log"><c:result>fixed</c:result></c:rule-result>'
    '<c:rule-result idref="note"><c:result>fail</c:result></c:rule-result></c:TestResult>'
    '</c:Benchmark>');
INSERT INTO expected VALUES ('bench', '[
    {"location": "/Benchmark/TestResult[1]", "type": "source", "source": "scc",
     "object": {"key": "scc", "name": "SCAP Compliance Checker",
                "product": "SCAP Compliance Checker"}},
    {"location": "/Benchmark/TestResult[1]", "type": "asset",
     "object": {"key": "web1", "kind": "host", "name": "WEB1",
                "tags": {"mac": ["02:00:00:00:00:01"], "fqdn": "web1.Example.com.",
                         "os_name": "Example OS", "profile": ["p1"],
                         "platform": ["cpe:/o:example:os:1"],
                         "addresses": ["192.0.2.7", "192.0.2.8", "2001:db8::1"],
                         "host_name": "WEB1", "os_version": "7.7",
                         "organization": "Example Corp"},
                "aliases": ["web1.example.com"]}},
    {"location": "/Benchmark/TestResult[1]/rule-result[3]", "type": "recommendation",
     "source": "scc",
     "object": {"key": "log", "title": "Logs", "markup": "plain",
                "details": {"benchmark": {"id": "bench", "title": "Example Guide",
                                          "version": "1.2"}},
                "severity": "low", "workload": "Example Guide", "max_points": 0.5,
                "description": "a < b & c"}},
    {"location": "/Benchmark/TestResult[1]/rule-result[1]", "type": "recommendation",
     "source": "scc",
     "object": {"key": "ssh", "title": "No root over SSH", "domain": "Access", "markup": "html",
                "details": {"fixes": [{"id": "f1", "text": "sed -i s/yes/no/ /etc/ssh/sshd_config",
                                  "reboot": "false", "system": "urn:xccdf:fix:script:sh",
                                  "strategy": "configure", "complexity": "low",
                                  "disruption": "low"}],
                            "group": {"id": "g2", "title": "Remote access"},
                            "idents": [{"id": "CCE-1", "system": "http://cce.mitre.org"},
                                 {"id": "CCI-000001", "system": "http://cyber.mil/cci"}],
                            "version": "X-1",
                            "warnings": [{"text": "Have another way in",
                                 "category": "functionality"}],
                            "benchmark": {"id": "bench", "title": "Example Guide",
                                          "version": "1.2"},
                            "platforms": ["cpe:/o:example:os:1"],
                            "rationale": "root &amp; no name",
                            "references": [{"href": "https://example.com/controls", "text": "AC-6(2)"},
                                 {"text": "Example 42"}]},
                "severity": "medium", "workload": "Example Guide", "max_points": 5,
                "description": '
                    '"Set <code>PermitRootLogin no</code>, wait &lt;30 s, if 1 &lt; 2.<br/>'
                    '<a href=\"https://example.com/a?b=1&amp;c=2\">more</a>",
                "remediation": "edit a &amp; b, then reload &lt;service&gt;"}},
    {"location": "/Benchmark/TestResult[1]/rule-result[2]", "type": "recommendation",
     "source": "scc",
     "object": {"key": "pw", "title": "Passwords", "markup": "plain",
                "details": {"group": {"id": "g1", "title": "Access"},
                            "benchmark": {"id": "bench", "title": "Example Guide",
                                          "version": "1.2"}},
                "workload": "Example Guide", "max_points": 1,
                "description": "<Discussion>At least 15 & no fewer</Discussion>",
                "remediation": "minlen = 15"}},
    {"location": "/Benchmark/TestResult[1]/rule-result[3]", "type": "finding", "source": "scc",
     "recommendation": "log", "asset": "web1", "state": "compliant",
     "observed_at": "2024-03-01T09:00:00+00:00", "asset_kind": "host", "asset_name": "WEB1",
     "details": {"result": "fixed"}},
    {"location": "/Benchmark/TestResult[1]/rule-result[4]", "type": "left_out", "source": "scc", "asset": "web1",
     "object": {"reason": "an informational rule or result, which is not scored"}},
    {"location": "/Benchmark/TestResult[1]/rule-result[2]", "type": "finding", "source": "scc",
     "recommendation": "pw", "asset": "web1", "state": "compliant",
     "observed_at": "2024-03-01T09:00:00+00:00", "asset_kind": "host", "asset_name": "WEB1",
     "details": {"result": "pass"}},
    {"location": "/Benchmark/TestResult[1]/rule-result[1]", "type": "finding", "source": "scc",
     "recommendation": "ssh", "asset": "web1", "state": "non_compliant",
     "observed_at": "2024-03-01T09:00:00+00:00", "asset_kind": "host", "asset_name": "WEB1",
     "details": {"fixes": [{"text": "reload", "system": "urn:xccdf:fix:script:sh"}],
                 "checks": [{"href": "oval.xml", "name": "oval:x:def:1",
                             "system": "http://oval.mitre.org/XMLSchema/oval-definitions-5"}],
                 "result": "fail", "imports": [{"name": "stdout", "value": "yes"}],
                 "messages": [{"text": "root may & can", "severity": "error"}],
                 "instances": [{"value": "/etc/ssh/sshd_config", "context": "file"}],
                 "overrides": [{"remark": "seen by hand", "authority": "Auditor",
                                "new_result": "fail", "old_result": "pass"}]}}]');

-- several TestResults
INSERT INTO doc VALUES ('two',
    '<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="b"><title>B</title>'
    '<version>1</version><Rule id="r1"><title>One</title></Rule><Rule id="r2">'
    '<title>Two</title></Rule><TestResult id="t1" end-time="2024-03-01T10:00:00Z">'
    '<profile idref="p1"/><target>h1</target><target>h1.example.com</target>'
    '<target>the first host</target><target-facts>'
    '<fact name="urn:xccdf:fact:os_version">1</fact></target-facts>'
    '<rule-result idref="r1" weight="3"><result>fail</result></rule-result>'
    '<rule-result idref="r2"><result>notselected</result></rule-result></TestResult>'
    '<TestResult id="t2" end-time="2024-03-01T11:00:00Z"><profile idref="p2"/>'
    '<target>H1.</target><target-facts><fact name="urn:xccdf:fact:os_version">2</fact>'
    '</target-facts><rule-result idref="r1" weight="4"><result>notselected</result>'
    '</rule-result><rule-result idref="r2"><result>pass</result></rule-result></TestResult>'
    '<TestResult id="t3" end-time="2024-03-01T11:00:00Z" test-system="cpe:/a:spawar:scc:5">'
    '<target>h2</target><rule-result idref="r1"><result>notselected</result></rule-result>'
    '</TestResult></Benchmark>');
INSERT INTO expected VALUES ('two', '[
    {"location": "/Benchmark/TestResult[3]", "type": "source", "source": "scc",
     "object": {"key": "scc", "name": "SCAP Compliance Checker",
                "product": "SCAP Compliance Checker"}},
    {"location": "/Benchmark/TestResult[1]", "type": "source", "source": "xccdf",
     "object": {"key": "xccdf", "name": "XCCDF"}},
    {"location": "/Benchmark/TestResult[2]", "type": "asset",
     "object": {"key": "h1", "kind": "host", "name": "H1.",
                "tags": {"profile": ["p2"], "os_version": "2"}, "aliases": ["h1.example.com"]}},
    {"location": "/Benchmark/TestResult[3]", "type": "asset",
     "object": {"key": "h2", "kind": "host", "name": "h2"}},
    {"location": "/Benchmark/TestResult[2]/rule-result[2]", "type": "recommendation",
     "source": "xccdf",
     "object": {"key": "r2", "title": "Two",
                "details": {"benchmark": {"id": "b", "title": "B", "version": "1"}},
                "workload": "B", "max_points": 1}},
    {"location": "/Benchmark/TestResult[1]/rule-result[1]", "type": "recommendation",
     "source": "xccdf",
     "object": {"key": "r1", "title": "One",
                "details": {"benchmark": {"id": "b", "title": "B", "version": "1"}},
                "workload": "B", "max_points": 3}},
    {"location": "/Benchmark/TestResult[3]/rule-result[1]", "type": "left_out", "source": "scc",
     "recommendation": "r1", "asset": "h2",
     "object": {"reason": "a rule that the profile did not select"}},
    {"location": "/Benchmark/TestResult[2]/rule-result[1]", "type": "left_out", "source": "xccdf",
     "recommendation": "r1", "asset": "h1",
     "object": {"reason": "a rule that the profile did not select"}},
    {"location": "/Benchmark/TestResult[1]/rule-result[2]", "type": "left_out", "source": "xccdf",
     "recommendation": "r2", "asset": "h1",
     "object": {"reason": "a rule that the profile did not select"}},
    {"location": "/Benchmark/TestResult[1]/rule-result[1]", "type": "finding", "source": "xccdf",
     "recommendation": "r1", "asset": "h1", "state": "non_compliant",
     "observed_at": "2024-03-01T10:00:00+00:00", "asset_kind": "host", "asset_name": "h1",
     "details": {"result": "fail"}},
    {"location": "/Benchmark/TestResult[2]/rule-result[2]", "type": "finding", "source": "xccdf",
     "recommendation": "r2", "asset": "h1", "state": "compliant",
     "observed_at": "2024-03-01T11:00:00+00:00", "asset_kind": "host", "asset_name": "H1.",
     "details": {"result": "pass"}}]');

-- a report of ARF: rules in the request, results in the reports, hosts among the assets
INSERT INTO doc VALUES ('arf',
    '<arf:asset-report-collection'
    ' xmlns:arf="http://scap.nist.gov/schema/asset-reporting-format/1.1"'
    ' xmlns:core="http://scap.nist.gov/schema/reporting-core/1.1"'
    ' xmlns:ai="http://scap.nist.gov/schema/asset-identification/1.1">'
    '<core:relationships xmlns:v="http://scap.nist.gov/specifications/arf/vocabulary/relationships/1.0#">'
    '<core:relationship type="v:createdFor" subject="x1"><core:ref>c1</core:ref>'
    '</core:relationship><core:relationship type="v:isAbout" subject="x1">'
    '<core:ref>a1</core:ref></core:relationship></core:relationships><arf:report-requests>'
    '<arf:report-request id="c1"><arf:content>'
    '<ds:data-stream-collection xmlns:ds="http://scap.nist.gov/schema/scap/source/1.2">'
    '<ds:component id="other">'
    '<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="other"><version>1</version>'
    '<Rule id="r1"><title>Of another benchmark</title></Rule></Benchmark></ds:component>'
    '<ds:component id="b"><Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="b">'
    '<title>B</title><version>1</version><Rule id="r1"><title>One</title></Rule></Benchmark>'
    '</ds:component></ds:data-stream-collection></arf:content></arf:report-request>'
    '</arf:report-requests><arf:assets><arf:asset id="a1"><ai:computing-device>'
    '<ai:cpe>cpe:/o:example:os:1</ai:cpe><ai:connections><ai:connection><ai:ip-address>'
    '<ai:ip-v4>127.0.0.1</ai:ip-v4></ai:ip-address></ai:connection><ai:connection>'
    '<ai:ip-address><ai:ip-v4>192.0.2.1</ai:ip-v4><ai:ip-v6>2001:db8::2</ai:ip-v6>'
    '</ai:ip-address><ai:mac-address>02:00:00:00:00:02</ai:mac-address></ai:connection>'
    '</ai:connections><ai:fqdn>db1.example.com</ai:fqdn><ai:hostname>db1</ai:hostname>'
    '<ai:motherboard-guid>g-1</ai:motherboard-guid></ai:computing-device></arf:asset>'
    '<arf:asset id="a2"><ai:computing-device><ai:fqdn>localhost.localdomain</ai:fqdn>'
    '<ai:hostname>DB2</ai:hostname></ai:computing-device></arf:asset><arf:asset id="a3">'
    '<ai:computing-device><ai:hostname>nobody</ai:hostname></ai:computing-device></arf:asset>'
    '</arf:assets><arf:reports><arf:report id="x1"><arf:content>'
    '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" id="t1"'
    ' end-time="2024-03-01T10:00:00+01:00" version="9"><benchmark href="#b" id="b"/>'
    '<target>db1</target><rule-result idref="r1"><result>pass</result>'
    '<ident system="http://cce.mitre.org">CCE-1</ident></rule-result>'
    '<rule-result idref="r9" version="V-9"><result>fail</result>'
    '<ident system="http://cce.mitre.org">CCE-9</ident>'
    '<ident system="http://cce.mitre.org">CCE-9</ident></rule-result></TestResult>'
    '</arf:content></arf:report><arf:report id="x2"><arf:content>'
    '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" id="t2"'
    ' end-time="2024-03-01T10:00:00+01:00"><benchmark href="#b" id="b"/><target>db2</target>'
    '<target-id-ref system="http://scap.nist.gov/schema/asset-identification/1.1" href="" name="a2"/>'
    '<rule-result idref="r1"><result>fail</result></rule-result></TestResult></arf:content>'
    '</arf:report></arf:reports></arf:asset-report-collection>');
INSERT INTO expected VALUES ('arf', '[
    {"location": "(//TestResult)[1]", "type": "source", "source": "xccdf",
     "object": {"key": "xccdf", "name": "XCCDF"}},
    {"location": "(//TestResult)[1]", "type": "asset",
     "object": {"key": "db1", "kind": "host", "name": "db1",
                "tags": {"mac": ["02:00:00:00:00:02"], "fqdn": "db1.example.com",
                         "platform": ["cpe:/o:example:os:1"],
                         "addresses": ["192.0.2.1", "2001:db8::2"], "host_name": "db1",
                         "motherboard_guid": "g-1"},
                "aliases": ["db1.example.com"]}},
    {"location": "(//TestResult)[2]", "type": "asset",
     "object": {"key": "db2", "kind": "host", "name": "db2",
                "tags": {"fqdn": "localhost.localdomain", "host_name": "DB2"}}},
    {"location": "(//TestResult)[1]/rule-result[2]", "type": "recommendation", "source": "xccdf",
     "object": {"key": "r9",
                "details": {"idents": [{"id": "CCE-9", "system": "http://cce.mitre.org"}],
                            "version": "V-9",
                            "benchmark": {"id": "b", "title": "B", "version": "1"}},
                "workload": "B", "max_points": 1}},
    {"location": "(//TestResult)[1]/rule-result[1]", "type": "recommendation", "source": "xccdf",
     "object": {"key": "r1", "title": "One",
                "details": {"idents": [{"id": "CCE-1", "system": "http://cce.mitre.org"}],
                            "benchmark": {"id": "b", "title": "B", "version": "1"}},
                "workload": "B", "max_points": 1}},
    {"location": "(//TestResult)[1]/rule-result[1]", "type": "finding", "source": "xccdf",
     "recommendation": "r1", "asset": "db1", "state": "compliant",
     "observed_at": "2024-03-01T09:00:00+00:00", "asset_kind": "host", "asset_name": "db1",
     "details": {"result": "pass"}},
    {"location": "(//TestResult)[1]/rule-result[2]", "type": "finding", "source": "xccdf",
     "recommendation": "r9", "asset": "db1", "state": "non_compliant",
     "observed_at": "2024-03-01T09:00:00+00:00", "asset_kind": "host", "asset_name": "db1",
     "details": {"result": "fail"}},
    {"location": "(//TestResult)[2]/rule-result[1]", "type": "finding", "source": "xccdf",
     "recommendation": "r1", "asset": "db2", "state": "non_compliant",
     "observed_at": "2024-03-01T09:00:00+00:00", "asset_kind": "host", "asset_name": "db2",
     "details": {"result": "fail"}}]');

-- lists of cases
-- The content of a TestResult, and attributes before a bar; what becomes of the result: the error,
-- the first characters of the recommendation and the asset, the state, and whether the element is
-- kept.
INSERT INTO cases SELECT 'result', v.* FROM (VALUES
    ('<rule-result idref="r"><result>pass</result></rule-result>',
     'missing target (r compliant) kept'),
    ('<target> </target><rule-result idref="r"><result>pass</result></rule-result>',
     'missing target (r compliant) kept'),
    ('<target>.</target><rule-result idref="r"><result>pass</result></rule-result>',
     'missing target (r compliant) kept'),
    ('<target>h1</target><rule-result><result>pass</result></rule-result>',
     'missing rule-result/@idref (h1 compliant) kept'),
    ('<target>h1</target><rule-result idref=" "><result>pass</result></rule-result>',
     'missing rule-result/@idref (h1 compliant) kept'),
    ('<target>h1</target><rule-result idref="r"/>', 'missing result (r h1) kept'),
    ('<target>h1</target><rule-result idref="r"><result/></rule-result>',
     'missing result (r h1) kept'),
    ('<target>h1</target><rule-result idref="r"><result xmlns="urn:other">pass</result>'
     '</rule-result>',
     'missing result (r h1) kept'),
    ('<target>h1</target><rule-result idref="r"><result>PASS</result></rule-result>',
     'unrecognized result "PASS" (r h1) kept'),
    ('<target>h1</target><rule-result idref="r"><result>maybe &amp; &lt;so&gt;</result>'
     '</rule-result>',
     'unrecognized result "maybe & <so>" (r h1) kept'),
    ('<target>h1</target><rule-result idref="r" time="yesterday"><result>pass</result>'
     '</rule-result>',
     'invalid time: "yesterday" (r h1 compliant) kept'),
    ('<target>h1</target><rule-result idref="r" time="2024-02-30T00:00:00">'
     '<result>pass</result></rule-result>',
     'invalid time: "2024-02-30T00:00:00" (r h1 compliant) kept'),
    ('<target>h1</target><rule-result idref="r" time="2024-03-01T00:00:00+99:00">'
     '<result>pass</result></rule-result>',
     'invalid time: "2024-03-01T00:00:00+99:00" (r h1 compliant) kept'),
    ('<target>h1</target><rule-result idref="r" time="292277026596-12-04T15:30:08">'
     '<result>pass</result></rule-result>',
     'invalid time: "292277026596-12-04T15:30:08" (r h1 compliant) kept'),
    ('end-time="-1"|<target>h1</target><rule-result idref="r" time=""><result>pass</result>'
     '</rule-result>',
     'invalid time: "-1" (r h1 compliant) kept'),
    ('<target>h1</target><rule-result idref="r" time="9999-12-31T23:59:59Z">'
     '<result>pass</result></rule-result>',
     '(r h1 compliant 9999-12-31 23:59:59+00)'),
    ('<target>h1</target><rule-result idref="a"><result>pass</result><result>fail</result>'
     '</rule-result><rule-result><result>x</result></rule-result>',
     'unrecognized result "pass fail" (a h1) kept; missing rule-result/@idref (h1) kept')) v;
-- documents that are not XCCDF results, with the error
INSERT INTO cases SELECT 'document', v.* FROM (VALUES
    ('<html xmlns="http://www.w3.org/1999/xhtml"><body>TestResult</body></html>',
     '/ expected XCCDF results (TestResult), found html of namespace "http://www.w3.org/1999/xhtml"'),
    ('<testsuites><testsuite name="a"/></testsuites>',
     '/ expected XCCDF results (TestResult), found testsuites without a namespace'),
    ('<oval_results xmlns="http://oval.mitre.org/XMLSchema/oval-results-5"/>',
     '/ expected XCCDF results (TestResult), found oval_results of namespace '
     '"http://oval.mitre.org/XMLSchema/oval-results-5"'),
    ('<TestResult><target>h</target></TestResult>',
     '/ expected XCCDF results (TestResult), found TestResult without a namespace'),
    ('<TestResult xmlns="urn:other"/>',
     '/ expected XCCDF results (TestResult), found TestResult of namespace "urn:other"'),
    ('<x:TestResult xmlns:x="http://checklists.nist.gov/xccdf/1.3"/>',
     '/ expected XCCDF results (TestResult), found TestResult of namespace "http://checklists.nist.gov/xccdf/1.3"'),
    ('<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="b"><Rule id="r"/>'
     '</Benchmark>',
     '/ expected XCCDF results (TestResult), found Benchmark without one'),
    ('<arf:asset-report-collection xmlns:arf="http://scap.nist.gov/schema/asset-reporting-format/1.1"/>',
     '/ expected XCCDF results (TestResult), found asset-report-collection without one'),
    ('<a/><b/>', '/ not an XML document with one root element'),
    ('text', '/ not an XML document with one root element'),
    ('', '/ not an XML document with one root element'),
    ('<!-- only -->', '/ not an XML document with one root element')) v;
-- a document type declaration, wherever it may stand, and text that looks like one
INSERT INTO cases SELECT 'doctype', v.* FROM (VALUES
    ('<!DOCTYPE TestResult [<!ENTITY e "pass">]>'
     '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"><target>&e;</target>'
     '</TestResult>',
     'document type declarations are not allowed, because they can define entities'),
    ('<!DOCTYPE TestResult SYSTEM "http://example.com/x.dtd">'
     '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"/>',
     'document type declarations are not allowed, because they can define entities'),
    ('<?xml version="1.0"?> <!DOCTYPE a>'
     '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"/>',
     'document type declarations are not allowed, because they can define entities'),
    ('<!-- <a> --><?p <b>?><!DOCTYPE a>'
     '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"/>',
     'document type declarations are not allowed, because they can define entities'),
    ('<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"><![CDATA[<!DOCTYPE a>]]>'
     '</TestResult>',
     NULL),
    ('<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"><!-- <!DOCTYPE a> -->'
     '</TestResult>',
     NULL)) v;
\set ECHO all
