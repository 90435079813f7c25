-- Where are these points today, by domain and by workload?
SELECT p.initiative, p.part, p.value, p.achieved, p.possible, p.percentage, p.recommendations
FROM posture.secure_score_part p
WHERE p.day = posture.today()
ORDER BY p.initiative, p.part, p.possible - p.achieved DESC, p.value;
