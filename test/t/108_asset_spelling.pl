# Which assets keys become depends on the keys and their kinds alone, not on the order in which
# they come, nor on whether they come in one delivery. Hosts have one asset for all spellings of
# a name, and an asset of another kind is never one of them.
# tests: catalog/asset_alias, finding/ingest, source/load_object

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('spelling', "client_min_messages = warning\n");
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
-- Delivers keys and their kinds, such as web1 host, in one of two ways. Returns the assets of
-- hosts and of others, with the keys that each is known by.
CREATE FUNCTION deliver(way text, deliveries text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    delivery text;
BEGIN
    FOREACH delivery IN ARRAY deliveries LOOP
        CREATE TEMP TABLE item AS
        SELECT split_part(i, ' ', 1) AS key, split_part(i, ' ', 2) AS kind FROM string_to_table(delivery, ',') i;
        IF way = 'inbox' THEN
            INSERT INTO posture.inbox (source, recommendation, asset, state, asset_kind)
            SELECT 's', 'r', key, 'compliant', kind FROM item;
            PERFORM posture.ingest();
        ELSE
            PERFORM posture.load('posture', (SELECT jsonb_agg(jsonb_build_object('type', 'asset', 'key', key, 'kind', kind)) FROM item));
        END IF;
        DROP TABLE item;
    END LOOP;
    RETURN (SELECT string_agg(a.kind || ' ' || a.keys, '; ' ORDER BY a.kind, a.keys)
            FROM (SELECT a.kind, string_agg(n.key, ' ' ORDER BY n.key COLLATE "C") AS keys
                  FROM posture.asset a
                  JOIN (SELECT i.key, i.kind FROM string_to_table(array_to_string(deliveries, ','), ',') s(i)
                        CROSS JOIN LATERAL (SELECT split_part(s.i, ' ', 1), split_part(s.i, ' ', 2)) i(key, kind)) n
                    ON posture_internal.asset_of(n.key, n.kind) = a.asset_id
                  GROUP BY a.asset_id) a) || format(' (%s assets)', (SELECT count(*) FROM posture.asset));
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END $$;
SQL

# all orders of a list
sub orders
{
	my (@items) = @_;
	return [] unless @items;
	return map { my $i = $_; map { [ $items[$i], @$_ ] } orders(@items[ grep { $_ != $i } 0 .. $#items ]) } 0 .. $#items;
}

my @keys = qw(WEB1 Web1 web1);
my ($tried, @wrong) = (0);
for my $kinds (map { my $n = $_; [ map { $n & 1 << $_ ? 'host' : 'user' } 0 .. 2 ] } 0 .. 7)
{
	my @items = map { "$keys[$_] $kinds->[$_]" } 0 .. 2;
	my @hosts = grep { $kinds->[$_] eq 'host' } 0 .. 2;
	my @users = grep { $kinds->[$_] eq 'user' } 0 .. 2;
	my $want = join('; ', (@hosts ? 'host ' . join ' ', @keys[@hosts] : ()), map { "user $keys[$_]" } @users)
	  . sprintf ' (%d assets)', @users + (@hosts ? 1 : 0);
	# all in one delivery, or each in its own
	my @deliveries = map { [$_], [ map { [$_] } @$_ ] } orders(@items);
	for my $way (qw(inbox objects))
	{
		my @calls = map { "deliver('$way', ARRAY[" . join(', ', map { "'" . join(',', @$_) . "'" } @$_) . '])' } @deliveries;
		my @got = split /\n/, $node->safe_psql('postgres', join "\n", map { "BEGIN; SELECT $_; ROLLBACK;" } @calls);
		$tried += @got;
		push @wrong, map { "$calls[$_]: $got[$_], not $want" } grep { $got[$_] ne $want } 0 .. $#calls;
	}
}
is($tried, 8 * 6 * 2 * 2, 'kinds, orders and deliveries');
is(scalar(@wrong), 0, 'have the assets that their keys and kinds have') or diag join "\n", @wrong > 8 ? @wrong[ 0 .. 7 ] : @wrong;

# ids of resources have no kind that they depend on
for my $ids ([ '/subscriptions/S/x vm', '/subscriptions/s/X host' ], [ 'AWS::::Account:111122223333 account', 'arn:aws:iam::111122223333:root user' ])
{
	for my $order ([ 0, 1 ], [ 1, 0 ])
	{
		my ($one, $other) = @$ids[@$order];
		like($node->safe_psql('postgres', "BEGIN; SELECT deliver('inbox', ARRAY[$_]); ROLLBACK;"), qr/\(1 assets\)/, "$_ is one asset")
		  foreach "'$one,$other'", "'$one','$other'";
	}
}

$node->stop;
done_testing();
