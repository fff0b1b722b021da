-- name: Add :one
INSERT INTO site (name, former, grace, ratio, extra) VALUES (@name, @former, @grace, @ratio, @extra) RETURNING *;

-- name: AddTwo :execrows
INSERT INTO log_line (line, level) VALUES (@first, @first_level), (@second, @second_level);

-- name: AddOnce :maybe
INSERT INTO site (name, ratio) VALUES (@name, @ratio) ON CONFLICT (name) DO UPDATE SET ratio = excluded.ratio, seats = site.seats + 1
RETURNING site_id, seats, ratio;
