-- name: Query :many
SELECT * FROM "Odd Table" AS "T";
