-- name: Query :many
SELECT name, customer_id IN (SELECT customer_id FROM orders) AS buys FROM customer;
