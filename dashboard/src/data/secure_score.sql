-- How many points did an initiative that is scored by points have on each day?
SELECT s.initiative, s.name, s.day, s.achieved, s.possible, s.percentage, s.zone
FROM posture.secure_score s
ORDER BY s.initiative, s.day;
