# The least and the greatest value that each column of a database takes: the most extreme of
# a list that its type, its domain and its own constraints accept.
package TestBounds;

use strict;
use warnings;
use Exporter 'import';
use TestPosture;

our @EXPORT = qw(@ends bounds_sql write_bounds $out_of_range $ranged $brought);

# What version 0.2 accepted, the query that shows it, and what the upgrade makes of it.
our $out_of_range = <<'SQL';
INSERT INTO posture.source (key, name) VALUES ('odd', 'Odd');
INSERT INTO posture.recommendation (source_id, key, title, max_points, due_on)
SELECT source_id, 'odd rule', 'Odd', 1e-400, '5874897-12-31' FROM posture.source;
INSERT INTO posture.measure
SELECT recommendation_id, 1e-330, 0.33333333333333333, '4714-11-24 00:00Z BC'
FROM posture.recommendation;
INSERT INTO posture.exemption (recommendation_id, kind, reason, created_at, expires_at)
SELECT recommendation_id, 'waived', 'odd', e.at, e.until
FROM posture.recommendation, (VALUES (timestamptz '4714-11-24 00:00Z BC', timestamptz 'infinity'),
    ('4714-11-24 00:00Z BC', '0001-01-01')) e(at, until);
INSERT INTO posture.metric (key, name, drop_threshold) VALUES ('odd metric', 'Odd', 1e-45);
INSERT INTO posture.initiative (key, name, target_on) VALUES ('odd goal', 'Odd', '-infinity');
INSERT INTO posture.initiative_metric SELECT 1, metric_id, 1e-400 FROM posture.metric;
INSERT INTO posture.initiative_metric_snapshot VALUES ('2026-01-01', 1, 1, 1e-330);
INSERT INTO posture.metric_snapshot VALUES ('2026-01-01', 1, 1e-400, 1e-330, 50, 'high');
SQL
our $ranged = <<'SQL';
SET timezone = 'UTC';
SELECT max_points, due_on FROM posture.recommendation;
SELECT achieved, possible, observed_at FROM posture.measure;
SELECT created_at, expires_at FROM posture.exemption ORDER BY 2;
SELECT drop_threshold FROM posture.metric;
SELECT target_on FROM posture.initiative;
SELECT weight FROM posture.initiative_metric;
SELECT weight FROM posture.initiative_metric_snapshot;
SELECT exposed, assessed FROM posture.metric_snapshot;
SQL
our $brought = <<'ROWS' =~ s/\n\z//r;
0.000000000001|9999-12-31
0.000000000001|0.333333333333|1900-01-01 00:00:00+00
1900-01-01 00:00:00+00|1900-01-01 00:00:00+00
1900-01-01 00:00:00+00|
0.000000000001
1900-01-01
0.000000000001
0.000000000001
0.000000000001|0.000000000001
ROWS

# Candidates for each type, the most extreme first. least and greatest are those of the
# column, tiny the least above zero, precise the one with the most digits.
our @ends = qw(least greatest tiny precise);
my %candidate = (
	numeric => {
		least => [qw(-Infinity -1e131071 -1e100 -1e30 -1 0 1e-16383 1e-45 1e-12 1)],
		greatest => [qw(NaN Infinity 1e131071 1e100 1e60 1e30 1e15 100000 1000 100 1)],
		tiny => [qw(1e-16383 1e-400 1e-330 1e-100 1e-45 1e-30 1e-20 1e-12 1e-6 0.001 1)],
		precise => [ map({ '1.' . '7' x $_ } 16383, 400, 45), '777777777777777.' . '7' x 20,
			'777777777777777.777777777777', '77.777777777777', '0.777777777777', '77.777777' ],
	},
	integer => {
		least => [qw(-2147483648 -1 0 1)],
		greatest => [qw(2147483647 1000000 36500 1000 1)],
	},
	bigint => {
		least => [qw(-9223372036854775808 -1 0 1)],
		greatest => [qw(9223372036854775807 1000000000000000000 1000000000000 1000 1)],
	},
	date => {
		least => [ '-infinity', '4714-11-24 BC', '0001-01-01', '1899-12-31', '1900-01-01' ],
		greatest => [ 'infinity', '5874897-12-31', '294276-12-31', '10000-01-01', '9999-12-31' ],
	},
	'timestamp with time zone' => {
		least => [ '-infinity', '4714-11-24 00:00:00+00 BC', '0001-01-01 00:00:00+00',
			'1899-12-31 23:59:59.999999+00', '1900-01-01 00:00:00+00' ],
		greatest => [ 'infinity', '294276-12-31 23:59:59.999999+00', '10000-01-01 00:00:00+00',
			'9999-12-31 23:59:59.999999+00' ],
	},
	interval => {
		least => [ '-178000000 years', '-1 day', '0', '1 microsecond', '1 day' ],
		greatest => [ '178000000 years', '36501 days', '36500 days' ],
	},
	'posture.score' => { least => ['0'], greatest => ['100'], tiny => ['0.000001'],
		precise => ['33.333333'] },
	'posture.assetset' => { least => ['{}'], greatest => ['{2147483647}'],
		precise => ['{0,1,65535,65536,2147483647}'] },
	'integer[]' => { least => [ '{}', '{0,0,0,0}', '{0,0,0,1}' ], tiny => ['{0,0,0,1}'],
		greatest => [ '{2147483647,2147483647,2147483647,2147483647}', '{1000,1000,1000,1000}' ] },
	'text[]' => { least => ['{}'], tiny => ['{NULL}'], greatest => ['{"",a,a,NULL}'] },
	jsonb => { least => [ 'null', '0', '[]', '{}' ], greatest => [ '[[[]]]', '{"a": [1e400]}' ] },
	text => { least => [ '', ' ', 'x' ], greatest => [ 'x' x 100_000, 'x' x 1024, 'x' ] },
	name => { least => [''], greatest => [ 'x' x 63 ] });

