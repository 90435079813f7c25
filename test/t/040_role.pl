# Who may do what, and whom can be harmed: an owner who is no superuser, roles
# without and with grants, a hostile search_path, hostile text.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('role');
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE risk_owner LOGIN;
CREATE ROLE reader LOGIN;
CREATE ROLE nobody LOGIN;
CREATE ROLE attacker LOGIN;
CREATE DATABASE warehouse OWNER risk_owner;
CREATE DATABASE trap OWNER attacker;
CREATE DATABASE shared OWNER attacker;
SQL

# The install script runs as superuser: operators that wait in the schema for
# it are not called, and what others keep in there stays theirs.
$node->safe_psql('trap', <<'SQL', extra_params => [ '-U', 'attacker' ]);
CREATE SCHEMA posture;
CREATE FUNCTION public.grab() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        ALTER ROLE attacker SUPERUSER;
    END IF;
END $$;
DO $$
DECLARE
    o record;
BEGIN
    -- what is no exact match in pg_catalog would be found here
    FOR o IN
        SELECT name, l, r
        FROM unnest(ARRAY['=', '<>', '<', '<=', '>', '>=']) name,
             unnest(ARRAY['oid', 'regnamespace', 'regclass', 'numeric', 'integer', 'name', 'text', '"char"']) l,
             unnest(ARRAY['oid', 'regnamespace', 'regclass', 'numeric', 'integer', 'name', 'text', '"char"']) r
    LOOP
        -- and answers as it should, so that nobody notices
        EXECUTE format('CREATE FUNCTION posture.trap_%s(%s, %s) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN PERFORM public.grab(); RETURN $1::%4$s OPERATOR(pg_catalog.%5$s) $2::%4$s; END $f$',
                       md5(o.name || o.l || o.r), o.l, o.r,
                       CASE WHEN o.l ~ 'oid|reg' AND o.r ~ 'oid|reg' THEN 'oid' WHEN o.l ~ 'num|int' AND o.r ~ 'num|int' THEN 'numeric' ELSE 'text' END,
                       o.name);
        EXECUTE format('CREATE OPERATOR posture.%s (leftarg = %s, rightarg = %s, function = posture.trap_%s)',
                       o.name, o.l, o.r, md5(o.name || o.l || o.r));
    END LOOP;
END $$;
SQL
my ($rc, $out, $err) = query_as($node, 'trap', 'attacker', 'CREATE EXTENSION posture');
is($rc, 0, 'CREATE EXTENSION in a schema that holds operators') or diag $err;
is($node->safe_psql('trap', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'attacker'}),
	'f', 'the install script runs none of them');
$node->safe_psql('shared', <<'SQL');
CREATE SCHEMA posture;
CREATE TABLE posture.secret_table AS SELECT 1 AS x;
CREATE VIEW posture.secret_view AS SELECT * FROM posture.secret_table;
CREATE FUNCTION posture.secret_function() RETURNS text LANGUAGE sql RETURN 'secret';
SQL
($rc, $out, $err) = query_as($node, 'shared', 'attacker', 'CREATE EXTENSION posture');
is($rc, 0, 'CREATE EXTENSION in a schema that holds what is not theirs') or diag $err;
is( $node->safe_psql('shared', <<'SQL'),
SELECT string_agg(what || ' ' || owner, ', ' ORDER BY what)
FROM (SELECT relname::text AS what, relowner::regrole::text AS owner FROM pg_class WHERE relname LIKE 'secret%'
      UNION ALL
      SELECT proname, proowner::regrole::text FROM pg_proc WHERE proname LIKE 'secret%') x
SQL
	'secret_function postgres, secret_table postgres, secret_view postgres' =~ s/postgres/$ENV{PGUSER} || getpwuid($<)/ger,
	'what was in the schema stays with its owner');
($rc, $out, $err) = query_as($node, 'shared', 'attacker', 'SELECT * FROM posture.secret_table');
like($err, qr/permission denied/, 'and out of reach');

# Functions that wait there are bound into bodies and views where they match
# better than those of posture: nothing is installed that would call them.
for my $function ('has_data_before(text) RETURNS boolean', 'json_text(jsonb) RETURNS text', 'cluster_is_user_object(oid, regclass, oid) RETURNS boolean',
	'initiative_member(text) RETURNS TABLE (initiative_id integer, metric_id integer, weight numeric)')
{
	my ($signature) = $function =~ /^(.*?\))/;
	$node->safe_psql('postgres', 'CREATE DATABASE bound OWNER attacker');
	($rc, $out, $err) = query_as($node, 'bound', 'attacker', <<"SQL");
