INSERT INTO site (site_id, name, phase, tags, seats) VALUES
  ('00000000-0000-4000-8000-000000000002', 'Ada', 'ready', ARRAY['a', NULL], 4),
  ('00000000-0000-4000-8000-000000000003', 'x', 'new', ARRAY[], 0);
INSERT INTO log_line (line, level, site_id) VALUES ('x', 1, '00000000-0000-4000-8000-000000000002'), ('y', NULL, NULL);