# SQL that fills pg_temp.bound: for each column and end, the first candidate that it takes.
# Keys of other tables and ids are left out, and what documents and inboxes have as it was
# delivered is not: it has no bounds, and is read all the same.
sub bounds_sql
{
	my @rows;
	for my $type (sort keys %candidate)
	{
		for my $end (sort keys %{ $candidate{$type} })
		{
			my $n = 0;
			push @rows, map { "('$type'::regtype, '$end', " . ++$n . ", '$_')" }
			  @{ $candidate{$type}{$end} };
		}
	}
	return "CREATE TEMP TABLE candidate (type, bound, n, value) AS VALUES\n"
	  . join(",\n", @rows) . ";\n" . <<"SQL";
CREATE TEMP TABLE bounded AS
SELECT c.oid::regclass AS relation, a.attname AS name, a.attnum AS number, t.type,
       format_type(a.atttypid, a.atttypmod) AS column_type,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique
               AND a.attnum = ANY (i.indkey)) AS is_key
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type y ON y.oid = a.atttypid
CROSS JOIN LATERAL (SELECT CASE WHEN y.typbasetype = 0 THEN y.oid ELSE y.typbasetype END::regtype
                           AS type) t
WHERE c.relnamespace $schemas AND c.relkind = 'r'
  AND c.relname !~ '_(set|delta)\$|^(object_count|counted_slice|delivery|verification)\$'
  AND a.attname !~ '_id\$|^(recommendations|switched_off|asset_groups|is_only_row|rule|is_active)\$'
  AND t.type IN (SELECT k.type FROM candidate k);
-- the constraints of a column alone; one of several columns holds if all have the same end
CREATE FUNCTION pg_temp.takes(relation regclass, name name, number smallint, column_type text,
                              value text) RETURNS boolean
    LANGUAGE plpgsql AS \$\$
DECLARE
    checked record;
    result boolean;
BEGIN
    EXECUTE format('SELECT \$1::%s', column_type) USING value;
    FOR checked IN SELECT pg_get_constraintdef(o.oid) AS definition FROM pg_constraint o
                   WHERE o.conrelid = relation AND o.contype = 'c' AND o.conkey = ARRAY[number] LOOP
        EXECUTE format('SELECT %s FROM (SELECT \$1::%s AS %I) x',
                       substr(checked.definition, 6), column_type, name)
        INTO result USING value;
        IF NOT result THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
EXCEPTION WHEN data_exception OR check_violation THEN
    RETURN false;
END \$\$;
CREATE TEMP TABLE bound AS
SELECT DISTINCT ON (b.relation, b.name, k.bound) b.*, k.bound, k.n, k.value
FROM bounded b JOIN candidate k USING (type)
WHERE pg_temp.takes(b.relation, b.name, b.number, b.column_type, k.value)
ORDER BY b.relation, b.name, k.bound, k.n;
-- of a key, the first rows get the least value and the last rows the greatest
CREATE FUNCTION pg_temp.write_bounds(of_bound text, tables text) RETURNS void
    LANGUAGE plpgsql AS \$\$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT b.relation, string_agg(format('%I = %L', b.name, b.value), ', ') AS assigned
             FROM bound b
             WHERE b.bound = of_bound AND NOT b.is_key AND b.relation::text ~ tables
             GROUP BY b.relation LOOP
        EXECUTE format('UPDATE %s SET %s', t.relation, t.assigned);
    END LOOP;
    FOR t IN SELECT b.* FROM bound b
             WHERE b.bound = of_bound AND b.is_key AND b.relation::text ~ tables
               AND b.type IN ('date'::regtype, 'timestamptz') LOOP
        EXECUTE format('UPDATE %1\$s SET %2\$I = %3\$L
                        WHERE %2\$I = (SELECT %4\$s(%2\$I) FROM %1\$s)', t.relation, t.name,
                       t.value, CASE t.bound WHEN 'least' THEN 'min' ELSE 'max' END);
    END LOOP;
END \$\$;
SQL
}

# SQL that writes an end of all columns of the tables that match a pattern.
sub write_bounds
{
	my ($bound, $tables) = @_;
	return "SELECT pg_temp.write_bounds('$bound', '$tables');\n";
}

1;
