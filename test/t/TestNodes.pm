# A head with nodes, and one server that gets the same, which is the oracle: every report of
# the head has the rows that it has there.
package TestNodes;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

our @EXPORT = qw(new_cluster stop_cluster add_server on_both differences_of differences_of_all same_reports
  @asset_free_reports);

# reports that have no ids of assets and of rows
our @asset_free_reports = (
	'SELECT * FROM posture.overview',
	'SELECT * FROM posture.metric_report',
	'SELECT * FROM posture.group_report',
	'SELECT * FROM posture.recommendation_report');

# Returns a cluster: head, one and a list of nodes, each a started server with posture in
# database postgres. The nodes are federated with the head as w1, w2 and so on.
sub new_cluster
{
	my ($name, $count, $conf) = @_;
	# that of new_node() changes with the hour, and all servers have one
	my $zone = sprintf "posture.timezone = 'Etc/GMT%+d'\n", (gmtime)[2] - 12;
	$conf = $zone . ($conf // '');
	my %cluster = (head => new_node("${name}_head", $conf), one => new_node("${name}_one", $conf),
		nodes => [], zone => $zone);
	$_->safe_psql('postgres', 'CREATE EXTENSION posture') for $cluster{head}, $cluster{one};
	$cluster{head}->safe_psql('postgres', 'CREATE EXTENSION dblink');
	add_server(\%cluster, $name, $conf) for 1 .. $count;
	$cluster{head}->safe_psql('postgres',
		"SELECT posture.federate(ARRAY(SELECT 'w' || n FROM generate_series(1, $count) n))");
	return \%cluster;
}

# Starts one more server with posture, and makes a foreign server of it on the head.
sub add_server
{
	my ($cluster, $name, $conf) = @_;
	my $n = @{ $cluster->{nodes} } + 1;
	my $node = new_node("${name}_w$n", $cluster->{zone} . ($conf // ''));
	my $user = superuser();
	$node->safe_psql('postgres', 'CREATE EXTENSION posture');
	$cluster->{head}->safe_psql('postgres', sprintf(<<'SQL', $n, $node->host, $node->port, $user, $n, $user));
CREATE SERVER w%d FOREIGN DATA WRAPPER dblink_fdw
OPTIONS (host '%s', port '%d', dbname 'postgres');
CREATE USER MAPPING FOR "%s" SERVER w%d OPTIONS (user '%s');
SQL
	push @{ $cluster->{nodes} }, $node;
	return $node;
}

sub stop_cluster
{
	my ($cluster) = @_;
	$_->stop for $cluster->{head}, $cluster->{one}, @{ $cluster->{nodes} };
	return;
}

# Runs statements on the head and on the one server.
sub on_both
{
	my ($cluster, $sql) = @_;
	$_->safe_psql('postgres', $sql) for $cluster->{head}, $cluster->{one};
	return;
}

# Returns the rows of queries that some servers have together and the one server has not (+), or
# the other way around (-), as text; the same row several times counts.
sub differences_between
{
	my ($servers, $one, @queries) = @_;
	my $text = '';
	for my $query (@queries)
	{
		my %count;
		for my $side (map({ [ $_, 1 ] } @$servers), [ $one, -1 ])
		{
			$count{$_} += $side->[1]
			  for split /\n/, $side->[0]->safe_psql('postgres', "SELECT x::text FROM ($query) x");
		}
		my @rows = map { ($count{$_} > 0 ? '+' : '-') . " $_" } grep { $count{$_} } sort keys %count;
		$text .= join("\n", $query, @rows) . "\n" if @rows;
	}
	return $text;
}

# ... that the head has
sub differences_of
{
	my ($cluster, @queries) = @_;
	return differences_between([ $cluster->{head} ], $cluster->{one}, @queries);
}

# ... that the head and its nodes have together
sub differences_of_all
{
	my ($cluster, @queries) = @_;
	return differences_between([ $cluster->{head}, @{ $cluster->{nodes} } ],
		$cluster->{one}, @queries);
}

sub same_reports
{
	my ($cluster, $name, @queries) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(differences_of($cluster, @queries ? @queries : @asset_free_reports), '', $name);
}

1;
