# Text is data: hostile text in every text argument of every function, of the contract
# and of the internal schema. Nothing of it is run, and each error is a clear one.
# tests: source/load, finding/ingest

use strict;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestHostile;
use TestPosture;

my $node = hostile_node('injection');
hostile_database($node, 'warehouse', sample_sql());

# what an error may be: of data, of a constraint, of what is not there or not in a state
# for it, of a right or a limit
my $legal = q{'^(22|23|02|55|0A|54)|^(42704|42501|P0002)$'};

# arguments that are parts of a statement, which the function runs as its caller
my $statements = q{('relation', 'call', 'command', 'without', 'row_value', 'rows_from', 'columns')};

# Every text, name and array of texts of every function, each in turn, the
# other arguments NULL, or what is most likely to get further.
my $calls = $node->safe_psql('warehouse', $set_seed . <<"SQL");
DO \$body\$
DECLARE
    f record;
    calls bigint := 0;
BEGIN
    FOR f IN
        SELECT p.oid::regproc AS name, p.oid::regprocedure AS routine, a.n, a.type, h.text,
               (SELECT string_agg(
                           CASE WHEN b.n = p.pronargs AND p.provariadic <> 0
                                THEN 'VARIADIC ' ELSE '' END
                           || CASE WHEN b.n = a.n
                                   THEN format(CASE b.type WHEN 'text[]' THEN 'ARRAY[\$1]'
                                                           ELSE '\$1::%s' END, b.type)
                                   WHEN b.n <= p.pronargs - p.pronargdefaults
                                        AND b.type IN ('text', 'name')
                                   THEN format('%L::%s',
                                               CASE WHEN p.proname = 'load' THEN 'posture'
                                                    WHEN b.name = 'asset' THEN 'a1'
                                                    ELSE 'i1' END, b.type)
                                   WHEN b.type = 'jsonb' THEN '''{}''::jsonb'
                                   WHEN b.type = 'date' THEN 'posture.today()'
                                   ELSE 'NULL::' || b.type END,
                           ', ' ORDER BY b.n)
                FROM (SELECT x.n, format_type(x.type, NULL) AS type, p.proargnames[x.n] AS name
                      FROM unnest(p.proargtypes) WITH ORDINALITY x(type, n)) b) AS arguments
        FROM pg_proc p
        CROSS JOIN LATERAL (SELECT x.n, format_type(x.type, NULL) AS type
                            FROM unnest(p.proargtypes) WITH ORDINALITY x(type, n)
                            WHERE NOT coalesce(p.proargnames[x.n] IN $statements
                                               AND x.type = 'text'::regtype, false)) a
        CROSS JOIN LATERAL (SELECT h.text FROM public.hostile h WHERE a.n IS NOT NULL
                            ORDER BY random() LIMIT 4 * $texts_each) h
        WHERE p.pronamespace $schemas
          AND p.prokind = 'f' AND a.type IN ('text', 'name', 'text[]', 'jsonb')
          AND 'internal'::regtype <> ALL (p.proargtypes) AND '"any"'::regtype <> ALL (p.proargtypes)
    LOOP
        calls := calls + 1;
        BEGIN
            EXECUTE format('SELECT count(*) FROM %s(%s)', f.name,
                           CASE WHEN f.type = 'jsonb'
                                THEN replace(f.arguments, '\$1::jsonb',
                                             'jsonb_build_object(\$1, \$1, ''type'', \$1)')
                                ELSE f.arguments END) USING f.text;
            RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZ001';
        EXCEPTION WHEN OTHERS THEN
            INSERT INTO public.answer
            VALUES (f.routine::text || ' ' || f.n, f.text, SQLSTATE, SQLERRM);
        END;
    END LOOP;
END \$body\$;
SELECT count(*) FROM public.answer;
SQL
cmp_ok(($calls =~ /(\d+)\s*\z/)[0], '>', 1000, 'functions were called');
is($node->safe_psql('warehouse', <<"SQL"), '', 'those of each schema, all that take a text');
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace $schemas AND p.prokind = 'f' AND 'internal'::regtype <> ALL (p.proargtypes) AND '"any"'::regtype <> ALL (p.proargtypes)
  AND EXISTS (SELECT FROM unnest(p.proargtypes) WITH ORDINALITY x(type, n)
              WHERE x.type = ANY ('{name,text[],jsonb}'::regtype[])
                 OR x.type = 'text'::regtype AND NOT coalesce(p.proargnames[x.n] IN $statements, false))
  AND NOT EXISTS (SELECT FROM public.answer a
                  WHERE starts_with(a.what, p.oid::regprocedure::text || ' '))
SQL
is($node->safe_psql('warehouse', $sprung), 'f', 'no function runs what its arguments say');
# steps that are called alone: without the temporary table of load() or ingest(), without
# pg_cron, with no function or type of that name, with columns that are none, or with a key
# that has no id any longer
is($node->safe_psql('warehouse', <<"SQL"), '', 'and each error is a clear one');
SELECT DISTINCT what, state, message FROM public.answer
WHERE state !~ $legal AND state <> 'ZZ001'
  AND NOT (state = '42P01' AND message LIKE 'relation "posture\\_%'
           OR state = '42883' AND what ~ '(load_items|document_item)[(]'
           OR state = '42601' AND (what LIKE '%is_input(% 2' OR what LIKE '%working_table(%'
               OR what LIKE '%common_table(%')
           -- a head names relations and rows to its nodes
           OR state IN ('42601', '42804', '42P01', '08006')
              AND what ~ ('(answer|answer_of_node|ask_nodes|ask_servers|ask_workers|call_in_move|node_fails'
                          '|apply_change|export_rows|hand_over|import_piece|remove_strays|run_command|take_empty_day|tell_nodes|told|waiting_node)[(]')
           OR state = '3F000' AND what LIKE '%require_cron(%'
           OR state = '40001' AND what LIKE '%require_id(%')
SQL
cmp_ok($node->safe_psql('warehouse', q{SELECT count(*) FROM public.answer WHERE state = 'ZZ001'}),
	'>', 500, 'most are no error');
note 'tried: ', $node->safe_psql('warehouse', 'SELECT count(*) FROM public.answer'),
  ' calls of functions';

$node->stop;
done_testing();
