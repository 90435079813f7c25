# Attacks by objects whose names posture uses. plant_sql() creates objects of every kind in
# a schema: each raises an error that begins with "planted" when anything calls or reads it.
# work_sql() is most of what posture does, by names that have their schema.
package TestAttack;

use strict;
use warnings;
use Exporter 'import';
use Test::More;
use TestDocument;
use TestPosture;

our @EXPORT = qw(plant_sql planted work_sql outcome same_outcome errors_of);

my $base_types = q{ARRAY['numeric', 'integer', 'bigint', 'text', 'varchar', 'name', 'date',
	'oid', 'regclass', 'regnamespace', '"char"', 'posture.score', 'posture.object_key',
	'posture.weight']};

# Statements that plant objects in schema PLANT, made from what posture consists of. An
# error of one does not matter: some arguments are for functions in C alone.
sub plant_sql
{
	my ($node, $db, $schema) = @_;
	my $sql = $node->safe_psql($db, "SET search_path = '';\n" . generate_sql());
	# functions and operators of pg_temp are never found without its name
	$sql =~ s/^-- overloads$.*?^-- aggregates$//ms if $schema eq 'pg_temp';
	$sql =~ s/^-- operators$.*?^-- relations$//ms if $schema eq 'pg_temp';
	return $sql =~ s/\bPLANT\b/$schema/gr;
}

sub generate_sql
{
	return <<'SQL' =~ s/OURS/$schemas/gr =~ s/BASE_TYPES/$base_types/gr;
SELECT 'SET client_min_messages = error;';
SELECT $$CREATE FUNCTION PLANT.spring() RETURNS boolean LANGUAGE plpgsql
    AS 'BEGIN RAISE ''planted object was read''; END';
CREATE FUNCTION PLANT.spring_trigger() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN RAISE ''planted trigger was called''; END';$$;

-- functions: with the arguments of each function of posture, with domains in their place,
-- and for literals without a type
CREATE TEMP TABLE called AS
SELECT DISTINCT m[1] AS name FROM pg_proc p, regexp_matches(p.prosrc, '([a-z_0-9]+)\(', 'g') m
WHERE p.pronamespace OURS;
CREATE TEMP TABLE signature AS
SELECT p.proname, p.proargtypes::oid[] AS args, p.pronargs, p.pronamespace OURS AS is_ours
FROM pg_proc p
WHERE p.prokind <> 'p' AND (p.pronamespace OURS
      OR p.pronamespace = 'pg_catalog'::regnamespace AND p.proname IN (SELECT name FROM called));
CREATE TEMP TABLE substitute AS
SELECT t.typbasetype AS base, t.oid AS type FROM pg_type t
WHERE t.typnamespace OURS AND t.typtype = 'd'
UNION ALL
SELECT NULL, unnest('{text,timestamptz,anyelement}'::regtype[]);
SELECT 'CREATE PROCEDURE PLANT.run_daily() LANGUAGE plpgsql
    AS $$ BEGIN RAISE ''planted procedure was called''; END $$;';
SELECT '-- overloads';
SELECT format('CREATE FUNCTION PLANT.%I(%s) RETURNS void LANGUAGE plpgsql AS %L;', proname, args,
              format('BEGIN RAISE ''planted %s was called''; END', proname))
FROM (SELECT proname, (SELECT string_agg(a::regtype::text, ', ' ORDER BY n)
                       FROM unnest(args) WITH ORDINALITY u(a, n)) AS args FROM signature
      UNION
      SELECT f.proname,
             (SELECT string_agg(CASE WHEN x.n IN (0, u.n) AND coalesce(s.base, u.a) = u.a
                                     THEN s.type ELSE u.a END::regtype::text, ', ' ORDER BY u.n)
              FROM unnest(f.args) WITH ORDINALITY u(a, n))
      FROM signature f CROSS JOIN LATERAL generate_series(0, f.pronargs) x(n)
      CROSS JOIN substitute s
      WHERE f.pronargs > 0 AND f.is_ours AND f.proname IN (SELECT name FROM called)
        AND coalesce(s.base = ANY (f.args), true)) v;

-- aggregates: for types that are a better match
SELECT '-- aggregates';
SELECT format($$CREATE FUNCTION PLANT.spring_state(integer, %1$s) RETURNS integer LANGUAGE plpgsql
    AS 'BEGIN RAISE ''planted aggregate was called''; END';$$, t.oid::regtype)
FROM pg_type t WHERE t.typnamespace OURS AND t.typtype IN ('b', 'd', 'e') AND t.typcategory <> 'A';
SELECT format('CREATE AGGREGATE PLANT.%I(%s) (SFUNC = PLANT.spring_state, STYPE = integer);',
              a.name, t.oid::regtype)
FROM pg_type t CROSS JOIN unnest('{sum,max,min,count,array_agg,string_agg,jsonb_agg,bool_or,
    union_agg,xor_agg,weighted_score}'::text[]) a(name)
WHERE t.typnamespace OURS AND t.typtype IN ('b', 'd', 'e') AND t.typcategory <> 'A';

-- operators: those that there are, and comparisons of every two types
SELECT '-- operators';
SELECT format($$CREATE FUNCTION PLANT.o%1$s(%2$s, %3$s) RETURNS %4$s LANGUAGE plpgsql
    AS 'BEGIN RAISE ''planted operator %5$s was called''; END';
CREATE OPERATOR PLANT.%5$s (LEFTARG = %2$s, RIGHTARG = %3$s, FUNCTION = PLANT.o%1$s);$$,
              row_number() OVER (), l, r, result, name)
FROM (SELECT o.oprname AS name, o.oprleft::regtype AS l, o.oprright::regtype AS r,
             o.oprresult::regtype AS result
      FROM pg_operator o
      WHERE o.oprleft <> 0
        AND (o.oprnamespace OURS OR o.oprnamespace = 'pg_catalog'::regnamespace)
        AND o.oprname IN ('=', '<>', '<', '<=', '>', '>=', '+', '-', '*', '/', '||', '&', '|', '#',
                          '&&', '@>', '<@', '~', '~~', '->', '->>', '#>>', '?')
      UNION
      SELECT name, l, r, 'boolean'
      FROM unnest(ARRAY['=', '<>', '<', '<=', '>', '>=']) name,
           unnest(BASE_TYPES::regtype[]) l, unnest(BASE_TYPES::regtype[]) r) v;

-- tables with a trigger and a policy, views, sequences
SELECT '-- relations';
SELECT format('CREATE TABLE PLANT.%I (%s);', c.relname,
              (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)),
                                 ', ' ORDER BY a.attnum)
               FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0))
       || format($$
CREATE TRIGGER spring BEFORE INSERT OR UPDATE OR DELETE ON PLANT.%1$I
    FOR EACH ROW EXECUTE FUNCTION PLANT.spring_trigger();
ALTER TABLE PLANT.%1$I ENABLE ROW LEVEL SECURITY;
CREATE POLICY spring ON PLANT.%1$I USING (PLANT.spring());$$, c.relname)
FROM pg_class c WHERE c.relnamespace OURS AND c.relkind = 'r';
SELECT format('CREATE VIEW PLANT.%I AS SELECT %s WHERE PLANT.spring();', c.relname,
              (SELECT string_agg(format('NULL::%s AS %I', format_type(a.atttypid, a.atttypmod),
                                        a.attname), ', ' ORDER BY a.attnum)
               FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0))
