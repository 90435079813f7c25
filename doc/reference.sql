-- Generates reference.md from the comments of the objects, in a database that has posture:
--   psql -XAtq -f doc/reference.sql > doc/reference.md
-- It has the objects that are listed here, in this order. test/t/062_reference.pl compares.
SET search_path = posture, pg_catalog;
SET client_min_messages = warning;
-- loading the library defines the settings
SELECT posture.score(0, 1) \g /dev/null

CREATE TEMP TABLE section (place int GENERATED ALWAYS AS IDENTITY, title text, about text, relations text, functions text, types text);
INSERT INTO section (title, about, relations, functions, types) VALUES
('Reports', 'Views, for BI tools and for people. Their columns are of plain types only. Each view shows a role the rows that it may see.',
 'overview metric_report metric_recommendation_report recommendation_report asset_report finding_report event_report event_asset day_report score_history group_report coverage_report unassessed_asset vulnerability_report target_report secure_score secure_score_part benchmark_report exemption_report assignment_report framework_report framework_section',
 'show', ''),
('Findings in', 'How findings are loaded. [Load findings](load.md) explains the steps.',
 'source inbox asset_inbox rejected',
 'ingest ingest_assets load load_format object_field rejections export forget_source assess_cluster', 'reporting'),
('State', 'The current state of recommendations. All scores are computed from these tables.',
 'finding extent measure exemption attestation', 'attest', 'finding_state exemption_kind points'),
('Catalog', 'Sources, assets, recommendations, and how metrics and initiatives group them.',
 'asset asset_alias asset_source asset_group recommendation metric metric_recommendation initiative initiative_metric initiative_recommendation importance_weight benchmark score_band',
 'merge_asset pack install_pack apply_rules', 'importance initiative_method criticality_weights threshold weight day_count hours band_scheme object_key time_zone'),
('Days', 'A day is a local day of `posture.timezone`. A snapshot records the state at the end of the day.',
 'snapshot metric_snapshot initiative_snapshot initiative_metric_snapshot recommendation_snapshot run',
 'take_snapshot run_daily backfill forget_day schedule unschedule today day_of day_end', ''),
('Events and causes', 'Scores that dropped, and the causes.',
 'event event_cause', 'explain change_report change_reason acknowledge reopen', 'event_kind'),
('Plans and comparisons', 'Scores of a day, of a group and under a scenario, and changes between days. [Scenarios](scenario.md) has the fields of a scenario.',
 '', 'score_at report_at score_history_of backtest plan what_if score_of planned_score achievable_score points_change band_of default_band', ''),
('Access', 'Levels of access, and the log of decisions. [Access](access.md) explains them.',
 'access change_log', 'grant_access revoke_access restore_access access_rule', ''),
('Scores', 'The type `score` and its functions. [How scores are made](formulas.md) has the formulas.',
 '', 'score score_drop is_drop weighted_score', 'score'),
('Sets of assets', 'The type `assetset`: compressed sets of asset ids.',
 '', 'metric_assets assets_at unassessed_at unassessed_assets cardinality members chunks assetset_agg union_agg intersect_agg xor_agg', 'assetset'),
('More than one machine', 'Databases that have assets of their own, and the head that asks them. [More than one machine](scale.md) explains them.',
 'node', 'distribute federate add_node move_assets remove_node sync_node run_on_nodes', ''),
('Maintenance', 'Functions that keep reading fast and report the state of posture itself.',
 '', 'status fold verify rebuild', '');

CREATE TEMP VIEW listed AS
SELECT place, 'r' AS what, n, name FROM section, unnest(string_to_array(relations, ' ')) WITH ORDINALITY u(name, n)
UNION ALL
SELECT place, 'f', n, name FROM section, unnest(string_to_array(functions, ' ')) WITH ORDINALITY u(name, n)
UNION ALL
SELECT place, 't', n, name FROM section, unnest(string_to_array(types, ' ')) WITH ORDINALITY u(name, n);