CREATE SCHEMA posture;
CREATE FUNCTION posture.$function LANGUAGE plpgsql AS \$\$ BEGIN RAISE 'sprung'; END \$\$;
CREATE EXTENSION posture;
SQL
	like($err, qr/posture would use function posture\.\Q@{[ $signature =~ s{, }{,}gr ]}\E, which is somebody else's/, "no extension is created beside $signature");
	$node->safe_psql('postgres', 'DROP DATABASE bound');
}

# an owner who is no superuser
($rc, $out, $err) = query_as($node, 'warehouse', 'risk_owner', 'CREATE EXTENSION posture');
is($rc, 0, 'a database owner who is no superuser creates the extension') or diag $err;
is( $node->safe_psql('warehouse', <<'SQL'),
SELECT string_agg(DISTINCT privilege_type || CASE is_grantable WHEN true THEN '' ELSE ' not theirs to grant' END, ',')
FROM pg_class, aclexplode(relacl) WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND relkind = 'r' AND grantee = 'risk_owner'::regrole
SQL
	'DELETE,INSERT,SELECT,TRUNCATE,UPDATE', 'they have every right on the tables but to put triggers on them, and to refer to them');
is( $node->safe_psql('warehouse', <<'SQL'),
SELECT count(*) FROM pg_class WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND relowner = 'risk_owner'::regrole
SQL
	'0', 'and own none');
# Bodies in PL/pgSQL that run with more rights would find what they call in
# another schema of that name.
for my $sql ('ALTER SCHEMA posture RENAME TO moved', 'ALTER SCHEMA posture OWNER TO risk_owner', 'CREATE FUNCTION posture_internal.require_role(text) RETURNS void LANGUAGE sql RETURN NULL')
{
	($rc, $out, $err) = query_as($node, 'warehouse', 'risk_owner', $sql);
	like($err, qr/must be owner of schema posture|permission denied for schema posture/, "not theirs: $sql");
}
is($node->safe_psql('trap', q{SELECT nspowner = 10, has_schema_privilege('attacker', oid, 'USAGE WITH GRANT OPTION') FROM pg_namespace WHERE nspname = 'posture'}), 't|t',
	'a schema that was theirs before is not theirs any more');
