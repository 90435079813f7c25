-- What did others score?
SELECT b.initiative, b.benchmark, b.name, b.day, b.score, b.own_score, b.difference
FROM posture.benchmark_report b
ORDER BY b.initiative, b.name, b.benchmark, b.day;