-- text as Markdown shows it, also within a table
CREATE FUNCTION pg_temp.shown(value text) RETURNS text LANGUAGE sql AS
$$ SELECT replace(replace(replace(value, '<', '&lt;'), '*', '\*'), '|', '\|') $$;

-- a comment as a sentence
CREATE FUNCTION pg_temp.sentence(value text) RETURNS text LANGUAGE sql AS
$$ SELECT upper(left(s, 1)) || substr(s, 2) || CASE WHEN right(s, 1) = '.' THEN '' ELSE '.' END FROM pg_temp.shown(value) s $$;

CREATE FUNCTION pg_temp.code(value text) RETURNS text LANGUAGE sql AS
$$ SELECT '`' || replace(value, '|', '\|') || '`' $$;

-- a default without redundant casts
CREATE FUNCTION pg_temp.plain(expression text) RETURNS text LANGUAGE sql AS
$$ SELECT regexp_replace(expression, '^(NULL|''[^'']*'')::[a-z_. ]+(\[\])?$', '\1') $$;

CREATE FUNCTION pg_temp.column_names(rel oid, numbers int2[]) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(pg_temp.code(attname), ', ' ORDER BY n)
   FROM unnest(numbers) WITH ORDINALITY u(attnum, n) JOIN pg_attribute a USING (attnum) WHERE attrelid = rel $$;

-- the columns of a table, a view or a row type
CREATE FUNCTION pg_temp.column_table(rel oid) RETURNS text LANGUAGE sql AS
$$
SELECT E'| column | type | |\n|---|---|---|\n' || string_agg(
           format('| `%s` | %s%s | %s |', attname, pg_temp.code(format_type(atttypid, NULL)),
                  CASE WHEN c.relkind <> 'r' THEN ''
                       WHEN attidentity <> '' THEN ', generated'
                       ELSE CASE WHEN attnotnull THEN ', not null' ELSE '' END
                            || coalesce(', default ' || pg_temp.code(pg_temp.plain(pg_get_expr(adbin, adrelid))), '') END,
                  pg_temp.shown(col_description(attrelid, attnum))), E'\n' ORDER BY attnum)
FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
LEFT JOIN pg_attrdef d ON (adrelid, adnum) = (attrelid, attnum)
WHERE attrelid = rel AND attnum > 0 AND NOT attisdropped
$$;

CREATE FUNCTION pg_temp.relation_text(name text) RETURNS text LANGUAGE sql AS
$$
SELECT format(E'### %s\n\n%s. %s\n\n%s', relname, CASE relkind WHEN 'v' THEN 'View' ELSE 'Table' END,
              pg_temp.sentence(obj_description(c.oid, 'pg_class')), pg_temp.column_table(c.oid))
       || coalesce((SELECT E'\n\n' || string_agg(
              CASE contype WHEN 'p' THEN 'Primary key: ' WHEN 'u' THEN 'Unique: ' ELSE pg_temp.column_names(conrelid, conkey) || ' refers to ' END
              || CASE contype WHEN 'f' THEN format('[`%s`](#%1$s)', confrelid::regclass) ELSE pg_temp.column_names(conrelid, conkey) END || '.',
              ' ' ORDER BY array_position('{p,u,f}'::"char"[], contype), conkey, conname COLLATE "C")
           FROM pg_constraint WHERE conrelid = c.oid AND contype IN ('p', 'u', 'f')), '')
FROM pg_class c WHERE c.oid = to_regclass('posture.' || name)
$$;

-- the arguments of a function that go in, or the columns that come out
CREATE FUNCTION pg_temp.arguments(function oid, modes "char"[]) RETURNS text LANGUAGE sql AS
$$
SELECT string_agg(CASE WHEN mode = 'v' THEN 'VARIADIC ' ELSE '' END
                  || concat_ws(' ', nullif(proargnames[n], ''), format_type(type, NULL))
                  || coalesce(' DEFAULT ' || pg_temp.plain(pg_get_function_arg_default(p.oid, n::int)), ''), ', ' ORDER BY n)
FROM pg_proc p,
     unnest(coalesce(proallargtypes, proargtypes::oid[]),
            coalesce(proargmodes, array_fill('i'::"char", ARRAY[cardinality(proargtypes::oid[])]))) WITH ORDINALITY u(type, mode, n)
