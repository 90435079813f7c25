-- How did each score go, day by day?
SELECT h.object_kind, h.object, h.day, h.score
FROM posture.score_history h
ORDER BY h.object_kind, h.object, h.day;
