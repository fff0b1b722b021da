INSERT INTO person (id, born_at, nick, age, cost, home, tags, places, quoted, plain, day, long, lasts, score, extra) VALUES
  (1, '-infinity', NULL, 5, 1.5, ROW('Main', 'main', NULL), '{a,NULL}', '{(1,1),(0,0);(3,3),(2,2)}', 'quoted', 'plain', 'monday', 'short', '1 day', 'NaN', NULL),
  (2, '0044-03-15 12:00:00+00 BC', 'bo', 7, 2.5, NULL, '{}', '{}', 'quoted', 'plain', 'monday', 'short', '2 days', 'Infinity', 'null'),
  (3, '12026-01-01 00:00:00+00', 'cy', 9, 3.5, NULL, '{x}', '{}', 'quoted', 'plain', 'monday', 'short', '3 days', '-Infinity', '{"a": 1}');
INSERT INTO visit VALUES (1, 1, NULL, NULL), (2, 1, 'again', NULL), (3, 9, 'lost', ROW(NULL, NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
REFRESH MATERIALIZED VIEW counted;