WHERE p.oid = function AND mode = ANY (modes)
$$;

-- what a function gives: the columns of its rows, or a value of its type
CREATE FUNCTION pg_temp.returns(function oid) RETURNS text LANGUAGE sql AS
$$
SELECT CASE WHEN prokind = 'p' OR typname = 'void' THEN ''
            ELSE ' returns ' || CASE WHEN proretset THEN 'rows of ' WHEN columns IS NOT NULL THEN 'a row of ' ELSE '' END
                 || pg_temp.code(coalesce(columns, format_type(t.oid, NULL))) END
FROM pg_proc p JOIN pg_type t ON t.oid = prorettype, pg_temp.arguments(p.oid, '{o,b,t}') columns
WHERE p.oid = function
$$;

CREATE FUNCTION pg_temp.function_text(name text) RETURNS text LANGUAGE sql AS
$$
SELECT format(E'### %s\n\n', name) || string_agg(
           format(E'%s %s%s. %s', CASE prokind WHEN 'p' THEN 'Procedure' WHEN 'a' THEN 'Aggregate' ELSE 'Function' END,
                  pg_temp.code(format('%s(%s)', proname, pg_temp.arguments(p.oid, '{i,b,v}'))), pg_temp.returns(p.oid),
                  pg_temp.sentence(obj_description(p.oid, 'pg_proc')))
           || coalesce(E'\n\n' || pg_temp.column_table(r.oid), ''),
           E'\n\n' ORDER BY pronargs, pg_temp.arguments(p.oid, '{i,b,v}') COLLATE "C")
FROM pg_proc p JOIN pg_type t ON t.oid = prorettype LEFT JOIN pg_class r ON r.oid = typrelid AND relkind = 'c'
WHERE pronamespace = 'posture'::regnamespace AND proname = name
$$;

-- the operators, casts and classes of operators of a type
CREATE FUNCTION pg_temp.type_table(type oid) RETURNS SETOF text LANGUAGE sql AS
$$
SELECT E'| operator | gives | |\n|---|---|---|\n' || string_agg(
           format('| %s | `%s` | %s |', pg_temp.code(format('%s %s %s', format_type(oprleft, NULL), oprname, format_type(oprright, NULL))),
                  format_type(oprresult, NULL), pg_temp.shown(obj_description(oid, 'pg_operator'))), E'\n'
           ORDER BY oprname COLLATE "C", oprleft = type DESC, oprright = type DESC)
FROM pg_operator WHERE oprnamespace = 'posture'::regnamespace AND type IN (oprleft, oprright)
UNION ALL
SELECT E'| cast | when | |\n|---|---|---|\n' || string_agg(
           format('| `%s` to `%s` | %s | %s |', format_type(castsource, NULL), format_type(casttarget, NULL),
                  CASE castcontext WHEN 'i' THEN 'implicit' WHEN 'a' THEN 'on assignment' ELSE 'explicit' END,
                  pg_temp.shown(obj_description(oid, 'pg_cast'))), E'\n'
           ORDER BY castsource = type, format_type(castsource, NULL) COLLATE "C", format_type(casttarget, NULL) COLLATE "C")
FROM pg_cast WHERE type IN (castsource, casttarget)
UNION ALL
SELECT 'Indexes: ' || string_agg(format('%s, by the %s', amname, pg_temp.shown(obj_description(c.oid, 'pg_opclass'))), '; ' ORDER BY amname) || '.'
FROM pg_opclass c JOIN pg_am m ON m.oid = opcmethod WHERE opcintype = type
$$;

