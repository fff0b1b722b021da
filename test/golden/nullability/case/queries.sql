-- name: Query :many
SELECT CASE WHEN email IS NULL THEN 'a' ELSE 'b' END AS always, CASE WHEN email IS NULL THEN 'a' END AS sometimes, CASE status WHEN 'open' THEN note ELSE 'x' END AS note FROM customer JOIN orders USING (customer_id);
