-- In which order does each initiative get to its target, or as far as it can?
SELECT o.initiative, p.rank, p.recommendation, p.title, p.gain, p.assets, p.effort, p.score
FROM posture.overview o
CROSS JOIN LATERAL posture.plan(o.initiative) p
ORDER BY o.initiative, p.rank;