CREATE FUNCTION pg_temp.type_text(name text) RETURNS text LANGUAGE sql AS
$$
SELECT format(E'### %s\n\n%s. %s', typname,
              CASE typtype WHEN 'e' THEN 'Enumeration' WHEN 'd' THEN 'Domain over ' || pg_temp.code(format_type(typbasetype, typtypmod)) ELSE 'Type' END,
              pg_temp.sentence(obj_description(t.oid, 'pg_type')))
       || coalesce((SELECT ' ' || string_agg(pg_temp.code(enumlabel), ', ' ORDER BY enumsortorder) || '.' FROM pg_enum WHERE enumtypid = t.oid), '')
       || CASE typtype WHEN 'b' THEN (SELECT string_agg(E'\n\n' || part, '') FROM pg_temp.type_table(t.oid) part) ELSE '' END
FROM pg_type t WHERE typnamespace = 'posture'::regnamespace AND typname = name
$$;

CREATE FUNCTION pg_temp.setting_text() RETURNS text LANGUAGE sql AS
$$
SELECT E'| setting | default | values | set by | |\n|---|---|---|---|---|\n' || string_agg(
           format('| `%s` | %s | %s | %s | %s |', name,
                  CASE WHEN boot_val = '' THEN 'empty' ELSE pg_temp.code(boot_val || coalesce(' ' || unit, '')) END,
                  coalesce((SELECT string_agg(pg_temp.code(v), ', ') FROM unnest(enumvals) v), min_val || ' to ' || max_val, 'text'),
                  CASE context WHEN 'user' THEN 'everybody' ELSE context END,
                  pg_temp.shown(concat_ws(' ', short_desc, extra_desc))), E'\n' ORDER BY name COLLATE "C")
FROM pg_settings WHERE name LIKE 'posture.%'
$$;

-- objects of the schema that no section lists, and listed names that do not exist
CREATE TEMP VIEW forgotten AS
SELECT 'r' AS what, relname::text AS name FROM pg_class WHERE relnamespace = 'posture'::regnamespace AND relkind IN ('r', 'v')
UNION
SELECT 't', typname FROM pg_type t WHERE typnamespace = 'posture'::regnamespace AND typtype IN ('b', 'd', 'e') AND typelem = 0
UNION
SELECT 'f', proname FROM pg_proc WHERE pronamespace = 'posture'::regnamespace
UNION
SELECT what, name FROM listed
EXCEPT
(SELECT what, name FROM listed
 WHERE CASE what WHEN 'r' THEN to_regclass('posture.' || name) IS NOT NULL WHEN 't' THEN to_regtype('posture.' || name) IS NOT NULL
       ELSE EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'posture'::regnamespace AND proname = name) END);

SELECT $$# Reference

The objects of schema `posture`. This page is generated from their comments, which
psql also shows: `\df+ posture.*`, `\d+ posture.NAME` and `\dT+ posture.*`. Names
are shown without their schema. To write operators as they are shown here, add
`posture` to the `search_path`.

Schema `posture_internal` holds internal functions and derived tables. They can
change in any release.

$$ || string_agg(format('- [%s](#%s)%s', title, replace(lower(title), ' ', '-'),
                coalesce(': ' || (SELECT string_agg(format('[`%s`](#%1$s)', name), ', ' ORDER BY what = 'f', what = 't', n)
                 FROM (SELECT what, name, min(n) AS n FROM listed WHERE listed.place = section.place GROUP BY what, name) l
                 WHERE what <> 't' OR name NOT IN (SELECT name FROM listed WHERE what = 'f')), '')), E'\n' ORDER BY place)
          || E'\n- [Settings](#settings)'
FROM section;

SELECT E'\n## ' || title || E'\n\n' || about || (
           SELECT string_agg(E'\n\n' || CASE what WHEN 'r' THEN pg_temp.relation_text(name)
                                                  WHEN 'f' THEN pg_temp.function_text(name) ELSE pg_temp.type_text(name) END, ''
                             ORDER BY what = 'f', what = 't', n)
           FROM listed WHERE listed.place = section.place)
FROM section ORDER BY place;

SELECT E'\n## Settings\n\nIn `postgresql.conf`, for a database, a role or a session; none needs a restart. [Install](install.md#settings) says more.\n\n'
       || pg_temp.setting_text();

SELECT E'\n## Forgotten\n\n' || string_agg(format('- %s %s', what, name), E'\n') FROM forgotten HAVING count(*) > 0;