# who is let create in it still can't lay anything
$node->safe_psql('warehouse', 'GRANT CREATE ON SCHEMA posture TO risk_owner');
# what they could lay for a superuser who assesses the cluster
($rc, $out, $err) = query_as($node, 'warehouse', 'risk_owner', <<'SQL');
CREATE FUNCTION public.sprung() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'sprung'; END $$;
CREATE TRIGGER sprung BEFORE INSERT ON posture.inbox EXECUTE FUNCTION public.sprung();
SQL
like($err, qr/permission denied for table inbox/, 'no trigger of theirs');
# a superuser's DELETE that cascades to it would run its triggers
($rc, $out, $err) = query_as($node, 'warehouse', 'risk_owner', 'CREATE TABLE public.referring (day date REFERENCES posture.snapshot ON DELETE CASCADE)');
like($err, qr/permission denied for table snapshot/, 'no foreign key either');
$node->safe_psql('warehouse', <<'SQL', extra_params => [ '-U', 'risk_owner' ]);
CREATE FUNCTION posture_internal.cluster_may_read(regclass, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'sprung'; END $$;
CREATE FUNCTION posture_internal.has_data_before(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'sprung'; END $$;
CREATE FUNCTION posture_internal.initiative_member(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'sprung'; END $$;
SQL
($rc, $out, $err) = $node->psql('warehouse', 'BEGIN; SELECT FROM posture.assess_cluster(); SELECT FROM posture.take_snapshot(); ROLLBACK');
is($err, '', 'and no function of theirs is met by a superuser');
$node->safe_psql('warehouse', <<'SQL', extra_params => [ '-U', 'risk_owner' ]);
DROP FUNCTION posture_internal.cluster_may_read(regclass, text), posture_internal.has_data_before(text), posture_internal.initiative_member(text), public.sprung();
SQL
is( $node->safe_psql('warehouse', <<'SQL'),
SELECT count(*) FROM pg_proc WHERE pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND proowner = 'risk_owner'::regrole
SQL
	'0', 'and no function, which they could replace for a superuser to call');
is( $node->safe_psql('warehouse', <<'SQL'),
SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc WHERE pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND prosecdef
SQL
	'capture_asset capture_catalog capture_truncate check_member follow_recommendation follow_rule follow_source grant_access lock_rules metric_recommendation_restore revoke_access set_row_security',
	'with more rights than their callers have run only triggers that append deltas, those that keep what rules pick, and what grants access');
# who could put them on a table of their own could append what never happened
for my $function (qw(capture_finding capture_asset capture_catalog capture_truncate check_member follow_recommendation follow_rule follow_source lock_rules metric_recommendation_restore))
{
	($rc, $out, $err) = query_as($node, 'warehouse', 'nobody',
		"CREATE TEMP TABLE mine (LIKE posture.finding); CREATE TRIGGER t AFTER INSERT ON mine REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION posture.$function()");
	like($err, qr/permission denied/, "nobody else can have $function()");
}

($rc, $out, $err) = query_as($node, 'warehouse', 'risk_owner', sample_sql());
is($rc, 0, 'they load, ingest, score, snapshot and run the job') or diag $err;
my @views = split /\n/, $node->safe_psql('warehouse',
	q{SELECT relname FROM pg_class WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND relkind = 'v' ORDER BY 1});
cmp_ok(scalar(@views), '>=', 5, 'there are views');
for my $view (@views)
{
	($rc, $out, $err) = query_as($node, 'warehouse', 'risk_owner', "SELECT count(*) > 0 FROM posture.$view");
	is("$out$err", 't', "the owner reads $view");
}
cmp_ok($node->safe_psql('warehouse', 'SELECT count(*) FROM posture.event'), '>', 3, 'the sample has events');

# roles without and with grants
is( $node->safe_psql('warehouse', <<'SQL'),
SELECT count(*) FROM pg_class c, aclexplode(c.relacl) x
WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND x.grantee = 0
SQL
	'0', 'nothing is granted to PUBLIC');
($rc, $out, $err) = query_as($node, 'warehouse', 'nobody', 'SELECT * FROM posture.overview');
like($err, qr/permission denied for schema posture/, 'a role without grants does not even see the schema');
$node->safe_psql('warehouse', 'GRANT USAGE ON SCHEMA posture, posture_internal TO nobody, reader');
for my $relation (@views, tables($node, 'warehouse'))
{
	my $is_view = grep { $_ eq $relation } @views;
	for my $sql ("SELECT * FROM posture.$relation", $is_view ? () : "DELETE FROM posture.$relation")
	{
		($rc, $out, $err) = query_as($node, 'warehouse', 'nobody', $sql);
		like($err, qr/permission denied for (table|view) /, "with only USAGE, no: $sql");
	}
}
for my $call (
	'SELECT * FROM posture.ingest()', 'SELECT * FROM posture.take_snapshot()',
	'CALL posture.run_daily()', 'SELECT posture.acknowledge(1)',
	q{SELECT posture.metric_assets('m1')}, q{SELECT * FROM posture.plan('i1')}, 'SELECT * FROM posture_internal.metric_state(now())')
{
	($rc, $out, $err) = query_as($node, 'warehouse', 'nobody', $call);
	like($err, qr/permission denied for table/, "nor: $call");
}
$node->safe_psql('warehouse', 'GRANT SELECT ON ALL TABLES IN SCHEMA posture, posture_internal TO reader', extra_params => [ '-U', 'risk_owner' ]);
for my $view (@views)
{
	my $owner = (query_as($node, 'warehouse', 'risk_owner', "SELECT * FROM posture.$view"))[1];
	($rc, $out, $err) = query_as($node, 'warehouse', 'reader', "SELECT * FROM posture.$view");
	is("$out$err", $owner, "a reader with SELECT sees the same $view");
}
for my $call (
	'SELECT * FROM posture.ingest()', 'SELECT * FROM posture.take_snapshot()', 'CALL posture.run_daily()',
	'SELECT posture.acknowledge(1)', 'DELETE FROM posture.finding')
{
	($rc, $out, $err) = query_as($node, 'warehouse', 'reader', $call);
	like($err, qr/permission denied for table/, "a reader may not: $call");
}
# a feeder needs the inbox and nothing else
$node->safe_psql('warehouse', 'CREATE ROLE feeder LOGIN; GRANT USAGE ON SCHEMA posture, posture_internal TO feeder; GRANT INSERT ON posture.inbox TO feeder');
($rc, $out, $err) = query_as($node, 'warehouse', 'feeder',
	"COPY posture.inbox (source, recommendation, asset, state, observed_at) FROM STDIN (FORMAT csv);\nscan,r1,fed,compliant,yesterday\n\\.\n");
is("$rc$err", '0', 'a role with INSERT on the inbox delivers');
($rc, $out, $err) = query_as($node, 'warehouse', 'feeder', 'SELECT * FROM posture.inbox');
like($err, qr/permission denied for table inbox/, 'and reads nothing');

# A hostile search_path: every function, operator, type, table and view that
# the extension could mean stands in front in a schema of somebody's own, and
# in pg_temp; who is called by mistake says so.
my $path = <<'SQL';
DO $$
DECLARE
    o record;
BEGIN
    FOR o IN
        SELECT DISTINCT p.proname, p.proargtypes
        FROM pg_proc p
        WHERE p.pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
           OR p.pronamespace = 'pg_catalog'::regnamespace
              AND p.proname IN ('now', 'clock_timestamp', 'max', 'min', 'sum', 'count', 'bool_or', 'array_agg', 'string_agg', 'unnest',
                                'generate_series', 'array_position', 'array_remove', 'array_append', 'array_cat', 'isfinite', 'left', 'octet_length',
                                'format', 'round', 'floor', 'abs', 'trim_scale', 'date_trunc', 'to_jsonb', 'jsonb_typeof', 'jsonb_build_object',
                                'jsonb_strip_nulls', 'pg_notify', 'timezone', 'row_number', 'num_nonnulls', 'quote_literal', 'current_setting',
                                'numeric', 'int4', 'date', 'text', 'timestamptz', 'like', 'length', 'lower')
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS void LANGUAGE plpgsql AS %L', o.proname, oidvectortypes(o.proargtypes),
                           format('BEGIN RAISE EXCEPTION ''evil %s was called''; END', o.proname));
        EXCEPTION WHEN OTHERS THEN NULL;    -- arguments that only C code takes
        END;
    END LOOP;
    FOR o IN
        SELECT p.oprname, l.oid::regtype AS l, r.oid::regtype AS r, p.oprresult::regtype AS result, row_number() OVER () AS n
        FROM (SELECT DISTINCT oprname, oprleft, oprright, oprresult
              FROM pg_operator WHERE oprleft <> 0 AND oprnamespace IN ('posture'::regnamespace, 'pg_catalog'::regnamespace)
                AND oprname IN ('=', '<>', '<', '<=', '>', '>=', '+', '-', '*', '/', '||', '&', '|', '#', '&&', '@>', '<@', '~', '~~')
              UNION
              SELECT name, a, b, 'boolean'::regtype
              FROM unnest(ARRAY['=', '<>', '<', '<=', '>', '>=']) name,
                   unnest(ARRAY['numeric', 'integer', 'posture.score', 'posture.object_key', 'text', 'varchar', 'posture.weight', 'date']::regtype[]) a,
                   unnest(ARRAY['numeric', 'integer', 'posture.score', 'posture.object_key', 'text', 'varchar', 'posture.weight', 'date']::regtype[]) b) p
        JOIN pg_type l ON l.oid = p.oprleft JOIN pg_type r ON r.oid = p.oprright
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION evil.o%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', o.n, o.l, o.r, o.result,
                           format('BEGIN RAISE EXCEPTION ''evil operator %s (%s, %s) was called''; END', o.oprname, o.l, o.r));
            EXECUTE format('CREATE OPERATOR evil.%s (leftarg = %s, rightarg = %s, function = evil.o%s)', o.oprname, o.l, o.r, o.n);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
    FOR o IN SELECT c.relname FROM pg_class c WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND c.relkind IN ('r', 'v') LOOP
        EXECUTE format('CREATE TABLE evil.%I (LIKE posture.%I)', o.relname, o.relname);
    END LOOP;
    FOR o IN SELECT c.typname FROM pg_type c WHERE c.typnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND c.typtype IN ('e', 'd', 'b') AND c.typelem = 0
             UNION SELECT unnest(ARRAY['text', 'date', 'jsonb', 'name', 'oid', 'tid', 'regclass', 'timestamptz', 'record']) LOOP
        EXECUTE format('CREATE TYPE evil.%I AS (x pg_catalog.int4)', o.typname);
    END LOOP;
END $$;
SQL
my $temp = <<'SQL';
SET client_min_messages = warning;
DO $$
DECLARE
    o record;
BEGIN
    FOR o IN SELECT c.relname FROM pg_class c WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND c.relkind IN ('r', 'v') LOOP
        EXECUTE format('CREATE TEMP TABLE %I (LIKE posture.%I)', o.relname, o.relname);
    END LOOP;
    FOR o IN SELECT unnest(ARRAY['pg_class', 'pg_proc', 'pg_extension', 'pg_type', 'generate_series']) AS relname LOOP
        EXECUTE format('CREATE TEMP TABLE %I (x integer)', o.relname);
    END LOOP;
    FOR o IN SELECT unnest(ARRAY['text', 'date', 'jsonb', 'oid', 'regclass', 'score', 'assetset']) AS typname LOOP
        EXECUTE format('CREATE TYPE pg_temp.%I AS (y integer)', o.typname);
    END LOOP;
END $$;
SET search_path = evil, pg_temp, pg_catalog, posture, public;
SQL
my $work = <<'SQL';
SELECT * FROM posture.ingest();
SELECT * FROM posture.take_snapshot();
CALL posture.run_daily();
SELECT * FROM posture.ingest('cloud');
SELECT * FROM posture.take_snapshot();
SELECT posture.acknowledge(2, 'taken');
SELECT posture.metric_assets('m1');
SELECT * FROM posture.plan('i1');
SELECT posture.show('i1'), posture.show('i3', true);
SELECT * FROM posture.plan('i3', '99', 'gain_per_asset');
SELECT posture.what_if('i2', '{r1}'), posture.planned_score('i2'), posture.achievable_score('i2'), posture.score_of('i2', 'g1');
SELECT * FROM posture_internal.metric_state('infinity');
SELECT posture.is_drop('80', '78');
SELECT * FROM posture.schedule();
SELECT * FROM posture.metric_snapshot;
SELECT event_id, metric_id, recommendation_id, initiative_id, reason, points FROM posture.event_cause;
SELECT event_id, kind, object, name, previous_score, score, drop, weight, status, cause FROM posture.event_report;
SELECT source, recommendation, asset, state, reason FROM posture.rejected;
SELECT recommendation_id, asset_id, state, details FROM posture.finding;
SELECT day, outcome, counts FROM posture.run;
SELECT * FROM posture.verify();
SELECT item, state, hint FROM posture.status();
SQL
$work .= "SELECT * FROM posture.$_;\n" for grep { $_ ne 'event_report' } @views;
$node->safe_psql('warehouse', <<'SQL', extra_params => [ '-U', 'risk_owner' ]);
INSERT INTO posture.inbox VALUES ('scan', 'r2', 'a5', 'non_compliant', now());
INSERT INTO posture.inbox VALUES ('scan', 'brand new', 'brand new', 'non_compliant', now(), 'host', 'New', '{"a": 1}');
INSERT INTO posture.inbox VALUES ('cloud', 'r6', 'a6', 'non_compliant', now()), ('cloud', 'r6', 'a7', 'bad', now());
-- days that are due
DELETE FROM posture.snapshot WHERE day = posture.today() - 1;
DELETE FROM posture.metric_snapshot WHERE day = posture.today() - 1;
DELETE FROM posture.initiative_snapshot WHERE day = posture.today() - 1;
SQL
$node->safe_psql('postgres', 'CREATE DATABASE hostile TEMPLATE warehouse');
$node->safe_psql('hostile', 'CREATE SCHEMA evil AUTHORIZATION attacker; GRANT ALL ON SCHEMA evil TO risk_owner; GRANT TEMP ON DATABASE hostile TO risk_owner');
$node->safe_psql('hostile', $path);
cmp_ok($node->safe_psql('hostile', q{SELECT count(*) FROM pg_operator WHERE oprnamespace = 'evil'::regnamespace}), '>', 500, 'the trap has operators');
cmp_ok($node->safe_psql('hostile', q{SELECT count(*) FROM pg_proc WHERE pronamespace = 'evil'::regnamespace AND proname !~ '^o[0-9]'}), '>', 150, 'and functions');
$node->safe_psql('hostile', 'GRANT SELECT ON ALL TABLES IN SCHEMA evil TO risk_owner');
my ($plain, $hostile);
# an error is an answer too: schedule() has to fail alike
$node->psql('warehouse', $work, stdout => \$plain, stderr => \my $plain_err, extra_params => [ '-U', 'risk_owner' ], on_error_stop => 0);
$node->psql('hostile', $temp . $work, stdout => \$hostile, stderr => \my $hostile_err, extra_params => [ '-U', 'risk_owner' ], on_error_stop => 0);
cmp_ok(length($plain), '>', 10_000, 'there is something to compare');
$_ =~ s/^psql:<stdin>:\d+: //mg for ($plain_err, $hostile_err);
is($hostile_err, $plain_err, 'a hostile search_path raises no other error');
# without ORDER BY the order is nobody's promise
$_ = join "\n", sort split /\n/ for ($hostile, $plain);
is($hostile, $plain, 'and changes no answer');
unlike($plain, qr/evil/, 'nor is the answer from there');

# Who may create in the schema may put functions beside the extension's: for each
# argument one that takes a domain over its type, which would be the better match
# where a column of that domain is passed as it is. Whoever else calls posture
# must not call those.
my $overload = <<'SQL';
DO $$
DECLARE
    o record;
BEGIN
    FOR o IN
        WITH substitute AS (
            SELECT d.oid AS domain, d.typbasetype AS base FROM pg_type d WHERE d.typnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND d.typtype = 'd'
        )
        SELECT p.proname, string_agg(CASE WHEN a.n = x.n OR x.n = 0 THEN coalesce(b.domain, a.type) ELSE a.type END::regtype::text, ', ' ORDER BY a.n) AS args,
               p.proretset
        FROM pg_proc p
        CROSS JOIN LATERAL generate_series(0, p.pronargs) x(n)
        CROSS JOIN substitute s
        CROSS JOIN LATERAL unnest(p.proargtypes::oid[]) WITH ORDINALITY a(type, n)
        LEFT JOIN LATERAL (SELECT s.domain WHERE s.base = a.type) b ON true
        WHERE p.pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND p.prokind = 'f' AND s.base = ANY (p.proargtypes::oid[])
        GROUP BY p.oid, p.proname, x.n, s.domain
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION posture.%I(%s) RETURNS void LANGUAGE plpgsql AS %L', o.proname, o.args,
                           format('BEGIN RAISE EXCEPTION ''evil %s was called''; END', o.proname));
        EXCEPTION WHEN duplicate_function THEN NULL;
        END;
    END LOOP;