FROM pg_class c WHERE c.relnamespace OURS AND c.relkind = 'v';
SELECT format('CREATE SEQUENCE PLANT.%I;', c.relname)
FROM pg_class c WHERE c.relnamespace OURS AND c.relkind = 'S';
SELECT format('CREATE TABLE PLANT.%I (x pg_catalog.int4);', name)
FROM unnest('{pg_class,pg_proc,pg_extension,pg_type,pg_namespace,pg_roles,pg_attribute,pg_depend,
    pg_settings,pg_stat_activity,generate_series}'::text[]) name;

-- types, with a cast; collations and a text search configuration
SELECT format($$CREATE TYPE PLANT.%1$I AS (x pg_catalog.int4);
CREATE FUNCTION PLANT.spring_cast(PLANT.%1$I) RETURNS pg_catalog.text LANGUAGE plpgsql
    AS 'BEGIN RAISE ''planted cast was called''; END';
CREATE CAST (PLANT.%1$I AS pg_catalog.text) WITH FUNCTION PLANT.spring_cast(PLANT.%1$I)
    AS IMPLICIT;$$, name)
FROM (SELECT t.typname::text AS name FROM pg_type t
      WHERE t.typnamespace OURS AND t.typtype IN ('e', 'd', 'b') AND t.typelem = 0
      UNION
      SELECT unnest('{text,date,jsonb,json,name,oid,tid,int4,int8,bool,numeric,regclass,
          regnamespace,timestamptz,interval,xml,record}'::text[])) t;
SELECT format('CREATE COLLATION PLANT.%I FROM pg_catalog."C";', name)
FROM unnest('{C,POSIX,default}'::text[]) name;
SELECT 'CREATE TEXT SEARCH CONFIGURATION PLANT.simple (COPY = pg_catalog.simple);';
SELECT 'GRANT ALL ON ALL TABLES IN SCHEMA PLANT TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA PLANT TO PUBLIC;';
SQL
}

# how many objects of each catalog are in a schema
sub planted
{
	my ($node, $db, $schema) = @_;
	return map { split /\|/ } split /\n/, $node->safe_psql($db, <<"SQL");
SET search_path = pg_catalog;
SELECT d.classid::regclass, count(*) FROM pg_depend d JOIN pg_namespace n ON n.oid = d.refobjid
WHERE d.refclassid = 'pg_namespace'::regclass AND n.nspname = '$schema' GROUP BY 1
SQL
}

