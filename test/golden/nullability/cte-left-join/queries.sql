-- name: Query :many
WITH x AS (SELECT customer_id FROM orders) SELECT c.name, x.customer_id AS ordered FROM customer c LEFT JOIN x ON x.customer_id = c.customer_id;
