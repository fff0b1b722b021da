-- name: Query :one
SELECT path '((0,0),(1,1))' + path '((0,0),(1,1))' AS sum, 1 + 1 AS two;
