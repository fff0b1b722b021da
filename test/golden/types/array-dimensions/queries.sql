-- name: GetBoard :one
SELECT cells, cube, labels, loose FROM board WHERE board_id = @board_id;

-- name: FindBoards :many
SELECT board_id FROM board WHERE cells = @cells ORDER BY board_id;

-- name: AddBoard :exec
INSERT INTO board (board_id, cells, cube, labels, loose) VALUES (@board_id, @cells, @cube, @labels, @loose);

-- name: Derived :one
SELECT array_agg(s.labels) AS all_labels, ARRAY[[1, 2], [3, NULL]] AS constant, COALESCE(max(s.cells), '{}') AS most
FROM (SELECT labels, cells FROM board WHERE cardinality(labels) > 0) AS s;

-- name: Viewed :many
SELECT cells FROM shown ORDER BY board_id;