END $$;
SQL
# What is passed without a type, NULL too, is taken for text where there is a
# function for that. Not beside those that are called below with literals.
my $untyped = <<'SQL';
DO $$
DECLARE
    o record;
BEGIN
    FOR o IN
        SELECT p.proname, string_agg(CASE WHEN a.n = x.n OR x.n = 0 THEN s.type ELSE a.type::regtype::text END, ', ' ORDER BY a.n) AS args
        FROM pg_proc p
        CROSS JOIN LATERAL generate_series(0, p.pronargs) x(n)
        CROSS JOIN unnest(ARRAY['text', 'timestamp with time zone', 'anyelement']) s(type)
        CROSS JOIN LATERAL unnest(p.proargtypes::oid[]) WITH ORDINALITY a(type, n)
        WHERE p.pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND p.prokind = 'f' AND p.proowner <> 'risk_owner'::regrole AND p.proname <> ALL (CALLED)
        GROUP BY p.oid, p.proname, x.n, s.type
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION posture.%I(%s) RETURNS void LANGUAGE plpgsql AS %L', o.proname, o.args,
                           format('BEGIN RAISE EXCEPTION ''evil %s was called''; END', o.proname));
        EXCEPTION WHEN OTHERS THEN NULL;    -- there is one, or its arguments are for C code alone
        END;
    END LOOP;
