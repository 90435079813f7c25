-- What dropped in the last 90 days, or is open still, and why?
SELECT e.event_id, e.kind, e.day, e.previous_day, e.object, e.name, e.previous_score, e.score, e.drop, e.weight, e.status, e.cause,
       e.acknowledged_by, e.acknowledged_at, e.note, e.recovered_on, e.in_cooldown,
       e.superseded_on, c.meaning AS superseded_meaning, e.is_certain
FROM posture.event_report e
LEFT JOIN posture.change_reason() c ON c.reason = e.superseded_by
WHERE e.kind <> 'new_initiative' AND (e.status = 'open' OR e.day > posture.today() - 90)
ORDER BY e.day DESC, e.drop DESC, e.event_id
LIMIT 500;
