-- Is anything wrong with posture itself?
SELECT s.item, s.value, s.says, s.to_do FROM posture.status() s WHERE s.state = 'warning';