END $$;
SQL
$node->safe_psql('warehouse', q{UPDATE posture.metric SET criticality_weights = '{1,2,3,4}' WHERE key = 'm1'; UPDATE posture.initiative SET target_score = 99});
$node->safe_psql('postgres', "CREATE DATABASE $_ TEMPLATE warehouse") for qw(overloaded alike);
my $functions = $node->safe_psql('overloaded', q{SELECT count(*) FROM pg_proc WHERE pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)});
($rc, $out, $err) = query_as($node, 'overloaded', 'risk_owner', $overload);
is("$rc$err", '0', 'who may create in the schema puts functions beside');
cmp_ok($node->safe_psql('overloaded', q{SELECT count(*) FROM pg_proc WHERE pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)}) - $functions, '>', 300, 'many of them');
$work .= <<'SQL';
SELECT * FROM posture.fold();
SELECT * FROM posture.rebuild();
SELECT * FROM posture.verify();
SELECT * FROM posture.install_pack('critical-assets');
SELECT * FROM posture.change_report('i1', posture.today() - 3, posture.today());
SELECT x.* FROM posture.event e, posture.explain(e.event_id) x;
SELECT * FROM posture.load('posture', '{"type": "metric", "key": "weighs", "criticality_weights": [1, 2, 3, 4], "cooldown_days": 3}'::jsonb);
SELECT export FROM posture.export('{metric,initiative,recommendation}');
SELECT * FROM posture.points_change('i3', posture.today() - 3, posture.today());
SELECT * FROM posture.merge_asset('a1','a2');
SELECT posture.grant_access('reader','reader');
SELECT posture.grant_access('reader','owner');
SELECT repaired > 0 FROM posture.rebuild();
SELECT posture.revoke_access('reader');
SELECT * FROM posture.apply_rules();
UPDATE posture.metric SET rule = '{"source": "scan"}' WHERE key = 'm5';
INSERT INTO posture.metric_recommendation VALUES (1, 5);
SELECT * FROM posture.install_pack('secure-score');
SELECT initiatives, metrics FROM posture.install_pack('postgresql');
SELECT posture.reopen(2);
SELECT * FROM posture.plan('i2', '99', 'gain_per_asset');
SELECT * FROM posture.load('graph-secure-score-profiles', '{"value": [{"id": "c", "title": "A control", "maxScore": 10}]}');
SELECT * FROM posture.load('graph-secure-scores', '{"value": [{"createdDateTime": "2026-01-01T00:00:00Z", "currentScore": 8, "maxScore": 10, "controlScores": [{"controlName": "c", "score": 8, "scoreInPercentage": 80}]}]}');
SELECT * FROM posture.load('azure-assessments', '{"value": [{"id": "/subscriptions/s/providers/Microsoft.Security/assessments/a", "name": "a", "type": "Microsoft.Security/assessments", "properties": {"resourceDetails": {"source": "Azure", "id": "/subscriptions/s"}, "displayName": "An assessment", "status": {"code": "Healthy"}}}]}');
SELECT * FROM posture.load('azure-secure-score-controls', '{"value": [{"id": "/subscriptions/s/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/c", "name": "c", "type": "Microsoft.Security/secureScores/secureScoreControls", "properties": {"displayName": "A control", "healthyResourceCount": 1, "unhealthyResourceCount": 1, "notApplicableResourceCount": 0, "score": {"max": 4, "current": 2, "percentage": 0.5}, "weight": 2}}]}');
SELECT * FROM posture.load('ocsf', '[{"class_uid": 2004, "metadata": {"event_code": "check", "product": {"name": "Prowler"}}, "status_code": "FAIL", "finding_info": {"title": "A check"}, "resources": [{"uid": "r1"}]}]');
SELECT * FROM posture.load('xccdf', '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" id="t" end-time="2026-01-01T00:00:00Z"><target>web1</target><rule-result idref="r"><result>pass</result></rule-result></TestResult>'::xml);
SELECT * FROM posture.load('prowler-checks', '[{"Provider": "aws", "CheckID": "check", "CheckTitle": "A check", "Severity": "high"}]');
SELECT * FROM posture.load('compliance-framework', '{"Framework": "F", "Name": "A framework", "Version": "1", "Provider": "AWS", "Requirements": [{"Id": "1", "Description": "A requirement", "Checks": ["check"], "Attributes": [{"Section": "S"}]}]}');
SELECT count(*) FROM posture.export();
UPDATE posture.finding SET state='compliant' WHERE asset_id < 5;
TRUNCATE posture.finding;
SQL
$node->safe_psql('overloaded', $untyped =~ s/CALLED/"ARRAY['" . join("', '", $work =~ m{posture\.(\w+)\(}g) . "']"/er, extra_params => [ '-U', 'risk_owner' ]);
cmp_ok($node->safe_psql('overloaded', q{SELECT count(*) FROM pg_proc WHERE pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)}) - $functions, '>', 2000, 'and more for what has no type');
$node->psql('alike', $work, stdout => \$plain, stderr => \$plain_err, on_error_stop => 0);
$node->psql('overloaded', $work, stdout => \my $overloaded, stderr => \my $overloaded_err, on_error_stop => 0);
unlike($overloaded_err, qr/evil/, 'a superuser calls none of them');
# each in its own database, at its own moment; psql's errors alone, since contexts show whole queries
is(join("\n", $overloaded_err =~ /ERROR: .*/g), join("\n", $plain_err =~ /ERROR: .*/g), 'no other error');
$_ = join "\n", sort map { s/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\+00/now/gr } split /\n/ for ($overloaded, $plain);
is($overloaded, $plain, 'and no other answer');

