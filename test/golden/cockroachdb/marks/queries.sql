-- name: Count :one
SELECT count(*) AS "n!" FROM machine;