# All that the caller does. Names and casts have their schema, and there is no operator,
# because a hostile search_path applies to these statements themselves.
sub work_sql
{
	my ($node, $db) = @_;
	my ($today, @days) = split /\|/, $node->safe_psql($db,
		q{SELECT posture.today(), posture.today() - 1, posture.today() - 3});
	my $days = "'$days[1]', '$today'";
	my @work = (
		'posture.ingest()', 'posture.take_snapshot()', 'CALL posture.run_daily()',
		q{posture.ingest('cloud')}, 'posture.take_snapshot()',
		q{posture.acknowledge(2, 'taken')}, q{posture.metric_assets('m1')}, q{posture.plan('i1')},
		q{posture.show('i1')}, q{posture.show('i3', true)},
		q{posture.plan('i3', '99', 'gain_per_asset')}, q{posture.what_if('i2', '{r1}')},
		q{posture.planned_score('i2')}, q{posture.achievable_score('i2')},
		q{posture.score_of('i2', 'g1')}, q{posture_internal.metric_state('infinity')},
		q{posture.is_drop('80', '78')}, 'posture.schedule()', 'posture.verify()',
		'posture.fold()', 'posture.rebuild()', q{posture.install_pack('critical-assets')},
		qq{posture.change_report('i1', $days)}, qq{posture.points_change('i3', $days)},
		(map { "posture.explain($_)" } split /\n/,
			$node->safe_psql($db, 'SELECT event_id FROM posture.event ORDER BY 1')),
		(map { "posture.load('$_->[0]', '" . ($_->[1] =~ s/'/''/gr) . "')" } documents()),
		q{posture.export('{metric,initiative,recommendation}')}, q{posture.merge_asset('a1', 'a2')},
		q{posture.grant_access('reader', 'reader')}, q{posture.grant_access('reader', 'owner')},
		'posture.rebuild()', q{posture.revoke_access('reader')}, 'posture.apply_rules()',
		q{UPDATE posture.metric SET rule = '{"source": "scan"}'
			WHERE metric_id OPERATOR(pg_catalog.=) 5},
		'INSERT INTO posture.metric_recommendation VALUES (1, 5)',
		q{posture.install_pack('secure-score')}, q{posture.install_pack('postgresql')},
		'posture.reopen(2)', 'SELECT item, state, hint FROM posture.status()',
		q{posture.plan('i2', '99', 'gain_per_asset')}, 'posture.export()',
		q{UPDATE posture.finding SET state = 'compliant' WHERE asset_id OPERATOR(pg_catalog.<) 5},
		q{INSERT INTO posture.asset (key, name) VALUES ('planted', 'P')},
		q{DELETE FROM posture.asset WHERE asset_id OPERATOR(pg_catalog.=) 60},
		tables($node, $db), views($node, $db), 'TRUNCATE posture.finding', 'posture.fold()',
		'posture.verify()');
	return join '', map { /^[A-Z]/ ? "$_;\n" : "SELECT * FROM $_;\n" } @work;
}

# Runs SQL as a role, in a session that begins with other SQL whose errors do not matter.
# Returns its rows, sorted, and its errors, without moments.
sub outcome
{
	my ($node, $db, $role, $begin, $sql) = @_;
	my ($out, $err) = ('', '');
	my $script = "$begin\n\\echo == work\n\\warn == work\n$sql";
	$node->psql($db, $script, stdout => \$out, stderr => \$err, on_error_stop => 0,
		extra_params => [ '-U', $role ]);
	s/\A.*^== work\n?//ms for $out, $err;
	$out =~ s/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d+([+-]\d\d(:?\d\d)?|Z)?/MOMENT/g;
	$out =~ s/\d\d:\d\d:\d\d\.\d+/TIME/g;
	$out =~ s/\d+:\d\d:\d\d after its end/TIME after its end/g;
	my @errors = $err =~ /(?:ERROR|FATAL|PANIC): .*/g;
	return { rows => [ sort split /\n/, $out ], errors => \@errors };
}

# Runs statements as a role, each in a transaction that is rolled back. Returns each with
# its first error.
sub errors_of
{
	my ($node, $db, $role, @sql) = @_;
	my $err = '';
	my $script = join '', map { "\\warn == $_\nBEGIN;\n$sql[$_];\nROLLBACK;\n" } 0 .. $#sql;
	$node->psql($db, $script, stderr => \$err, on_error_stop => 0, extra_params => [ '-U', $role ]);
	my %error = $err =~ /^== (\d+)\n(?:(?!== ).*\n)*?.*?((?<=ERROR:  ).*)/mg;
	return map { "$sql[$_]: " . ($error{$_} // 'no error') } 0 .. $#sql;
}

# Tests that nothing planted was called, and that rows and errors are the same as without.
sub same_outcome
{
	my ($attacked, $plain, $name) = @_;
	unlike(join("\n", @{ $attacked->{rows} }, @{ $attacked->{errors} }),
		qr/planted (\w+ )?\S+ was/, "$name: nothing that was planted is called");
	for my $what (qw(errors rows))
	{
		my %count;
		$count{$_}++ for @{ $attacked->{$what} };
		$count{$_}-- for @{ $plain->{$what} };
		my @differ = map { ($count{$_} > 0 ? 'attacked: ' : 'plain: ') . $_ }
		  grep { $count{$_} } sort keys %count;
		is(join("\n", @differ[ 0 .. ($#differ > 9 ? 9 : $#differ) ]), '', "$name: the same $what");
	}
	return;
}

1;
