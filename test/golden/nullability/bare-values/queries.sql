-- name: Query :many
VALUES (1, 'x'), (2, NULL);
