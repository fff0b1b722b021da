-- name: Query :many
SELECT /*+ SeqScan(customer) */ name FROM customer;