# text is data
my @texts = (
	q{'; DROP TABLE posture.finding; --}, q{"; DELETE FROM posture.asset; --}, q{$$; SELECT 1/0; $$},
	q{%s %I %L %1$s %%}, q{\\'; \\x00 \\n \\.}, q{Robert'); DROP SCHEMA posture CASCADE;--},
	q{<script>alert(1)</script>}, q{a,b;c|d	e}, "two\nlines", "\x{e9}t\x{e9} \x{1F512}", q{NULL}, q{{1-4}}, q{$1 :x :'x' ${x}}, ' ');
my $values = '';
{
	my $n = 0;
	for my $text (@texts)
	{
		my $bytes = $text;
		utf8::encode($bytes);
		$values .= ($n++ ? ', ' : '') . sprintf(q{(%d, convert_from('\\x%s', 'UTF8'))}, $n, unpack('H*', $bytes));
	}
}
($rc, $out, $err) = query_as($node, 'warehouse', 'risk_owner', <<SQL);
CREATE TABLE public.hostile_text (n integer, t text);
INSERT INTO public.hostile_text VALUES $values;
INSERT INTO posture.source (key, name) SELECT t, t FROM public.hostile_text;
INSERT INTO posture.inbox SELECT t, t, t, 'non_compliant', now(), t, t, to_jsonb(t) FROM public.hostile_text;
INSERT INTO posture.inbox SELECT 'no ' || t, t, t, 'compliant', now(), t, t, to_jsonb(t) FROM public.hostile_text;
INSERT INTO posture.inbox SELECT t, t, t, t, now(), t, t, to_jsonb(t) FROM public.hostile_text;
SQL
is($err, '', 'hostile text in every column of the inbox');
is((query_as($node, 'warehouse', 'risk_owner', 'SELECT loaded, changed, rejected FROM posture.ingest()'))[1],
	join('|', scalar(@texts), scalar(@texts), 2 * @texts), 'is loaded or rejected');
