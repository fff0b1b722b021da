-- name: Query :one
SELECT ARRAY(SELECT name FROM customer ORDER BY name) AS names, ARRAY(SELECT email FROM customer) AS emails;
