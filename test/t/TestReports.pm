# Everything that a database says: the queries of all views and reports, and digests and
# comparisons of their rows between two databases.
package TestReports;

use strict;
use warnings;
use Exporter 'import';
use TestPosture;

our @EXPORT = qw(report_queries dumped_tables answers differing digest_sql);

# queries of all views, and of the functions that people and reports call, by name
sub report_queries
{
	my ($node, $db) = @_;
	return (
		(map { (split /\./)[1] => "SELECT * FROM $_" } views($node, $db)),
		verify => 'SELECT * FROM posture.verify()',
		state => q{SELECT * FROM posture_internal.current_state('infinity')},
		recomputed => q{SELECT * FROM posture_internal.current_state('infinity', false)},
		metric_state => q{SELECT metric_id, exposed, assessed, score
			FROM posture_internal.metric_state('infinity')},
		metric_assets => q{SELECT m.key, d.day, posture.metric_assets(m.key, d.day)
			FROM posture.metric m, (SELECT day FROM posture_internal.finding_history
			UNION SELECT day - 1 FROM posture_internal.finding_history UNION SELECT NULL) d(day)},
		plan => q{SELECT i.key, p.* FROM posture.initiative i
			CROSS JOIN LATERAL posture.plan(i.key) p},
		what_if => q{SELECT i.key, posture.what_if(i.key, '{r1,p1}'), posture.planned_score(i.key),
			posture.achievable_score(i.key), posture.score_of(i.key, 'g1')
			FROM posture.initiative i},
		explain => q{SELECT e.event_id, x.* FROM posture.event e
			CROSS JOIN LATERAL posture.explain(e.event_id) x},
		change_report => q{SELECT i.key, x.* FROM posture.initiative i CROSS JOIN LATERAL
			posture.change_report(i.key, posture.today() - 3, posture.today() - 1) x},
		points_change => q{SELECT *
			FROM posture.points_change('i3', posture.today() - 3, posture.today() - 1)},
		band_of => q{SELECT initiative, score, posture.band_of(initiative, 'zone', score)
			FROM posture.overview},
		export => 'SELECT * FROM posture.export() x',
		settings => q{SELECT posture_internal.setting('timezone'), posture.today(),
			posture_internal.due_day()},
		pack => 'SELECT * FROM posture.pack()');
}

# the tables that a dump carries: all but the derived ones
sub dumped_tables
{
	return grep {
		# only a head and its nodes have rows in some
		!/^(posture\.node|posture_internal\.(place|bucket|catalog_push|node_count|alias_route|routed|handed_over|asset_move|kept_piece))$/
		  && !/^posture_internal\.(\w+_(set|delta)|object_count|counted_slice|delivery|verification|change_log_start)$/
	} tables(@_);
}

# Runs queries, given by name. Returns the rows of each as text, counted and sorted.
sub answers
{
	my ($query, $node, $db) = @_;
	my $script = join '', map {
		"\\echo == $_\nSELECT count(*), x FROM (SELECT q::text AS x FROM ($query->{$_}) q) q "
		  . "GROUP BY x ORDER BY x COLLATE \"C\";\n"
	} sort keys %$query;
	return map { my ($name, $rows) = split /\n/, $_, 2; ($name => ($rows // '') =~ s/\n+\z//r) }
	  grep { $_ } split /^== /m, $node->safe_psql($db, $script);
}

# Names of the queries that two databases answer differently. A database is given as
# [ node, name ], or as its answers.
sub differing
{
	my ($query, @databases) = @_;
	my ($here, $there) = map { ref $_ eq 'HASH' ? $_ : { answers($query, @$_) } } @databases;
	return join ' ', grep { ($here->{$_} // 'none') ne ($there->{$_} // '') } sort keys %$query;
}

# a query with a row for each relation or function: its name, the number of rows, a digest
sub digest_sql
{
	return join "\nUNION ALL\n", map { <<"SQL" =~ s/\n\z//r } @_;
SELECT \$of\$$_\$of\$ AS name, count(*), md5(string_agg(x::text, '|' ORDER BY x::text COLLATE "C"))
FROM $_ x
SQL
}

1;