same_rows($node, 'warehouse',
	q{SELECT s.key::text, r.key::text, r.title, a.key::text, a.kind, a.name, f.state::text, f.details
	  FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id) JOIN posture.source s USING (source_id)
	  JOIN posture.asset a USING (asset_id) WHERE s.key NOT IN ('scan', 'cloud')},
	q{SELECT t, t, t, t, t, t, 'non_compliant', to_jsonb(t) FROM public.hostile_text}, 'to the letter');
same_rows($node, 'warehouse',
	q{SELECT source, recommendation, asset, state, asset_kind, asset_name, details FROM posture.rejected
	  WHERE source NOT IN ('scan', 'cloud', 'nobody')},
	q{SELECT 'no ' || t, t, t, 'compliant', t, t, to_jsonb(t) FROM public.hostile_text UNION ALL
	  SELECT t, t, t, t, t, t, to_jsonb(t) FROM public.hostile_text}, 'what is rejected too');
is((query_as($node, 'warehouse', 'risk_owner', q{SELECT sum(closed) FROM public.hostile_text, posture.source s, LATERAL posture.ingest(s.key, s.key) WHERE s.key = t}))[2] =~ /no finding of source/ ? 1 : 0,
	1, 'nor is it more as an argument');
($rc, $out, $err) = query_as($node, 'warehouse', 'risk_owner', <<'SQL');
INSERT INTO posture.metric (key, name) SELECT t, t FROM public.hostile_text;
INSERT INTO posture.metric_recommendation SELECT m.metric_id, r.recommendation_id
FROM posture.metric m JOIN posture.recommendation r ON r.key = m.key JOIN public.hostile_text ON t = m.key;
INSERT INTO posture.initiative (key, name) SELECT t, t FROM public.hostile_text;
INSERT INTO posture.initiative_metric SELECT initiative_id, metric_id
FROM posture.metric m JOIN posture.initiative i ON i.key = m.key JOIN public.hostile_text ON t = m.key;
UPDATE posture.finding SET state = 'compliant', changed_at = posture.day_end(posture.today() - 1)
WHERE recommendation_id IN (SELECT recommendation_id FROM posture.metric_recommendation JOIN posture.metric USING (metric_id) JOIN public.hostile_text ON t = key);
SELECT FROM posture.take_snapshot();
UPDATE posture.metric_snapshot SET day = day - 1 WHERE key IN (SELECT t FROM public.hostile_text);
UPDATE posture.initiative_snapshot SET day = day - 1 WHERE key IN (SELECT t FROM public.hostile_text);
UPDATE posture.initiative_metric_snapshot SET day = day - 1
WHERE day = posture.today() AND initiative_id IN (SELECT initiative_id FROM posture.initiative JOIN public.hostile_text ON t = key);
INSERT INTO posture.inbox SELECT t, t, t, 'non_compliant' FROM public.hostile_text;
SELECT FROM posture.ingest();
SELECT FROM posture.take_snapshot();
SQL
is("$rc$err", '0', 'metrics and initiatives of such names drop');
same_rows($node, 'warehouse',
	q{SELECT object, name, drop FROM posture.event_report WHERE object IN (SELECT t FROM public.hostile_text) AND kind = 'initiative_score_drop' AND starts_with(cause, format('100 points lost: 100 by ''%s''', name))},
	q{SELECT t, t, 100.000000 FROM public.hostile_text}, 'and the sentence has the name as it is');
is((query_as($node, 'warehouse', 'risk_owner', q{SELECT count(*) FROM public.hostile_text, posture.metric_assets(t) s WHERE posture.cardinality(s) = 1}))[1],
	scalar(@texts), 'metric_assets() takes it as a key');

# the owner takes it away, and may have it again
($rc, $out, $err) = query_as($node, 'warehouse', 'risk_owner', 'DROP EXTENSION posture');
is("$rc$err", '0', 'the owner drops the extension');
is($node->safe_psql('warehouse', q{SELECT count(*) FROM pg_class WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)}), '0', 'nothing of it is left');
($rc, $out, $err) = query_as($node, 'warehouse', 'risk_owner', 'CREATE EXTENSION posture');
is("$rc$err", '0', 'and creates it again');

$node->stop;
done_testing();
