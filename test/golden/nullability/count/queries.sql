-- name: Query :one
SELECT count(*) AS customers, count(email) AS emails FROM customer;
